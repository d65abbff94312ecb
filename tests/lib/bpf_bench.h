/* SPDX-License-Identifier: MIT */
/*
 * The bench of cmocka tests that read a process with VMs through BPF: its state is a struct
 * bpf_bench, or NULL where BPF cannot be loaded, of which setup prints the reason.
 */
#ifndef KVMLENS_TESTS_LIB_BPF_BENCH_H
#define KVMLENS_TESTS_LIB_BPF_BENCH_H

#include "tests/lib/kvm_guest.h"

struct bpf_bench {
    struct rootfs root;
    struct kvm_bpf *bpf;
    struct guest guest; /* started and stopped by each test */
};

/* bpf_bench_setup, bpf_bench_teardown - CMFixtureFunction. */
int bpf_bench_setup(void **state);
int bpf_bench_teardown(void **state);

/* bpf_bench_of - the bench; the test is skipped where there is none. */
struct bpf_bench *bpf_bench_of(void **state);

#endif
