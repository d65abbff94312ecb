// SPDX-License-Identifier: MIT
#include "ui/screens/object.h"

#define SCREEN_POINTER(id, object, ...) [SCREEN_##id] = &object##_screen,
static const struct screen_object *const objects[SCREEN_COUNT] = {
    SCREEN_LIST(SCREEN_POINTER, SCREEN_POINTER)};

const struct screen_object *screens_get(enum ui_screen screen)
{
    return objects[screen];
}
