// SPDX-License-Identifier: MIT
/* The half of the flat form that reads it: nothing that it is given is trusted. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/scan/scan_flat.h"
#include "core/scan/scan_flat_internal.h"
#include "core/scan/scan_internal.h"

#define ERRNO_MAX     4095
#define GFN_END       (1ull << 40) /* 52 bits of guest physical address */
#define RAM_BYTES_MAX (1ull << 57) /* of all regions: five levels of page tables map no more */
/* Larger numbers are not true, and whoever makes a whole number of one would be wrong. */
#define SECONDS_MAX     1e9
#define BYTES_PER_S_MAX 1e18

struct source_form {
    struct flat flat;
    struct flat_section text, counts, regions, slices, warnings, dirty, pairs, places;
    struct flat_scan_head head;
};

static bool read_text(const struct source_form *form, struct flat_text text, char *to, size_t size)
{
    const char *from = flat_text_at(&form->text, text);

    if (from == NULL)
        return false;
    text_clean(from, strlen(from), to, size);
    return true;
}

/* A share between 0 and 1. Neither of these takes what is no number. */
static bool read_share(uint64_t from, double *ret)
{
    from = le64toh(from);
    memcpy(ret, &from, sizeof(*ret));
    return *ret >= 0 && *ret <= 1;
}

static bool read_amount(uint64_t from, double most, double *ret)
{
    from = le64toh(from);
    memcpy(ret, &from, sizeof(*ret));
    return *ret >= 0 && *ret <= most;
}

/* --- the head --------------------------------------------------------------------------------- */

static bool read_state(const struct source_form *form, struct scan_report *r)
{
    const struct flat_scan_head *h = &form->head;
    uint32_t flags = le32toh(h->flags);

    r->state = (enum scan_state)h->state;
    r->phase = (enum scan_phase)h->phase;
    r->mode = (enum scan_mode)h->mode;
    r->vm = (struct vm_id){
        .pid = (pid_t)le32toh((uint32_t)h->pid),
        .fd = (int)le32toh((uint32_t)h->fd),
        .start_ticks = le64toh(h->start_ticks),
        .born = le64toh(h->born),
    };
    r->error.code = (int)le32toh((uint32_t)h->error_code);
    r->partial = (flags & SCAN_HEAD_PARTIAL) != 0;
    r->regions_cut = (flags & SCAN_HEAD_REGIONS_CUT) != 0;
    r->residency_done = (flags & SCAN_HEAD_RESIDENCY_DONE) != 0;
    r->has_slots = (flags & SCAN_HEAD_HAS_SLOTS) != 0;
    r->zero_known = (flags & SCAN_HEAD_ZERO_KNOWN) != 0;
    bool is_error = r->state == SCAN_REFUSED || r->state == SCAN_FAILED;
    return h->state <= SCAN_FAILED && h->phase < SCAN_PHASE_COUNT && h->mode < SCAN_MODE_COUNT &&
           r->vm.pid > 0 && r->vm.fd >= -1 && r->error.code <= 0 && r->error.code >= -ERRNO_MAX &&
           (r->error.code < 0 || !is_error) &&
           read_text(form, h->error, r->error.msg, sizeof(r->error.msg));
}

/* By whom pages were compared: its name must be one of ours. */
static bool read_accel(const struct source_form *form, const char **ret)
{
    const char *name = flat_text_at(&form->text, form->head.accel);

    *ret = "other";
    for (const struct zeropage_impl *impl = zeropage_impls; name != NULL && impl->name != NULL;
         impl++)
        if (strcmp(name, impl->name) == 0)
            *ret = impl->name;
    return name != NULL;
}

static bool read_cost(const struct source_form *form, struct scan_cost *ret)
{
    const struct flat_scan_head *h = &form->head;

    ret->bytes_read = le64toh(h->bytes_read);
    ret->threads = le32toh(h->threads);
    return ret->threads <= SCAN_THREADS_MAX &&
           read_amount(h->elapsed_s, SECONDS_MAX, &ret->elapsed_s) &&
           read_amount(h->cpu_s, SECONDS_MAX, &ret->cpu_s) &&
           read_amount(h->regions_cpu_s, SECONDS_MAX, &ret->regions_cpu_s) &&
           read_amount(h->residency_s, SECONDS_MAX, &ret->residency_s) &&
           read_accel(form, &ret->accel);
}

/* --- pages ------------------------------------------------------------------------------------ */

static uint64_t slice_pages(uint64_t i, uint64_t slices, uint64_t total)
{
    return ((i + 1) * total + slices - 1) / slices - (i * total + slices - 1) / slices;
}

/* Sums that could overflow are larger than @most before they do. */
static bool add_up(const uint64_t *pages, uint64_t most, uint64_t *ret_sum)
{
    *ret_sum = 0;
    for (int i = 0; i < PAGE_CLASS_COUNT; i++) {
        if (pages[i] > most - *ret_sum)
            return false;
        *ret_sum += pages[i];
    }
    return true;
}

static bool read_counts(const struct source_form *form, size_t i, uint64_t pages,
                        struct page_counts *ret)
{
    uint64_t sum;

    flat_item(&form->counts, i, ret, sizeof(*ret));
    flat_swap64(ret->pages, PAGE_CLASS_COUNT);
    return add_up(ret->pages, pages, &sum) && sum == pages;
}

static bool read_slices(const struct source_form *form, struct scan_report *r)
{
    uint64_t total = r->pages_total, pages[PAGE_CLASS_COUNT], sum;

    r->slice_count = total < SCAN_SLICES ? (size_t)total : SCAN_SLICES;
    if (form->slices.count != r->slice_count)
        return false;
    for (size_t i = 0; i < r->slice_count; i++) {
        struct scan_slice *slice = &r->slices[i];
        flat_item(&form->slices, i, slice, sizeof(*slice));
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            pages[k] = slice->pages[k] = le32toh(slice->pages[k]);
        if (!add_up(pages, slice_pages(i, r->slice_count, total), &sum))
            return false;
    }
    return true;
}

/* --- regions ---------------------------------------------------------------------------------- */

static bool read_ram(const struct source_form *form, size_t i, struct ram_region *ret)
{
    struct flat_scan_region from;

    flat_item(&form->regions, i, &from, sizeof(from));
    const char *rule = flat_text_at(&form->text, from.rule);
    *ret = (struct ram_region){
        .start = le64toh(from.start),
        .bytes = le64toh(from.bytes),
        .map_start = le64toh(from.map_start),
        .map_end = le64toh(from.map_end),
        .file_offset = le64toh(from.file_offset),
        .inode = le64toh(from.inode),
        .dev_major = le32toh(from.dev_major),
        .dev_minor = le32toh(from.dev_minor),
        .rss_bytes = le64toh(from.rss_bytes),
        .page_bytes = le64toh(from.page_bytes),
        .backing = (enum ram_backing)from.backing,
        .shared = (le16toh(from.flags) & SCAN_REGION_SHARED) != 0,
        .has_gfn = (le16toh(from.flags) & SCAN_REGION_HAS_GFN) != 0,
        .is_rom = (le16toh(from.flags) & SCAN_REGION_ROM) != 0,
        .gfn = le64toh(from.gfn),
        .skip = (enum ram_skip)from.skip,
    };
    if (rule == NULL || from.backing >= RAM_BACKING_COUNT || from.skip >= RAM_SKIP_COUNT)
        return false;
    ret->rule = ram_rule_named(rule);
    return ret->bytes > 0 && (ret->start | ret->bytes) % SCAN_PAGE_BYTES == 0 &&
           ret->bytes <= RAM_BYTES_MAX && ret->bytes - 1 <= UINT64_MAX - ret->start &&
           ret->rss_bytes <= ret->bytes && ret->page_bytes >= SCAN_PAGE_BYTES &&
           (ret->page_bytes & (ret->page_bytes - 1)) == 0 &&
           read_text(form, from.name, ret->name, sizeof(ret->name));
}

/* Those that have a gfn come first, each behind the one before: what draws them relies on it. */
static bool is_in_guest_order(const struct scan_report *r, size_t i)
{
    const struct ram_region *ram = &r->regions[i].ram;
    const struct ram_region *before = i > 0 ? &r->regions[i - 1].ram : NULL;

    if (!ram->has_gfn)
        return ram->gfn == 0;
    uint64_t pages = ram->bytes / SCAN_PAGE_BYTES;
    return r->has_slots && pages <= GFN_END && ram->gfn <= GFN_END - pages &&
           (before == NULL ||
            (before->has_gfn && before->gfn + before->bytes / SCAN_PAGE_BYTES <= ram->gfn));
}

static bool read_regions(const struct source_form *form, struct scan_report *r)
{
    for (size_t i = 0; i < r->region_count; i++) {
        struct scan_region *region = &r->regions[i];
        if (!read_ram(form, i, &region->ram) || !is_in_guest_order(r, i) ||
            !read_counts(form, 1 + i, region->ram.bytes / SCAN_PAGE_BYTES, &region->counts))
            return false;
        r->pages_total += region->ram.bytes / SCAN_PAGE_BYTES;
    }
    /* Below the bound nothing overflows that is made of it, here and elsewhere. */
    return r->pages_total == le64toh(form->head.pages_total) &&
           r->pages_total <= RAM_BYTES_MAX / SCAN_PAGE_BYTES &&
           read_counts(form, 0, r->pages_total, &r->counts);
}

/* --- what follows from the counts --------------------------------------------------------------*/

static bool read_ratios(const struct flat_scan_head *h, struct scan_report *r)
{
    bool may_be_known = r->state == SCAN_DONE && r->mode == SCAN_EXACT && !r->regions_cut &&
                        r->counts.pages[PAGE_UNREADABLE] == 0;

    return read_share(h->zero_ratio, &r->zero_ratio) && read_share(h->zero_low, &r->zero_low) &&
           read_share(h->zero_high, &r->zero_high) && r->zero_low <= r->zero_high &&
           (may_be_known || !r->zero_known);
}

static bool read_estimate(const struct flat_scan_head *h, struct scan_report *r)
{
    struct scan_estimate *e = &r->estimate;

    e->valid = (le32toh(h->flags) & SCAN_HEAD_ESTIMATE_VALID) != 0;
    e->sampled = le64toh(h->sampled);
    e->sampled_zero = le64toh(h->sampled_zero);
    e->population = le64toh(h->population);
    return e->sampled_zero <= e->sampled && e->sampled <= e->population &&
           e->population <= r->pages_total && read_share(h->estimate_ratio, &e->zero_ratio) &&
           read_share(h->ci95_low, &e->ci95_low) && read_share(h->ci95_high, &e->ci95_high) &&
           e->ci95_low <= e->ci95_high &&
           read_amount(h->bytes_per_s, BYTES_PER_S_MAX, &e->bytes_per_s);
}

static bool read_wire(const struct flat_scan_head *h, struct scan_report *r)
{
    struct scan_wire *wire = &r->wire;

    wire->valid = (le32toh(h->flags) & SCAN_HEAD_WIRE_VALID) != 0;
    if (!wire->valid)
        return true;
    wire->zero_pages = le64toh(h->wire_zero_pages);
    wire->normal_pages = le64toh(h->wire_normal_pages);
    wire->bytes = le64toh(h->wire_bytes);
    return wire->zero_pages <= r->pages_total &&
           wire->normal_pages == r->pages_total - wire->zero_pages &&
           wire->bytes ==
               wire->zero_pages * SCAN_WIRE_ZERO_BYTES + wire->normal_pages * SCAN_WIRE_PAGE_BYTES;
}

static bool read_warnings(const struct source_form *form, struct scan_report *r)
{
    for (; r->warning_count < form->warnings.count; r->warning_count++) {
        struct flat_text at;
        flat_item(&form->warnings, r->warning_count, &at, sizeof(at));
        if (!read_text(form, at, r->warnings[r->warning_count], sizeof(r->warnings[0])))
            return false;
    }
    return true;
}

/* --- what several looks said ------------------------------------------------------------------ */

static bool read_pair(const struct source_form *form, size_t i, struct dirty_looks *d)
{
    struct dirty_pair *pair = &d->pairs[i];
    struct flat_scan_pair from;

    flat_item(&form->pairs, i, &from, sizeof(from));
    pair->sampled = le64toh(from.sampled);
    pair->changed = le64toh(from.changed);
    return read_amount(from.begin_s, SECONDS_MAX, &pair->begin_s) &&
           read_amount(from.seconds, SECONDS_MAX, &pair->seconds) && pair->seconds > 0 &&
           pair->sampled > 0 && pair->sampled <= d->sampled && pair->changed <= pair->sampled;
}

static bool read_looks(const struct source_form *form, const struct flat_scan_dirty *from,
                       uint64_t pages, struct dirty_looks *d)
{
    const uint32_t flags = DIRTY_LOOKS_LOAD_CHANGED | DIRTY_LOOKS_STOPPED | DIRTY_LOOKS_CUT_SHORT;

    d->population = le64toh(from->population);
    d->sampled = le64toh(from->sampled);
    d->zero_at_begin = le64toh(from->zero_at_begin);
    d->zero_at_end = le64toh(from->zero_at_end);
    d->page_bytes_dirty = le32toh(from->page_bytes_dirty);
    d->flags = le32toh(from->flags);
    d->pair_count = form->pairs.count;
    bool is_good = d->population <= pages && d->sampled <= d->population &&
                   d->zero_at_begin <= d->sampled && d->zero_at_end <= d->sampled &&
                   d->page_bytes_dirty >= SCAN_PAGE_BYTES &&
                   (d->page_bytes_dirty & (d->page_bytes_dirty - 1)) == 0 && d->flags <= flags &&
                   read_amount(from->duration_s, SECONDS_MAX, &d->duration_s) &&
                   read_amount(from->newly_touched_per_s, BYTES_PER_S_MAX, &d->newly_touched_per_s);
    for (size_t i = 0; is_good && i < d->pair_count; i++)
        is_good = read_pair(form, i, d);
    return is_good;
}

static bool read_places(const struct source_form *form, struct dirty_looks *d)
{
    uint64_t sampled = 0;

    for (size_t i = 0; i < form->places.count && i < DIRTY_PLACES; i++) {
        struct dirty_place *place = &d->places[i];
        struct flat_scan_place from;
        flat_item(&form->places, i, &from, sizeof(from));
        *place = (struct dirty_place){.sampled = le32toh(from.sampled),
                                      .changed = le32toh(from.changed)};
        sampled += place->sampled;
        if (place->changed > place->sampled)
            return false;
    }
    return (form->places.count == 0 || form->places.count == DIRTY_PLACES) && sampled <= d->sampled;
}

/* There is one of a report of that mode, but for one that was made where memory was short. */
static bool read_dirty(const struct source_form *form, struct scan_report *r)
{
    struct scan_dirty *d = r->dirty;
    struct flat_scan_dirty from;

    if (form->dirty.count == 0) {
        free(r->dirty);
        r->dirty = NULL;
        return form->pairs.count == 0 && form->places.count == 0;
    }
    if (form->dirty.count != 1 || d == NULL)
        return false;
    flat_item(&form->dirty, 0, &from, sizeof(from));
    d->look_count = le32toh(from.look_count);
    d->voids = le32toh(from.voids);
    d->changed_looks = le32toh(from.changed_looks);
    d->vfio_group = (int)le32toh((uint32_t)from.vfio_group);
    d->lost = le64toh(from.lost);
    d->grown_pages = le64toh(from.grown_pages);
    d->huge_pages = le64toh(from.huge_pages);
    size_t looks = d->look_count;
    return looks <= DIRTY_LOOKS_MOST &&
           form->pairs.count <= (looks > 0 ? looks * (looks - 1) / 2 : 0) &&
           d->voids < 1u << SCAN_VOID_COUNT && d->changed_looks < 1u << looks &&
           d->vfio_group >= -1 && read_amount(from.vcpu_busy, 1, &d->vcpu_busy) &&
           read_looks(form, &from, r->pages_total, &d->looks) && read_places(form, &d->looks) &&
           d->lost <= d->looks.sampled && d->grown_pages <= r->pages_total &&
           d->huge_pages <= r->pages_total;
}

/* --- the report of it ------------------------------------------------------------------------- */

static int open_form(void *buffer, size_t size, struct source_form *ret)
{
    int result = flat_open(buffer, size, FLAT_SCAN_REPORT, &ret->flat);

    if (result < 0)
        return result;
    struct flat_section head = flat_find(&ret->flat, SCAN_HEAD);
    ret->text = flat_find(&ret->flat, SCAN_TEXT);
    ret->counts = flat_find(&ret->flat, SCAN_COUNTS);
    ret->regions = flat_find(&ret->flat, SCAN_REGIONS);
    ret->slices = flat_find(&ret->flat, SCAN_SLICE_COUNTS);
    ret->warnings = flat_find(&ret->flat, SCAN_WARNINGS);
    ret->dirty = flat_find(&ret->flat, SCAN_DIRTY_HEAD);
    ret->pairs = flat_find(&ret->flat, SCAN_PAIRS);
    ret->places = flat_find(&ret->flat, SCAN_PLACES);
    if (head.count != 1 || ret->regions.count > RAM_REGIONS_MAX ||
        ret->counts.count != 1 + ret->regions.count || ret->warnings.count > SCAN_WARNINGS_MAX)
        return -EBADMSG;
    flat_item(&head, 0, &ret->head, sizeof(ret->head));
    return 0;
}

static int fill_report(const struct source_form *form, struct scan_report *r)
{
    r->regions = calloc(form->regions.count + 1, sizeof(*r->regions));
    if (r->regions == NULL)
        return -ENOMEM;
    r->region_count = form->regions.count;
    return read_state(form, r) && read_cost(form, &r->cost) && read_regions(form, r) &&
                   read_slices(form, r) && read_ratios(&form->head, r) &&
                   read_estimate(&form->head, r) && read_wire(&form->head, r) &&
                   read_warnings(form, r) && read_dirty(form, r)
               ? 0
               : -EBADMSG;
}

int scan_flat_read(void *buffer, size_t size, struct scan_report **ret)
{
    struct source_form form = {0};
    int result = open_form(buffer, size, &form);

    if (result < 0)
        return result;
    const struct scan_request none = {.mode =
                                          form.head.mode == SCAN_DIRTY ? SCAN_DIRTY : SCAN_EXACT};
    struct scan_report *report = scan_report_new(&none);
    if (report == NULL)
        return -ENOMEM;
    result = fill_report(&form, report);
    if (result < 0)
        scan_report_free(report);
    else
        *ret = report;
    return result;
}
