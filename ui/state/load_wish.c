// SPDX-License-Identifier: MIT
#include "ui/state/load_wish.h"

#include "ui/state/vms_layout.h"

/* What the pane of the selected VM shows. */
#define PANE_WISH                                                                                  \
    (LOAD_STATE | LOAD_VCPUS | LOAD_ROLES | LOAD_THROTTLE | LOAD_PRESSURE | LOAD_MEMORY |          \
     LOAD_PLACEMENT | LOAD_IO)
/* What the tab of the vCPUs does. */
#define VCPUS_WISH (LOAD_STATE | LOAD_VCPUS | LOAD_ROLES | LOAD_THROTTLE)

static struct load_wish_set vms_wish(const struct ui_state *state)
{
    const struct vms_state *vms = &state->vms;
    const struct vms_layout l = vms_layout_make(state->rows, state->cols, vms->has_pane);
    const bool may_show_vcpus = vms->tree || vms->toggled.count > 0;
    struct load_wish_set wish = {.all = column_table[vms->sort].wish};
    struct column_plan plan;

    columns_plan(&vms->columns, l.table.cols, vms->column_shift, vms->names.cols, &plan);
    for (size_t i = 0; i < plan.count; i++) {
        wish.all |= column_table[plan.slots[i].id].wish;
        if (plan.slots[i].id == COLUMN_STATE && may_show_vcpus)
            wish.all |= LOAD_VCPUS;
    }
    if (l.host.rows > 0)
        wish.all |= LOAD_HOST;
    if (l.pane.rows > 0) {
        wish.one = PANE_WISH;
        wish.pid = vms->selected.pid;
    }
    return wish;
}

struct load_wish_set load_wish_of(const struct ui_state *state)
{
    switch (ui_below(state)) {
    case SCREEN_VMS:
        return vms_wish(state);
    case SCREEN_VCPUS:
        return (struct load_wish_set){.one = VCPUS_WISH, .pid = state->detail.vm.pid};
    default:
        return (struct load_wish_set){0};
    }
}
