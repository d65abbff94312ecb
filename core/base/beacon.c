// SPDX-License-Identifier: MIT
#include "core/base/beacon.h"

#define TEXT(step, text) text,
static const char *const texts[BEACON_STEP_COUNT] = {BEACON_STEPS(TEXT)};
#undef TEXT

const char *beacon_text(int step)
{
    return step >= 0 && step < BEACON_STEP_COUNT ? texts[step] : "";
}
