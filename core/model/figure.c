// SPDX-License-Identifier: MIT
#include "core/model/figure.h"

#include "core/model/reading.h"

void figure_add(struct figure *sum, struct figure figure)
{
    if (figure.state == READING_OK) {
        sum->value += figure.value;
        sum->state = READING_OK;
        sum->cause = CAUSE_NONE;
    } else if (sum->state == READING_ABSENT) {
        sum->state = figure.state;
        sum->cause = figure.cause;
    }
}
