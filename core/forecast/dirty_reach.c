// SPDX-License-Identifier: MIT
#include "core/forecast/dirty_reach.h"

#include <math.h>
#include <stdbool.h>

#define ALL_CHANGED 0.9  /* of a place: it is not left out, however few pages it has */
#define NEARLY_ALL  0.98 /* of what changed elsewhere; a place or two have a stray page */
#define FEWEST_SEEN 0.5  /* of what there is to be met: with less, nothing is made of it */

static bool is_full(const struct dirty_place *place)
{
    return place->changed > 0 && place->changed > ALL_CHANGED * place->sampled;
}

/* The place that changed most densely of those that are not @taken; -1: none did. */
static int densest(const struct dirty_place *places, const bool *taken)
{
    int best = -1;

    for (int i = 0; i < DIRTY_PLACES; i++) {
        if (taken[i] || places[i].changed == 0)
            continue;
        if (best < 0 || (double)places[i].changed * places[best].sampled >
                            (double)places[best].changed * places[i].sampled)
            best = i;
    }
    return best;
}

struct dirty_reach dirty_reach_find(const struct dirty_looks *looks)
{
    const struct dirty_place *places = looks->places;
    bool taken[DIRTY_PLACES] = {false};
    double sampled = 0, reached = 0, half = 0, open = 0, met = 0, once = 0;
    struct dirty_reach ret = {.pages = 0};

    for (int i = 0; i < DIRTY_PLACES; i++) {
        double of = places[i].sampled, changed = fmin(places[i].changed, of);
        sampled += of;
        ret.changed += changed;
        half += changed > 0 ? changed / (1 + sqrt(1 - changed / of)) : 0;
        open += is_full(&places[i]) ? 0 : changed;
    }
    for (int i; (i = densest(places, taken)) >= 0;) {
        taken[i] = true;
        if (!is_full(&places[i]) && met >= NEARLY_ALL * open)
            break;
        reached += places[i].sampled;
        met += is_full(&places[i]) ? 0 : places[i].changed;
        once += places[i].changed == 1;
    }
    if (!(ret.changed > 0))
        return ret;
    ret.half = half / ret.changed;
    /* Places of which one page was met are like those of which none was (Good 1953). */
    double seen = 1 - once / ret.changed;
    if (seen >= FEWEST_SEEN)
        ret.pages = fmin(1, reached / seen / sampled) * (double)looks->population;
    return ret;
}
