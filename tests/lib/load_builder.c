// SPDX-License-Identifier: MIT
#include "tests/lib/load_builder.h"

struct figure load_builder_figure(double value)
{
    return (struct figure){.value = value, .state = READING_OK};
}

struct figure load_builder_missing(enum reading_state state, enum reading_cause cause)
{
    return (struct figure){.state = (uint8_t)state, .cause = (uint8_t)cause};
}

#define OK        load_builder_figure
#define NOT_ASKED load_builder_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR)

static void sum_up(struct snapshot_vm *vm)
{
    struct vm_load *l = &vm->load;
    double run = 0, ready = 0, n = (double)vm->vcpu_count;

    l->run_worst = l->ready_worst = OK(0);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        run += vcpu->cpu_ratio.value;
        ready += vcpu->wait_ratio.value;
        if (vcpu->cpu_ratio.value > l->run_worst.value)
            l->run_worst.value = vcpu->cpu_ratio.value;
        if (vcpu->wait_ratio.value > l->ready_worst.value)
            l->ready_worst.value = vcpu->wait_ratio.value;
    }
    l->run_mean = OK(run / n);
    l->ready_mean = OK(ready / n);
    vm->wait_ratio = OK(ready);
}

static void not_asked_places(struct snapshot_vm *vm)
{
    const struct figure no = NOT_ASKED;
    const struct reading none = reading_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);

    vm->memory = (struct vm_memory){.resident = none,
                                    .anon = none,
                                    .file = none,
                                    .shmem = none,
                                    .hugetlb = none,
                                    .swapped = none,
                                    .ksm_merged = none,
                                    .ksm_zero = none,
                                    .cgroup_current = none,
                                    .cgroup_swap = none,
                                    .cgroup_max = none,
                                    .cgroup_high = none,
                                    .cgroup_limit_share = no,
                                    .balloon = none,
                                    .looked_pages = none,
                                    .huge_share = no,
                                    .thp_share = no,
                                    .hugetlb_share = no,
                                    .numa_local = no,
                                    .numa_pages = none,
                                    .numa_node = none,
                                    .numa_node_share = no};
    vm->io = (struct vm_io){
        .read = {none, no}, .written = {none, no}, .devices_found = none, .vhost_nets = none};
    for (int c = 0; c < IO_COUNTER_COUNT; c++)
        vm->io.net[c] = vm->io.block[c] = no;
}

void load_builder_vm(struct snapshot_builder *b, size_t index)
{
    struct snapshot_vm *vm = snapshot_builder_get(b, index);
    struct vm_load *l = &vm->load;
    const struct figure no = NOT_ASKED;
    const struct reading none = reading_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);

    *l = (struct vm_load){.state_cause = CAUSE_NOT_ASKED_FOR,
                          .uptime_s = no,
                          .guest = no,
                          .host = no,
                          .throttled = no,
                          .throttled_periods = no,
                          .halt_poll = OK(0)};
    for (int i = 0; i < VM_ROLE_COUNT; i++)
        l->roles[i] = (struct role_load){.threads = none, .cpu = no, .wait = no};
    for (int i = 0; i < PRESSURE_COUNT; i++)
        l->pressure[i] = no;
    for (size_t i = 0; i < vm->vcpu_count; i++)
        vm->vcpus[i].load = (struct vcpu_load){.state_cause = CAUSE_NOT_ASKED_FOR,
                                               .guest = no,
                                               .host = no,
                                               .throttled = no,
                                               .halt_poll = OK(0),
                                               .host_cpu = none,
                                               .cpu_count = none};
    sum_up(vm);
    not_asked_places(vm);
}

/* No devices, no limit, one node, no huge pages; the rest is of VmRSS. */
static void set_places(struct snapshot_vm *vm)
{
    const uint64_t rss = vm->gauges[VM_RSS_BYTES].raw;
    const struct reading none = reading_ok(0, SOURCE_PROC),
                         unlimited = reading_of_cause(CAUSE_NO_MEMORY_LIMIT);
    const struct figure no_net = load_builder_missing(READING_ABSENT, CAUSE_NO_NET_DEVICE),
                        no_block = load_builder_missing(READING_ABSENT, CAUSE_NO_BLOCK_DEVICE);

    vm->memory = (struct vm_memory){
        .resident = reading_ok(rss, SOURCE_PROC),
        .anon = reading_ok(rss - rss / 8, SOURCE_PROC),
        .file = reading_ok(rss / 8, SOURCE_PROC),
        .shmem = none,
        .hugetlb = none,
        .swapped = none,
        .ksm_merged = none,
        .ksm_zero = none,
        .cgroup_current = reading_ok(rss + (4 << 20), SOURCE_PROC),
        .cgroup_swap = none,
        .cgroup_max = unlimited,
        .cgroup_high = unlimited,
        .cgroup_limit_share = load_builder_missing(READING_ABSENT, CAUSE_NO_MEMORY_LIMIT),
        .balloon = reading_of_cause(CAUSE_BALLOON_UNSEEN),
        .looked_pages = reading_ok(4096, SOURCE_PROC),
        .huge_share = OK(0),
        .thp_share = OK(0),
        .hugetlb_share = OK(0),
        .huge_kind = HUGE_NONE,
        .numa_local = load_builder_missing(READING_ABSENT, CAUSE_ONE_NODE),
    };
    vm->io = (struct vm_io){.read = {reading_ok(1 << 20, SOURCE_PROC), OK(0)},
                            .written = {reading_ok(1 << 20, SOURCE_PROC), OK(0)},
                            .devices_found = none,
                            .vhost_nets = none};
    for (int c = 0; c < IO_COUNTER_COUNT; c++) {
        vm->io.net[c] = no_net;
        vm->io.block[c] = no_block;
    }
}

/* A data base whose memory is nearly all, and half of it far away. */
static void strain(struct snapshot_vm *db)
{
    const uint64_t mib = 1 << 20;

    db->memory.resident = reading_ok(25877 * mib, SOURCE_PROC);
    db->memory.anon = reading_ok(877 * mib, SOURCE_PROC);
    db->memory.file = reading_ok(24 * mib, SOURCE_PROC);
    db->memory.shmem = reading_ok(24976 * mib, SOURCE_PROC);
    db->memory.swapped = reading_ok(1336 * mib, SOURCE_PROC);
    db->memory.ksm_merged = reading_ok(52 * mib, SOURCE_PROC);
    db->memory.cgroup_current = reading_ok(27000 * mib, SOURCE_PROC);
    db->memory.cgroup_max = reading_ok(33 << 10, SOURCE_PROC);
    db->memory.cgroup_max.raw *= mib;
    db->memory.cgroup_high = reading_ok(27500 * mib, SOURCE_PROC);
    db->memory.cgroup_limit_share = OK(27000 / 27500.0);
    db->memory.huge_share = db->memory.thp_share = OK(0.713);
    db->memory.huge_kind = HUGE_THP;
    db->memory.numa_local = OK(0.48);
    db->io.read.rate = OK(38.2 * (double)mib);
    db->io.written.rate = OK(112.4 * (double)mib);
    db->io.block[IO_IN_OPS] = OK(1210);
    db->io.block[IO_OUT_OPS] = OK(3422);
    db->io.net[IO_IN_BYTES] = OK(2.5 * (double)mib);
    db->io.net[IO_OUT_BYTES] = OK(11.7 * (double)mib);
    db->io.net[IO_IN_OPS] = OK(4110);
    db->io.net[IO_OUT_OPS] = OK(9020);
    db->io.net[IO_IN_DROPS] = OK(131);
    db->io.net[IO_OUT_DROPS] = OK(0);
}

static void set_role(struct vm_load *l, enum vm_role role, uint64_t threads, double cpu,
                     double wait)
{
    l->roles[role] = (struct role_load){
        .threads = reading_ok(threads, SOURCE_PROC), .cpu = OK(cpu), .wait = OK(wait)};
}

/* Of all that is asked for; @busy 0..1 of a CPU for each vCPU, @ready likewise. */
static void set_vm(struct snapshot_builder *b, size_t index, double busy, double ready,
                   const char *cpus)
{
    struct snapshot_vm *vm = snapshot_builder_get(b, index);
    struct vm_load *l = &vm->load;
    const size_t n = vm->vcpu_count;
    double all = 0;

    for (size_t i = 0; i < n; i++) {
        struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        /* They are not all alike: the last ones have less to do, and wait less. */
        double run = busy * (double)(n - i) / (double)n * 1.25;
        run = run > 0.99 ? 0.99 : run;
        vcpu->cpu_ratio = OK(run);
        vcpu->wait_ratio = OK(ready);
        vcpu->load = (struct vcpu_load){
            .state = run > 0.3 ? VCPU_STATE_GUEST : VCPU_STATE_HALTED,
            .guest = OK(run * 0.9),
            .host = OK(run * 0.1),
            .throttled = load_builder_missing(READING_ABSENT, CAUSE_NO_CPU_LIMIT),
            .halt_poll = OK(run * 0.02),
            .host_cpu = reading_ok(i % 2, SOURCE_PROC),
            .cpu_count = reading_ok(2, SOURCE_PROC),
            .cpus_allowed = cpus};
        all += run;
    }
    *l = (struct vm_load){.state = VM_STATE_RUNNING,
                          .uptime_s = OK(86400.0 * 12 + 3600 * 3),
                          .guest = OK(all * 0.9),
                          .host = OK(all * 0.1),
                          .throttled = load_builder_missing(READING_ABSENT, CAUSE_NO_CPU_LIMIT),
                          .throttled_periods =
                              load_builder_missing(READING_ABSENT, CAUSE_NO_CPU_LIMIT),
                          .halt_poll = OK(all * 0.02)};
    set_role(l, VM_ROLE_VCPU, n, all, ready * (double)n);
    set_role(l, VM_ROLE_IOTHREAD, 2, busy * 0.21, 0.001);
    set_role(l, VM_ROLE_VHOST, 1, busy * 0.34, ready / 4);
    set_role(l, VM_ROLE_MIGRATION, 0, 0, 0);
    set_role(l, VM_ROLE_KERNEL, 1, 0, 0);
    set_role(l, VM_ROLE_EMULATOR, 3, busy * 0.05, 0);
    for (int i = 0; i < PRESSURE_COUNT; i++)
        l->pressure[i] = OK(ready / (i + 1));
    sum_up(vm);
    vm->cpu_ratio = OK(all + busy * 0.6);
    set_places(vm);
}

static void contend(struct snapshot_builder *b)
{
    struct snapshot_vm *db = snapshot_builder_get(b, 1), *fc = snapshot_builder_get(b, 2),
                       *idle = snapshot_builder_get(b, 0);

    /* One waits most, so that the mean says 12 %. */
    for (size_t i = 0; i < db->vcpu_count; i++)
        db->vcpus[i].wait_ratio = OK(i == 2 ? 0.31 : i == 7 ? 0.02 : i % 2 == 0 ? 0.15 : 0.06);
    db->vcpus[2].load.state = VCPU_STATE_READY;
    db->vcpus[5].load.state = VCPU_STATE_HOST;
    db->vcpus[6].load.state = VCPU_STATE_BLOCKED;
    sum_up(db);
    db->load.ready_mean = OK(0.12);
    strain(db);
    fc->memory.huge_kind = HUGE_HUGETLB;
    fc->memory.huge_share = fc->memory.hugetlb_share = OK(1);
    fc->memory.cgroup_max = reading_ok(512ull << 20, SOURCE_PROC);
    fc->memory.cgroup_limit_share = OK((double)fc->memory.cgroup_current.raw / (512 << 20));
    for (int c = 0; c < IO_COUNTER_COUNT; c++)
        fc->io.net[c] = OK(c == IO_IN_DROPS || c == IO_OUT_DROPS ? 0 : c == IO_IN_OPS ? 0.04 : 7);
    fc->io.net[IO_OUT_DROPS] = OK(0.5);
    fc->io.read = fc->io.written =
        (struct io_count){reading_missing(READING_DENIED, CAUSE_NO_PERMISSION),
                          load_builder_missing(READING_DENIED, CAUSE_NO_PERMISSION)};
    fc->load.throttled = fc->vcpus[0].load.throttled = OK(0.237);
    fc->load.throttled_periods = OK(0.61);
    idle->load.state = VM_STATE_PAUSED;
    for (size_t i = 0; i < idle->vcpu_count; i++)
        idle->vcpus[i].load.state = VCPU_STATE_PAUSED;
    for (int i = 0; i < PRESSURE_COUNT; i++)
        idle->load.pressure[i] = load_builder_missing(READING_ABSENT, CAUSE_ROOT_CGROUP);
}

static void set_host(struct snapshot *s, double load, double busy, double steal, uint64_t available,
                     uint64_t swap_used, double pressure)
{
    s->host_load =
        (struct host_load){.load_1 = OK(load),
                           .load_5 = OK(load * 0.9),
                           .load_15 = OK(load * 0.7),
                           .busy = OK(busy),
                           .guest = OK(busy * 0.8),
                           .steal = OK(steal),
                           .iowait = OK(0.01),
                           .mem_free = reading_ok(available / 2, SOURCE_PROC),
                           .mem_available = reading_ok(available, SOURCE_PROC),
                           .swap_total = reading_ok(4ull << 30, SOURCE_PROC),
                           .swap_free = reading_ok((4ull << 30) - swap_used, SOURCE_PROC)};
    for (int i = 0; i < PRESSURE_COUNT; i++)
        s->host_load.pressure[i] = OK(i % 2 == 0 ? pressure / (i + 1) : pressure / (i + 4));
}

void load_builder_host(struct snapshot_builder *b, enum load_kind kind)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    switch (kind) {
    case LOAD_QUIET:
        set_vm(b, 0, 0.004, 0, "0-1");
        set_vm(b, 1, 0.02, 0.0004, "0-1");
        set_vm(b, 2, 0.01, 0, "0-1");
        set_host(s, 0.08, 0.012, 0, 6ull << 30, 0, 0.001);
        break;
    case LOAD_BUSY:
        set_vm(b, 0, 0.015, 0, "0-1");
        set_vm(b, 1, 0.70, 0.031, "0-1");
        set_vm(b, 2, 0.45, 0.057, "1");
        set_host(s, 6.4, 0.83, 0.004, 3ull << 30, 0, 0.089);
        break;
    case LOAD_CONTENDED:
        set_vm(b, 0, 0, 0, "0-1");
        set_vm(b, 1, 0.70, 0.12, "0-1");
        set_vm(b, 2, 0.45, 0.084, "1");
        contend(b);
        set_host(s, 17.5, 0.99, 0.113, 210ull << 20, 3ull << 30, 0.62);
        break;
    }
}
