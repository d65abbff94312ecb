// SPDX-License-Identifier: MIT
/* Hashes of pages that a child reads: of another process, and of a file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "core/scan/page_reader.h"
#include "core/scan/read_child.h"
#include "tests/lib/guest.h"

#define PAGE  4096ull
#define PAGES 1100 /* three batches, the last one small */
#define SEED  0x1234567890abcdefull

static const struct read_patience patience = {.uffd_ms = 1000, .any_ms = 5000};

/* Content of page @i: the sixth of ten are zeros. */
static void fill_page(unsigned char *page, size_t i)
{
    memset(page, 0, PAGE);
    if (i % 10 == 6)
        return;
    for (size_t k = 0; k < PAGE; k += 8)
        memcpy(page + k, &(uint64_t){i * PAGE + k + 1}, 8);
}

static uint64_t hash_of(size_t i, uint64_t seed)
{
    unsigned char page[PAGE];

    fill_page(page, i);
    return XXH3_64bits_withSeed(page, PAGE, seed);
}

static void fill(struct guest_info *info, const void *arg)
{
    unsigned char *ram =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)arg;
    if (ram == MAP_FAILED) {
        info->error = errno;
        return;
    }
    for (size_t i = 0; i < PAGES; i++)
        fill_page(ram + i * PAGE, i);
    munmap(ram + 700 * PAGE, PAGE); /* cannot be read */
    info->ram_start = (uintptr_t)ram;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool bit(const uint64_t *map, size_t i)
{
    return (map[i / 64] >> (i % 64) & 1) != 0;
}

/* The first half is one range, the second a page at a time. */
static size_t make_segments(uint64_t start, struct iovec *ret)
{
    size_t count = 1;

    ret[0] = (struct iovec){(void *)(uintptr_t)start, PAGES / 2 * PAGE};
    for (size_t i = PAGES / 2; i < PAGES; i++)
        ret[count++] = (struct iovec){(void *)(uintptr_t)(start + i * PAGE), PAGE};
    return count;
}

static void expect_hashes(const struct read_hashes *h, uint64_t seed, uint64_t begin_ns,
                          size_t bad_page)
{
    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(bit(h->bad, i), i == bad_page);
        if (i == bad_page) {
            assert_true(h->hash[i] == 0 && h->time_ns[i] == 0);
            continue;
        }
        assert_int_equal(h->hash[i], hash_of(i, seed));
        assert_int_equal(bit(h->zero, i), i % 10 == 6);
        assert_in_range(h->time_ns[i], i > 0 && i - 1 != bad_page ? h->time_ns[i - 1] : begin_ns,
                        now_ns());
    }
}

static void pages_of_a_process_are_hashed_in_a_child(void **state)
{
    struct read_hashes *h = calloc(1, sizeof(*h));
    struct iovec *segments = calloc(PAGES, sizeof(*segments));
    struct read_child *child;
    struct rootfs root;
    struct guest guest;
    double cpu_s;

    (void)state;
    assert_true(guest_start(&guest, fill, NULL));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(read_child_open(&root, &child), 0);
    read_child_aim(child, guest.pid, zeropage_pick(0));
    size_t count = make_segments(guest.info->ram_start, segments);
    for (uint64_t seed = SEED; seed < SEED + 2; seed++) { /* another one makes other hashes */
        uint64_t begin_ns = now_ns();
        ssize_t bad = read_child_hash(child, segments, count, 0, seed, h, &cpu_s, &patience);
        assert_int_equal(bad, 1);
        expect_hashes(h, seed, begin_ns, 700);
        assert_true(cpu_s > 0 && cpu_s < 5);
    }
    read_child_close(child);
    guest_stop(&guest);
    rootfs_close(&root);
    free(segments);
    free(h);
}

static void pages_of_a_file_too_and_a_hole_stays_one(void **state)
{
    const size_t hole = 806; /* of those that are zeros */
    struct read_hashes *h = calloc(1, sizeof(*h));
    struct iovec *segments = calloc(PAGES, sizeof(*segments));
    int fd = memfd_create("ram", MFD_CLOEXEC);
    unsigned char page[PAGE];
    struct read_child *child;
    struct stat before, after;
    double cpu_s;

    (void)state;
    for (size_t i = 0; i < PAGES; i++) {
        fill_page(page, i);
        if (i != hole)
            assert_int_equal(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
    }
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(read_child_open_file(fd, zeropage_pick(0), &child), 0);
    size_t count = make_segments(0, segments);
    uint64_t begin_ns = now_ns();
    ssize_t bad = read_child_hash(child, segments, count, 0, SEED, h, &cpu_s, &patience);
    assert_int_equal(bad, 0);
    expect_hashes(h, SEED, begin_ns, PAGES);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_blocks, before.st_blocks);
    assert_int_equal(ftruncate(fd, (off_t)((PAGES - 1) * PAGE)), 0);
    bad = read_child_hash(child, segments, count, 0, SEED, h, &cpu_s, &patience);
    assert_int_equal(bad, 1);
    expect_hashes(h, SEED, begin_ns, PAGES - 1);
    read_child_close(child);
    close(fd);
    free(segments);
    free(h);
}

static void a_process_that_has_ended_has_none(void **state)
{
    struct read_hashes *h = calloc(1, sizeof(*h));
    struct iovec segment;
    struct read_child *child;
    struct rootfs root;
    struct guest guest;
    double cpu_s;

    (void)state;
    assert_true(guest_start(&guest, fill, NULL));
    segment = (struct iovec){(void *)(uintptr_t)guest.info->ram_start, PAGE};
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(read_child_open(&root, &child), 0);
    read_child_aim(child, guest.pid, zeropage_pick(0));
    guest_stop(&guest);
    assert_int_equal(read_child_hash(child, &segment, 1, 0, SEED, h, &cpu_s, &patience), -ESRCH);
    read_child_close(child);
    rootfs_close(&root);
    free(h);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_a_process_are_hashed_in_a_child),
        cmocka_unit_test(pages_of_a_file_too_and_a_hole_stays_one),
        cmocka_unit_test(a_process_that_has_ended_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
