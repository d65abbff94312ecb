// SPDX-License-Identifier: MIT
/*
 * All runnable variants against the reference over arbitrary buffers.
 *
 * Input: byte 0 the page size in lines of 64 bytes, less one (mod 80); byte 1 the misalignment (mod
 * 64); byte 2 the repeat count: the rest is repeated 1 + (byte 2 mod 4) times with as many zero
 * bytes between as it has itself, so that small inputs make pages of both kinds. The buffer is
 * allocated to size: a sanitizer sees each byte read beside it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/cpu.h"
#include "accel/zeropage.h"

#define HEADER    3
#define MAX_BYTES ((size_t)256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lays out the input behind @misaligned bytes of 0xff; returns the bytes laid out. */
static size_t lay_out(uint8_t *buf, const uint8_t *body, size_t size, unsigned times)
{
    size_t len = 0;
    for (unsigned i = 0; i < times; i++) {
        if (i > 0) {
            memset(buf + len, 0, size);
            len += size;
        }
        memcpy(buf + len, body, size);
        len += size;
    }
    return len;
}

static void compare(const struct zeropage_impl *impl, const uint8_t *base, size_t npages,
                    size_t page_size)
{
    size_t words = (npages + 63) / 64;
    /* One word behind the output, to see it written; never a size of 0. */
    uint64_t *want = malloc((words + 1) * sizeof(*want));
    uint64_t *got = malloc((words + 1) * sizeof(*got));
    if (want == NULL || got == NULL)
        abort();
    memset(want, 0x5a, (words + 1) * sizeof(*want));
    memset(got, 0x5a, (words + 1) * sizeof(*got));
    size_t want_pages = zeropage_c(base, npages, page_size, want);
    size_t got_pages = impl->fn(base, npages, page_size, got);
    if (want_pages != got_pages || memcmp(want, got, (words + 1) * sizeof(*want)) != 0) {
        fprintf(stderr, "%s differs from c: %zu zero pages instead of %zu, of %zu of %zu bytes\n",
                impl->name, got_pages, want_pages, npages, page_size);
        abort();
    }
    free(want);
    free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER || size > MAX_BYTES / 8)
        return 0;
    size_t page_size = (1 + (size_t)data[0] % 80) * 64, misaligned = data[1] % 64;
    unsigned times = 1 + data[2] % 4, flags = cpu_detect();
    size_t body = size - HEADER;

    uint8_t *laid_out = malloc(2 * times * body + 1);
    if (laid_out == NULL)
        abort();
    size_t npages = lay_out(laid_out, data + HEADER, body, times) / page_size;
    size_t bytes = npages * page_size;
    uint8_t *buf = malloc(misaligned + bytes + (misaligned + bytes == 0));
    if (buf == NULL)
        abort();
    memset(buf, 0xff, misaligned);
    memcpy(buf + misaligned, laid_out, bytes);

    for (const struct zeropage_impl *i = zeropage_impls; i->name != NULL; i++) {
        if (zeropage_named(i->name, flags) == i)
            compare(i, buf + misaligned, npages, page_size);
    }
    free(buf);
    free(laid_out);
    return 0;
}
