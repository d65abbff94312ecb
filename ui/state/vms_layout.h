/* SPDX-License-Identifier: MIT */
/*
 * The parts of the VMs screen, which lie where other screens have their titles and their body, for
 * the view that draws there and for the mouse that clicks there. Pure geometry.
 */
#ifndef KVMLENS_UI_STATE_VMS_LAYOUT_H
#define KVMLENS_UI_STATE_VMS_LAYOUT_H

#include <stdbool.h>

#include "ui/grid/screen.h"

/* A pane takes half of what lies below the titles of a terminal with so many rows and columns. */
#define VMS_PANE_FROM_ROWS 30
#define VMS_PANE_FROM_COLS 80
#define VMS_PANE_ROWS_MAX  18

/* The line about the host takes a row of a terminal with so many. */
#define VMS_HOST_FROM_ROWS 14

struct vms_layout {
    struct rect host;   /* what the host is judged by: 1 row, or none */
    struct rect titles; /* 1 row */
    struct rect table;  /* at least 1 row */
    struct rect pane;   /* the selected VM, or none */
};

/* vms_layout_make - all are empty where layout_make says that the terminal is too small.
 * @has_pane: somebody wants to see it. */
struct vms_layout vms_layout_make(int rows, int cols, bool has_pane);

#endif
