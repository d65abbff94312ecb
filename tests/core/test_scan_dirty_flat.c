// SPDX-License-Identifier: MIT
/* What several looks said, in the flat form of a report. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/scan/scan_flat.h"
#include "core/scan/scan_flat_internal.h"
#include "core/scan/scan_internal.h"
#include "tests/lib/flat_block.h"

#define LOOKS 4
#define PAGES 16384

static struct scan_report *make_report(void)
{
    const struct scan_request request = {.vm = {.pid = 5134, .fd = 12}, .mode = SCAN_DIRTY};
    struct ram_region region = {.start = 0x7f0000000000,
                                .bytes = PAGES * SCAN_PAGE_BYTES,
                                .page_bytes = SCAN_PAGE_BYTES,
                                .rule = ram_rule_named("memslot")};
    struct ram_map map = {.regions = &region, .count = 1, .bytes = region.bytes};
    struct scan_report *r = scan_report_new(&request);

    assert_non_null(r);
    assert_int_equal(scan_report_set_regions(r, &map), 0);
    r->phase = SCAN_PHASE_LOOKS;
    r->cost.accel = zeropage_impls[0].name;
    r->state = SCAN_DONE;
    scan_report_finish(r);
    struct dirty_looks *d = &r->dirty->looks;
    for (unsigned i = 0; i < LOOKS; i++)
        for (unsigned j = i + 1; j < LOOKS; j++)
            d->pairs[d->pair_count++] = (struct dirty_pair){.begin_s = 0.1 * i,
                                                            .seconds = 0.1 * (j - i),
                                                            .sampled = 990 + i,
                                                            .changed = 17 * j};
    d->places[0] = (struct dirty_place){600, 600};
    d->places[DIRTY_PLACES - 1] = (struct dirty_place){400, 17};
    d->population = 12000;
    d->sampled = 1000;
    d->duration_s = 0.3;
    d->newly_touched_per_s = 12.5;
    d->zero_at_begin = 40;
    d->zero_at_end = 30;
    d->page_bytes_dirty = 2 << 20;
    d->flags = DIRTY_LOOKS_LOAD_CHANGED | DIRTY_LOOKS_CUT_SHORT;
    r->dirty->look_count = LOOKS;
    r->dirty->voids = 1u << SCAN_VOID_LOAD_CHANGED | 1u << SCAN_VOID_VFIO;
    r->dirty->changed_looks = 1u << 3;
    r->dirty->vfio_group = 14;
    r->dirty->lost = 3;
    r->dirty->grown_pages = 4;
    r->dirty->huge_pages = 512;
    return r;
}

static int read_back(struct flat_block *b)
{
    struct scan_report *report = NULL;
    int result = scan_flat_read(b->bytes, b->size, &report);

    assert_true((result == 0) == (report != NULL));
    scan_report_free(report);
    free(b->bytes);
    return result;
}

static void compare_looks(const struct dirty_looks *a, const struct dirty_looks *b)
{
    assert_int_equal(a->pair_count, b->pair_count);
    for (size_t i = 0; i < a->pair_count; i++) {
        const struct dirty_pair *x = &a->pairs[i], *y = &b->pairs[i];
        assert_true(x->begin_s == y->begin_s && x->seconds == y->seconds);
        assert_true(x->sampled == y->sampled && x->changed == y->changed);
    }
    assert_memory_equal(a->places, b->places, sizeof(a->places));
    assert_int_equal(a->population, b->population);
    assert_int_equal(a->sampled, b->sampled);
    assert_true(a->duration_s == b->duration_s);
    assert_true(a->newly_touched_per_s == b->newly_touched_per_s);
    assert_int_equal(a->zero_at_begin, b->zero_at_begin);
    assert_int_equal(a->zero_at_end, b->zero_at_end);
    assert_int_equal(a->page_bytes_dirty, b->page_bytes_dirty);
    assert_int_equal(a->flags, b->flags);
}

static void what_looks_said_comes_back_as_it_was(void **state)
{
    struct scan_report *r = make_report(), *back;
    struct flat_block b = flat_block_of_scan(r);

    (void)state;
    assert_int_equal(scan_flat_read(b.bytes, b.size, &back), 0);
    assert_non_null(back->dirty);
    compare_looks(&r->dirty->looks, &back->dirty->looks);
    assert_int_equal(back->mode, SCAN_DIRTY);
    assert_int_equal(back->phase, SCAN_PHASE_LOOKS);
    assert_int_equal(back->dirty->look_count, LOOKS);
    assert_int_equal(back->dirty->voids, r->dirty->voids);
    assert_int_equal(back->dirty->changed_looks, r->dirty->changed_looks);
    assert_int_equal(back->dirty->vfio_group, 14);
    assert_int_equal(back->dirty->lost, 3);
    assert_int_equal(back->dirty->grown_pages, 4);
    assert_int_equal(back->dirty->huge_pages, 512);
    scan_report_free(back);
    scan_report_free(r);
    free(b.bytes);
}

static void the_most_pairs_fit(void **state)
{
    struct scan_report *r = make_report(), *back;
    struct dirty_looks *d = &r->dirty->looks;

    (void)state;
    for (d->pair_count = 0; d->pair_count < DIRTY_PAIRS_MOST; d->pair_count++)
        d->pairs[d->pair_count] = (struct dirty_pair){.seconds = 1, .sampled = 1};
    r->dirty->look_count = DIRTY_LOOKS_MOST;
    r->dirty->vfio_group = -1;
    struct flat_block b = flat_block_of_scan(r);
    assert_true(b.size <= SCAN_FLAT_BYTES_MAX);
    assert_int_equal(scan_flat_read(b.bytes, b.size, &back), 0);
    compare_looks(d, &back->dirty->looks);
    assert_int_equal(back->dirty->vfio_group, -1);
    scan_report_free(back);
    scan_report_free(r);
    free(b.bytes);
}

/* Made where memory was short. */
static void a_report_of_looks_without_any_is_one(void **state)
{
    const struct scan_request request = {.vm = {.pid = 7, .fd = 3}, .mode = SCAN_DIRTY};
    struct scan_report *r = scan_report_spare(), *back;

    (void)state;
    scan_report_use_spare(r, &request);
    struct flat_block b = flat_block_of_scan(r);
    assert_int_equal(scan_flat_read(b.bytes, b.size, &back), 0);
    assert_null(back->dirty);
    assert_int_equal(back->mode, SCAN_DIRTY);
    scan_report_free(back);
    scan_report_free(r);
    free(b.bytes);
}

/* As a scanner that knows nothing of places would write it. */
static void places_may_be_missing_but_not_some_of_them(void **state)
{
    static const struct {
        size_t count;
        int result;
    } cases[] = {{0, 0}, {DIRTY_PLACES - 1, -EBADMSG}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scan_report *r = make_report(), *back = NULL;
        struct flat_block b = flat_block_of_scan(r);
        struct flat flat;
        assert_int_equal(flat_open(b.bytes, b.size, FLAT_SCAN_REPORT, &flat), 0);
        struct flat_section places = flat_find(&flat, SCAN_PLACES);
        uint32_t *id = (uint32_t *)(places.items - 16), *count = (uint32_t *)(places.items - 8);
        assert_int_equal(*count, DIRTY_PLACES);
        if (cases[i].count == 0)
            *id = 999;
        else
            *count = (uint32_t)cases[i].count;
        /* what was taken from the section's end must belong to another */
        memset(places.items + cases[i].count * sizeof(struct flat_scan_place), 0,
               cases[i].count == 0 ? 0 : sizeof(struct flat_scan_place));
        int result = scan_flat_read(b.bytes, b.size, &back);
        assert_int_equal(result, cases[i].result);
        for (int k = 0; back != NULL && k < DIRTY_PLACES; k++)
            assert_true(back->dirty->looks.places[k].sampled == 0);
        scan_report_free(back);
        scan_report_free(r);
        free(b.bytes);
    }
}

static void what_breaks_a_rule_is_no_report(void **state)
{
    const double nan_value = nan(""), below = -1e-9, endless = INFINITY;
    uint64_t not_a_number, negative, infinite;

    (void)state;
    memcpy(&not_a_number, &nan_value, 8);
    memcpy(&negative, &below, 8);
    memcpy(&infinite, &endless, 8);
#define OF_LOOKS(member)   SCAN_DIRTY_HEAD, 0, offsetof(struct flat_scan_dirty, member)
#define OF_PLACE(i, member) SCAN_PLACES, i, offsetof(struct flat_scan_place, member)
#define OF_PAIR(i, member) SCAN_PAIRS, i, offsetof(struct flat_scan_pair, member)
    const struct {
        enum scan_section id;
        size_t item, offset, bytes;
        uint64_t value;
    } wrong[] = {
        {OF_LOOKS(population), 8, PAGES + 1},
        {OF_LOOKS(population), 8, 999}, /* fewer than were drawn */
        {OF_LOOKS(sampled), 8, 12001},
        {OF_LOOKS(sampled), 8, 991}, /* fewer than a pair has */
        {OF_LOOKS(zero_at_begin), 8, 1001},
        {OF_LOOKS(zero_at_end), 8, UINT64_MAX},
        {OF_LOOKS(duration_s), 8, not_a_number},
        {OF_LOOKS(duration_s), 8, infinite},
        {OF_LOOKS(newly_touched_per_s), 8, negative},
        {OF_LOOKS(lost), 8, 1001},
        {OF_LOOKS(grown_pages), 8, PAGES + 1},
        {OF_LOOKS(huge_pages), 8, PAGES + 1},
        {OF_LOOKS(page_bytes_dirty), 4, 0},
        {OF_LOOKS(page_bytes_dirty), 4, 2048},
        {OF_LOOKS(page_bytes_dirty), 4, 12288},
        {OF_LOOKS(flags), 4, 8},
        {OF_LOOKS(look_count), 4, DIRTY_LOOKS_MOST + 1},
        {OF_LOOKS(look_count), 4, LOOKS - 1}, /* has fewer pairs */
        {OF_LOOKS(look_count), 4, 0},
        {OF_LOOKS(voids), 4, 1u << SCAN_VOID_COUNT},
        {OF_LOOKS(changed_looks), 4, 1u << LOOKS},
        {OF_LOOKS(vfio_group), 4, (uint32_t)-2},
        {OF_PAIR(0, begin_s), 8, negative},
        {OF_PAIR(1, begin_s), 8, not_a_number},
        {OF_PAIR(0, seconds), 8, 0},
        {OF_PAIR(5, seconds), 8, infinite},
        {OF_PAIR(0, sampled), 8, 0},
        {OF_PAIR(5, sampled), 8, 1001},
        {OF_PAIR(5, changed), 8, 993},
        {OF_PLACE(0, sampled), 4, 601}, /* one more than all */
        {OF_PLACE(3, sampled), 4, UINT32_MAX},
        {OF_PLACE(0, changed), 4, 601},
        {OF_PLACE(3, changed), 4, 1},
        {SCAN_HEAD, 0, offsetof(struct flat_scan_head, mode), 1, SCAN_ESTIMATE}, /* has no looks */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct scan_report *r = make_report();
        struct flat_block b = flat_block_of_scan(r);
        struct flat flat;
        assert_int_equal(flat_open(b.bytes, b.size, FLAT_SCAN_REPORT, &flat), 0);
        struct flat_section s = flat_find(&flat, wrong[i].id);
        assert_true(wrong[i].item < s.count);
        memcpy(s.items + wrong[i].item * s.item_bytes + wrong[i].offset, &wrong[i].value,
               wrong[i].bytes);
        if (read_back(&b) != -EBADMSG)
            fail_msg("wrong number %zu was taken", i);
        scan_report_free(r);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_looks_said_comes_back_as_it_was),
        cmocka_unit_test(the_most_pairs_fit),
        cmocka_unit_test(a_report_of_looks_without_any_is_one),
        cmocka_unit_test(places_may_be_missing_but_not_some_of_them),
        cmocka_unit_test(what_breaks_a_rule_is_no_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
