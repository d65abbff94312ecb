// SPDX-License-Identifier: MIT
/* Blocks that are kept for the next tick, and those that are not. */
#include "core/base/spare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static size_t kept(const struct spare *spare)
{
    size_t count = 0;

    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        count += spare->blocks[i].memory != NULL;
    return count;
}

static void *taken(struct spare *spare, size_t bytes)
{
    void *memory = spare_take(spare, bytes);

    assert_non_null(memory);
    memset(memory, 0xa5, bytes);
    return memory;
}

static void a_block_is_there_for_the_next_tick(void **state)
{
    struct spare spare = {0};
    void *form = taken(&spare, 4 * MIB), *snapshot = taken(&spare, 6 * MIB);

    (void)state;
    spare_give(&spare, form);
    spare_give(&spare, snapshot);
    /* The smallest that is large enough; a little more is wanted now. */
    assert_ptr_equal(taken(&spare, 4 * MIB + MIB / 4), form);
    assert_ptr_equal(taken(&spare, 6 * MIB), snapshot);
    assert_int_equal(kept(&spare), 0);
    spare_give(&spare, form);
    spare_give(NULL, snapshot);
    assert_int_equal(kept(&spare), 1);
    spare_done(&spare);
    assert_int_equal(kept(&spare), 0);
}

static void what_is_too_small_or_much_too_large_is_not_taken(void **state)
{
    struct spare spare = {0};
    void *small = taken(&spare, MIB), *large = taken(&spare, 64 * MIB);

    (void)state;
    spare_give(&spare, small);
    spare_give(&spare, large);
    void *other = taken(&spare, 8 * MIB);
    assert_ptr_not_equal(other, small);
    assert_ptr_not_equal(other, large);
    assert_int_equal(kept(&spare), 2);
    spare_give(&spare, other);
    spare_done(&spare);
}

static void small_blocks_are_left_to_malloc(void **state)
{
    struct spare spare = {0};

    (void)state;
    spare_give(&spare, taken(&spare, 1000));
    spare_give(&spare, NULL);
    assert_int_equal(kept(&spare), 0);
}

/* A crowd of VMs that has gone: its memory does too. */
static void what_nobody_wants_is_freed_in_the_end(void **state)
{
    struct spare spare = {0};

    (void)state;
    spare_give(&spare, taken(&spare, 64 * MIB));
    for (int i = 0; i < SPARE_IDLE_MAX; i++)
        spare_give(&spare, taken(&spare, 1000));
    assert_int_equal(kept(&spare), 1);
    spare_give(&spare, taken(&spare, 1000));
    assert_int_equal(kept(&spare), 0);
}

static void no_more_than_some_are_kept(void **state)
{
    struct spare spare = {0};
    void *blocks[SPARE_BLOCKS + 2];

    (void)state;
    for (size_t i = 0; i < SPARE_BLOCKS + 2; i++)
        blocks[i] = taken(&spare, MIB);
    for (size_t i = 0; i < SPARE_BLOCKS + 2; i++)
        spare_give(&spare, blocks[i]);
    assert_int_equal(kept(&spare), SPARE_BLOCKS);
    spare_done(&spare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_there_for_the_next_tick),
        cmocka_unit_test(what_is_too_small_or_much_too_large_is_not_taken),
        cmocka_unit_test(small_blocks_are_left_to_malloc),
        cmocka_unit_test(what_nobody_wants_is_freed_in_the_end),
        cmocka_unit_test(no_more_than_some_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
