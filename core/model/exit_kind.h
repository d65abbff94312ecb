/* SPDX-License-Identifier: MIT */
/*
 * Numbers about exits that the BPF programs and everybody else have in common. Includes nothing
 * that a BPF program cannot.
 */
#ifndef KVMLENS_CORE_MODEL_EXIT_KIND_H
#define KVMLENS_CORE_MODEL_EXIT_KIND_H

/* Of times: bucket i holds 2^i to 2^(i+1) - 1 ns, the first also 0, the last all above. */
#define EXIT_BUCKETS 40

/* What is behind an exit. Order and values are part of the flat form of a count. */
enum exit_key_kind {
    EXIT_KEY_PORT_READ,
    EXIT_KEY_PORT_WRITE,
    EXIT_KEY_MMIO_READ, /* value: number of the 4 KiB page */
    EXIT_KEY_MMIO_WRITE,
    EXIT_KEY_MSR_READ,
    EXIT_KEY_MSR_WRITE,
    EXIT_KEY_CPUID, /* value: leaf, and in the upper half the index (ECX) */
    EXIT_KEY_HYPERCALL,
    EXIT_KEY_USER,   /* value: KVM_EXIT_*; a failed KVM_RUN: errno, with the top bit set */
    EXIT_KEY_NESTED, /* value: reason of an exit that a nested guest (L2) caused */
    EXIT_KEY_COUNT
};

#define EXIT_KEY_USER_ERRNO (1ull << 63)

/* What found no room in the maps. */
enum exit_lost {
    EXIT_LOST_THREADS, /* exits and entries of threads that found no room */
    EXIT_LOST_REASONS, /* exits whose reason found none */
    EXIT_LOST_KEYS,    /* events */
    EXIT_LOST_COUNT
};

#endif
