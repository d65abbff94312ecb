/* SPDX-License-Identifier: MIT */
/*
 * The bench of cmocka tests that count exits: its state is a struct exits_bench, or NULL where they
 * cannot be counted, of which setup prints the reason. Guests that do known things run in the
 * process of the test, and only that is watched.
 */
#ifndef KVMLENS_TESTS_LIB_EXITS_BENCH_H
#define KVMLENS_TESTS_LIB_EXITS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/rootfs.h"
#include "core/bpf/kvm_exits.h"
#include "core/demo/minivm.h"

/* Numbers of exits, arch/x86/include/uapi/asm/svm.h. */
#define SVM_CPUID     0x72
#define SVM_HLT       0x78
#define SVM_IO        0x7b
#define SVM_MSR       0x7c
#define SVM_HYPERCALL 0x81
#define SVM_NPF       0x400

struct exits_bench {
    struct rootfs root;
    struct kvm_exits *exits;
    struct kvm_exits_reading reading; /* the newest */
};

/* exits_bench_setup, exits_bench_teardown - CMFixtureFunction. */
int exits_bench_setup(void **state);
int exits_bench_teardown(void **state);

/* exits_bench_of - the bench; the test is skipped where there is none. */
struct exits_bench *exits_bench_of(void **state);

/* exits_bench_look - read anew. */
void exits_bench_look(struct exits_bench *b);

/* exits_bench_settle - read until the last halt is counted and numbers stand still. */
void exits_bench_settle(struct exits_bench *b);

/* Of the newest reading; zeros where there is none, NULL for a thread that was not seen. */
const struct kvm_exits_reason *exits_bench_reason(const struct exits_bench *b, pid_t tid,
                                                  uint32_t number);
struct kvm_exits_key_value exits_bench_key(const struct exits_bench *b, pid_t tid,
                                           enum exit_key_kind kind, uint64_t value);
const struct kvm_exits_thread *exits_bench_thread(const struct exits_bench *b, pid_t tid);

/* exits_bench_is_emulated - does this host's KVM emulate real mode? Then nothing there exits. */
bool exits_bench_is_emulated(void);

/* exits_bench_has_reasons - were exits seen? Said where not; fails where they should have been. */
bool exits_bench_has_reasons(const struct exits_bench *b);

/*
 * exits_bench_start - a VM that does all of @works, which does not begin before minivm_go. Ends
 * the test where it cannot be. exits_bench_wait - until all its vCPUs are done.
 */
struct minivm *exits_bench_start(const struct minivm_work *works, size_t count, unsigned vcpus,
                                 unsigned times);
void exits_bench_wait(const struct minivm *vm);

#endif
