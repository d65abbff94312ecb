// SPDX-License-Identifier: MIT
// The table of VMs, with the vCPU rows of those that are open.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/find/host_fix.h"
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
        if (slot->id < COLUMN_RAM || !column_get(slot->id, fields, vm, vcpu).blank) {
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

/* Nothing in the table: say why, and what helps. */
static void draw_empty(const struct snapshot *s, struct rect r, struct screen *out)
{
    bool hidden = snapshot_may_lack_vms(s);
    int y = r.y + (r.rows > 6 ? 2 : 0);
    char text[500], fix[HOST_FIX_MAX];

    y = draw_hint(r, y, STYLE_STRONG,
                  hidden ? "No virtual machine can be seen; some may be hidden from you."
                         : "No virtual machine is running here.",
                  out) +
        1;
    if (s->hidden_processes > 0) {
        snprintf(text, sizeof(text),
                 "%zu processes could not be looked into and may have VMs: no permission. %s",
                 s->hidden_processes, host_fix_cause(&s->host, CAUSE_NO_PERMISSION, fix));
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (s->hidden_vms > 0) {
        snprintf(text, sizeof(text),
                 "%zu VMs are named by debugfs but belong to no process that shows.",
                 s->hidden_vms);
        y = draw_hint(r, y, STYLE_WARNING, text, out);
    }
    if (s->cut_processes > 0) {
        snprintf(text, sizeof(text),
                 "%zu processes have so many descriptors that the rest was left out.",
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

void view_vms(const struct ui_model *m, const struct ui_state *st, struct rect titles,
              struct rect r, struct screen *out)
{
    const struct vms_state *vms = &st->vms;
    struct column_fields fields;
    struct column_plan plan;

    columns_plan(&vms->columns, r.cols, vms->column_shift, &plan);
    draw_titles(vms, &plan, titles, out);
    if (!m->now)
        return;
    if (m->now->vm_count == 0) {
        draw_empty(m->now, r, out);
        return;
    }
    column_fields_resolve(m->now, m->scans, &fields);
    if (vms->row_count == 0)
        screen_text(out, r, r.y + (r.rows > 2), r.x + 2, STYLE_NOTICE,
                    "No VM matches the filter. c clears it.");
    for (int i = 0; i < r.rows && vms->scroll.top + (size_t)i < vms->row_count; i++) {
        size_t row = vms->scroll.top + (size_t)i;
        const struct snapshot_vm *vm = &m->now->vms[vms->rows[row].vm];
        bool selected = row == vms->scroll.row && vm_id_equal(&vm->id, &vms->selected);
        bool tagged = vm_set_has(&vms->tagged, &vm->id);
        enum style style = selected ? STYLE_SELECTED : tagged ? STYLE_TAGGED : STYLE_NORMAL;
        int y = r.y + i;

        if (selected)
            screen_fill(out, (struct rect){y, r.x, 1, r.cols}, STYLE_SELECTED);
        if (vms->rows[row].vcpu < 0)
            draw_vm(m, st, &fields, &plan, vm, r, y, style, out);
        else
            draw_vcpu(&fields, &plan, vm, (size_t)vms->rows[row].vcpu, r, y, style, out);
    }
}
