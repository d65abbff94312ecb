/* SPDX-License-Identifier: MIT */
/*
 * The delay between two samples: its bounds, and how it is read, wherever it is given.
 */
#ifndef KVMLENS_UI_CHOOSE_DELAY_H
#define KVMLENS_UI_CHOOSE_DELAY_H

#define DELAY_MIN_S 0.1
#define DELAY_MAX_S 3600.0

/* delay_parse - seconds as "0.5", "10", in any locale. 0, or -EINVAL: no such, or out of bounds. */
int delay_parse(const char *text, double *ret);

/* delay_clamp - the nearest delay that is allowed. */
double delay_clamp(double seconds);

#endif
