// SPDX-License-Identifier: MIT
/*
 * Times every runnable variant, the peers and the limits of the machine on the same buffers, in
 * turns, so that what disturbs one disturbs all. Refuses to time anything when a correctness check
 * fails. Usage: bench_zeropage [SEED]     (or KVMLENS_SEED)
 * KVMLENS_BENCH_MS: time per line, default 120; KVMLENS_BENCH_ONLY: scenarios that have it in their
 * name
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "accel/cpu.h"
#include "tests/lib/check_zeropage.h"
#include "tests/lib/vm_mix.h"
#include "tests/lib/zeropage_peers.h"

#define PAGE         ((size_t)4096)
#define HOT_PAGES    6   /* 24 KiB: in any L1 */
#define CACHED_PAGES 128 /* 512 KiB: in L2; enough pages for a mix */
#define MAX_PAGES    ((size_t)65536)
#define EVICT_BYTES  ((size_t)96 << 20) /* three times the L3 that the figures were taken with */
#define DEFAULT_SEED 7 /* draws a mix near to the measured one; always the same buffers */
#define MAX_SAMPLES  64
#define MIN_SAMPLES  5
#define MAX_LINES    16

struct line {
    const char *name;
    zeropage_fn *fn;
    bool is_limit;
    size_t samples;
    uint64_t spent_ns;
    double ns[MAX_SAMPLES]; /* per page */
};

enum content { ZERO, FIRST_BYTE, LAST_BYTE, MIX_60, MIX_VM };
enum pages { HUGE_PAGES, SMALL_PAGES };

static const struct {
    const char *name;
    size_t npages;
    enum content content;
    enum pages backing;
} scenarios[] = {
    {"L1, all zero", HOT_PAGES, ZERO, HUGE_PAGES},
    {"L1, first byte set", HOT_PAGES, FIRST_BYTE, HUGE_PAGES},
    {"L1, last byte set", HOT_PAGES, LAST_BYTE, HUGE_PAGES},
    {"L2, all zero", CACHED_PAGES, ZERO, HUGE_PAGES},
    {"L2, first byte set", CACHED_PAGES, FIRST_BYTE, HUGE_PAGES},
    {"L2, 60 % zero", CACHED_PAGES, MIX_60, HUGE_PAGES},
    {"L2, mix of a real VM", CACHED_PAGES, MIX_VM, HUGE_PAGES},
    {"DRAM, all zero", MAX_PAGES, ZERO, HUGE_PAGES},
    {"DRAM, all zero, 4 KiB mappings", MAX_PAGES, ZERO, SMALL_PAGES},
    {"DRAM, first byte set", MAX_PAGES, FIRST_BYTE, HUGE_PAGES},
    {"DRAM, last byte set", MAX_PAGES, LAST_BYTE, HUGE_PAGES},
    {"DRAM, 60 % zero", MAX_PAGES, MIX_60, HUGE_PAGES},
    {"DRAM, mix of a real VM", MAX_PAGES, MIX_VM, HUGE_PAGES},
};
#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Fills @npages with pages like those of the VM; returns how many stay zero. A small buffer takes
 * every so many-th page of a large one: its first pages would be short runs only, nine tenths of
 * them zero, because most runs are short while most pages are in a few long ones.
 */
static size_t fill_like_vm(unsigned char *buf, size_t npages, uint64_t seed)
{
    struct vm_mix mix = {.random = seed};
    size_t zero_pages = 0, stride = MAX_PAGES / npages;

    for (size_t i = 0; i < npages * stride; i++) {
        size_t offset;
        bool zero = vm_mix_next(&mix, &offset);
        if (i % stride != 0)
            continue;
        zero_pages += zero;
        buf[i / stride * PAGE + offset] = !zero;
    }
    return zero_pages;
}

/* Fills @npages; returns how many stay zero. */
static size_t fill(unsigned char *buf, size_t npages, enum content content, uint64_t seed)
{
    uint64_t random = seed;
    size_t zero_pages = 0;

    memset(buf, 0, npages * PAGE);
    if (content == MIX_VM)
        return fill_like_vm(buf, npages, seed);
    for (size_t i = 0; i < npages; i++) {
        unsigned char *page = buf + i * PAGE;
        bool zero = false;
        switch (content) {
        case ZERO:
            zero = true;
            break;
        case FIRST_BYTE:
            page[0] = 1;
            break;
        case LAST_BYTE:
            page[PAGE - 1] = 1;
            break;
        case MIX_60:
            zero = check_random(&random) % 100 < 60;
            if (!zero)
                memset(page, 1, PAGE);
            break;
        case MIX_VM: /* filled above */
            break;
        }
        zero_pages += zero;
    }
    return zero_pages;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Cycles per ns while running: each turn is a chain of two one-cycle operations. */
static double clock_ghz(void)
{
    double best = 0;
    for (int t = 0; t < 40; t++) {
        uint64_t x = 1, start = now_ns();
        for (int i = 0; i < 100000; i++) {
            x += x | 1;
            __asm__ volatile("" : "+r"(x)); /* or the compiler shortens the chain */
        }
        double ghz = 200000.0 / (double)(now_ns() - start);
        best = ghz > best ? ghz : best;
    }
    return best;
}

static void print_machine(unsigned flags, uint64_t seed)
{
    char brand[49] = "unknown CPU", names[128], date[32];
    struct utsname un;
    time_t t = time(NULL);
#if defined(__x86_64__)
    unsigned regs[12];
    bool all = true;
    for (unsigned i = 0; i < 3; i++)
        all = all && __get_cpuid(0x80000002 + i, regs + 4 * i, regs + 4 * i + 1, regs + 4 * i + 2,
                                 regs + 4 * i + 3);
    if (all)
        memcpy(brand, regs, 48);
    unsigned sig = 0, b, c, d;
    __get_cpuid(1, &sig, &b, &c, &d);
    unsigned family = (sig >> 8 & 15) == 15 ? 15 + (sig >> 20 & 255) : sig >> 8 & 15;
    printf("cpu:    %s (family %u, model %u)\n", brand, family,
           (sig >> 12 & 0xf0) | (sig >> 4 & 15));
#else
    printf("cpu:    %s\n", brand);
#endif
    cpu_flag_names(flags, names, sizeof(names));
    printf("flags:  %s\n", names);
    uname(&un);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime(&t));
    printf("date:   %s, Linux %s\n", date, un.release);
    printf("clock:  about %.2f GHz while measuring\n", clock_ghz());
    printf("choice: %s\n", zeropage_pick(flags)->name);
    printf("seed:   %" PRIu64 "\n", seed);
}

static size_t collect(struct line *lines, unsigned flags)
{
    size_t n = 0;
    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        if (zeropage_named(i->name, flags) == i)
            lines[n++] = (struct line){.name = i->name, .fn = i->fn};
        else
            printf("skip:   %s: this CPU cannot run it\n", i->name);
    }
    for (const struct peer *p = zeropage_peers; p->name != NULL; p++) {
        if ((p->need & flags) == p->need)
            lines[n++] = (struct line){.name = p->name, .fn = p->fn, .is_limit = p->is_limit};
        else
            printf("skip:   %s: this CPU cannot run it\n", p->name);
    }
    return n;
}

static bool all_correct(const struct line *lines, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        char why[200];
        if (!lines[i].is_limit &&
            !check_zeropage(lines[i].fn, CHECK_QUICK, seed, why, sizeof(why))) {
            fprintf(stderr,
                    "bench_zeropage: nothing is timed: %s is wrong: %s (seed %" PRIu64 ")\n",
                    lines[i].name, why, seed);
            return false;
        }
    }
    return true;
}

/* Reads @other so that nothing of the buffer under test is left in a cache: a mix whose data pages
 * are told by one line is smaller than some L3 caches, and would be measured there from the second
 * turn. */
static void evict(const unsigned char *other)
{
    const volatile unsigned char *p = other;
    for (size_t i = 0; i < EVICT_BYTES; i += 64)
        (void)p[i];
}

/* One timed sample: small buffers are scanned often enough to make the timer's own cost small. */
static void sample(struct line *l, const unsigned char *buf, size_t npages, uint64_t *map)
{
    size_t times = npages < 4096 ? 4096 / npages : 1;
    uint64_t start = now_ns();
    for (size_t i = 0; i < times; i++)
        l->fn(buf, npages, PAGE, map);
    uint64_t took = now_ns() - start;
    l->spent_ns += took;
    l->ns[l->samples++] = (double)took / (double)(times * npages);
}

/* @other: NULL where the buffer is to be found in cache. */
static void measure(struct line *lines, size_t n, const unsigned char *buf, size_t npages,
                    const unsigned char *other, uint64_t *map, uint64_t budget_ns)
{
    for (size_t i = 0; i < n; i++) {
        lines[i].samples = 0;
        lines[i].spent_ns = 0;
        lines[i].fn(buf, npages, PAGE, map); /* warm up */
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            struct line *l = &lines[i];
            if (l->samples == MAX_SAMPLES || (l->samples >= MIN_SAMPLES && l->spent_ns > budget_ns))
                continue;
            if (other != NULL)
                evict(other);
            sample(l, buf, npages, map);
            more = true;
        }
    }
    for (size_t i = 0; i < n; i++)
        qsort(lines[i].ns, lines[i].samples, sizeof(double), by_value);
}

/* @whole: every byte must be read for the answer; otherwise GB/s and the limit would mean nothing.
 */
static void print_scenario(const char *name, size_t npages, size_t zero_pages, bool whole,
                           const struct line *lines, size_t n)
{
    double reference = lines[0].ns[0], limit = 0, limit_median = 0;
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &lines[i];
        if (strncmp(l->name, "read-", 5) == 0 && (limit == 0 || l->ns[0] < limit))
            limit = l->ns[0];
        if (strncmp(l->name, "read-", 5) == 0 &&
            (limit_median == 0 || l->ns[l->samples / 2] < limit_median))
            limit_median = l->ns[l->samples / 2];
    }
    printf("\n%s: %zu pages, %zu KiB, %.1f %% zero\n", name, npages, npages * PAGE / 1024,
           100.0 * (double)zero_pages / (double)npages);
    printf("  %-14s %10s %10s %8s%s\n", "", "best ns", "median ns", "x c",
           whole ? "      GB/s   % of best read" : "");
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &lines[i];
        double median = l->ns[l->samples / 2];
        printf("  %-14s %10.2f %10.2f %8.2f", l->name, l->ns[0], median, reference / l->ns[0]);
        if (whole)
            printf(" %9.1f", (double)PAGE / l->ns[0]);
        if (whole && limit > 0)
            printf("   %5.0f best %4.0f med", 100 * limit / l->ns[0], 100 * limit_median / median);
        printf("\n");
    }
    fflush(stdout);
}

static unsigned char *map_buffer(size_t npages, enum pages backing)
{
    size_t huge = 2u << 20, size = npages * PAGE + huge;
    unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    p += huge - (uintptr_t)p % huge;
    madvise(p, npages * PAGE, backing == HUGE_PAGES ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(p, 1, npages * PAGE); /* own memory, not the shared zero page */
    return p;
}

/* Prints how much of this program's memory is mapped by 2 MiB; madvise() is a wish only. */
static void print_huge_memory(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char text[256];
    unsigned long kib;

    while (f != NULL && fgets(text, sizeof(text), f) != NULL) {
        if (sscanf(text, "AnonHugePages: %lu", &kib) != 1)
            continue;
        printf("memory: %lu MiB in 2 MiB mappings, of %zu asked for\n", kib / 1024,
               MAX_PAGES * PAGE >> 20);
        fclose(f);
        return;
    }
    if (f != NULL)
        fclose(f);
    printf("memory: unknown whether the 2 MiB mappings that were asked for were given\n");
}

int main(int argc, char **argv)
{
    static struct line lines[MAX_LINES];
    static uint64_t map[MAX_PAGES / 64];
    const char *given = argc > 1 ? argv[1] : getenv("KVMLENS_SEED");
    uint64_t seed = given != NULL ? check_seed(given) : DEFAULT_SEED;
    const char *ms = getenv("KVMLENS_BENCH_MS"), *only = getenv("KVMLENS_BENCH_ONLY");
    uint64_t budget_ns = (ms != NULL ? strtoull(ms, NULL, 10) : 120) * 1000000u;
    unsigned flags = cpu_detect();

    print_machine(flags, seed);
    size_t n = collect(lines, flags);
    if (!all_correct(lines, n, seed))
        return 1;
    printf("check:  every variant and peer agrees with c\n");

    unsigned char *buffers[2] = {map_buffer(MAX_PAGES, HUGE_PAGES), NULL};
    buffers[SMALL_PAGES] = map_buffer(MAX_PAGES, SMALL_PAGES);
    if (buffers[0] == NULL || buffers[1] == NULL) {
        fprintf(stderr, "bench_zeropage: not enough memory for two buffers of 256 MiB\n");
        return 1;
    }
    print_huge_memory();
    size_t measured = 0;
    for (size_t s = 0; s < COUNT(scenarios); s++) {
        unsigned char *buf = buffers[scenarios[s].backing];
        size_t npages = scenarios[s].npages;
        const unsigned char *other = npages == MAX_PAGES ? buffers[!scenarios[s].backing] : NULL;
        if (only != NULL && strstr(scenarios[s].name, only) == NULL)
            continue;
        size_t zero_pages = fill(buf, npages, scenarios[s].content, seed);
        measure(lines, n, buf, npages, other, map, budget_ns);
        bool whole = scenarios[s].content == ZERO || scenarios[s].content == LAST_BYTE;
        print_scenario(scenarios[s].name, npages, zero_pages, whole, lines, n);
        measured++;
    }
    if (measured == 0) {
        fprintf(stderr, "bench_zeropage: no scenario has '%s' in its name\n", only);
        return 1;
    }
    return 0;
}
