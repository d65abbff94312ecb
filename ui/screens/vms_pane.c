// SPDX-License-Identifier: MIT
#include "ui/screens/vms_pane.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/screens/pane_exits.h"
#include "ui/screens/pane_memory_io.h"
#include "ui/screens/pane_pen.h"
#include "ui/screens/roles_line.h"
#include "ui/screens/vcpu_strip.h"

#define NOTE_COLS    27 /* beside the strip */
#define STRIP_MAX    512
#define BAR_COLS     10
#define GAP_COLS     100 /* below so many each counts */
#define LIMIT_COLS   66  /* from so many on a limit and pressure share a line, */
#define PERIODS_COLS 100 /* and from so many on how often it was hit, too */

static void draw_title(struct pane_pen *p)
{
    const struct snapshot_vm *vm = p->vm;
    const struct column_value state = pane_value(p, COLUMN_STATE),
                              age = pane_value(p, COLUMN_UPTIME);
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

/* --- vCPUs ------------------------------------------------------------------------------------ */

/* What is bad stands first. */
static void put_states(struct pane_pen *p)
{
    static const enum vcpu_state order[] = {
        VCPU_STATE_BLOCKED, VCPU_STATE_STOPPED, VCPU_STATE_READY,  VCPU_STATE_PAUSED,
        VCPU_STATE_HOST,    VCPU_STATE_GUEST,   VCPU_STATE_HALTED, VCPU_STATE_NOT_HALTED};
    size_t counts[VCPU_STATE_COUNT] = {0};
    const struct snapshot_vcpu *unknown = NULL; /* the last of them stands for all */

    for (size_t i = 0; i < p->vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &p->vm->vcpus[i];
        counts[vcpu->load.state]++;
        unknown = vcpu->load.state == VCPU_STATE_UNKNOWN ? vcpu : unknown;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        char text[40];
        if (counts[order[i]] == 0)
            continue;
        snprintf(text, sizeof(text), "%c %s %zu", vcpu_strip_letter(order[i]),
                 vcpu_state_text(order[i]), counts[order[i]]);
        pane_put(p, STYLE_NORMAL, text);
        pane_end_item(p);
    }
    if (unknown != NULL) {
        const struct column_value v = column_get(COLUMN_STATE, p->fields, p->vm, unknown);
        pane_put_value(p, "", COLUMN_STATE, &v);
        pane_put_cause(p, &v);
        pane_end_item(p);
    }
}

static void draw_vcpus(struct pane_pen *p)
{
    static const char *const labels[VCPU_STRIP_ROWS] = {"RUN", "RDY", "STATE"};
    struct vcpu_cell cells[STRIP_MAX];
    const int room = p->r.cols - PANE_LABEL_COLS - NOTE_COLS - PANE_GAP;
    const size_t max = room < 1 ? 1 : room < STRIP_MAX ? (size_t)room : STRIP_MAX;
    size_t per;
    const size_t count = vcpu_strip_make(p->vm, max, cells, &per);

    vcpu_strip_draw(cells, count, p->r, p->y, p->r.x + PANE_LABEL_COLS, p->out);
    for (int row = 0; row < VCPU_STRIP_ROWS && pane_has_row(p); row++) {
        pane_label(p, labels[row]);
        p->x += (int)count;
        p->has_item = true;
        if (row == 0) {
            char text[40];
            pane_item(p, "mean ", COLUMN_RUN);
            snprintf(text, sizeof(text), "a cell: %zu vCPUs", per);
            pane_put(p, STYLE_DIM, per > 1 ? text : "");
            pane_end_item(p);
        } else if (row == 1) {
            pane_item(p, "mean ", COLUMN_RDY);
            pane_item(p, "worst ", COLUMN_RDYMAX);
        } else {
            put_states(p);
        }
        pane_end_line(p);
    }
}

static void draw_time(struct pane_pen *p)
{
    const struct column_value guest = pane_value(p, COLUMN_GUEST);

    if (!pane_has_row(p))
        return;
    pane_label(p, "TIME");
    pane_put_column(p, "guest ", COLUMN_GUEST);
    pane_put_cause(p, &guest);
    pane_end_item(p);
    pane_item(p, "host ", COLUMN_HOST);
    pane_item(p, "polled ", COLUMN_POLL);
    pane_end_line(p);
}

/* --- limits, pressure ------------------------------------------------------------------------- */

static void put_pressure(struct pane_pen *p, const char *word)
{
    static const struct {
        const char *word;
        enum column_id id;
    } parts[] = {{"cpu ", COLUMN_PSI_CPU}, {"  mem ", COLUMN_PSI_MEM}, {"  io ", COLUMN_PSI_IO}};
    const struct column_value cpu = pane_value(p, COLUMN_PSI_CPU);

    pane_put(p, STYLE_LABEL, word);
    if (cpu.state == READING_OK) {
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
            pane_put_column(p, parts[i].word, parts[i].id);
    } else {
        pane_put_column(p, "", COLUMN_PSI_CPU);
        pane_put_cause(p, &cpu);
    }
    pane_end_item(p);
}

static void draw_limit(struct pane_pen *p)
{
    const struct column_value v = pane_value(p, COLUMN_MLMTD);
    const struct figure *periods = &p->vm->load.throttled_periods;
    const bool is_shared = p->r.cols >= LIMIT_COLS;
    char text[FORMAT_MAX];

    if (!pane_has_row(p))
        return;
    pane_label(p, "LIMIT");
    if (v.state == READING_ABSENT && v.cause == CAUSE_NO_CPU_LIMIT) {
        pane_put(p, STYLE_DIM, "none on CPU time");
    } else {
        pane_put_column(p, v.state == READING_OK ? "held back " : "", COLUMN_MLMTD);
        pane_put_cause(p, &v);
    }
    pane_end_item(p);
    if (v.state == READING_OK && periods->state == READING_OK &&
        (!is_shared || p->r.cols >= PERIODS_COLS)) {
        pane_put(p, STYLE_LABEL, "in ");
        pane_put(p, STYLE_NORMAL, format_percent(text, periods->value));
        pane_put(p, STYLE_LABEL, "% of periods");
        pane_end_item(p);
    }
    if (is_shared)
        put_pressure(p, "PSI ");
    pane_end_line(p);
    if (is_shared || !pane_has_row(p))
        return;
    pane_label(p, "PSI");
    put_pressure(p, "");
    pane_end_line(p);
}

/* --- threads by role -------------------------------------------------------------------------- */

static double number_or_0(struct figure f)
{
    return f.state == READING_OK ? f.value : 0;
}

static bool has_threads(const struct role_load *role)
{
    return role->threads.state == READING_OK && role->threads.raw > 0;
}

/* The next role after @before by its CPU time, among those that have threads; -1: there is none. */
static int next_role(const struct vm_load *l, int before)
{
    int best = -1;

    for (int i = 0; i < VM_ROLE_COUNT; i++) {
        const double cpu = number_or_0(l->roles[i].cpu);
        if (!has_threads(&l->roles[i]))
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

static void put_figure(struct pane_pen *p, struct figure f, int width)
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
        p->x += screen_text(p->out, p->r, p->y, p->x, STYLE_NORMAL, "%");
}

static void draw_role(struct pane_pen *p, int role, double most)
{
    const struct role_load *r = &p->vm->load.roles[role];

    pane_label(p, vm_role_name((enum vm_role)role));
    screen_printf(p->out, p->r, p->y, p->x, STYLE_NORMAL, "%3d", (int)r->threads.raw);
    p->x += 4;
    if (r->cpu.state == READING_OK)
        screen_bar(p->out, p->r, p->y, p->x, BAR_COLS, STYLE_GRAPH, r->cpu.value / most);
    p->x += BAR_COLS;
    put_figure(p, r->cpu, 7);
    p->x += screen_text(p->out, p->r, p->y, p->x, STYLE_LABEL, "  waits");
    put_figure(p, r->wait, 6);
    pane_end_line(p);
}

/* A line for each, or where there is no room for that, as many in a line as fit. */
static void draw_roles(struct pane_pen *p)
{
    const struct vm_load *l = &p->vm->load;
    const int first = next_role(l, -1);
    /* Who uses little of a CPU has a short bar, whoever else uses less. */
    const double most = first >= 0 ? fmax(1, number_or_0(l->roles[first].cpu)) : 1;
    const int room = p->r.y + p->r.rows - p->y;
    int count = 0;

    for (int i = 0; i < VM_ROLE_COUNT; i++)
        count += has_threads(&l->roles[i]);
    if (room <= 0)
        return;
    if (first < 0) {
        const struct column_value v = pane_value(p, COLUMN_EMUL);
        pane_label(p, "THREADS");
        pane_put_column(p, "", COLUMN_EMUL);
        pane_put_cause(p, &v);
        pane_end_item(p);
        pane_end_line(p);
    } else if (count > room) {
        pane_label(p, "THREADS");
        roles_line_put(
            p->vm, (struct rect){p->y, p->r.x + PANE_LABEL_COLS, room, p->r.cols - PANE_LABEL_COLS},
            p->out);
    } else {
        for (int role = first; role >= 0; role = next_role(l, role))
            draw_role(p, role, most);
    }
}

void vms_pane_draw(const struct ui_model *m, const struct ui_state *st, struct rect r,
                   struct screen *out)
{
    struct column_fields fields;
    struct pane_pen p = {.model = m, .vm = NULL, .fields = &fields, .out = out, .r = r, .y = r.y};

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
    const int left = r.cols * 3 / 5, top = p.y, gap = r.cols < GAP_COLS ? 1 : PANE_GAP;
    p.r = (struct rect){top, r.x, r.y + r.rows - top, left - gap};
    draw_vcpus(&p);
    draw_time(&p);
    draw_limit(&p);
    pane_memory_draw(&p);
    pane_io_draw(&p);
    draw_roles(&p);
    p.r = (struct rect){top, r.x + left, r.y + r.rows - top, r.cols - left};
    p.y = top;
    pane_exits_draw(&p);
}
