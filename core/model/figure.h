/* SPDX-License-Identifier: MIT */
/*
 * A figure: a number made from readings, a rate, a ratio or a sum, that may be missing. Pure.
 */
#ifndef KVMLENS_CORE_MODEL_FIGURE_H
#define KVMLENS_CORE_MODEL_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

struct figure {
    double value;  /* meaningless unless state is READING_OK */
    uint8_t state; /* enum reading_state */
    uint8_t cause; /* enum reading_cause */
};

/*
 * figure_is_lacking - is there a number, but nobody could tell us? A sum without it is less than
 * what there is. One that this kernel does not count, or that nobody can have, is none.
 * @state, @cause: of the reading or figure, enum reading_state and enum reading_cause.
 */
bool figure_is_lacking(uint8_t state, uint8_t cause);

/*
 * figure_add - one more figure of a sum, which is missing as long as all of its figures are. A sum
 * begins with the state READING_ABSENT.
 */
void figure_add(struct figure *sum, struct figure figure);

#endif
