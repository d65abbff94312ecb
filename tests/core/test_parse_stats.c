// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/source/parse_stats.h"
#include "tests/lib/stats_blob.h"

static const struct stats_blob_item items[] = {
    {"exits", 0x000, 0, 1, 0, 25},
    {"halt_wait_ns", 0x020, -9, 1, 0, 1000},
    {"blocking", 0x041, 0, 1, 0, 1},
    {"max_mmu_rmap_size", 0x002, 0, 1, 0, 3},
    {"linear", 0x003, 0, 4, 10, 100},
    {"halt_wait_hist", 0x024, -9, 32, 0, 500},
    {"bytes2", 0x111, 10, 1, 0, 7},
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

static void make(char *blob, size_t *ret_size, struct stats_header *ret_header)
{
    *ret_size = stats_blob_make("kvm-77/vcpu-1", items, ITEMS, blob);
    assert_int_equal(parse_stats_header(blob, *ret_size, ret_header), 0);
}

static ssize_t parse(const char *blob, const struct stats_header *h, struct stats_desc *out,
                     size_t *bytes)
{
    return parse_stats_descs(blob + h->desc_offset, h, FIELD_VCPU, out, bytes);
}

static void every_kind_unit_and_base_is_decoded(void **state)
{
    (void)state;
    static char blob[STATS_BLOB_MAX];
    struct stats_desc d[ITEMS];
    struct stats_header h;
    size_t size, bytes;

    make(blob, &size, &h);
    assert_int_equal(parse(blob, &h, d, &bytes), ITEMS);
    assert_int_equal(bytes, size - h.data_offset);
    static const struct {
        enum field_kind kind;
        enum field_unit unit;
        int base;
    } want[ITEMS] = {
        {FIELD_CUMULATIVE, FIELD_NONE, 10}, {FIELD_CUMULATIVE, FIELD_SECONDS, 10},
        {FIELD_INSTANT, FIELD_BOOLEAN, 10}, {FIELD_PEAK, FIELD_NONE, 10},
        {FIELD_LINEAR_HIST, FIELD_NONE, 10}, {FIELD_LOG_HIST, FIELD_SECONDS, 10},
        {FIELD_INSTANT, FIELD_BYTES, 2},
    };
    uint32_t offset = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        assert_string_equal(d[i].field.name, items[i].name);
        assert_int_equal(d[i].field.kind, want[i].kind);
        assert_int_equal(d[i].field.unit, want[i].unit);
        assert_int_equal(d[i].field.base, want[i].base);
        assert_int_equal(d[i].field.exponent, items[i].exponent);
        assert_int_equal(d[i].field.size, items[i].size);
        assert_int_equal(d[i].field.bucket_size, items[i].bucket_size);
        assert_int_equal(d[i].field.scope, FIELD_VCPU);
        assert_int_equal(d[i].data_offset, offset);
        offset += 8u * items[i].size;
    }
}

/* One u32 of the header is made absurd. */
static void absurd_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = {
        {4, 0}, {4, 1}, {4, 1u << 20}, {4, UINT32_MAX},             /* name_size */
        {8, 0}, {8, 4000000000u}, {8, UINT32_MAX}, {8, 257},         /* num_desc */
        {12, 0}, {12, 23}, {12, UINT32_MAX},                         /* id_offset */
        {16, 0}, {16, UINT32_MAX - 7},                               /* desc_offset */
        /* data_offset; inside descriptors */
        {20, 0}, {20, 81}, {20, UINT32_MAX - 7}, {20, 72}, {20, 80},
    };
    static char blob[STATS_BLOB_MAX];
    struct stats_header h;
    size_t size;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make(blob, &size, &h);
        memcpy(blob + cases[i].at, &cases[i].value, 4);
        assert_int_equal(parse_stats_header(blob, size, &h), -EBADMSG);
    }
    make(blob, &size, &h);
    for (size_t n = 0; n < STATS_HEADER_SIZE; n++)
        assert_int_equal(parse_stats_header(blob, n, &h), -EBADMSG);
}

static void a_contradicting_descriptor_makes_the_file_invalid(void **state)
{
    (void)state;
    static const struct {
        size_t item, at;
        const void *bytes;
        size_t size;
    } cases[] = {
        {0, 6, "\0\0", 2},                     /* size 0 */
        {0, 6, "\2\0", 2},                     /* two values that are no histogram */
        {0, 8, "\1\0\0\0", 4},                 /* offset not a multiple of 8 */
        {0, 8, "\xf8\xff\xff\xff", 4},         /* offset past any bound */
        {0, 12, "\5\0\0\0", 4},                /* bucket size of a counter */
        {4, 12, "\0\0\0\0", 4},                /* no bucket size of a linear histogram */
        {5, 6, "\xff\xff", 2},                 /* 65535 buckets */
        {0, 4, "\xff\x7f", 2},                 /* 10^32767 */
        {0, 16, "\0", 1},                      /* no name */
        {0, 16, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 48}, /* name without NUL */
    };
    static char blob[STATS_BLOB_MAX];
    struct stats_desc d[ITEMS];
    struct stats_header h;
    size_t size, bytes;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make(blob, &size, &h);
        memcpy(blob + h.desc_offset + cases[i].item * 64 + cases[i].at, cases[i].bytes,
               cases[i].size);
        assert_int_equal(parse(blob, &h, d, &bytes), -EBADMSG);
    }
}

static void descriptors_of_newer_kernels_are_skipped(void **state)
{
    (void)state;
    static const uint32_t flags[] = {0x005, 0x00f, 0x050, 0x0f0, 0x200, 0xf00, 0x1000, 0x80000000};
    static char blob[STATS_BLOB_MAX];
    struct stats_desc d[ITEMS];
    struct stats_header h;
    size_t size, bytes;

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        make(blob, &size, &h);
        memcpy(blob + h.desc_offset + 64, &flags[i], 4);
        assert_int_equal(parse(blob, &h, d, &bytes), ITEMS - 1);
        assert_string_equal(d[0].field.name, "exits");
        assert_string_equal(d[1].field.name, "blocking");
    }
}

static void ids_tell_thread_and_vcpu(void **state)
{
    (void)state;
    char id[48];
    pid_t tid;
    int vcpu;
    static const char *const bad[] = {"",
                                      "kvm-",
                                      "kvm-x",
                                      "kvm-12/vcpu-",
                                      "kvm-12/vcpu-1x",
                                      "kvm-12 ",
                                      "xen-1",
                                      "kvm-12/vcpu",
                                      "kvm-1/vcpu-9999999999",
                                      "kvm--77/vcpu-1",
                                      "kvm-7/vcpu--1",
                                      "kvm- 7",
                                      "kvm-+7"};

    snprintf(id, sizeof(id), "%s", "kvm-4194304");
    assert_int_equal(parse_stats_id(id, sizeof(id), &tid, &vcpu), 0);
    assert_int_equal(tid, 4194304);
    assert_int_equal(vcpu, -1);
    snprintf(id, sizeof(id), "%s", "kvm-12/vcpu-255");
    assert_int_equal(parse_stats_id(id, sizeof(id), &tid, &vcpu), 0);
    assert_int_equal(vcpu, 255);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(id, sizeof(id), "%s", bad[i]);
        assert_int_equal(parse_stats_id(id, sizeof(id), &tid, &vcpu), -EBADMSG);
    }
    memset(id, '1', sizeof(id));
    memcpy(id, "kvm-", 4);
    assert_int_equal(parse_stats_id(id, sizeof(id), &tid, &vcpu), -EBADMSG);
}

/*
 * Whatever the bytes, what comes out stays inside the bounds that the reader sizes its buffers
 * with.
 */
static void random_damage_never_leaves_the_bounds(void **state)
{
    (void)state;
    static char blob[STATS_BLOB_MAX];
    uint32_t x = 12345;
    struct stats_header h;
    size_t size, bytes;

    for (int round = 0; round < 20000; round++) {
        make(blob, &size, &h);
        for (int k = 0; k < 3; k++) {
            x = x * 1664525u + 1013904223u;
            blob[(x >> 8) % h.data_offset] = (char)(x >> 24);
        }
        if (parse_stats_header(blob, size, &h) < 0)
            continue;
        size_t desc_bytes = h.num_desc * (STATS_DESC_SIZE + (size_t)h.name_size);
        if (h.desc_offset + desc_bytes > STATS_BLOB_MAX)
            continue;
        /* To size, so that a sanitizer sees a read past the block. */
        char *descs = malloc(desc_bytes);
        struct stats_desc *d = calloc(h.num_desc, sizeof(*d));
        assert_non_null(descs);
        assert_non_null(d);
        memcpy(descs, blob + h.desc_offset, desc_bytes);
        ssize_t n = parse_stats_descs(descs, &h, FIELD_VM, d, &bytes);
        for (ssize_t i = 0; i < n; i++) {
            assert_true(d[i].data_offset % 8 == 0);
            assert_true(d[i].data_offset + 8ULL * d[i].field.size <= bytes);
            assert_true(bytes <= STATS_DATA_MAX);
        }
        free(descs);
        free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_unit_and_base_is_decoded),
        cmocka_unit_test(absurd_headers_are_refused),
        cmocka_unit_test(a_contradicting_descriptor_makes_the_file_invalid),
        cmocka_unit_test(descriptors_of_newer_kernels_are_skipped),
        cmocka_unit_test(ids_tell_thread_and_vcpu),
        cmocka_unit_test(random_damage_never_leaves_the_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
