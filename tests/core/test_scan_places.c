// SPDX-License-Identifier: MIT
/* Where in memory pages lie, in the order in which QEMU sends them: on regions that the test makes
 * up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/scan/scan_looks.h"

#define HIGH 0x7f0000000000

/* start and size in pages, the file it is of, and where in it; last: what goes before it */
struct row {
    uint64_t start, pages, inode, offset, first;
};

static struct scan_region region_of(const struct row *row)
{
    return (struct scan_region){.ram = {.start = HIGH + row->start * SCAN_PAGE_BYTES,
                                        .bytes = row->pages * SCAN_PAGE_BYTES,
                                        .inode = row->inode,
                                        .file_offset = row->offset * SCAN_PAGE_BYTES}};
}

static void expect_order(const struct row *rows, size_t count)
{
    struct scan_region regions[8] = {{.ram = {.start = 0}}};
    uint64_t first[8];

    for (size_t i = 0; i < count; i++)
        regions[i] = region_of(&rows[i]);
    assert_int_equal(scan_places_order(regions, count, first), 0);
    for (size_t i = 0; i < count; i++)
        if (first[i] != rows[i].first)
            fail_msg("region %zu: behind %llu pages, not %llu", i, (unsigned long long)first[i],
                     (unsigned long long)rows[i].first);
}

static void blocks_go_by_size_and_regions_of_one_together(void **state)
{
    /* As the scan has them: by size, or as the guest sees them. */
    static const struct row plain[] = {
        {9000, 512, 0, 0, 0}, {20000, 64, 0, 0, 512}, {100, 32, 0, 0, 576}};
    /* A block that mbind() parted is larger than each of its parts, and than another block. */
    static const struct row parted[] = {
        {50000, 700, 0, 0, 1000}, {1500, 500, 0, 0, 500}, {1000, 500, 0, 0, 0}};
    /* Slots: low memory, that above 4 GiB, the VGA window between, firmware. */
    static const struct row slots[] = {{1000, 160, 7, 0, 0},
                                       {1192, 600, 7, 192, 192},
                                       {8000, 100, 8, 0, 992},
                                       {1792, 200, 7, 792, 792},
                                       {1160, 32, 7, 160, 160}};
    /* NUMA nodes of one size: the kernel gives addresses downwards. */
    static const struct row nodes[] = {
        {1000, 128, 0, 0, 256}, {2000, 128, 0, 0, 128}, {3000, 128, 0, 0, 0}};
    /* Side by side, but of two files, or not one after the other in it. */
    static const struct row files[] = {
        {1000, 100, 7, 0, 400}, {1100, 150, 8, 0, 250}, {1250, 250, 8, 400, 0}};

    (void)state;
    expect_order(plain, 3);
    expect_order(parted, 3);
    expect_order(slots, 5);
    expect_order(nodes, 3);
    expect_order(files, 3);
    expect_order(NULL, 0);
}

/* Ends with scan_looks_done. Two looks at @count pages of one region, @step pages apart. */
static struct scan_looks make_looks(size_t count, uint64_t step)
{
    struct scan_place *places = calloc(count, sizeof(*places));
    struct scan_looks looks;

    assert_non_null(places);
    for (size_t i = 0; i < count; i++)
        places[i].address = HIGH + i * step * SCAN_PAGE_BYTES;
    assert_int_equal(scan_looks_open(&looks, places, count, 3), 0);
    looks.looks = 2;
    for (size_t i = 0; i < count; i++)
        looks.time_us[i] = looks.time_us[looks.room + i] = 1;
    return looks;
}

static void places_are_equal_parts_of_all_ram(void **state)
{
    const struct row row = {0, 64 * 100, 0, 0, 0};
    const struct scan_region region = region_of(&row);
    struct scan_looks looks = make_looks(640, 10);
    struct dirty_place places[DIRTY_PLACES];
    uint64_t first = 0;

    (void)state;
    for (size_t i = 0; i < 25; i++)
        looks.hash[looks.room + i] = 1; /* the first two parts and a half */
    looks.time_us[looks.room + 3] = 0;  /* has vanished */
    looks.time_us[639] = 0;             /* was not looked at at first */
    scan_places_fill(&looks, &region, &first, 6400, places);
    for (int i = 0; i < DIRTY_PLACES; i++) {
        assert_int_equal(places[i].sampled, i == 0 || i == 63 ? 9 : 10);
        assert_int_equal(places[i].changed, i == 0 ? 9 : i == 1 ? 10 : i == 2 ? 5 : 0);
    }
    looks.time_us[50] = looks.time_us[60] = 0; /* were looked at later than others are */
    looks.hash[looks.room + 50] = 77;
    looks.hash[2 * looks.room + 60] = 88;
    looks.looks = 3;
    for (size_t i = 0; i < 640; i++) {
        looks.time_us[2 * looks.room + i] = i >= 50 && i < 70;
        looks.hash[2 * looks.room + i] = i == 60 ? 88 : looks.hash[looks.room + i];
    }
    scan_places_fill(&looks, &region, &first, 6400, places);
    for (int i = 0; i < DIRTY_PLACES; i++) {
        assert_int_equal(places[i].sampled, i == 5 || i == 6 ? 10 : 0);
        assert_int_equal(places[i].changed, i == 6 ? 1 : 0);
    }
    for (size_t i = 0; i < 640; i++) /* nothing could be read at the last look */
        looks.time_us[2 * looks.room + i] = 0;
    scan_places_fill(&looks, &region, &first, 6400, places);
    for (int i = 0; i < DIRTY_PLACES; i++)
        assert_true(places[i].sampled == 0 && places[i].changed == 0);
    looks.looks = 1;
    places[5].sampled = 77;
    scan_places_fill(&looks, &region, &first, 6400, places);
    assert_int_equal(places[5].sampled, 0);
    scan_looks_done(&looks);
}

static void what_goes_before_counts_and_the_last_page_is_in_the_last_place(void **state)
{
    /* 10 pages in all: fewer than places */
    const struct row rows[] = {{0, 3, 0, 0, 7}, {100, 7, 0, 0, 0}};
    const struct scan_region regions[] = {region_of(&rows[0]), region_of(&rows[1])};
    struct scan_looks looks = make_looks(3, 1);
    struct dirty_place places[DIRTY_PLACES];
    uint64_t first[2];

    (void)state;
    assert_int_equal(scan_places_order(regions, 2, first), 0);
    looks.places[2] = (struct scan_place){.address = HIGH + 100 * SCAN_PAGE_BYTES, .region = 1};
    scan_places_fill(&looks, regions, first, 10, places);
    for (int i = 0; i < DIRTY_PLACES; i++)
        assert_int_equal(places[i].sampled, i == 0 || i == 7 * 64 / 10 || i == 8 * 64 / 10);
    scan_looks_done(&looks);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_by_size_and_regions_of_one_together),
        cmocka_unit_test(places_are_equal_parts_of_all_ram),
        cmocka_unit_test(what_goes_before_counts_and_the_last_page_is_in_the_last_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
