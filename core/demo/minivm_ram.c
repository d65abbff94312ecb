// SPDX-License-Identifier: MIT
#include "core/demo/minivm_ram.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES (2ull << 20)

struct backing {
    bool shared;
    unsigned memfd_flags;
    uint64_t align;
    int advice;
};

static const struct backing backings[MINIVM_BACKING_COUNT] = {
    [MINIVM_ANON] = {.align = MINIVM_PAGE_BYTES, .advice = MADV_NOHUGEPAGE},
    [MINIVM_ANON_THP] = {.align = HUGE_BYTES, .advice = MADV_HUGEPAGE},
    [MINIVM_MEMFD] = {.shared = true, .align = MINIVM_PAGE_BYTES, .advice = MADV_NOHUGEPAGE},
    [MINIVM_HUGETLB] = {.shared = true,
                        .memfd_flags = MFD_HUGETLB | MFD_HUGE_2MB,
                        .align = HUGE_BYTES,
                        .advice = MADV_NORMAL},
};

/* Address space of @bytes that begins on @align; the slack on both sides is given back. */
static uint8_t *reserve(uint64_t bytes, uint64_t align)
{
    uint64_t span = bytes + align;
    uint8_t *raw = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (raw == MAP_FAILED)
        return NULL;
    uint8_t *base = raw + (align - (uintptr_t)raw % align) % align;
    if (base > raw)
        munmap(raw, (size_t)(base - raw));
    munmap(base + bytes, (size_t)(raw + span - (base + bytes)));
    return base;
}

int minivm_ram_map(uint64_t bytes, enum minivm_backing backing, struct minivm_ram *ret,
                   struct error *err)
{
    if ((unsigned)backing >= MINIVM_BACKING_COUNT || bytes == 0 || bytes >> 47 != 0 ||
        bytes % MINIVM_PAGE_BYTES != 0)
        return error_set(err, -EINVAL, "a test VM cannot have %llu bytes of RAM",
                         (unsigned long long)bytes);

    const struct backing *b = &backings[backing];
    int fd = -1, flags = MAP_FIXED | MAP_NORESERVE;
    int code;

    if (b->shared) {
        fd = memfd_create("memory-backend-memfd", MFD_CLOEXEC | b->memfd_flags);
        if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0) {
            code = -errno;
            goto fail;
        }
        flags |= MAP_SHARED;
    } else {
        flags |= MAP_PRIVATE | MAP_ANONYMOUS;
    }
    uint8_t *base = reserve(bytes, b->align);
    if (base == NULL) {
        code = -errno;
        goto fail;
    }
    if (mmap(base, bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED) {
        code = -errno;
        munmap(base, bytes);
        goto fail;
    }
    /* Kernels without transparent huge pages refuse the advice, and then need none. */
    madvise(base, bytes, b->advice);
    madvise(base, bytes, MADV_DONTFORK);
    *ret = (struct minivm_ram){.base = base, .bytes = bytes, .fd = fd};
    return 0;
fail:
    if (fd >= 0)
        close(fd);
    return error_set(err, code, "cannot map %llu MiB of RAM for a VM: %s",
                     (unsigned long long)(bytes >> 20), strerror(-code));
}

void minivm_ram_unmap(struct minivm_ram *ram)
{
    if (ram == NULL || ram->base == NULL)
        return;
    munmap(ram->base, ram->bytes);
    if (ram->fd >= 0)
        close(ram->fd);
    *ram = (struct minivm_ram){.fd = -1};
}

/* xorshift64*: good enough to look like data, and the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ull;
}

enum page_class { PAGE_UNTOUCHED, PAGE_ZERO_MAPPED, PAGE_ZERO_CONTENT, PAGE_NONZERO };

static enum page_class write_zero(uint8_t *page)
{
    /* The compiler must not drop the stores: a page of zeros that is written becomes resident. */
    memset(page, 0, MINIVM_PAGE_BYTES);
    __asm__ volatile("" : : "r"(page) : "memory");
    return PAGE_ZERO_CONTENT;
}

static enum page_class write_one(uint8_t *page, uint32_t offset, uint64_t random)
{
    write_zero(page);
    page[offset] = (uint8_t)(random % 255 + 1);
    return PAGE_NONZERO;
}

static enum page_class write_random(uint8_t *page, uint64_t *state)
{
    uint64_t *words = (uint64_t *)(void *)page;

    for (size_t i = 0; i < MINIVM_PAGE_BYTES / sizeof(*words); i++)
        words[i] = next_random(state);
    page[0] |= 1;
    return PAGE_NONZERO;
}

static enum page_class fill_page(const struct minivm_ram *ram, uint8_t *page,
                                 const struct minivm_range *range, enum page_class before,
                                 uint64_t *state)
{
    uint64_t random;

    switch (range->fill) {
    case MINIVM_FILL_NONZERO:
        return write_random(page, state);
    case MINIVM_FILL_ONE_BYTE:
        return write_one(page, range->offset, next_random(state));
    case MINIVM_FILL_ZERO:
        return write_zero(page);
    case MINIVM_FILL_READ:
        (void)*(volatile uint8_t *)page;
        if (before != PAGE_UNTOUCHED)
            return before;
        return ram->fd >= 0 ? PAGE_ZERO_CONTENT : PAGE_ZERO_MAPPED;
    case MINIVM_FILL_MIX:
        random = next_random(state);
        if (random % 3 == 0)
            return write_zero(page);
        if (random % 3 == 1)
            return write_random(page, state);
        return write_one(page, (uint32_t)(random >> 20) % MINIVM_PAGE_BYTES, next_random(state));
    case MINIVM_FILL_NONE:
    case MINIVM_FILL_COUNT:
        break;
    }
    return before;
}

static bool range_fits(const struct minivm_ram *ram, const struct minivm_range *range)
{
    return range->start % MINIVM_PAGE_BYTES == 0 && range->bytes % MINIVM_PAGE_BYTES == 0 &&
           range->start <= ram->bytes && range->bytes <= ram->bytes - range->start &&
           range->offset < MINIVM_PAGE_BYTES && (unsigned)range->fill < MINIVM_FILL_COUNT;
}

static struct minivm_pages count_pages(const uint8_t *classes, uint64_t total)
{
    uint64_t counts[PAGE_NONZERO + 1] = {0};

    for (uint64_t i = 0; i < total; i++)
        counts[classes[i]]++;
    return (struct minivm_pages){.total = total,
                                 .untouched = counts[PAGE_UNTOUCHED],
                                 .zero_mapped = counts[PAGE_ZERO_MAPPED],
                                 .zero_content = counts[PAGE_ZERO_CONTENT],
                                 .nonzero = counts[PAGE_NONZERO]};
}

int minivm_ram_fill(struct minivm_ram *ram, const struct minivm_range *ranges, size_t count,
                    uint64_t seed, struct error *err)
{
    uint64_t state = seed != 0 ? seed : 1;
    uint64_t total = ram->bytes / MINIVM_PAGE_BYTES;

    for (size_t i = 0; i < count; i++)
        if (!range_fits(ram, &ranges[i]))
            return error_set(err, -EINVAL, "range %zu of the RAM pattern lies outside the RAM", i);
    /* One byte for each page, only while filling; calloc leaves those of untouched parts unbacked.
     */
    uint8_t *classes = calloc(total, 1);
    if (classes == NULL)
        return error_set(err, -ENOMEM, "no memory to fill the RAM of a VM");
    for (size_t i = 0; i < count; i++) {
        const struct minivm_range *r = &ranges[i];
        uint64_t first = r->start / MINIVM_PAGE_BYTES;
        uint64_t pages = r->bytes / MINIVM_PAGE_BYTES;
        for (uint64_t k = 0; k < pages; k += r->stride != 0 ? r->stride : 1)
            classes[first + k] =
                (uint8_t)fill_page(ram, ram->base + (first + k) * MINIVM_PAGE_BYTES, r,
                                   (enum page_class)classes[first + k], &state);
    }
    ram->pages = count_pages(classes, total);
    free(classes);
    return 0;
}
