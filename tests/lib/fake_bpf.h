/* SPDX-License-Identifier: MIT */
/*
 * In the place of core/bpf: programs that are not real. What would be loaded, by whom and with
 * which rights is noted in memory that all processes share. A test that names fake_bpf has these
 * functions instead of those of core/bpf.
 */
#ifndef KVMLENS_TESTS_LIB_FAKE_BPF_H
#define KVMLENS_TESTS_LIB_FAKE_BPF_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/lib/link_bed.h"

struct fake_bpf {
    atomic_int opens, closes;
    atomic_int pid; /* of who loaded last */
    atomic_int fails;
    atomic_int has_kvm;
    atomic_int kvm;                     /* which one there is; what is loaded is for that of then */
    atomic_ullong effective, permitted; /* of who loaded last, then */
    atomic_int bpf_errno;               /* what bpf(2) said to it */
    /* The same of exits. */
    atomic_int exits_opens, exits_pid, exits_fails;
    atomic_int lacks_module;     /* /sys/module/kvm, where a test looks there with our eyes */
    atomic_int exits_ends;       /* who loads them ends at once */
    atomic_int exits_work_ms;    /* to load them takes so much time of a CPU */
    atomic_ullong exits_effective;
    atomic_int watch_fails;
    atomic_int watches;                /* how often it was said who is watched */
    atomic_int watched, watched_count; /* the first of them, how many; -1: all */
};

/* NULL until fake_bpf_begin. */
extern struct fake_bpf *fake_bpf;

/* fake_bpf_begin - nothing is noted, and KVM is there. 0 or -1. */
int fake_bpf_begin(void);

/* fake_bpf_status - "CapEff", ... of a process; UINT64_MAX: it has ended. */
uint64_t fake_bpf_status(pid_t pid, const char *key);

/* fake_bpf_setup, fake_bpf_teardown - of a test whose state is a struct link_bed with them. */
int fake_bpf_setup(void **state);
int fake_bpf_teardown(void **state);

/* fake_bpf_take - what the next sample says of BPF. */
struct bpf_status fake_bpf_take(struct link_bed *bed);

#endif
