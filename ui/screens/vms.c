// SPDX-License-Identifier: MIT
// The table of VMs, with the vCPU rows of those that are open: what is drawn and clicked. Its rows
// and commands are in ui/state.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/find/host_fix.h"
#include "ui/grid/format.h"
#include "ui/screens/load_cause.h"
#include "ui/screens/object.h"
#include "ui/screens/scans_line.h"
#include "ui/screens/vms_pane.h"
#include "ui/state/layout.h"
#include "ui/state/vms_layout.h"
#include "ui/view/view.h"

#define GRAPH_MAX HISTORY_LENGTH

static void draw_titles(const struct vms_state *vms, const struct column_plan *plan, struct rect r,
                        struct screen *out)
{
    screen_fill(out, r, STYLE_TITLE);
    for (size_t i = 0; i < plan->count; i++) {
        const struct column_slot *slot = &plan->slots[i];
        const struct column *column = &column_table[slot->id];
        bool sorted = slot->id == vms->sort;
        char title[32];

        if (sorted) {
            bool down = column->descending != vms->sort_inverted;
            const char *mark = screen_glyph(out, down ? GLYPH_SORT_DOWN : GLYPH_SORT_UP);
            snprintf(title, sizeof(title), column->align == ALIGN_RIGHT ? "%s%s" : "%s %s",
                     column->align == ALIGN_RIGHT ? mark : column->title,
                     column->align == ALIGN_RIGHT ? column->title : mark);
        } else {
            snprintf(title, sizeof(title), "%s", column->title);
        }
        /* The mark may stand on the blank between the columns, so no title is cut for it. */
        int over = sorted && column->align == ALIGN_RIGHT && slot->x > 0;
        screen_field(out, r, r.y, r.x + slot->x - over, slot->width + over, column->align,
                     sorted ? STYLE_SORTED : STYLE_TITLE, title);
    }
    if (plan->more_left)
        screen_text(out, r, r.y, r.x, STYLE_SORTED, screen_glyph(out, GLYPH_MORE_LEFT));
    if (plan->more_right)
        screen_text(out, r, r.y, r.x + r.cols - 1, STYLE_TITLE,
                    screen_glyph(out, GLYPH_MORE_RIGHT));
}

/*
 * What else there is to say of a VM, at the right end of its name: a word, where the name leaves
 * room for it, else of a migration a mark. Returns the columns that are left for the name.
 */
static int draw_migration(const struct snapshot_vm *vm, struct rect r, int y, int x, int width,
                          enum style style, struct screen *out)
{
    const char *text = vm_migration_text((enum vm_migration)vm->migration);
    int columns = (int)strlen(text);

    if (columns > 0 && (int)text_width(vm->name) + 1 + columns > width) {
        text = vm->migration == VM_MIGRATING ? screen_glyph(out, GLYPH_MIGRATING) : "";
        columns = text[0] != '\0';
    }
    if (columns == 0 || width <= columns)
        return width;
    screen_text(out, r, y, x + width - columns, style == STYLE_NORMAL ? STYLE_NOTICE : style, text);
    return width - columns - 1;
}

static void draw_name(const struct ui_state *st, const struct snapshot_vm *vm, struct rect r, int y,
                      const struct column_slot *slot, enum style style, struct screen *out)
{
    const struct vms_state *vms = &st->vms;
    bool open = vm->vcpu_count > 0 && vms->tree != vm_set_has(&vms->toggled, &vm->id);
    int x = r.x + slot->x, width = slot->width;

    /* The mark of a tag stands on the blank before the name: colour alone must not tell. */
    if (vm_set_has(&vms->tagged, &vm->id))
        screen_text(out, r, y, x - (slot->x > 0), style, screen_glyph(out, GLYPH_TAG));
    if (open) {
        x += screen_text(out, r, y, x, style == STYLE_NORMAL ? STYLE_DIM : style,
                         screen_glyph(out, GLYPH_OPEN));
        x += screen_text(out, r, y, x, style, " ");
        width -= 2;
    }
    width = draw_migration(vm, r, y, x, width, style, out);
    screen_field(out, r, y, x, width, ALIGN_LEFT, style == STYLE_NORMAL ? STYLE_STRONG : style,
                 vm->name);
}

static void draw_graph(const struct ui_model *m, const struct snapshot_vm *vm, struct rect r, int y,
                       const struct column_slot *slot, enum style style, struct screen *out)
{
    float values[GRAPH_MAX];
    size_t want = (size_t)slot->width < GRAPH_MAX ? (size_t)slot->width : GRAPH_MAX;
    size_t n = trends_vm(m->trends, &vm->id, TREND_EXITS, values, want);

    screen_spark(out, r, y, r.x + slot->x, slot->width, style == STYLE_NORMAL ? STYLE_GRAPH : style,
                 values, n, 0);
}

static void draw_vm(const struct ui_model *m, const struct ui_state *st,
                    const struct column_fields *fields, const struct column_plan *plan,
                    const struct snapshot_vm *vm, struct rect r, int y, enum style style,
                    struct screen *out)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct column_slot *slot = &plan->slots[i];
        if (slot->id == COLUMN_NAME) {
            draw_name(st, vm, r, y, slot, style, out);
        } else if (column_table[slot->id].kind == COLUMN_GRAPH) {
            draw_graph(m, vm, r, y, slot, style, out);
        } else {
            struct column_value v = column_get(slot->id, fields, vm, NULL);
            column_draw(slot->id, &v, out, r, y, r.x + slot->x, slot->width, style);
        }
    }
}

/* The first run of columns that say nothing about a vCPU, right of the counters, holds its
 * tsc-offset. */
static void draw_tsc_offset(const struct column_plan *plan, const struct column_fields *fields,
                            const struct snapshot_vm *vm, const struct snapshot_vcpu *vcpu,
                            struct rect r, int y, enum style style, struct screen *out)
{
    const struct reading *offset = &vcpu->gauges[VCPU_TSC_OFFSET];
    char text[64];
    int from = -1, to = -1;

    for (size_t i = 0; i < plan->count; i++) {
        const struct column_slot *slot = &plan->slots[i];
        if (slot->id < COLUMN_RAM || slot->id > COLUMN_SOURCE ||
            !column_get(slot->id, fields, vm, vcpu).blank) {
            if (from >= 0)
                break;
            continue;
        }
        from = from < 0 ? slot->x : from;
        to = slot->x + slot->width;
    }
    if (offset->state != READING_OK)
        return;
    snprintf(text, sizeof(text), "tsc-offset %" PRId64, (int64_t)offset->raw);
    if (from >= 0 && to - from >= (int)strlen(text))
        screen_text(out, r, y, r.x + from, style == STYLE_NORMAL ? STYLE_DIM : style, text);
}

static void draw_vcpu(const struct column_fields *fields, const struct column_plan *plan,
                      const struct snapshot_vm *vm, size_t index, struct rect r, int y,
                      enum style style, struct screen *out)
{
    const struct snapshot_vcpu *vcpu = &vm->vcpus[index];
    bool last = index + 1 == vm->vcpu_count;

    for (size_t i = 0; i < plan->count; i++) {
        const struct column_slot *slot = &plan->slots[i];
        if (slot->id == COLUMN_NAME) {
            char text[64];
            snprintf(text, sizeof(text), "%s vCPU %d",
                     screen_glyph(out, last ? GLYPH_BRANCH_LAST : GLYPH_BRANCH), vcpu->id);
            screen_field(out, r, y, r.x + slot->x, slot->width, ALIGN_LEFT, style, text);
        } else if (column_table[slot->id].kind != COLUMN_GRAPH) {
            struct column_value v = column_get(slot->id, fields, vm, vcpu);
            column_draw(slot->id, &v, out, r, y, r.x + slot->x, slot->width, style);
        }
    }
    draw_tsc_offset(plan, fields, vm, vcpu, r, y, style, out);
}

/* One paragraph of the empty screen; returns the row below it. */
static int draw_hint(struct rect r, int y, enum style style, const char *text, struct screen *out)
{
    return y + screen_paragraph(out, (struct rect){y, r.x + 2, r.y + r.rows - y, r.cols - 4}, style,
                                text);
}

/* What of the command line chooses VMs: ", guest web-07"; "": nothing. */
static void only_text(const struct filter *only, char *out, size_t size)
{
    char name[64];

    *out = '\0';
    if (only->name != NULL) {
        text_clean(only->name, strlen(only->name), name, sizeof(name));
        snprintf(out, size, ", guest %s", name);
    } else if (only->pid != 0) {
        snprintf(out, size, ", process %d", (int)only->pid);
    }
}

/* Nothing in the table: say why, and what helps. */
static void draw_empty(const struct snapshot *s, const struct filter *chosen, struct rect r,
                       struct screen *out)
{
    bool hidden = snapshot_may_lack_vms(s);
    int y = r.y + (r.rows > 6 ? 2 : 0);
    char text[500], fix[HOST_FIX_MAX], only[80];

    only_text(chosen, only, sizeof(only));
    if (only[0] != '\0')
        snprintf(text, sizeof(text), "No VM is chosen by%s. c shows all.", only + 1);
    else
        snprintf(text, sizeof(text), "%s",
                 hidden ? "No virtual machine can be seen; some may be hidden from you."
                        : "No virtual machine is running here.");
    y = draw_hint(r, y, STYLE_STRONG, text, out) + 1;
    if (s->hidden_processes > 0) {
        host_fix_cause(&s->host, s->hidden_cause, fix);
        snprintf(text, sizeof(text),
                 "%zu process%s could not be looked into and may have VMs: %s%s%s",
                 s->hidden_processes, s->hidden_processes == 1 ? "" : "es",
                 reading_cause_text(s->hidden_cause), fix[0] != '\0' ? ". " : "", fix);
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (s->hidden_vms > 0) {
        snprintf(text, sizeof(text),
                 s->hidden_vms == 1
                     ? "%zu VM is named by debugfs but belongs to no process that shows."
                     : "%zu VMs are named by debugfs but belong to no process that shows.",
                 s->hidden_vms);
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (s->cut_processes > 0) {
        snprintf(text, sizeof(text),
                 s->cut_processes == 1
                     ? "%zu process has so many descriptors that the rest was left out."
                     : "%zu processes have so many descriptors that the rest was left out.",
                 s->cut_processes);
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (s->proc_hides) {
        snprintf(text, sizeof(text), "/proc leaves out the processes of other users (hidepid). %s",
                 host_fix_caps(&s->host, HOST_CAP(CAP_SYS_PTRACE), fix));
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (!s->host.kvm_module)
        y = draw_hint(r, y, STYLE_NOTICE,
                      "The kvm module is not loaded: modprobe kvm_intel, or kvm_amd.", out);
    if (!s->host.debugfs_mounted)
        y = draw_hint(r, y, STYLE_NOTICE,
                      "debugfs is not mounted: mount -t debugfs none /sys/kernel/debug", out);
    draw_hint(r, y, STYLE_NORMAL, "VMs of other PID namespaces show only on the host.", out);
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct vms_state *vms = &st->vms;
    const struct vms_rows *rows = &m->rows->vms;
    const struct vms_layout v = vms_layout_make(out->rows, out->cols, vms->has_pane);
    const struct rect r = v.table;
    struct column_fields fields;
    struct column_plan plan;

    (void)l;
    columns_plan(&vms->columns, r.cols, vms->column_shift, vms->names.cols, &plan);
    draw_titles(vms, &plan, v.titles, out);
    if (m->now == NULL)
        return;
    if (v.host.rows > 0)
        view_host(m->now, v.host, out);
    vms_pane_draw(m, st, v.pane, out);
    if (m->now->vm_count == 0) {
        draw_empty(m->now, &vms->only, r, out);
        return;
    }
    column_fields_resolve(m->now, m->scans, &fields);
    fields.forecasts = &m->rows->forecasts;
    if (rows->count == 0)
        screen_text(out, r, r.y + (r.rows > 2), r.x + 2, STYLE_NOTICE,
                    "No VM matches the filter. c clears it.");
    for (int i = 0; i < r.rows && vms->scroll.top + (size_t)i < rows->count; i++) {
        size_t row = vms->scroll.top + (size_t)i;
        const struct snapshot_vm *vm = &m->now->vms[rows->rows[row].vm];
        bool selected = row == vms->scroll.row && vm_id_equal(&vm->id, &vms->selected);
        bool tagged = vm_set_has(&vms->tagged, &vm->id);
        enum style style = selected ? STYLE_SELECTED : tagged ? STYLE_TAGGED : STYLE_NORMAL;
        int y = r.y + i;

        if (selected)
            screen_fill(out, (struct rect){y, r.x, 1, r.cols}, STYLE_SELECTED);
        if (rows->rows[row].vcpu < 0)
            draw_vm(m, st, &fields, &plan, vm, r, y, style, out);
        else
            draw_vcpu(&fields, &plan, vm, (size_t)rows->rows[row].vcpu, r, y, style, out);
    }
}

/* --- status line ------------------------------------------------------------------------------ */

/* The CPU time is that of the process: of its tagged VMs the first counts. */
static bool process_tagged_before(const struct vm_set *tagged, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (tagged->ids[i].pid == tagged->ids[index].pid)
            return true;
    return false;
}

/* What the filters and tags leave out, so that nobody takes a part for the whole. */
static void draw_selection(const struct ui_model *m, const struct ui_state *st, struct rect r,
                           struct screen *out)
{
    const struct vms_state *vms = &st->vms;
    struct figure exits = {.state = READING_ABSENT}, cpu = exits;
    bool all_exits = true, all_cpu = true; /* else a sum is more than what is shown: ">125" */
    char a[FORMAT_MAX], b[FORMAT_MAX];
    struct column_fields fields;
    int x = r.x;

    char only[80];

    only_text(&vms->only, only, sizeof(only));
    if (m->rows->vms.vm_count == m->now->vm_count && (*only || vms->filter.set)) {
        /* Others are not even looked at, or there are none now. */
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, "%zu VM%s%s%s%s; c clears it  ",
                           m->now->vm_count, m->now->vm_count == 1 ? "" : "s", only,
                           vms->filter.set ? ", filter " : "", vms->filter.text);
    } else if (m->rows->vms.vm_count < m->now->vm_count) {
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, "%zu of %zu VMs%s%s%s%s  ",
                           m->rows->vms.vm_count, m->now->vm_count, only,
                           vms->filter.set ? ", filter " : "", vms->filter.text,
                           *only || vms->filter.set ? "; c clears it" : "");
    }
    if (vms->tagged.count == 0)
        return;
    column_fields_resolve(m->now, m->scans, &fields);
    for (size_t i = 0; i < vms->tagged.count; i++) {
        const struct snapshot_vm *vm = snapshot_find(m->now, &vms->tagged.ids[i]);
        if (vm == NULL)
            continue;
        struct column_value v = column_get(COLUMN_EXITS, &fields, vm, NULL);
        figure_add(&exits, (struct figure){.value = v.number, .state = (uint8_t)v.state});
        all_exits &= v.state == READING_OK;
        all_cpu &= vm->cpu_ratio.state == READING_OK;
        if (!process_tagged_before(&vms->tagged, i))
            figure_add(&cpu, vm->cpu_ratio);
    }
    screen_printf(out, r, r.y, x, STYLE_TAGGED, "%zu tagged: CPU %s%s%s, exits %s%s%s",
                  vms->tagged.count, cpu.state == READING_OK && !all_cpu ? ">" : "",
                  cpu.state == READING_OK ? format_percent(a, cpu.value)
                                          : reading_state_text(cpu.state),
                  cpu.state == READING_OK ? "%" : "",
                  exits.state == READING_OK && !all_exits ? ">" : "",
                  exits.state == READING_OK ? format_count(b, exits.value)
                                            : reading_state_text(exits.state),
                  exits.state == READING_OK ? "/s" : "");
}

/* Who chose a column wants to know why it says nothing. */
static bool load_cause(const struct ui_model *m, const struct ui_state *st,
                       const struct snapshot_vm *vm, struct rect r, struct screen *out)
{
    struct column_plan plan;

    columns_plan(&st->vms.columns, r.cols, st->vms.column_shift, st->vms.names.cols, &plan);
    const struct vms_layout v = vms_layout_make(st->rows, st->cols, st->vms.has_pane);
    return load_cause_draw(m->now, vm, &plan, v.pane.rows > 0, r, out);
}

static void draw_status(const struct ui_model *m, const struct ui_state *st, struct rect r,
                        struct screen *out)
{
    const struct snapshot_vm *vm = vms_selected(st, m);

    if (m->now == NULL)
        return;
    bool is_part = m->rows->vms.vm_count < m->now->vm_count || st->vms.only.pid != 0 ||
                   st->vms.only.name != NULL || st->vms.filter.set;
    bool is_selection = is_part || st->vms.tagged.count > 0;
    const int said = scans_line_draw(m, !is_selection, r, out);
    if (said > 0 && is_selection)
        r = (struct rect){r.y, r.x + said + 2, r.rows, r.cols - said - 2};
    if (is_selection)
        draw_selection(m, st, r, out);
    else if (said > 0)
        return;
    else if (vm == NULL && st->vms.follow)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE,
                      "Waiting for a VM called %s. F stops following", st->vms.selected_name);
    else if (!load_cause(m, st, vm, r, out))
        view_cause(m->now, vm, r, out);
}

/* --- mouse, search ---------------------------------------------------------------------------- */

static void click_title(struct ui_state *state, struct rect r, int x)
{
    struct column_plan plan;

    columns_plan(&state->vms.columns, r.cols, state->vms.column_shift, state->vms.names.cols,
                 &plan);
    for (size_t i = 0; i < plan.count; i++)
        if (x >= plan.slots[i].x && x < plan.slots[i].x + plan.slots[i].width)
            vms_sort_by(&state->vms, plan.slots[i].id);
}

/* A click on a row selects it; on the selected row it opens what is there. */
static enum ui_action click(struct ui_state *state, const struct ui_model *model,
                            const struct layout *l, struct ui_key key)
{
    const struct vms_layout v = vms_layout_make(state->rows, state->cols, state->vms.has_pane);
    size_t row = state->vms.scroll.top + (size_t)(key.y - v.table.y);

    (void)l;
    if (key.y == v.titles.y)
        click_title(state, v.titles, key.x - v.titles.x);
    else if (key.y < v.table.y || key.y >= v.table.y + v.table.rows)
        return UI_NOTHING; /* the host, or the pane */
    else if (row == state->vms.scroll.row && row < model->rows->vms.count)
        return vms_command(state, model, COMMAND_OPEN);
    else if (row < model->rows->vms.count)
        vms_select_row(state, model, row);
    return UI_NOTHING;
}

static bool contains(const struct ui_model *model, size_t row, const char *text)
{
    const struct vms_row *r = &model->rows->vms.rows[row];
    const struct snapshot_vm *vm = &model->now->vms[r->vm];
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)vm->id.pid);
    return r->vcpu < 0 && (pattern_contains(vm->name, text) || strcmp(pid, text) == 0);
}

static bool search(struct ui_state *state, const struct ui_model *model, const char *text,
                   bool after)
{
    size_t count = model->rows->vms.count, from = state->vms.scroll.row + after;

    for (size_t i = 0; i < count; i++)
        if (contains(model, (from + i) % count, text)) {
            vms_select_row(state, model, (from + i) % count);
            return true;
        }
    return false;
}

static struct pattern *filter(struct ui_state *state)
{
    return &state->vms.filter;
}

const struct screen_object vms_screen = {
    .draw = draw,
    .status = draw_status,
    .command = vms_command,
    .click = click,
    .search = search,
    .filter = filter,
};
