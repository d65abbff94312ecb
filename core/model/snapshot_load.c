// SPDX-License-Identifier: MIT
/* What core/model/vm_load.h holds, made of the gauges of two samples. */
#include <stddef.h>
#include <string.h>

#include "core/model/snapshot_internal.h"

#define NS_PER_S 1e9

/* Who is paused uses next to no CPU time: questions of a manager wake a thread now and then. */
#define PAUSED_CPU_MAX 0.01
/* CPU time in which there are ticks enough for some to hit the guest; in all, and in the time that
 * is looked at. */
#define UNCOUNTED_EVER_NS 1000000000ull
#define UNCOUNTED_NS      100000000ull
#define TICK_NS           10000000ull
/* CPU time in an interval that ticks split well enough to say which half was the larger: /proc has
 * guest time in steps of 10 ms. */
#define SPLIT_NS 50000000ull
/* Below that the shares of an interval say little about the moment at its end. */
#define SHARES_MIN 0.02

/* One number of an entity in two samples; @before NULL: there is no earlier one. */
struct growing {
    const struct sample_entity *before;
    const struct reading *then;
    const struct sample_entity *now;
    const struct reading *current;
};

static struct figure ratio_of(const struct growing *g)
{
    return snapshot_gauge_ratio(g->before, g->then, g->now, g->current);
}

static struct figure missing_of(const struct reading *reading)
{
    return no_figure((enum reading_state)reading->state, (enum reading_cause)reading->cause);
}

/* A reading as it is, in other units. */
static struct figure scaled(const struct reading *reading, double scale)
{
    struct figure f = missing_of(reading);

    f.value = reading->state == READING_OK ? (double)reading->raw * scale : 0;
    return f;
}

static bool is_look(const struct reading *reading, unsigned look)
{
    return reading != NULL && reading->state == READING_OK && reading->raw == look;
}

/* --- figures over the vCPUs of a VM ----------------------------------------------------------- */

static struct figure figure_at(const struct snapshot_vcpu *vcpu, size_t offset)
{
    struct figure f;

    memcpy(&f, (const char *)vcpu + offset, sizeof(f));
    return f;
}

/* Of the figure at @offset of each vCPU; missing where one of them is. */
static void over_vcpus(const struct snapshot_vm *vm, size_t offset, struct figure *ret_sum,
                       struct figure *ret_worst)
{
    struct figure sum = {.state = READING_OK}, worst = {.state = READING_OK};

    if (vm->vcpu_count == 0)
        sum = worst = no_figure(READING_ABSENT, CAUSE_NO_THREAD_ID);
    for (size_t k = 0; k < vm->vcpu_count && sum.state == READING_OK; k++) {
        struct figure one = figure_at(&vm->vcpus[k], offset);
        if (one.state != READING_OK) {
            sum = worst = no_figure((enum reading_state)one.state, (enum reading_cause)one.cause);
            break;
        }
        sum.value += one.value;
        worst.value = one.value > worst.value ? one.value : worst.value;
    }
    *ret_sum = sum;
    *ret_worst = worst;
}

static struct figure mean_of(struct figure sum, size_t count)
{
    if (sum.state == READING_OK)
        sum.value /= (double)count;
    return sum;
}

/* --- halt polling: KVM counts the time ---------------------------------------------------------
 */

static double scale_of(const struct field *field)
{
    double scale = 1;

    for (int i = field->exponent; i < 0; i++)
        scale /= field->base == 2 ? 2 : 10;
    return scale;
}

static struct figure halt_poll(const struct load_fields *fields,
                               const struct snapshot_value *values)
{
    struct figure sum = {.state = READING_OK};

    for (size_t i = 0; i < LOAD_HALT_POLL_FIELDS; i++) {
        int at = fields->halt_poll[i];
        if (at < 0)
            return no_figure(READING_ABSENT, CAUSE_NOT_IN_KERNEL);
        if (values[at].rate.state != READING_OK)
            return values[at].rate;
        sum.value += values[at].rate.value * fields->halt_poll_scale[i];
    }
    return sum;
}

void snapshot_load_fields(const struct field_table *fields, size_t count, struct load_fields *ret)
{
    static const char *const names[LOAD_HALT_POLL_FIELDS] = {"halt_poll_success_ns",
                                                             "halt_poll_fail_ns"};

    for (size_t i = 0; i < LOAD_HALT_POLL_FIELDS; i++) {
        int at = field_table_find(fields, names[i]);
        ret->halt_poll[i] = at >= 0 && (size_t)at < count ? at : -1;
        ret->halt_poll_scale[i] = ret->halt_poll[i] >= 0 ? scale_of(&fields->fields[at]) : 0;
    }
}

/* --- a vCPU ----------------------------------------------------------------------------------- */

/*
 * It had a CPU or waited for one as it was looked at. Which of both, and whether it was in the
 * guest, only the interval tells: what it did for more than half of that time. BPF tells of one
 * that lost its CPU. @guest: its time in the guest, of the interval alone.
 */
static enum vcpu_state awake_state(const struct snapshot_vcpu *vcpu, struct figure guest)
{
    const struct figure host = {vcpu->cpu_ratio.value - guest.value, guest.state, guest.cause};
    const struct {
        const struct figure *share;
        enum vcpu_state state;
    } kinds[] = {
        {&vcpu->wait_ratio, VCPU_STATE_READY},
        {&guest, VCPU_STATE_GUEST},
        {&host, VCPU_STATE_HOST},
    };
    double all = vcpu->cpu_ratio.value + vcpu->wait_ratio.value;

    if (is_look(&vcpu->gauges[VCPU_PREEMPTED], 1))
        return VCPU_STATE_READY;
    if (vcpu->cpu_ratio.state != READING_OK || vcpu->wait_ratio.state != READING_OK ||
        all < SHARES_MIN)
        return VCPU_STATE_NOT_HALTED;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].share->state == READING_OK && kinds[i].share->value * 2 > all)
            return kinds[i].state;
    return VCPU_STATE_NOT_HALTED;
}

/* @then: what the look before saw; NULL: there was none. */
static enum vcpu_state vcpu_state(const struct reading *then, const struct snapshot_vcpu *vcpu,
                                  struct figure guest)
{
    const struct reading *look = &vcpu->gauges[VCPU_LOOK];
    const struct figure *cpu = &vcpu->cpu_ratio;
    bool is_quiet = cpu->state == READING_OK && cpu->value < PAUSED_CPU_MAX;

    if (look->state != READING_OK)
        return VCPU_STATE_UNKNOWN;
    switch (look->raw) {
    case VCPU_LOOK_RUNS:
        return awake_state(vcpu, guest);
    case VCPU_LOOK_SLEEPS:
        return VCPU_STATE_HALTED;
    case VCPU_LOOK_OUTSIDE:
        return is_quiet && is_look(then, VCPU_LOOK_OUTSIDE) ? VCPU_STATE_PAUSED : VCPU_STATE_HOST;
    case VCPU_LOOK_BLOCKED:
        return VCPU_STATE_BLOCKED;
    case VCPU_LOOK_STOPPED:
        return VCPU_STATE_STOPPED;
    default:
        return VCPU_STATE_UNKNOWN;
    }
}

/* As much of all CPU time as @grown says. */
static struct figure part_of(struct figure cpu, const struct tick_point *grown)
{
    double all = (double)grown->part_ns[TICK_VCPU_CPU];
    double part = all > 0 ? (double)grown->part_ns[TICK_VCPU_GUEST] / all : 0;

    if (cpu.state == READING_OK)
        cpu.value *= part < 1 ? part : 1; /* ticks may be more than there was time */
    return cpu;
}

/*
 * A kernel that is itself a guest may run its own in a way that no tick is seen to hit them. A vCPU
 * that used so much CPU time, and no tick of it in its guest, says that; it is not a share of 0.
 */
static bool is_uncounted(const struct tick_point *grown, const struct tick_point *now)
{
    return grown->part_ns[TICK_VCPU_GUEST] == 0 &&
           (grown->part_ns[TICK_VCPU_CPU] >= UNCOUNTED_NS ||
            (now->part_ns[TICK_VCPU_GUEST] == 0 &&
             now->part_ns[TICK_VCPU_CPU] >= UNCOUNTED_EVER_NS));
}

/* It used CPU time, and the kernel has never seen it in its guest: too early to call that a 0. */
static bool may_be_uncounted(const struct tick_point *grown, const struct tick_point *now)
{
    return now->part_ns[TICK_VCPU_GUEST] == 0 && grown->part_ns[TICK_VCPU_CPU] >= TICK_NS;
}

/* CPU time is known of the interval; how it is split is of a time that has ticks enough. */
static struct figure guest_of(const struct growing *guest, const struct sample_vcpu *before,
                              const struct sample_vcpu *now, struct figure cpu)
{
    const struct figure interval = ratio_of(guest);
    struct tick_point grown;

    if (interval.state != READING_OK || cpu.state != READING_OK)
        return interval.state != READING_OK ? interval : cpu;
    const struct tick_point then = sample_vcpu_ticks(before), at = sample_vcpu_ticks(now);
    if (!tick_window_grown(&now->ticks, &then, &at, &grown))
        return no_figure(READING_WARMUP, CAUSE_NONE);
    if (is_uncounted(&grown, &at))
        return no_figure(READING_ABSENT, CAUSE_NOT_COUNTED);
    if (grown.at_ns < TICK_WINDOW_MIN_NS || may_be_uncounted(&grown, &at))
        return no_figure(READING_WARMUP, CAUSE_FEW_TICKS);
    return part_of(cpu, &grown);
}

/*
 * The same of the interval alone, for what a vCPU does at its end. Without a tick in its guest
 * nobody knows whether the kernel sees none there, and with next to no CPU time one tick more or
 * less is all of it: neither says where a vCPU spends its time.
 */
static struct figure guest_of_interval(const struct growing *guest,
                                       const struct sample_vcpu *before,
                                       const struct sample_vcpu *now, struct figure cpu)
{
    if (ratio_of(guest).state != READING_OK || cpu.state != READING_OK)
        return no_figure(READING_ABSENT, CAUSE_NONE);
    const struct tick_marks none = {0};
    const struct tick_point then = sample_vcpu_ticks(before), at = sample_vcpu_ticks(now);
    struct tick_point grown;
    return tick_window_grown(&none, &then, &at, &grown) && grown.part_ns[TICK_VCPU_GUEST] > 0 &&
                   grown.part_ns[TICK_VCPU_CPU] >= SPLIT_NS
               ? part_of(cpu, &grown)
               : no_figure(READING_ABSENT, CAUSE_FEW_TICKS);
}

void snapshot_load_vcpu(const struct sample_vcpu *before, const struct sample_vcpu *now,
                        const struct load_fields *fields, struct snapshot_vcpu *out)
{
    struct growing g = {.before = before != NULL ? &before->entity : NULL, .now = &now->entity};
    struct vcpu_load *l = &out->load;

    g.then = before != NULL ? &before->gauges[VCPU_GUEST_NS] : NULL;
    g.current = &now->gauges[VCPU_GUEST_NS];
    l->guest = l->host = guest_of(&g, before, now, out->cpu_ratio);
    if (l->guest.state == READING_OK)
        l->host.value = out->cpu_ratio.value - l->guest.value;
    struct figure at_end = guest_of_interval(&g, before, now, out->cpu_ratio);
    g.then = before != NULL ? &before->gauges[VCPU_THROTTLED_NS] : NULL;
    g.current = &now->gauges[VCPU_THROTTLED_NS];
    l->throttled = ratio_of(&g);
    l->halt_poll = halt_poll(fields, out->values);
    l->host_cpu = now->gauges[VCPU_HOST_CPU];
    l->cpu_count = now->gauges[VCPU_CPU_COUNT];
    l->state = (uint8_t)vcpu_state(before != NULL ? &before->gauges[VCPU_LOOK] : NULL, out, at_end);
    l->state_cause = l->state == VCPU_STATE_UNKNOWN ? now->gauges[VCPU_LOOK].cause : CAUSE_NONE;
}

/* --- a VM ------------------------------------------------------------------------------------- */

/*
 * Without a look CPU time is all there is, and it is of the interval: who has used some ran, and
 * who has used none may be either.
 */
static enum vm_state state_by_cpu_time(const struct snapshot_vm *vm)
{
    const struct figure *run = &vm->load.run_worst;

    if (vm->gauges[VM_LOOK].state != READING_DENIED || run->state != READING_OK)
        return VM_STATE_UNKNOWN;
    return run->value >= PAUSED_CPU_MAX ? VM_STATE_RUNNING : VM_STATE_IDLE_OR_PAUSED;
}

static bool is_migrating(const struct snapshot_vm *vm)
{
    const struct reading *threads = &vm->gauges[VM_MIGRATION_THREADS];

    return vm->migration == VM_MIGRATING || (threads->state == READING_OK && threads->raw > 0);
}

static enum vm_state vm_state(const struct reading *then, const struct snapshot_vm *vm)
{
    const struct reading *look = &vm->gauges[VM_LOOK];
    const struct figure *run = &vm->load.run_worst;
    bool is_quiet = run->state == READING_OK && run->value < PAUSED_CPU_MAX;

    if (look->state != READING_OK)
        return state_by_cpu_time(vm);
    switch (look->raw) {
    case VM_LOOK_RUNS:
        return is_migrating(vm) ? VM_STATE_MIGRATING : VM_STATE_RUNNING;
    case VM_LOOK_OUTSIDE:
        return is_quiet && is_look(then, VM_LOOK_OUTSIDE) ? VM_STATE_PAUSED
                                                          : VM_STATE_IDLE_OR_PAUSED;
    case VM_LOOK_STOPPED:
        return VM_STATE_STOPPED;
    case VM_LOOK_FROZEN:
        return VM_STATE_FROZEN;
    default:
        return VM_STATE_UNKNOWN;
    }
}

const struct role_gauges snapshot_role_gauges[VM_ROLE_COUNT] = {
    [VM_ROLE_VCPU] = {VM_VCPU_CPU_NS, VM_VCPU_WAIT_NS, VM_VCPU_THREADS},
    [VM_ROLE_IOTHREAD] = {VM_IOTHREAD_CPU_NS, VM_IOTHREAD_WAIT_NS, VM_IOTHREAD_THREADS},
    [VM_ROLE_VHOST] = {VM_VHOST_CPU_NS, VM_VHOST_WAIT_NS, VM_VHOST_THREADS},
    [VM_ROLE_MIGRATION] = {VM_MIGRATION_CPU_NS, VM_MIGRATION_WAIT_NS, VM_MIGRATION_THREADS},
    [VM_ROLE_KERNEL] = {VM_KERNEL_CPU_NS, VM_KERNEL_WAIT_NS, VM_KERNEL_THREADS},
    [VM_ROLE_EMULATOR] = {VM_EMULATOR_CPU_NS, VM_EMULATOR_WAIT_NS, VM_EMULATOR_THREADS},
};

static struct figure vm_ratio(const struct sample_vm *before, const struct sample_vm *now,
                              enum vm_gauge gauge)
{
    const struct growing g = {
        .before = before != NULL ? &before->entity : NULL,
        .then = before != NULL ? &before->gauges[gauge] : NULL,
        .now = &now->entity,
        .current = &now->gauges[gauge],
    };
    return ratio_of(&g);
}

/* A share of periods: of how many it was, the time between does not matter. */
static struct figure throttled_periods(const struct sample_vm *before, const struct sample_vm *now)
{
    struct figure hit = vm_ratio(before, now, VM_THROTTLED_PERIODS),
                  all = vm_ratio(before, now, VM_LIMITED_PERIODS);

    if (hit.state != READING_OK || all.state != READING_OK)
        return hit.state != READING_OK ? hit : all;
    /* A period begins only while something wants to run: without one no limit was hit. */
    hit.value = all.value > 0 ? hit.value / all.value : 0;
    hit.value = hit.value > 1 ? 1 : hit.value;
    return hit;
}

void snapshot_load_vm(const struct sample_vm *before, const struct sample_vm *now,
                      const struct load_fields *fields, struct snapshot_vm *out)
{
    struct vm_load *l = &out->load;
    struct figure sum, unused;

    l->uptime_s = scaled(&now->gauges[VM_UPTIME_NS], 1 / NS_PER_S);
    over_vcpus(out, offsetof(struct snapshot_vcpu, cpu_ratio), &sum, &l->run_worst);
    l->run_mean = mean_of(sum, out->vcpu_count);
    over_vcpus(out, offsetof(struct snapshot_vcpu, wait_ratio), &sum, &l->ready_worst);
    l->ready_mean = mean_of(sum, out->vcpu_count);
    over_vcpus(out, offsetof(struct snapshot_vcpu, load.guest), &l->guest, &unused);
    over_vcpus(out, offsetof(struct snapshot_vcpu, load.host), &l->host, &unused);
    l->throttled = vm_ratio(before, now, VM_THROTTLED_NS);
    l->throttled_periods = throttled_periods(before, now);
    l->halt_poll = halt_poll(fields, out->values);
    for (size_t i = 0; i < VM_ROLE_COUNT; i++) {
        l->roles[i].threads = now->gauges[snapshot_role_gauges[i].threads];
        l->roles[i].cpu = vm_ratio(before, now, snapshot_role_gauges[i].cpu_ns);
        l->roles[i].wait = vm_ratio(before, now, snapshot_role_gauges[i].wait_ns);
    }
    for (unsigned i = 0; i < PRESSURE_COUNT; i++)
        l->pressure[i] = vm_ratio(before, now, (enum vm_gauge)(VM_CPU_SOME_NS + i));
    l->state = (uint8_t)vm_state(before != NULL ? &before->gauges[VM_LOOK] : NULL, out);
    l->state_cause = l->state == VM_STATE_UNKNOWN ? now->gauges[VM_LOOK].cause : CAUSE_NONE;
    /* Its threads sleep where the freezer caught them, which says nothing of the guest. */
    for (size_t k = 0; k < out->vcpu_count && l->state == VM_STATE_FROZEN; k++)
        out->vcpus[k].load.state = VCPU_STATE_STOPPED;
}

enum vm_state snapshot_vm_state(const struct snapshot *s, const struct vm_id *id)
{
    const struct snapshot_vm *vm = snapshot_find(s, id);

    return vm != NULL ? (enum vm_state)vm->load.state : VM_STATE_ENDED;
}

/* --- the host --------------------------------------------------------------------------------- */

static struct figure host_ratio(const struct sample *prev, const struct sample *cur,
                                enum host_gauge gauge)
{
    const struct growing g = {
        .before = prev != NULL ? &prev->host : NULL,
        .then = prev != NULL ? &prev->host_gauges[gauge] : NULL,
        .now = &cur->host,
        .current = &cur->host_gauges[gauge],
    };
    return ratio_of(&g);
}

/* Of the time of all CPUs in a window: its clock is the kernel's own, not ours. @interval: what is
 * known of the part in the interval. */
static struct figure share_of(struct figure interval, const struct tick_point *grown, unsigned part)
{
    if (interval.state != READING_OK)
        return interval;
    if (grown->at_ns < TICK_WINDOW_MIN_NS)
        return no_figure(READING_WARMUP, grown->at_ns > 0 ? CAUSE_FEW_TICKS : CAUSE_NONE);
    double share = (double)grown->part_ns[part] / (double)grown->at_ns;
    interval.value = share < 1 ? share : 1;
    return interval;
}

void snapshot_load_host(const struct sample *prev, const struct sample *cur, struct host_load *ret)
{
    const struct reading *g = cur->host_gauges;
    const struct tick_point then = prev != NULL ? sample_host_ticks(prev) : (struct tick_point){0},
                            at = sample_host_ticks(cur);
    struct tick_point grown;

    if (!tick_window_grown(&cur->host_ticks, &then, &at, &grown))
        grown = (struct tick_point){0};

    ret->load_1 = scaled(&g[HOST_LOAD_1], 0.01);
    ret->load_5 = scaled(&g[HOST_LOAD_5], 0.01);
    ret->load_15 = scaled(&g[HOST_LOAD_15], 0.01);
    ret->guest = share_of(host_ratio(prev, cur, HOST_GUEST_NS), &grown, TICK_HOST_GUEST);
    ret->steal = share_of(host_ratio(prev, cur, HOST_STEAL_NS), &grown, TICK_HOST_STEAL);
    ret->iowait = share_of(host_ratio(prev, cur, HOST_IOWAIT_NS), &grown, TICK_HOST_IOWAIT);
    ret->busy = share_of(host_ratio(prev, cur, HOST_IDLE_NS), &grown, TICK_HOST_IDLE);
    if (ret->busy.state == READING_OK && ret->steal.state == READING_OK &&
        ret->iowait.state == READING_OK) {
        double busy = 1 - ret->busy.value - ret->steal.value - ret->iowait.value;
        ret->busy.value = busy > 0 ? busy : 0;
    } else if (ret->busy.state == READING_OK) {
        ret->busy = ret->steal.state != READING_OK ? ret->steal : ret->iowait;
    }
    ret->mem_free = g[HOST_MEM_FREE_BYTES];
    ret->mem_available = g[HOST_MEM_AVAILABLE_BYTES];
    ret->swap_total = g[HOST_SWAP_TOTAL_BYTES];
    ret->swap_free = g[HOST_SWAP_FREE_BYTES];
    for (unsigned i = 0; i < PRESSURE_COUNT; i++)
        ret->pressure[i] = host_ratio(prev, cur, (enum host_gauge)(HOST_CPU_SOME_NS + i));
}
