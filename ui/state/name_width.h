/* SPDX-License-Identifier: MIT */
/*
 * How wide the column of names has to be. What it does not need other columns have, and it does not
 * jump: it grows at once, and shrinks only when the list of rows is another one. Pure.
 */
#ifndef KVMLENS_UI_STATE_NAME_WIDTH_H
#define KVMLENS_UI_STATE_NAME_WIDTH_H

#include <stdint.h>

#include "core/model/snapshot.h"
#include "ui/state/rows.h"

struct name_width {
    int cols;      /* of the longest name with its marks; 0: nothing is listed yet */
    uint64_t list; /* stands for the rows, in whatever order */
};

/* name_width_follow - for these rows of @s. */
void name_width_follow(struct name_width *width, const struct vms_rows *rows,
                       const struct snapshot *s);

#endif
