// SPDX-License-Identifier: MIT
// Rows, sorting and selection of the VMs screen.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state/scan_choice.h"
#include "ui/state/state.h"
#include "ui/state/vms_layout.h"

size_t vms_page(const struct ui_state *state)
{
    int rows = vms_layout_make(state->rows, state->cols, state->vms.has_pane).table.rows;

    return rows > 1 ? (size_t)rows : 1;
}

static void toggle_pane(struct ui_state *state)
{
    struct vms_state *vms = &state->vms;

    vms->has_pane = !vms->has_pane;
    if (vms->has_pane && vms_layout_make(state->rows, state->cols, true).pane.rows == 0)
        ui_say(state, "The pane of the selected VM needs %d rows and %d columns",
               VMS_PANE_FROM_ROWS, VMS_PANE_FROM_COLS);
}

/* --- sorting ---------------------------------------------------------------------------------- */

struct sort_key {
    double number;
    const char *text; /* NULL for numbers */
    uint32_t vm;
    bool missing;
};

static int compare_keys(const void *pa, const void *pb, void *descending)
{
    const struct sort_key *a = pa, *b = pb;
    int result;

    /* What is missing comes last in both directions; equals stay in the order of the snapshot. */
    if (a->missing != b->missing)
        return a->missing ? 1 : -1;
    if (a->missing)
        result = 0;
    else if (a->text != NULL)
        result = strcmp(a->text, b->text);
    else
        result = (a->number > b->number) - (a->number < b->number);
    if (result != 0)
        return *(bool *)descending ? -result : result;
    return a->vm < b->vm ? -1 : 1;
}

static bool is_shown(const struct vms_state *vms, const struct snapshot_vm *vm)
{
    char pid[16];

    if (vms->only_tagged && !vm_set_has(&vms->tagged, &vm->id))
        return false;
    if (!filter_vm(&vms->only, vm))
        return false;
    if (!vms->filter.set)
        return true;
    snprintf(pid, sizeof(pid), "%d", (int)vm->id.pid);
    return pattern_match(&vms->filter, vm->name) || pattern_match(&vms->filter, vm->vmm) ||
           pattern_match(&vms->filter, pid);
}

/* The VMs to show, in order. The caller frees them. */
static struct sort_key *sorted_vms(const struct vms_state *vms, const struct ui_model *model,
                                   size_t *ret_count)
{
    const struct snapshot *s = model->now;
    struct sort_key *keys = malloc((s->vm_count + 1) * sizeof(*keys));
    size_t count = 0;
    struct column_fields fields;
    bool descending = column_table[vms->sort].descending != vms->sort_inverted;

    if (keys == NULL)
        return NULL;
    column_fields_resolve(s, model->scans, &fields);
    fields.forecasts = &model->rows->forecasts;
    for (size_t i = 0; i < s->vm_count; i++) {
        if (!is_shown(vms, &s->vms[i]))
            continue;
        struct column_value v = column_get(vms->sort, &fields, &s->vms[i], NULL);
        keys[count++] = (struct sort_key){
            .number = column_sort_number(vms->sort, &v),
            .text = column_table[vms->sort].kind == COLUMN_TEXT ? v.text : NULL,
            .vm = (uint32_t)i,
            .missing = v.state != READING_OK || isnan(v.number),
        };
    }
    qsort_r(keys, count, sizeof(*keys), compare_keys, &descending);
    *ret_count = count;
    return keys;
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool is_expanded(const struct vms_state *vms, const struct snapshot_vm *vm)
{
    return vm->vcpu_count > 0 && vms->tree != vm_set_has(&vms->toggled, &vm->id);
}

static int rows_reserve(struct vms_rows *all, size_t count)
{
    if (count <= all->cap)
        return 0;
    struct vms_row *rows = realloc(all->rows, count * sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    all->rows = rows;
    all->cap = count;
    return 0;
}

static bool is_selected(const struct vms_state *vms, const struct snapshot *s, struct vms_row row)
{
    const struct snapshot_vm *vm = &s->vms[row.vm];

    if (!vm_id_equal(&vm->id, &vms->selected))
        return false;
    return vms->selected_vcpu == (row.vcpu < 0 ? -1 : vm->vcpus[row.vcpu].id);
}

static void select_row(struct vms_state *vms, const struct vms_rows *all, const struct snapshot *s,
                       size_t row)
{
    const struct vms_row *r = &all->rows[row];
    const struct snapshot_vm *vm = &s->vms[r->vm];

    vms->scroll.row = row;
    vms->selected = vm->id;
    vms->selected_vcpu = r->vcpu < 0 ? -1 : vm->vcpus[r->vcpu].id;
    snprintf(vms->selected_name, sizeof(vms->selected_name), "%s", vm->name);
}

struct vms_selection vms_selection_get(const struct vms_state *vms)
{
    struct vms_selection now = {
        .vm = vms->selected, .vcpu = vms->selected_vcpu, .stick_to_first = vms->stick_to_first};

    memcpy(now.name, vms->selected_name, sizeof(now.name));
    return now;
}

void vms_selection_set(struct vms_state *vms, const struct vms_selection *selection)
{
    vms->selected = selection->vm;
    vms->selected_vcpu = selection->vcpu;
    vms->stick_to_first = selection->stick_to_first;
    memcpy(vms->selected_name, selection->name, sizeof(selection->name));
}

/* The selected VM is gone. A follower waits for its name; else the neighbour is taken. */
static void replace_selection(struct vms_state *vms, const struct vms_rows *all,
                              const struct snapshot *s)
{
    if (vms->follow) {
        for (size_t i = 0; i < all->count; i++)
            if (all->rows[i].vcpu < 0 &&
                strcmp(s->vms[all->rows[i].vm].name, vms->selected_name) == 0) {
                select_row(vms, all, s, i);
                return;
            }
        return;
    }
    select_row(vms, all, s, vms->scroll.row < all->count ? vms->scroll.row : all->count - 1);
}

static void follow_selection(struct vms_state *vms, const struct vms_rows *all,
                             const struct snapshot *s)
{
    size_t vm_row = SIZE_MAX;

    if (all->count == 0)
        return;
    if (vms->stick_to_first) {
        select_row(vms, all, s, 0);
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (is_selected(vms, s, all->rows[i])) {
            vms->scroll.row = i;
            return;
        }
        if (all->rows[i].vcpu < 0 && vm_id_equal(&s->vms[all->rows[i].vm].id, &vms->selected))
            vm_row = i;
    }
    if (vm_row != SIZE_MAX) /* its vCPU rows were closed */
        select_row(vms, all, s, vm_row);
    else
        replace_selection(vms, all, s);
}

int vms_follow(struct ui_state *state, const struct ui_model *model)
{
    struct vms_state *vms = &state->vms;
    struct vms_rows *all = &model->rows->vms;
    const struct snapshot *s = model->now;
    size_t need = 0, count = 0;

    all->count = all->vm_count = 0;
    if (s == NULL)
        return 0;
    vm_set_forget_ended(&vms->toggled, s);
    vm_set_forget_ended(&vms->tagged, s);
    if (vms->tagged.count == 0)
        vms->only_tagged = false;
    struct sort_key *keys = sorted_vms(vms, model, &count);
    for (size_t i = 0; keys != NULL && i < count; i++) {
        const struct snapshot_vm *vm = &s->vms[keys[i].vm];
        need += 1 + (is_expanded(vms, vm) ? vm->vcpu_count : 0);
    }
    if (keys == NULL || rows_reserve(all, need) < 0) {
        free(keys);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct snapshot_vm *vm = &s->vms[keys[i].vm];
        bool expanded = is_expanded(vms, vm);
        all->rows[all->count++] = (struct vms_row){keys[i].vm, -1};
        for (size_t v = 0; expanded && v < vm->vcpu_count; v++)
            all->rows[all->count++] = (struct vms_row){keys[i].vm, (int32_t)v};
    }
    all->vm_count = count;
    free(keys);
    name_width_follow(&vms->names, all, s);
    follow_selection(vms, all, s);
    scroll_fit(&vms->scroll, all->count, vms_page(state));
    return 0;
}

const struct snapshot_vm *vms_selected(const struct ui_state *state, const struct ui_model *model)
{
    const struct vms_state *vms = &state->vms;
    const struct vms_rows *all = &model->rows->vms;

    if (model->now == NULL || all->count == 0)
        return NULL;
    const struct snapshot_vm *vm = &model->now->vms[all->rows[vms->scroll.row].vm];
    return vm_id_equal(&vm->id, &vms->selected) ? vm : NULL; /* NULL: waiting for it to come back */
}

void vms_select_row(struct ui_state *state, const struct ui_model *model, size_t row)
{
    struct vms_state *vms = &state->vms;
    const struct vms_rows *all = &model->rows->vms;

    if (all->count == 0)
        return;
    vms->stick_to_first = false;
    select_row(vms, all, model->now, row < all->count ? row : all->count - 1);
}

/* --- commands --------------------------------------------------------------------------------- */

void vms_sort_by(struct vms_state *vms, enum column_id id)
{
    vms->sort_inverted = vms->sort == id && !vms->sort_inverted;
    vms->sort = id;
}

/* The key of a column, as of htop and top: pressed again it changes nothing. */
static void sort_key(struct vms_state *vms, enum column_id id)
{
    vms->sort_inverted = false;
    vms->sort = id;
}

static void sort_step(struct vms_state *vms, size_t step)
{
    size_t at = 0;

    if (vms->columns.count == 0)
        return;
    for (size_t i = 0; i < vms->columns.count; i++)
        if (vms->columns.ids[i] == vms->sort)
            at = i + step;
    vms->sort = vms->columns.ids[at % vms->columns.count];
    vms->sort_inverted = false;
}

static void set_expanded(struct ui_state *state, const struct ui_model *model, bool expanded)
{
    const struct snapshot_vm *vm = vms_selected(state, model);

    if (vm == NULL || vm->vcpu_count == 0 || is_expanded(&state->vms, vm) == expanded)
        return;
    if (!vm_set_toggle(&state->vms.toggled, &vm->id))
        ui_say(state, "Too many VMs opened by hand: F5 opens all");
}

static void tag(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = vms_selected(state, model);

    if (vm != NULL && !vm_set_toggle(&state->vms.tagged, &vm->id))
        ui_say(state, "No more than %d VMs can be tagged", UI_VM_SET_MAX);
    if (vm == NULL || state->vms.only_tagged)
        return;
    /* On to the next VM: its vCPU rows would take the tag off again. */
    const struct vms_rows *all = &model->rows->vms;
    size_t next = state->vms.scroll.row + 1;
    while (next < all->count && all->rows[next].vcpu >= 0)
        next++;
    if (next < all->count)
        vms_select_row(state, model, next);
}

static void toggle_only_tagged(struct ui_state *state)
{
    struct vms_state *vms = &state->vms;

    if (vms->tagged.count == 0)
        ui_say(state, "No VM is tagged: Space tags one");
    else
        vms->only_tagged = !vms->only_tagged;
}

/* The rows may change their order before there is an answer: what is selected stays. */
static void ask_scans(struct ui_state *state, const struct ui_model *model)
{
    const enum prompt_kind kind = scan_choice_ask(state, model);

    if (kind == PROMPT_NONE)
        return;
    state->vms.stick_to_first = false;
    prompt_open(&state->prompt, kind, "");
}

static enum ui_action end_scans(struct ui_state *state, const struct ui_model *model)
{
    const enum prompt_kind kind = scan_choice_ask_end(state, model, &state->scans);

    if (kind == PROMPT_NONE)
        return model->scan_list.count > 0 ? UI_SCANS : UI_NOTHING;
    state->vms.stick_to_first = false;
    prompt_open(&state->prompt, kind, "");
    return UI_NOTHING;
}

static void open_selected(struct ui_state *state, const struct ui_model *model, enum ui_screen tab)
{
    const struct snapshot_vm *vm = vms_selected(state, model);

    if (vm != NULL)
        ui_open(state, vm, tab);
}

static void show_columns(struct ui_state *state, enum column_set set)
{
    struct vms_state *vms = &state->vms;

    if (set == COLUMN_SET_OWN && set != vms->sets.shown && vms->sets.own.count == 0)
        ui_say(state, "You have not chosen columns yet: F2 does");
    else
        column_sets_show(&vms->sets, &vms->columns, set);
    vms->column_shift = 0;
}

static void open_chooser(struct ui_state *state, bool sorting)
{
    if (!sorting)
        column_sets_show(&state->vms.sets, &state->vms.columns, COLUMN_SET_OWN);
    state->back = SCREEN_VMS;
    state->screen = SCREEN_CHOOSER;
    state->chooser = (struct chooser_state){.sorting = sorting};
    for (size_t row = 0; sorting && row < COLUMN_COUNT; row++) {
        bool chosen;
        if (column_choice_row(&state->vms.columns, row, &chosen) == state->vms.sort)
            state->chooser.scroll.row = row;
    }
    scroll_fit(&state->chooser.scroll, COLUMN_COUNT, ui_page(state));
}

/* On to the right as long as there is something to be seen there. */
static void scroll_right(struct ui_state *state)
{
    struct vms_state *vms = &state->vms;
    struct column_plan plan;

    columns_plan(&vms->columns, state->cols, vms->column_shift, vms->names.cols, &plan);
    if (plan.more_right && vms->column_shift + 3 < (int)vms->columns.count)
        vms->column_shift++;
}

enum ui_action vms_command(struct ui_state *state, const struct ui_model *model,
                           enum ui_command command)
{
    struct vms_state *vms = &state->vms;

    if (command == COMMAND_FIRST) {
        vms->stick_to_first = true;
        return UI_NOTHING;
    }
    if (scroll_command(&vms->scroll, command, model->rows->vms.count, vms_page(state))) {
        vms_select_row(state, model, vms->scroll.row);
        return UI_NOTHING;
    }
    if (keys_tab(command) != SCREEN_COUNT) {
        open_selected(state, model, keys_tab(command));
        return UI_NOTHING;
    }
    if (keys_column_set(command) != COLUMN_SET_COUNT) {
        show_columns(state, keys_column_set(command));
        return UI_NOTHING;
    }
    switch (command) {
    case COMMAND_OPEN: open_selected(state, model, SCREEN_COUNTERS); break;
    case COMMAND_HOST: state->screen = SCREEN_HOST; break;
    case COMMAND_PANE:
        toggle_pane(state);
        break;
    case COMMAND_SCAN:
        ask_scans(state, model);
        break;
    case COMMAND_SCAN_CANCEL:
        return end_scans(state, model);
    case COMMAND_COLUMNS: open_chooser(state, false); break;
    case COMMAND_SORT_MENU: open_chooser(state, true); break;
    case COMMAND_SCROLL_LEFT: vms->column_shift -= vms->column_shift > 0; break;
    case COMMAND_SCROLL_RIGHT: scroll_right(state); break;
    case COMMAND_FILTER_CLEAR: vms->only = (struct filter){.vm_fd = -1}; break;
    case COMMAND_TREE:
        vms->tree = !vms->tree;
        vms->toggled.count = 0;
        break;
    case COMMAND_EXPAND: set_expanded(state, model, true); break;
    case COMMAND_COLLAPSE: set_expanded(state, model, false); break;
    case COMMAND_SORT_NEXT: sort_step(vms, 1); break;
    case COMMAND_SORT_PREVIOUS: sort_step(vms, vms->columns.count - 1); break;
    case COMMAND_SORT_INVERT: vms->sort_inverted = !vms->sort_inverted; break;
    case COMMAND_SORT_PID: sort_key(vms, COLUMN_PID); break;
    case COMMAND_SORT_CPU: sort_key(vms, COLUMN_CPU); break;
    case COMMAND_SORT_RSS: sort_key(vms, COLUMN_RSS); break;
    case COMMAND_SORT_EXITS: sort_key(vms, COLUMN_EXITS); break;
    case COMMAND_TAG: tag(state, model); break;
    case COMMAND_UNTAG: vms->tagged.count = 0; break;
    case COMMAND_ONLY_TAGGED: toggle_only_tagged(state); break;
    case COMMAND_FOLLOW:
        vms->follow = !vms->follow;
        vms->stick_to_first = false;
        ui_say(state, vms->follow ? "Following %s: when it ends, the next of its name is taken"
                                  : "No longer following %s", vms->selected_name);
        break;
    default: break;
    }
    return UI_NOTHING;
}
