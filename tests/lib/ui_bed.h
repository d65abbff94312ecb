/* SPDX-License-Identifier: MIT */
/*
 * The monitor without a terminal and without a collector: a snapshot that a test has built, the
 * state, what is made of both, and the screen that is drawn of them.
 */
#ifndef KVMLENS_TESTS_LIB_UI_BED_H
#define KVMLENS_TESTS_LIB_UI_BED_H

#include <stdint.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/grid/screen.h"
#include "ui/state/scan_reports.h"
#include "ui/state/state.h"

struct ui_bed {
    struct snapshot_builder *b;
    struct snapshot *s; /* what @b builds; may be changed */
    struct trends trends;
    struct ui_rows rows;
    struct scan_reports scans; /* a test that has any says so in the model */
    struct ui_model model;
    struct ui_state state;
    struct screen screen;
    char *dump; /* of the last ui_bed_press */
};

/* ui_bed_new - with an empty builder, for the caller to fill. Ends with ui_bed_free. */
struct ui_bed *ui_bed_new(void);
void ui_bed_free(struct ui_bed *bed);

/* ui_bed_start - what was built is shown, on a screen of @rows and @cols. Once. */
void ui_bed_start(struct ui_bed *bed, int rows, int cols);

/* ui_bed_press - the screen after this key, as screen_dump has it; 0: as it is. Valid until the
 * next one. */
const char *ui_bed_press(struct ui_bed *bed, uint32_t key);

#endif
