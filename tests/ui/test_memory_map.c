// SPDX-License-Identifier: MIT
#include "ui/screens/memory_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PAGES_OF(bytes) ((uint64_t)(bytes) / SCAN_PAGE_BYTES)
#define MIB             (1ull << 20)
#define GIB             (1ull << 30)
#define REGIONS_MAX     200

static struct scan_region regions[REGIONS_MAX];

static struct scan_report report_of(size_t count)
{
    struct scan_report r = {.regions = regions, .region_count = count, .has_slots = true};

    for (size_t i = 0; i < count; i++)
        r.pages_total += PAGES_OF(regions[i].ram.bytes);
    r.slice_count = r.pages_total < SCAN_SLICES ? (size_t)r.pages_total : SCAN_SLICES;
    return r;
}

static void put(size_t i, uint64_t address, uint64_t bytes, bool has_gfn)
{
    struct ram_region *ram = &regions[i].ram;

    *ram = (struct ram_region){.bytes = bytes, .has_gfn = has_gfn};
    ram->gfn = has_gfn ? PAGES_OF(address) : 0;
}

/* Whatever the regions: each page is in one cell, in its order. Returns the number of holes. */
static size_t check_cells(const struct scan_report *r, size_t cells)
{
    struct memory_map map = memory_map_begin(r, cells);
    uint64_t at = 0, address = 0;
    size_t holes = 0;

    for (size_t i = 0; i < cells; i++) {
        struct memory_cell cell = memory_map_next(&map);
        assert_int_equal(cell.first, at);
        assert_true(cell.end >= cell.first);
        assert_true(!cell.has_address || cell.address >= address);
        address = cell.has_address ? cell.address : address;
        holes += cell.first == cell.end;
        at = cell.end;
    }
    assert_int_equal(at, r->pages_total);
    return holes;
}

/* 3 GiB, the hole below 4 GiB, and another GiB: a fifth of the map, if it were not cut. */
static void cells_are_guest_addresses_with_their_holes(void **state)
{
    (void)state;
    put(0, 0, 3 * GIB, true);
    put(1, 4 * GIB, GIB, true);
    struct scan_report r = report_of(2);
    assert_int_equal(memory_map_hole_pages(&r), PAGES_OF(GIB));
    /* 4 GiB and of the hole half a GiB */
    assert_int_equal(check_cells(&r, 900), 100);
    struct memory_map map = memory_map_begin(&r, 9);
    for (size_t i = 0; i < 9; i++) {
        struct memory_cell cell = memory_map_next(&map);
        assert_true(cell.has_address);
        assert_int_equal(cell.first == cell.end, i == 6);
        assert_int_equal(cell.address, i < 7 ? i * GIB / 2 : 4 * GIB + (i - 7) * GIB / 2);
    }
}

static void a_hole_of_a_terabyte_leaves_room_for_the_memory(void **state)
{
    (void)state;
    put(0, 1024 * GIB, 512 * MIB, true);
    put(1, 1 << 30, 0, true);
    struct scan_report r = report_of(1);
    assert_int_equal(memory_map_hole_pages(&r), PAGES_OF(1024 * GIB));
    assert_int_equal(check_cells(&r, 900), 100);
    /* as many as there may be: all holes together are no more than the memory */
    for (size_t i = 0; i < REGIONS_MAX; i++)
        put(i, (i + 1) * 1024 * GIB, MIB, true);
    r = report_of(REGIONS_MAX);
    assert_in_range(check_cells(&r, 1000), 1, 500);
}

static void what_the_guest_does_not_see_is_last_and_has_no_address(void **state)
{
    (void)state;
    put(0, 0, 6 * MIB, true);
    put(1, 0, 2 * MIB, false);
    struct scan_report r = report_of(2);
    assert_int_equal(memory_map_hole_pages(&r), 0);
    assert_int_equal(check_cells(&r, 8), 0);
    struct memory_map map = memory_map_begin(&r, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(memory_map_next(&map).has_address, i < 6);
}

static void without_slots_it_is_all_pages_in_their_order(void **state)
{
    (void)state;
    put(0, 0, 6 * MIB, false);
    put(1, 0, 2 * MIB, false);
    struct scan_report r = report_of(2);
    r.has_slots = false;
    assert_int_equal(memory_map_hole_pages(&r), 0);
    assert_int_equal(check_cells(&r, 8), 0);
    struct memory_map map = memory_map_begin(&r, 8);
    for (size_t i = 0; i < 8; i++) {
        struct memory_cell cell = memory_map_next(&map);
        assert_true(cell.has_address);
        assert_int_equal(cell.address, i * MIB);
    }
}

static void any_number_of_cells_will_do(void **state)
{
    (void)state;
    put(0, 0, 160 * SCAN_PAGE_BYTES, true);
    put(1, 192 * SCAN_PAGE_BYTES, 64 * SCAN_PAGE_BYTES, true);
    put(2, 4 * GIB, 33 * SCAN_PAGE_BYTES, true);
    put(3, 0, 7 * SCAN_PAGE_BYTES, false);
    struct scan_report r = report_of(4);
    for (size_t cells = 1; cells <= r.slice_count; cells++)
        check_cells(&r, cells);
    /* the largest that a report may tell */
    put(0, 0, 1ull << 51, true);
    put(1, (1ull << 52) - SCAN_PAGE_BYTES, SCAN_PAGE_BYTES, true);
    r = report_of(2);
    check_cells(&r, SCAN_SLICES);
}

/* All pages in their order in rows that begin at round numbers, and few rows are lost by that. */
static void check_rows(const struct scan_report *r, size_t rows, size_t cols)
{
    struct memory_map map = memory_map_rows(r, rows, cols);
    uint64_t at = 0, length = map.row_pages;

    assert_true(map.cells % cols == 0 && map.cells / cols <= rows);
    if (length > cols) {
        while (length % 2 == 0)
            length /= 2;
        assert_true(length == 1 || length == 3 || length == 5);
    }
    for (size_t i = 0; i < map.cells; i++) {
        struct memory_cell cell = memory_map_next(&map);
        assert_int_equal(cell.first, at);
        if (!r->has_slots && cell.first < r->pages_total) {
            assert_true(cell.end > cell.first);
            if (i % cols == 0)
                assert_int_equal(cell.address, i / cols * map.row_pages * SCAN_PAGE_BYTES);
        }
        at = cell.end;
    }
    assert_int_equal(at, r->pages_total);
}

static void rows_begin_at_round_numbers(void **state)
{
    static const struct {
        uint64_t bytes, row_bytes;
        size_t rows;
    } cases[] = {{1024 * MIB, 128 * MIB, 8}, {1024 * MIB, 160 * MIB, 7},  {16 * GIB, GIB, 20},
                 {16 * GIB, 512 * MIB, 37},  {24 * GIB, 3 * GIB / 2, 20}, {256 * MIB, 32 * MIB, 9},
                 {1025 * MIB, 160 * MIB, 8}, {4096 * GIB, 512 * GIB, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(0, 0, cases[i].bytes, false);
        struct scan_report r = report_of(1);
        r.has_slots = false;
        assert_int_equal(memory_map_rows(&r, cases[i].rows, 73).row_pages,
                         PAGES_OF(cases[i].row_bytes));
        for (size_t rows = 1; rows < 40; rows++)
            check_rows(&r, rows, 30 + rows * 5);
    }
}

static void small_memory_and_memory_with_slots_have_rows_too(void **state)
{
    (void)state;
    for (uint64_t pages = 1; pages < 300; pages++) {
        put(0, 0, pages * SCAN_PAGE_BYTES, false);
        struct scan_report r = report_of(1);
        r.has_slots = false;
        check_rows(&r, 1 + pages % 7, 1 + pages % 93);
    }
    put(0, 0, 3 * GIB, true);
    put(1, 4 * GIB, GIB, true);
    put(2, 0, 160 * 1024, false);
    struct scan_report r = report_of(3);
    for (size_t rows = 1; rows < 40; rows++)
        check_rows(&r, rows, 30 + rows * 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_guest_addresses_with_their_holes),
        cmocka_unit_test(a_hole_of_a_terabyte_leaves_room_for_the_memory),
        cmocka_unit_test(what_the_guest_does_not_see_is_last_and_has_no_address),
        cmocka_unit_test(without_slots_it_is_all_pages_in_their_order),
        cmocka_unit_test(any_number_of_cells_will_do),
        cmocka_unit_test(rows_begin_at_round_numbers),
        cmocka_unit_test(small_memory_and_memory_with_slots_have_rows_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
