// SPDX-License-Identifier: MIT
/*
 * Guest memory passes through buffers of ours: what a core dump of this program has of it, and what
 * is left when they go. The calls that tell are looked at on their way to the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "core/scan/scan_flat.h"
#include "tests/lib/guest.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define BUFFER_MIN (2 * MIB) /* no other mapping that is given back is as large */
#define SECRETS    4096

/* In memory that the processes of a scan share. */
static struct seen {
    atomic_size_t undumped_bytes, unmapped, dirty;
    /* words that are nowhere when memory of 64 KiB or more goes */
    uint64_t secrets[SECRETS];
    size_t secret_count;
    atomic_size_t searched, found;
} * seen;

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* How many words of this memory are secrets. */
static size_t search(const void *memory, size_t bytes)
{
    const uint64_t *word = memory;
    size_t n = 0;

    for (size_t i = 0; i < bytes / sizeof(*word); i++)
        n += bsearch(&word[i], seen->secrets, seen->secret_count, sizeof(*word), compare_words) !=
             NULL;
    return n;
}

/* So that the seed is known. */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    memset(buf, 0x5a, len);
    return (ssize_t)len;
}

int madvise(void *start, size_t len, int advice)
{
    if (seen != NULL && advice == MADV_DONTDUMP)
        seen->undumped_bytes += len;
    return (int)syscall(SYS_madvise, start, len, advice);
}

int munmap(void *start, size_t len)
{
    const unsigned char *bytes = start;

    if (seen != NULL && len >= BUFFER_MIN) {
        seen->unmapped++;
        seen->dirty += bytes[0] != 0 || memcmp(bytes, bytes + 1, len - 1) != 0;
    }
    if (seen != NULL && seen->secret_count > 0 && len >= PAGE * 16) {
        seen->searched++;
        seen->found += search(start, len);
    }
    return (int)syscall(SYS_munmap, start, len);
}

static const struct minivm_range fill = {.bytes = 16 * MIB, .fill = MINIVM_FILL_NONZERO};
static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 16 * MIB,
                                               .ranges = &fill, .range_count = 1};

static void begin(void)
{
    seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
}

static void expect_no_trace(size_t bytes)
{
    assert_int_equal(seen->unmapped, 1);
    assert_int_equal(seen->dirty, 0);
    assert_in_range(seen->undumped_bytes, bytes, 2 * bytes);
}

static void buffer_of_a_scan_is_in_no_dump_and_wiped(void **state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_report *report;
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = {.vm = {.pid = guest.pid}, .vmm = "qemu"};
    begin();
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    expect_no_trace(2 * MIB);
    assert_int_equal(report->counts.pages[PAGE_NONZERO], 16 * MIB / PAGE);
    scan_report_free(report);
    rootfs_close(&root);
    guest_stop(&guest);
}

/* Of some pages, what is in them and what they hash to. */
static void learn_secrets(const struct guest *guest)
{
    uint64_t seed, page[PAGE / sizeof(uint64_t)];

    memset(&seed, 0x5a, sizeof(seed));
    for (uint64_t i = 0; seen->secret_count + 3 <= SECRETS; i++) {
        struct iovec mine = {page, PAGE};
        struct iovec theirs = {(void *)(uintptr_t)(guest->info->ram_start + i * PAGE), PAGE};
        assert_int_equal(process_vm_readv(guest->pid, &mine, 1, &theirs, 1, 0), PAGE);
        seen->secrets[seen->secret_count++] = page[0];
        seen->secrets[seen->secret_count++] = page[300];
        seen->secrets[seen->secret_count++] = XXH3_64bits_withSeed(page, PAGE, seed);
        memset(page, 0, sizeof(page));
    }
    qsort(seen->secrets, seen->secret_count, sizeof(uint64_t), compare_words);
    assert_true(seen->secrets[0] != 0);
}

/*
 * Looks that are compared with each other: hashes are kept from the first look to the last, and
 * then nowhere; what goes to another process has none in it.
 */
static void hashes_of_looks_leave_no_trace(void **state)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};
    struct scan_report *report;
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    struct scan_request request = {
        .vm = {.pid = guest.pid}, .vmm = "qemu", .mode = SCAN_DIRTY, .duration_s = 0.2};
    begin();
    learn_secrets(&guest);
    assert_int_equal(scan_execute(&env, &request, &report), 0);
    assert_in_range(report->dirty->look_count, 2, 3);
    assert_int_equal(report->dirty->looks.sampled, 16 * MIB / PAGE);
    /* what two processes share, the child's buffer, what was kept of the looks */
    assert_true(seen->searched >= 3);
    assert_int_equal(seen->found, 0);
    assert_in_range(seen->undumped_bytes, 2 * MIB + 3 * 12 * 16 * MIB / PAGE, 4 * MIB);
    size_t bytes = scan_flat_write(report, NULL, 0);
    void *form = malloc(bytes);
    assert_int_equal(scan_flat_write(report, form, bytes), bytes);
    assert_int_equal(search(form, bytes), 0);
    free(form);
    scan_report_free(report);
    rootfs_close(&root);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_of_a_scan_is_in_no_dump_and_wiped),
        cmocka_unit_test(hashes_of_looks_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
