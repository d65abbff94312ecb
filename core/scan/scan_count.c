// SPDX-License-Identifier: MIT
#include "core/scan/scan_internal.h"

/* Pages from page number @page on, at most @pages, that lie in one slice of the heat map. */
static uint64_t pages_in_slice(struct scan_lane *lane, uint64_t page, uint64_t pages,
                               struct scan_slice **ret)
{
    uint64_t total = lane->job->page_count, slices = lane->job->report->slice_count;
    size_t slice = (size_t)(page * slices / total);
    uint64_t next = ((slice + 1) * total + slices - 1) / slices;

    lane->slice_low = slice < lane->slice_low ? slice : lane->slice_low;
    lane->slice_high = slice > lane->slice_high ? slice : lane->slice_high;
    *ret = &lane->slices[slice];
    return next - page < pages ? next - page : pages;
}

static void add_pages(struct scan_lane *lane, struct scan_slice *slice, enum page_class page_class,
                      uint64_t pages)
{
    lane->counts.pages[page_class] += pages;
    slice->pages[page_class] += (uint32_t)pages;
}

static uint64_t page_number(const struct scan_lane *lane, uint64_t address)
{
    return lane->chunk.first_page + (address - lane->chunk.start) / SCAN_PAGE_BYTES;
}

void scan_count_run(struct scan_lane *lane, enum page_class page_class, uint64_t start,
                    uint64_t pages)
{
    uint64_t page = page_number(lane, start);

    while (pages > 0) {
        struct scan_slice *slice;
        uint64_t n = pages_in_slice(lane, page, pages, &slice);
        add_pages(lane, slice, page_class, n);
        page += n;
        pages -= n;
    }
}

/* Bits that are set among @count from bit @first on. */
static uint64_t count_bits(const uint64_t *map, size_t first, size_t count)
{
    uint64_t sum = 0;

    while (count > 0) {
        size_t shift = first % 64, n = 64 - shift < count ? 64 - shift : count;
        uint64_t mask = n == 64 ? ~0ull : (1ull << n) - 1;
        sum += (uint64_t)__builtin_popcountll(map[first / 64] >> shift & mask);
        first += n;
        count -= n;
    }
    return sum;
}

void scan_count_content(struct scan_lane *lane, uint64_t start, size_t first, size_t pages,
                        enum page_class zero_class)
{
    uint64_t page = page_number(lane, start);

    while (pages > 0) {
        struct scan_slice *slice;
        size_t n = (size_t)pages_in_slice(lane, page, pages, &slice);
        uint64_t zero = count_bits(lane->zero_map, first, n);
        uint64_t bad = count_bits(lane->bad_map, first, n);
        add_pages(lane, slice, zero_class, zero);
        add_pages(lane, slice, PAGE_UNREADABLE, bad);
        add_pages(lane, slice, PAGE_NONZERO, n - zero - bad);
        page += n;
        first += n;
        pages -= n;
    }
}

void scan_count_sample(struct scan_lane *lane, size_t pages)
{
    lane->sampled += pages - count_bits(lane->bad_map, 0, pages);
    lane->sampled_zero += count_bits(lane->zero_map, 0, pages);
}
