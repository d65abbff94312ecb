// SPDX-License-Identifier: MIT
/* The table of variants, the choice among them, and what each answers on small named cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accel/cpu.h"
#include "accel/zeropage.h"

#define EVERY (CPU_SSE2 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512 | CPU_NEON)

static void table_starts_with_a_reference_that_needs_nothing(void **state)
{
    (void)state;
    assert_string_equal(zeropage_impls[0].name, "c");
    assert_int_equal(zeropage_impls[0].need, 0);
    assert_true(zeropage_impls[0].auto_ok);
}

static void every_entry_is_whole_and_its_name_is_unique(void **state)
{
    (void)state;
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        assert_non_null(i->fn);
        assert_non_null(i->why);
        assert_true(strlen(i->why) > 0);
        for (const struct zeropage_impl *k = zeropage_impls; k != i; k++)
            assert_string_not_equal(i->name, k->name);
    }
}

static void the_pick_runs_on_every_set_of_flags(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 1u << 10; flags++) {
        const struct zeropage_impl *p = zeropage_pick(flags);
        assert_non_null(p);
        assert_int_equal(p->need & ~flags, 0);
        assert_true(p->auto_ok);
        assert_int_equal(p->unless & flags, 0);
        /* And nothing that may be chosen comes after it. */
        for (const struct zeropage_impl *i = p + 1; i->name != NULL; i++)
            assert_false(i->auto_ok && (i->need & ~flags) == 0 && !(i->unless & flags));
    }
    assert_string_equal(zeropage_pick(0)->name, "c");
}

static void a_variant_is_named_only_where_it_runs(void **state)
{
    (void)state;
    assert_null(zeropage_named("", EVERY));
    assert_null(zeropage_named("AVX2", EVERY));
    assert_null(zeropage_named("avx", EVERY));
    assert_ptr_equal(zeropage_named("c", 0), &zeropage_impls[0]);
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        assert_ptr_equal(zeropage_named(i->name, EVERY), i);
        for (unsigned bit = 1; bit <= EVERY; bit <<= 1) {
            if (i->need & bit)
                assert_null(zeropage_named(i->name, EVERY & ~bit));
        }
    }
}

#if defined(__x86_64__)
static void an_avx_cpu_whose_os_saves_nothing_gets_sse2(void **state)
{
    (void)state;
    unsigned flags = CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED | CPU_AVX512_UNSAVED;
    assert_string_equal(zeropage_pick(flags)->name, "sse2");
    assert_null(zeropage_named("avx2", flags));
    assert_null(zeropage_named("avx512", flags));
}

static void avx512_in_halves_is_not_chosen_but_can_be_forced(void **state)
{
    (void)state;
    unsigned zen4 = CPU_SSE2 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512 | CPU_AVX512_HALVES;
    assert_string_equal(zeropage_pick(zen4)->name, "avx2");
    assert_string_equal(zeropage_named("avx512", zen4)->name, "avx512");
    assert_string_equal(zeropage_pick(zen4 & ~(unsigned)CPU_AVX512_HALVES)->name, "avx512");
}

static void sse41_is_never_chosen_but_can_be_forced(void **state)
{
    (void)state;
    unsigned penryn = CPU_SSE2 | CPU_SSE41;
    assert_string_equal(zeropage_pick(penryn)->name, "sse2");
    assert_string_equal(zeropage_named("sse41", penryn)->name, "sse41");
}

static void the_five_levels_are_there_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"c", "sse2", "sse41", "avx2", "avx512", NULL};
    for (size_t i = 0; names[i] != NULL; i++)
        assert_string_equal(zeropage_impls[i].name, names[i]);
    assert_null(zeropage_impls[5].name);
}

static void choices_name_each_variant_and_why_it_cannot_run(void **state)
{
    (void)state;
    char buf[300];
    assert_true(zeropage_choices(CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED, buf, sizeof(buf)) <
                sizeof(buf));
    assert_string_equal(buf,
                        "c, sse2 (automatic), sse41, avx2 (the OS does not save its registers), "
                        "avx512 (the CPU lacks it); only on arm64: neon");
}
#endif

static void choices_are_one_line_and_cut_to_the_buffer(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 1u << 10; flags++) {
        char whole[300], cut[20];
        size_t n = zeropage_choices(flags, whole, sizeof(whole));
        assert_true(n < sizeof(whole));
        assert_int_equal(strlen(whole), n);
        assert_null(strchr(whole, '\n'));
        for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++)
            assert_non_null(strstr(whole, i->name));
        memset(cut, 'x', sizeof(cut));
        assert_int_equal(zeropage_choices(flags, cut, 10), n);
        assert_int_equal(strlen(cut), 9);
        assert_memory_equal(cut, whole, 9);
        assert_int_equal(cut[10], 'x');
        assert_int_equal(zeropage_choices(flags, NULL, 0), n);
    }
}

/* Runs @body for each variant this CPU can run; says which it had to leave out. */
static void each(void (*body)(const struct zeropage_impl *impl))
{
    unsigned flags = cpu_detect();
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        if (zeropage_named(i->name, flags) == i)
            body(i);
        else
            print_message("SKIP %s: this CPU cannot run it\n", i->name);
    }
}

static void check_nothing(const struct zeropage_impl *impl)
{
    uint64_t map[1] = {0x0123456789abcdef};
    assert_int_equal(impl->fn(NULL, 0, 4096, map), 0);
    assert_true(map[0] == 0x0123456789abcdef);
}

static void no_pages_write_no_word(void **state)
{
    (void)state;
    each(check_nothing);
}

static void check_tail(const struct zeropage_impl *impl)
{
    unsigned char *buf = calloc(70, 4096);
    assert_non_null(buf);
    buf[3 * 4096 + 17] = 1;
    buf[65 * 4096 + 4095] = 0x80;
    uint64_t map[3] = {~UINT64_C(0), ~UINT64_C(0), UINT64_C(0x5555)};
    assert_int_equal(impl->fn(buf, 70, 4096, map), 68);
    assert_true(map[0] == ~(UINT64_C(1) << 3));
    assert_true(map[1] == (0x3f & ~(UINT64_C(1) << 1)));
    assert_true(map[2] == 0x5555);
    free(buf);
}

static void unused_bits_of_the_last_word_are_cleared(void **state)
{
    (void)state;
    each(check_tail);
}

static void check_sizes(const struct zeropage_impl *impl)
{
    static const size_t sizes[] = {64,  128, 192,  256,  320,  448,   512,
                                   576, 960, 1024, 4096, 4160, 65536, 2u << 20};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t size = sizes[s];
        unsigned char *buf = calloc(3, size);
        assert_non_null(buf);
        uint64_t map = 0;
        assert_int_equal(impl->fn(buf, 3, size, &map), 3);
        assert_true(map == 7);
        /* One byte in each line of the middle page: it, and nothing beside it, turns non-zero. */
        for (size_t at = 0; at < size; at += 64) {
            size_t pos = size + at + (at / 64 * 7) % 64;
            buf[pos] = 1;
            if (impl->fn(buf, 3, size, &map) != 2 || map != 5)
                fail_msg("%s: page size %zu, byte %zu unseen or misplaced", impl->name, size, pos);
            buf[pos] = 0;
            at += size > 65536 ? 4096 - 64 : 0;
        }
        free(buf);
    }
}

static void any_page_size_that_is_a_multiple_of_64_works(void **state)
{
    (void)state;
    each(check_sizes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_starts_with_a_reference_that_needs_nothing),
        cmocka_unit_test(every_entry_is_whole_and_its_name_is_unique),
        cmocka_unit_test(the_pick_runs_on_every_set_of_flags),
        cmocka_unit_test(a_variant_is_named_only_where_it_runs),
#if defined(__x86_64__)
        cmocka_unit_test(an_avx_cpu_whose_os_saves_nothing_gets_sse2),
        cmocka_unit_test(avx512_in_halves_is_not_chosen_but_can_be_forced),
        cmocka_unit_test(sse41_is_never_chosen_but_can_be_forced),
        cmocka_unit_test(the_five_levels_are_there_in_order),
        cmocka_unit_test(choices_name_each_variant_and_why_it_cannot_run),
#endif
        cmocka_unit_test(choices_are_one_line_and_cut_to_the_buffer),
        cmocka_unit_test(no_pages_write_no_word),
        cmocka_unit_test(unused_bits_of_the_last_word_are_cleared),
        cmocka_unit_test(any_page_size_that_is_a_multiple_of_64_works),
    };
    return cmocka_run_group_tests_name("zeropage", tests, NULL, NULL);
}
