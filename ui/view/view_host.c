// SPDX-License-Identifier: MIT
// The line about the host: what it is judged by when its VMs are slow. Where room is scarce it is
// said in fewer words, then the least important goes; what needs attention goes last.
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/grid/mark.h"
#include "ui/view/view.h"

#define GAP        2
#define PARTS_MAX  12
#define ITEMS_MAX  8
#define KEEP_ALARM 100 /* added to what needs attention */

struct part {
    char text[64];
    enum style style;
};

/* Stands or goes as a whole. */
struct item {
    struct part parts[PARTS_MAX];
    size_t count;
    int keep; /* the smallest goes first */
};

/* In the order in which they are said in fewer words. */
enum rank { CPUS, SWAP, STEAL, MEMORY, LOAD, PRESSURE, RANKS };

struct line {
    struct item items[ITEMS_MAX];
    size_t count;
    int level;     /* those with a smaller rank are brief */
    bool is_brief; /* the item that is made */
};

static struct item *add(struct line *line, enum rank rank, int keep)
{
    struct item *item = &line->items[line->count++];

    line->is_brief = (int)rank < line->level;
    *item = (struct item){.keep = keep};
    return item;
}

static void put(struct item *item, enum style style, const char *text)
{
    struct part *part = &item->parts[item->count++];

    snprintf(part->text, sizeof(part->text), "%s", text);
    part->style = style;
}

static void put_marked(struct item *item, const struct mark_bounds *b, double value,
                       const char *text)
{
    const enum mark mark = mark_of(b, value);
    char marked[sizeof(item->parts[0].text)];

    snprintf(marked, sizeof(marked), "%s%s", mark_text(mark), text);
    put(item, mark_style(mark), marked);
    item->keep += mark == MARK_ALARM ? KEEP_ALARM : 0;
}

/* What nobody asked for yet is on its way. */
static void put_missing(struct item *item, unsigned state, unsigned cause)
{
    const bool waits = state == READING_ABSENT && cause == CAUSE_NOT_ASKED_FOR;

    put(item, STYLE_MISSING,
        reading_state_text(waits ? READING_WARMUP : (enum reading_state)state));
}

/* A percentage; from 10 on without decimals where there is little room. */
static void put_share(struct item *item, const struct line *line, const struct mark_bounds *b,
                      struct figure f)
{
    char text[FORMAT_MAX];

    if (f.state != READING_OK) {
        put_missing(item, f.state, f.cause);
        return;
    }
    if (line->is_brief && f.value >= 0.0995)
        snprintf(text, sizeof(text), "%.0f", f.value * 100);
    else
        format_percent(text, f.value);
    put_marked(item, b, f.value, text);
    if (!line->is_brief)
        put(item, STYLE_NORMAL, "%");
}

static void add_cpus(struct line *line, const struct snapshot *s)
{
    char text[32];

    if (line->level > CPUS) /* the load says of how many */
        return;
    struct item *item = add(line, CPUS, 20);
    snprintf(text, sizeof(text), "%d CPU%s ", s->host.cpus, s->host.cpus == 1 ? "" : "s");
    put(item, STYLE_NORMAL, text);
    put_share(item, line, NULL, s->host_load.busy);
    put(item, STYLE_LABEL, " busy");
}

static void add_load(struct line *line, const struct snapshot *s)
{
    const struct figure *loads[] = {&s->host_load.load_1, &s->host_load.load_5,
                                    &s->host_load.load_15};
    const double cpus = s->host.cpus > 0 ? s->host.cpus : 1;
    const struct mark_bounds bounds = {cpus, 2 * cpus};
    struct item *item = add(line, LOAD, 70);
    char text[FORMAT_MAX];

    put(item, STYLE_LABEL, "load ");
    for (size_t i = 0; i < (line->is_brief ? 1 : 3); i++) {
        if (i > 0)
            put(item, STYLE_NORMAL, " ");
        if (loads[i]->state != READING_OK) {
            put_missing(item, loads[i]->state, loads[i]->cause);
            return;
        }
        const double load = loads[i]->value;
        snprintf(text, sizeof(text), line->is_brief && load >= 9.95 ? "%.0f" : "%.2f", load);
        put_marked(item, i == 0 ? &bounds : NULL, load, text);
        snprintf(text, sizeof(text), "/%d", s->host.cpus);
        if (i == 0 && line->level > CPUS)
            put(item, STYLE_DIM, text);
    }
}

static void add_pressure(struct line *line, const struct host_load *h)
{
    static const struct {
        enum pressure pressure;
        const char *label;
        struct mark_bounds bounds;
    } rows[] = {{PRESSURE_CPU_SOME, "cpu ", {0.10, 0.40}},
                {PRESSURE_MEMORY_SOME, " mem ", {0.05, 0.20}},
                {PRESSURE_IO_SOME, " io ", {0.05, 0.20}}};
    const struct figure *first = &h->pressure[PRESSURE_CPU_SOME];
    struct item *item = add(line, PRESSURE, 80);

    put(item, STYLE_LABEL, "PSI ");
    if (first->state != READING_OK && first->cause != CAUSE_NOT_ASKED_FOR &&
        first->cause != CAUSE_NONE) {
        put_missing(item, first->state, first->cause);
        if (!line->is_brief) {
            put(item, STYLE_NORMAL, ": ");
            put(item, STYLE_NORMAL, reading_cause_text((enum reading_cause)first->cause));
        }
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(item, STYLE_LABEL, rows[i].label);
        put_share(item, line, &rows[i].bounds, h->pressure[rows[i].pressure]);
    }
}

static void add_steal(struct line *line, const struct host_load *h)
{
    static const struct mark_bounds bounds = {0.02, 0.10};
    struct item *item = add(line, STEAL, 50);

    put(item, STYLE_LABEL, "steal ");
    put_share(item, line, &bounds, h->steal);
}

/* "210M of 8.0G", or the first alone. @share: how bad it is. */
static void put_bytes(struct item *item, const struct line *line, const struct mark_bounds *b,
                      double share, double bytes, double of)
{
    char text[FORMAT_MAX], all[FORMAT_MAX], both[2 * FORMAT_MAX];

    format_bytes(text, bytes);
    if (line->is_brief)
        snprintf(both, sizeof(both), "%s", text);
    else
        snprintf(both, sizeof(both), "%s of %s", text, format_bytes(all, of));
    put_marked(item, b, share, both);
}

static void add_memory(struct line *line, const struct snapshot *s)
{
    static const struct mark_bounds bounds = {0.90, 0.95}; /* of it in use */
    const struct reading *available = &s->host_load.mem_available;
    const double all = (double)s->host.mem_bytes;
    struct item *item = add(line, MEMORY, 60);

    put(item, STYLE_LABEL, line->is_brief ? "avail " : "available ");
    if (available->state != READING_OK)
        put_missing(item, available->state, available->cause);
    else
        put_bytes(item, line, &bounds, all > 0 ? 1 - (double)available->raw / all : 0,
                  (double)available->raw, all);
}

static void add_swap(struct line *line, const struct host_load *h)
{
    static const struct mark_bounds bounds = {0.10, 0.50};
    struct item *item = add(line, SWAP, 40);

    put(item, STYLE_LABEL, "swap ");
    if (h->swap_total.state != READING_OK || h->swap_free.state != READING_OK) {
        const struct reading *r =
            h->swap_total.state != READING_OK ? &h->swap_total : &h->swap_free;
        put_missing(item, r->state, r->cause);
        return;
    }
    const double all = (double)h->swap_total.raw, used = all - (double)h->swap_free.raw;
    if (all > 0)
        put_bytes(item, line, &bounds, used / all, used > 0 ? used : 0, all);
    else
        put(item, STYLE_NORMAL, "none");
}

static int item_width(const struct item *item)
{
    int width = 0;

    for (size_t i = 0; i < item->count; i++)
        width += (int)strlen(item->parts[i].text);
    return width;
}

static int line_width(const struct line *line)
{
    int width = 0;

    for (size_t i = 0; i < line->count; i++)
        width += item_width(&line->items[i]) + (i > 0 ? GAP : 0);
    return width;
}

static void make(const struct snapshot *s, int level, struct line *line)
{
    *line = (struct line){.level = level};
    add_cpus(line, s);
    add_load(line, s);
    add_pressure(line, &s->host_load);
    add_steal(line, &s->host_load);
    add_memory(line, s);
    add_swap(line, &s->host_load);
}

static void drop_least(struct line *line)
{
    size_t least = 0;

    for (size_t i = 1; i < line->count; i++)
        if (line->items[i].keep < line->items[least].keep)
            least = i;
    line->count--;
    memmove(&line->items[least], &line->items[least + 1],
            (line->count - least) * sizeof(line->items[0]));
}

void view_host(const struct snapshot *s, struct rect r, struct screen *out)
{
    struct line line;

    for (int level = 0; level <= RANKS; level++) {
        make(s, level, &line);
        if (line_width(&line) <= r.cols)
            break;
    }
    while (line.count > 1 && line_width(&line) > r.cols)
        drop_least(&line);
    for (size_t i = 0, x = 0; i < line.count; i++, x += GAP)
        for (size_t p = 0; p < line.items[i].count; p++) {
            const struct part *part = &line.items[i].parts[p];
            x += (size_t)screen_text(out, r, r.y, r.x + (int)x, part->style, part->text);
        }
}
