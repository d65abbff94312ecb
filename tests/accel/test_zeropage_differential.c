// SPDX-License-Identifier: MIT
/*
 * Every variant that this CPU can run against the reference, over generated inputs.
 * Usage: test_zeropage_differential [SEED]   or KVMLENS_SEED=SEED in the environment
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "accel/cpu.h"
#include "tests/lib/check_zeropage.h"

static void every_runnable_variant_agrees_with_the_reference(void **state)
{
    uint64_t seed = *(const uint64_t *)*state;
    unsigned flags = cpu_detect();
    size_t failed = 0, checked = 0;

    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        char why[200];
        if (zeropage_named(i->name, flags) != i) {
            print_message("SKIP %s: this CPU cannot run it\n", i->name);
            continue;
        }
        checked++;
        if (!check_zeropage(i->fn, CHECK_FULL, seed, why, sizeof(why))) {
            print_error("%s: %s (seed %" PRIu64 ")\n", i->name, why, seed);
            failed++;
        }
    }
    print_message("%zu variants checked\n", checked);
    assert_int_equal(failed, 0);
    assert_true(checked >= 1);
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    uint64_t a = 42, b = 42;
    for (int i = 0; i < 100; i++)
        assert_true(check_random(&a) == check_random(&b));
    assert_true(check_seed("12345") == 12345);
    assert_true(check_seed("0x10") == 16);
}

int main(int argc, char **argv)
{
    uint64_t seed = check_seed(argc > 1 ? argv[1] : getenv("KVMLENS_SEED"));
    printf("seed %" PRIu64 " (give it again as an argument or as KVMLENS_SEED)\n", seed);
    fflush(stdout);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_runnable_variant_agrees_with_the_reference, &seed),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
    };
    return cmocka_run_group_tests_name("zeropage_differential", tests, NULL, NULL);
}
