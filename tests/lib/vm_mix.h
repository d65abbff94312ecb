/* SPDX-License-Identifier: MIT */
/*
 * How zero and data pages lay in the RAM of one real VM, measured with tests/bench/vm_mix.py.
 *
 * The guest: Debian's 6.1 cloud kernel, 1 GiB, one vCPU, QEMU 7.2 (TCG), RAM in a shared file. Its
 * init ran a Python program four times (200,000 JSON records built, serialised, compressed and
 * written; 150,000 SHA-256 keys; an 80 MiB heap with one byte set in each 64 KiB), read every file
 * of its file system, wrote and removed 64 MiB of random data, and then held 90 MB of objects.
 */
#ifndef KVMLENS_TESTS_LIB_VM_MIX_H
#define KVMLENS_TESTS_LIB_VM_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Draws pages one after the other; set @random to a seed, the rest to 0. */
struct vm_mix {
    uint64_t random;
    size_t left;  /* pages of the run */
    bool zero;    /* what the run is of */
    bool started;
};

/*
 * vm_mix_next - is the next page zero? If not, its first non-zero byte is at *@ret_offset, below
 * 4096.
 */
bool vm_mix_next(struct vm_mix *mix, size_t *ret_offset);

#endif
