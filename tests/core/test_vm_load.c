// SPDX-License-Identifier: MIT
/* What a snapshot says of load, made of the gauges of two samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/model/snapshot.h"
#include "tests/lib/two_vms.h"

#define S 1000000000ull

/* Two samples of a VM with two vCPUs, one second apart. Numbers are added, then seen. */
struct bed {
    struct two_vms *t;
    struct sample *then, *now;
};

static struct bed bed_open(void)
{
    struct two_vms *t = two_vms_new();
    return (struct bed){t, two_vms_sample(t, 0), two_vms_sample(t, 1)};
}

/* Of both vCPUs: CPU time and wait in the second between. */
static void spend(struct bed *b, uint64_t cpu_ns, uint64_t guest_ns, uint64_t wait_ns)
{
    for (int k = 0; k < 2; k++) {
        struct reading *then = b->then->vms[0].vcpus[k].gauges,
                       *now = b->now->vms[0].vcpus[k].gauges;
        then[VCPU_CPU_NS] = reading_ok(7 * S, SOURCE_PROC);
        then[VCPU_GUEST_NS] = reading_ok(5 * S, SOURCE_PROC);
        then[VCPU_WAIT_NS] = reading_ok(S, SOURCE_PROC);
        now[VCPU_CPU_NS] = reading_ok(7 * S + cpu_ns, SOURCE_PROC);
        now[VCPU_GUEST_NS] = reading_ok(5 * S + guest_ns, SOURCE_PROC);
        now[VCPU_WAIT_NS] = reading_ok(S + wait_ns, SOURCE_PROC);
    }
}

static struct snapshot *derive(struct bed *b, bool is_first)
{
    struct snapshot *s =
        snapshot_derive(is_first ? NULL : b->then, b->now, two_vms_fields(b->t), 0);
    assert_non_null(s);
    return s;
}

static void bed_close(struct bed *b, struct snapshot *s)
{
    snapshot_free(s);
    two_vms_free(b->t);
}

static void near(struct figure f, double value)
{
    assert_int_equal(f.state, READING_OK);
    assert_true(f.value > value - 1e-6 && f.value < value + 1e-6);
}

static void is_missing(struct figure f, enum reading_state state, enum reading_cause cause)
{
    assert_int_equal(f.state, state);
    assert_int_equal(f.cause, cause);
}

/* --- state ------------------------------------------------------------------------------------ */

#define NO_LOOK (-1)

static struct reading look(int saw, enum reading_cause cause)
{
    return saw == NO_LOOK ? reading_of_cause(cause) : reading_ok((uint64_t)saw, SOURCE_PROC);
}

static void the_state_of_a_vm_follows_from_two_looks_and_its_cpu_time(void **state)
{
    static const struct {
        int then, now;
        uint64_t cpu_ns;
        enum vm_state is, first; /* first: with the second look alone */
    } cases[] = {
        {VM_LOOK_RUNS, VM_LOOK_RUNS, S / 2, VM_STATE_RUNNING, VM_STATE_RUNNING},
        {VM_LOOK_RUNS, VM_LOOK_RUNS, 0, VM_STATE_RUNNING, VM_STATE_RUNNING},
        {VM_LOOK_OUTSIDE, VM_LOOK_RUNS, 0, VM_STATE_RUNNING, VM_STATE_RUNNING},
        {VM_LOOK_RUNS, VM_LOOK_OUTSIDE, S / 2, VM_STATE_IDLE_OR_PAUSED, VM_STATE_IDLE_OR_PAUSED},
        {VM_LOOK_OUTSIDE, VM_LOOK_OUTSIDE, 0, VM_STATE_PAUSED, VM_STATE_IDLE_OR_PAUSED},
        /* a manager asks its vCPUs something */
        {VM_LOOK_OUTSIDE, VM_LOOK_OUTSIDE, S / 1000, VM_STATE_PAUSED, VM_STATE_IDLE_OR_PAUSED},
        /* it ran between the looks */
        {VM_LOOK_OUTSIDE, VM_LOOK_OUTSIDE, S / 10, VM_STATE_IDLE_OR_PAUSED,
         VM_STATE_IDLE_OR_PAUSED},
        {VM_LOOK_RUNS, VM_LOOK_STOPPED, S / 2, VM_STATE_STOPPED, VM_STATE_STOPPED},
        {VM_LOOK_RUNS, VM_LOOK_FROZEN, 0, VM_STATE_FROZEN, VM_STATE_FROZEN},
        {NO_LOOK, NO_LOOK, S / 2, VM_STATE_RUNNING, VM_STATE_UNKNOWN},
        {NO_LOOK, NO_LOOK, 0, VM_STATE_IDLE_OR_PAUSED, VM_STATE_UNKNOWN},
        /* of another version, or of nobody */
        {VM_LOOK_RUNS, VM_LOOK_COUNT, 0, VM_STATE_UNKNOWN, VM_STATE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t c = i / 2;
        bool is_first = i % 2 == 1;
        struct bed b = bed_open();
        spend(&b, cases[c].cpu_ns, 0, 0);
        b.then->vms[0].gauges[VM_LOOK] = look(cases[c].then, CAUSE_NO_PTRACE);
        b.now->vms[0].gauges[VM_LOOK] = look(cases[c].now, CAUSE_NO_PTRACE);
        struct snapshot *s = derive(&b, is_first);
        enum vm_state is = s->vms[0].load.state;
        if (is != (is_first ? cases[c].first : cases[c].is))
            fail_msg("case %zu, %s: %s", c, is_first ? "first" : "second", vm_state_name(is));
        bed_close(&b, s);
    }
}

static void nobody_who_did_not_ask_hears_of_a_state(void **state)
{
    struct bed b = bed_open();

    (void)state;
    b.now->vms[0].gauges[VM_LOOK] = look(NO_LOOK, CAUSE_NOT_ASKED_FOR);
    struct snapshot *s = derive(&b, false);
    assert_int_equal(s->vms[0].load.state, VM_STATE_UNKNOWN);
    assert_int_equal(s->vms[0].load.state_cause, CAUSE_NOT_ASKED_FOR);
    bed_close(&b, s);
}

static void a_vm_that_runs_migrates_when_kvm_or_a_thread_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct bed b = bed_open();
        bool by_thread = i % 2 == 1, is_paused = i >= 2;
        for (int tick = 0; tick < 2; tick++) {
            struct sample_vm *vm = &(tick == 0 ? b.then : b.now)->vms[0];
            vm->gauges[VM_LOOK] = look(is_paused ? VM_LOOK_OUTSIDE : VM_LOOK_RUNS, CAUSE_NONE);
            vm->gauges[VM_MIGRATION_THREADS] = reading_ok(by_thread, SOURCE_PROC);
            vm->facts.migration = by_thread ? VM_MIGRATION_UNKNOWN : VM_MIGRATING;
        }
        spend(&b, 0, 0, 0);
        struct snapshot *s = derive(&b, false);
        assert_int_equal(s->vms[0].load.state, is_paused ? VM_STATE_PAUSED : VM_STATE_MIGRATING);
        bed_close(&b, s);
    }
}

static void a_vm_that_is_gone_has_ended(void **state)
{
    struct bed b = bed_open();
    struct vm_id first = b.now->vms[0].id, second = b.now->vms[1].id;

    (void)state;
    b.now->vms[1].gone = true;
    b.now->vms[0].gauges[VM_LOOK] = look(VM_LOOK_STOPPED, CAUSE_NONE);
    struct snapshot *s = derive(&b, false);
    assert_int_equal(snapshot_vm_state(s, &first), VM_STATE_STOPPED);
    assert_int_equal(snapshot_vm_state(s, &second), VM_STATE_ENDED);
    bed_close(&b, s);
}

static void the_state_of_a_vcpu_says_no_more_than_is_known(void **state)
{
    static const struct {
        int then, now;
        uint64_t cpu_ns, guest_ns, wait_ns;
        int preempted; /* BPF tells; -1: there is none */
        enum vcpu_state is;
    } cases[] = {
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 10, S * 8 / 10, 0, -1, VCPU_STATE_GUEST},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 10, S / 10, 0, -1, VCPU_STATE_HOST},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 3 / 10, S * 3 / 10, S * 7 / 10, -1, VCPU_STATE_READY},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 10, S * 9 / 10, S / 10, 1, VCPU_STATE_READY},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 10, S * 9 / 10, S / 10, 0, VCPU_STATE_GUEST},
        /* no tick of the kernel hits this guest, so where it is cannot be told */
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 10, 0, S / 10, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 4 / 10, 0, S * 6 / 10, -1, VCPU_STATE_READY},
        /* too little time for that to be known: no tick of it, or one more or less is all */
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 100, 0, S * 8 / 100, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 100, 0, 0, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 4 / 100, S / 100, 0, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 4 / 100, S * 3 / 100, 0, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 6 / 100, S * 5 / 100, 0, -1, VCPU_STATE_GUEST},
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 9 / 100, S * 2 / 100, 0, -1, VCPU_STATE_HOST},
        /* neither of them has more than half of it */
        {VCPU_LOOK_RUNS, VCPU_LOOK_RUNS, S * 6 / 10, S * 3 / 10, S * 4 / 10, -1,
         VCPU_STATE_NOT_HALTED},
        /* it slept nearly all of the interval, and has just been woken */
        {VCPU_LOOK_SLEEPS, VCPU_LOOK_RUNS, S / 100, S / 100, 0, -1, VCPU_STATE_NOT_HALTED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_SLEEPS, S / 2, S / 2, 0, -1, VCPU_STATE_HALTED},
        {VCPU_LOOK_SLEEPS, VCPU_LOOK_OUTSIDE, 0, 0, 0, -1, VCPU_STATE_HOST},
        {VCPU_LOOK_OUTSIDE, VCPU_LOOK_OUTSIDE, 0, 0, 0, -1, VCPU_STATE_PAUSED},
        {VCPU_LOOK_OUTSIDE, VCPU_LOOK_OUTSIDE, S / 10, 0, 0, -1, VCPU_STATE_HOST},
        {VCPU_LOOK_RUNS, VCPU_LOOK_BLOCKED, 0, 0, 0, -1, VCPU_STATE_BLOCKED},
        {VCPU_LOOK_RUNS, VCPU_LOOK_STOPPED, 0, 0, 0, -1, VCPU_STATE_STOPPED},
        {VCPU_LOOK_RUNS, NO_LOOK, S, S, 0, -1, VCPU_STATE_UNKNOWN},
        {VCPU_LOOK_RUNS, VCPU_LOOK_COUNT, S, S, 0, -1, VCPU_STATE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed b = bed_open();
        spend(&b, cases[i].cpu_ns, cases[i].guest_ns, cases[i].wait_ns);
        b.then->vms[0].vcpus[1].gauges[VCPU_LOOK] = look(cases[i].then, CAUSE_NO_PTRACE);
        b.now->vms[0].vcpus[1].gauges[VCPU_LOOK] = look(cases[i].now, CAUSE_NO_PTRACE);
        if (cases[i].preempted >= 0)
            b.now->vms[0].vcpus[1].gauges[VCPU_PREEMPTED] =
                reading_ok((uint64_t)cases[i].preempted, SOURCE_BPF);
        struct snapshot *s = derive(&b, false);
        enum vcpu_state is = s->vms[0].vcpus[1].load.state;
        if (is != cases[i].is)
            fail_msg("case %zu: %s", i, vcpu_state_name(is));
        bed_close(&b, s);
    }
}

static void vcpus_of_a_frozen_vm_are_stopped(void **state)
{
    struct bed b = bed_open();

    (void)state;
    b.now->vms[0].gauges[VM_LOOK] = look(VM_LOOK_FROZEN, CAUSE_NONE);
    b.now->vms[0].vcpus[0].gauges[VCPU_LOOK] = look(VCPU_LOOK_SLEEPS, CAUSE_NONE);
    struct snapshot *s = derive(&b, false);
    assert_int_equal(s->vms[0].vcpus[0].load.state, VCPU_STATE_STOPPED);
    bed_close(&b, s);
}

/* --- figures ---------------------------------------------------------------------------------- */

static void run_and_ready_have_a_mean_and_a_worst(void **state)
{
    struct bed b = bed_open();

    (void)state;
    spend(&b, S / 2, S / 4, S / 10);
    b.now->vms[0].vcpus[1].gauges[VCPU_CPU_NS].raw += S / 4;
    b.now->vms[0].vcpus[1].gauges[VCPU_WAIT_NS].raw += S / 10;
    struct snapshot *s = derive(&b, false);
    const struct vm_load *l = &s->vms[0].load;
    near(l->run_mean, 0.625);
    near(l->run_worst, 0.75);
    near(l->ready_mean, 0.15);
    near(l->ready_worst, 0.2);
    near(l->guest, 0.5);
    near(l->host, 0.75);
    near(s->vms[0].vcpus[0].load.guest, 0.25);
    near(s->vms[0].vcpus[0].load.host, 0.25);
    bed_close(&b, s);
}

/* The kernel may count ticks of guest time, where it counts nanoseconds of CPU time. */
static void guest_time_is_never_more_than_cpu_time(void **state)
{
    struct bed b = bed_open();

    (void)state;
    spend(&b, S / 2, S * 51 / 100, 0);
    struct snapshot *s = derive(&b, false);
    near(s->vms[0].vcpus[0].load.guest, 0.5);
    near(s->vms[0].vcpus[0].load.host, 0);
    bed_close(&b, s);
}

/* Where the kernel sees none of it, it is missing: 0 would say that the guest did not run. */
static void guest_time_that_no_tick_hits_is_not_counted(void **state)
{
    static const struct {
        uint64_t guest_then, cpu_ns, guest_ns;
        bool is_counted;
    } cases[] = {
        {5 * S, S / 2, 0, false},
        {5 * S, S / 2, S / 100, true},
        {5 * S, S / 20, 0, true}, /* that may be chance */
        {0, S / 20, 0, false},    /* but not after seven seconds */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed b = bed_open();
        spend(&b, cases[i].cpu_ns, cases[i].guest_ns, 0);
        b.then->vms[0].vcpus[0].gauges[VCPU_GUEST_NS].raw = cases[i].guest_then;
        b.now->vms[0].vcpus[0].gauges[VCPU_GUEST_NS].raw = cases[i].guest_then + cases[i].guest_ns;
        struct snapshot *s = derive(&b, false);
        const struct vcpu_load *l = &s->vms[0].vcpus[0].load;
        assert_int_equal(l->guest.state == READING_OK, cases[i].is_counted);
        assert_int_equal(l->host.state, l->guest.state);
        assert_int_equal(l->guest.cause, cases[i].is_counted ? CAUSE_NONE : CAUSE_NOT_COUNTED);
        bed_close(&b, s);
    }
}

/* A guest that spins and gets little of a busy host was said to have run for 0. */
static void guest_time_without_any_tick_so_far_is_no_zero(void **state)
{
    static const struct {
        uint64_t cpu_ns;
        bool is_told;
    } cases[] = {{S / 20, false}, {S / 100, false}, {S / 1000, true}, {0, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bed b = bed_open();
        spend(&b, cases[i].cpu_ns, 0, 0);
        struct reading *then = b.then->vms[0].vcpus[0].gauges, *now = b.now->vms[0].vcpus[0].gauges;
        then[VCPU_CPU_NS].raw = S / 10;
        now[VCPU_CPU_NS].raw = S / 10 + cases[i].cpu_ns;
        then[VCPU_GUEST_NS].raw = now[VCPU_GUEST_NS].raw = 0;
        struct snapshot *s = derive(&b, false);
        const struct vcpu_load *l = &s->vms[0].vcpus[0].load;
        assert_int_equal(l->guest.state, cases[i].is_told ? READING_OK : READING_WARMUP);
        assert_int_equal(l->guest.cause, cases[i].is_told ? CAUSE_NONE : CAUSE_FEW_TICKS);
        assert_int_equal(l->host.state, l->guest.state);
        bed_close(&b, s);
    }
}

static void what_one_vcpu_lacks_its_vm_lacks(void **state)
{
    struct bed b = bed_open();

    (void)state;
    spend(&b, S / 2, S / 4, S / 10);
    b.now->vms[0].vcpus[1].gauges[VCPU_WAIT_NS] = reading_of_cause(CAUSE_NO_THREAD_ID);
    struct snapshot *s = derive(&b, false);
    is_missing(s->vms[0].load.ready_worst, READING_ABSENT, CAUSE_NO_THREAD_ID);
    is_missing(s->vms[0].load.ready_mean, READING_ABSENT, CAUSE_NO_THREAD_ID);
    near(s->vms[0].load.run_mean, 0.5);
    bed_close(&b, s);
}

static void limits_take_their_share(void **state)
{
    struct bed b = bed_open();

    (void)state;
    b.then->vms[0].gauges[VM_THROTTLED_NS] = reading_ok(0, SOURCE_PROC);
    b.now->vms[0].gauges[VM_THROTTLED_NS] = reading_ok(S / 5, SOURCE_PROC);
    b.then->vms[0].gauges[VM_THROTTLED_PERIODS] = reading_ok(40, SOURCE_PROC);
    b.now->vms[0].gauges[VM_THROTTLED_PERIODS] = reading_ok(45, SOURCE_PROC);
    b.then->vms[0].gauges[VM_LIMITED_PERIODS] = reading_ok(100, SOURCE_PROC);
    b.now->vms[0].gauges[VM_LIMITED_PERIODS] = reading_ok(110, SOURCE_PROC);
    b.now->vms[0].vcpus[0].gauges[VCPU_THROTTLED_NS] = reading_of_cause(CAUSE_NO_CPU_LIMIT);
    struct snapshot *s = derive(&b, false);
    near(s->vms[0].load.throttled, 0.2);
    near(s->vms[0].load.throttled_periods, 0.5);
    is_missing(s->vms[0].vcpus[0].load.throttled, READING_ABSENT, CAUSE_NO_CPU_LIMIT);
    snapshot_free(s);
    s = derive(&b, true);
    is_missing(s->vms[0].load.throttled, READING_WARMUP, CAUSE_NONE);
    is_missing(s->vms[0].load.throttled_periods, READING_WARMUP, CAUSE_NONE);
    bed_close(&b, s);
}

static void roles_and_pressure_are_shares_of_time(void **state)
{
    struct bed b = bed_open();
    struct reading *then = b.then->vms[0].gauges, *now = b.now->vms[0].gauges;

    (void)state;
    then[VM_VHOST_CPU_NS] = reading_ok(S, SOURCE_PROC);
    now[VM_VHOST_CPU_NS] = reading_ok(S + S / 4, SOURCE_PROC);
    then[VM_VHOST_WAIT_NS] = reading_ok(S, SOURCE_PROC);
    now[VM_VHOST_WAIT_NS] = reading_ok(S - 1, SOURCE_PROC);
    now[VM_VHOST_THREADS] = reading_ok(2, SOURCE_PROC);
    then[VM_IO_FULL_NS] = reading_ok(S, SOURCE_PROC);
    now[VM_IO_FULL_NS] = reading_ok(S + S / 8, SOURCE_PROC);
    now[VM_MEMORY_SOME_NS] = reading_of_cause(CAUSE_ROOT_CGROUP);
    struct snapshot *s = derive(&b, false);
    const struct vm_load *l = &s->vms[0].load;
    near(l->roles[VM_ROLE_VHOST].cpu, 0.25);
    is_missing(l->roles[VM_ROLE_VHOST].wait, READING_RESET, CAUSE_NONE);
    assert_int_equal(l->roles[VM_ROLE_VHOST].threads.raw, 2);
    assert_int_equal(l->roles[VM_ROLE_IOTHREAD].threads.state, READING_ABSENT);
    near(l->pressure[PRESSURE_IO_FULL], 0.125);
    is_missing(l->pressure[PRESSURE_MEMORY_SOME], READING_ABSENT, CAUSE_ROOT_CGROUP);
    bed_close(&b, s);
}

static void shares_of_the_host_are_of_all_its_cpus(void **state)
{
    struct bed b = bed_open();
    static const struct {
        enum host_gauge gauge;
        uint64_t then, now;
    } numbers[] = {
        {HOST_CPU_NS, 100 * S, 104 * S}, {HOST_IDLE_NS, 50 * S, 51 * S},
        {HOST_IOWAIT_NS, S, S + S / 2},  {HOST_STEAL_NS, 2 * S, 2 * S + S / 2},
        {HOST_GUEST_NS, 9 * S, 10 * S},  {HOST_MEMORY_SOME_NS, S, S + S / 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        b.then->host_gauges[numbers[i].gauge] = reading_ok(numbers[i].then, SOURCE_PROC);
        b.now->host_gauges[numbers[i].gauge] = reading_ok(numbers[i].now, SOURCE_PROC);
    }
    b.then->host.time_ns[SOURCE_PROC] = 10 * S;
    b.now->host.time_ns[SOURCE_PROC] = 12 * S;
    b.now->host_gauges[HOST_LOAD_5] = reading_ok(137, SOURCE_PROC);
    b.now->host_gauges[HOST_LOAD_1] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
    struct snapshot *s = derive(&b, false);
    near(s->host_load.busy, 0.5);
    near(s->host_load.steal, 0.125);
    near(s->host_load.iowait, 0.125);
    near(s->host_load.guest, 0.25);
    near(s->host_load.load_5, 1.37);
    near(s->host_load.pressure[PRESSURE_MEMORY_SOME], 0.05);
    is_missing(s->host_load.load_1, READING_ABSENT, CAUSE_NOT_ASKED_FOR);
    assert_int_equal(s->host_load.mem_free.state, READING_ABSENT);
    snapshot_free(s);
    s = derive(&b, true);
    is_missing(s->host_load.steal, READING_WARMUP, CAUSE_NONE);
    bed_close(&b, s);
}

static void a_vm_that_was_skipped_has_no_load_of_now(void **state)
{
    struct bed b = bed_open();

    (void)state;
    spend(&b, S / 2, S / 4, S / 10);
    b.now->vms[0].gauges[VM_LOOK] = look(VM_LOOK_RUNS, CAUSE_NONE);
    b.now->vms[0].vcpus[0].gauges[VCPU_LOOK] = look(VCPU_LOOK_RUNS, CAUSE_NONE);
    b.now->vms[0].gauges[VM_VHOST_CPU_NS] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
    b.now->vms[0].skipped = true;
    b.now->vms[0].skip_cause = CAUSE_STUCK;
    struct snapshot *s = derive(&b, false);
    const struct vm_load *l = &s->vms[0].load;
    assert_int_equal(l->state, VM_STATE_UNKNOWN);
    assert_int_equal(l->state_cause, CAUSE_STUCK);
    assert_int_equal(s->vms[0].vcpus[0].load.state, VCPU_STATE_UNKNOWN);
    is_missing(l->run_mean, READING_STALE, CAUSE_STUCK);
    is_missing(l->ready_worst, READING_STALE, CAUSE_STUCK);
    is_missing(s->vms[0].vcpus[0].load.guest, READING_STALE, CAUSE_STUCK);
    is_missing(l->roles[VM_ROLE_VHOST].cpu, READING_ABSENT, CAUSE_NOT_ASKED_FOR);
    bed_close(&b, s);
}

static void affinity_is_copied(void **state)
{
    struct bed b = bed_open();

    (void)state;
    b.now->vms[0].vcpus[1].cpus_allowed = "0-1,3";
    struct snapshot *s = derive(&b, false);
    assert_null(s->vms[0].vcpus[0].load.cpus_allowed);
    assert_string_equal(s->vms[0].vcpus[1].load.cpus_allowed, "0-1,3");
    bed_close(&b, s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_of_a_vm_follows_from_two_looks_and_its_cpu_time),
        cmocka_unit_test(nobody_who_did_not_ask_hears_of_a_state),
        cmocka_unit_test(a_vm_that_runs_migrates_when_kvm_or_a_thread_says_so),
        cmocka_unit_test(a_vm_that_is_gone_has_ended),
        cmocka_unit_test(the_state_of_a_vcpu_says_no_more_than_is_known),
        cmocka_unit_test(vcpus_of_a_frozen_vm_are_stopped),
        cmocka_unit_test(run_and_ready_have_a_mean_and_a_worst),
        cmocka_unit_test(guest_time_is_never_more_than_cpu_time),
        cmocka_unit_test(guest_time_that_no_tick_hits_is_not_counted),
        cmocka_unit_test(guest_time_without_any_tick_so_far_is_no_zero),
        cmocka_unit_test(what_one_vcpu_lacks_its_vm_lacks),
        cmocka_unit_test(limits_take_their_share),
        cmocka_unit_test(roles_and_pressure_are_shares_of_time),
        cmocka_unit_test(shares_of_the_host_are_of_all_its_cpus),
        cmocka_unit_test(a_vm_that_was_skipped_has_no_load_of_now),
        cmocka_unit_test(affinity_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
