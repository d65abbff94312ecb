// SPDX-License-Identifier: MIT
// The VM whose drill-down is open.
#include <string.h>

#include "ui/state/layout.h"
#include "ui/state/state.h"

const struct snapshot_vm *detail_vm(const struct ui_state *state, const struct ui_model *model)
{
    return model->detail != NULL ? snapshot_find(model->detail, &state->detail.vm) : NULL;
}

bool detail_is_over(const struct ui_state *state, enum ui_screen screen)
{
    return screen_list_has(screen, SCREEN_TAB) && state->detail.ended;
}

size_t counters_page(const struct ui_state *state)
{
    /* Column titles at the top, the explanation at the bottom where there is room for it. */
    int rows = layout_make(state->rows, state->cols).body.rows;
    int table = rows - 1 - (rows >= LAYOUT_EXPLAIN_FROM ? LAYOUT_EXPLAIN_ROWS : 0);

    return table > 1 ? (size_t)table : 1;
}

void detail_follow(struct ui_state *state, const struct ui_model *model)
{
    struct detail_state *d = &state->detail;

    d->ended = model->now == NULL || snapshot_find(model->now, &d->vm) == NULL;
    if (!d->ended || !state->vms.follow || model->now == NULL)
        return;
    for (size_t i = 0; i < model->now->vm_count; i++)
        if (strcmp(model->now->vms[i].name, d->name) == 0) {
            ui_open(state, &model->now->vms[i], state->screen);
            return;
        }
}
