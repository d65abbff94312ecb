// SPDX-License-Identifier: MIT
// The memory of one VM: three answers to how much of it is zero, a map of it, what a migration
// would send and take.
#include <inttypes.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/model/ept.h"
#include "ui/grid/format.h"
#include "ui/screens/memory_forecast.h"
#include "ui/screens/memory_heat.h"
#include "ui/screens/object.h"
#include "ui/state/migration.h"

#define LABEL_COLS 11
/* Of a body: with fewer, a forecast takes the place of wire and regions. */
#define ROWS_OF_WIRE   12
#define ROWS_OF_ADVICE 25 /* likewise: with fewer there is none */
#define ADVICE_SHARE   0.05

struct pen {
    struct screen *out;
    struct rect r;
    int y;
    bool is_over; /* the VM has ended: nothing more of it can be read */
};

static void label(struct pen *p, const char *text)
{
    screen_text(p->out, p->r, p->y, p->r.x, STYLE_LABEL, text);
}

#define SAY(p, style, ...)                                                                         \
    screen_printf((p)->out, (p)->r, (p)->y, (p)->r.x + LABEL_COLS, style, __VA_ARGS__)

static void draw_mapped(struct pen *p, const struct snapshot_vm *vm)
{
    char mapped[FORMAT_MAX], ram[FORMAT_MAX], share[FORMAT_MAX];
    double ratio = vm->ram_bytes.state == READING_OK
                       ? ept_zero_ratio(vm->mapped_bytes, vm->ram_bytes.raw)
                       : -1;

    label(p, "KVM maps");
    if (vm->mapped_bytes.state != READING_OK) {
        SAY(p, STYLE_MISSING, "%s: %s", reading_state_text(vm->mapped_bytes.state),
            vm->mapped_bytes.cause ? reading_cause_text(vm->mapped_bytes.cause)
                                   : "this host does not count mapped pages");
    } else if (ratio >= 0) {
        SAY(p, STYLE_NORMAL, "%s of %s; the guest never touched about %s %%",
            format_bytes(mapped, (double)vm->mapped_bytes.raw),
            format_bytes(ram, (double)vm->ram_bytes.raw), format_share(share, ratio));
    } else {
        SAY(p, STYLE_NORMAL, "%s", format_bytes(mapped, (double)vm->mapped_bytes.raw));
    }
    p->y++;
}

static uint64_t class_bytes(const struct scan_report *r, enum page_class c)
{
    return r->counts.pages[c] * SCAN_PAGE_BYTES;
}

static uint64_t resident_pages(const struct scan_report *r)
{
    return r->pages_total - r->counts.pages[PAGE_UNTOUCHED] - r->counts.pages[PAGE_SWAPPED];
}

static void draw_resident(struct pen *p, const struct scan_report *r)
{
    char resident[FORMAT_MAX], untouched[FORMAT_MAX], swapped[FORMAT_MAX], time[FORMAT_MAX];

    label(p, "Resident");
    if (r->residency_done)
        SAY(p, STYLE_NORMAL, "%s; %s untouched, %s swapped   exact, %s",
            format_bytes(resident, (double)(resident_pages(r) * SCAN_PAGE_BYTES)),
            format_bytes(untouched, (double)class_bytes(r, PAGE_UNTOUCHED)),
            format_bytes(swapped, (double)class_bytes(r, PAGE_SWAPPED)),
            format_seconds(time, r->cost.residency_s));
    else
        SAY(p, STYLE_MISSING, "...");
    p->y++;
}

static void draw_estimate(struct pen *p, const struct scan_report *r)
{
    const struct scan_estimate *e = &r->estimate;
    char zero[FORMAT_MAX], low[FORMAT_MAX], high[FORMAT_MAX], n[FORMAT_MAX], of[FORMAT_MAX];

    label(p, "Estimate");
    if (e->valid)
        SAY(p, STYLE_NORMAL, "%s %% zero   (95 %%: %s to %s; %s of %s resident pages)",
            format_share(zero, e->zero_ratio), format_share(low, e->ci95_low),
            format_share(high, e->ci95_high), format_exact(n, e->sampled),
            format_exact(of, e->population));
    else if (r->state == SCAN_RUNNING)
        SAY(p, STYLE_MISSING, "...");
    else
        SAY(p, STYLE_DIM, "%s", screen_glyph(p->out, GLYPH_NOTHING));
    p->y++;
}

static void draw_running(struct pen *p, const struct scan_worker_progress *w)
{
    char done[FORMAT_MAX], total[FORMAT_MAX], eta[FORMAT_MAX];
    double ratio = w->total_bytes ? (double)w->done_bytes / (double)w->total_bytes : 0;
    int x = p->r.x + LABEL_COLS;

    if (w->phase != SCAN_PHASE_READ || w->total_bytes == 0) {
        SAY(p, STYLE_NOTICE, "%s ...", scan_phase_name(w->phase));
        return;
    }
    int width = p->r.cols >= 100 ? 24 : 12;
    x += screen_text(p->out, p->r, p->y, x, STYLE_DIM, "[");
    screen_bar(p->out, rect_clip((struct rect){p->y, x, 1, width}, p->r), p->y, x, width,
               STYLE_GRAPH, ratio);
    x += width;
    x += screen_text(p->out, p->r, p->y, x, STYLE_DIM, "]");
    x += screen_printf(p->out, p->r, p->y, x, STYLE_NORMAL, " %d %%  %s of %s", (int)(ratio * 100),
                       format_bytes(done, (double)w->done_bytes),
                       format_bytes(total, (double)w->total_bytes));
    if (w->bytes_per_s > 0)
        x +=
            screen_printf(p->out, p->r, p->y, x, STYLE_NORMAL, "  %.1f GB/s", w->bytes_per_s / 1e9);
    if (w->eta_s >= 0)
        screen_printf(p->out, p->r, p->y, x, STYLE_NORMAL, "  %s left",
                      format_seconds(eta, w->eta_s));
}

/* Nobody asked for it, and it would have taken a while: what it would take. */
static void draw_not_read(struct pen *p, const struct scan_report *r)
{
    char bytes[FORMAT_MAX], time[FORMAT_MAX];
    double seconds = scan_exact_seconds(r);
    int x = p->r.x + LABEL_COLS;

    if (p->is_over) {
        SAY(p, STYLE_NOTICE, "not read before the VM ended");
        return;
    }
    x += SAY(p, STYLE_NOTICE, "R reads %s",
             format_bytes(bytes, (double)r->estimate.population * SCAN_PAGE_BYTES));
    if (seconds < 0)
        return;
    x += screen_printf(p->out, p->r, p->y, x, STYLE_NOTICE, ", about %s at %.1f GB/s",
                       format_seconds(time, seconds), r->estimate.bytes_per_s / 1e9);
    screen_printf(p->out, p->r, p->y, x, STYLE_DIM, "   read unasked up to %s",
                  format_seconds(time, UI_SCAN_AT_ONCE_S));
}

static void draw_exact(struct pen *p, const struct scan_report *r, double age_s)
{
    char zero[FORMAT_MAX], low[FORMAT_MAX], high[FORMAT_MAX], read[FORMAT_MAX], time[FORMAT_MAX];
    char age[FORMAT_MAX];

    /* Of the guest: what the sample read is not counted twice. */
    format_bytes(read, (double)(class_bytes(r, PAGE_NONZERO) + class_bytes(r, PAGE_ZERO_CONTENT)));
    format_seconds(time, r->cost.elapsed_s);
    format_seconds(age, age_s);
    if (r->mode != SCAN_EXACT && r->state == SCAN_DONE)
        draw_not_read(p, r);
    else if (r->zero_known)
        SAY(p, STYLE_STRONG, "%s %% zero   %s read in %s with %s   %s ago",
            format_share(zero, r->zero_ratio), read, time,
            r->cost.accel != NULL ? r->cost.accel : "?", age);
    else
        SAY(p, STYLE_NOTICE, "%s: between %s and %s %% zero   %s read   %s ago",
            r->state == SCAN_CANCELLED ? "cancelled"
            : r->partial               ? "incomplete"
                                       : "not all could be read",
            format_share(low, r->zero_low), format_share(high, r->zero_high), read, age);
}

/* At the bandwidth that forecasts are made for. */
static void draw_wire(struct pen *p, const struct scan_report *r, double bandwidth)
{
    const struct scan_wire *w = &r->wire;
    const double whole = (double)(w->normal_pages + w->zero_pages) * SCAN_WIRE_PAGE_BYTES;
    char bytes[FORMAT_MAX], normal[FORMAT_MAX], zero[FORMAT_MAX], time[FORMAT_MAX];
    char speed[FORMAT_MAX], whole_time[FORMAT_MAX], text[80];
    int x = p->r.x + LABEL_COLS + 1;

    label(p, "On the wire");
    if (w->valid) {
        x += screen_printf(p->out, p->r, p->y, x, STYLE_STRONG,
                           "%s%s = %s x %d + %s x %d bytes; %s at %s",
                           r->zero_known ? "" : "about ", format_bytes(bytes, (double)w->bytes),
                           format_exact(normal, w->normal_pages), SCAN_WIRE_PAGE_BYTES,
                           format_exact(zero, w->zero_pages), SCAN_WIRE_ZERO_BYTES,
                           format_seconds(time, (double)w->bytes / bandwidth),
                           migration_bandwidth_text(speed, bandwidth));
        snprintf(text, sizeof(text), ", %s if zero pages were sent whole",
                 format_seconds(whole_time, whole / bandwidth));
        if (x + (int)text_width(text) <= p->r.x + p->r.cols)
            screen_text(p->out, p->r, p->y, x, STYLE_NORMAL, text);
    } else {
        screen_text(p->out, p->r, p->y, x, STYLE_MISSING,
                    r->state == SCAN_RUNNING ? "..." : "not known: not everything was read");
    }
    p->y++;
}

/* So much that it is worth a line: resident memory that is all zero. */
static bool has_advice(const struct scan_report *r, int rows)
{
    return rows >= ROWS_OF_ADVICE && r->zero_known &&
           (double)r->counts.pages[PAGE_ZERO_CONTENT] > ADVICE_SHARE * (double)resident_pages(r);
}

static void draw_advice(struct pen *p, const struct scan_report *r)
{
    uint64_t zero = r->counts.pages[PAGE_ZERO_CONTENT];
    char bytes[FORMAT_MAX], share[FORMAT_MAX];

    label(p, "For nothing");
    screen_printf(
        p->out, p->r, p->y++, p->r.x + LABEL_COLS + 1, STYLE_NORMAL,
        "%s, %s %% of what is resident, is zero: free-page reporting or a balloon gives it "
        "back",
        format_bytes(bytes, (double)zero * SCAN_PAGE_BYTES),
        format_share(share, (double)zero / (double)resident_pages(r)));
}

/* " gfn 100000 rom"; "": not known. */
static void place_text(const struct ram_region *ram, char *out, size_t size)
{
    char gfn[32] = "";

    if (ram->has_gfn)
        snprintf(gfn, sizeof(gfn), " gfn %" PRIx64, ram->gfn);
    snprintf(out, size, "%s%s", gfn, ram->is_rom ? " rom" : "");
}

static void draw_regions(struct pen *p, const struct scan_report *r, size_t top)
{
    for (size_t i = top; i < r->region_count && p->y < p->r.y + p->r.rows; i++, p->y++) {
        const struct scan_region *region = &r->regions[i];
        char size[FORMAT_MAX], place[48], text[400];
        place_text(&region->ram, place, sizeof(place));
        if (i == top)
            label(p, "Regions");
        snprintf(text, sizeof(text), "%012" PRIx64 " %6s %s  %s%s%s%s  %s", region->ram.start,
                 format_bytes(size, (double)region->ram.bytes),
                 ram_backing_name(region->ram.backing), region->ram.rule, place,
                 region->ram.skip ? "  not read: " : "", ram_skip_text(region->ram.skip),
                 region->ram.name);
        screen_field(p->out, p->r, p->y, p->r.x + LABEL_COLS, p->r.cols - LABEL_COLS, ALIGN_LEFT,
                     region->ram.skip ? STYLE_NOTICE : STYLE_NORMAL, text);
    }
}

static void draw_warnings(struct pen *p, const struct scan_report *r)
{
    for (size_t i = 0; i < r->warning_count && i < 2; i++)
        screen_field(p->out, p->r, p->y++, p->r.x, p->r.cols, ALIGN_LEFT, STYLE_NOTICE,
                     r->warnings[i]);
}

static int regions_shown(int rows, const struct scan_report *r)
{
    int most = rows >= 16 ? 4 : rows >= 12 ? 2 : 1;

    return r->region_count < (size_t)most ? (int)r->region_count : most;
}

static void draw_report(struct pen *p, const struct scan_report *r, const struct ui_state *st,
                        const struct memory_forecast *forecast)
{
    /* Beside the map: legend, wire, what a migration would take, and a line of regions or more. */
    int bottom = p->r.y + p->r.rows, told = memory_forecast_rows(forecast, p->r);
    bool is_tight = p->r.rows < ROWS_OF_WIRE, has_wire = !is_tight || told < 2;
    bool advises = has_advice(r, p->r.rows);
    int regions = is_tight && told > 0 ? 0 : regions_shown(p->r.rows - 2 * told, r);

    draw_warnings(p, r);
    memory_heat_legend(r, (struct rect){p->y++, p->r.x, 1, p->r.cols}, p->out);
    int rows = bottom - p->y - has_wire - advises - told - regions;
    p->y += memory_heat_draw(r, (struct rect){p->y, p->r.x, rows, p->r.cols}, p->out);
    if (has_wire)
        draw_wire(p, r, st->migration.bandwidth);
    if (advises)
        draw_advice(p, r);
    memory_forecast_draw(forecast, p->r, p->y, p->out);
    p->y += told;
    if (regions > 0)
        draw_regions(p, r, st->detail.tabs[SCREEN_MEMORY].scroll.top);
}

static bool is_running(const struct ui_model *m, const struct vm_id *vm)
{
    return m->scan.busy && !m->scan_looks && vm_id_equal(&m->scan.vm, vm);
}

static void draw_nothing_yet(struct pen *p, const struct ui_model *m, const struct ui_state *st,
                             bool running)
{
    char text[400];

    if (m->scans == NULL)
        snprintf(text, sizeof(text), "The memory of a VM can be scanned on the live system only.");
    else if (m->scan_waiting)
        snprintf(text, sizeof(text), "Waiting for the scan of process %d to end.",
                 (int)m->scan.vm.pid);
    else if (running)
        snprintf(text, sizeof(text), "Looking at the VM: %s ...", scan_phase_name(m->scan.phase));
    else if (st->detail.ended)
        snprintf(text, sizeof(text), "The VM ended before its memory was looked at.");
    else
        snprintf(text, sizeof(text), "Not looked at yet. R reads all of it.");
    screen_paragraph(p->out, (struct rect){p->y, p->r.x, 2, p->r.cols}, STYLE_NOTICE, text);
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct rect r = l->body;
    const struct snapshot_vm *vm = detail_vm(st, m);
    const struct scan_reports_entry *e = scan_reports_find(m->scans, &st->detail.vm);
    struct pen p = {out, r, r.y, detail_is_over(st, st->screen)};
    bool running = is_running(m, &st->detail.vm);
    const struct scan_report *report =
        e != NULL ? running && e->running != NULL ? e->running : e->last : NULL;

    if (vm != NULL)
        draw_mapped(&p, vm);
    struct memory_forecast forecast;
    memory_forecast_make(m, st, &forecast);
    if (report == NULL) {
        draw_nothing_yet(&p, m, st, running);
        p.y += 2;
        memory_forecast_draw(&forecast, r, p.y, out);
        return;
    }
    if (report->state == SCAN_REFUSED ||
        (report->state == SCAN_FAILED && !report->residency_done)) {
        char text[400];
        snprintf(text, sizeof(text), "%s: %s",
                 report->state == SCAN_REFUSED ? "This memory is not scanned" : "The scan failed",
                 report->error.msg);
        p.y += screen_paragraph(out, (struct rect){p.y, r.x, r.y + r.rows - p.y, r.cols},
                                STYLE_WARNING, text);
        if (report->state == SCAN_FAILED)
            memory_forecast_draw(&forecast, r, p.y + 1, out);
        return;
    }
    uint64_t now_ns = ui_now_ns(m);
    draw_resident(&p, report);
    draw_estimate(&p, report);
    label(&p, "Exact");
    if (running)
        draw_running(&p, &m->scan);
    else
        draw_exact(&p, report, now_ns > e->last_ns ? (double)(now_ns - e->last_ns) / 1e9 : 0);
    p.y++;
    if (report->state == SCAN_FAILED)
        screen_field(out, r, p.y++, r.x, r.cols, ALIGN_LEFT, STYLE_WARNING, report->error.msg);
    draw_report(&p, report, st, &forecast);
}

/* The first look: residency and an estimate. Never UI_SCAN: to read all of it is for a person to
 * ask for. */
static enum ui_action entered(const struct ui_state *state, const struct ui_model *model)
{
    const struct vm_id *vm = &state->detail.vm;
    const struct scan_reports_entry *e = scan_reports_find(model->scans, vm);

    if (model->scans == NULL || state->detail.ended || is_running(model, vm) ||
        (e != NULL && (e->last != NULL || e->running != NULL)))
        return UI_NOTHING;
    return UI_LOOK;
}

static enum ui_action unasked(const struct ui_state *state, const struct ui_model *model)
{
    return memory_forecast_begins(model, state) ? UI_LOOKS_UNASKED : UI_NOTHING;
}

static void scroll_regions(struct ui_state *state, const struct ui_model *model,
                           enum ui_command command)
{
    const struct scan_reports_entry *e = scan_reports_find(model->scans, &state->detail.vm);
    const struct scan_report *r = e != NULL ? e->running != NULL ? e->running : e->last : NULL;

    /* One line of regions is visible at the least. */
    scroll_text(&state->detail.tabs[SCREEN_MEMORY].scroll, command, r != NULL ? r->region_count : 0,
                1);
}

static enum ui_action look_again(struct ui_state *state, const struct ui_model *model)
{
    const struct scan_reports_entry *e = scan_reports_find(model->scans, &state->detail.vm);

    if (model->scans == NULL)
        ui_say(state, "What a VM writes can be looked at on the live system only");
    else if (e != NULL && e->last != NULL && e->last->state == SCAN_REFUSED)
        ui_say(state, "No looks: %s", e->last->error.msg); /* for the same reason */
    else
        return UI_LOOKS;
    return UI_NOTHING;
}

/* Small screens have no room for all of it, and before there is a forecast it is nowhere. */
static void say_settings(struct ui_state *state)
{
    const struct forecast_settings *s = &state->migration;
    char bandwidth[FORMAT_MAX], limit[FORMAT_MAX];

    ui_say(state, "Forecasts for %s, downtime limit %s, %s, auto-converge %s",
           migration_bandwidth_text(bandwidth, s->bandwidth),
           format_seconds(limit, s->downtime_limit_s),
           forecast_mode_name((enum forecast_mode)s->mode), s->auto_converge ? "on" : "off");
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    if (command == COMMAND_SCAN)
        return UI_SCAN;
    if (command == COMMAND_SCAN_CANCEL)
        return UI_SCAN_CANCEL;
    if (command == COMMAND_LOOKS)
        return look_again(state, model);
    if (migration_command(&state->migration, command))
        say_settings(state);
    else
        scroll_regions(state, model, command);
    return UI_NOTHING;
}

const struct screen_object memory_screen = {
    .draw = draw,
    .command = command,
    .entered = entered,
    .unasked = unasked,
};
