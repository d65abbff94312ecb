// SPDX-License-Identifier: MIT
#include "tests/lib/dirty_truth.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ON 0.25 /* part of the time of a burst in which it writes */

const char *const truth_names[TRUTH_PATTERN_COUNT] = {
    [TRUTH_IDLE] = "idle",     [TRUTH_UNIFORM] = "uniform",
    [TRUTH_HOT] = "hot 90/10", [TRUTH_SEQUENTIAL] = "sequential",
    [TRUTH_BURSTS] = "bursts",
};

double truth_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Seconds of writing in the time from 0 to @t of the clock of bursts. */
static double written_until(const struct truth *truth, double t)
{
    double whole = floor(t / truth->burst_s);

    return whole * ON * truth->burst_s + fmin(t - whole * truth->burst_s, ON * truth->burst_s);
}

static double random_pages(double pages, double writes)
{
    return pages * -expm1(-writes / pages);
}

double truth_pages(const struct truth *truth, double seconds)
{
    double set = truth->working_set, writes = truth->writes_per_s * seconds, sum = 0;

    switch ((enum truth_pattern)truth->pattern) {
    case TRUTH_UNIFORM:
        return random_pages(set, writes);
    case TRUTH_HOT:
        return random_pages(0.1 * set, 0.9 * writes) + random_pages(0.9 * set, 0.1 * writes);
    case TRUTH_SEQUENTIAL:
        return fmin(set, writes);
    case TRUTH_BURSTS:
        for (int i = 0; i < 400; i++) {
            double begin = (i + 0.5) / 400 * truth->burst_s;
            double on = written_until(truth, begin + seconds) - written_until(truth, begin);
            sum += random_pages(set, truth->writes_per_s / ON * on) / 400;
        }
        return sum;
    case TRUTH_IDLE:
    case TRUTH_PATTERN_COUNT:
        break;
    }
    return 0;
}

/* Where a page is: in the working set, in its hot part, and where in the sequence. */
struct place {
    double in_population, phase;
};

static int is_written(const struct truth *truth, const struct place *place, double from, double to,
                      double phase, uint64_t *random)
{
    double set = truth->working_set, writes = truth->writes_per_s * (to - from);
    int is_hot = place->in_population < 0.1 * set;

    if (place->in_population >= set)
        return 0;
    switch ((enum truth_pattern)truth->pattern) {
    case TRUTH_UNIFORM:
        return truth_random(random) < -expm1(-writes / set);
    case TRUTH_HOT:
        return truth_random(random) <
               -expm1(is_hot ? -0.9 * writes / (0.1 * set) : -0.1 * writes / (0.9 * set));
    case TRUTH_SEQUENTIAL: { /* passed at place->phase, and every set / rate seconds from there */
        double period = set / truth->writes_per_s;
        return floor(to / period - place->phase) > floor(from / period - place->phase);
    }
    case TRUTH_BURSTS: {
        double on = written_until(truth, phase + to) - written_until(truth, phase + from);
        return truth_random(random) < -expm1(-truth->writes_per_s / ON * on / set);
    }
    case TRUTH_IDLE:
    case TRUTH_PATTERN_COUNT:
        break;
    }
    return 0;
}

static void look(struct dirty_looks *ret, const struct truth *truth, uint64_t sampled,
                 const double *when, size_t count, uint64_t *random, bool has_places)
{
    double phase = truth_random(random) * truth->burst_s;

    memset(ret, 0, sizeof(*ret));
    ret->population = (uint64_t)truth->population;
    ret->sampled = sampled;
    ret->duration_s = when[count - 1];
    ret->page_bytes_dirty = 4096;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++)
            ret->pairs[ret->pair_count++] = (struct dirty_pair){
                .begin_s = when[i], .seconds = when[j] - when[i], .sampled = sampled};
    }
    for (uint64_t page = 0; page < sampled; page++) {
        struct place place = {truth_random(random) * truth->population, truth_random(random)};
        size_t last[DIRTY_LOOKS_MOST], pair = 0; /* the last look before which it was written */
        if (has_places)                          /* in the order of the addresses */
            place.phase = fmod(place.in_population / truth->working_set + phase, 1);
        last[0] = 0;
        for (size_t i = 1; i < count; i++)
            last[i] =
                is_written(truth, &place, when[i - 1], when[i], phase, random) ? i : last[i - 1];
        for (size_t i = 0; i < count; i++) {
            for (size_t j = i + 1; j < count; j++)
                ret->pairs[pair++].changed += last[j] > i;
        }
        if (has_places) {
            struct dirty_place *at =
                &ret->places[(int)(place.in_population / truth->population * DIRTY_PLACES)];
            at->sampled++;
            at->changed += last[count - 1] > 0;
        }
    }
}

void truth_look(struct dirty_looks *ret, const struct truth *truth, uint64_t sampled,
                const double *when, size_t count, uint64_t *random)
{
    look(ret, truth, sampled, when, count, random, false);
}

void truth_look_places(struct dirty_looks *ret, const struct truth *truth, uint64_t sampled,
                       const double *when, size_t count, uint64_t *random)
{
    look(ret, truth, sampled, when, count, random, true);
}
