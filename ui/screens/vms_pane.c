// SPDX-License-Identifier: MIT
#include "ui/screens/vms_pane.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/screens/vcpu_strip.h"

#define LABEL_COLS   10
#define NOTE_COLS    27 /* beside the strip */
#define STRIP_MAX    512
#define BAR_COLS     14
#define COUNTERS_MAX 32
#define GAP          2

/* Where the next thing is drawn. */
struct pen {
    const struct ui_model *model;
    const struct snapshot_vm *vm;
    const struct column_fields *fields;
    struct screen *out;
    struct rect r;
    int y, x;
};

static bool has_row(const struct pen *p)
{
    return p->y < p->r.y + p->r.rows;
}

static void put(struct pen *p, enum style style, const char *text)
{
    p->x += screen_text(p->out, p->r, p->y, p->x, style, text);
}

static void put_label(struct pen *p, const char *label)
{
    p->x = p->r.x;
    screen_text(p->out, p->r, p->y, p->x, STYLE_LABEL, label);
    p->x += LABEL_COLS;
}

static struct column_value value_of(const struct pen *p, enum column_id id)
{
    return column_get(id, p->fields, p->vm, NULL);
}

/* " WORD !!12.0%", as the column has it. */
static void put_column(struct pen *p, const char *word, enum column_id id)
{
    const struct column_value v = value_of(p, id);
    char buf[COLUMN_TEXT_MAX];

    put(p, STYLE_LABEL, word);
    put(p, column_style(id, &v), column_text(id, &v, p->out, buf));
    if (v.state == READING_OK && column_table[id].kind == COLUMN_PERCENT)
        put(p, STYLE_NORMAL, "%");
}

/* Why there is nothing to be said: ": CAUSE", where it is known. */
static void put_cause(struct pen *p, const struct column_value *v)
{
    if (v->state == READING_OK || v->state == READING_WARMUP || v->cause == CAUSE_NONE)
        return;
    put(p, STYLE_NORMAL, ": ");
    put(p, STYLE_NORMAL, reading_cause_text((enum reading_cause)v->cause));
}

/* --- left: the vCPUs, limits, memory, threads ---------------------------------------------------
 */

static void draw_title(struct pen *p)
{
    const struct snapshot_vm *vm = p->vm;
    const struct column_value state = value_of(p, COLUMN_STATE), age = value_of(p, COLUMN_UPTIME);
    const char *word =
        vm->load.state == VM_STATE_IDLE_OR_PAUSED ? vm_state_text(VM_STATE_IDLE_OR_PAUSED) : NULL;
    char buf[COLUMN_TEXT_MAX], up[COLUMN_TEXT_MAX], text[300];
    static const char hide[] = "v hides";
    const int right = p->r.x + p->r.cols - (int)sizeof(hide);

    screen_fill(p->out, (struct rect){p->y, p->r.x, 1, p->r.cols}, STYLE_TITLE);
    snprintf(text, sizeof(text), "%s  %s%s%s  %zu vCPU%s  %s %d", vm->name,
             word != NULL ? word : column_text(COLUMN_STATE, &state, p->out, buf),
             age.state == READING_OK ? ", up " : "",
             age.state == READING_OK ? column_text(COLUMN_UPTIME, &age, p->out, up) : "",
             vm->vcpu_count, vm->vcpu_count == 1 ? "" : "s", vm->vmm, (int)vm->id.pid);
    screen_field(p->out, p->r, p->y, p->r.x, right - p->r.x, ALIGN_LEFT, STYLE_TITLE, text);
    screen_text(p->out, p->r, p->y, right, STYLE_TITLE, hide);
    p->y++;
}

/* What is bad stands first; what finds no room is left out whole. */
static void put_states(struct pen *p)
{
    static const enum vcpu_state order[] = {
        VCPU_STATE_BLOCKED, VCPU_STATE_STOPPED, VCPU_STATE_READY,  VCPU_STATE_PAUSED,
        VCPU_STATE_HOST,    VCPU_STATE_GUEST,   VCPU_STATE_HALTED, VCPU_STATE_NOT_HALTED};
    size_t counts[VCPU_STATE_COUNT] = {0};

    for (size_t i = 0; i < p->vm->vcpu_count; i++)
        counts[p->vm->vcpus[i].load.state]++;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        char text[40];
        if (counts[order[i]] == 0)
            continue;
        const int width = snprintf(text, sizeof(text), "%c %s %zu", vcpu_strip_letter(order[i]),
                                   vcpu_state_text(order[i]), counts[order[i]]);
        if (p->x + width > p->r.x + p->r.cols)
            continue;
        put(p, STYLE_NORMAL, text);
        p->x += GAP;
    }
    if (counts[VCPU_STATE_UNKNOWN] > 0) {
        const struct column_value v = column_get(COLUMN_STATE, p->fields, p->vm, &p->vm->vcpus[0]);
        char buf[COLUMN_TEXT_MAX];
        put(p, column_style(COLUMN_STATE, &v), column_text(COLUMN_STATE, &v, p->out, buf));
        put_cause(p, &v);
    }
}

static void draw_vcpus(struct pen *p)
{
    static const char *const labels[VCPU_STRIP_ROWS] = {"RUN", "RDY", "STATE"};
    struct vcpu_cell cells[STRIP_MAX];
    const int room = p->r.cols - LABEL_COLS - NOTE_COLS - GAP;
    const size_t max = room < 1 ? 1 : room < STRIP_MAX ? (size_t)room : STRIP_MAX;
    size_t per;
    const size_t count = vcpu_strip_make(p->vm, max, cells, &per);
    const int notes = p->r.x + LABEL_COLS + (int)count + GAP;

    vcpu_strip_draw(cells, count, p->r, p->y, p->r.x + LABEL_COLS, p->out);
    for (int row = 0; row < VCPU_STRIP_ROWS && has_row(p); row++, p->y++) {
        put_label(p, labels[row]);
        p->x = notes;
        if (row == 0) {
            char text[40];
            put_column(p, "mean ", COLUMN_RUN);
            snprintf(text, sizeof(text), "  a cell: %zu vCPUs", per);
            put(p, STYLE_DIM, per > 1 ? text : "");
        } else if (row == 1) {
            put_column(p, "mean ", COLUMN_RDY);
            put_column(p, "  worst ", COLUMN_RDYMAX);
        } else {
            put_states(p);
        }
    }
}

static void draw_time(struct pen *p)
{
    const struct column_value guest = value_of(p, COLUMN_GUEST);

    if (!has_row(p))
        return;
    put_label(p, "TIME");
    put_column(p, "guest ", COLUMN_GUEST);
    put_column(p, "  host ", COLUMN_HOST);
    put_column(p, "  polled ", COLUMN_POLL);
    put_cause(p, &guest);
    p->y++;
}

static void draw_limit(struct pen *p)
{
    const struct column_value v = value_of(p, COLUMN_MLMTD);
    const struct figure *periods = &p->vm->load.throttled_periods;
    char text[FORMAT_MAX];

    if (!has_row(p))
        return;
    put_label(p, "LIMIT");
    if (v.state == READING_ABSENT && v.cause == CAUSE_NO_CPU_LIMIT) {
        put(p, STYLE_DIM, "none on CPU time");
    } else {
        put_column(p, v.state == READING_OK ? "held back " : "", COLUMN_MLMTD);
        put_cause(p, &v);
        if (v.state == READING_OK && periods->state == READING_OK) {
            put(p, STYLE_LABEL, "  in ");
            put(p, STYLE_NORMAL, format_percent(text, periods->value));
            put(p, STYLE_LABEL, "% of periods");
        }
    }
    p->y++;
}

static void draw_pressure(struct pen *p)
{
    const struct column_value cpu = value_of(p, COLUMN_PSI_CPU);

    if (!has_row(p))
        return;
    put_label(p, "PSI");
    if (cpu.state == READING_OK) {
        put_column(p, "cpu ", COLUMN_PSI_CPU);
        put_column(p, "  mem ", COLUMN_PSI_MEM);
        put_column(p, "  io ", COLUMN_PSI_IO);
    } else {
        put_column(p, "", COLUMN_PSI_CPU);
        put_cause(p, &cpu);
    }
    p->y++;
}

static void draw_memory(struct pen *p)
{
    const struct reading *ram = &p->vm->ram_bytes, *rss = &p->vm->gauges[VM_RSS_BYTES];
    const struct column_value zero = value_of(p, COLUMN_ZERO);
    char buf[COLUMN_TEXT_MAX], all[FORMAT_MAX];

    if (!has_row(p))
        return;
    put_label(p, "MEMORY");
    if (ram->state == READING_OK && rss->state == READING_OK && ram->raw > 0) {
        screen_bar(p->out, p->r, p->y, p->x, BAR_COLS, STYLE_GRAPH,
                   (double)rss->raw / (double)ram->raw);
        p->x += BAR_COLS + 1;
    }
    put_column(p, "", COLUMN_RSS);
    put(p, STYLE_LABEL, " resident of ");
    put(p, STYLE_NORMAL,
        ram->state == READING_OK ? format_bytes(all, (double)ram->raw)
                                 : reading_state_text((enum reading_state)ram->state));
    if (zero.state == READING_OK) {
        put(p, STYLE_LABEL, "  zero ");
        put(p, STYLE_NORMAL, column_text(COLUMN_ZERO, &zero, p->out, buf));
        put(p, STYLE_NORMAL, "%");
    }
    p->y++;
}

static double number_or_0(struct figure f)
{
    return f.state == READING_OK ? f.value : 0;
}

/* The next role after @before by its CPU time, among those that have threads; -1: there is none. */
static int next_role(const struct vm_load *l, int before)
{
    int best = -1;

    for (int i = 0; i < VM_ROLE_COUNT; i++) {
        const double cpu = number_or_0(l->roles[i].cpu);
        if (l->roles[i].threads.state != READING_OK || l->roles[i].threads.raw == 0)
            continue;
        if (before >= 0) {
            const double last = number_or_0(l->roles[before].cpu);
            if (cpu > last || (cpu == last && i <= before))
                continue;
        }
        if (best < 0 || cpu > number_or_0(l->roles[best].cpu))
            best = i;
    }
    return best;
}

static void put_figure(struct pen *p, struct figure f, int width)
{
    char text[FORMAT_MAX];
    const bool ok = f.state == READING_OK;

    screen_field(p->out, p->r, p->y, p->x, width, ALIGN_RIGHT,
                 !ok           ? STYLE_MISSING
                 : f.value > 0 ? STYLE_NORMAL
                               : STYLE_DIM,
                 ok ? format_percent(text, f.value)
                    : reading_state_text((enum reading_state)f.state));
    p->x += width;
    if (ok)
        put(p, STYLE_NORMAL, "%");
}

static void draw_roles(struct pen *p)
{
    const struct vm_load *l = &p->vm->load;
    const int first = next_role(l, -1);
    /* Who uses little of a CPU has a short bar, whoever else uses less. */
    const double most = first >= 0 ? fmax(1, number_or_0(l->roles[first].cpu)) : 1;

    if (first < 0 && has_row(p)) {
        const struct column_value v = value_of(p, COLUMN_EMUL);
        put_label(p, "THREADS");
        put_column(p, "", COLUMN_EMUL);
        put_cause(p, &v);
        p->y++;
    }
    for (int role = first; role >= 0 && has_row(p); role = next_role(l, role), p->y++) {
        const struct role_load *r = &l->roles[role];
        put_label(p, vm_role_name((enum vm_role)role));
        screen_printf(p->out, p->r, p->y, p->x, STYLE_NORMAL, "%3d", (int)r->threads.raw);
        p->x += 4;
        if (r->cpu.state == READING_OK)
            screen_bar(p->out, p->r, p->y, p->x, BAR_COLS - 4, STYLE_GRAPH, r->cpu.value / most);
        p->x += BAR_COLS - 4;
        put_figure(p, r->cpu, 7);
        put(p, STYLE_LABEL, "  waits");
        put_figure(p, r->wait, 6);
    }
}

/* --- right: the counters that count most --------------------------------------------------------
 */

struct top {
    size_t fields[COUNTERS_MAX];
    size_t count;
};

static double rate_of(const struct snapshot_vm *vm, size_t field)
{
    return vm->values[field].rate.value;
}

/* Times are no counts: they would always stand first. */
static bool counts(const struct snapshot *s, const struct snapshot_vm *vm, size_t field)
{
    const struct field *f = &s->fields->fields[field];

    return f->kind == FIELD_CUMULATIVE && f->unit == FIELD_NONE &&
           vm->values[field].rate.state == READING_OK && vm->values[field].rate.value > 0;
}

static void find_top(const struct snapshot *s, const struct snapshot_vm *vm, size_t max,
                     struct top *ret)
{
    ret->count = 0;
    for (size_t f = 0; f < s->field_count; f++) {
        size_t at = ret->count;
        if (!counts(s, vm, f))
            continue;
        while (at > 0 && rate_of(vm, ret->fields[at - 1]) < rate_of(vm, f))
            at--;
        if (at >= max)
            continue;
        ret->count += ret->count < max;
        memmove(&ret->fields[at + 1], &ret->fields[at],
                (ret->count - at - 1) * sizeof(ret->fields[0]));
        ret->fields[at] = f;
    }
}

static void draw_counters(struct pen *p)
{
    const struct snapshot *s = p->model->now;
    const int name = p->r.cols < 50 ? p->r.cols / 2 : 25, rate = 8;
    const int bar = p->r.cols - name - rate - GAP;
    struct top top;

    find_top(s, p->vm, p->r.rows < COUNTERS_MAX ? (size_t)p->r.rows : COUNTERS_MAX, &top);
    if (top.count == 0) {
        const struct column_value v = value_of(p, COLUMN_EXITS);
        p->x = p->r.x;
        put_column(p, "EXITS/s ", COLUMN_EXITS);
        put_cause(p, &v);
        return;
    }
    for (size_t i = 0; i < top.count && has_row(p); i++, p->y++) {
        const double value = rate_of(p->vm, top.fields[i]);
        char text[FORMAT_MAX], per_s[FORMAT_MAX + 2];
        snprintf(per_s, sizeof(per_s), "%s/s", format_count(text, value));
        screen_field(p->out, p->r, p->y, p->r.x, name, ALIGN_LEFT, STYLE_NORMAL,
                     s->fields->fields[top.fields[i]].name);
        screen_field(p->out, p->r, p->y, p->r.x + name, rate, ALIGN_RIGHT, STYLE_NORMAL, per_s);
        screen_bar(p->out, p->r, p->y, p->r.x + name + rate + GAP, bar, STYLE_GRAPH,
                   value / rate_of(p->vm, top.fields[0]));
    }
}

void vms_pane_draw(const struct ui_model *m, const struct ui_state *st, struct rect r,
                   struct screen *out)
{
    struct column_fields fields;
    struct pen p = {.model = m, .vm = NULL, .fields = &fields, .out = out, .r = r, .y = r.y};

    if (r.rows <= 0 || m->now == NULL)
        return;
    p.vm = vms_selected(st, m);
    if (p.vm == NULL) {
        screen_fill(out, (struct rect){r.y, r.x, 1, r.cols}, STYLE_TITLE);
        screen_text(out, r, r.y, r.x, STYLE_TITLE, "No VM is selected");
        return;
    }
    column_fields_resolve(m->now, m->scans, &fields);
    fields.forecasts = &m->rows->forecasts;
    draw_title(&p);
    const int left = r.cols * 3 / 5, top = p.y;
    p.r = (struct rect){top, r.x, r.y + r.rows - top, left - GAP};
    draw_vcpus(&p);
    draw_time(&p);
    draw_limit(&p);
    draw_pressure(&p);
    draw_memory(&p);
    draw_roles(&p);
    p.r = (struct rect){top, r.x + left, r.y + r.rows - top, r.cols - left};
    p.y = top;
    draw_counters(&p);
}
