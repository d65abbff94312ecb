// SPDX-License-Identifier: MIT
/* The half of the flat form that writes it. */
#include <endian.h>
#include <string.h>

#include "core/scan/scan_flat.h"
#include "core/scan/scan_flat_internal.h"

/* The texts, and what need not be put there twice. */
struct texts {
    struct flat_texts all;
    /* most regions are chosen by one rule */
    const char *rule;
    struct flat_text rule_text;
};

static struct flat_text put_rule(struct texts *t, const char *rule)
{
    if (rule != t->rule) {
        t->rule_text = flat_put_text(&t->all, rule);
        t->rule = rule;
    }
    return t->rule_text;
}

static const char *accel_of(const struct scan_report *report)
{
    return report->cost.accel != NULL ? report->cost.accel : "";
}

static size_t texts_bytes(const struct scan_report *report)
{
    struct texts count = {.rule = NULL};

    flat_put_text(&count.all, report->error.msg);
    flat_put_text(&count.all, accel_of(report));
    for (size_t i = 0; i < report->region_count; i++) {
        put_rule(&count, report->regions[i].ram.rule);
        flat_put_text(&count.all, report->regions[i].ram.name);
    }
    for (size_t i = 0; i < report->warning_count; i++)
        flat_put_text(&count.all, report->warnings[i]);
    return count.all.used;
}

static uint64_t bits(double value)
{
    uint64_t ret;

    memcpy(&ret, &value, sizeof(ret));
    return htole64(ret);
}

static uint32_t flags_of(const struct scan_report *r)
{
    return (r->partial ? SCAN_HEAD_PARTIAL : 0u) | (r->regions_cut ? SCAN_HEAD_REGIONS_CUT : 0u) |
           (r->residency_done ? SCAN_HEAD_RESIDENCY_DONE : 0u) |
           (r->zero_known ? SCAN_HEAD_ZERO_KNOWN : 0u) |
           (r->estimate.valid ? SCAN_HEAD_ESTIMATE_VALID : 0u) |
           (r->wire.valid ? SCAN_HEAD_WIRE_VALID : 0u) | (r->has_slots ? SCAN_HEAD_HAS_SLOTS : 0u);
}

static uint16_t region_flags(const struct ram_region *ram)
{
    return (uint16_t)((ram->shared ? SCAN_REGION_SHARED : 0u) |
                      (ram->has_gfn ? SCAN_REGION_HAS_GFN : 0u) |
                      (ram->is_rom ? SCAN_REGION_ROM : 0u));
}

static void write_head(struct flat_writer *w, const struct scan_report *r, struct texts *texts)
{
    struct flat_scan_head *head = flat_add(w, SCAN_HEAD, sizeof(*head), 1);

    if (head == NULL)
        return;
    *head = (struct flat_scan_head){
        .start_ticks = htole64(r->vm.start_ticks),
        .born = htole64(r->vm.born),
        .pages_total = htole64(r->pages_total),
        .zero_ratio = bits(r->zero_ratio),
        .zero_low = bits(r->zero_low),
        .zero_high = bits(r->zero_high),
        .sampled = htole64(r->estimate.sampled),
        .sampled_zero = htole64(r->estimate.sampled_zero),
        .population = htole64(r->estimate.population),
        .estimate_ratio = bits(r->estimate.zero_ratio),
        .ci95_low = bits(r->estimate.ci95_low),
        .ci95_high = bits(r->estimate.ci95_high),
        .bytes_per_s = bits(r->estimate.bytes_per_s),
        .wire_zero_pages = htole64(r->wire.zero_pages),
        .wire_normal_pages = htole64(r->wire.normal_pages),
        .wire_bytes = htole64(r->wire.bytes),
        .elapsed_s = bits(r->cost.elapsed_s),
        .cpu_s = bits(r->cost.cpu_s),
        .regions_cpu_s = bits(r->cost.regions_cpu_s),
        .residency_s = bits(r->cost.residency_s),
        .bytes_read = htole64(r->cost.bytes_read),
        .pid = (int32_t)htole32((uint32_t)r->vm.pid),
        .fd = (int32_t)htole32((uint32_t)r->vm.fd),
        .error_code = (int32_t)htole32((uint32_t)r->error.code),
        .threads = htole32(r->cost.threads),
        .error = flat_put_text(&texts->all, r->error.msg),
        .accel = flat_put_text(&texts->all, accel_of(r)),
        .state = (uint8_t)r->state,
        .phase = (uint8_t)r->phase,
        .mode = (uint8_t)r->mode,
        .flags = htole32(flags_of(r)),
    };
}

static void write_counts(struct flat_writer *w, const struct scan_report *r)
{
    size_t count = 1 + r->region_count;
    struct page_counts *at = flat_add(w, SCAN_COUNTS, sizeof(*at), count);

    if (at == NULL)
        return;
    at[0] = r->counts;
    for (size_t i = 0; i < r->region_count; i++)
        at[1 + i] = r->regions[i].counts;
    for (size_t i = 0; i < count; i++)
        flat_swap64(at[i].pages, PAGE_CLASS_COUNT);
}

static void write_regions(struct flat_writer *w, const struct scan_report *r, struct texts *texts)
{
    struct flat_scan_region *items = flat_add(w, SCAN_REGIONS, sizeof(*items), r->region_count);

    for (size_t i = 0; items != NULL && i < r->region_count; i++) {
        const struct ram_region *ram = &r->regions[i].ram;
        items[i] = (struct flat_scan_region){
            .start = htole64(ram->start),
            .bytes = htole64(ram->bytes),
            .map_start = htole64(ram->map_start),
            .map_end = htole64(ram->map_end),
            .file_offset = htole64(ram->file_offset),
            .inode = htole64(ram->inode),
            .rss_bytes = htole64(ram->rss_bytes),
            .page_bytes = htole64(ram->page_bytes),
            .dev_major = htole32(ram->dev_major),
            .dev_minor = htole32(ram->dev_minor),
            .rule = put_rule(texts, ram->rule),
            .name = flat_put_text(&texts->all, ram->name),
            .backing = (uint8_t)ram->backing,
            .skip = (uint8_t)ram->skip,
            .flags = htole16(region_flags(ram)),
            .gfn = htole64(ram->has_gfn ? ram->gfn : 0),
        };
    }
}

static void write_slices(struct flat_writer *w, const struct scan_report *r)
{
    struct scan_slice *at = flat_add(w, SCAN_SLICE_COUNTS, sizeof(*at), r->slice_count);

    for (size_t i = 0; at != NULL && i < r->slice_count; i++)
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            at[i].pages[k] = htole32(r->slices[i].pages[k]);
}

static void write_warnings(struct flat_writer *w, const struct scan_report *r, struct texts *texts)
{
    struct flat_text *items = flat_add(w, SCAN_WARNINGS, sizeof(*items), r->warning_count);

    for (size_t i = 0; items != NULL && i < r->warning_count; i++)
        items[i] = flat_put_text(&texts->all, r->warnings[i]);
}

static void write_dirty_head(struct flat_writer *w, const struct scan_dirty *d)
{
    struct flat_scan_dirty *head = flat_add(w, SCAN_DIRTY_HEAD, sizeof(*head), 1);

    if (head == NULL)
        return;
    *head = (struct flat_scan_dirty){
        .population = htole64(d->looks.population),
        .sampled = htole64(d->looks.sampled),
        .zero_at_begin = htole64(d->looks.zero_at_begin),
        .zero_at_end = htole64(d->looks.zero_at_end),
        .duration_s = bits(d->looks.duration_s),
        .newly_touched_per_s = bits(d->looks.newly_touched_per_s),
        .vcpu_busy = bits(d->vcpu_busy),
        .lost = htole64(d->lost),
        .grown_pages = htole64(d->grown_pages),
        .huge_pages = htole64(d->huge_pages),
        .page_bytes_dirty = htole32(d->looks.page_bytes_dirty),
        .flags = htole32(d->looks.flags),
        .look_count = htole32(d->look_count),
        .voids = htole32(d->voids),
        .changed_looks = htole32(d->changed_looks),
        .vfio_group = (int32_t)htole32((uint32_t)d->vfio_group),
    };
}

static void write_places(struct flat_writer *w, const struct dirty_looks *d)
{
    struct flat_scan_place *items = flat_add(w, SCAN_PLACES, sizeof(*items), DIRTY_PLACES);

    for (size_t i = 0; items != NULL && i < DIRTY_PLACES; i++)
        items[i] = (struct flat_scan_place){.sampled = htole32(d->places[i].sampled),
                                            .changed = htole32(d->places[i].changed)};
}

static void write_dirty(struct flat_writer *w, const struct scan_dirty *d)
{
    if (d == NULL)
        return;
    write_dirty_head(w, d);
    struct flat_scan_pair *items = flat_add(w, SCAN_PAIRS, sizeof(*items), d->looks.pair_count);
    for (size_t i = 0; items != NULL && i < d->looks.pair_count; i++) {
        const struct dirty_pair *pair = &d->looks.pairs[i];
        items[i] = (struct flat_scan_pair){
            .begin_s = bits(pair->begin_s),
            .seconds = bits(pair->seconds),
            .sampled = htole64(pair->sampled),
            .changed = htole64(pair->changed),
        };
    }
    write_places(w, &d->looks);
}

size_t scan_flat_write(const struct scan_report *report, void *buffer, size_t size)
{
    struct flat_writer w;
    struct texts texts = {.rule = NULL};

    flat_begin(&w, FLAT_SCAN_REPORT, buffer, size);
    texts.all.at = flat_add(&w, SCAN_TEXT, 1, texts_bytes(report));
    write_head(&w, report, &texts);
    write_counts(&w, report);
    write_regions(&w, report, &texts);
    write_slices(&w, report);
    write_warnings(&w, report, &texts);
    write_dirty(&w, report->dirty);
    return flat_end(&w);
}
