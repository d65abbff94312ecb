// SPDX-License-Identifier: MIT
/*
 * What the kernel counts by ticks, time of vCPUs in the guest and that of the host's CPUs: it is
 * near the truth at every delay, or missing.
 */
#include "core/model/tick_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/model/series.h"

#define MS        1000000ull
#define S         (1000 * MS)
#define TICK_NS   (4 * MS)  /* CONFIG_HZ=250 */
#define SHOWN_NS  (10 * MS) /* one USER_HZ: /proc has whole ones only */
#define BEGAN_NS  (100 * S)
#define CPUS      2
#define STEAL     0.02 /* of the host's time */
#define GUEST_MAX 0.14 /* how far from the truth: four times its standard deviation at worst */

/* A vCPU that always has a CPU, and is in its guest for @part of the time. */
struct kernel {
    double part;
    uint64_t now_ns, guest_ns, steal_ns;
    uint32_t random;
};

static bool hits(struct kernel *k, double part)
{
    k->random = k->random * 1664525 + 1013904223;
    return (k->random >> 8) < part * (1 << 24);
}

static void run(struct kernel *k, uint64_t ns)
{
    for (uint64_t end = k->now_ns + ns; k->now_ns < end; k->now_ns += TICK_NS) {
        k->guest_ns += hits(k, k->part) ? TICK_NS : 0;
        for (int cpu = 0; cpu < CPUS; cpu++)
            k->steal_ns += hits(k, STEAL) ? TICK_NS : 0;
    }
}

static struct reading shown(uint64_t ns)
{
    return reading_ok(ns / SHOWN_NS * SHOWN_NS, SOURCE_PROC);
}

static void look_at_host(const struct kernel *k, struct sample *s)
{
    const uint64_t all_ns = CPUS * (k->now_ns - BEGAN_NS) + S;

    s->host.time_ns[SOURCE_PROC] = k->now_ns;
    s->host_gauges[HOST_CPU_NS] = shown(all_ns);
    s->host_gauges[HOST_IDLE_NS] = shown(all_ns - k->steal_ns);
    s->host_gauges[HOST_IOWAIT_NS] = s->host_gauges[HOST_GUEST_NS] = shown(0);
    s->host_gauges[HOST_STEAL_NS] = shown(k->steal_ns);
}

static struct sample *look(const struct kernel *k, bool is_read)
{
    static char name[] = "a";
    struct vm_vcpu vcpu = {.id = 0, .tid = 7};
    struct vm vm = {.id = {.pid = 6, .fd = 9},
                    .vmm = "qemu",
                    .name = name,
                    .name_raw = name,
                    .vcpus = &vcpu,
                    .vcpu_count = 1};
    struct vm *list[] = {&vm};
    const struct vm_list vms = {.vms = list, .count = 1};
    const struct field_table fields = {0};
    struct sample *s;

    assert_int_equal(sample_new(&vms, &fields, &s), 0);
    struct sample_vcpu *to = &s->vms[0].vcpus[0];
    look_at_host(k, s);
    s->read_ns = k->now_ns;
    s->vms[0].skipped = !is_read;
    if (!is_read)
        return s;
    to->entity.time_ns[SOURCE_PROC] = k->now_ns;
    to->gauges[VCPU_CPU_NS] = reading_ok(k->now_ns - BEGAN_NS, SOURCE_PROC);
    to->gauges[VCPU_WAIT_NS] = reading_ok(0, SOURCE_PROC);
    to->gauges[VCPU_GUEST_NS] = shown(k->guest_ns);
    return s;
}

struct bed {
    struct field_table fields;
    struct series series;
    struct kernel kernel;
    struct snapshot *now;
};

static struct bed bed_open(double part)
{
    return (struct bed){.kernel = {.part = part, .now_ns = BEGAN_NS, .random = 1}};
}

static void bed_close(struct bed *b)
{
    snapshot_free(b->now);
    series_done(&b->series);
    field_table_done(&b->fields);
}

/* The sample of @delay_ns later. */
static const struct vcpu_load *step(struct bed *b, uint64_t delay_ns, bool is_read)
{
    b->series.fields = &b->fields;
    run(&b->kernel, delay_ns);
    snapshot_free(b->now);
    assert_int_equal(series_add(&b->series, look(&b->kernel, is_read), &b->now), 0);
    return &b->now->vms[0].vcpus[0].load;
}

static void near_truth(const struct vcpu_load *l, double part)
{
    assert_int_equal(l->guest.state, READING_OK);
    assert_int_equal(l->host.state, READING_OK);
    if (l->guest.value < part - GUEST_MAX || l->guest.value > part + GUEST_MAX)
        fail_msg("%g of %g", l->guest.value, part);
    if (l->guest.value + l->host.value < 0.999 || l->guest.value + l->host.value > 1.001)
        fail_msg("%g and %g are not all", l->guest.value, l->host.value);
}

static void the_split_is_near_the_truth_at_every_delay(void **state)
{
    static const uint64_t delays[] = {20 * MS, 100 * MS, 252 * MS, 500 * MS, 900 * MS, S, 3 * S};
    static const double parts[] = {0.1, 0.5, 0.9, 1};

    (void)state;
    for (size_t d = 0; d < sizeof(delays) / sizeof(delays[0]); d++)
        for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
            struct bed b = bed_open(parts[p]);
            uint64_t passed = 0;
            for (step(&b, delays[d], true); passed < 5 * S || passed < 4 * delays[d];) {
                const struct vcpu_load *l = step(&b, delays[d], true);
                passed += delays[d];
                if (passed >= TICK_WINDOW_MIN_NS)
                    near_truth(l, parts[p]);
            }
            bed_close(&b);
        }
}

static void too_few_ticks_are_no_number(void **state)
{
    struct bed b = bed_open(0.5);

    (void)state;
    for (int i = 0; i <= 9; i++) {
        const struct vcpu_load *l = step(&b, 100 * MS, true);
        bool is_told = i == 9;
        assert_int_equal(l->guest.state, is_told ? READING_OK : READING_WARMUP);
        assert_int_equal(l->guest.cause, is_told || i == 0 ? CAUSE_NONE : CAUSE_FEW_TICKS);
        assert_int_equal(l->host.state, l->guest.state);
        assert_int_equal(b.now->vms[0].load.guest.state, l->guest.state);
        /* All of it is known sooner. */
        assert_int_equal(b.now->vms[0].vcpus[0].cpu_ratio.state,
                         i > 0 ? READING_OK : READING_WARMUP);
    }
    bed_close(&b);
}

/* The time that is looked at ends with the last interval, and is not longer than it must be. */
static void a_change_is_seen_within_two_seconds(void **state)
{
    struct bed b = bed_open(0.9);

    (void)state;
    for (int i = 0; i < 50; i++)
        step(&b, 100 * MS, true);
    near_truth(step(&b, 100 * MS, true), 0.9);
    b.kernel.part = 0.1;
    for (int i = 0; i < 19; i++)
        step(&b, 100 * MS, true);
    near_truth(step(&b, 100 * MS, true), 0.1);
    /* With a delay of a second or more it is that of the interval. */
    step(&b, S, true);
    b.kernel.part = 0.9;
    near_truth(step(&b, S, true), 0.9);
    b.kernel.part = 0.1;
    near_truth(step(&b, 2 * S, true), 0.1);
    bed_close(&b);
}

/* Of a thread that began anew nothing of before counts, and what was not read is no time. */
static void it_begins_anew_with_the_thread(void **state)
{
    struct bed b = bed_open(0.5);

    (void)state;
    for (int i = 0; i < 20; i++)
        step(&b, 100 * MS, true);
    assert_int_equal(step(&b, 100 * MS, false)->guest.state, READING_STALE);
    near_truth(step(&b, 100 * MS, true), 0.5);
    b.kernel.guest_ns = 0;
    assert_int_equal(step(&b, 100 * MS, true)->guest.state, READING_RESET);
    assert_int_equal(step(&b, 100 * MS, true)->guest.cause, CAUSE_FEW_TICKS);
    for (int i = 0; i < 10; i++)
        step(&b, 100 * MS, true);
    near_truth(step(&b, 100 * MS, true), 0.5);
    bed_close(&b);
}

/* One tick of 10 ms in 100 ms of two CPUs would be 5 % of their time. */
static void the_host_has_its_second_sooner_with_more_cpus(void **state)
{
    struct bed b = bed_open(0.5);

    (void)state;
    for (int i = 0; i < 100; i++) {
        step(&b, 100 * MS, true);
        const struct host_load *h = &b.now->host_load;
        const bool is_told = i * 100 * MS * CPUS >= TICK_WINDOW_MIN_NS;
        const struct figure *const figures[] = {&h->steal, &h->busy, &h->iowait, &h->guest};
        for (int f = 0; f < 4; f++) {
            assert_int_equal(figures[f]->state, is_told ? READING_OK : READING_WARMUP);
            assert_int_equal(figures[f]->cause, is_told || i == 0 ? CAUSE_NONE : CAUSE_FEW_TICKS);
        }
        if (is_told)
            assert_true(h->steal.value < STEAL + GUEST_MAX / 4 && h->busy.value < 0.011);
    }
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_split_is_near_the_truth_at_every_delay),
        cmocka_unit_test(too_few_ticks_are_no_number),
        cmocka_unit_test(a_change_is_seen_within_two_seconds),
        cmocka_unit_test(it_begins_anew_with_the_thread),
        cmocka_unit_test(the_host_has_its_second_sooner_with_more_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
