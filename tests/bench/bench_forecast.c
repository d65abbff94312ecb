// SPDX-License-Identifier: MIT
// CPU time of a forecast: the curve once after the looks, the model at each key.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/forecast/forecast_model.h"
#include "tests/lib/dirty_truth.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define TIMES        20

static const struct {
    const char *name;
    struct truth truth;
    double untouched, zero; /* pages */
    double bandwidth;
    int auto_converge;
} cases[] = {
    {"idle, 1 GiB", {TRUTH_IDLE, 100000, 1, 0, 1}, 150000, 12144, 125e6, 0},
    {"uniform, converges, 2 GiB",
     {TRUTH_UNIFORM, 300000, 50000, 10000, 1},
     200000,
     24288,
     125e6,
     0},
    {"uniform, near the limit, 8 GiB",
     {TRUTH_UNIFORM, 1500000, 200000, 24000, 1},
     500000,
     97152,
     125e6,
     0},
    {"uniform, never, 64 GiB", {TRUTH_UNIFORM, 1.2e7, 1e6, 200000, 1}, 4e6, 777216, 125e6, 0},
    {"hot, never, 64 GiB", {TRUTH_HOT, 1.2e7, 1e6, 200000, 1}, 4e6, 777216, 125e6, 0},
    {"hot, auto-converge, 64 GiB", {TRUTH_HOT, 1.2e7, 1e6, 200000, 1}, 4e6, 777216, 125e6, 1},
    {"sequential, 4 TiB", {TRUTH_SEQUENTIAL, 7e8, 1e7, 20000, 1}, 3e8, 73741824, 125e6, 0},
    {"bursts, 10 MB/s", {TRUTH_BURSTS, 300000, 100000, 1000, 2}, 200000, 24288, 1e7, 0},
};

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(void)
{
    static const double when[] = {0, 0.1, 0.25, 0.5, 1, 1.75, 3, 5};

    printf("%-32s %8s %9s %6s\n", "", "curve", "forecast", "groups");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dirty_looks looks;
        struct dirty_curve curve;
        struct forecast forecast;
        uint64_t random = i;
        double curve_ms = 0, forecast_ms = 0;
        truth_look(&looks, &cases[i].truth, 20000, when, COUNT(when), &random);
        for (int n = 0; n < TIMES; n++) {
            double begin = cpu_ms();
            if (dirty_curve_fit(&curve, &looks, NULL) != 0)
                abort();
            curve_ms += (cpu_ms() - begin) / TIMES;
            struct forecast_input input = {
                .pages = {cases[i].untouched, cases[i].truth.population + cases[i].zero,
                          cases[i].zero, cases[i].zero, cases[i].zero},
                .curve = &curve,
                .settings = {.bandwidth = cases[i].bandwidth,
                             .downtime_limit_s = 0.3,
                             .channels = 1,
                             .auto_converge = cases[i].auto_converge != 0},
                .costs = forecast_costs_default,
            };
            begin = cpu_ms();
            if (forecast_make(&forecast, &input, NULL) != 0)
                abort();
            forecast_ms += (cpu_ms() - begin) / TIMES;
        }
        printf("%-32s %5.2f ms %6.2f ms %6zu\n", cases[i].name, curve_ms, forecast_ms,
               curve.middle.term_count);
    }
    return 0;
}
