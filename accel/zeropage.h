/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a buffer hold only zero bytes: the kernels and the choice among them.
 *
 * One call per batch (256 pages are enough to make the call itself free). The chosen variant is a
 * value that the caller carries; there is no hidden state.
 *
 * Memory that others write to while it is read (guest RAM, mapped) is read byte by byte at
 * different times: the answer is then a sample, and a page may have changed since.
 */
#ifndef KVMLENS_ACCEL_ZEROPAGE_H
#define KVMLENS_ACCEL_ZEROPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * zeropage_fn - mark the pages of a buffer that hold only zero bytes.
 *
 * @base:      first byte, any alignment; reads exactly @npages * @page_size bytes and none beyond
 *             (the end may lie against an unmapped page). May be NULL when @npages is 0
 * @npages:    may be 0
 * @page_size: bytes, a multiple of 64, at least 64
 * @ret_map:   shape [ceil(npages / 64)] words, need not be cleared; bit i % 64 of word i / 64 tells
 *             that page i is zero; the unused bits of the last word are set to 0
 *
 * Returns the number of zero pages. Cannot fail, allocates nothing, safe on any thread. Leaves
 * nothing of the pages in vector registers.
 */
typedef size_t zeropage_fn(const void *base, size_t npages, size_t page_size, uint64_t *ret_map);

struct zeropage_impl {
    const char *name;
    unsigned need; /* flags of accel/cpu.h, all of which must be there */
    zeropage_fn *fn;
    bool auto_ok;    /* may be chosen unasked ... */
    unsigned unless; /* ... but not on a CPU that has one of these flags */
    const char *why; /* what the measurement said, and so why the two above are what they are */
};

/* Worst to best; [0] is the portable reference, which runs everywhere; an entry whose name is NULL
 * ends it. Holds only what this build's architecture can have. */
extern const struct zeropage_impl zeropage_impls[];

/* zeropage_pick - the best variant for a CPU with @flags that may be chosen unasked: the last of
 * the table that can run, is auto_ok, and has no flag of its `unless`. Pure, never NULL. */
const struct zeropage_impl *zeropage_pick(unsigned flags);

/* zeropage_named - the variant called @name, auto_ok or not; NULL when there is none of that name
 * in this build, or when a CPU with @flags cannot run it. Pure. */
const struct zeropage_impl *zeropage_named(const char *name, unsigned flags);

/*
 * zeropage_choices - the sentence that an error about a forced variant ends with: every name, which
 * one is the automatic choice, and why those that cannot run cannot, on one line.
 *
 * @buf, @size: as with snprintf(); 300 bytes are enough. May be NULL when @size is 0
 * Returns the bytes a large enough buffer would hold, without the terminator. Pure.
 */
size_t zeropage_choices(unsigned flags, char *buf, size_t size);

/* The variants themselves. Calling one whose needs the CPU does not meet ends in SIGILL. */
zeropage_fn zeropage_c;
#if defined(__x86_64__)
zeropage_fn zeropage_sse2, zeropage_sse41, zeropage_avx2, zeropage_avx512;
#elif defined(__aarch64__)
zeropage_fn zeropage_neon;
#endif

#endif
