// SPDX-License-Identifier: MIT
/*
 * How fast a scan is, beside what the machine can do at best. Prints figures, decides nothing.
 *
 *   bench_scan [GIB [WORD]]   guests of our own, fully populated, of GIB (default 4) each; only
 *                             those whose kind of memory begins with WORD
 *   bench_scan --tried [WORD] what else was tried to read faster, on guests of 1 GiB
 *   bench_scan --vm PID VMM   a running VM: scan, estimate, and reading all of it (which populates
 *                             its page tables, as a migration does: not for a VM that matters)
 *
 * Rows of one table are measured in turns, best of ROUNDS. On a busy machine CPU time is the fairer
 * figure: elapsed time has the others' share in it. A scan's CPU time is that of its threads.
 * The share is that of the first row, the limit, by CPU time, measured anew right before each row
 * that has one: a neighbour on the machine may change the speed of memory from second to second.
 * Median of all rounds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "accel/cpu.h"
#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/vm_mix.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define ROUNDS 5
#define BUF_MAX (16 * MIB)
#define BATCH (2 * MIB) /* as a scan */

struct bench {
    const struct rootfs *root;
    const struct zeropage_impl *impl;
    pid_t pid;
    const char *vmm;
    uint64_t start, bytes; /* of the largest region */
    int fd;                /* its file; -1 */
    char *buf;
    uint64_t map[BUF_MAX / PAGE / 64];
    uint64_t zero;         /* found by the last row that looked */
    const char *only;
    bool tried;            /* all rows */
    double cpu_s;          /* of the last row; negative = of the whole call */
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu_now_s(void)
{
    struct timespec ts;
    struct rusage children; /* that compare in place */

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    getrusage(RUSAGE_CHILDREN, &children);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 +
           (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
           (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
}

static size_t check(struct bench *b, const void *at, size_t bytes)
{
    return b->impl->fn(at, bytes / PAGE, PAGE, b->map);
}

static void read_vm(struct bench *b, uint64_t offset, size_t bytes)
{
    struct iovec local = {b->buf, bytes}, remote = {(char *)(uintptr_t)b->start + offset, bytes};
    if (process_vm_readv(b->pid, &local, 1, &remote, 1, 0) != (ssize_t)bytes)
        perror("process_vm_readv");
}

/* Each row reads all of the guest and returns the seconds it took. */
typedef double row_fn(struct bench *b, size_t arg);

static double bare_readv(struct bench *b, size_t buf_bytes)
{
    double begin = now_s();
    for (uint64_t at = 0; at < b->bytes; at += buf_bytes)
        read_vm(b, at, buf_bytes);
    return now_s() - begin;
}

static double checked_readv(struct bench *b, size_t buf_bytes)
{
    double begin = now_s();
    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes; at += buf_bytes) {
        read_vm(b, at, buf_bytes);
        b->zero += check(b, b->buf, buf_bytes);
    }
    return now_s() - begin;
}

/* Several regions in one call, as a gappy guest needs: what one more segment costs. */
static double readv_in_segments(struct bench *b, size_t segment)
{
    struct iovec remote[256], local = {b->buf, 0};
    double begin = now_s();

    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes;) {
        size_t n = 0, bytes = 0;
        for (; n < 256 && bytes < BATCH && at + bytes < b->bytes; n++, bytes += segment)
            remote[n] = (struct iovec){(char *)(uintptr_t)b->start + at + bytes, segment};
        local.iov_len = bytes;
        if (process_vm_readv(b->pid, &local, 1, remote, n, 0) != (ssize_t)bytes)
            perror("process_vm_readv");
        b->zero += check(b, b->buf, bytes);
        at += bytes;
    }
    return now_s() - begin;
}

/* First some bytes of each page, then the whole of those that may be zero. */
static double two_stage(struct bench *b, size_t probe)
{
    struct iovec remote[256], local;
    double begin = now_s();

    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes; at += 256 * PAGE) {
        size_t n = 0;
        for (size_t i = 0; i < 256; i++)
            remote[i] = (struct iovec){(char *)(uintptr_t)b->start + at + i * PAGE, probe};
        local = (struct iovec){b->buf, 256 * probe};
        if (process_vm_readv(b->pid, &local, 1, remote, 256, 0) != (ssize_t)(256 * probe))
            perror("process_vm_readv");
        b->impl->fn(b->buf, 256, probe, b->map);
        for (size_t i = 0; i < 256; i++) {
            if (b->map[i / 64] >> (i % 64) & 1)
                remote[n++] = (struct iovec){(char *)(uintptr_t)b->start + at + i * PAGE, PAGE};
        }
        if (n == 0)
            continue;
        local = (struct iovec){b->buf, n * PAGE};
        if (process_vm_readv(b->pid, &local, 1, remote, n, 0) != (ssize_t)(n * PAGE))
            perror("process_vm_readv");
        b->zero += check(b, b->buf, n * PAGE);
    }
    return now_s() - begin;
}

/* Does telling the CPU about the buffer's next lines help the comparison? */
static double checked_with_prefetch(struct bench *b, size_t ahead)
{
    double begin = now_s();
    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes; at += BATCH) {
        read_vm(b, at, BATCH);
        for (size_t i = 0; i < BATCH; i += 16 * PAGE) {
            for (size_t k = 0; k < 16 * PAGE; k += 64)
                __builtin_prefetch(b->buf + (i + ahead + k) % BATCH, 0, 2);
            b->zero += check(b, b->buf + i, 16 * PAGE);
        }
    }
    return now_s() - begin;
}

static double bare_pread(struct bench *b, size_t buf_bytes)
{
    double begin = now_s();
    for (uint64_t at = 0; at < b->bytes; at += buf_bytes)
        if (pread(b->fd, b->buf, buf_bytes, (off_t)at) != (ssize_t)buf_bytes)
            perror("pread");
    return now_s() - begin;
}

static double checked_pread(struct bench *b, size_t buf_bytes)
{
    double begin = now_s();
    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes; at += buf_bytes) {
        if (pread(b->fd, b->buf, buf_bytes, (off_t)at) != (ssize_t)buf_bytes)
            perror("pread");
        b->zero += check(b, b->buf, buf_bytes);
    }
    return now_s() - begin;
}

/* The memfd mapped and compared in place; @step bytes at a time, 0 = all at once. */
static double mapped(struct bench *b, size_t step, int flags)
{
    double begin = now_s();
    size_t size = step != 0 ? step : b->bytes;

    b->zero = 0;
    for (uint64_t at = 0; at < b->bytes; at += size) {
        char *view = mmap(NULL, size, PROT_READ, MAP_SHARED | flags, b->fd, (off_t)at);
        if (view == MAP_FAILED) {
            perror("mmap");
            break;
        }
        for (uint64_t i = 0; i < size; i += BATCH)
            b->zero += check(b, view + i, size < BATCH ? size : BATCH);
        munmap(view, size);
    }
    return now_s() - begin;
}

static double mapped_lazily(struct bench *b, size_t step)
{
    return mapped(b, step, 0);
}

static double mapped_populated(struct bench *b, size_t step)
{
    return mapped(b, step, MAP_POPULATE);
}

/* A guest of ours has no command line that says how much RAM it has: @by_maps names the RAM. */
static struct scan_report *run_scan(struct bench *b, enum scan_mode mode, unsigned threads,
                                    bool by_maps)
{
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = b->root, .progress = &progress};
    struct scan_request request = {.vm = {.pid = b->pid}, .vmm = b->vmm, .mode = mode,
                                   .threads = threads, .accel = b->impl,
                                   .ram = {{b->start, b->start + b->bytes}},
                                   .ram_count = by_maps};
    struct scan_report *report = NULL;

    if (scan_execute(&env, &request, &report) < 0)
        fprintf(stderr, "scan: %s\n", report != NULL ? report->error.msg : "no memory");
    return report;
}

/* The reading part of a scan: what is left when regions are known. */
static double scan_reading(struct bench *b, size_t threads)
{
    struct scan_report *report = run_scan(b, SCAN_EXACT, (unsigned)threads, true);
    double seconds = report->cost.elapsed_s - report->cost.residency_s;
    b->cpu_s = report->cost.cpu_s - report->cost.regions_cpu_s;
    b->zero = report->counts.pages[PAGE_ZERO_CONTENT];
    scan_report_free(report);
    return seconds;
}

static double scan_whole(struct bench *b, unsigned threads, bool by_maps)
{
    double begin = now_s();
    struct scan_report *report = run_scan(b, SCAN_EXACT, threads, by_maps);
    double seconds = now_s() - begin;
    b->zero = report->counts.pages[PAGE_ZERO_CONTENT];
    scan_report_free(report);
    return seconds;
}

static double scan_by_maps(struct bench *b, size_t threads)
{
    return scan_whole(b, (unsigned)threads, true);
}

static double scan_by_smaps(struct bench *b, size_t threads)
{
    return scan_whole(b, (unsigned)threads, false);
}

static double estimate(struct bench *b, unsigned threads, bool by_maps)
{
    double begin = now_s();
    struct scan_report *report = run_scan(b, SCAN_ESTIMATE, threads, by_maps);
    double seconds = now_s() - begin;
    scan_report_free(report);
    return seconds;
}

static double estimate_by_maps(struct bench *b, size_t threads)
{
    return estimate(b, (unsigned)threads, true);
}

static double estimate_by_smaps(struct bench *b, size_t threads)
{
    return estimate(b, (unsigned)threads, false);
}

enum row_when {
    ALWAYS, PRIVATE, SHARED, /* by the kind of memory */
    TRIED, TRIED_SHARED      /* with --tried */
};
enum row_shows { SPEED, SHARE /* of the limit, too */, TIME };

struct row {
    const char *name;
    row_fn *fn;
    size_t arg;
    enum row_when when;
    enum row_shows shows;
};

/* The first row that applies is the limit. */
static const struct row rows[] = {
    {"limit: process_vm_readv alone, 2 MiB", bare_readv, 2 * MIB, PRIVATE, SPEED},
    {"limit: mmap + compare, all at once", mapped_lazily, 0, SHARED, SPEED},
    {"scan, reading, 1 thread", scan_reading, 1, ALWAYS, SHARE},
    {"scan, reading, 2 threads", scan_reading, 2, ALWAYS, SHARE},
    {"scan, whole, regions from maps", scan_by_maps, 1, ALWAYS, SHARE},
    {"scan, whole, regions from smaps", scan_by_smaps, 1, ALWAYS, SPEED},
    {"estimate, 16384 pages, from maps", estimate_by_maps, 1, ALWAYS, TIME},
    {"estimate, 16384 pages, from smaps", estimate_by_smaps, 1, ALWAYS, TIME},
    {"readv + compare, 2 MiB, no scan around it", checked_readv, 2 * MIB, PRIVATE, SHARE},
    {"readv + compare, 256 KiB", checked_readv, 256 << 10, TRIED, SHARE},
    {"readv + compare, 1 MiB", checked_readv, MIB, TRIED, SHARE},
    {"readv + compare, 16 MiB", checked_readv, 16 * MIB, TRIED, SHARE},
    {"  in segments of 4 KiB", readv_in_segments, PAGE, TRIED, SHARE},
    {"  in segments of 64 KiB", readv_in_segments, 16 * PAGE, TRIED, SHARE},
    {"  two stages, 64 bytes of each page first", two_stage, 64, TRIED, SHARE},
    {"  prefetch of the buffer, 64 KiB ahead", checked_with_prefetch, 64 << 10, TRIED, SHARE},
    {"mmap + compare, all at once, populated", mapped_populated, 0, SHARED, SHARE},
    {"mmap + compare, 16 MiB at a time", mapped_lazily, 16 * MIB, TRIED_SHARED, SHARE},
    {"pread, nothing else, 2 MiB", bare_pread, 2 * MIB, TRIED_SHARED, SHARE},
    {"pread + compare, 2 MiB", checked_pread, 2 * MIB, TRIED_SHARED, SHARE},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool applies(const struct bench *b, const struct row *row)
{
    switch (row->when) {
    case PRIVATE:
        return b->fd < 0;
    case SHARED:
        return b->fd >= 0;
    case TRIED:
        return b->tried;
    case TRIED_SHARED:
        return b->tried && b->fd >= 0;
    case ALWAYS:
        break;
    }
    return true;
}

struct figures {
    double wall_s, cpu_s;  /* best */
    double last_cpu_s;
    double shares[ROUNDS]; /* CPU time of the limit just before, of this row's */
    uint64_t zero;
};

static void measure_row(struct bench *b, const struct row *row, uint64_t zero_pages,
                        struct figures *f)
{
    double cpu = cpu_now_s();

    b->cpu_s = -1;
    b->zero = zero_pages;
    double wall = row->fn(b, row->arg);
    f->last_cpu_s = b->cpu_s >= 0 ? b->cpu_s : cpu_now_s() - cpu;
    if (f->wall_s == 0 || wall < f->wall_s)
        f->wall_s = wall;
    if (f->cpu_s == 0 || f->last_cpu_s < f->cpu_s)
        f->cpu_s = f->last_cpu_s;
    f->zero = b->zero;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const struct bench *b, const struct row *row, struct figures *f)
{
    printf("  %-42s", row->name);
    if (row->shows == TIME) {
        printf(" %7.1f ms elapsed, %7.1f ms CPU", f->wall_s * 1e3, f->cpu_s * 1e3);
        return;
    }
    printf(" %7.2f GB/s elapsed, %7.2f GB/s CPU", (double)b->bytes / f->wall_s / 1e9,
           (double)b->bytes / f->cpu_s / 1e9);
    if (row->shows != SHARE)
        return;
    qsort(f->shares, ROUNDS, sizeof(f->shares[0]), by_value);
    printf(", %5.1f %%", 100 * f->shares[ROUNDS / 2]);
}

static void measure(struct bench *b, uint64_t nonzero_pages)
{
    struct figures figures[ROWS] = {{0}};
    uint64_t zero_pages = b->bytes / PAGE - nonzero_pages;

    size_t limit = 0;

    while (!applies(b, &rows[limit]))
        limit++;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = limit; i < ROWS; i++) {
            if (!applies(b, &rows[i]))
                continue;
            if (rows[i].shows == SHARE)
                measure_row(b, &rows[limit], zero_pages, &figures[limit]);
            measure_row(b, &rows[i], zero_pages, &figures[i]);
            figures[i].shares[round] = figures[limit].last_cpu_s / figures[i].last_cpu_s;
        }
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (!applies(b, &rows[i]))
            continue;
        print_row(b, &rows[i], &figures[i]);
        puts(figures[i].zero == zero_pages ? "" : "  WRONG COUNT");
    }
}

static void bench_guest(struct bench *b, const char *what, enum minivm_backing backing,
                        const char *content, const struct minivm_range *ranges, size_t count,
                        uint64_t bytes)
{
    struct guest_ram_config config = {.backing = backing, .bytes = bytes, .ranges = ranges,
                                      .range_count = count, .seed = 1};
    struct guest guest;
    char path[64];

    if (strncmp(what, b->only, strlen(b->only)) != 0)
        return;
    printf("\n%s, %s\n", what, content);
    if (!guest_start(&guest, guest_ram, &config)) {
        printf("  not here: %s\n", strerror(guest.info->error));
        return;
    }
    b->pid = guest.pid;
    b->vmm = "qemu"; /* marked dontfork as QEMU's */
    b->start = guest.info->ram_start;
    b->bytes = guest.info->ram_bytes;
    b->fd = -1;
    if (guest.info->memfd >= 0) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)guest.pid, guest.info->memfd);
        b->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    measure(b, guest.info->pages.nonzero);
    if (b->fd >= 0)
        close(b->fd);
    guest_stop(&guest);
}

/* Ranges that fill a guest like a real VM; free them. */
static struct minivm_range *ranges_like_vm(uint64_t bytes, size_t *ret_count)
{
    struct minivm_range *ranges = malloc(bytes / PAGE * sizeof(*ranges));
    struct vm_mix mix = {.random = 7};
    size_t count = 0, offset;

    for (uint64_t at = 0; ranges != NULL && at < bytes; at += PAGE) {
        enum minivm_fill fill = vm_mix_next(&mix, &offset) ? MINIVM_FILL_ZERO
                                : offset < 8               ? MINIVM_FILL_NONZERO
                                                           : MINIVM_FILL_ONE_BYTE;
        struct minivm_range *last = count > 0 ? &ranges[count - 1] : NULL;
        if (last != NULL && last->fill == fill && fill != MINIVM_FILL_ONE_BYTE)
            last->bytes += PAGE;
        else
            ranges[count++] = (struct minivm_range){.start = at, .bytes = PAGE, .fill = fill,
                                                    .offset = (uint32_t)offset};
    }
    *ret_count = ranges != NULL ? count : 0;
    return ranges;
}

static void bench_guests(struct bench *b, uint64_t bytes)
{
    const struct minivm_range nonzero = {.start = 0, .bytes = bytes, .fill = MINIVM_FILL_NONZERO};
    const struct minivm_range mix = {.start = 0, .bytes = bytes, .fill = MINIVM_FILL_MIX};
    const struct minivm_range zero = {.start = 0, .bytes = bytes, .fill = MINIVM_FILL_ZERO};
    static const char small[] = "private, 4 KiB pages", huge[] = "private, huge pages";
    static const char like_vm[] = "mix of a real VM", third[] = "a third zero, a third one byte";
    size_t count;
    struct minivm_range *real = ranges_like_vm(bytes, &count);

    bench_guest(b, small, MINIVM_ANON, like_vm, real, count, bytes);
    bench_guest(b, small, MINIVM_ANON, third, &mix, 1, bytes);
    bench_guest(b, small, MINIVM_ANON, "no page zero", &nonzero, 1, bytes);
    bench_guest(b, small, MINIVM_ANON, "all pages zero", &zero, 1, bytes);
    bench_guest(b, huge, MINIVM_ANON_THP, like_vm, real, count, bytes);
    bench_guest(b, huge, MINIVM_ANON_THP, third, &mix, 1, bytes);
    bench_guest(b, "memfd", MINIVM_MEMFD, like_vm, real, count, bytes);
    bench_guest(b, "memfd", MINIVM_MEMFD, third, &mix, 1, bytes);
    bench_guest(b, "memfd", MINIVM_MEMFD, "no page zero", &nonzero, 1, bytes);
    free(real);
}

static void print_cost(const char *what, const struct scan_report *report)
{
    printf("  %-10s %8.2f ms (%.2f ms regions and residency), %.2f ms CPU, %.1f MiB read, "
           "%llu pages not zero\n",
           what, report->cost.elapsed_s * 1e3, report->cost.residency_s * 1e3,
           report->cost.cpu_s * 1e3, (double)report->cost.bytes_read / (double)MIB,
           (unsigned long long)report->counts.pages[PAGE_NONZERO]);
}

static int bench_vm(struct bench *b)
{
    struct scan_report *best = NULL;
    struct ram_map map;
    struct error err = {0};

    if (ram_find(b->root, b->pid, b->vmm, NULL, 0, NULL, RAM_FROM_SMAPS, NULL, &map, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    for (int round = 0; round < 5 * ROUNDS; round++) {
        struct scan_report *report = run_scan(b, SCAN_EXACT, 1, false);
        if (best == NULL || report->cost.elapsed_s < best->cost.elapsed_s) {
            scan_report_free(best);
            best = report;
        } else {
            scan_report_free(report);
        }
    }
    print_cost("scan", best);
    struct scan_report *sample = run_scan(b, SCAN_ESTIMATE, 1, false);
    print_cost("estimate", sample);
    scan_report_free(sample);
    /* The second time the page tables are there already. */
    for (int round = 0; round < 2; round++) {
        double begin = now_s();
        for (size_t i = 0; i < map.count; i++) {
            const struct ram_region *r = &map.regions[i];
            b->start = r->start;
            for (uint64_t at = 0; at < r->bytes; at += BATCH) {
                size_t n = r->bytes - at < BATCH ? (size_t)(r->bytes - at) : BATCH;
                read_vm(b, at, n);
                check(b, b->buf, n);
            }
        }
        double seconds = now_s() - begin;
        printf("  reading all %8.2f ms, %.1f GB/s: %.0f times the scan\n", seconds * 1e3,
               (double)map.bytes / seconds / 1e9, seconds / best->cost.elapsed_s);
    }
    scan_report_free(best);
    ram_map_done(&map);
    return 0;
}

int main(int argc, char **argv)
{
    struct rootfs root;
    static struct bench b;

    if (rootfs_open(NULL, &root, NULL) < 0)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    b.root = &root;
    b.impl = zeropage_pick(cpu_detect());
    /* In huge pages, as that of a scan: the limit is to be no easier to reach than it is. */
    char *map = mmap(NULL, BUF_MAX + BATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0);
    if (map == MAP_FAILED)
        return 1;
    b.buf = (char *)(((uintptr_t)map + BATCH - 1) / BATCH * BATCH);
    madvise(b.buf, BUF_MAX, MADV_HUGEPAGE);
    memset(b.buf, 1, BUF_MAX);
    if (argc == 4 && strcmp(argv[1], "--vm") == 0) {
        b.pid = (pid_t)atoi(argv[2]);
        b.vmm = argv[3];
        return bench_vm(&b);
    }
    b.tried = argc > 1 && strcmp(argv[1], "--tried") == 0;
    uint64_t gib = b.tried ? 1 : argc > 1 ? strtoull(argv[1], NULL, 10) : 4;
    b.only = argc > 2 ? argv[2] : "";
    if (gib < 1 || gib > 64) {
        fprintf(stderr, "usage: bench_scan [GIB [WORD]] | --tried [WORD] | --vm PID VMM\n");
        return 2;
    }
    printf("%s; guests of %llu GiB; best of %d; share of the limit by CPU time, median\n",
           b.impl->name, (unsigned long long)gib, ROUNDS);
    bench_guests(&b, gib << 30);
    rootfs_close(&root);
    return 0;
}
