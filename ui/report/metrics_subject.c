// SPDX-License-Identifier: MIT
#include "ui/report/metrics_subject.h"

#include <stdio.h>
#include <string.h>

void metrics_subject_init(struct metrics_subject *s, const struct snapshot_vm *vm,
                          const struct snapshot_vcpu *vcpu)
{
    memset(s, 0, sizeof(*s));
    s->vm = vm;
    s->vcpu = vcpu;
    snprintf(s->pid, sizeof(s->pid), "%d", (int)vm->id.pid);
    snprintf(s->fd, sizeof(s->fd), "%d", vm->id.fd);
    s->labels[s->label_count++] = (struct metrics_label){"vm", vm->name};
    s->labels[s->label_count++] = (struct metrics_label){"pid", s->pid};
    s->labels[s->label_count++] = (struct metrics_label){"vm_fd", s->fd};
    if (vcpu != NULL) {
        snprintf(s->id, sizeof(s->id), "%d", vcpu->id);
        s->labels[s->label_count++] = (struct metrics_label){"vcpu", s->id};
    }
}

struct metrics_labels metrics_labels_of(const struct metrics_subject *subject)
{
    struct metrics_labels l = {.count = 0};

    if (subject == NULL)
        return l;
    l.count = subject->label_count;
    memcpy(l.at, subject->labels, l.count * sizeof(l.at[0]));
    return l;
}

struct metrics_labels metrics_labels_with(struct metrics_labels labels, const char *name,
                                          const char *value)
{
    labels.at[labels.count++] = (struct metrics_label){name, value};
    return labels;
}

void metrics_each(const struct filter *filter, const struct snapshot *s, bool vcpus,
                  void (*put)(struct metrics_family *f, const struct metrics_subject *subject,
                              const void *arg),
                  struct metrics_family *f, const void *arg)
{
    struct metrics_subject subject;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(filter, vm))
            continue;
        for (size_t v = 0; v < (vcpus ? vm->vcpu_count : 1); v++) {
            metrics_subject_init(&subject, vm, vcpus ? &vm->vcpus[v] : NULL);
            put(f, &subject, arg);
        }
    }
}
