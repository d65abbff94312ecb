// SPDX-License-Identifier: MIT
/*
 * What a kernel leaves in the vector registers is in every core dump of the program, and it has
 * compared memory of guests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accel/cpu.h"
#include "accel/zeropage.h"

#define PAGE 4096
#define PAGES 3
#define STATE_MAX 4096
#define SECRET 0x5e /* no part of a mask of bits or of a vector of all ones */
#define RUN 8       /* of it side by side: one byte may be of an address */

#if defined(__x86_64__)
#define OSXSAVE (1u << 27)
/* x87, XMM, YMM, mask registers, upper halves of ZMM0-15, ZMM16-31: 2688 bytes in all */
#define COMPONENTS 0xe7u
#define FXSAVE_BYTES 416 /* used of its 512 */

static bool has_xsave(void)
{
    struct cpu_id id;

    cpu_read(&id);
    return (id.leaf1_ecx & OSXSAVE) != 0;
}

/* Calls and then stores the registers, with nothing between that could use them. */
static void call_and_save(zeropage_fn *fn, const void *pages, uint64_t *map, unsigned char *state)
{
    bool xsave = has_xsave();

    fn(pages, PAGES, PAGE, map);
    if (xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(state), "a"(COMPONENTS), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(state) : "memory");
}
#elif defined(__aarch64__)
static void call_and_save(zeropage_fn *fn, const void *pages, uint64_t *map, unsigned char *state)
{
    fn(pages, PAGES, PAGE, map);
#define PAIR(a, b, at) "stp q" #a ", q" #b ", [%0, #" #at "]\n\t"
    __asm__ volatile(
        PAIR(0, 1, 0) PAIR(2, 3, 32) PAIR(4, 5, 64) PAIR(6, 7, 96)
        PAIR(8, 9, 128) PAIR(10, 11, 160) PAIR(12, 13, 192) PAIR(14, 15, 224)
        PAIR(16, 17, 256) PAIR(18, 19, 288) PAIR(20, 21, 320) PAIR(22, 23, 352)
        PAIR(24, 25, 384) PAIR(26, 27, 416) PAIR(28, 29, 448) PAIR(30, 31, 480)
        : : "r"(state) : "memory");
#undef PAIR
}
#else
static void call_and_save(zeropage_fn *fn, const void *pages, uint64_t *map, unsigned char *state)
{
    fn(pages, PAGES, PAGE, map);
    (void)state; /* no vector registers that this program knows of */
}
#endif

static unsigned char pages[PAGES * PAGE] __attribute__((aligned(64)));
static unsigned char state[STATE_MAX] __attribute__((aligned(64)));

/* Compares pages whose bytes from @from to @to of each are the secret. */
static void check_part(const struct zeropage_impl *impl, size_t from, size_t to)
{
    uint64_t map = 0;
    size_t found = 0, run = 0;

    /* volatile: no vectors of ours hold the secret */
    for (volatile unsigned char *p = pages; p < pages + sizeof(pages); p++)
        *p = (size_t)(p - pages) % PAGE >= from && (size_t)(p - pages) % PAGE < to ? SECRET : 0;
    memset(state, 0, sizeof(state));
    call_and_save(impl->fn, pages, &map, state);
    assert_true(map == 0);
    for (const volatile unsigned char *p = state; p < state + sizeof(state); p++) {
        run = *p == SECRET ? run + 1 : 0;
        found += run == RUN;
    }
    if (found > 0)
        fail_msg("%s leaves parts of the pages in %zu registers (bytes %zu to %zu were set)",
                 impl->name, found, from, to);
}

static void no_register_holds_a_byte_of_a_guest_after_a_compare(void **unused)
{
    unsigned flags = cpu_detect();

    (void)unused;
    for (const struct zeropage_impl *impl = zeropage_impls; impl->name != NULL; impl++) {
        if ((impl->need & flags) != impl->need)
            continue;
        check_part(impl, 0, PAGE);
        check_part(impl, 0, 64);
        check_part(impl, 64, 512);
        check_part(impl, 512, 1024);
        check_part(impl, PAGE - 64, PAGE);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_register_holds_a_byte_of_a_guest_after_a_compare),
    };
    return cmocka_run_group_tests_name("zeropage_registers", tests, NULL, NULL);
}
