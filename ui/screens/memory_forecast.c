// SPDX-License-Identifier: MIT
#include "ui/screens/memory_forecast.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/forecast/forecast_words.h"
#include "ui/grid/format.h"
#include "ui/screens/dirty_graph.h"
#include "ui/state/migration.h"

#define LABEL_COLS 11
/* Rows of the body from which there is room for two, three and all lines, and for the graph. */
#define ROWS_OF_3          14
#define ROWS_OF_ALL        25
#define ROWS_OF_LONG       30 /* lines that do not fit have another one */
#define GRAPH_ROWS         8
#define GRAPH_UNTIL_MOST_S 1000.0

/* --- when looks begin ------------------------------------------------------------------------- */

static bool is_of_open(const struct ui_model *m, const struct ui_state *st)
{
    return m->scan.busy && vm_id_equal(&m->scan.vm, &st->detail.vm);
}

static bool is_migrating(const struct ui_model *m, const struct ui_state *st)
{
    const struct snapshot_vm *vm = detail_vm(st, m);

    return vm != NULL && vm->migration == VM_MIGRATING;
}

/* The first look found out how long it takes to see what is there. In that time the VM's memory map
 * is locked again and again, and looks do it three times. */
static bool is_costly(const struct scan_reports_entry *e)
{
    return e->last->cost.residency_s > UI_LOOKS_AT_ONCE_S;
}

bool memory_forecast_begins(const struct ui_model *m, const struct ui_state *st)
{
    const struct scan_reports_entry *e = scan_reports_find(m->scans, &st->detail.vm);

    return e != NULL && e->last != NULL && e->last->state == SCAN_DONE && !e->looks_began &&
           !m->scan.busy && !m->scan_waiting && !st->frozen && !st->detail.ended &&
           !is_migrating(m, st) && !is_costly(e);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* What finds no place is the last of many voids. */
__attribute__((format(printf, 4, 5))) static void add(struct memory_forecast *f, const char *label,
                                                      enum style style, const char *fmt, ...)
{
    va_list args;

    if (f->count == MEMORY_FORECAST_LINES)
        return;
    struct memory_forecast_line *line = &f->lines[f->count++];
    *line = (struct memory_forecast_line){.label_style = STYLE_LABEL, .style = style};
    snprintf(line->label, sizeof(line->label), "%s", label);
    va_start(args, fmt);
    vsnprintf(line->text, sizeof(line->text), fmt, args);
    va_end(args);
}

/* Looks that are under way or wait; false: there are none. */
static bool progress_text(const struct ui_model *m, const struct ui_state *st, bool again,
                          char *out, size_t size)
{
    const char *what = again ? "looking again" : "looking at what it writes";
    bool is_open = is_of_open(m, st);

    if (is_open && m->scan_looks && m->scan.phase == SCAN_PHASE_LOOKS && m->scan.eta_s > 0)
        snprintf(out, size, "%s, %d s left; x ends it", what, (int)m->scan.eta_s + 1);
    else if (is_open && m->scan_looks)
        snprintf(out, size, "%s: counting what is there; x ends it", what);
    else if (m->looks_waiting && is_open)
        snprintf(out, size, "%s when the scan has ended; x ends both", what);
    else if (m->looks_waiting)
        snprintf(out, size, "%s when the scan of process %d has ended; x takes it back", what,
                 (int)m->scan.vm.pid);
    else
        return false;
    return true;
}

/* Why there is none, and what makes one. */
static void add_nothing(struct memory_forecast *f, const struct ui_model *m,
                        const struct ui_state *st, const struct scan_reports_entry *e)
{
    static const char label[] = "Migration";
    char text[200], time[FORMAT_MAX];

    if (progress_text(m, st, false, text, sizeof(text)))
        add(f, label, STYLE_NOTICE, "%s", text);
    else if (st->detail.ended)
        add(f, label, STYLE_MISSING, "not known: the VM has ended");
    else if (is_of_open(m, st) && !m->scan_looks)
        add(f, label, STYLE_MISSING, "...");
    else if (e->looks_began && e->looks_error.code != 0)
        add(f, label, STYLE_MISSING, "not known: %s; L looks again", e->looks_error.msg);
    else if (is_migrating(m, st))
        add(f, label, STYLE_NOTICE, "it is being migrated; L looks at what it writes all the same");
    else if (st->frozen)
        add(f, label, STYLE_NOTICE, "frozen; L looks at what it writes all the same");
    else if (e->last != NULL && is_costly(e))
        add(f, label, STYLE_NOTICE,
            "L looks at what it writes, for %g s; finding its memory took %s, and is done again",
            SCAN_DIRTY_DURATION_S, format_seconds(time, e->last->cost.residency_s));
    else if (memory_forecast_begins(m, st) || m->scan.busy)
        add(f, label, STYLE_MISSING, "...");
    else
        add(f, label, STYLE_NOTICE,
            "L looks at what it writes, for %g s, with at most %.0f %% of one CPU",
            SCAN_DIRTY_DURATION_S, SCAN_DIRTY_CPU * 100);
}

typedef char *format_fn(char out[FORMAT_MAX], double value);

static const char *number_text(format_fn *format, char out[FORMAT_MAX], double value)
{
    return isfinite(value) ? format(out, value) : "no end";
}

/* "12s (10s to 15s)"; ends that read the same are left out. */
static void range_text(char *out, size_t size, format_fn *format, const struct forecast_range *r)
{
    char value[FORMAT_MAX], low[FORMAT_MAX], high[FORMAT_MAX];
    const char *from = number_text(format, low, r->low), *to = number_text(format, high, r->high);

    if (strcmp(from, to) == 0)
        snprintf(out, size, "%s", number_text(format, value, r->value));
    else
        snprintf(out, size, "%s (%s to %s)", number_text(format, value, r->value), from, to);
}

/* @ranges: of how many of the three the range is told. */
static void numbers_text(char *out, size_t size, const struct forecast *c, int ranges)
{
    const struct forecast_range of[] = {
        c->total_s,
        c->bytes,
        {c->downtime_ms.value / 1e3, c->downtime_ms.low / 1e3, c->downtime_ms.high / 1e3}};
    format_fn *const formats[] = {format_seconds, format_bytes, format_seconds};
    static const char *const before[] = {"", ", ", ", down "};
    size_t len = 0;

    for (int i = 0; i < 3; i++) {
        const struct forecast_range *r = &of[i];
        const struct forecast_range value = {r->value, r->value, r->value};
        char text[100];
        range_text(text, sizeof(text), formats[i], i < ranges ? r : &value);
        len += (size_t)snprintf(out + len, size - len, "%s%s", before[i], text);
    }
}

/* Where there is no room for all, ranges go first: the verdict is worth more. */
static void add_verdict(struct memory_forecast *f, const struct forecasts_entry *entry,
                        const struct forecast_seen *seen, int cols)
{
    const struct forecast *c = &entry->forecast;
    const char *verdict = forecast_verdict(c, seen);
    enum style style = c->converges == FORECAST_DOES       ? STYLE_STRONG
                       : c->converges == FORECAST_DOES_NOT ? STYLE_WARNING
                                                           : STYLE_NOTICE;
    int ranges = 3;
    char text[320] = "";

    if (entry->is_void || c->converges == FORECAST_DOES_NOT || !isfinite(c->total_s.value)) {
        add(f, "Migration", style, "%s", verdict);
        return;
    }
    do
        numbers_text(text, sizeof(text), c, ranges);
    while ((int)(strlen(text) + strlen(verdict)) + 2 > cols && --ranges >= 0);
    add(f, "Migration", style, "%s: %s", text, verdict);
}

static void add_settings(struct memory_forecast *f, const struct forecast_settings *s)
{
    char bandwidth[FORMAT_MAX], limit[FORMAT_MAX];

    add(f, "", STYLE_NORMAL, "+- %s  <> limit %s  M %s  a auto-converge %s",
        migration_bandwidth_text(bandwidth, s->bandwidth),
        format_seconds(limit, s->downtime_limit_s), forecast_mode_name((enum forecast_mode)s->mode),
        s->auto_converge ? "on" : "off");
    f->lines[f->count - 1].is_settings = true;
}

/* As many ways to a line as it has room for. */
static void add_remedy(struct memory_forecast *f, const struct forecasts_entry *entry, int cols)
{
    struct forecast_way_words ways[FORECAST_WAY_COUNT];
    size_t count = entry->has_remedy ? forecast_remedy_words(&entry->remedy, ways) : 0;
    char text[FORECAST_WAY_COUNT * (FORECAST_WAY_SIZE + 8)] = "";
    const char *label = "To end";

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(text);
        if (len > 0 && (int)(len + strlen("; or ") + strlen(ways[i].text)) > cols) {
            add(f, label, STYLE_NOTICE, "%s", text);
            label = "or";
            len = 0;
        }
        snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? "; or " : "", ways[i].text);
    }
    if (text[0] != '\0')
        add(f, label, STYLE_NOTICE, "%s", text);
}

/* Huge pages are in most VMs, and tell nothing of this moment: they come behind the reasons. */
#define VOIDS_LATE (1u << SCAN_VOID_HUGE_PAGES)

static void add_voids(struct memory_forecast *f, uint32_t voids)
{
    for (int i = 0; i < SCAN_VOID_COUNT; i++) {
        bool spoils = scan_void_spoils((enum scan_void)i);
        if ((voids & 1u << i) != 0)
            add(f, spoils ? "Void" : "Mind", STYLE_NOTICE, "%s", scan_void_text((enum scan_void)i));
    }
}

static void add_reasons(struct memory_forecast *f, const struct forecast *c)
{
    char text[320] = "";
    size_t len = 0;

    for (size_t i = 0; i < forecast_reason_count && len < sizeof(text); i++)
        if ((c->reasons & (uint32_t)forecast_reason_table[i].reason) != 0)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? "; " : "",
                                    forecast_reason_table[i].text);
    if (len > 0)
        add(f, "Why", STYLE_NORMAL, "%s", text);
}

static void add_writes(struct memory_forecast *f, const struct forecast_seen *seen)
{
    const struct dirty_curve *c = &seen->curve;
    struct dirty_estimate at = dirty_curve_rate(c), end = dirty_curve_at(c, seen->duration_s);
    const double page = FORECAST_PAGE_BYTES, newly = c->newly_touched_per_s * page;
    struct forecast_range rate = {at.pages * page, at.low * page, at.high * page};
    char text[100], longer[FORMAT_MAX], time[FORMAT_MAX], new_text[FORMAT_MAX];

    range_text(text, sizeof(text), format_bytes, &rate);
    add(f, "Writes", STYLE_NORMAL, "%s%s in 1 s, %s in %s%s%s%s",
        at.is_extrapolated && at.high > 0 ? "about " : "", text,
        format_bytes(longer, end.pages * page), format_seconds(time, seen->duration_s),
        newly > 0 ? "; " : "", newly > 0 ? format_bytes(new_text, newly) : "",
        newly > 0 ? " in 1 s of it newly touched" : "");
}

/* The curve to the length of the first round, or to where it was looked at. */
static double graph_until(const struct forecast_seen *seen, const struct forecast_settings *s)
{
    double bytes = (seen->pages.resident - seen->pages.zero) * FORECAST_PAGE_BYTES;
    double round_s = bytes / s->bandwidth;

    return fmin(fmax(round_s, seen->duration_s), GRAPH_UNTIL_MOST_S);
}

void memory_forecast_make(const struct ui_model *m, const struct ui_state *st,
                          struct memory_forecast *f)
{
    const struct scan_reports_entry *e = scan_reports_find(m->scans, &st->detail.vm);
    const struct forecasts_entry *entry = forecasts_find(&m->rows->forecasts, &st->detail.vm);
    uint64_t now_ns = ui_now_ns(m);
    char text[200], age[FORMAT_MAX];

    f->count = 0;
    f->curve = NULL;
    f->until_s = 0;
    if (e == NULL)
        return;
    if (e->seen == NULL || entry == NULL) {
        add_nothing(f, m, st, e);
        return;
    }
    add_verdict(f, entry, e->seen, st->cols - LABEL_COLS);
    if (progress_text(m, st, true, text, sizeof(text)))
        add(f, "", STYLE_NOTICE, "%s", text);
    else if (e->looks_error.code != 0 && e->looks_error.code != -ECANCELED)
        add(f, "Last look", STYLE_MISSING, "%s", e->looks_error.msg);
    int dated = f->count;
    if (entry->is_void) {
        add_voids(f, e->seen->voids);
    } else {
        add_settings(f, &st->migration);
        add_remedy(f, entry, st->cols - LABEL_COLS);
        add_voids(f, e->seen->voids & ~VOIDS_LATE);
        add_reasons(f, &entry->forecast);
        add_voids(f, e->seen->voids & VOIDS_LATE);
        add_writes(f, e->seen);
    }
    if (dated < f->count) {
        struct memory_forecast_line *line = &f->lines[dated];
        format_seconds(age, now_ns > e->seen_ns ? (double)(now_ns - e->seen_ns) / 1e9 : 0);
        snprintf(line->label, sizeof(line->label), "%.7s ago", age);
        line->label_style = entry->is_old ? STYLE_NOTICE : STYLE_LABEL;
    }
    if (!entry->is_void && e->seen->curve.population > 0) {
        f->curve = &e->seen->curve;
        f->until_s = graph_until(e->seen, &st->migration);
    }
}

/* --- on the screen ---------------------------------------------------------------------------- */

static bool has_room_for_all(struct rect body)
{
    return body.rows >= ROWS_OF_ALL;
}

static int rows_of_line(const struct memory_forecast_line *line, int cols, bool is_long)
{
    const char *rest = line->text;
    int rows = 0;

    if (line->is_settings || !is_long)
        return 1;
    while (*rest != '\0' && rows < 3) {
        screen_wrap(rest, cols, &rest);
        rows++;
    }
    return rows > 0 ? rows : 1;
}

static int rows_of_lines(const struct memory_forecast *f, struct rect body)
{
    int most = body.rows >= ROWS_OF_3 ? 3 : 2, rows = 0;

    if (!has_room_for_all(body))
        return f->count < most ? f->count : most;
    for (int i = 0; i < f->count; i++)
        rows += rows_of_line(&f->lines[i], body.cols - LABEL_COLS, body.rows >= ROWS_OF_LONG);
    most = body.rows / 2;
    return rows < most ? rows : most;
}

static int rows_of_graph(const struct memory_forecast *f, struct rect body)
{
    int rows = body.rows >= ROWS_OF_LONG ? GRAPH_ROWS : GRAPH_ROWS - 1;
    bool has_room = has_room_for_all(body) && body.cols >= DIRTY_GRAPH_COLS_MIN &&
                    rows_of_lines(f, body) + rows <= body.rows * 3 / 5;

    return f->curve != NULL && has_room ? rows : 0;
}

int memory_forecast_rows(const struct memory_forecast *f, struct rect body)
{
    return rows_of_lines(f, body) + rows_of_graph(f, body);
}

/* "+- 1 Gbit/s  M precopy": keys as in the function bar. */
static void draw_settings(const char *text, struct rect r, int y, int x, struct screen *out)
{
    while (*text != '\0') {
        const char *end = strstr(text, "  ");
        size_t len = end != NULL ? (size_t)(end - text) : strlen(text), key = strcspn(text, " ");
        x += screen_printf(out, r, y, x, STYLE_KEY, "%.*s", (int)key, text);
        x += screen_printf(out, r, y, x, STYLE_NORMAL, "%.*s", (int)(len - key), text + key) + 2;
        text += len + (end != NULL ? 2 : 0);
    }
}

void memory_forecast_draw(const struct memory_forecast *f, struct rect body, int y,
                          struct screen *out)
{
    const int wanted = memory_forecast_rows(f, body), cols = body.cols - LABEL_COLS;
    const struct rect area = rect_clip((struct rect){y, body.x, wanted, body.cols}, body);
    const int graph = area.rows == wanted ? rows_of_graph(f, body) : 0;
    const int end = area.y + area.rows - graph;

    for (int i = 0; i < f->count && y < end; i++) {
        const struct memory_forecast_line *line = &f->lines[i];
        int rows = rows_of_line(line, cols, body.rows >= ROWS_OF_LONG);
        struct rect part = rect_clip((struct rect){y, area.x + LABEL_COLS, rows, cols}, area);
        screen_text(out, area, y, area.x, line->label_style, line->label);
        if (line->is_settings)
            draw_settings(line->text, area, y, part.x, out);
        else if (rows > 1)
            screen_paragraph(out, part, line->style, line->text);
        else
            screen_field(out, part, y, part.x, cols, ALIGN_LEFT, line->style, line->text);
        y += rows;
    }
    if (graph > 0)
        dirty_graph_draw(f->curve, f->until_s, (struct rect){end, area.x, graph, area.cols}, out);
}
