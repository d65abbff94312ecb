// SPDX-License-Identifier: MIT
#include "core/collect/exits_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exits_flat.h"

#define PATIENCE_NS        2000000000ull  /* without CPU time: it loads its programs first */
#define PATIENCE_IN_ALL_NS 10000000000ull
#define SAMPLE_LATE_NS     1000000000ull /* a sample goes without exits then */
#define SAMPLE_OWED_NS     250000000ull  /* likewise, where the one before did */
#define FAILURES_MAX       4
#define UNWANTED_MAX       16 /* messages that nobody waits for, after which it is given up */

int exits_link_open(struct supervisor *supervisor, struct exits_link *ret)
{
    *ret = (struct exits_link){.supervisor = supervisor, .child = {.sock = -1, .desk = {.fd = -1}}};
    ret->ask = calloc(1, sizeof(*ret->ask));
    return ret->ask != NULL ? 0 : -ENOMEM;
}

/* Its programs end with it: so not only when it has loaded them, or somebody has it go on. */
static void end(struct exits_link *l)
{
    if (l->child.pid == 0)
        return;
    supervisor_kill(l->supervisor, l->child.pid);
    child_link_close(&l->child);
}

/* The supervisor ends too, and kills who does not end by itself. */
void exits_link_close(struct exits_link *l)
{
    if (l->child.pid != 0)
        child_link_close(&l->child);
    free(l->ask);
    *l = (struct exits_link){0};
}

static int start(struct exits_link *l, struct error *err)
{
    const struct message_spawn order = {.role = CHILD_COUNTER};

    return supervisor_spawn(l->supervisor, &order, &l->child, err);
}

int exits_link_set(struct exits_link *l, bool on, pid_t pid, struct error *err)
{
    if (l->pid != pid)
        l->failures = 0; /* somebody asks anew */
    l->pid = pid;
    if (l->is_wanted == on)
        return 0;
    l->failures = 0;
    l->is_asked = l->is_owed = l->has_counts = false;
    end(l);
    int result = on ? start(l, err) : 0;
    l->is_wanted = on;
    return result;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* FNV-1a, of what tells a VM from another one. */
static uint32_t number_of(const struct vm_id *id)
{
    const uint64_t parts[] = {(uint64_t)id->pid, (uint64_t)id->fd, id->start_ticks, id->born};
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        for (unsigned bit = 0; bit < 64; bit += 8)
            hash = (hash ^ (parts[i] >> bit & 0xff)) * 0x100000001b3;
    return (uint32_t)(hash ^ hash >> 32);
}

static void add(struct message_count *ask, pid_t tid, const struct sample_vm *vm, uint32_t number)
{
    if (ask->count == EXITS_VCPUS_MAX) {
        ask->is_cut = 1;
        return;
    }
    ask->vcpus[ask->count++] = (struct exits_vcpu){.tid = tid, .pid = vm->id.pid, .vm = number};
}

/* A VM of which no thread is known is there for its process. */
static void add_vm(struct message_count *ask, const struct sample_vm *vm)
{
    const uint32_t number = number_of(&vm->id), before = ask->count;

    for (size_t k = 0; k < vm->vcpu_count; k++)
        if (vm->vcpus[k].tid > 0)
            add(ask, vm->vcpus[k].tid, vm, number);
    if (ask->count == before)
        add(ask, 0, vm, number);
}

static void send(struct exits_link *l)
{
    l->ask->number = ++l->number;
    l->asked_ns = watch_now_ns();
    watch_begin(&l->watch, l->child.pid);
    /* A counter that has ended is seen when its socket is read. */
    l->unsent = l->child.pid == 0 ? 0 : message_send_count(l->child.sock, l->ask);
    if (l->unsent == -EPIPE)
        l->unsent = 0;
}

void exits_link_ask(struct exits_link *l, const struct sample *sample, bool is_whole)
{
    if (!l->is_wanted)
        return;
    l->ask->whole = is_whole;
    l->ask->pid = l->pid;
    l->ask->count = l->ask->is_cut = 0;
    for (size_t i = 0; i < sample->vm_count; i++)
        if (!sample->vms[i].gone)
            add_vm(l->ask, &sample->vms[i]);
    l->is_asked = true;
    l->sample_ns = watch_now_ns();
    if (!l->is_owed)
        send(l);
}

/* --- the answer ------------------------------------------------------------------------------- */

static struct exits_count *failed(const struct exits_link *l, const char *why)
{
    struct exits_count *count = exits_count_new(0, 0, 0, 0);

    if (count == NULL)
        return NULL;
    count->facts.state = EXITS_FAILED;
    count->facts.pid = l->pid;
    snprintf(count->facts.why, sizeof(count->facts.why), "%s", why);
    return count;
}

/* Another one is asked the same. 1: that makes no sense any more. */
static int replace(struct exits_link *l, const char *why, struct exits_count **ret)
{
    struct error err = {0};

    /* Where there was none it was the host that failed. */
    l->failures += l->child.pid != 0;
    end(l);
    l->is_owed = false;
    if (l->failures < FAILURES_MAX && start(l, &err) == 0) {
        send(l);
        return 0;
    }
    l->is_asked = false;
    *ret = failed(l, err.msg[0] != '\0' ? err.msg : why);
    return 1;
}

static int take(struct exits_link *l, const struct message_sample *m, struct exits_count **ret)
{
    void *form = NULL;
    int result = m->result < 0 ? m->result : desk_copy(&l->child.desk, m->bytes, &form);

    if (result == 0)
        result = exits_flat_read(form, (size_t)m->bytes, ret);
    free(form);
    if (result == -ESTALE)
        return replace(l, "KVM is another one each time that exits are to be counted", ret);
    if (result < 0 && result != -ENOMEM)
        return replace(l, "the process that counts exits gave no valid count", ret);
    if (result < 0) {
        *ret = NULL;
    } else {
        l->failures = 0;
        l->has_counts = true;
    }
    l->is_asked = false;
    return 1;
}

/* What was asked for a sample that is gone says nothing of this one. */
static int take_owed(struct exits_link *l)
{
    l->is_owed = false;
    send(l);
    return 0;
}

static bool is_late(const struct exits_link *l)
{
    return l->has_counts &&
           watch_now_ns() - l->sample_ns >= (l->is_owed ? SAMPLE_OWED_NS : SAMPLE_LATE_NS);
}

/* The sample goes without. The counter is not forgotten, nor asked again before it answers. */
static int let_go(struct exits_link *l, struct exits_count **ret)
{
    l->is_asked = false;
    l->is_owed = true;
    *ret = failed(l, "the process that counts exits is late");
    return 1;
}

/* One that is at work, or lacks a CPU or its memory, is given time. */
static int wait_for_it(struct exits_link *l, struct exits_count **ret)
{
    watch_look(&l->watch, &l->child.desk.top->beacon);
    if (l->watch.still_ns >= PATIENCE_NS || watch_now_ns() - l->asked_ns >= PATIENCE_IN_ALL_NS)
        return replace(l, "the process that counts exits gives no answer", ret);
    return is_late(l) ? let_go(l, ret) : 0;
}

/* Another one could not be asked either. */
static struct exits_count *fail_to_ask(struct exits_link *l)
{
    char why[120];

    l->is_asked = false;
    snprintf(why, sizeof(why), "the process that counts exits cannot be asked: %s",
             strerror(-l->unsent));
    return failed(l, why);
}

int exits_link_look(struct exits_link *l, struct exits_count **ret)
{
    struct message_sample m;

    *ret = NULL;
    if (!l->is_wanted)
        supervisor_give_up(l->supervisor, CHILD_COUNTER);
    if (!l->is_asked)
        return 1;
    if (l->unsent < 0) {
        *ret = fail_to_ask(l);
        return 1;
    }
    for (int i = 0; i < UNWANTED_MAX; i++) {
        int result = l->child.pid == 0 ? -EPIPE : message_receive(l->child.sock, &m, sizeof(m));
        if (result == 0 && m.number == l->number)
            return l->is_owed ? take_owed(l) : take(l, &m, ret);
        if (result == -EAGAIN)
            return wait_for_it(l, ret);
        if (result < 0)
            return replace(l, "the process that counts exits ended before it gave a count", ret);
    }
    return replace(l, "the process that counts exits gives answers to nothing", ret);
}
