/* SPDX-License-Identifier: MIT */
/*
 * The legend of the help: signs and colours, and on which screens they are.
 */
#ifndef KVMLENS_UI_SCREENS_HELP_SIGNS_H
#define KVMLENS_UI_SCREENS_HELP_SIGNS_H

#include <stddef.h>
#include <stdint.h>

#include "ui/grid/screen.h"

struct help_sign {
    uint32_t screens;  /* SCREEN_BIT mask */
    const char *sign;  /* as it stands there; NULL: @glyph does */
    enum glyph glyph;
    enum style style;  /* shows in its own colour */
    const char *text;  /* what it means, no full stop */
};

extern const struct help_sign help_signs[];
extern const size_t help_sign_count;

/* The sign of the sentence about lockdown. */
extern const struct help_sign help_lockdown;

/* help_sign_text - what stands on the screen. */
const char *help_sign_text(const struct help_sign *sign, const struct screen *screen);

#endif
