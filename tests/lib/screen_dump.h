/* SPDX-License-Identifier: MIT */
/*
 * A grid of cells as text, for golden files and for tests that look for something on a screen.
 */
#ifndef KVMLENS_TESTS_SCREEN_DUMP_H
#define KVMLENS_TESTS_SCREEN_DUMP_H

#include "ui/grid/screen.h"

/*
 * screen_dump - "ROWSxCOLS", the character plane, a line "--", the plane of the styles (one letter
 * each, screen_style_letter); each row ends with '|'. The caller frees it; NULL = no memory.
 */
char *screen_dump(const struct screen *screen);

/* screen_style_letter - '.' for NORMAL, a letter for each other style. */
char screen_style_letter(enum style style);

#endif
