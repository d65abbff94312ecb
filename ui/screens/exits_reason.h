/* SPDX-License-Identifier: MIT */
/*
 * A reason of exits that was opened: how its lines look.
 */
#ifndef KVMLENS_UI_SCREENS_EXITS_REASON_H
#define KVMLENS_UI_SCREENS_EXITS_REASON_H

#include "ui/grid/screen.h"
#include "ui/state/exits_page.h"

/* exits_reason_draw - the title, and the lines of @page from @es->page on. */
void exits_reason_draw(const struct exits_view *view, const struct exits_chosen *es,
                       const struct exits_page *page, struct rect r, struct screen *out);

/* exits_reason_rows - lines of it that a body of @rows rows shows at a time, at least 1. */
size_t exits_reason_rows(int rows);

#endif
