// SPDX-License-Identifier: MIT
// The frame: who follows, who draws where.
#include "ui/screens/screens.h"

#include <stdio.h>
#include <string.h>

#include "ui/screens/object.h"
#include "ui/screens/status.h"
#include "ui/state/layout.h"
#include "ui/view/view.h"

/* The table of VMs may be sorted by them. */
static int follow_forecasts(const struct ui_state *state, const struct ui_model *model)
{
    const struct vm_id *open = ui_below(state) == SCREEN_MEMORY ? &state->detail.vm : NULL;

    return forecasts_follow(&model->rows->forecasts, model->scans, &state->migration, open,
                            ui_now_ns(model));
}

int ui_follow(struct ui_state *state, const struct ui_model *model)
{
    int result = follow_forecasts(state, model);

    if (result == 0)
        result = vms_follow(state, model); /* below whatever is shown, its selection stays right */
    if (result == 0 && screen_list_has(state->screen, SCREEN_TAB))
        detail_follow(state, model);
    if (result == 0 && screens_get(state->screen)->follow != NULL)
        result = screens_get(state->screen)->follow(state, model);
    return result;
}

enum ui_action ui_unasked(const struct ui_state *state, const struct ui_model *model)
{
    const struct screen_object *object = screens_get(state->screen);

    return object->unasked != NULL ? object->unasked(state, model) : UI_NOTHING;
}

static void draw_too_small(struct screen *out)
{
    struct rect all = screen_rect(out);
    char need[64];
    const char *lines[] = {"Terminal too small", need};

    snprintf(need, sizeof(need), "%dx%d, need %dx%d", out->cols, out->rows, LAYOUT_COLS_MIN,
             LAYOUT_ROWS_MIN);
    for (int i = 0; i < 2; i++) {
        int x = (out->cols - (int)strlen(lines[i])) / 2;
        screen_text(out, all, (out->rows - 2) / 2 + i, x > 0 ? x : 0, STYLE_NOTICE, lines[i]);
    }
}

void ui_draw(const struct ui_model *model, const struct ui_state *state, struct screen *out)
{
    struct layout l = layout_make(out->rows, out->cols);

    screen_clear(out);
    if (l.too_small) {
        draw_too_small(out);
        return;
    }
    view_header(model, state, l.header, out);
    if (screen_list_has(state->screen, SCREEN_TAB))
        view_tabs(model, state, l.titles, out);
    screens_get(state->screen)->draw(model, state, &l, out);
    status_draw(model, state, l.status, out);
    view_bar(state, l.bar, out);
}
