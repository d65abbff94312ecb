// SPDX-License-Identifier: MIT
/*
 * The buffer lies between two PROT_NONE pages. Where it does not touch one, the bytes beside it are
 * 0xff: a kernel that looks at a byte too many then calls a zero page non-zero, when it does not
 * trap.
 */
#include "tests/lib/check_zeropage.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE      4096
#define MAX_PAGES 129
#define ARENA     ((size_t)(MAX_PAGES + 1) * PAGE)
#define WORDS     3 /* of output that MAX_PAGES need */
#define PAD       2 /* words on either side of them */

struct check {
    zeropage_fn *fn;
    uint64_t random;
    unsigned char *arena; /* ARENA bytes; no access right before and right behind */
    char *why;
    size_t why_size;
};

/* Where a caught signal goes back to. Per thread, and only while check_zeropage() runs. */
static _Thread_local sigjmp_buf trap;

static void on_trap(int sig)
{
    siglongjmp(trap, sig);
}

uint64_t check_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t check_seed(const char *arg)
{
    if (arg != NULL && *arg != '\0') {
        char *end;
        errno = 0;
        unsigned long long n = strtoull(arg, &end, 0);
        if (errno == 0 && *end == '\0')
            return n;
        fprintf(stderr, "'%s' is no seed: taking a fresh one\n", arg);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t state = (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    return check_random(&state) >> 32; /* short enough to be typed */
}

static bool differ(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool differ(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->why, c->why_size, fmt, ap);
    va_end(ap);
    return false;
}

/* One call on @npages at @base. @want: which pages are known to be zero, one byte each. */
static bool compare(struct check *c, const unsigned char *base, size_t npages, size_t page_size,
                    const bool *want, const char *what)
{
    uint64_t map[PAD + WORDS + PAD], before[PAD + WORDS + PAD], reference[WORDS] = {0};
    size_t nwords = (npages + 63) / 64, zero_pages = 0, misaligned = (uintptr_t)base % 64;

    for (size_t i = 0; i < PAD + WORDS + PAD; i++)
        map[i] = before[i] = check_random(&c->random);
    size_t got = c->fn(base, npages, page_size, map + PAD);
    size_t reference_got = zeropage_c(base, npages, page_size, reference);

    for (size_t i = 0; i < npages; i++) {
        zero_pages += want[i];
        if (want[i] != (reference[i / 64] >> i % 64 & 1))
            return differ(c, "%s: the reference itself is wrong about page %zu of %zu", what, i,
                          npages);
        if (want[i] != (map[PAD + i / 64] >> i % 64 & 1))
            return differ(c, "%s: page %zu of %zu (%zu bytes, misaligned by %zu) taken as %s", what,
                          i, npages, page_size, misaligned, want[i] ? "non-zero" : "zero");
    }
    if (reference_got != zero_pages)
        return differ(c, "%s: the reference itself counts %zu, not %zu", what, reference_got,
                      zero_pages);
    if (got != zero_pages)
        return differ(c, "%s: %zu zero pages counted of %zu, expected %zu", what, got, npages,
                      zero_pages);
    /* Whole words: the unused bits of the last one are 0 in the reference, too. */
    if (memcmp(map + PAD, reference, nwords * sizeof(map[0])) != 0)
        return differ(c, "%s: unused bits of the last word are not 0 (%zu pages)", what, npages);
    if (memcmp(map, before, PAD * sizeof(map[0])) != 0 ||
        memcmp(map + PAD + nwords, before + PAD + nwords,
               (WORDS + PAD - nwords) * sizeof(map[0])) != 0)
        return differ(c, "%s: wrote beside the output (%zu pages)", what, npages);
    return true;
}

/* A zeroed buffer of @size bytes: touching the guard behind it when @at_end, or as near to it as
 * @misaligned allows; otherwise @misaligned bytes behind the guard in front. Its surroundings are
 * 0xff. */
static unsigned char *place(struct check *c, size_t size, size_t misaligned, bool at_end)
{
    size_t offset = misaligned;
    if (at_end)
        offset = ARENA - size - (64 - misaligned) % 64;
    size_t before = offset < 256 ? offset : 256, room = ARENA - offset - size;
    memset(c->arena + offset - before, 0xff, before);
    memset(c->arena + offset, 0, size);
    memset(c->arena + offset + size, 0xff, room < 256 ? room : 256);
    return c->arena + offset;
}

/* Each single bit of a page, between two zero pages and with the guard behind the last. */
static bool check_bits(struct check *c, size_t step)
{
    static const bool want[] = {true, false, true};
    unsigned char *buf = place(c, 3 * PAGE, 0, true);

    for (size_t bit = 0; bit < 8 * (size_t)PAGE; bit += step) {
        buf[PAGE + bit / 8] = (unsigned char)(1u << bit % 8);
        if (!compare(c, buf, 3, PAGE, want, "single bit"))
            return false;
        buf[PAGE + bit / 8] = 0;
    }
    return true;
}

/* Each byte of a page at a misalignment: a kernel may treat head and tail apart. */
static bool check_bytes(struct check *c, size_t misaligned, size_t step)
{
    static const bool want[] = {true, false};
    unsigned char *buf = place(c, 2 * PAGE, misaligned, misaligned % 2);

    for (size_t at = 0; at < PAGE; at += step) {
        buf[PAGE + at] = (unsigned char)(1u << check_random(&c->random) % 8);
        if (!compare(c, buf, 2, PAGE, want, "single byte"))
            return false;
        buf[PAGE + at] = 0;
    }
    return true;
}

/* Soils @page in one of the ways that kernels miss. */
static void soil(struct check *c, unsigned char *page, size_t page_size)
{
    uint64_t r = check_random(&c->random);
    unsigned char byte = (unsigned char)(1u << (r >> 8) % 8);
    size_t at = (r >> 16) % page_size;
    size_t twin = (at + (16u << (r >> 12) % 6)) % page_size;
    switch (r % 6) {
    case 0:
        page[at] = byte;
        break;
    case 1:
        page[0] = byte;
        break;
    case 2:
        page[page_size - 1] = byte;
        break;
    case 3: /* two that cancel out when they are added or XORed, not ORed, in the same lane */
        page[at] = 0x80;
        page[twin] = 0x80;
        break;
    case 4:
        memset(page, byte, page_size);
        break;
    default: /* the same with a first line that does not give it away */
        memset(page + page_size / 2, byte, page_size - page_size / 2);
    }
}

/* @npages of random nature: none, all or some of them zero. */
static bool check_map(struct check *c, size_t npages, size_t page_size, size_t misaligned)
{
    bool want[MAX_PAGES];
    bool at_end = check_random(&c->random) & 1;
    unsigned char *buf = place(c, npages * page_size, misaligned, at_end);
    uint64_t share = check_random(&c->random) % 5; /* of non-zero pages, in quarters */

    for (size_t i = 0; i < npages; i++) {
        want[i] = check_random(&c->random) % 4 >= share;
        if (!want[i])
            soil(c, buf + i * page_size, page_size);
    }
    return compare(c, buf, npages, page_size, want, at_end ? "map at the guard" : "map");
}

static bool check_all(struct check *c, enum check_depth depth)
{
    bool full = depth == CHECK_FULL;

    if (!check_bits(c, full ? 1 : 61))
        return false;
    for (size_t m = 0; m < 64; m++) {
        if (!check_bytes(c, m, full ? 1 + m % 3 : 509))
            return false;
        for (size_t n = 0; n <= MAX_PAGES; n += full ? 1 : 43) {
            /* Small pages often: the count of pages is what is swept here, not their bytes. */
            static const size_t sizes[] = {64, 128, 192, 256, 320, 448, 512, 1024};
            size_t size = n % 8 == m % 8 ? PAGE : sizes[check_random(&c->random) % 8];
            if (!check_map(c, n, size, m))
                return false;
        }
    }
    for (size_t i = 0; i < (full ? 400 : 20); i++) {
        size_t size = (1 + check_random(&c->random) % 256) * 64;
        size_t n = check_random(&c->random) % ((MAX_PAGES - 1) * PAGE / size + 1);
        if (!check_map(c, n < MAX_PAGES ? n : MAX_PAGES, size, check_random(&c->random) % 64))
            return false;
    }
    return true;
}

bool check_zeropage(zeropage_fn *fn, enum check_depth depth, uint64_t seed, char *ret_why,
                    size_t size)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    enum { NSIGNALS = sizeof(signals) / sizeof(signals[0]) };
    struct sigaction handler = {.sa_handler = on_trap, .sa_flags = SA_NODEFER}, old[NSIGNALS];
    struct check c = {.fn = fn, .random = seed, .why = ret_why, .why_size = size};

    unsigned char *whole =
        mmap(NULL, ARENA + 2 * (size_t)PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (whole == MAP_FAILED)
        return differ(&c, "cannot map the buffer: %s", strerror(errno));
    c.arena = whole + PAGE;
    if (mprotect(c.arena, ARENA, PROT_READ | PROT_WRITE) < 0) {
        differ(&c, "cannot open the buffer: %s", strerror(errno));
        munmap(whole, ARENA + 2 * (size_t)PAGE);
        return false;
    }
    memset(c.arena, 0xff, ARENA);
    for (size_t i = 0; i < NSIGNALS; i++)
        sigaction(signals[i], &handler, &old[i]);

    bool ok;
    int sig = sigsetjmp(trap, 1);
    if (sig == 0)
        ok = check_all(&c, depth);
    else
        ok = differ(&c, "signal %d (%s): read outside its buffer, or an illegal instruction", sig,
                    strsignal(sig));

    for (size_t i = 0; i < NSIGNALS; i++)
        sigaction(signals[i], &old[i], NULL);
    munmap(whole, ARENA + 2 * (size_t)PAGE);
    return ok;
}
