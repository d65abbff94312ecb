// SPDX-License-Identifier: MIT
/*
 * Owns the table of variants and the choice. Holds no kernel but names them all.
 */
#include "accel/zeropage.h"

#include <stdio.h>
#include <string.h>

#include "accel/cpu.h"

/*
 * The figures are those of `make bench` on Zen 4 (family 25, model 17, 3.69 GHz) unless they say
 * otherwise: L1 all zero / memory all zero / memory with the page mix of a real VM, best ns per
 * page.
 *
 * avx512 needs 64-byte loads at the rate of 32-byte ones to be worth anything. Zen 4 has them at
 * half the rate: bare loads bring 229 GB/s from L1 with 32 bytes each and 219 with 64. There it
 * loses in L1 and in memory (all it wins is 0.1 ns on pages in L1 whose first byte is set), so it
 * is not chosen. Elsewhere it keeps its place at the end: on a Xeon with full-width ports, 64-byte
 * loops gave 300 GB/s from L1 where the 128-byte AVX2 loop gave 111, and 15 to 16 against 14 from
 * memory (an earlier kernel; this one has not been there).
 */
const struct zeropage_impl zeropage_impls[] = {
    {"c", 0, zeropage_c, true, 0, "146 / 153 / 43.7 ns: the portable reference"},
#if defined(__x86_64__)
    {"sse2", CPU_SSE2, zeropage_sse2, true, 0,
     "36.5 / 128 / 35.9 ns: a quarter of c from cache, and every x86-64 has it"},
    {"sse41", CPU_SSE41, zeropage_sse41, false, 0,
     "36.5 / 129 / 36.9 ns: no better than sse2; PTEST is no gain once in 512 bytes"},
    {"avx2", CPU_AVX2, zeropage_avx2, true, 0,
     "18.3 / 126 / 34.3 ns: half of sse2 from cache, at the speed of plain reads from memory"},
    {"avx512", CPU_AVX512, zeropage_avx512, true, CPU_AVX512_HALVES,
     "18.9 / 132 / 37.6 ns where 64 bytes are loaded in halves: loses to avx2, so not there"},
#elif defined(__aarch64__)
    {"neon", CPU_NEON, zeropage_neon, true, 0,
     "not measured on hardware, tested under emulation; twice the bytes of c per load"},
#endif
    {0},
};

/* Names a user of another architecture may know: told apart from a slip of the finger. */
static const struct {
    const char *name;
    const char *arch;
} elsewhere[] = {
#if defined(__x86_64__)
    {"neon", "arm64"},
#else
    {"sse2, sse41, avx2, avx512", "x86-64"},
#if !defined(__aarch64__)
    {"neon", "arm64"},
#endif
#endif
};

static bool runnable(const struct zeropage_impl *impl, unsigned flags)
{
    return (impl->need & flags) == impl->need;
}

const struct zeropage_impl *zeropage_pick(unsigned flags)
{
    const struct zeropage_impl *best = &zeropage_impls[0];
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        if (i->auto_ok && runnable(i, flags) && !(i->unless & flags))
            best = i;
    }
    return best;
}

const struct zeropage_impl *zeropage_named(const char *name, unsigned flags)
{
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        if (strcmp(i->name, name) == 0)
            return runnable(i, flags) ? i : NULL;
    }
    return NULL;
}

/* Why a CPU with @flags cannot run @impl; only asked when it cannot. */
static const char *blocker(const struct zeropage_impl *impl, unsigned flags)
{
    unsigned missing = impl->need & ~flags;
    if (((missing & CPU_AVX2) && (flags & CPU_AVX2_UNSAVED)) ||
        ((missing & CPU_AVX512) && (flags & CPU_AVX512_UNSAVED)))
        return "the OS does not save its registers";
    return "the CPU lacks it";
}

/* Where snprintf() may go on writing after @len bytes of a buffer of @size. */
static char *rest(char *buf, size_t size, size_t len)
{
    return len < size ? buf + len : NULL;
}

size_t zeropage_choices(unsigned flags, char *buf, size_t size)
{
    const struct zeropage_impl *best = zeropage_pick(flags);
    size_t len = 0;
    if (size > 0)
        buf[0] = '\0';
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        const char *note = i == best ? "automatic" : runnable(i, flags) ? NULL : blocker(i, flags);
        len += (size_t)snprintf(rest(buf, size, len), len < size ? size - len : 0, "%s%s%s%s%s",
                                len > 0 ? ", " : "", i->name, note != NULL ? " (" : "",
                                note != NULL ? note : "", note != NULL ? ")" : "");
    }
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        len += (size_t)snprintf(rest(buf, size, len), len < size ? size - len : 0,
                                "; only on %s: %s", elsewhere[i].arch, elsewhere[i].name);
    return len;
}
