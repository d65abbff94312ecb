// SPDX-License-Identifier: MIT
#include "tests/lib/exits_bench.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool can_be_opened(struct exits_bench *b)
{
    const pid_t self = getpid();
    const struct kvm_exits_config own = {.pids = &self, .pid_count = 1};
    struct error err = {0};

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        print_message("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
        return false;
    }
    assert_int_equal(rootfs_open(NULL, &b->root, &err), 0);
    if (kvm_exits_open(&b->root, &own, &b->exits, &err) == 0)
        return true;
    print_message("skipped: exits cannot be counted here: %s\n", err.msg);
    rootfs_close(&b->root);
    return false;
}

int exits_bench_setup(void **state)
{
    static struct exits_bench b;

    memset(&b, 0, sizeof(b));
    *state = can_be_opened(&b) ? &b : NULL;
    return 0;
}

int exits_bench_teardown(void **state)
{
    struct exits_bench *b = *state;

    if (b == NULL)
        return 0;
    kvm_exits_reading_done(&b->reading);
    kvm_exits_close(b->exits);
    rootfs_close(&b->root);
    return 0;
}

struct exits_bench *exits_bench_of(void **state)
{
    if (*state == NULL)
        skip(); /* setup has said why */
    return *state;
}

void exits_bench_look(struct exits_bench *b)
{
    kvm_exits_reading_done(&b->reading);
    assert_int_equal(kvm_exits_read(b->exits, &b->reading), 0);
}

void exits_bench_settle(struct exits_bench *b)
{
    uint64_t before = 1, now = 0;

    for (int k = 0; k < 500 && before != now; k++) {
        poll(NULL, 0, 50);
        before = now;
        now = 0;
        exits_bench_look(b);
        for (size_t i = 0; i < b->reading.reason_count; i++)
            now += b->reading.reasons[i].is.count + b->reading.reasons[i].is.timed;
        for (size_t i = 0; i < b->reading.key_count; i++)
            now += b->reading.keys[i].is.events;
    }
}

const struct kvm_exits_reason *exits_bench_reason(const struct exits_bench *b, pid_t tid,
                                                  uint32_t number)
{
    static const struct kvm_exits_reason none;

    for (size_t i = 0; i < b->reading.reason_count; i++)
        if (b->reading.reasons[i].tid == (uint32_t)tid && b->reading.reasons[i].reason == number)
            return &b->reading.reasons[i].is;
    return &none;
}

struct kvm_exits_key_value exits_bench_key(const struct exits_bench *b, pid_t tid,
                                           enum exit_key_kind kind, uint64_t value)
{
    for (size_t i = 0; i < b->reading.key_count; i++) {
        const struct kvm_exits_key_row *row = &b->reading.keys[i];
        if (row->key.tid == (uint32_t)tid && row->key.kind == kind && row->key.value == value)
            return row->is;
    }
    return (struct kvm_exits_key_value){0};
}

const struct kvm_exits_thread *exits_bench_thread(const struct exits_bench *b, pid_t tid)
{
    for (size_t i = 0; i < b->reading.thread_count; i++)
        if (b->reading.threads[i].tid == (uint32_t)tid)
            return &b->reading.threads[i].is;
    return NULL;
}

bool exits_bench_is_emulated(void)
{
    return access("/sys/module/kvm_pvm", F_OK) == 0;
}

bool exits_bench_has_reasons(const struct exits_bench *b)
{
    if (b->reading.reason_count > 0)
        return true;
    assert_true(exits_bench_is_emulated());
    print_message("skipped: reasons: this host's KVM emulates real mode, where kvm_exit never "
                  "happens\n");
    return false;
}

struct minivm *exits_bench_start(const struct minivm_work *works, size_t count, unsigned vcpus,
                                 unsigned times)
{
    const struct minivm_config config = {
        .ram_bytes = 4 << 20,
        .vcpus = vcpus,
        .program = MINIVM_WORK,
        .works = works,
        .work_count = count,
        .work_times = times,
    };
    struct minivm *vm;
    struct error err = {0};

    if (minivm_start(&config, &vm, &err) != 0)
        fail_msg("%s", err.msg);
    return vm;
}

void exits_bench_wait(const struct minivm *vm)
{
    const unsigned vcpus = minivm_info(vm)->vcpu_count;

    for (unsigned i = 0; i < vcpus; i++) {
        for (int k = 0; k < 30000 && !minivm_did(vm, i).is_done; k++)
            poll(NULL, 0, 2);
        assert_true(minivm_did(vm, i).is_done);
    }
}
