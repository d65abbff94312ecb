// SPDX-License-Identifier: MIT
/* What the sampler looks at, for how long, and what it leaves alone: on trees of the tests' own. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/find/budget.h"
#include "core/source/sampler.h"
#include "tests/lib/stats_blob.h"
#include "tests/lib/tree.h"

#define KVM       "sys/kernel/debug/kvm/"
#define STEPS_MAX 1024

struct bench {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
    struct sampler_config config;
    struct beacon beacon;
    struct shun_list shunned;
};

static struct bench bench;

/* What the beacon said whenever somebody asked for the time. */
static struct step {
    int pid, step;
} seen[STEPS_MAX];
static size_t seen_count;

static uint64_t clock_ns = 1000000000;

/*
 * A step at this process takes so long: the time passes as soon as the clock is asked after it. The
 * beacon stands at one step while a test's files are read, so each read of the clock counts.
 */
static struct {
    int pid, step;
    uint64_t ns;
    unsigned times; /* so often; 0 = always */
} slow;

static uint64_t now_ns(void)
{
    if (slow.ns != 0 && atomic_load(&bench.beacon.pid) == slow.pid &&
        atomic_load(&bench.beacon.step) == slow.step) {
        clock_ns += slow.ns;
        if (slow.times > 0 && --slow.times == 0)
            slow.ns = 0;
    }
    if (seen_count < STEPS_MAX)
        seen[seen_count++] =
            (struct step){atomic_load(&bench.beacon.pid), atomic_load(&bench.beacon.step)};
    return clock_ns += 1000;
}

static int setup(void **state)
{
    struct bench *b = &bench;

    memset(b, 0, sizeof(*b));
    seen_count = 0;
    memset(&slow, 0, sizeof(slow));
    tree_open(&b->tree);
    tree_text(&b->tree, "proc/sys/kernel/hostname", "testhost\n");
    tree_text(&b->tree, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_process(&b->tree, 1, "init", "/sbin/init", 1);
    b->config = (struct sampler_config){
        .root = &b->tree.root,
        .sources = SOURCES_ALL,
        .now_ns = now_ns,
        .beacon = &b->beacon,
        .shunned = &b->shunned,
    };
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    snapshot_free(b->now);
    sampler_close(b->sampler);
    tree_close(&b->tree);
    return 0;
}

static const struct snapshot *tick(struct bench *b)
{
    struct error err = {0};

    if (b->sampler == NULL)
        assert_int_equal(sampler_open(&b->config, &b->sampler, &err), 0);
    snapshot_free(b->now);
    b->now = NULL;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), 0);
    return b->now;
}

static void debugfs_vm(struct bench *b, int pid, int fd)
{
    char path[96];

    snprintf(path, sizeof(path), KVM "%d-%d/remote_tlb_flush", pid, fd);
    tree_text(&b->tree, path, "7\n");
    snprintf(path, sizeof(path), KVM "%d-%d/vcpu0/tsc-offset", pid, fd);
    tree_text(&b->tree, path, "0\n");
}

static void process(struct bench *b, int pid, const char *name)
{
    char cmdline[128];

    snprintf(cmdline, sizeof(cmdline), "qemu-system-x86_64|-name|%s", name);
    tree_process(&b->tree, pid, "qemu-system-x86", cmdline, 4000);
}

/* VM fd, its vCPU 0 on the next and the stats of that on the one after. */
static void vm(struct bench *b, int pid, int fd)
{
    static const struct stats_blob_item items[] = {{"exits", 0x000, 0, 1, 0, 25}};
    static char blob[STATS_BLOB_MAX];
    char path[64];

    snprintf(path, sizeof(path), "kvm-%d/vcpu-0", pid);
    size_t size = stats_blob_make(path, items, 1, blob);
    tree_fd(&b->tree, pid, fd, "anon_inode:kvm-vm");
    tree_fd(&b->tree, pid, fd + 1, "anon_inode:kvm-vcpu:0");
    tree_fd(&b->tree, pid, fd + 2, "anon_inode:kvm-vcpu-stats:0");
    snprintf(path, sizeof(path), "proc/%d/fd-data/%d", pid, fd + 2);
    tree_write(&b->tree, path, blob, size);
}

static void qemu(struct bench *b, int pid, const char *name)
{
    process(b, pid, name);
    vm(b, pid, 9);
}

/* --- what is opened --------------------------------------------------------------------------- */

/* Says of each of these whether anything in it was opened. NULL ends. */
struct watch {
    int fd;
};

static struct watch watch_begin(struct bench *b, const char *const *paths)
{
    struct watch w = {inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};

    assert_true(w.fd >= 0);
    for (; *paths != NULL; paths++) {
        char full[256];
        snprintf(full, sizeof(full), "%s/%s", b->tree.path, *paths);
        assert_true(inotify_add_watch(w.fd, full, IN_OPEN | IN_ACCESS) >= 0);
    }
    return w;
}

/*
 * Names of what was opened, but for /proc/PID/stat, which says only when a process began: how often
 * that was is what it returns.
 */
static unsigned watch_end(struct watch w, char *ret, size_t size)
{
    unsigned stats = 0;

    _Alignas(struct inotify_event) char events[8192];
    ssize_t n;
    size_t len = 0;

    ret[0] = '\0';
    while ((n = read(w.fd, events, sizeof(events))) > 0) {
        const struct inotify_event *e;
        for (char *at = events; at < events + n; at += sizeof(*e) + e->len) {
            e = (const struct inotify_event *)at;
            const char *name = e->len > 0 ? e->name : ".";
            bool is_stat = strcmp(name, "stat") == 0;
            stats += is_stat && (e->mask & IN_OPEN) != 0;
            if (!is_stat && len < size)
                len += (size_t)snprintf(ret + len, size - len, "%s ", name);
        }
    }
    assert_int_equal(errno, EAGAIN);
    close(w.fd);
    return stats;
}

static const char *const of_500[] = {"proc/500",  "proc/500/fd",     "proc/500/fd-data",
                                     KVM "500-9", KVM "500-9/vcpu0", NULL};

/* --- the beacon ------------------------------------------------------------------------------- */

static bool said(int pid, enum beacon_step step)
{
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].pid == pid && seen[i].step == (int)step)
            return true;
    return false;
}

static void the_beacon_says_what_is_read_of_which_process(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "one");
    qemu(b, 600, "two");
    debugfs_vm(b, 600, 9);
    tick(b);
    assert_true(said(500, BEACON_READ_FD));
    assert_true(said(500, BEACON_READ_PROC));
    assert_true(said(600, BEACON_READ_FD));
    assert_true(said(600, BEACON_READ_DEBUGFS));
    assert_false(said(500, BEACON_READ_DEBUGFS));
    assert_true(atomic_load(&b->beacon.steps) > 10);
}

static void between_two_ticks_it_says_nothing(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "one");
    tick(b);
    assert_int_equal(atomic_load(&b->beacon.pid), 0);
    assert_int_equal(atomic_load(&b->beacon.step), BEACON_NOTHING);
}

/* --- what is left alone ----------------------------------------------------------------------- */

static void shun(struct bench *b, int pid, uint64_t start_ticks)
{
    b->shunned.processes[b->shunned.count++] =
        (struct shunned){.pid = pid, .start_ticks = start_ticks};
}

static void nothing_of_a_shunned_process_is_opened(void **state)
{
    struct bench *b = *state;
    char opened[512];

    qemu(b, 500, "stuck");
    debugfs_vm(b, 500, 9);
    qemu(b, 600, "well");
    debugfs_vm(b, 600, 9);
    shun(b, 500, 4000);
    struct watch w = watch_begin(b, of_500);
    for (int i = 0; i < 3; i++) {
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_int_equal(s->vms[0].id.pid, 600);
        assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.state, READING_OK);
        assert_int_equal(s->hidden_processes, 1);
        assert_int_equal(s->hidden_pid, 500);
        assert_int_equal(s->hidden_cause, CAUSE_STUCK);
        assert_int_equal(s->hidden_vms, 0);
    }
    watch_end(w, opened, sizeof(opened));
    assert_string_equal(opened, "");
}

/* The test above can fail. */
static void all_of_another_process_is_opened(void **state)
{
    struct bench *b = *state;
    char opened[1024];

    qemu(b, 500, "well");
    debugfs_vm(b, 500, 9);
    struct watch w = watch_begin(b, of_500);
    tick(b);
    watch_end(w, opened, sizeof(opened));
    assert_non_null(strstr(opened, "cmdline"));
    assert_non_null(strstr(opened, "remote_tlb_flush"));
    assert_non_null(strstr(opened, "11"));
}

static void where_debugfs_names_no_vm_of_it_nothing_is_hidden(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    qemu(b, 600, "well");
    debugfs_vm(b, 600, 9);
    shun(b, 500, 0);
    assert_int_equal(tick(b)->hidden_processes, 0);
}

static void without_debugfs_it_may_have_vms(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    shun(b, 500, 0);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 0);
    assert_int_equal(s->hidden_processes, 1);
    assert_int_equal(s->hidden_cause, CAUSE_STUCK);
}

/* The front end shows those that it knew, as stale. */
static void a_stuck_process_whose_vms_are_shown_hides_none(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    debugfs_vm(b, 500, 9);
    shun(b, 500, 4000);
    b->shunned.processes[0].vms = 1;
    assert_int_equal(tick(b)->hidden_processes, 0);
    /* Another one that it makes meanwhile is not known. */
    debugfs_vm(b, 500, 19);
    assert_int_equal(tick(b)->hidden_processes, 1);
    b->shunned.processes[0].vms = 2;
    assert_int_equal(tick(b)->hidden_processes, 0);
}

static void without_debugfs_those_that_are_shown_are_all_that_is_known(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    shun(b, 500, 4000);
    b->shunned.processes[0].vms = 1;
    assert_int_equal(tick(b)->hidden_processes, 0);
}

static void a_directory_may_bear_the_number_of_a_thread_of_it(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    tree_dir(&b->tree, "proc/500/task/501");
    debugfs_vm(b, 501, 9);
    shun(b, 500, 4000);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->hidden_processes, 1);
    assert_int_equal(s->hidden_pid, 500);
    assert_int_equal(s->hidden_vms, 0);
}

static void another_process_with_its_number_is_looked_into(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "other");
    shun(b, 500, 3999);
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->hidden_processes, 0);
}

static void the_list_may_change_between_two_ticks(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    assert_int_equal(tick(b)->vm_count, 1);
    shun(b, 500, 0);
    assert_int_equal(tick(b)->vm_count, 0);
    assert_int_equal(b->now->hidden_processes, 1);
    b->shunned.count = 0;
    assert_int_equal(tick(b)->vm_count, 1);
    assert_int_equal(b->now->hidden_processes, 0);
}

/* --- what is wanted --------------------------------------------------------------------------- */

/* Two VMs that debugfs knows as well. */
static void two_vms(struct bench *b)
{
    qemu(b, 500, "one");
    debugfs_vm(b, 500, 9);
    qemu(b, 600, "two");
    debugfs_vm(b, 600, 9);
}

static void with_a_pid_no_other_process_is_looked_into(void **state)
{
    struct bench *b = *state;
    char opened[512];

    two_vms(b);
    tree_dir(&b->tree, "proc/700/fd");
    b->config.scope.pid = 600;
    struct watch w = watch_begin(b, of_500);
    for (int i = 0; i < 3; i++) {
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_int_equal(s->vms[0].id.pid, 600);
        assert_int_equal(s->vms[0].vcpu_count, 1);
        assert_int_equal(s->vms[0].creator_tid, 600);
        assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
        assert_int_equal(s->hidden_processes, 0);
        assert_int_equal(s->hidden_vms, 0);
    }
    watch_end(w, opened, sizeof(opened));
    assert_string_equal(opened, "");
}

static void with_a_pid_what_is_hidden_is_of_that_process(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "stuck");
    qemu(b, 600, "well");
    shun(b, 500, 0);
    b->config.scope.pid = 600;
    assert_int_equal(tick(b)->hidden_processes, 0);
    sampler_set_scope(b->sampler, &(struct sampler_scope){.pid = 500});
    assert_int_equal(tick(b)->hidden_processes, 1);
    assert_int_equal(b->now->vm_count, 0);
}

/* Threads have a directory in /proc as well, but are not listed there; nor is this one. */
static void a_process_that_is_not_there_has_no_vm(void **state)
{
    struct bench *b = *state;

    two_vms(b);
    b->config.scope.pid = 700;
    assert_int_equal(tick(b)->vm_count, 0);
}

/* Its thread is gone, and debugfs names the VM by that. */
static void with_a_pid_a_directory_of_a_thread_that_ended_is_found(void **state)
{
    struct bench *b = *state;

    two_vms(b);
    tree_remove(&b->tree, KVM "600-9");
    debugfs_vm(b, 601, 9);
    b->config.scope.pid = 600;
    for (int i = 0; i < 2; i++) {
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_int_equal(s->vms[0].creator_tid, 601);
    }
}

static void with_a_name_no_counter_of_another_vm_is_read(void **state)
{
    struct bench *b = *state;
    char opened[512];

    two_vms(b);
    b->config.scope.name = "two";
    struct watch w = watch_begin(
        b, (const char *const[]){"proc/500/fd-data", KVM "500-9", KVM "500-9/vcpu0", NULL});
    for (int i = 0; i < 3; i++) {
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 1);
        assert_string_equal(s->vms[0].name, "two");
        assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
    }
    watch_end(w, opened, sizeof(opened));
    assert_string_equal(opened, "");
}

static void all_of_a_name_are_wanted(void **state)
{
    struct bench *b = *state;

    two_vms(b);
    qemu(b, 700, "two");
    b->config.scope.name = "two";
    assert_int_equal(tick(b)->vm_count, 2);
}

static void a_scope_that_gets_wider_finds_the_rest(void **state)
{
    struct bench *b = *state;
    static const struct sampler_scope narrow[] = {{.pid = 600}, {.name = "two"}};

    two_vms(b);
    b->config.scope = narrow[0];
    for (size_t i = 0; i < 2; i++) {
        tick(b);
        sampler_set_scope(b->sampler, &narrow[i]);
        assert_int_equal(tick(b)->vm_count, 1);
        sampler_set_scope(b->sampler, &(struct sampler_scope){0});
        const struct snapshot *s = tick(b);
        assert_int_equal(s->vm_count, 2);
        assert_int_equal(s->vms[0].vcpu_count, 1);
        assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 25);
    }
}

/* --- many VMs of one process ------------------------------------------------------------------ */

static unsigned looks_at_stat(struct bench *b)
{
    char opened[64];
    struct watch w = watch_begin(b, (const char *const[]){"proc/500", NULL});

    tick(b);
    return watch_end(w, opened, sizeof(opened));
}

/* What the kernel adds up over all threads of a process is not asked for by each of its VMs. */
static void a_process_is_asked_once_for_what_it_costs(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "crowd");
    tick(b);
    unsigned of_one = looks_at_stat(b);
    for (int i = 1; i < 40; i++)
        vm(b, 500, 10 + 5 * i);
    tick(b);
    assert_int_equal(looks_at_stat(b), of_one);
    assert_int_equal(b->now->vm_count, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(b->now->vms[i].gauges[VM_CPU_NS].raw, 5000000000);
        assert_int_equal(b->now->vms[i].gauges[VM_RSS_BYTES].raw, 2000 * 1024);
    }
}

static void what_is_done_now_and_then_is_spread_over_the_vms_of_a_process(void **state)
{
    static const int apart[] = {1, 2, 3, 8, 9, 16, 18};

    (void)state;
    for (size_t a = 0; a < sizeof(apart) / sizeof(apart[0]); a++) {
        unsigned turns[8] = {0};
        for (int i = 0; i < 800; i++)
            turns[vm_spread(&(struct vm_id){.pid = 4321, .fd = 9 + i * apart[a]}) % 8]++;
        for (int i = 0; i < 8; i++)
            assert_in_range(turns[i], 50, 200);
    }
}

/* --- what takes too long ---------------------------------------------------------------------- */

#define MS    1000000ull
#define CROWD 20

/* A process with VMs on fd 9, 19, ... and another with one. Each tick begins a second later. */
static void crowd(struct bench *b)
{
    process(b, 500, "crowd");
    for (int i = 0; i < CROWD; i++)
        vm(b, 500, 9 + 10 * i);
    qemu(b, 600, "other");
}

/* A tick begins so long after the one before has begun. */
static const struct snapshot *tick_after(struct bench *b, uint64_t ms)
{
    static uint64_t due;

    due = due + ms * MS > clock_ns ? due + ms * MS : clock_ns;
    clock_ns = due;
    return tick(b);
}

static size_t count_stale(const struct snapshot *s)
{
    size_t stale = 0;

    for (size_t i = 0; i < s->vm_count; i++)
        stale += s->vms[i].stale_cause == CAUSE_SLOW;
    return stale;
}

static void nobody_is_skipped_who_takes_no_time(void **state)
{
    struct bench *b = *state;

    crowd(b);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tick_after(b, 1000)->vm_count, CROWD + 1);
        assert_int_equal(count_stale(b->now), 0);
    }
}

static void one_slow_process_makes_no_other_late(void **state)
{
    struct bench *b = *state;

    crowd(b);
    tick_after(b, 1000);
    slow.pid = 500;
    slow.step = BEACON_READ_PROC;
    slow.ns = 20 * MS;
    for (int i = 0; i < 30; i++) {
        const struct snapshot *s = tick_after(b, 1000);
        assert_int_equal(s->vm_count, CROWD + 1);
        assert_in_range(count_stale(s), 1, CROWD);
        const struct snapshot_vm *other = &s->vms[CROWD];
        assert_int_equal(other->id.pid, 600);
        assert_int_equal(other->stale_cause, CAUSE_NONE);
        assert_int_equal(snapshot_vm_value(s, other, "exits").rate.state, READING_OK);
        assert_true(other->interval_s > 0.5 && other->interval_s < 2.0);
        assert_true(s->sample_ns < 600 * MS); /* all of them take 2 s */
    }
}

/* Else a report of two samples would have nothing of it. */
static void a_slow_first_look_leaves_time_to_read(void **state)
{
    struct bench *b = *state;

    crowd(b);
    slow.pid = 500;
    slow.step = BEACON_READ_PROC;
    slow.ns = 800 * MS;
    slow.times = 1;
    tick_after(b, 100);
    assert_true(b->now->sample_ns > 800 * MS);
    assert_int_equal(count_stale(b->now), 0);
    assert_int_equal(count_stale(tick_after(b, 100)), 0);
}

/* Those that were left out have the first turn: none waits for ever. */
static void the_vms_of_a_slow_process_take_turns(void **state)
{
    struct bench *b = *state;
    bool read[CROWD] = {false};
    double oldest = 0;

    crowd(b);
    tick_after(b, 1000);
    slow.pid = 500;
    slow.step = BEACON_READ_PROC;
    slow.ns = 20 * MS;
    for (int n = 0; n < 20; n++) {
        const struct snapshot *s = tick_after(b, 1000);
        for (size_t i = 0; i < CROWD; i++) {
            const struct snapshot_vm *vm = &s->vms[i];
            read[i] |= vm->stale_cause == CAUSE_NONE;
            oldest = vm->stale_s > oldest ? vm->stale_s : oldest;
            if (vm->stale_cause == CAUSE_NONE)
                continue;
            assert_true(vm->stale_s > 0.5);
            assert_int_equal(snapshot_vm_value(s, vm, "exits").reading.state, READING_STALE);
        }
    }
    for (size_t i = 0; i < CROWD; i++)
        assert_true(read[i]);
    assert_true(oldest < 10);
}

/* What it took too much is taken off its next ticks, also where it has but one VM. */
static void one_vm_that_takes_long_is_read_less_often(void **state)
{
    struct bench *b = *state;
    unsigned stale = 0;

    qemu(b, 500, "slow");
    qemu(b, 600, "other");
    tick_after(b, 1000);
    slow.pid = 500;
    slow.step = BEACON_READ_FD;
    slow.ns = 600 * MS;
    for (int n = 0; n < 12; n++) {
        const struct snapshot *s = tick_after(b, 1000);
        stale += count_stale(s) > 0;
        assert_int_equal(s->vms[1].stale_cause, CAUSE_NONE);
    }
    assert_in_range(stale, 4, 10);
    slow.ns = 0;
    for (int n = 0; n < 12; n++)
        tick_after(b, 1000);
    assert_int_equal(count_stale(b->now), 0);
}

/* The trees of tests are looked at in each tick, so that what is not looked at shows. */
static void what_takes_long_to_look_at_is_looked_at_less_often(void **state)
{
    struct bench *b = *state;

    qemu(b, 500, "slow");
    tick_after(b, 1000);
    slow.pid = 500;
    slow.step = BEACON_READ_PROC; /* the last one of a look: its command line */
    slow.ns = 450 * MS;           /* of which a look sees one or two */
    tick_after(b, 1000);
    slow.ns = 0;
    vm(b, 500, 29);
    for (int n = 0; n < 4; n++)
        assert_int_equal(tick_after(b, 1000)->vm_count, 1);
    for (int n = 0; n < 7; n++)
        tick_after(b, 1000);
    assert_int_equal(b->now->vm_count, 2);
}

static void the_limit_follows_the_delay(void **state)
{
    (void)state;
    assert_int_equal(budget_limit_ns(0), 300 * MS);
    assert_int_equal(budget_limit_ns(100 * MS), 50 * MS);
    assert_int_equal(budget_limit_ns(1000 * MS), 250 * MS);
    assert_int_equal(budget_limit_ns(3600000 * MS), 1000 * MS);
}

/* A program that was stopped in the middle of a look has not been slow for all that time. */
static void what_is_owed_has_a_bound(void **state)
{
    struct process_time time = {.spent_ns = 3600000 * MS};
    int ticks = 0;

    (void)state;
    do
        budget_begin(&time, 250 * MS);
    while (budget_is_over(&time, 250 * MS) && ++ticks < 100);
    assert_in_range(ticks, 5, 12);
    budget_looked(&time, 1000 * MS, 3600000 * MS);
    assert_int_equal(time.look_after_ns, 61000 * MS);
    budget_looked(&time, 1000 * MS, 900 * MS);
    assert_int_equal(time.look_after_ns, 10000 * MS);
    budget_looked(&time, 1000 * MS, MS);
    assert_int_equal(time.look_after_ns, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(the_beacon_says_what_is_read_of_which_process),
        TEST(between_two_ticks_it_says_nothing),
        TEST(nothing_of_a_shunned_process_is_opened),
        TEST(all_of_another_process_is_opened),
        TEST(where_debugfs_names_no_vm_of_it_nothing_is_hidden),
        TEST(without_debugfs_it_may_have_vms),
        TEST(a_stuck_process_whose_vms_are_shown_hides_none),
        TEST(without_debugfs_those_that_are_shown_are_all_that_is_known),
        TEST(a_directory_may_bear_the_number_of_a_thread_of_it),
        TEST(another_process_with_its_number_is_looked_into),
        TEST(the_list_may_change_between_two_ticks),
        TEST(with_a_pid_no_other_process_is_looked_into),
        TEST(with_a_pid_what_is_hidden_is_of_that_process),
        TEST(a_process_that_is_not_there_has_no_vm),
        TEST(with_a_pid_a_directory_of_a_thread_that_ended_is_found),
        TEST(with_a_name_no_counter_of_another_vm_is_read),
        TEST(all_of_a_name_are_wanted),
        TEST(a_scope_that_gets_wider_finds_the_rest),
        TEST(nobody_is_skipped_who_takes_no_time),
        TEST(one_slow_process_makes_no_other_late),
        TEST(a_slow_first_look_leaves_time_to_read),
        TEST(the_vms_of_a_slow_process_take_turns),
        TEST(one_vm_that_takes_long_is_read_less_often),
        TEST(what_takes_long_to_look_at_is_looked_at_less_often),
        TEST(the_limit_follows_the_delay),
        TEST(what_is_owed_has_a_bound),
        TEST(a_process_is_asked_once_for_what_it_costs),
        TEST(what_is_done_now_and_then_is_spread_over_the_vms_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
