// SPDX-License-Identifier: MIT
#include "ui/choose/filter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"
#include "ui/choose/pattern.h"

#define NAME_SHOWN_MAX 64
#define LISTED_MAX 6

/* All of the text up to @end as a number; -1 when it is none or too large. */
static int parse_int(const char *s, const char *end)
{
    uint64_t value;

    return parse_digits(s, end, 10, &value) == end && value <= INT_MAX ? (int)value : -1;
}

/*
 * "123" and "123:9" are numbers, everything else is a name; --guest takes names that look like
 * numbers.
 */
static void parse_vm(const char *arg, struct filter *f)
{
    const char *end = arg + strlen(arg);
    const char *colon = strchr(arg, ':');
    int pid = parse_int(arg, colon != NULL ? colon : end);
    int fd = colon != NULL ? parse_int(colon + 1, end) : -1;

    if (pid > 0 && (colon == NULL || fd >= 0)) {
        f->pid = pid;
        f->vm_fd = fd;
    } else {
        f->name = arg;
    }
}

int filter_open(const struct filter_choice *choice, struct filter *ret, struct error *err)
{
    *ret = (struct filter){.pid = choice->pid, .vm_fd = -1, .name = choice->guest};
    if (choice->vm != NULL)
        parse_vm(choice->vm, ret);
    if (choice->fields == NULL)
        return 0;
    char why[100], shown[80];
    if (pattern_compile(&ret->regex, choice->fields, 0, why, sizeof(why)) < 0) {
        text_clean(choice->fields, strlen(choice->fields), shown, sizeof(shown));
        return error_set(err, -EINVAL,
                         "--fields '%s': %s; give a POSIX extended regular expression, or 'help'",
                         shown, why);
    }
    ret->has_regex = true;
    return 0;
}

void filter_close(struct filter *filter)
{
    if (filter == NULL || !filter->has_regex)
        return;
    regfree(&filter->regex);
    filter->has_regex = false;
}

bool filter_vm(const struct filter *f, const struct snapshot_vm *vm)
{
    if (f->pid != 0 && vm->id.pid != f->pid)
        return false;
    if (f->vm_fd >= 0 && vm->id.fd != f->vm_fd)
        return false;
    return f->name == NULL || strcmp(f->name, vm->name) == 0 || strcmp(f->name, vm->name_raw) == 0;
}

bool filter_all_vms(const struct filter *f)
{
    return f->pid == 0 && f->name == NULL;
}

bool filter_field(const struct filter *f, const struct field *field)
{
    return !f->has_regex || regexec(&f->regex, field->name, 0, NULL, 0) == 0;
}

const struct snapshot_vm *filter_find(const struct filter *f, const struct snapshot *s)
{
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(f, &s->vms[i]))
            return &s->vms[i];
    return NULL;
}

static int none_found(const struct filter *f, const struct snapshot *s, struct error *err)
{
    char shown[NAME_SHOWN_MAX];

    if (f->pid != 0 && s->hidden_pid == f->pid && s->hidden_cause == CAUSE_STUCK)
        return error_set(err, -ESRCH, "process %d could not be looked into: %s", (int)f->pid,
                         reading_cause_text(CAUSE_STUCK));

    bool hidden = snapshot_may_lack_vms(s);
    const char *advice = hidden ? " of those that can be seen; some may be hidden from you, "
                                  "kvmlens --doctor says why"
                                : "; kvmlens --list shows those there are";

    if (f->name != NULL) {
        text_clean(f->name, strlen(f->name), shown, sizeof(shown));
        return error_set(err, -ESRCH, "no VM is named '%s'%s", shown, advice);
    }
    if (f->vm_fd >= 0)
        return error_set(err, -ESRCH, "no VM is fd %d of process %d%s", f->vm_fd, (int)f->pid,
                         advice);
    return error_set(err, -ESRCH, "process %d has no VM%s%s", (int)f->pid,
                     hidden ? " that can be seen; it may be hidden from you, kvmlens --doctor says "
                              "why"
                            : advice,
                     hidden ? "" : " (a thread id will not do)");
}

bool filter_no_field(const struct filter *f, const struct snapshot *s)
{
    for (size_t i = 0; i < s->field_count; i++)
        if (filter_field(f, &s->fields->fields[i]))
            return false;
    return s->field_count > 0;
}

int filter_check(const struct filter *f, const struct snapshot *s, struct error *err)
{
    size_t vms = 0, len = 0;
    char listed[160] = "";

    for (size_t i = 0; i < s->vm_count; i++) {
        if (!filter_vm(f, &s->vms[i]))
            continue;
        if (vms++ < LISTED_MAX && len < sizeof(listed))
            len += (size_t)snprintf(listed + len, sizeof(listed) - len, "%s%d:%d",
                                    vms > 1 ? ", " : "", (int)s->vms[i].id.pid, s->vms[i].id.fd);
    }
    if (vms == 0 && (f->pid != 0 || f->name != NULL))
        return none_found(f, s, err);
    if (vms > 1 && f->name != NULL) {
        char shown[NAME_SHOWN_MAX];
        text_clean(f->name, strlen(f->name), shown, sizeof(shown));
        return error_set(err, -ENOTUNIQ, "%zu VMs are named '%s': %s%s; give one of these pid:fd",
                         vms, shown, listed, vms > LISTED_MAX ? ", ..." : "");
    }
    if (filter_no_field(f, s))
        return error_set(err, -EINVAL,
                         "--fields matches no field of this host; --fields help lists them");
    return 0;
}
