// SPDX-License-Identifier: MIT
#include "ui/state/vms_layout.h"

#include "ui/state/layout.h"

struct vms_layout vms_layout_make(int rows, int cols, bool has_pane)
{
    const struct layout l = layout_make(rows, cols);
    struct vms_layout v = {.titles = l.titles, .table = l.body};

    if (l.too_small)
        return v;
    if (rows >= VMS_HOST_FROM_ROWS) {
        v.host = l.titles;
        v.titles.y++;
        v.table.y++;
        v.table.rows--;
    }
    if (has_pane && rows >= VMS_PANE_FROM_ROWS && cols >= VMS_PANE_FROM_COLS) {
        int pane = v.table.rows / 2;
        pane = pane < VMS_PANE_ROWS_MAX ? pane : VMS_PANE_ROWS_MAX;
        v.table.rows -= pane;
        v.pane = (struct rect){v.table.y + v.table.rows, v.table.x, pane, v.table.cols};
    }
    return v;
}
