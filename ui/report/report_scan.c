// SPDX-License-Identifier: MIT
#include "ui/report/report_scan.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/report/json.h"
#include "ui/report/wrap.h"

#define BAR_COLUMNS 30
#define WIRE_BITS_PER_S 1e9 /* the example line that a wire size is told for */

/* A ratio as percent that reads 100 or 0 only when it is: "99.994", "0.00002". */
static const char *percent(char out[FORMAT_MAX], double ratio)
{
    double value = ratio * 100, edge = value > 50 ? 100 - value : value;
    int digits = 1;

    if (edge > 0 && edge < 0.1)
        digits = edge < 1e-8 ? 10 : 1 - (int)floor(log10(edge));
    snprintf(out, FORMAT_MAX, "%.*f", digits, value);
    return out;
}

static uint64_t share_of(uint64_t part, uint64_t total, uint64_t columns)
{
    return total == 0 ? 0 : (uint64_t)((double)part / (double)total * (double)columns + 0.5);
}

static void put_bar(uint64_t part, uint64_t total, bool unicode, FILE *out)
{
    uint64_t full = share_of(part, total, BAR_COLUMNS);

    if (full == 0 && part > 0)
        full = 1; /* what is not 0 is seen */
    for (uint64_t i = 0; i < full; i++)
        fputs(unicode ? "\xE2\x96\x88" : "#", out);
}

struct class_row {
    enum page_class page_class;
    const char *label;
    bool always;      /* also when it is 0 */
    bool resident;    /* say how much memory that is */
};
static const struct class_row class_rows[] = {
    {PAGE_UNTOUCHED, "untouched", true, false},
    {PAGE_ZERO_MAPPED, "zero page mapped", true, false},
    {PAGE_ZERO_CONTENT, "zero content", true, true},
    {PAGE_NONZERO, "not zero", true, true},
    {PAGE_SWAPPED, "swapped", false, false},
    {PAGE_UNREADABLE, "unreadable", false, false},
    {PAGE_UNREAD, "not read", false, true},
};

/* Of an estimate the content of pages is not known: no row that would say 0. */
static bool is_known(const struct scan_report *report, enum page_class page_class)
{
    return report->mode == SCAN_EXACT ||
           (page_class != PAGE_ZERO_CONTENT && page_class != PAGE_NONZERO);
}

static void put_classes(const struct scan_report *report, bool unicode, FILE *out)
{
    char count[FORMAT_MAX], share[FORMAT_MAX], bytes[FORMAT_MAX];

    for (size_t i = 0; i < sizeof(class_rows) / sizeof(class_rows[0]); i++) {
        const struct class_row *row = &class_rows[i];
        uint64_t pages = report->counts.pages[row->page_class];
        if (!is_known(report, row->page_class) || (pages == 0 && !row->always))
            continue;
        fprintf(out, "  %-17s %15s  %8s %%%s", row->label, format_exact(count, pages),
                percent(share, (double)pages / (double)report->pages_total), pages > 0 ? "  " : "");
        put_bar(pages, report->pages_total, unicode, out);
        if (row->resident && pages > 0)
            fprintf(out, "  %s resident%s",
                    format_bytes(bytes, (double)pages * SCAN_PAGE_BYTES),
                    row->page_class == PAGE_ZERO_CONTENT ? " for nothing" : "");
        fputc('\n', out);
    }
}

static void put_zero(const struct scan_report *report, FILE *out)
{
    char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];
    const struct scan_estimate *e = &report->estimate;
    const uint64_t *pages = report->counts.pages;

    if (report->zero_known)
        fprintf(out, "Zero       %s %%   %s of %s pages\n", percent(a, report->zero_ratio),
                format_exact(b, pages[PAGE_UNTOUCHED] + pages[PAGE_ZERO_MAPPED] +
                                    pages[PAGE_ZERO_CONTENT]),
                format_exact(c, report->pages_total));
    if (e->valid)
        fprintf(out, "%s   %s %%   (95 %%: %s .. %s)   %s of %s resident pages sampled\n",
                report->zero_known ? "Estimate" : "Zero about", percent(a, e->zero_ratio),
                percent(b, e->ci95_low), percent(c, e->ci95_high), format_exact(d, e->sampled),
                format_exact((char[FORMAT_MAX]){0}, e->population));
    if (!report->zero_known && !(e->valid && report->mode != SCAN_EXACT))
        fprintf(out, "Zero       %s .. %s %%   what is known of %s pages\n",
                percent(a, report->zero_low), percent(b, report->zero_high),
                format_exact(c, report->pages_total));
}

/* Lines that go on below where they began; @label ends with its blanks. */
static void put_wrapped(const char *label, const char *text, FILE *out)
{
    struct wrap wrap = {out, strlen(label), strlen(label), 0};

    fputs(label, out);
    wrap_words(&wrap, text);
    fputc('\n', out);
}

static void put_wire(const struct scan_report *report, FILE *out)
{
    const struct scan_wire *wire = &report->wire;
    static const char label[] = "On the wire ";
    char bytes[FORMAT_MAX], normal[FORMAT_MAX], zero[FORMAT_MAX], time[FORMAT_MAX], text[3][100];
    struct wrap wrap = {out, strlen(label), strlen(label), 0};

    if (!wire->valid)
        return;
    snprintf(text[0], sizeof(text[0]), "%s%s bytes (%s)", report->zero_known ? "" : "about ",
             format_exact(bytes, wire->bytes),
             format_bytes((char[FORMAT_MAX]){0}, (double)wire->bytes));
    snprintf(text[1], sizeof(text[1]), "= %s x %d + %s x %d;",
             format_exact(normal, wire->normal_pages), SCAN_WIRE_PAGE_BYTES,
             format_exact(zero, wire->zero_pages), SCAN_WIRE_ZERO_BYTES);
    snprintf(text[2], sizeof(text[2]), "%s at 1 Gbit/s",
             format_seconds(time, (double)wire->bytes * 8 / WIRE_BITS_PER_S));
    fputs(label, out);
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        wrap_part(&wrap, " ", text[i]);
    fputc('\n', out);
}

static void put_cost(const struct scan_report *report, FILE *out)
{
    const struct scan_cost *cost = &report->cost;
    char elapsed[FORMAT_MAX], cpu[FORMAT_MAX], bytes[FORMAT_MAX], residency[FORMAT_MAX];
    double read_s = cost->elapsed_s - cost->residency_s;
    char speed[40] = "", text[300];

    if (cost->bytes_read > 0 && read_s > 0)
        snprintf(speed, sizeof(speed), " at %.1f GB/s", (double)cost->bytes_read / read_s / 1e9);
    snprintf(text, sizeof(text),
             "%s (%s to find regions and residency), %s CPU, %s read%s, %s, %u thread%s",
             format_seconds(elapsed, cost->elapsed_s), format_seconds(residency, cost->residency_s),
             format_seconds(cpu, cost->cpu_s), format_bytes(bytes, (double)cost->bytes_read), speed,
             cost->accel, cost->threads, cost->threads == 1 ? "" : "s");
    put_wrapped("Cost       ", text, out);
}

static void put_regions(const struct scan_report *report, FILE *out)
{
    char bytes[FORMAT_MAX];

    fputs("Regions\n", out);
    for (size_t i = 0; i < report->region_count; i++) {
        const struct ram_region *ram = &report->regions[i].ram;
        const char *skip = ram_skip_text(ram->skip);
        fprintf(out, "  %12llx  %6s  %-9s  %s", (unsigned long long)ram->start,
                format_bytes(bytes, (double)ram->bytes), ram_backing_name(ram->backing), ram->rule);
        if (ram->has_gfn)
            fprintf(out, "  gfn %llx", (unsigned long long)ram->gfn);
        if (ram->is_rom)
            fputs("  rom", out);
        if (ram->name[0] != '\0')
            fprintf(out, "  %s", ram->name);
        if (skip[0] != '\0')
            fprintf(out, "  not readable: %s", skip);
        fputc('\n', out);
    }
}

static void put_warnings(const struct scan_report *report, FILE *out)
{
    for (size_t i = 0; i < report->warning_count; i++)
        put_wrapped(i == 0 ? "Note       " : "           ", report->warnings[i], out);
}

static const char *describe(const struct scan_report *report)
{
    static const char *const modes[] = {
        [SCAN_EXACT] = "exact", [SCAN_ESTIMATE] = "estimate", [SCAN_DIRTY] = "estimate"};

    if (report->state == SCAN_CANCELLED)
        return "PARTIAL: ended before it was complete";
    if (report->state == SCAN_FAILED)
        return "PARTIAL: broke off";
    return modes[report->mode];
}

static int flush_result(FILE *out)
{
    if (fflush(out) != 0)
        return errno != 0 ? -errno : -EIO;
    return ferror(out) ? -EIO : 0;
}

int report_scan_text(const struct scan_report *report, const char *name, const char *vmm,
                     bool unicode, FILE *out)
{
    char bytes[FORMAT_MAX];

    if (report->pages_total == 0)
        return flush_result(out); /* refused before there was anything to tell */
    fprintf(out, "%s (%d, %s)   %s   %s\n", name, (int)report->vm.pid, vmm,
            format_bytes(bytes, (double)report->pages_total * SCAN_PAGE_BYTES), describe(report));
    put_zero(report, out);
    put_classes(report, unicode, out);
    put_wire(report, out);
    put_cost(report, out);
    put_warnings(report, out);
    put_regions(report, out);
    return flush_result(out);
}

static json_t *json_regions(struct json_doc *doc, const struct scan_report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->region_count; i++) {
        const struct ram_region *ram = &report->regions[i].ram;
        json_t *region = json_object();
        json_put(doc, region, "start", json_put_u64(ram->start));
        json_put(doc, region, "bytes", json_put_u64(ram->bytes));
        json_put(doc, region, "backing", json_string(ram_backing_name(ram->backing)));
        json_put(doc, region, "rule", json_put_text(ram->rule));
        if (ram->has_gfn)
            json_put(doc, region, "gfn", json_put_u64(ram->gfn));
        if (ram->is_rom)
            json_put(doc, region, "rom", json_true());
        if (ram->skip != RAM_SKIP_NONE)
            json_put(doc, region, "skip", json_string(ram_skip_text(ram->skip)));
        json_put_item(doc, array, region);
    }
    return array;
}

static json_t *json_pages(struct json_doc *doc, const struct scan_report *report)
{
    json_t *pages = json_object();

    json_put(doc, pages, "total", json_put_u64(report->pages_total));
    for (int i = 0; i < PAGE_CLASS_COUNT; i++) {
        uint64_t count = report->counts.pages[i];
        json_t *value = is_known(report, (enum page_class)i) ? json_put_u64(count) : json_null();
        if (i == PAGE_UNREAD && count == 0)
            json_decref(value); /* complete: there is no such class */
        else
            json_put(doc, pages, scan_class_name((enum page_class)i), value);
    }
    return pages;
}

static json_t *json_estimate(struct json_doc *doc, const struct scan_estimate *e)
{
    if (!e->valid)
        return json_null();
    json_t *estimate = json_object();
    json_put(doc, estimate, "sampled", json_put_u64(e->sampled));
    json_put(doc, estimate, "zero_ratio", json_real(e->zero_ratio));
    json_put(doc, estimate, "ci95_low", json_real(e->ci95_low));
    json_put(doc, estimate, "ci95_high", json_real(e->ci95_high));
    return estimate;
}

static json_t *json_wire(struct json_doc *doc, const struct scan_wire *w)
{
    if (!w->valid)
        return json_null();
    json_t *wire = json_object();
    json_put(doc, wire, "zero_pages", json_put_u64(w->zero_pages));
    json_put(doc, wire, "normal_pages", json_put_u64(w->normal_pages));
    json_put(doc, wire, "bytes", json_put_u64(w->bytes));
    return wire;
}

static json_t *json_cost(struct json_doc *doc, const struct scan_cost *c)
{
    json_t *cost = json_object();

    json_put(doc, cost, "elapsed_s", json_real(c->elapsed_s));
    json_put(doc, cost, "cpu_s", json_real(c->cpu_s));
    json_put(doc, cost, "bytes_read", json_put_u64(c->bytes_read));
    json_put(doc, cost, "accel", json_string(c->accel));
    json_put(doc, cost, "threads", json_integer((json_int_t)c->threads));
    return cost;
}

static json_t *json_warnings(struct json_doc *doc, const struct scan_report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->warning_count; i++)
        json_put_item(doc, array, json_put_text(report->warnings[i]));
    return array;
}

int report_scan_json(const struct scan_report *report, const char *name_raw, FILE *out)
{
    struct json_doc build = {.failed = false}, *doc = &build;
    json_t *root = json_object();

    json_put(doc, root, "schema", json_string("kvmlens-scan/1"));
    json_put(doc, root, "pid", json_integer(report->vm.pid));
    json_put(doc, root, "name", json_put_text(name_raw));
    json_put(doc, root, "page_size", json_integer(SCAN_PAGE_BYTES));
    json_put(doc, root, "mode",
                        json_string(report->mode == SCAN_EXACT ? "exact" : "estimate"));
    json_put(doc, root, "state", json_string(scan_state_name(report->state)));
    json_put(doc, root, "partial", json_boolean(report->partial));
    json_put(doc, root, "regions", json_regions(doc, report));
    json_put(doc, root, "pages", json_pages(doc, report));
    json_put(doc, root, "zero_ratio",
                        report->zero_known ? json_real(report->zero_ratio) : json_null());
    json_put(doc, root, "estimate", json_estimate(doc, &report->estimate));
    json_put(doc, root, "wire", json_wire(doc, &report->wire));
    json_put(doc, root, "cost", json_cost(doc, &report->cost));
    json_put(doc, root, "warnings", json_warnings(doc, report));
    if (report->error.code != 0)
        json_put(doc, root, "error", json_put_text(report->error.msg));
    char *text = json_put_end(doc, root);
    if (text == NULL)
        return -ENOMEM;
    fputs(text, out);
    fputc('\n', out);
    free(text);
    return flush_result(out);
}
