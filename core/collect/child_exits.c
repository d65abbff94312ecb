// SPDX-License-Identifier: MIT
#include "core/collect/child_exits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/collect/exits_fill.h"
#include "core/collect/watch.h"

/* Rows that are forgotten in one tick, some: each is a system call of a microsecond. */
#define FORGET_ROWS_MAX 8192

_Static_assert((int)KVM_EXITS_EVENT_EXIT == (int)EXITS_EVENT_EXIT &&
                   (int)KVM_EXITS_EVENT_PIO == (int)EXITS_EVENT_PIO &&
                   (int)KVM_EXITS_EVENT_MMIO == (int)EXITS_EVENT_MMIO &&
                   (int)KVM_EXITS_EVENT_MSR == (int)EXITS_EVENT_MSR &&
                   (int)KVM_EXITS_EVENT_CPUID == (int)EXITS_EVENT_CPUID &&
                   (int)KVM_EXITS_EVENT_HYPERCALL == (int)EXITS_EVENT_HYPERCALL &&
                   (int)KVM_EXITS_EVENT_USER == (int)EXITS_EVENT_USER,
               "events are told by their numbers");

/* Its trace events come and go with it. */
static bool has_kvm(const struct rootfs *root)
{
    struct stat st;

    return rootfs_stat(root, "sys/module/kvm", &st) == 0;
}

void child_load_exits(const struct child *child, struct child_exits *ret)
{
    const struct rootfs *root = child->config->root;
    const pid_t nobody = 0;
    const struct kvm_exits_config config = {.pids = &nobody, .pid_count = 0};
    uint64_t caps = PRIVILEGE_BPF_CAPS | PRIVILEGE_TRACEFS_CAP;

    *ret = (struct child_exits){.is_asked = child->order.exits == 1};
    if (!ret->is_asked)
        return;
    ret->had_kvm = has_kvm(root);
    if (kvm_exits_needs_admin(root))
        caps |= PRIVILEGE_ADMIN_CAP;
    /* Whatever seems to stand in its way, the kernel is asked: it has the last word. */
    int result = privilege_raise(caps, &ret->failed);
    if (result == 0)
        result = kvm_exits_open(root, &config, &ret->exits, &ret->failed);
    ret->began_ns = result == 0 ? watch_now_ns() : 0;
}

bool child_exits_is_stale(const struct child_exits *e, const struct rootfs *root)
{
    return e->is_asked && e->exits == NULL && !e->had_kvm && has_kvm(root);
}

void child_unload_exits(struct child_exits *exits)
{
    kvm_exits_close(exits->exits);
    exits_watch_done(&exits->watch);
    exits_threads_done(&exits->threads);
    *exits = (struct child_exits){0};
}

/* --- a tick ----------------------------------------------------------------------------------- */

/* @wanted belongs to @e from here on. 0 or a negative errno. */
static int watch(struct child_exits *e, struct exits_watch *wanted)
{
    static const pid_t nobody;
    int result = 0;

    if (exits_watch_equal(wanted, &e->watch)) {
        exits_watch_done(wanted);
        return 0;
    }
    if (wanted->is_all)
        result = kvm_exits_watch(e->exits, NULL, 0);
    else
        result =
            kvm_exits_watch(e->exits, wanted->count > 0 ? wanted->pids : &nobody, wanted->count);
    exits_watch_done(&e->watch);
    e->watch = *wanted;
    if (result < 0) /* some may be watched, so it is said again with the next tick */
        exits_watch_done(&e->watch);
    return result;
}

static void forget_past(struct child_exits *e, const struct kvm_exits_reading *reading)
{
    size_t rows = 0;

    for (size_t i = 0; i < reading->thread_count && rows < FORGET_ROWS_MAX; i++) {
        const uint32_t tid = reading->threads[i].tid;
        if (!exits_threads_is_past(&e->threads, (pid_t)tid))
            continue;
        rows += kvm_exits_forget(e->exits, reading, tid);
        exits_threads_forgot(&e->threads, (pid_t)tid);
    }
}

/* NULL: memory is out. */
static struct exits_count *take(struct child_exits *e, const struct rootfs *root,
                                const struct sample *sample,
                                const struct kvm_exits_reading *reading)
{
    if (exits_threads_follow(&e->threads, root, sample, reading, &e->watch) < 0)
        return NULL;
    struct exits_count *count = exits_fill(reading, &e->threads, kvm_exits_names(e->exits));
    forget_past(e, reading);
    return count;
}

/* One without rows, that says why. */
static struct exits_count *fail(const char *why)
{
    struct exits_count *count = exits_count_new(0, 0, 0, 0);

    if (count == NULL)
        return NULL;
    count->facts.state = EXITS_FAILED;
    snprintf(count->facts.why, sizeof(count->facts.why), "%s", why);
    return count;
}

static struct exits_count *fail_to(const char *what, int result)
{
    char why[128];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(-result));
    return fail(why);
}

static struct exits_count *count_them(struct child_exits *e, const struct rootfs *root,
                                      const struct sample *sample, struct exits_watch *wanted)
{
    struct kvm_exits_reading reading;
    int result = watch(e, wanted);

    if (result < 0)
        return result == -ENOMEM ? NULL : fail_to("cannot say whose exits to watch", result);
    result = kvm_exits_read(e->exits, &reading);
    if (result < 0)
        return result == -ENOMEM ? NULL
                                 : fail_to("cannot read the exits that were counted", result);
    struct exits_count *count = take(e, root, sample, &reading);
    kvm_exits_reading_done(&reading);
    if (count == NULL)
        return NULL;
    count->facts.state = EXITS_COUNTED;
    count->facts.began_ns = e->began_ns;
    for (int i = 0; i < KVM_EXITS_EVENT_COUNT; i++)
        if (kvm_exits_has(e->exits, (enum kvm_exits_event)i))
            count->facts.events |= 1u << i;
    return count;
}

int child_exits_count(struct child_exits *e, const struct rootfs *root, const struct sample *sample,
                      pid_t pid, bool is_narrow, struct exits_count **ret)
{
    struct exits_watch wanted;

    *ret = NULL;
    if (!e->is_asked)
        return 0;
    if (e->exits == NULL)
        *ret = fail(e->failed.msg);
    else if (exits_watch_choose(pid, is_narrow, sample, &wanted) == 0)
        *ret = count_them(e, root, sample, &wanted);
    if (*ret == NULL)
        return -ENOMEM;
    (*ret)->facts.pid = pid;
    return 0;
}
