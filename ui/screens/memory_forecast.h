/* SPDX-License-Identifier: MIT */
/*
 * What a migration of the VM would take, below the scan of the Memory tab: one line after the
 * other, what matters most first, and then the graph. Pure.
 */
#ifndef KVMLENS_UI_SCREENS_MEMORY_FORECAST_H
#define KVMLENS_UI_SCREENS_MEMORY_FORECAST_H

#include <stdbool.h>

#include "ui/grid/screen.h"
#include "ui/state/model.h"
#include "ui/state/state.h"

#define MEMORY_FORECAST_LINES 20

struct memory_forecast_line {
    char label[12];
    enum style label_style, style;
    bool is_settings; /* the text has keys in front of words, parted by two blanks */
    char text[320];
};

struct memory_forecast {
    struct memory_forecast_line lines[MEMORY_FORECAST_LINES];
    int count;
    const struct dirty_curve *curve; /* NULL: there is none to be drawn */
    double until_s;                  /* for its graph */
};

/* memory_forecast_make - what there is to say of the open VM; what is borrowed is of @model. */
void memory_forecast_make(const struct ui_model *model, const struct ui_state *state,
                          struct memory_forecast *ret);

/* memory_forecast_rows - rows that it takes of a body of @body: on small screens the rest has to
 * have its room, and there is no graph. */
int memory_forecast_rows(const struct memory_forecast *forecast, struct rect body);

/* memory_forecast_draw - as many rows, from @y on. */
void memory_forecast_draw(const struct memory_forecast *forecast, struct rect body, int y,
                          struct screen *out);

/* memory_forecast_begins - do looks at what it writes begin by themselves, as things are? */
bool memory_forecast_begins(const struct ui_model *model, const struct ui_state *state);

#endif
