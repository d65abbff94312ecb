// SPDX-License-Identifier: MIT
// Rows, sorting and selection of the VMs screen.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/layout.h"
#include "ui/state.h"

size_t vms_page(const struct ui_state *state)
{
    int rows = layout_make(state->rows, state->cols).body.rows;

    return rows > 1 ? (size_t)rows : 1;
}

/* --- sorting ----------------------------------------------------------------------------------- */

struct sort_key {
    double number;
    const char *text; /* NULL for numbers */
    uint32_t vm;
    bool missing;
};

static int compare_keys(const void *pa, const void *pb, void *descending)
{
    const struct sort_key *a = pa, *b = pb;
    int r;

    /* What is missing comes last in both directions; equals stay in the order of the snapshot. */
    if (a->missing != b->missing)
        return a->missing ? 1 : -1;
    if (a->missing)
        r = 0;
    else if (a->text)
        r = strcmp(a->text, b->text);
    else
        r = (a->number > b->number) - (a->number < b->number);
    if (r != 0)
        return *(bool *)descending ? -r : r;
    return a->vm < b->vm ? -1 : 1;
}

static struct sort_key *sorted_vms(const struct vms_state *vms, const struct snapshot *s)
{
    struct sort_key *keys = malloc((s->vm_count + 1) * sizeof(*keys));
    struct column_fields fields;
    bool descending = column_table[vms->sort].descending != vms->sort_inverted;

    if (!keys)
        return NULL;
    column_fields_resolve(s, &fields);
    for (size_t i = 0; i < s->vm_count; i++) {
        struct column_value v = column_get(vms->sort, &fields, &s->vms[i], NULL);
        keys[i] = (struct sort_key){
            .number = v.number,
            .text = v.text,
            .vm = (uint32_t)i,
            .missing = v.state != READING_OK || isnan(v.number),
        };
    }
    qsort_r(keys, s->vm_count, sizeof(*keys), compare_keys, &descending);
    return keys;
}

/* --- rows -------------------------------------------------------------------------------------- */

static bool is_expanded(const struct vms_state *vms, const struct snapshot_vm *vm)
{
    return vm->vcpu_count > 0 && vms->tree != vm_set_has(&vms->toggled, &vm->id);
}

static int rows_reserve(struct vms_state *vms, size_t count)
{
    if (count <= vms->row_cap)
        return 0;
    struct vms_row *rows = realloc(vms->rows, count * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    vms->rows = rows;
    vms->row_cap = count;
    return 0;
}

static bool is_selected(const struct vms_state *vms, const struct snapshot *s, struct vms_row row)
{
    const struct snapshot_vm *vm = &s->vms[row.vm];

    if (!vm_id_equal(&vm->id, &vms->selected))
        return false;
    return vms->selected_vcpu == (row.vcpu < 0 ? -1 : vm->vcpus[row.vcpu].id);
}

static void select_row(struct vms_state *vms, const struct snapshot *s, size_t row)
{
    const struct vms_row *r = &vms->rows[row];
    const struct snapshot_vm *vm = &s->vms[r->vm];

    vms->selected_row = row;
    vms->selected = vm->id;
    vms->selected_vcpu = r->vcpu < 0 ? -1 : vm->vcpus[r->vcpu].id;
}

/* The row of the selection; when it is gone, the row that took its place. */
static void follow_selection(struct vms_state *vms, const struct snapshot *s)
{
    size_t vm_row = SIZE_MAX;

    if (vms->row_count == 0)
        return;
    if (vms->stick_to_first) {
        select_row(vms, s, 0);
        return;
    }
    for (size_t i = 0; i < vms->row_count; i++) {
        if (is_selected(vms, s, vms->rows[i])) {
            vms->selected_row = i;
            return;
        }
        if (vms->rows[i].vcpu < 0 && vm_id_equal(&s->vms[vms->rows[i].vm].id, &vms->selected))
            vm_row = i;
    }
    if (vm_row != SIZE_MAX) /* its vCPU rows were closed */
        select_row(vms, s, vm_row);
    else
        select_row(vms, s, vms->selected_row < vms->row_count ? vms->selected_row : vms->row_count - 1);
}

static void scroll_to_selection(struct vms_state *vms, size_t page)
{
    if (vms->row_count == 0) {
        vms->top = 0;
        return;
    }
    if (vms->selected_row < vms->top)
        vms->top = vms->selected_row;
    else if (vms->selected_row >= vms->top + page)
        vms->top = vms->selected_row - page + 1;
    size_t last_top = vms->row_count > page ? vms->row_count - page : 0;
    if (vms->top > last_top)
        vms->top = last_top;
}

/* VMs that ended need no place in a set that is bounded. */
static void forget_ended(struct vm_set *set, const struct snapshot *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++)
        for (size_t v = 0; v < s->vm_count; v++)
            if (vm_id_equal(&set->ids[i], &s->vms[v].id)) {
                set->ids[kept++] = set->ids[i];
                break;
            }
    set->count = kept;
}

int vms_rows_update(struct ui_state *state, const struct snapshot *s)
{
    struct vms_state *vms = &state->vms;
    struct sort_key *keys = NULL;
    size_t need = 0;

    vms->row_count = 0;
    if (!s)
        return 0;
    forget_ended(&vms->toggled, s);
    for (size_t i = 0; i < s->vm_count; i++)
        need += 1 + (is_expanded(vms, &s->vms[i]) ? s->vms[i].vcpu_count : 0);
    keys = sorted_vms(vms, s);
    if (!keys || rows_reserve(vms, need) < 0) {
        free(keys);
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[keys[i].vm];
        vms->rows[vms->row_count++] = (struct vms_row){keys[i].vm, -1};
        for (size_t v = 0; is_expanded(vms, vm) && v < vm->vcpu_count; v++)
            vms->rows[vms->row_count++] = (struct vms_row){keys[i].vm, (int32_t)v};
    }
    free(keys);
    follow_selection(vms, s);
    scroll_to_selection(vms, vms_page(state));
    return 0;
}

const struct snapshot_vm *vms_selected(const struct ui_state *state, const struct snapshot *s)
{
    const struct vms_state *vms = &state->vms;

    if (!s || vms->row_count == 0)
        return NULL;
    return &s->vms[vms->rows[vms->selected_row].vm];
}

/* --- commands ---------------------------------------------------------------------------------- */

static void sort_by(struct vms_state *vms, enum column_id id)
{
    /* Asking again for the same order turns it round, as a click on the title does. */
    vms->sort_inverted = vms->sort == id && !vms->sort_inverted;
    vms->sort = id;
}

static void sort_step(struct vms_state *vms, size_t step)
{
    size_t at = 0;

    for (size_t i = 0; i < vms->columns.count; i++)
        if (vms->columns.ids[i] == vms->sort)
            at = i + step;
    vms->sort = vms->columns.ids[at % vms->columns.count];
    vms->sort_inverted = false;
}

static void move_to(struct vms_state *vms, const struct snapshot *s, size_t row)
{
    if (vms->row_count == 0)
        return;
    vms->stick_to_first = false;
    select_row(vms, s, row < vms->row_count ? row : vms->row_count - 1);
}

static void set_expanded(struct ui_state *state, const struct snapshot *s, bool expanded)
{
    const struct snapshot_vm *vm = vms_selected(state, s);

    if (!vm || vm->vcpu_count == 0 || is_expanded(&state->vms, vm) == expanded)
        return;
    if (!vm_set_toggle(&state->vms.toggled, &vm->id))
        strcpy(state->message, "Too many VMs opened by hand: F5 opens all");
}

enum ui_action vms_command(struct ui_state *state, const struct snapshot *s, enum ui_command command)
{
    struct vms_state *vms = &state->vms;
    size_t page = vms_page(state), row = vms->selected_row;

    switch (command) {
    case COMMAND_UP: move_to(vms, s, row > 0 ? row - 1 : 0); break;
    case COMMAND_DOWN: move_to(vms, s, row + 1); break;
    case COMMAND_PAGE_UP: move_to(vms, s, row > page ? row - page : 0); break;
    case COMMAND_PAGE_DOWN: move_to(vms, s, row + page); break;
    case COMMAND_LAST: move_to(vms, s, SIZE_MAX); break;
    case COMMAND_FIRST: vms->stick_to_first = true; break;
    case COMMAND_SCROLL_LEFT: vms->column_shift -= vms->column_shift > 0; break;
    case COMMAND_SCROLL_RIGHT: vms->column_shift += vms->column_shift + 3 < (int)vms->columns.count; break;
    case COMMAND_TREE:
        vms->tree = !vms->tree;
        vms->toggled.count = 0;
        break;
    case COMMAND_EXPAND: set_expanded(state, s, true); break;
    case COMMAND_COLLAPSE: set_expanded(state, s, false); break;
    case COMMAND_SORT_NEXT: sort_step(vms, 1); break;
    case COMMAND_SORT_PREVIOUS: sort_step(vms, vms->columns.count - 1); break;
    case COMMAND_SORT_INVERT: vms->sort_inverted = !vms->sort_inverted; break;
    case COMMAND_SORT_PID: sort_by(vms, COLUMN_PID); break;
    case COMMAND_SORT_NAME: sort_by(vms, COLUMN_NAME); break;
    case COMMAND_SORT_CPU: sort_by(vms, COLUMN_CPU); break;
    case COMMAND_SORT_RSS: sort_by(vms, COLUMN_RSS); break;
    case COMMAND_SORT_EXITS: sort_by(vms, COLUMN_EXITS); break;
    default: break;
    }
    return UI_NOTHING;
}
