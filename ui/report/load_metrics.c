// SPDX-License-Identifier: MIT
/* Load as metrics. */
#include "ui/report/metrics_subject.h"
#include "ui/report/report_load.h"

static const struct field nanoseconds = {.base = 10, .exponent = -9, .size = 1};

static void put_ns(struct metrics_family *f, const struct metrics_label *labels,
                   const struct reading *reading)
{
    if (reading->state == READING_OK)
        metrics_scaled(f, labels, &nanoseconds, reading->raw);
}

/* --- a VM, a vCPU ----------------------------------------------------------------------------- */

enum shape { SHAPE_COUNT, SHAPE_NS };

struct plain {
    bool vcpu;
    int gauge;
    const char *stem;
    enum metrics_type type;
    const char *unit;
    enum shape shape;
    const char *help;
};

static const struct plain plains[] = {
    {false, VM_UPTIME_NS, "vm_uptime", METRICS_GAUGE, "seconds", SHAPE_NS,
     "Age of the VMM process"},
    {false, VM_THROTTLED_NS, "vm_throttled", METRICS_COUNTER, "seconds", SHAPE_NS,
     "Time that limits of its cgroups kept CPUs from the VM"},
    {false, VM_THROTTLED_PERIODS, "vm_throttled_periods", METRICS_COUNTER, NULL, SHAPE_COUNT,
     "Periods in which a limit of its cgroups was hit"},
    {false, VM_LIMITED_PERIODS, "vm_limited_periods", METRICS_COUNTER, NULL, SHAPE_COUNT,
     "Periods in which its cgroups ran under a limit"},
    {true, VCPU_GUEST_NS, "vcpu_guest", METRICS_COUNTER, "seconds", SHAPE_NS,
     "CPU time of the vCPU thread in the guest"},
    {true, VCPU_THROTTLED_NS, "vcpu_throttled", METRICS_COUNTER, "seconds", SHAPE_NS,
     "Time that limits of its cgroups kept CPUs from the vCPU"},
    {true, VCPU_HOST_CPU, "vcpu_host_cpu", METRICS_GAUGE, NULL, SHAPE_COUNT,
     "CPU of the host that the vCPU ran on last"},
    {true, VCPU_CPU_COUNT, "vcpu_cpus_allowed", METRICS_GAUGE, NULL, SHAPE_COUNT,
     "CPUs of the host on which the vCPU may run"},
};

static void put_plain(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    const struct plain *p = arg;
    const struct reading *reading =
        p->vcpu ? &subject->vcpu->gauges[p->gauge] : &subject->vm->gauges[p->gauge];

    if (p->shape == SHAPE_NS)
        put_ns(f, subject->labels, reading);
    else if (reading->state == READING_OK)
        metrics_int(f, subject->labels, reading->raw);
}

static void put_state(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    const struct snapshot_vcpu *vcpu = subject->vcpu;
    const char *name = vcpu != NULL ? vcpu_state_name((enum vcpu_state)vcpu->load.state)
                                    : vm_state_name((enum vm_state)subject->vm->load.state);
    bool is_known = vcpu != NULL ? vcpu->load.state != VCPU_STATE_UNKNOWN
                                 : subject->vm->load.state != VM_STATE_UNKNOWN;

    (void)arg;
    if (is_known)
        metrics_int(f, metrics_labels_with(metrics_labels_of(subject), "state", name).at, 1);
}

/* Which of the gauges of a role. */
struct role_part {
    size_t offset; /* from the first of the role */
    enum shape shape;
};

static void put_roles(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    static const enum vm_gauge first[VM_ROLE_COUNT] = {
        [VM_ROLE_VCPU] = VM_VCPU_CPU_NS,     [VM_ROLE_IOTHREAD] = VM_IOTHREAD_CPU_NS,
        [VM_ROLE_VHOST] = VM_VHOST_CPU_NS,   [VM_ROLE_MIGRATION] = VM_MIGRATION_CPU_NS,
        [VM_ROLE_KERNEL] = VM_KERNEL_CPU_NS, [VM_ROLE_EMULATOR] = VM_EMULATOR_CPU_NS,
    };
    const struct role_part *part = arg;

    for (int i = 0; i < VM_ROLE_COUNT; i++) {
        const struct reading *reading = &subject->vm->gauges[first[i] + part->offset];
        const struct metrics_labels l =
            metrics_labels_with(metrics_labels_of(subject), "role", vm_role_name((enum vm_role)i));
        if (part->shape == SHAPE_NS)
            put_ns(f, l.at, reading);
        else if (reading->state == READING_OK)
            metrics_int(f, l.at, reading->raw);
    }
}

static void put_role_families(const struct report *r, struct metrics *m, const struct snapshot *s)
{
    static const struct {
        const char *stem, *unit, *help;
        enum metrics_type type;
        struct role_part part;
    } families[] = {
        {"vm_role_cpu",
         "seconds",
         "CPU time of the VM's threads by role",
         METRICS_COUNTER,
         {0, SHAPE_NS}},
        {"vm_role_wait",
         "seconds",
         "Time the VM's threads were ready but had no CPU, by role",
         METRICS_COUNTER,
         {1, SHAPE_NS}},
        {"vm_role_threads", NULL, "Threads of the VM by role", METRICS_GAUGE, {2, SHAPE_COUNT}},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct metrics_family f = metrics_family(m, families[i].type, families[i].stem,
                                                 families[i].unit, families[i].help);
        metrics_each(r->filter, s, false, put_roles, &f, &families[i].part);
    }
}

/* --- pressure --------------------------------------------------------------------------------- */

static const struct {
    const char *resource, *kind;
} pressures[PRESSURE_COUNT] = {
    [PRESSURE_CPU_SOME] = {"cpu", "some"},       [PRESSURE_CPU_FULL] = {"cpu", "full"},
    [PRESSURE_MEMORY_SOME] = {"memory", "some"}, [PRESSURE_MEMORY_FULL] = {"memory", "full"},
    [PRESSURE_IO_SOME] = {"io", "some"},         [PRESSURE_IO_FULL] = {"io", "full"},
};

/* @subject NULL: the host. */
static void put_pressure_of(struct metrics_family *f, const struct metrics_subject *subject,
                            const struct reading *first)
{
    for (size_t i = 0; i < PRESSURE_COUNT; i++) {
        struct metrics_labels l = metrics_labels_of(subject);
        l = metrics_labels_with(l, "resource", pressures[i].resource);
        l = metrics_labels_with(l, "kind", pressures[i].kind);
        put_ns(f, l.at, &first[i]);
    }
}

static void put_pressure(struct metrics_family *f, const struct metrics_subject *subject,
                         const void *arg)
{
    (void)arg;
    put_pressure_of(f, subject, &subject->vm->gauges[VM_CPU_SOME_NS]);
}

/* --- the host --------------------------------------------------------------------------------- */

static void put_host_sizes(struct metrics *m, const struct reading *g)
{
    static const struct {
        enum host_gauge gauge;
        const char *stem, *help;
    } sizes[] = {
        {HOST_MEM_FREE_BYTES, "host_memory_free", "Memory of the host that nobody uses"},
        {HOST_MEM_AVAILABLE_BYTES, "host_memory_available",
         "Memory of the host that can be had without swapping"},
        {HOST_SWAP_TOTAL_BYTES, "host_swap_size", "Swap space of the host"},
        {HOST_SWAP_FREE_BYTES, "host_swap_free", "Swap space of the host that nobody uses"},
    };
    const struct metrics_labels none = metrics_labels_of(NULL);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct metrics_family f =
            metrics_family(m, METRICS_GAUGE, sizes[i].stem, "bytes", sizes[i].help);
        if (g[sizes[i].gauge].state == READING_OK)
            metrics_int(&f, none.at, g[sizes[i].gauge].raw);
    }
}

static void put_host(struct metrics *m, const struct reading *g)
{
    static const struct {
        enum host_gauge gauge;
        const char *label;
    } modes[] = {{HOST_CPU_NS, "all"},
                 {HOST_IDLE_NS, "idle"},
                 {HOST_IOWAIT_NS, "iowait"},
                 {HOST_STEAL_NS, "steal"},
                 {HOST_GUEST_NS, "guest"}},
      loads[] = {{HOST_LOAD_1, "1"}, {HOST_LOAD_5, "5"}, {HOST_LOAD_15, "15"}};
    const struct metrics_labels none = metrics_labels_of(NULL);
    struct metrics_family f =
        metrics_family(m, METRICS_COUNTER, "host_cpu", "seconds",
                       "Time of all CPUs of the host: all of it, and some of what it went into");

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        put_ns(&f, metrics_labels_with(none, "mode", modes[i].label).at, &g[modes[i].gauge]);
    f = metrics_family(m, METRICS_GAUGE, "host_load", NULL,
                       "Tasks that run or want to, mean over so many minutes");
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (g[loads[i].gauge].state == READING_OK)
            metrics_real(&f, metrics_labels_with(none, "minutes", loads[i].label).at,
                         (double)g[loads[i].gauge].raw / 100);
    put_host_sizes(m, g);
    f = metrics_family(m, METRICS_COUNTER, "host_pressure", "seconds",
                       "Time in which tasks of the host waited for a resource");
    put_pressure_of(&f, NULL, &g[HOST_CPU_SOME_NS]);
}

void load_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s)
{
    struct metrics_family f;

    put_host(m, s->host_gauges);
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        const struct plain *p = &plains[i];
        if (p->vcpu && !r->per_vcpu)
            continue;
        f = metrics_family(m, p->type, p->stem, p->unit, p->help);
        metrics_each(r->filter, s, p->vcpu, put_plain, &f, p);
    }
    f = metrics_family(m, METRICS_GAUGE, "vm_state", NULL, "State of the VM: 1 for that one");
    metrics_each(r->filter, s, false, put_state, &f, NULL);
    if (r->per_vcpu) {
        f = metrics_family(m, METRICS_GAUGE, "vcpu_state", NULL,
                           "State of the vCPU: 1 for that one");
        metrics_each(r->filter, s, true, put_state, &f, NULL);
    }
    put_role_families(r, m, s);
    f = metrics_family(m, METRICS_COUNTER, "vm_pressure", "seconds",
                       "Time in which tasks of the VM's cgroup waited for a resource");
    metrics_each(r->filter, s, false, put_pressure, &f, NULL);
}
