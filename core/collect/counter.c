// SPDX-License-Identifier: MIT
/*
 * Counter: the process that counts exits. It loads and attaches its BPF programs, and reads their
 * maps when it is asked, until its socket ends.
 *
 * It looks at nothing that is somebody else's, so nothing can hold it, and it ends when it is to
 * end: its programs are gone then, and the guests as fast as before. And nobody can get hold of it,
 * for what it keeps of bpf(2) would change the maps of others too, if it had them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/collect/child.h"
#include "core/collect/exits_fill.h"
#include "core/collect/watch.h"
#include "core/model/exits_flat.h"

/* Rows that are forgotten in one tick, some: each is a system call of a microsecond. */
#define FORGET_ROWS_MAX 8192

#define IS_SAME(id, ...)                                                                           \
    _Static_assert((int)KVM_EXITS_EVENT_##id == (int)EXITS_EVENT_##id,                             \
                   "events are told by their numbers");
KVM_EXITS_EVENTS(IS_SAME)
#undef IS_SAME

struct counter {
    const struct child_config *config;
    struct kvm_exits *exits; /* NULL: it failed */
    struct error failed;     /* why */
    bool had_kvm;            /* it was loaded then */
    uint64_t began_ns;       /* monotonic: they are attached since */
    struct exits_watch watch;
    bool is_unsure; /* the kernel may watch others than @watch */
    struct exits_threads threads;
    struct message_count wanted;
};

/* Its trace events come and go with it. */
static bool has_kvm(const struct rootfs *root)
{
    struct stat st;

    return rootfs_stat(root, "sys/module/kvm", &st) == 0;
}

/* First of all. The capabilities that it takes are in force from here to child_restrict. */
static void load(struct counter *c)
{
    const struct rootfs *root = c->config->root;
    const pid_t nobody = 0;
    const struct kvm_exits_config config = {.pids = &nobody, .pid_count = 0};
    uint64_t caps = PRIVILEGE_BPF_CAPS | PRIVILEGE_TRACEFS_CAP;

    c->had_kvm = has_kvm(root);
    if (kvm_exits_needs_admin(root))
        caps |= PRIVILEGE_ADMIN_CAP;
    /* Whatever seems to stand in its way, the kernel is asked: it has the last word. */
    int result = privilege_raise(caps, &c->failed);
    if (result == 0)
        result = kvm_exits_open(root, &config, &c->exits, &c->failed);
    c->began_ns = result == 0 ? watch_now_ns() : 0;
}

/* KVM was not loaded then, and is now: another one is needed to count. */
static bool is_stale(const struct counter *c)
{
    return c->exits == NULL && !c->had_kvm && has_kvm(c->config->root);
}

/* --- a count ---------------------------------------------------------------------------------- */

static bool is_narrow(const struct counter *c)
{
    const struct sampler_scope *scope = &c->config->scope;

    return c->wanted.whole != 1 && (scope->pid != 0 || scope->name != NULL);
}

/* 0 or a negative errno. */
static int watch(struct counter *c)
{
    static const pid_t nobody;
    struct exits_watch wanted;
    int result = exits_watch_choose(&c->wanted, is_narrow(c), &wanted);

    if (result < 0 || (!c->is_unsure && exits_watch_equal(&wanted, &c->watch))) {
        exits_watch_done(&wanted);
        return result;
    }
    if (wanted.is_all)
        result = kvm_exits_watch(c->exits, NULL, 0);
    else
        result = kvm_exits_watch(c->exits, wanted.count > 0 ? wanted.pids : &nobody, wanted.count);
    exits_watch_done(&c->watch);
    c->watch = wanted;
    c->is_unsure = result < 0; /* some may be watched, so it is said again with the next tick */
    return result;
}

static void forget_past(struct counter *c, const struct kvm_exits_reading *reading)
{
    size_t rows = 0;

    for (size_t i = 0; i < reading->thread_count && rows < FORGET_ROWS_MAX; i++) {
        const uint32_t tid = reading->threads[i].tid;
        if (!exits_threads_is_past(&c->threads, (pid_t)tid))
            continue;
        rows += kvm_exits_forget(c->exits, reading, tid);
        exits_threads_forgot(&c->threads, (pid_t)tid);
    }
}

/* NULL: memory is out. */
static struct exits_count *take(struct counter *c, const struct kvm_exits_reading *reading)
{
    if (exits_threads_follow(&c->threads, &c->wanted, reading, &c->watch) < 0)
        return NULL;
    struct exits_count *count = exits_fill(reading, &c->threads, kvm_exits_names(c->exits));
    forget_past(c, reading);
    return count;
}

/* One without rows, that says why. */
static struct exits_count *fail(const char *what, const char *why)
{
    struct exits_count *count = exits_count_new(0, 0, 0, 0);

    if (count == NULL)
        return NULL;
    count->facts.state = EXITS_FAILED;
    snprintf(count->facts.why, sizeof(count->facts.why), "%s%s", what, why);
    return count;
}

/* NULL: memory is out. */
static struct exits_count *count_them(struct counter *c)
{
    struct kvm_exits_reading reading = {0};

    if (c->exits == NULL)
        return fail("", c->failed.msg);
    int result = watch(c);
    if (result < 0 && result != -ENOMEM)
        return fail("cannot say whose exits to watch: ", strerror(-result));
    if (result == 0 && (result = kvm_exits_read(c->exits, &reading)) < 0 && result != -ENOMEM)
        return fail("cannot read the exits that were counted: ", strerror(-result));
    if (result < 0)
        return NULL;
    struct exits_count *count = take(c, &reading);
    kvm_exits_reading_done(&reading);
    if (count == NULL)
        return NULL;
    count->facts.state = EXITS_COUNTED;
    count->facts.began_ns = c->began_ns;
    for (int i = 0; i < KVM_EXITS_EVENT_COUNT; i++)
        if (kvm_exits_has(c->exits, (enum kvm_exits_event)i))
            count->facts.events |= 1u << i;
    return count;
}

static void lay_down(struct child *child, const struct exits_count *count,
                     struct message_sample *answer)
{
    size_t bytes = count != NULL ? exits_flat_write(count, NULL, 0) : 0;
    void *room = count != NULL ? desk_room(&child->desk, bytes) : NULL;

    if (room == NULL) {
        answer->result = error_set(&answer->error, -ENOMEM, "out of memory");
        return;
    }
    answer->bytes = exits_flat_write(count, room, bytes);
}

static int answer(struct child *child, struct counter *c)
{
    struct message_sample m;

    memset(&m, 0, sizeof(m));
    m.number = c->wanted.number;
    if (is_stale(c)) {
        m.result = -ESTALE;
    } else {
        struct exits_count *count = count_them(c);
        if (count != NULL)
            count->facts.pid = c->wanted.pid;
        lay_down(child, count, &m);
        free(count);
    }
    return message_send(child->sock, &m, sizeof(m));
}

int counter_main(struct child *child)
{
    struct counter *c = calloc(1, sizeof(*c));
    struct error err = {0};
    int result;

    if (c == NULL)
        return 1;
    c->config = child->config;
    load(c);
    result = child_restrict(child->config, ROLE_COUNTER, (struct child_programs){0}, &err);
    if (result < 0) { /* nothing but saying so */
        kvm_exits_close(c->exits);
        c->exits = NULL;
        c->failed = err;
        c->had_kvm = true;
    }
    do {
        result = message_receive_count(child->sock, &c->wanted);
        if (result == 0)
            result = answer(child, c);
    } while (result == 0);
    kvm_exits_close(c->exits);
    exits_watch_done(&c->watch);
    exits_threads_done(&c->threads);
    free(c);
    return 0;
}
