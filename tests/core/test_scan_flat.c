// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/scan/scan_flat.h"
#include "core/scan/scan_flat_internal.h"
#include "core/scan/scan_internal.h"
#include "tests/lib/flat_block.h"

#define MIB             (1ull << 20)
#define PAGES_OF(bytes) ((bytes) / SCAN_PAGE_BYTES)

/* An exact scan that sampled first, of two mappings. */
static struct scan_report *make_report(void)
{
    const struct scan_request request = {
        .vm = {.pid = 5134, .fd = 12, .start_ticks = 77, .born = 3}};
    struct ram_region regions[] = {
        {.start = 0x7f0000000000,
         .bytes = 64 * MIB,
         .map_start = 0x7f0000000000,
         .map_end = 0x7f0004000000,
         .rss_bytes = 32 * MIB,
         .page_bytes = 4096,
         .backing = RAM_ANON,
         .rule = ram_rule_named("QEMU RAM block (dontfork)")},
        {.start = 0x7f1000000000,
         .bytes = 3 * MIB,
         .map_start = 0x7f1000000000,
         .map_end = 0x7f1000400000,
         .file_offset = 2 * MIB,
         .inode = 99,
         .dev_major = 8,
         .dev_minor = 1,
         .page_bytes = 2 * MIB,
         .backing = RAM_HUGETLB,
         .shared = true,
         .skip = RAM_SKIP_UFFD,
         .rule = ram_rule_named("given with --ram"),
         .name = "/memfd:ram"},
    };
    struct ram_map map = {.regions = regions, .count = 2, .bytes = 67 * MIB};
    struct scan_report *r = scan_report_new(&request);

    assert_non_null(r);
    assert_int_equal(scan_report_set_regions(r, &map), 0);
    r->phase = SCAN_PHASE_READ;
    r->residency_done = true;
    r->cost = (struct scan_cost){.elapsed_s = 1.5,
                                 .cpu_s = 1.25,
                                 .regions_cpu_s = 0.125,
                                 .residency_s = 0.25,
                                 .bytes_read = 32 * MIB,
                                 .accel = zeropage_impls[0].name,
                                 .threads = 2};
    r->regions[0].counts.pages[PAGE_UNTOUCHED] = PAGES_OF(32 * MIB);
    r->regions[0].counts.pages[PAGE_NONZERO] = PAGES_OF(31 * MIB);
    r->regions[0].counts.pages[PAGE_ZERO_CONTENT] = PAGES_OF(MIB);
    r->regions[1].counts.pages[PAGE_SWAPPED] = PAGES_OF(3 * MIB);
    for (size_t i = 0; i < r->region_count; i++)
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            r->counts.pages[k] += r->regions[i].counts.pages[k];
    for (size_t i = 0; i < r->slice_count; i++)
        r->slices[i].pages[i % PAGE_CLASS_COUNT] = 4;
    r->estimate.sampled = 1000;
    r->estimate.sampled_zero = 31;
    r->estimate.population = PAGES_OF(32 * MIB);
    r->estimate.bytes_per_s = 3e9;
    scan_report_estimate(r);
    r->state = SCAN_DONE;
    scan_report_finish(r);
    scan_report_warn(r, "%s", "67 pages are swapped out");
    scan_report_warn(r, "%s", "devices are passed through");
    assert_true(r->zero_known && r->wire.valid && r->estimate.valid);
    return r;
}

/* The same, told by memslots where the guest sees it: 1 GiB, and behind it. */
static struct scan_report *make_slots_report(void)
{
    struct scan_report *r = make_report();

    r->has_slots = true;
    for (size_t i = 0; i < r->region_count; i++) {
        struct ram_region *ram = &r->regions[i].ram;
        ram->has_gfn = true;
        ram->gfn = PAGES_OF((1024 + i * 64) * MIB);
        ram->is_rom = i == 1;
        ram->rule = ram_rule_named("memslot");
    }
    return r;
}

static struct flat_block make_block(void)
{
    struct scan_report *report = make_slots_report();
    struct flat_block b = flat_block_of_scan(report);

    scan_report_free(report);
    return b;
}

/* All that is no array is compared as it is; padding is zero in both. */
/* Member by member: what lies between them is left to the compiler. */
static void compare_regions(const struct scan_region *a, const struct scan_region *b)
{
    const struct ram_region *x = &a->ram, *y = &b->ram;

    assert_int_equal(x->start, y->start);
    assert_int_equal(x->bytes, y->bytes);
    assert_int_equal(x->map_start, y->map_start);
    assert_int_equal(x->map_end, y->map_end);
    assert_int_equal(x->file_offset, y->file_offset);
    assert_int_equal(x->inode, y->inode);
    assert_int_equal(x->dev_major, y->dev_major);
    assert_int_equal(x->dev_minor, y->dev_minor);
    assert_int_equal(x->rss_bytes, y->rss_bytes);
    assert_int_equal(x->page_bytes, y->page_bytes);
    assert_int_equal(x->backing, y->backing);
    assert_int_equal(x->shared, y->shared);
    assert_int_equal(x->skip, y->skip);
    assert_int_equal(x->has_gfn, y->has_gfn);
    assert_int_equal(x->gfn, y->gfn);
    assert_int_equal(x->is_rom, y->is_rom);
    assert_string_equal(x->rule, y->rule);
    assert_string_equal(x->name, y->name);
    assert_memory_equal(&a->counts, &b->counts, sizeof(a->counts));
}

static void compare(const struct scan_report *a, const struct scan_report *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->partial, b->partial);
    assert_true(vm_id_equal(&a->vm, &b->vm));
    assert_int_equal(a->error.code, b->error.code);
    assert_string_equal(a->error.msg, b->error.msg);
    assert_int_equal(a->regions_cut, b->regions_cut);
    assert_int_equal(a->has_slots, b->has_slots);
    assert_int_equal(a->pages_total, b->pages_total);
    assert_memory_equal(&a->counts, &b->counts, sizeof(a->counts));
    assert_int_equal(a->residency_done, b->residency_done);
    assert_int_equal(a->zero_known, b->zero_known);
    assert_memory_equal(&a->zero_ratio, &b->zero_ratio, 3 * sizeof(double));
    assert_memory_equal(&a->estimate, &b->estimate, sizeof(a->estimate));
    assert_memory_equal(&a->wire, &b->wire, sizeof(a->wire));
    assert_memory_equal(&a->cost, &b->cost, sizeof(a->cost));
    assert_int_equal(a->region_count, b->region_count);
    for (size_t i = 0; i < a->region_count; i++) {
        assert_ptr_equal(a->regions[i].ram.rule, b->regions[i].ram.rule);
        compare_regions(&a->regions[i], &b->regions[i]);
    }
    assert_int_equal(a->slice_count, b->slice_count);
    if (a->slice_count > 0)
        assert_memory_equal(a->slices, b->slices, a->slice_count * sizeof(*a->slices));
    assert_int_equal(a->warning_count, b->warning_count);
    for (size_t i = 0; i < a->warning_count; i++)
        assert_string_equal(a->warnings[i], b->warnings[i]);
}

static void comes_back(const struct scan_report *report)
{
    struct flat_block b = flat_block_of_scan(report);
    struct scan_report *back;

    assert_true(b.size <= SCAN_FLAT_BYTES_MAX);
    assert_int_equal(scan_flat_read(b.bytes, b.size, &back), 0);
    compare(report, back);
    scan_report_free(back);
    free(b.bytes);
}

static void a_report_comes_back_as_it_was(void **state)
{
    struct scan_report *r = make_report();

    (void)state;
    comes_back(r);
    r->state = SCAN_RUNNING;
    r->mode = SCAN_ESTIMATE;
    r->zero_known = false;
    r->partial = r->regions_cut = true;
    comes_back(r);
    scan_report_free(r);
}

static void what_slots_tell_comes_back_as_it_was(void **state)
{
    struct scan_report *r = make_slots_report();

    (void)state;
    comes_back(r);
    r->regions[1].ram.has_gfn = false; /* a part of a block that no slot shows */
    r->regions[1].ram.gfn = 0;
    r->regions[1].ram.skip = RAM_SKIP_PRIVATE;
    comes_back(r);
    scan_report_free(r);
}

/* Of a scan that could not begin there is next to nothing: no region, no slice, not even memory. */
static void a_refusal_comes_back_as_it_was(void **state)
{
    const struct scan_request request = {.vm = {.pid = 7, .fd = 3}, .mode = SCAN_ESTIMATE};
    struct scan_report *r = scan_report_spare();

    (void)state;
    assert_non_null(r);
    scan_report_use_spare(r, &request);
    comes_back(r);
    error_set(&r->error, -EPERM, "%s", "the kernel refuses");
    comes_back(r);
    scan_report_free(r);
}

static void the_largest_report_fits(void **state)
{
    struct scan_report *r = make_report();
    struct ram_region *regions = calloc(RAM_REGIONS_MAX, sizeof(*regions));
    struct ram_map map = {.regions = regions, .count = RAM_REGIONS_MAX, .too_many = true};

    (void)state;
    assert_non_null(regions);
    for (size_t i = 0; i < map.count; i++) {
        regions[i] = (struct ram_region){.start = (i + 1) << 20,
                                         .bytes = 8192,
                                         .page_bytes = 4096,
                                         .rule = ram_rule_named(i % 2 ? "largest shared memory"
                                                                      : "largest private anonymous "
                                                                        "memory")};
        memset(regions[i].name, 'x', sizeof(regions[i].name) - 1);
        map.bytes += regions[i].bytes;
    }
    free(r->regions);
    memset(r->slices, 0, SCAN_SLICES * sizeof(*r->slices));
    r->counts = (struct page_counts){0};
    r->estimate = (struct scan_estimate){0};
    r->wire = (struct scan_wire){0};
    r->state = SCAN_FAILED;
    r->error.code = -EIO;
    memset(r->error.msg, 'e', sizeof(r->error.msg) - 1);
    assert_int_equal(scan_report_set_regions(r, &map), 0);
    scan_report_finish(r);
    for (size_t i = 0; i < SCAN_WARNINGS_MAX; i++)
        scan_report_warn(r, "%0199d", 7);
    comes_back(r);
    scan_report_free(r);
    free(regions);
}

/* The section of that id in a block. */
static struct flat_section section_of(const struct flat_block *b, uint32_t id)
{
    struct flat flat;

    assert_int_equal(flat_open(b->bytes, b->size, FLAT_SCAN_REPORT, &flat), 0);
    struct flat_section s = flat_find(&flat, id);
    assert_non_null(s.items);
    return s;
}

/* Reads a changed block, which it frees. */
static int read_back(struct flat_block *b)
{
    struct scan_report *report = NULL;
    int result = scan_flat_read(b->bytes, b->size, &report);

    assert_true((result == 0) == (report != NULL));
    scan_report_free(report);
    free(b->bytes);
    return result;
}

static void what_breaks_a_rule_is_no_report(void **state)
{
    const double nan_value = nan(""), below = -1e-9, above = 1 + 1e-9, endless = INFINITY;
    uint64_t not_a_number, negative, too_much, infinite, three;
    const double three_value = 3;

    (void)state;
    memcpy(&not_a_number, &nan_value, 8);
    memcpy(&negative, &below, 8);
    memcpy(&too_much, &above, 8);
    memcpy(&infinite, &endless, 8);
    memcpy(&three, &three_value, 8);
#define OF_HEAD(member)      SCAN_HEAD, 0, offsetof(struct flat_scan_head, member)
#define OF_REGION(i, member) SCAN_REGIONS, i, offsetof(struct flat_scan_region, member)
    /* A number of @bytes bytes at @offset of item @item of a section. */
    const struct {
        enum scan_section id;
        size_t item, offset, bytes;
        uint64_t value;
    } wrong[] = {
        {OF_HEAD(state), 1, SCAN_FAILED + 1},
        {OF_HEAD(state), 1, SCAN_FAILED},  /* without an error */
        {OF_HEAD(state), 1, SCAN_RUNNING}, /* and yet all is known */
        {OF_HEAD(phase), 1, SCAN_PHASE_COUNT},
        {OF_HEAD(mode), 1, SCAN_MODE_COUNT},
        {OF_HEAD(mode), 1, SCAN_ESTIMATE}, /* and yet all is known */
        {OF_HEAD(pid), 4, 0},
        {OF_HEAD(pid), 4, UINT32_MAX},
        {OF_HEAD(fd), 4, (uint32_t)-2},
        {OF_HEAD(error_code), 4, 5},
        {OF_HEAD(error_code), 4, (uint32_t)-5000},
        {OF_HEAD(error), 4, UINT32_MAX},
        {OF_HEAD(accel), 4, UINT32_MAX},
        {OF_HEAD(threads), 4, SCAN_THREADS_MAX + 1},
        {OF_HEAD(pages_total), 8, 1},
        {OF_HEAD(zero_ratio), 8, not_a_number},
        {OF_HEAD(zero_low), 8, negative},
        {OF_HEAD(zero_low), 8, three},
        {OF_HEAD(zero_high), 8, too_much},
        {OF_HEAD(zero_high), 8, 0},                    /* below the lower bound */
        {OF_HEAD(sampled), 8, 30},                     /* fewer than of them are zero */
        {OF_HEAD(sampled), 8, PAGES_OF(32 * MIB) + 1}, /* more than there are */
        {OF_HEAD(population), 8, PAGES_OF(67 * MIB) + 1},
        {OF_HEAD(estimate_ratio), 8, infinite},
        {OF_HEAD(ci95_low), 8, not_a_number},
        {OF_HEAD(ci95_high), 8, negative},
        {OF_HEAD(ci95_high), 8, 0},
        {OF_HEAD(bytes_per_s), 8, negative},
        {OF_HEAD(bytes_per_s), 8, infinite},
        {OF_HEAD(wire_zero_pages), 8, UINT64_MAX},
        {OF_HEAD(wire_normal_pages), 8, 0},
        {OF_HEAD(wire_bytes), 8, 9},
        {OF_HEAD(elapsed_s), 8, not_a_number},
        {OF_HEAD(cpu_s), 8, negative},
        {OF_HEAD(regions_cpu_s), 8, infinite},
        {OF_HEAD(residency_s), 8, negative},
        {SCAN_COUNTS, 0, 0, 8, 1},
        {SCAN_COUNTS, 0, 0, 8, UINT64_MAX}, /* adds up to a small number */
        {SCAN_COUNTS, 1, 8, 8, 1},
        {SCAN_COUNTS, 2, 0, 8, 1},
        {OF_REGION(0, start), 8, 0x7f0000000800},
        {OF_REGION(0, start), 8, 0xffffffffff000000}, /* around the end of all addresses */
        {OF_REGION(0, bytes), 8, 0},
        {OF_REGION(0, bytes), 8, 1ull << 58},
        {OF_REGION(1, rss_bytes), 8, 4 * MIB},
        {OF_REGION(1, page_bytes), 8, 0},
        {OF_REGION(1, page_bytes), 8, 12288},
        {OF_REGION(1, backing), 1, RAM_BACKING_COUNT},
        {OF_REGION(1, skip), 1, RAM_SKIP_COUNT},
        {OF_REGION(0, flags), 2, 0},                  /* a gfn that it does not have */
        {OF_REGION(0, gfn), 8, PAGES_OF(2048 * MIB)}, /* behind the next one */
        {OF_REGION(1, gfn), 8, PAGES_OF(1087 * MIB)}, /* in the one before */
        {OF_REGION(1, gfn), 8, (1ull << 40) - 1},     /* beyond all guests */
        {OF_REGION(1, gfn), 8, UINT64_MAX},
        {OF_HEAD(flags), 4, SCAN_HEAD_RESIDENCY_DONE}, /* and yet there are gfns */
        {OF_REGION(1, rule), 4, UINT32_MAX},
        {OF_REGION(1, name), 4, UINT32_MAX},
        {SCAN_SLICE_COUNTS, 4095, 0, 4, 6}, /* a slice of 4 or 5 pages */
        {SCAN_SLICE_COUNTS, 0, 4, 4, UINT32_MAX},
        {SCAN_WARNINGS, 1, 4, 4, 3}, /* its NUL stands elsewhere */
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct flat_block b = make_block();
        struct flat_section s = section_of(&b, wrong[i].id);
        assert_true(wrong[i].item < s.count);
        memcpy(s.items + wrong[i].item * s.item_bytes + wrong[i].offset, &wrong[i].value,
               wrong[i].bytes);
        if (read_back(&b) != -EBADMSG)
            fail_msg("wrong number %zu was taken", i);
    }
}

/* Copies all sections, one of them with another number of items and items of another length. */
static struct flat_block rebuild(const struct flat_block *from, uint32_t id, size_t count,
                                 size_t more)
{
    struct flat_block b = {calloc(1, 2 * from->size + 4096), 0};
    struct flat_writer w;

    assert_non_null(b.bytes);
    flat_begin(&w, FLAT_SCAN_REPORT, b.bytes, 2 * from->size + 4096);
    memset(flat_add(&w, 9999, 24, 3), 0xaa, 72);
    for (uint32_t at = SCAN_TEXT; at <= SCAN_WARNINGS; at++) {
        struct flat_section s = section_of(from, at);
        size_t items = at == id ? count : s.count;
        size_t longer = at == SCAN_TEXT ? 1 : s.item_bytes + more;
        unsigned char *to = flat_add(&w, at, longer, items);
        assert_non_null(to);
        for (size_t i = 0; i < items && s.count > 0; i++) {
            size_t known = s.item_bytes < longer ? s.item_bytes : longer;
            memset(to + i * longer, 0xbb, longer);
            memcpy(to + i * longer, s.items + (i < s.count ? i : 0) * s.item_bytes, known);
        }
    }
    b.size = flat_end(&w);
    return b;
}

static void a_wrong_number_of_items_is_no_report(void **state)
{
    static const struct {
        enum scan_section id;
        size_t count;
    } wrong[] = {
        {SCAN_HEAD, 0},
        {SCAN_HEAD, 2},
        {SCAN_COUNTS, 0},
        {SCAN_COUNTS, 2},
        {SCAN_COUNTS, 4},
        {SCAN_REGIONS, 1},
        {SCAN_REGIONS, 0},
        {SCAN_REGIONS, 3},
        {SCAN_SLICE_COUNTS, 0},
        {SCAN_TEXT, 1},
        {SCAN_SLICE_COUNTS, 4095},
        {SCAN_SLICE_COUNTS, 4097},
        {SCAN_WARNINGS, SCAN_WARNINGS_MAX + 1},
    };
    struct flat_block whole = make_block();

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct flat_block b = rebuild(&whole, wrong[i].id, wrong[i].count, 0);
        if (read_back(&b) != -EBADMSG)
            fail_msg("wrong count %zu was taken", i);
    }
    free(whole.bytes);
}

/* What a later version adds: a section, and members at the end of an item. */
static void what_is_not_known_is_skipped(void **state)
{
    struct flat_block b = make_block(), grown = rebuild(&b, 0, 0, 16);
    struct scan_report *report = make_slots_report(), *back;

    (void)state;
    assert_int_equal(scan_flat_read(grown.bytes, grown.size, &back), 0);
    compare(report, back);
    scan_report_free(back);
    scan_report_free(report);
    free(b.bytes);
    free(grown.bytes);
}

static void a_form_that_was_cut_is_no_report(void **state)
{
    struct flat_block whole = make_block();

    (void)state;
    for (size_t size = 0; size < whole.size; size += 8) {
        struct flat_block b = {malloc(size + 1), size};
        uint64_t bytes = size;
        memcpy(b.bytes, whole.bytes, size);
        if (size >= FLAT_HEAD_BYTES)
            memcpy((char *)b.bytes + 8, &bytes, sizeof(bytes));
        /* Without its last section, which is about warnings, it is whole. */
        int result = read_back(&b);
        if (result != -EBADMSG && result != 0)
            fail_msg("cut at %zu of %zu: %d", size, whole.size, result);
        assert_true(result == -EBADMSG || size == whole.size - 16 - 2 * sizeof(struct flat_text));
    }
    free(whole.bytes);
}

static void a_form_of_another_version_or_kind_is_told_from_a_broken_one(void **state)
{
    struct flat_block b = make_block();

    (void)state;
    ((unsigned char *)b.bytes)[4] = FLAT_VERSION + 1;
    assert_int_equal(read_back(&b), -EPROTONOSUPPORT);
    b = make_block();
    ((unsigned char *)b.bytes)[6] = FLAT_SAMPLE;
    assert_int_equal(read_back(&b), -EBADMSG);
}

/* Who reads it cleans the texts: the writer may be in the hands of a VMM. */
static void texts_are_cleaned_and_rules_are_ours(void **state)
{
    struct scan_report *r = make_report(), *back;

    (void)state;
    strcpy(r->error.msg, "\x1b[2Jlie");
    strcpy(r->warnings[0], "a\nb");
    strcpy(r->regions[0].ram.name, "\x1b]0;x\x07");
    r->regions[0].ram.rule = "\x1b[31mtrust me";
    r->cost.accel = "\x1b[0m";
    struct flat_block b = flat_block_of_scan(r);
    assert_int_equal(scan_flat_read(b.bytes, b.size, &back), 0);
    assert_string_equal(back->error.msg, "?[2Jlie");
    assert_string_equal(back->warnings[0], "a?b");
    assert_string_equal(back->regions[0].ram.name, "?]0;x?");
    assert_string_equal(back->regions[0].ram.rule, "another rule");
    assert_string_equal(back->regions[1].ram.rule, "given with --ram");
    assert_string_equal(back->cost.accel, "other");
    scan_report_free(back);
    scan_report_free(r);
    free(b.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_back_as_it_was),
        cmocka_unit_test(what_slots_tell_comes_back_as_it_was),
        cmocka_unit_test(a_refusal_comes_back_as_it_was),
        cmocka_unit_test(the_largest_report_fits),
        cmocka_unit_test(what_breaks_a_rule_is_no_report),
        cmocka_unit_test(a_wrong_number_of_items_is_no_report),
        cmocka_unit_test(what_is_not_known_is_skipped),
        cmocka_unit_test(a_form_that_was_cut_is_no_report),
        cmocka_unit_test(a_form_of_another_version_or_kind_is_told_from_a_broken_one),
        cmocka_unit_test(texts_are_cleaned_and_rules_are_ours),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
