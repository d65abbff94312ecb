// SPDX-License-Identifier: MIT
#include "core/model/figure.h"

#include "core/model/reading.h"

bool figure_is_lacking(uint8_t state, uint8_t cause)
{
    if (state != READING_ABSENT)
        return state != READING_OK;
    return cause != CAUSE_NONE && reading_cause_nature((enum reading_cause)cause) != CAUSE_IS_FACT;
}

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
