// SPDX-License-Identifier: MIT
/* Load, read of trees of the tests' own: threads, cgroups of both versions, the host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/model/vm_load.h"
#include "core/source/sampler.h"
#include "tests/lib/proc_bed.h"

#define PID     PROC_BED_PID
#define KVM_RUN "16 0x1c 0xae80 0x0 0x0 0x0 0x0 0x7f1 0x7f2\n"
#define FUTEX   "202 0x7f0 0x80 0x0 0x0 0x0 0x0 0x7f1 0x7f2\n"
#define MS      1000000ull

static struct proc_bed bench;

static void text_at(struct proc_bed *b, const char *text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void text_at(struct proc_bed *b, const char *text, const char *format, ...)
{
    char path[200];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    tree_text(&b->tree, path, text);
}

/* --- threads ---------------------------------------------------------------------------------- */

static void stat_of(struct proc_bed *b, int tid, char state, int cpu, unsigned guest_ticks)
{
    char text[300];

    snprintf(text, sizeof(text),
             "%d (a) b) %c 1 5 5 0 -1 64 1 0 0 0 7 8 0 0 20 0 3 0 4000 9 9 1 1 1 1 1 1 0 0 0 0 0 "
             "0 0 -1 %d 0 0 0 %u 0\n",
             tid, state, cpu, guest_ticks);
    text_at(b, text, "proc/%d/task/%d/stat", PID, tid);
}

static void thread(struct proc_bed *b, int tid, const char *comm, const char *syscall)
{
    text_at(b, comm, "proc/%d/task/%d/comm", PID, tid);
    text_at(b, syscall, "proc/%d/task/%d/syscall", PID, tid);
    text_at(b, "1000000 0 7\n", "proc/%d/task/%d/schedstat", PID, tid);
    text_at(b, "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-1,3\n", "proc/%d/task/%d/status",
            PID, tid);
    text_at(b, "0::/\n", "proc/%d/task/%d/cgroup", PID, tid);
    stat_of(b, tid, 'S', 1, 0);
}

static void used(struct proc_bed *b, int tid, uint64_t cpu_ms, uint64_t wait_ms)
{
    char text[80];

    snprintf(text, sizeof(text), "%llu %llu 9\n", (unsigned long long)(cpu_ms * MS),
             (unsigned long long)(wait_ms * MS));
    text_at(b, text, "proc/%d/task/%d/schedstat", PID, tid);
}

static void process_is(struct proc_bed *b, const char *state, int threads)
{
    char text[200];

    snprintf(text, sizeof(text),
             "Name:\tqemu\nState:\t%s\nTgid:\t%d\nVmRSS:\t 8 kB\nVmPTE:\t 4 kB\nThreads:\t%d\n",
             state, PID, threads);
    text_at(b, text, "proc/%d/status", PID);
}

static int setup(void **state)
{
    struct proc_bed *b = &bench;

    proc_bed_open(b);
    tree_text(&b->tree, "proc/uptime", "100.50 1.00\n");
    tree_fd(&b->tree, PID, 10, "anon_inode:kvm-vcpu:0");
    tree_fd(&b->tree, PID, 11, "anon_inode:kvm-vcpu:1");
    thread(b, PID, "qemu\n", FUTEX);
    thread(b, 501, "CPU 0/KVM\n", KVM_RUN);
    thread(b, 502, "CPU 1/KVM\n", FUTEX);
    process_is(b, "S (sleeping)", 3);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    proc_bed_close(*state);
    return 0;
}

/* One second later. */
static const struct snapshot_vm *tick(struct proc_bed *b, unsigned wishes)
{
    const struct snapshot_vm *vm = &proc_bed_tick(b, wishes)->vms[0];

    assert_int_equal(vm->vcpu_count, 2);
    return vm;
}

static void near(struct figure f, double value)
{
    assert_int_equal(f.state, READING_OK);
    if (f.value < value - 1e-6 || f.value > value + 1e-6)
        fail_msg("%g is not %g", f.value, value);
}

static void is_missing(struct figure f, enum reading_cause cause)
{
    assert_int_not_equal(f.state, READING_OK);
    assert_string_equal(reading_cause_id(f.cause), reading_cause_id(cause));
}

static void what_nobody_wishes_for_is_not_read(void **state)
{
    struct proc_bed *b = *state;
    const struct snapshot_vm *vm = tick(b, 0);

    for (int g = VM_UPTIME_NS; g < VM_GAUGE_COUNT; g++)
        assert_int_equal(vm->gauges[g].cause, CAUSE_NOT_ASKED_FOR);
    for (int g = VCPU_LOOK; g < VCPU_GAUGE_COUNT; g++)
        assert_int_equal(vm->vcpus[0].gauges[g].cause, CAUSE_NOT_ASKED_FOR);
    for (int g = 0; g < HOST_GAUGE_COUNT; g++)
        assert_int_equal(b->now->host_gauges[g].cause, CAUSE_NOT_ASKED_FOR);
    assert_null(vm->vcpus[0].load.cpus_allowed);
    assert_int_equal(vm->load.state_cause, CAUSE_NOT_ASKED_FOR);
}

/* What a person looks at in one VM is not read of all the others. */
static void a_wish_can_be_for_one_process_alone(void **state)
{
    struct proc_bed *b = *state;
    const struct snapshot_vm *vm = tick(b, LOAD_ROLES);

    assert_int_equal(vm->load.state_cause, CAUSE_NOT_ASKED_FOR);
    sampler_set_load_one(b->sampler, LOAD_STATE | LOAD_VCPUS, PID, 0);
    vm = tick(b, LOAD_ROLES);
    assert_int_equal(vm->load.state, VM_STATE_RUNNING);
    assert_int_equal(vm->load.uptime_s.state, READING_OK);
    assert_int_equal(vm->vcpus[0].load.host_cpu.raw, 1);
    assert_non_null(vm->vcpus[0].load.cpus_allowed);
    assert_int_equal(vm->load.roles[VM_ROLE_EMULATOR].threads.raw, 1);
    sampler_set_load_one(b->sampler, LOAD_STATE | LOAD_VCPUS, PID + 1, 0);
    vm = tick(b, LOAD_ROLES);
    assert_int_equal(vm->load.state, VM_STATE_UNKNOWN);
    assert_int_equal(vm->load.state_cause, CAUSE_NOT_ASKED_FOR);
    assert_int_equal(vm->vcpus[0].load.guest.cause, CAUSE_NOT_ASKED_FOR);
    assert_int_equal(vm->load.roles[VM_ROLE_EMULATOR].threads.raw, 1);
    /* Who was looked at before goes on. */
    sampler_set_load_one(b->sampler, LOAD_STATE | LOAD_VCPUS, PID + 1, PID);
    assert_int_equal(tick(b, 0)->load.state, VM_STATE_RUNNING);
    /* Of no process: 0 is the number of none. */
    sampler_set_load_one(b->sampler, LOAD_STATE, 0, 0);
    assert_int_equal(tick(b, 0)->load.state_cause, CAUSE_NOT_ASKED_FOR);
}

static void a_vm_runs_while_one_of_its_vcpus_does(void **state)
{
    struct proc_bed *b = *state;

    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_RUNNING);
    near(b->now->vms[0].load.uptime_s, 60.5);
    thread(b, 501, "CPU 0/KVM\n", FUTEX);
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_IDLE_OR_PAUSED);
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_PAUSED);
    thread(b, 502, "CPU 1/KVM\n", "running\n");
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_RUNNING);
    process_is(b, "T (stopped)", 3);
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_STOPPED);
    process_is(b, "t (tracing stop)", 3);
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_STOPPED);
}

static void each_vcpu_has_a_state_and_a_place(void **state)
{
    struct proc_bed *b = *state;
    const struct snapshot_vcpu *vcpus = tick(b, LOAD_VCPUS)->vcpus;

    assert_int_equal(vcpus[0].load.state, VCPU_STATE_HALTED);
    assert_int_equal(vcpus[1].load.state, VCPU_STATE_HOST);
    assert_string_equal(vcpus[0].load.cpus_allowed, "0-1,3");
    assert_int_equal(vcpus[0].load.cpu_count.raw, 3);
    assert_int_equal(vcpus[0].load.host_cpu.raw, 1);
    used(b, 501, 801, 0);
    stat_of(b, 501, 'R', 3, 70);
    stat_of(b, 502, 'D', 0, 0);
    vcpus = tick(b, LOAD_VCPUS)->vcpus;
    assert_int_equal(vcpus[0].load.state, VCPU_STATE_GUEST);
    near(vcpus[0].load.guest, 0.7);
    near(vcpus[0].load.host, 0.1);
    assert_int_equal(vcpus[0].load.host_cpu.raw, 3);
    assert_int_equal(vcpus[1].load.state, VCPU_STATE_BLOCKED);
    stat_of(b, 502, 'T', 0, 0);
    used(b, 501, 901, 900);
    stat_of(b, 501, 'R', 3, 79);
    vcpus = tick(b, LOAD_VCPUS)->vcpus;
    assert_int_equal(vcpus[0].load.state, VCPU_STATE_READY);
    assert_int_equal(vcpus[1].load.state, VCPU_STATE_STOPPED);
    stat_of(b, 502, 'S', 0, 0);
    tick(b, LOAD_VCPUS);
    vcpus = tick(b, LOAD_VCPUS)->vcpus;
    assert_int_equal(vcpus[1].load.state, VCPU_STATE_PAUSED);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_UNKNOWN);
}

/* Without the right to trace a process nobody says "running", nor "paused". */
static void where_the_look_is_denied_cpu_time_is_all_there_is(void **state)
{
    struct proc_bed *b = *state;
    char path[200];

    if (geteuid() != 0) {
        print_message("SKIP: not root, so no other user can be taken on\n");
        skip();
    }
    tick(b, LOAD_STATE | LOAD_VCPUS); /* as root: the tree is open */
    sampler_close(b->sampler);
    b->sampler = NULL;
    snapshot_free(b->now);
    b->now = NULL;
    chmod(b->tree.path, 0755);
    for (int tid = 501; tid <= 502; tid++) {
        snprintf(path, sizeof(path), "%s/proc/%d/task/%d/syscall", b->tree.path, PID, tid);
        assert_int_equal(chmod(path, 0), 0);
    }
    assert_int_equal(seteuid(65534), 0);
    tick(b, LOAD_STATE | LOAD_VCPUS);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_UNKNOWN);
    assert_int_equal(b->now->vms[0].load.state_cause, CAUSE_NO_PTRACE);
    tick(b, LOAD_STATE | LOAD_VCPUS);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_IDLE_OR_PAUSED);
    assert_int_equal(b->now->vms[0].vcpus[0].load.state, VCPU_STATE_UNKNOWN);
    assert_int_equal(b->now->vms[0].vcpus[0].load.state_cause, CAUSE_NO_PTRACE);
    used(b, 501, 801, 0);
    assert_int_equal(seteuid(65534), 0);
    tick(b, LOAD_STATE);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_RUNNING);
}

static void a_kernel_without_the_file_says_so(void **state)
{
    struct proc_bed *b = *state;

    tree_remove(&b->tree, "proc/500/task/501/syscall");
    tree_remove(&b->tree, "proc/500/task/502/syscall");
    tick(b, LOAD_STATE);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_UNKNOWN);
    assert_int_equal(b->now->vms[0].load.state_cause, CAUSE_NOT_IN_KERNEL);
}

/* --- roles ------------------------------------------------------------------------------------ */

static void kernel_thread(struct proc_bed *b, int pid, const char *comm)
{
    char text[300];

    tree_process(&b->tree, pid, comm, "", 1);
    snprintf(text, sizeof(text),
             "%d (%s) S 2 0 0 0 -1 2129984 0 0 0 0 0 9 0 0 20 0 1 0 5 0 0 1 0 0 0 0 0 0 0 0 0 0 0 "
             "0 17 0 0 0 0 0\n",
             pid, comm);
    text_at(b, text, "proc/%d/stat", pid);
    text_at(b, "2000000 0 1\n", "proc/%d/schedstat", pid);
}

static const struct role_load *role(struct proc_bed *b, enum vm_role role)
{
    return &b->now->vms[0].load.roles[role];
}

static void threads_have_roles_by_their_names(void **state)
{
    struct proc_bed *b = *state;

    thread(b, 503, "IO iothread1\n", FUTEX);
    thread(b, 504, "vhost-500\n", FUTEX);
    thread(b, 505, "mig/src/main\n", FUTEX);
    thread(b, 506, "kvm-nx-lpage-re\n", FUTEX);
    thread(b, 507, "worker\n", FUTEX);
    thread(b, 508, "IO mon_iothread\n", FUTEX);
    process_is(b, "S (sleeping)", 9);
    kernel_thread(b, 40, "vhost-503"); /* as before Linux 6.4: a thread of the process asked */
    kernel_thread(b, 41, "kvm-pit/500");
    kernel_thread(b, 42, "vhost-777"); /* of somebody else */
    tick(b, LOAD_ROLES | LOAD_STATE);
    assert_int_equal(role(b, VM_ROLE_VCPU)->threads.raw, 2);
    assert_int_equal(role(b, VM_ROLE_IOTHREAD)->threads.raw, 1);
    assert_int_equal(role(b, VM_ROLE_VHOST)->threads.raw, 2);
    assert_int_equal(role(b, VM_ROLE_MIGRATION)->threads.raw, 1);
    assert_int_equal(role(b, VM_ROLE_KERNEL)->threads.raw, 2);
    assert_int_equal(role(b, VM_ROLE_EMULATOR)->threads.raw, 3);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_MIGRATING);
    used(b, 504, 101, 50);
    used(b, 501, 401, 0);
    used(b, 503, 201, 0);
    text_at(b, "302000000 0 1\n", "proc/40/schedstat");
    tick(b, LOAD_ROLES);
    near(role(b, VM_ROLE_VHOST)->cpu, 0.4);
    near(role(b, VM_ROLE_VHOST)->wait, 0.05);
    near(role(b, VM_ROLE_VCPU)->cpu, 0.4);
    near(role(b, VM_ROLE_IOTHREAD)->cpu, 0.2);
    near(role(b, VM_ROLE_EMULATOR)->cpu, 0);
}

/* What it has used stays used, and what another one used is not counted twice. */
static void a_role_goes_on_without_a_thread_that_ended(void **state)
{
    struct proc_bed *b = *state;

    thread(b, 503, "worker\n", FUTEX);
    used(b, 503, 500, 0);
    process_is(b, "S (sleeping)", 4);
    tick(b, LOAD_ROLES);
    tree_remove(&b->tree, "proc/500/task/503");
    process_is(b, "S (sleeping)", 3);
    used(b, PID, 101, 0);
    tick(b, LOAD_ROLES);
    near(role(b, VM_ROLE_EMULATOR)->cpu, 0.1);
    assert_int_equal(role(b, VM_ROLE_EMULATOR)->threads.raw, 1);
    thread(b, 503, "worker\n", FUTEX);
    used(b, 503, 300, 0);
    process_is(b, "S (sleeping)", 4);
    tick(b, LOAD_ROLES);
    near(role(b, VM_ROLE_EMULATOR)->cpu, 0.3);
}

/* QEMU names a thread a moment after it began. */
static void a_thread_that_gets_its_name_late_is_looked_at_again(void **state)
{
    struct proc_bed *b = *state;

    tick(b, LOAD_ROLES);
    thread(b, 503, "qemu\n", FUTEX);
    process_is(b, "S (sleeping)", 4);
    tick(b, LOAD_ROLES);
    assert_int_equal(role(b, VM_ROLE_EMULATOR)->threads.raw, 2);
    thread(b, 503, "IO disk\n", FUTEX);
    tick(b, LOAD_ROLES);
    assert_int_equal(role(b, VM_ROLE_EMULATOR)->threads.raw, 1);
    assert_int_equal(role(b, VM_ROLE_IOTHREAD)->threads.raw, 1);
}

/* Who makes and ends threads all the time does not have all of them listed all the time. */
static void a_crowd_of_threads_is_listed_now_and_then(void **state)
{
    struct proc_bed *b = *state;
    int seen = 0;

    for (int tid = 1000; tid < 1300; tid++)
        thread(b, tid, "worker\n", FUTEX);
    process_is(b, "S (sleeping)", 303);
    tick(b, LOAD_STATE | LOAD_ROLES);
    assert_int_equal(role(b, VM_ROLE_EMULATOR)->threads.raw, 301);
    for (int i = 0; i < 16; i++) {
        thread(b, 2000 + i, "worker\n", FUTEX);
        process_is(b, "S (sleeping)", 304 + i);
        uint64_t before = role(b, VM_ROLE_EMULATOR)->threads.raw;
        tick(b, LOAD_STATE | LOAD_ROLES);
        seen += role(b, VM_ROLE_EMULATOR)->threads.raw != before;
    }
    assert_in_range(seen, 2, 3);
}

/* --- cgroups ---------------------------------------------------------------------------------- */

static void cgroup_of(struct proc_bed *b, int tid, const char *lines)
{
    text_at(b, lines, "proc/%d/task/%d/cgroup", PID, tid);
}

static void v2(struct proc_bed *b, const char *path, const char *max, unsigned us, unsigned hit,
               unsigned periods)
{
    char text[120];

    snprintf(text, sizeof(text),
             "usage_usec 1\nnr_periods %u\nnr_throttled %u\nthrottled_usec %u\n", periods, hit, us);
    text_at(b, text, "sys/fs/cgroup/%s/cpu.stat", path);
    text_at(b, max, "sys/fs/cgroup/%s/cpu.max", path);
    text_at(b, "domain\n", "sys/fs/cgroup/%s/cgroup.type", path);
    text_at(b, "populated 1\nfrozen 0\n", "sys/fs/cgroup/%s/cgroup.events", path);
}

static void pressure_is(struct proc_bed *b, const char *path, unsigned us)
{
    char text[120];

    snprintf(text, sizeof(text),
             "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n"
             "full avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n",
             us, us / 2);
    text_at(b, text, "sys/fs/cgroup/%s/cpu.pressure", path);
    text_at(b, text, "sys/fs/cgroup/%s/memory.pressure", path);
    text_at(b, text, "sys/fs/cgroup/%s/io.pressure", path);
}

/* As libvirt does it: the VM in a scope, each vCPU in a cgroup of threads. */
static void libvirt_v2(struct proc_bed *b)
{
    tree_text(&b->tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    v2(b, "m.slice", "max 100000\n", 0, 0, 0);
    v2(b, "m.slice/a.scope", "150000 100000\n", 1000, 10, 100);
    v2(b, "m.slice/a.scope/v0", "20000 100000\n", 5000, 1, 10);
    v2(b, "m.slice/a.scope/v1", "max 100000\n", 7, 7, 7);
    text_at(b, "threaded\n", "sys/fs/cgroup/m.slice/a.scope/v0/cgroup.type");
    text_at(b, "domain threaded\n", "sys/fs/cgroup/m.slice/a.scope/cgroup.type");
    cgroup_of(b, PID, "0::/m.slice/a.scope\n");
    cgroup_of(b, 501, "0::/m.slice/a.scope/v0\n");
    cgroup_of(b, 502, "0::/m.slice/a.scope/v1\n");
}

static void limits_above_count_and_each_of_them_once(void **state)
{
    struct proc_bed *b = *state;
    const struct snapshot_vm *vm;

    libvirt_v2(b);
    vm = tick(b, LOAD_THROTTLE);
    assert_int_equal(vm->gauges[VM_THROTTLED_NS].raw, 6000000);
    assert_int_equal(vm->gauges[VM_THROTTLED_PERIODS].raw, 11);
    assert_int_equal(vm->vcpus[0].gauges[VCPU_THROTTLED_NS].raw, 6000000);
    assert_int_equal(vm->vcpus[1].gauges[VCPU_THROTTLED_NS].raw, 1000000);
    v2(b, "m.slice/a.scope", "150000 100000\n", 101000, 11, 104);
    v2(b, "m.slice/a.scope/v0", "20000 100000\n", 205000, 4, 16);
    vm = tick(b, LOAD_THROTTLE);
    near(vm->load.throttled, 0.3);
    near(vm->load.throttled_periods, 0.4);
    near(vm->vcpus[0].load.throttled, 0.3);
    near(vm->vcpus[1].load.throttled, 0.1);
}

/* Its own total counts from another start: that is no throttling. */
static void a_move_to_another_cgroup_is_no_jump(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    v2(b, "other", "50000 100000\n", 900000000, 5000, 9000);
    tick(b, LOAD_THROTTLE);
    cgroup_of(b, 501, "0::/other\n");
    for (int i = 0; i < 20; i++) {
        const struct snapshot_vm *vm = tick(b, LOAD_THROTTLE);
        near(vm->load.throttled, 0);
        near(vm->vcpus[0].load.throttled, 0);
    }
    v2(b, "other", "50000 100000\n", 900400000, 5001, 9009);
    near(tick(b, LOAD_THROTTLE)->load.throttled, 0.4);
}

static void without_a_limit_there_is_nothing_to_be_throttled_by(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    for (int tid = PID; tid <= 502; tid++)
        cgroup_of(b, tid, "0::/m.slice\n");
    tick(b, LOAD_THROTTLE);
    is_missing(tick(b, LOAD_THROTTLE)->load.throttled, CAUSE_NO_CPU_LIMIT);
    is_missing(b->now->vms[0].vcpus[0].load.throttled, CAUSE_NO_CPU_LIMIT);
    /* One is set. */
    v2(b, "m.slice", "50000 100000\n", 0, 0, 0);
    for (int i = 0; i < 9; i++)
        tick(b, LOAD_THROTTLE);
    near(b->now->vms[0].load.throttled, 0);
}

static void limits_of_version_1_have_other_files(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "proc/self/mountinfo",
              "31 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
              "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "33 31 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n");
    for (int tid = PID; tid <= 502; tid++)
        cgroup_of(b, tid, "5:freezer:/vm\n4:cpu,cpuacct:/vm/a\n1:name=systemd:/x\n");
    text_at(b, "20000\n", "sys/fs/cgroup/cpu,cpuacct/vm/a/cpu.cfs_quota_us");
    text_at(b, "nr_periods 10\nnr_throttled 2\nthrottled_time 3000000\n",
            "sys/fs/cgroup/cpu,cpuacct/vm/a/cpu.stat");
    text_at(b, "-1\n", "sys/fs/cgroup/cpu,cpuacct/vm/cpu.cfs_quota_us");
    text_at(b, "THAWED\n", "sys/fs/cgroup/freezer/vm/freezer.state");
    tick(b, LOAD_THROTTLE | LOAD_PRESSURE | LOAD_STATE);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_RUNNING);
    text_at(b, "nr_periods 20\nnr_throttled 7\nthrottled_time 503000000\n",
            "sys/fs/cgroup/cpu,cpuacct/vm/a/cpu.stat");
    text_at(b, "FROZEN\n", "sys/fs/cgroup/freezer/vm/freezer.state");
    tick(b, LOAD_THROTTLE | LOAD_PRESSURE | LOAD_STATE | LOAD_VCPUS);
    near(b->now->vms[0].load.throttled, 0.5);
    near(b->now->vms[0].load.throttled_periods, 0.5);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_IO_SOME], CAUSE_NO_CGROUP);
    assert_int_equal(b->now->vms[0].load.state, VM_STATE_FROZEN);
    assert_int_equal(b->now->vms[0].vcpus[0].load.state, VCPU_STATE_STOPPED);
}

/* A limit is shown beside it: the VM does have a cgroup. */
static void pressure_of_a_vm_in_a_cgroup_of_version_1_is_not_told(void **state)
{
    struct proc_bed *b = *state;

    tree_text(&b->tree, "proc/self/mountinfo",
              "31 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
              "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "33 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    for (int tid = PID; tid <= 502; tid++)
        cgroup_of(b, tid, "4:cpu,cpuacct:/vm\n0::/\n");
    text_at(b, "20000\n", "sys/fs/cgroup/cpu,cpuacct/vm/cpu.cfs_quota_us");
    tick(b, LOAD_THROTTLE | LOAD_PRESSURE);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], CAUSE_CGROUP_V1);
}

static void a_host_without_cgroups_says_so(void **state)
{
    struct proc_bed *b = *state;

    tick(b, LOAD_THROTTLE | LOAD_PRESSURE);
    is_missing(b->now->vms[0].load.throttled, CAUSE_NO_CGROUP);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], CAUSE_NO_CGROUP);
    tree_text(&b->tree, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    for (int i = 0; i < 80; i++)
        tick(b, LOAD_THROTTLE | LOAD_PRESSURE);
    is_missing(b->now->vms[0].load.throttled, CAUSE_NO_CPU_LIMIT);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], CAUSE_ROOT_CGROUP);
}

/* Nobody asks from the first tick on: columns are shown, and the pane, once the VMs are known. */
static void what_is_asked_for_later_finds_the_cgroups_at_once(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    for (int i = 0; i < 3; i++)
        tick(b, 0);
    tick(b, LOAD_THROTTLE);
    near(tick(b, LOAD_THROTTLE)->load.throttled, 0);
}

static void a_path_that_leads_out_is_not_followed(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    for (int tid = PID; tid <= 502; tid++)
        cgroup_of(b, tid, "0::/../m.slice/a.scope\n");
    tick(b, LOAD_THROTTLE | LOAD_PRESSURE);
    is_missing(b->now->vms[0].load.throttled, CAUSE_NO_CPU_LIMIT);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], CAUSE_ROOT_CGROUP);
}

static void pressure_is_of_the_nearest_cgroup_with_processes(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    cgroup_of(b, PID, "0::/m.slice/a.scope/v0\n"); /* of threads only */
    pressure_is(b, "m.slice/a.scope", 1000);
    pressure_is(b, "m.slice/a.scope/v0", 77);
    pressure_is(b, "m.slice", 5);
    tick(b, LOAD_PRESSURE);
    pressure_is(b, "m.slice/a.scope", 251000);
    tick(b, LOAD_PRESSURE);
    near(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], 0.25);
    near(b->now->vms[0].load.pressure[PRESSURE_IO_FULL], 0.125);
    is_missing(b->now->vms[0].load.throttled, CAUSE_NOT_ASKED_FOR);
    text_at(b, "populated 1\nfrozen 1\n", "sys/fs/cgroup/m.slice/a.scope/v0/cgroup.events");
    assert_int_equal(tick(b, LOAD_STATE)->load.state, VM_STATE_FROZEN);
}

static void a_kernel_that_measures_no_pressure_says_so(void **state)
{
    struct proc_bed *b = *state;

    libvirt_v2(b);
    tick(b, LOAD_PRESSURE | LOAD_HOST);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_SOME], CAUSE_NO_PRESSURE);
    is_missing(b->now->host_load.pressure[PRESSURE_MEMORY_FULL], CAUSE_NO_PRESSURE);
    /* Before 5.13 CPUs have no line "full". */
    text_at(b, "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
            "sys/fs/cgroup/m.slice/a.scope/cpu.pressure");
    tick(b, LOAD_PRESSURE);
    is_missing(b->now->vms[0].load.pressure[PRESSURE_CPU_FULL], CAUSE_NOT_IN_KERNEL);
    assert_int_equal(b->now->vms[0].gauges[VM_CPU_SOME_NS].raw, 9000);
}

/* --- the host --------------------------------------------------------------------------------- */

static void the_host_says_how_it_is(void **state)
{
    struct proc_bed *b = *state;

    tick(b, LOAD_HOST);
    is_missing(b->now->host_load.load_1, CAUSE_NOT_IN_KERNEL);
    assert_int_equal(b->now->host_load.mem_free.cause, CAUSE_NOT_IN_KERNEL);
    tree_text(&b->tree, "proc/loadavg", "1.50 0.25 10.00 1/2 3\n");
    tree_text(&b->tree, "proc/meminfo",
              "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  20 kB\nSwapTotal:  30 kB\n"
              "SwapFree:  40 kB\n");
    tree_text(&b->tree, "proc/stat", "cpu  0 0 0 1000 0 0 0 0 0 0\ncpu0 1\n");
    tree_text(&b->tree, "proc/pressure/io",
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    tick(b, LOAD_HOST);
    tree_text(&b->tree, "proc/stat", "cpu  100 0 20 1050 10 0 0 20 80 0\ncpu0 1\n");
    tree_text(&b->tree, "proc/pressure/io",
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=100000\n");
    tick(b, LOAD_HOST);
    const struct host_load *l = &b->now->host_load;
    near(l->load_1, 1.5);
    near(l->load_15, 10);
    near(l->busy, 0.6);
    near(l->steal, 0.1);
    near(l->guest, 0.4);
    near(l->iowait, 0.05);
    near(l->pressure[PRESSURE_IO_SOME], 0.5);
    near(l->pressure[PRESSURE_IO_FULL], 0.1);
    is_missing(l->pressure[PRESSURE_CPU_SOME], CAUSE_NO_PRESSURE);
    assert_int_equal(l->mem_free.raw, 10240);
    assert_int_equal(l->mem_available.raw, 20480);
    assert_int_equal(l->swap_total.raw, 30720);
    assert_int_equal(l->swap_free.raw, 40960);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_nobody_wishes_for_is_not_read),
        TEST(a_wish_can_be_for_one_process_alone),
        TEST(a_vm_runs_while_one_of_its_vcpus_does),
        TEST(each_vcpu_has_a_state_and_a_place),
        TEST(where_the_look_is_denied_cpu_time_is_all_there_is),
        TEST(a_kernel_without_the_file_says_so),
        TEST(threads_have_roles_by_their_names),
        TEST(a_role_goes_on_without_a_thread_that_ended),
        TEST(a_thread_that_gets_its_name_late_is_looked_at_again),
        TEST(a_crowd_of_threads_is_listed_now_and_then),
        TEST(limits_above_count_and_each_of_them_once),
        TEST(a_move_to_another_cgroup_is_no_jump),
        TEST(without_a_limit_there_is_nothing_to_be_throttled_by),
        TEST(limits_of_version_1_have_other_files),
        TEST(pressure_of_a_vm_in_a_cgroup_of_version_1_is_not_told),
        TEST(a_host_without_cgroups_says_so),
        TEST(what_is_asked_for_later_finds_the_cgroups_at_once),
        TEST(a_path_that_leads_out_is_not_followed),
        TEST(pressure_is_of_the_nearest_cgroup_with_processes),
        TEST(a_kernel_that_measures_no_pressure_says_so),
        TEST(the_host_says_how_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
