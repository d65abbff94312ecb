// SPDX-License-Identifier: MIT
/* Exits that are counted in the kernel, on the kernel that runs, of guests that do known things. */
#include "core/bpf/kvm_exits.h"

#include <bpf/bpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_exits_internal.h"
#include "tests/lib/exits_bench.h"
#include "tests/lib/kvm_guest.h"

#define TURNS         5
#define USER_IO       2
#define USER_MMIO     6

/* Hypercalls last: where real mode is emulated there can be none. */
static const struct minivm_work works[] = {
    {MINIVM_WORK_PORT_WRITE, 70, 0x84},    {MINIVM_WORK_PORT_READ, 50, 0x71},
    {MINIVM_WORK_PORT_STRING, 5, 0x72},    {MINIVM_WORK_CPUID, 30, 1},
    {MINIVM_WORK_CPUID, 7, 0x80000000},    {MINIVM_WORK_MSR_READ, 20, 0x1b},
    {MINIVM_WORK_MSR_WRITE, 12, 0x277},    {MINIVM_WORK_HALT, 3, 0},
    {MINIVM_WORK_MMIO_WRITE, 40, 0xb8004}, {MINIVM_WORK_MMIO_READ, 11, 0xb9004},
    {MINIVM_WORK_HYPERCALL, 9, 1},
};

static struct minivm *start(unsigned vcpus, unsigned times)
{
    const size_t count = sizeof(works) / sizeof(works[0]) - (exits_bench_is_emulated() ? 1 : 0);

    return exits_bench_start(works, count, vcpus, times);
}

/* --- what is exact ---------------------------------------------------------------------------- */

static void check_keys(const struct exits_bench *b, pid_t tid, struct minivm_did did,
                       unsigned times)
{
    struct kvm_exits_key_value ports = exits_bench_key(b, tid, EXIT_KEY_PORT_READ, 0x72);

    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_WRITE, 0x84).count, 70 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_READ, 0x84).count, 0);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_READ, 0x71).count, 50 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_WRITE, MINIVM_PORT_HALTS).count,
                     3 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_WRITE, MINIVM_PORT_DONE).count, 2);
    assert_int_equal(ports.count, 5 * MINIVM_STRING_BYTES * times);
    assert_in_range(ports.events, 5 * times, ports.count);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_CPUID, 1).count, 30 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_CPUID, 0x80000000).count, 7 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_MSR_READ, 0x1b).count, 20 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_MSR_WRITE, 0x1b).count, 0);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_MSR_WRITE, 0x277).count, 12 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_MMIO_WRITE, 0xb8).count, 40 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_MMIO_READ, 0xb9).count, 11 * times);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_HYPERCALL, 1).count,
                     exits_bench_is_emulated() ? 0 : 9 * times);
    /* The first return of KVM_RUN was before anybody looked. */
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_USER, USER_IO).count, did.io_exits - 1);
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_USER, USER_MMIO).count, did.mmio_exits);
}

static void check_time(const struct kvm_exits_reason *r, uint64_t open_ends)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < EXIT_BUCKETS; i++)
        sum += r->buckets[i];
    assert_int_equal(sum, r->timed);
    assert_int_equal(r->timed + open_ends, r->count);
    assert_true(r->min_ns > 0 && r->min_ns <= r->max_ns);
    assert_in_range(r->total_ns, r->timed * r->min_ns, r->timed * r->max_ns);
}

static void check_reasons(const struct exits_bench *b, pid_t tid, struct minivm_did did,
                          unsigned times)
{
    const struct kvm_exits_thread *t = exits_bench_thread(b, tid);
    uint64_t sum = 0;

    assert_non_null(t);
    assert_int_equal(t->isa, EXIT_ISA_SVM);
    assert_int_equal(t->tgid, getpid());
    /* An emulated CPU exits once more at the end of each string, when nothing is left of it. */
    const uint64_t io = exits_bench_reason(b, tid, SVM_IO)->count;
    assert_true(io == did.io_exits - 1 || io == did.io_exits - 1 + 5 * times);
    assert_int_equal(exits_bench_reason(b, tid, SVM_CPUID)->count, 37 * times);
    assert_int_equal(exits_bench_reason(b, tid, SVM_MSR)->count, 32 * times);
    assert_int_equal(exits_bench_reason(b, tid, SVM_HYPERCALL)->count, 9 * times);
    assert_int_equal(exits_bench_reason(b, tid, SVM_HLT)->count, 3 * times + 1);
    assert_true(exits_bench_reason(b, tid, SVM_NPF)->count >= 51 * times);
    check_time(exits_bench_reason(b, tid, SVM_IO), 0);
    check_time(exits_bench_reason(b, tid, SVM_CPUID), 0);
    check_time(exits_bench_reason(b, tid, SVM_MSR), 0);
    check_time(exits_bench_reason(b, tid, SVM_HYPERCALL), 0);
    /* The last halt goes on. */
    check_time(exits_bench_reason(b, tid, SVM_HLT), 1);
    assert_true(t->exit_ns != 0 && t->entry_ns == 0);
    assert_int_equal(t->reason, SVM_HLT);
    assert_int_equal(t->untimed, 0);
    assert_true(t->guest_ns > 0);
    for (size_t i = 0; i < b->reading.reason_count; i++)
        if (b->reading.reasons[i].tid == (uint32_t)tid)
            sum += b->reading.reasons[i].is.count;
    assert_int_equal(sum, t->exits);
}

static void check_vm(const struct exits_bench *b, const struct minivm *vm, unsigned times)
{
    const struct minivm_info *info = minivm_info(vm);

    for (unsigned i = 0; i < info->vcpu_count; i++)
        check_keys(b, info->vcpus[i].tid, minivm_did(vm, i), times + i);
    for (unsigned i = 0; exits_bench_has_reasons(b) && i < info->vcpu_count; i++)
        check_reasons(b, info->vcpus[i].tid, minivm_did(vm, i), times + i);
}

static void nothing_is_lost(const struct exits_bench *b)
{
    for (unsigned i = 0; i < EXIT_LOST_COUNT; i++)
        assert_int_equal(b->reading.lost[i], 0);
    assert_int_equal(b->reading.missed, 0);
}

static void print_table(const struct exits_bench *b, pid_t tid)
{
    for (size_t i = 0; i < b->reading.reason_count; i++) {
        const struct kvm_exits_reason_row *row = &b->reading.reasons[i];
        char name[EXIT_NAME_BYTES];
        if (row->tid == (uint32_t)tid && row->is.timed > 0)
            print_message("%-24s %6llu  min %8llu  mean %8llu  max %10llu ns\n",
                          exit_name(kvm_exits_names(b->exits), row->isa, row->reason, name),
                          (unsigned long long)row->is.count, (unsigned long long)row->is.min_ns,
                          (unsigned long long)(row->is.total_ns / row->is.timed),
                          (unsigned long long)row->is.max_ns);
    }
}

/*
 * Where a vCPU takes the CPU from who is in the middle of a map, the kernel shows no program what
 * it does then, and counts it: other tests may do that, or another kvmlens. Then it is done again.
 */
static bool is_spoilt(const struct exits_bench *b, int turn)
{
    if (b->reading.missed == 0 || turn == TURNS - 1)
        return false;
    print_message("again: %llu events were shown to no program\n",
                  (unsigned long long)b->reading.missed);
    return true;
}

static void each_vcpu_is_counted_exactly(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct minivm *vm = NULL;

    for (int turn = 0; turn == 0 || is_spoilt(b, turn - 1); turn++) {
        minivm_stop(vm);
        kvm_exits_close(b->exits);
        vm = start(2, 1);
        assert_int_equal(kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &b->exits, NULL),
                         0);
        minivm_go(vm);
        exits_bench_wait(vm);
        exits_bench_settle(b);
    }
    check_vm(b, vm, 1);
    nothing_is_lost(b);
    print_table(b, minivm_info(vm)->vcpus[0].tid);
    minivm_stop(vm);
}

static void two_vms_at_once_are_told_apart(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct minivm *vms[2] = {NULL, NULL};

    for (int turn = 0; turn == 0 || is_spoilt(b, turn - 1); turn++) {
        minivm_stop(vms[0]);
        minivm_stop(vms[1]);
        kvm_exits_close(b->exits);
        vms[0] = start(2, 3);
        vms[1] = start(2, 10);
        assert_int_equal(kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &b->exits, NULL),
                         0);
        minivm_go(vms[1]);
        minivm_go(vms[0]);
        exits_bench_wait(vms[0]);
        exits_bench_wait(vms[1]);
        exits_bench_settle(b);
    }
    check_vm(b, vms[0], 3);
    check_vm(b, vms[1], 10);
    nothing_is_lost(b);
    minivm_stop(vms[0]);
    minivm_stop(vms[1]);
}

/* --- who is watched --------------------------------------------------------------------------- */

static bool sees(struct exits_bench *b, pid_t pid)
{
    exits_bench_look(b);
    for (size_t i = 0; i < b->reading.thread_count; i++)
        if (b->reading.threads[i].is.tgid == (uint32_t)pid)
            return true;
    return false;
}

static void only_processes_that_are_named_are_watched(void **state)
{
    static const struct kvm_guest_config busy = {.vms = 1, .vcpus = 1, .is_busy = true};
    struct exits_bench *b = exits_bench_of(state);
    const pid_t self = getpid();
    const pid_t none = 0;
    struct guest guest;
    struct minivm *vm = start(1, 1);
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;

    assert_int_equal(kvm_exits_watch(b->exits, &self, 1), 0);
    exits_bench_look(b);
    kvm_exits_forget(b->exits, &b->reading, (uint32_t)tid);
    assert_true(guest_start(&guest, kvm_guest, &busy));
    minivm_go(vm);
    exits_bench_wait(vm);
    assert_true(sees(b, self));
    assert_false(sees(b, guest.pid));
    assert_int_equal(kvm_exits_watch(b->exits, &guest.pid, 1), 0);
    for (int k = 0; k < 500 && !sees(b, guest.pid); k++)
        poll(NULL, 0, 10);
    assert_true(sees(b, guest.pid));
    assert_true(sees(b, self)); /* what was counted stays */
    for (size_t i = 0; i < b->reading.thread_count; i++)
        assert_true(b->reading.threads[i].is.tgid == (uint32_t)self ||
                    b->reading.threads[i].is.tgid == (uint32_t)guest.pid);
    kvm_exits_forget(b->exits, &b->reading, (uint32_t)tid);
    assert_false(sees(b, self));
    assert_int_equal(exits_bench_key(b, tid, EXIT_KEY_PORT_WRITE, 0x84).count, 0);
    /* Nobody at all; then everybody. */
    assert_int_equal(kvm_exits_watch(b->exits, &none, 0), 0);
    poll(NULL, 0, 20);
    exits_bench_look(b);
    uint64_t before =
        exits_bench_key(b, (pid_t)guest.info->extra[2], EXIT_KEY_PORT_WRITE, 0x80).count;
    poll(NULL, 0, 100);
    exits_bench_look(b);
    assert_int_equal(
        exits_bench_key(b, (pid_t)guest.info->extra[2], EXIT_KEY_PORT_WRITE, 0x80).count, before);
    assert_int_equal(kvm_exits_watch(b->exits, NULL, 0), 0);
    for (int k = 0;
         k < 500 &&
         exits_bench_key(b, (pid_t)guest.info->extra[2], EXIT_KEY_PORT_WRITE, 0x80).count == before;
         k++) {
        poll(NULL, 0, 10);
        exits_bench_look(b);
    }
    assert_true(exits_bench_key(b, (pid_t)guest.info->extra[2], EXIT_KEY_PORT_WRITE, 0x80).count >
                before);
    guest_stop(&guest);
    minivm_stop(vm);
}

static void too_many_processes_are_refused(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    static pid_t pids[KVM_EXITS_WATCHED_MAX + 1];

    for (int i = 0; i <= KVM_EXITS_WATCHED_MAX; i++)
        pids[i] = i + 1;
    assert_int_equal(kvm_exits_watch(b->exits, pids, KVM_EXITS_WATCHED_MAX + 1), -E2BIG);
    assert_int_equal(kvm_exits_watch(b->exits, pids, KVM_EXITS_WATCHED_MAX), 0);
    assert_int_equal(kvm_exits_watch(b->exits, pids + 1, KVM_EXITS_WATCHED_MAX), 0);
}

/* --- what is lost ----------------------------------------------------------------------------- */

/* The thread has as many keys as it may, so all others find no room. */
static void keys_without_room_are_counted(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct minivm *vm = start(1, 1);
    const uint32_t tid = (uint32_t)minivm_info(vm)->vcpus[0].tid;
    struct kvm_exits_thread_value full = {
        .is = {.tgid = (uint32_t)getpid(), .keys = KVM_EXITS_THREAD_KEYS}};
    uint64_t events = 0;

    exits_bench_look(b);
    kvm_exits_forget(b->exits, &b->reading, tid);
    assert_int_equal(bpf_map_update_elem(b->exits->threads_map, &tid, &full, BPF_ANY), 0);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    for (size_t i = 0; i < b->reading.key_count; i++)
        if (b->reading.keys[i].key.tid == tid)
            events++;
    assert_int_equal(events, 0);
    /* Of user space alone there were as many; each port, MSR, leaf and page comes to it. */
    struct minivm_did did = minivm_did(vm, 0);
    events = did.io_exits - 1 + did.mmio_exits;
    events += did.io_exits - 1 + did.mmio_exits + 37 + 32 + (exits_bench_is_emulated() ? 0 : 9);
    assert_in_range(b->reading.lost[EXIT_LOST_KEYS], events, events + 5 * 16);
    assert_int_equal(b->reading.lost[EXIT_LOST_THREADS], 0);
    assert_int_equal(b->reading.lost[EXIT_LOST_REASONS], 0);
    minivm_stop(vm);
}

/* Others have taken all places of threads. */
static void threads_without_room_are_counted(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct kvm_exits_thread_value other = {.is = {.tgid = 1}};
    int result = 0;

    for (uint32_t i = 0; i <= KVM_EXITS_THREADS_MAX && result == 0; i++) {
        const uint32_t tid = 0x70000000 + i;
        result = bpf_map_update_elem(b->exits->threads_map, &tid, &other, BPF_ANY);
    }
    assert_int_equal(result, -E2BIG);
    struct minivm *vm = start(1, 1);
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    assert_true(b->reading.lost[EXIT_LOST_THREADS] > 0);
    assert_true(b->reading.lost[EXIT_LOST_KEYS] > 200);
    assert_int_equal(b->reading.key_count, 0);
    assert_int_equal(b->reading.thread_count, KVM_EXITS_THREADS_MAX);
    minivm_stop(vm);
}

/* Bytes of a map, as the kernel accounts them. */
static uint64_t bytes_of(const struct exits_bench *b, int map)
{
    char path[60], text[2000];

    snprintf(path, sizeof(path), "proc/self/fdinfo/%d", map);
    assert_true(rootfs_read(&b->root, path, text, sizeof(text)) > 0);
    const char *line = strstr(text, "memlock:");
    assert_non_null(line);
    return strtoull(line + strlen("memlock:"), NULL, 10);
}

static void all_maps_together_have_a_bound(void **state)
{
    const struct exits_bench *b = exits_bench_of(state);
    const struct kvm_exits *e = b->exits;
    const uint64_t bytes = bytes_of(b, e->threads_map) + bytes_of(b, e->reasons_map) +
                           bytes_of(b, e->keys_map) + bytes_of(b, e->watched_map);

    print_message("%llu KiB\n", (unsigned long long)bytes >> 10);
    assert_in_range(bytes, 16 << 20, 64 << 20);
}

/* --- rights, and what stays behind ------------------------------------------------------------ */

struct ids {
    uint32_t programs[KVM_EXITS_PROGRAMS];
};

static struct ids ids_of(const struct kvm_exits *exits)
{
    struct ids ids = {0};

    for (unsigned i = 0; i < KVM_EXITS_PROGRAMS; i++) {
        struct bpf_prog_info info;
        uint32_t bytes = sizeof(info);
        memset(&info, 0, sizeof(info));
        if (exits->program_fds[i] >= 0 &&
            bpf_obj_get_info_by_fd(exits->program_fds[i], &info, &bytes) == 0)
            ids.programs[i] = info.id;
    }
    return ids;
}

/* How many of them the kernel has. */
static unsigned alive(const struct ids *ids)
{
    unsigned count = 0;

    for (unsigned i = 0; i < KVM_EXITS_PROGRAMS; i++) {
        int fd = ids->programs[i] != 0 ? bpf_prog_get_fd_by_id(ids->programs[i]) : -1;
        if (fd >= 0) {
            close(fd);
            count++;
        }
    }
    return count;
}

/* The kernel takes its time to free them. */
static bool all_gone(const struct ids *ids)
{
    for (int k = 0; k < 1000 && alive(ids) > 0; k++)
        poll(NULL, 0, 10);
    return alive(ids) == 0;
}

static void nothing_stays_when_it_is_closed_or_killed(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    struct ids ids = ids_of(b->exits);
    int ready[2];

    assert_int_equal(alive(&ids), KVM_EXITS_PROGRAMS);
    kvm_exits_close(b->exits);
    b->exits = NULL;
    assert_true(all_gone(&ids));
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct kvm_exits *exits;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &exits, NULL) != 0)
            _exit(1);
        ids = ids_of(exits);
        if (write(ready[1], &ids, sizeof(ids)) != sizeof(ids))
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &ids, sizeof(ids)), sizeof(ids));
    assert_int_equal(alive(&ids), KVM_EXITS_PROGRAMS);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(all_gone(&ids));
    close(ready[0]);
}

/* In a child: 0 when all is as it should be, else the number of the line. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1);                                          \
    } while (0)

/* -1: none. */
static void keep_caps(int first, int second, int third, int fourth)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (first >= 0)
        capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, first, second, third, fourth,
                      -1);
    CHECK(capng_apply(CAPNG_SELECT_CAPS) == 0);
}

/* Does this kernel want CAP_SYS_ADMIN for what CAP_PERFMON is for? */
static bool is_paranoid(const struct exits_bench *b)
{
    char text[16];

    return rootfs_read(&b->root, "proc/sys/kernel/perf_event_paranoid", text, sizeof(text)) > 0 &&
           atoi(text) > 2;
}

static void two_capabilities_and_tracefs_are_enough(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const bool needs_more = is_paranoid(b);
    int status;

    pid_t child = fork();
    if (child == 0) {
        const pid_t self = getpid();
        struct kvm_exits_reading reading;
        struct kvm_exits *exits;
        struct error err = {0};
        if (needs_more) {
            keep_caps(CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH);
            pid_t less = fork();
            if (less == 0) {
                keep_caps(CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, -1);
                CHECK(kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &exits, &err) ==
                      -EACCES);
                CHECK(strstr(err.msg, "kernel.perf_event_paranoid to 2") != NULL);
                _exit(0);
            }
            CHECK(waitpid(less, &status, 0) == less && status == 0);
        } else {
            keep_caps(CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, -1);
        }
        CHECK(kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &exits, &err) == 0);
        for (unsigned i = 0; i < KVM_EXITS_EVENT_COUNT; i++)
            CHECK(kvm_exits_has(exits, i));
        keep_caps(-1, -1, -1, -1);
        CHECK(kvm_exits_watch(exits, &self, 1) == 0);
        CHECK(kvm_exits_read(exits, &reading) == 0);
        kvm_exits_forget(exits, &reading, 1);
        kvm_exits_reading_done(&reading);
        kvm_exits_close(exits);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0)
        fail_msg("the child ended with %#x: the line, modulo 256", status);
}

static void a_missing_capability_is_named(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    int status;

    pid_t child = fork();
    if (child == 0) {
        struct kvm_exits *exits;
        struct error err;
        keep_caps(CAP_BPF, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, -1);
        CHECK(kvm_exits_open(&b->root, &(struct kvm_exits_config){0}, &exits, &err) == -EPERM);
        CHECK(exits == NULL && strstr(err.msg, "CAP_PERFMON") != NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void keys_can_be_left_out(void **state)
{
    struct exits_bench *b = exits_bench_of(state);
    const struct kvm_exits_config plain = {.no_keys = true};
    struct minivm *vm = start(1, 1);

    kvm_exits_close(b->exits);
    assert_int_equal(kvm_exits_open(&b->root, &plain, &b->exits, NULL), 0);
    assert_true(kvm_exits_has(b->exits, KVM_EXITS_EVENT_EXIT));
    assert_false(kvm_exits_has(b->exits, KVM_EXITS_EVENT_PIO));
    minivm_go(vm);
    exits_bench_wait(vm);
    exits_bench_settle(b);
    assert_int_equal(b->reading.key_count, 0);
    if (exits_bench_has_reasons(b))
        check_reasons(b, minivm_info(vm)->vcpus[0].tid, minivm_did(vm, 0), 1);
    minivm_stop(vm);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, exits_bench_setup, exits_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_vcpu_is_counted_exactly),
        CASE(two_vms_at_once_are_told_apart),
        CASE(only_processes_that_are_named_are_watched),
        CASE(too_many_processes_are_refused),
        CASE(keys_without_room_are_counted),
        CASE(threads_without_room_are_counted),
        CASE(all_maps_together_have_a_bound),
        CASE(nothing_stays_when_it_is_closed_or_killed),
        CASE(two_capabilities_and_tracefs_are_enough),
        CASE(a_missing_capability_is_named),
        CASE(keys_can_be_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
