// SPDX-License-Identifier: MIT
/*
 * Proves that check_zeropage() can fail: kernels with one planted bug each, which it must report,
 * whatever the seed. They live here only.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/check_zeropage.h"

/* --- bugs inside a kernel, in the simplest page loop --- */

/* The OR of bytes @from to @to; the compiler must not see that some reads are not needed. */
static unsigned char or_bytes(const uint8_t *p, size_t from, size_t to)
{
    const volatile uint8_t *v = p;
    unsigned char sum = 0;
    for (size_t i = from; i < to; i++)
        sum |= v[i];
    return sum;
}

static inline bool page_good(const uint8_t *p, size_t size)
{
    return or_bytes(p, 0, size) == 0;
}

static inline bool page_half_vector(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i += 32) {
        if (or_bytes(p, i, i + 16) != 0)
            return false;
    }
    return true;
}

static inline bool page_64_too_many(const uint8_t *p, size_t size)
{
    (void)or_bytes(p, size, size + 64); /* the answer is right; only the read is wrong */
    return page_good(p, size);
}

static inline bool page_1_too_many(const uint8_t *p, size_t size)
{
    return or_bytes(p, 0, size + 1) == 0;
}

static inline bool page_1_before(const uint8_t *p, size_t size)
{
    return or_bytes(p - 1, 0, size + 1) == 0;
}

static inline bool page_last_line_ignored(const uint8_t *p, size_t size)
{
    return or_bytes(p, 0, size - 64) == 0;
}

static inline bool page_rest_behind_256_ignored(const uint8_t *p, size_t size)
{
    return or_bytes(p, 0, size < 256 ? size : size / 256 * 256) == 0;
}

static inline bool page_sign_bit_ignored(const uint8_t *p, size_t size)
{
    return (or_bytes(p, 0, size) & 0x7f) == 0;
}

static inline bool page_sum_wraps(const uint8_t *p, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + p[i]); /* 256 bytes of 1 add up to 0 */
    return sum == 0;
}

static inline bool page_xored(const uint8_t *p, size_t size)
{
    uint8_t lane[16] = {0}, any = 0;
    for (size_t i = 0; i < size; i++)
        lane[i % 16] ^= p[i];
    for (size_t i = 0; i < 16; i++)
        any |= lane[i];
    return any == 0;
}

static inline bool page_assumes_alignment(const uint8_t *p, size_t size)
{
    return or_bytes(p - (uintptr_t)p % 64, 0, size) == 0;
}

static size_t page_loop(const uint8_t *b, size_t n, size_t s, uint64_t *m,
                        bool (*page_is_zero)(const uint8_t *p, size_t size))
{
    size_t zero_pages = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t zero = page_is_zero(b + i * s, s);
        m[i / 64] = (i % 64 == 0 ? 0 : m[i / 64]) | zero << i % 64;
        zero_pages += zero;
    }
    return zero_pages;
}

#define KERNEL_MUTANT(name, page)                                                                  \
    static size_t name(const void *b, size_t n, size_t s, uint64_t *m)                             \
    {                                                                                              \
        return page_loop(b, n, s, m, page);                                                        \
    }
KERNEL_MUTANT(nothing_planted, page_good)
KERNEL_MUTANT(half_a_vector_ignored, page_half_vector)
KERNEL_MUTANT(read_64_bytes_too_many, page_64_too_many)
KERNEL_MUTANT(read_1_byte_too_many, page_1_too_many)
KERNEL_MUTANT(read_1_byte_before, page_1_before)
KERNEL_MUTANT(last_line_ignored, page_last_line_ignored)
KERNEL_MUTANT(rest_behind_256_ignored, page_rest_behind_256_ignored)
KERNEL_MUTANT(sign_bit_ignored, page_sign_bit_ignored)
KERNEL_MUTANT(bytes_added_not_ored, page_sum_wraps)
KERNEL_MUTANT(bytes_xored_not_ored, page_xored)
KERNEL_MUTANT(base_rounded_down, page_assumes_alignment)

/* --- bugs in the loop: a right answer is bent --- */

static size_t wrong_tail_mask(const void *b, size_t n, size_t s, uint64_t *m)
{
    size_t zero_pages = zeropage_c(b, n, s, m);
    if (n % 64 != 0)
        m[n / 64] |= ~UINT64_C(0) << n % 64; /* unused bits say "zero" */
    return zero_pages;
}

static size_t tail_not_cleared(const void *b, size_t n, size_t s, uint64_t *m)
{
    uint64_t old = n % 64 != 0 ? m[n / 64] : 0;
    size_t zero_pages = zeropage_c(b, n, s, m);
    if (n % 64 != 0)
        m[n / 64] |= old & ~UINT64_C(0) << n % 64;
    return zero_pages;
}

static size_t one_word_too_many(const void *b, size_t n, size_t s, uint64_t *m)
{
    if (n % 64 == 0)
        m[n / 64] = 0;
    return zeropage_c(b, n, s, m);
}

static size_t last_page_left_out(const void *b, size_t n, size_t s, uint64_t *m)
{
    size_t zero_pages = zeropage_c(b, n, s, m);
    if (n % 64 == 1)
        m[n / 64] = 0;
    return zero_pages;
}

static size_t bits_from_the_top(const void *b, size_t n, size_t s, uint64_t *m)
{
    size_t zero_pages = zeropage_c(b, n, s, m);
    for (size_t i = 0; i < n / 64; i++) {
        uint64_t turned = 0;
        for (int k = 0; k < 64; k++)
            turned |= (m[i] >> k & 1) << (63 - k);
        m[i] = turned;
    }
    return zero_pages;
}

static size_t shift_of_32_bits(const void *b, size_t n, size_t s, uint64_t *m)
{
    size_t zero_pages = zeropage_c(b, n, s, m);
    for (size_t i = 0; i < (n + 63) / 64; i++)
        m[i] = (uint32_t)m[i] | (uint32_t)(m[i] >> 32);
    return zero_pages;
}

static size_t count_off_by_one(const void *b, size_t n, size_t s, uint64_t *m)
{
    return zeropage_c(b, n, s, m) + (n == 65);
}

static size_t page_size_taken_as_4096(const void *b, size_t n, size_t s, uint64_t *m)
{
    return zeropage_c(b, n, s == 8192 - 64 ? 4096 : s > 64 ? s - 64 : s, m);
}

static size_t illegal_instruction(const void *b, size_t n, size_t s, uint64_t *m)
{
    if (n == 129)
        raise(SIGILL);
    return zeropage_c(b, n, s, m);
}

static const struct {
    const char *name;
    zeropage_fn *fn;
} mutants[] = {
#define MUTANT(x)                                                                                  \
    {                                                                                              \
#x, x                                                                                      \
    }
    MUTANT(half_a_vector_ignored), MUTANT(read_64_bytes_too_many), MUTANT(read_1_byte_too_many),
    MUTANT(read_1_byte_before),    MUTANT(last_line_ignored),      MUTANT(rest_behind_256_ignored),
    MUTANT(sign_bit_ignored),      MUTANT(bytes_added_not_ored),   MUTANT(bytes_xored_not_ored),
    MUTANT(base_rounded_down),     MUTANT(wrong_tail_mask),        MUTANT(tail_not_cleared),
    MUTANT(one_word_too_many),     MUTANT(last_page_left_out),     MUTANT(bits_from_the_top),
    MUTANT(shift_of_32_bits),      MUTANT(count_off_by_one),       MUTANT(page_size_taken_as_4096),
    MUTANT(illegal_instruction),
};

static void each_planted_bug_is_reported(void **state)
{
    uint64_t seed = *(const uint64_t *)*state;
    size_t missed = 0;
    for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
        char why[200] = "";
        if (check_zeropage(mutants[i].fn, CHECK_FULL, seed, why, sizeof(why))) {
            print_error("%s was not noticed (seed %" PRIu64 ")\n", mutants[i].name, seed);
            missed++;
        } else {
            print_message("%-24s caught: %s\n", mutants[i].name, why);
            assert_true(why[0] != '\0');
        }
    }
    assert_int_equal(missed, 0);
}

static void the_same_kernel_without_a_bug_passes(void **state)
{
    uint64_t seed = *(const uint64_t *)*state;
    char why[200] = "";
    if (!check_zeropage(nothing_planted, CHECK_FULL, seed, why, sizeof(why)))
        fail_msg("%s (seed %" PRIu64 ")", why, seed);
}

int main(int argc, char **argv)
{
    uint64_t seed = check_seed(argc > 1 ? argv[1] : getenv("KVMLENS_SEED"));
    printf("seed %" PRIu64 " (give it again as an argument or as KVMLENS_SEED)\n", seed);
    fflush(stdout);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_planted_bug_is_reported, &seed),
        cmocka_unit_test_prestate(the_same_kernel_without_a_bug_passes, &seed),
    };
    return cmocka_run_group_tests_name("zeropage_mutants", tests, NULL, NULL);
}
