/* SPDX-License-Identifier: MIT */
/*
 * Which of several VMs is cheaper to migrate.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_RANK_H
#define KVMLENS_CORE_FORECAST_FORECAST_RANK_H

#include "core/forecast/forecast_model.h"

/* One of those that are compared. */
struct forecast_ranked {
    const struct forecast *forecast; /* NULL: nothing is known */
    bool is_spoilt;                  /* as forecast_seen has it */
};

/*
 * forecast_rank_compare - below 0: @a is cheaper; 0: they are alike; above 0: @b is.
 *
 * What ends comes first, the shortest time first; then what is unsure but has a time; then what is
 * not expected to end, the greater margin first; then what is void, and last what nothing is known
 * of.
 */
int forecast_rank_compare(const struct forecast_ranked *a, const struct forecast_ranked *b);

#endif
