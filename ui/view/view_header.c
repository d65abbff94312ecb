// SPDX-License-Identifier: MIT
// The lines at the top: the host, totals, our own cost, the clock. Where room is scarce the least
// important goes.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/model/bpf_offer.h"
#include "ui/grid/format.h"
#include "ui/view/view.h"

#define SPARK_COLS 12
#define GAP 2
#define KEEP_SHORTENED 40            /* what is kept less goes before others are shortened */
#define LATE_NS    1000000000ull /* a sample that takes longer is said to be late */

struct segment {
    const char *label;
    char value[120];
    char brief[40]; /* in its place where room is scarce; "": it has none */
    enum style style;
    int keep;      /* the smallest goes first */
    int line;
    bool right;    /* stands at the right edge */
    bool spark;    /* followed by the graph of the host's exits */
    bool dropped;
};

struct segments {
    struct segment list[24];
    size_t count;
};

static struct segment *add(struct segments *all, int line, int keep, const char *label,
                           enum style style)
{
    struct segment *s = &all->list[all->count++];

    *s = (struct segment){.label = label, .style = style, .keep = keep, .line = line};
    return s;
}

#define SET(segment, ...) snprintf((segment)->value, sizeof((segment)->value), __VA_ARGS__)

/* The CPU time is that of the process: the VMs of one process, which stand together, have one. */
static struct figure cpu_total(const struct snapshot *s)
{
    struct figure sum = {.state = READING_ABSENT};

    for (size_t i = 0; i < s->vm_count; i++)
        if (i == 0 || s->vms[i].id.pid != s->vms[i - 1].id.pid)
            figure_add(&sum, s->vms[i].cpu_ratio);
    return sum;
}

/* A sum that some VM's number is missing from is more than what is shown: ">38.2k/s". */
static void rate_text(struct segment *s, struct figure r, bool whole,
                      char *(*format)(char *, double), const char *unit)
{
    char buf[FORMAT_MAX];

    if (r.state == READING_OK) {
        SET(s, "%s%s%s", whole ? "" : ">", format(buf, r.value), unit);
        return;
    }
    SET(s, "%s", reading_state_text(r.state));
    s->style = STYLE_MISSING;
}

static bool knows_all_exits(const struct snapshot *s)
{
    struct column_fields fields;

    if (s->host_values != NULL)
        return true; /* the kernel's total has all of them */
    column_fields_resolve(s, NULL, &fields);
    for (size_t i = 0; i < s->vm_count; i++)
        if (column_get(COLUMN_EXITS, &fields, &s->vms[i], NULL).state != READING_OK)
            return false;
    return true;
}

static bool knows_all_cpu(const struct snapshot *s)
{
    for (size_t i = 0; i < s->vm_count; i++)
        if (s->vms[i].cpu_ratio.state != READING_OK)
            return false;
    return true;
}

/* In whole seconds: it is drawn once a second. */
static const char *age_text(char out[FORMAT_MAX], uint64_t ns)
{
    double s = floor((double)ns / 1e9);

    if (s >= 99)
        return format_seconds(out, s);
    snprintf(out, FORMAT_MAX, "%.0fs", s);
    return out;
}

static void collect_host(struct segments *all, const struct snapshot *s)
{
    SET(add(all, 0, 60, "", STYLE_NORMAL), "%.40s", s->host.name);
    SET(add(all, 0, 20, "", STYLE_DIM), "%.40s", s->host.kernel);
    SET(add(all, 0, 80, "", STYLE_NORMAL), "%zu VM%s %zu vCPU%s", s->vm_count,
        s->vm_count == 1 ? "" : "s", s->vcpu_count, s->vcpu_count == 1 ? "" : "s");
}

/* Zero pages of the VMs that were scanned, weighed by their RAM. */
static void collect_zero(struct segments *all, const struct ui_model *m, int line)
{
    double bytes = 0, zero = 0;
    size_t scanned = 0;

    for (size_t i = 0; i < m->now->vm_count && m->scans != NULL && m->scans->count > 0; i++) {
        const struct snapshot_vm *vm = &m->now->vms[i];
        const struct scan_reports_entry *e = scan_reports_find(m->scans, &vm->id);
        if (e == NULL || e->zero_ratio < 0 || vm->ram_bytes.state != READING_OK)
            continue;
        bytes += (double)vm->ram_bytes.raw;
        zero += (double)vm->ram_bytes.raw * e->zero_ratio;
        scanned++;
    }
    if (bytes > 0)
        SET(add(all, line, 52, "zero ", STYLE_NORMAL), "%.1f%% (%zu of %zu VMs)",
            floor(zero / bytes * 1000) / 10, scanned, m->now->vm_count);
}

/* Of who asked for it. */
static void collect_bpf(struct segments *all, const struct snapshot *s, int line)
{
    static const struct {
        const char *text;
        enum style style;
    } said[BPF_STATE_COUNT] = {
        [BPF_LOADED] = {"BPF", STYLE_NOTICE},
        [BPF_WAITS] = {"BPF waits for kvm", STYLE_NOTICE},
        [BPF_FAILED] = {"no BPF", STYLE_WARNING},
    };

    if (said[s->bpf.state].text != NULL)
        SET(add(all, line, 44, "", said[s->bpf.state].style), "%s", said[s->bpf.state].text);
}

static bool is_bpf_offered(const struct snapshot *s)
{
    for (size_t i = 0; i < s->vm_count; i++)
        if (bpf_offer_is_open(s, &s->vms[i]))
            return true;
    return false;
}

/* It is the same for all VMs, and so it is said here and nowhere else. */
static void collect_lockdown(struct segments *all, const struct snapshot *s, int line)
{
    static const char *const names[] = {
        [LOCKDOWN_INTEGRITY] = "integrity", [LOCKDOWN_CONFIDENTIALITY] = "confidentiality"};

    if (!host_is_locked_down(&s->host))
        return;
    struct segment *lockdown = add(all, line, 57, "lockdown ", STYLE_NOTICE);
    SET(lockdown, "%s%s", names[s->host.lockdown], is_bpf_offered(s) ? ", A: BPF reads it" : "");
    snprintf(lockdown->brief, sizeof(lockdown->brief), "%s", names[s->host.lockdown]);
}

static void collect_totals(struct segments *all, const struct ui_model *m, int line)
{
    const struct snapshot *s = m->now;
    char time[FORMAT_MAX], share[FORMAT_MAX];
    struct segment *exits = add(all, line, 70, "exits ", STYLE_NORMAL);

    exits->spark = true;
    rate_text(exits, trends_host_exits(s), knows_all_exits(s), format_count, "/s");
    rate_text(add(all, line, 58, "CPU ", STYLE_NORMAL), cpu_total(s), knows_all_cpu(s),
              format_percent, "%");
    collect_zero(all, m, line);
    collect_lockdown(all, s, line);
    collect_bpf(all, s, line);
    if (snapshot_may_lack_vms(s))
        SET(add(all, line, 65, "", STYLE_WARNING), "VMs may be hidden");
    if (s->interval_s > 0)
        SET(add(all, line, 30, "self ", STYLE_DIM), "%s%% %s",
            format_percent(share, s->self_cpu_ratio),
            format_seconds(time, (double)s->sample_ns / 1e9));
}

/*
 * Rates are over the time between two reads. After a sample that came late this is not the delay,
 * and may be another time for each VM.
 */
static void collect_measured(struct segments *all, const struct snapshot *s, double delay_s)
{
    double low = s->interval_s, high = low;
    char from[FORMAT_MAX], to[FORMAT_MAX];

    for (size_t i = 0; i < s->vm_count; i++) {
        double span = s->vms[i].interval_s;
        low = span > 0 && span < low ? span : low;
        high = span > high ? span : high;
    }
    if (!snapshot_interval_differs(low, delay_s) && !snapshot_interval_differs(high, delay_s))
        return;
    struct segment *measured = add(all, 0, 72, "", STYLE_NOTICE);
    measured->right = true;
    if (snapshot_interval_differs(low, high))
        SET(measured, "over %s to %s", format_seconds(from, low), format_seconds(to, high));
    else
        SET(measured, "over %s", format_seconds(from, low));
}

/*
 * A sample that does not come: how old the numbers are, and what holds it up. What a VMM did to
 * deserve to be left alone stays until it is looked at again.
 */
static void collect_late(struct segments *all, const struct ui_model *m, int line)
{
    const struct sample_wait *w = &m->wait;
    char age[FORMAT_MAX];

    if (w->stuck > 0) {
        struct segment *stuck = add(all, line, 67, "", STYLE_WARNING);
        if (w->stuck > 1)
            SET(stuck, "%zu processes are stuck", w->stuck);
        else
            SET(stuck, "pid %d is stuck: %s", (int)w->stuck_pid, w->stuck_step);
    }
    if (!w->asked || m->mono_ns < w->since_ns + LATE_NS)
        return;
    struct segment *late = add(all, 0, 95, "", STYLE_WARNING);
    late->right = true;
    if (m->now != NULL && m->mono_ns > m->now->mono_ns)
        SET(late, "%s old", age_text(age, m->mono_ns - m->now->mono_ns));
    else
        SET(late, "no numbers yet");
    if (w->still_ns < LATE_NS / 2)
        return;
    struct segment *why = add(all, line, 68, "", STYLE_WARNING);
    age_text(age, w->still_ns);
    if (w->pid != 0)
        SET(why, "pid %d: no answer for %s: %s", (int)w->pid, age, w->step);
    else
        SET(why, "no answer for %s", age);
}

/* The set of columns, and what the rows are sorted by where no title tells that. */
static void collect_columns(struct segments *all, const struct vms_state *vms, int cols)
{
    const enum column_set set = vms->sets.shown;
    struct segment *columns = add(all, 0, 62, "", STYLE_LABEL);
    struct column_plan plan;
    bool is_told = false;

    columns_plan(&vms->columns, cols, vms->column_shift, vms->names.cols, &plan);
    for (size_t i = 0; i < plan.count; i++)
        is_told |= plan.slots[i].id == vms->sort;
    columns->right = true;
    SET(columns, "%c %s%s%s", column_set_key(set), column_set_title(set), is_told ? "" : " by ",
        is_told ? "" : column_table[vms->sort].title);
}

static void collect_right(struct segments *all, const struct ui_state *st, const struct snapshot *s)
{
    if (st->frozen) {
        struct segment *frozen = add(all, 0, 99, "", STYLE_WARNING);
        frozen->right = true;
        SET(frozen, "FROZEN");
    }
    if (ui_below(st) == SCREEN_VMS)
        collect_columns(all, &st->vms, st->cols);
    struct segment *delay = add(all, 0, 40, "", STYLE_DIM);
    delay->right = true;
    SET(delay, "%gs", st->delay_s);
    if (s != NULL)
        collect_measured(all, s, st->delay_s);
    if (s != NULL) {
        struct segment *clock = add(all, 0, 75, "", STYLE_NORMAL);
        long seconds = (long)((s->wall.tv_sec + st->utc_offset_s) % 86400);
        clock->right = true;
        SET(clock, "%02ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
}

static int segment_width(const struct segment *s)
{
    return (int)text_width(s->label) + (int)text_width(s->value) + (s->spark ? 1 + SPARK_COLS : 0);
}

/* The first that can be said in fewer words; false: none. */
static bool shorten(struct segments *all, int line)
{
    for (size_t i = 0; i < all->count; i++) {
        struct segment *s = &all->list[i];
        if (s->line != line || s->dropped || s->brief[0] == '\0')
            continue;
        memcpy(s->value, s->brief, sizeof(s->brief));
        s->brief[0] = '\0';
        return true;
    }
    return false;
}

/* Drop from a line what does not fit, the least important first. What can be said in fewer words
 * is, before something goes that matters more. */
static void fit(struct segments *all, int line, int cols)
{
    for (;;) {
        int width = 0;
        struct segment *least = NULL;

        for (size_t i = 0; i < all->count; i++) {
            struct segment *s = &all->list[i];
            if (s->line != line || s->dropped)
                continue;
            width += segment_width(s) + (width > 0 ? GAP : 0);
            if (least == NULL || s->keep < least->keep)
                least = s;
        }
        if (least == NULL || width <= cols)
            return;
        if (least->keep < KEEP_SHORTENED || !shorten(all, line))
            least->dropped = true;
    }
}

static void draw_segment(const struct ui_model *m, const struct segment *s, struct rect r, int y,
                         int x, struct screen *out)
{
    x += screen_text(out, r, y, x, STYLE_LABEL, s->label);
    x += screen_text(out, r, y, x, s->style, s->value);
    if (s->spark) {
        float values[SPARK_COLS];
        size_t n = trends_host(m->trends, TREND_EXITS, values, SPARK_COLS);
        screen_spark(out, r, y, x + 1, SPARK_COLS, STYLE_GRAPH, values, n, 0);
    }
}

void view_header(const struct ui_model *m, const struct ui_state *st, struct rect r,
                 struct screen *out)
{
    struct segments all = {.count = 0};

    SET(add(&all, 0, 100, "", STYLE_STRONG), "kvmlens");
    if (m->now != NULL) {
        collect_host(&all, m->now);
        collect_totals(&all, m, r.rows > 1 ? 1 : 0);
    }
    collect_late(&all, m, r.rows > 1 ? 1 : 0);
    collect_right(&all, st, m->now);
    for (int line = 0; line < r.rows; line++) {
        int left = r.x, right = r.x + r.cols;
        fit(&all, line, r.cols);
        for (size_t i = 0; i < all.count; i++) {
            const struct segment *s = &all.list[i];
            if (s->line != line || s->dropped || s->right)
                continue;
            draw_segment(m, s, r, r.y + line, left, out);
            left += segment_width(s) + GAP;
        }
        for (size_t i = all.count; i-- > 0;) {
            const struct segment *s = &all.list[i];
            if (s->line != line || s->dropped || !s->right)
                continue;
            right -= segment_width(s);
            draw_segment(m, s, r, r.y + line, right, out);
            right -= GAP;
        }
    }
}
