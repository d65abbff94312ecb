// SPDX-License-Identifier: MIT
// The frame: who draws where.
#include "ui/view/view.h"

#include <stdio.h>
#include <string.h>

#include "ui/state/layout.h"

static void view_too_small(struct screen *out)
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

void view_draw(const struct ui_model *model, const struct ui_state *state, struct screen *out)
{
    struct layout l = layout_make(out->rows, out->cols);

    screen_clear(out);
    if (l.too_small) {
        view_too_small(out);
        return;
    }
    view_header(model, state, l.header, out);
    if (ui_is_detail(state->screen))
        view_tabs(model, state, l.titles, out);
    switch (state->screen) {
    case SCREEN_VMS: view_vms(model, state, l.titles, l.body, out); break;
    case SCREEN_COUNTERS: view_counters(model, state, l.body, out); break;
    case SCREEN_VCPUS: view_vcpus(model, state, l.body, out); break;
    case SCREEN_MEMORY: view_memory(model, state, l.body, out); break;
    case SCREEN_HISTOGRAMS: view_histograms(model, state, l.body, out); break;
    case SCREEN_HOST: view_host(model, state, l.titles, l.body, out); break;
    case SCREEN_CHOOSER: view_chooser(state, l.titles, l.body, out); break;
    case SCREEN_HELP: view_help(state, l.titles, l.body, out); break;
    case SCREEN_COUNT: break;
    }
    view_status(model, state, l.status, out);
    view_bar(state, l.bar, out);
}
