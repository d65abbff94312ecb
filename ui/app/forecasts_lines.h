/* SPDX-License-Identifier: MIT */
/*
 * Forecasts in the file that ui/app/estimates_file.h describes: a line that says what they are for,
 * then one for each VM. What is for anything else is left out of account.
 */
#ifndef KVMLENS_UI_APP_FORECASTS_LINES_H
#define KVMLENS_UI_APP_FORECASTS_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/report/kept_forecasts.h"

/* Reading. Zeroed but for @forecasts, which has room for one of each VM of @s. */
struct forecasts_reader {
    struct kept_forecasts *forecasts;
    bool is_for_ours; /* the line that says so was there */
};

/* forecasts_lines_read - takes @line if it is one of these: of a VM that is in @s, in their order,
 * and not of the future. */
void forecasts_lines_read(struct forecasts_reader *reader, const char *line,
                          const struct snapshot *s);

/* forecasts_lines_print - all of them; nothing where there are none. */
void forecasts_lines_print(const struct kept_forecasts *forecasts, FILE *out);

#endif
