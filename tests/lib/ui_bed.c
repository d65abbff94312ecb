// SPDX-License-Identifier: MIT
#include "tests/lib/ui_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/screen_dump.h"
#include "ui/screens/screens.h"

struct ui_bed *ui_bed_new(void)
{
    struct ui_bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    bed->b = snapshot_builder_new();
    bed->s = snapshot_builder_snapshot(bed->b);
    assert_int_equal(trends_init(&bed->trends), 0);
    return bed;
}

void ui_bed_free(struct ui_bed *bed)
{
    free(bed->dump);
    screen_done(&bed->screen);
    ui_state_done(&bed->state);
    ui_rows_done(&bed->rows);
    scan_reports_done(&bed->scans);
    trends_done(&bed->trends);
    snapshot_builder_free(bed->b);
    free(bed);
}

void ui_bed_start(struct ui_bed *bed, int rows, int cols)
{
    snapshot_builder_finish(bed->b);
    bed->model.now = bed->model.detail = bed->s;
    bed->model.trends = &bed->trends;
    bed->model.rows = &bed->rows;
    ui_state_init(&bed->state, rows, cols, 1.0);
    assert_int_equal(screen_init(&bed->screen, rows, cols, true), 0);
    assert_int_equal(ui_follow(&bed->state, &bed->model), 0);
}

const char *ui_bed_press(struct ui_bed *bed, uint32_t key)
{
    if (key != 0)
        ui_update(&bed->state, &bed->model, (struct ui_key){.code = key});
    free(bed->dump);
    ui_draw(&bed->model, &bed->state, &bed->screen);
    return bed->dump = screen_dump(&bed->screen);
}
