// SPDX-License-Identifier: MIT
/*
 * CPU time of a forecast: the curve once after the looks, the model at each key.
 *
 *   bench_forecast            figures of some guests
 *   bench_forecast --lines    forecasts of VMs that are described, not looked at: an object of JSON
 *                             on each line in, its forecast on each line out (tests/forecast has
 *                             both ends)
 *
 * What a line says: "bandwidth", "link" (bytes/s), "downtime_s", "mode", "zero_detection",
 * "channels", "auto_converge", "vcpu_busy" (0 or none: not known); "untouched", "resident", "zero",
 * "zero_low", "zero_high" (pages); and the curve: "groups" ([["decay" or "ramp", pages, per_s],
 * ...]), "bursty", "population", "longest_s", "newly_touched_per_s", "resident_at", "written_at";
 * or "looks" in its place, as bench_looks --vm prints them.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/forecast/forecast_model.h"
#include "core/forecast/forecast_remedy.h"
#include "core/forecast/forecast_words.h"
#include "tests/lib/dirty_truth.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define TIMES        20

static const struct {
    const char *name;
    struct truth truth;
    double untouched, zero; /* pages */
    double bandwidth;
    double busy; /* with auto-converge, and so busy; 0: without */
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
    {"the same, busy for a tenth", {TRUTH_HOT, 1.2e7, 1e6, 200000, 1}, 4e6, 777216, 125e6, 0.1},
    {"uniform, the same, 2 GiB",
     {TRUTH_UNIFORM, 300000, 50000, 60000, 1},
     200000,
     24288,
     125e6,
     0.1},
    {"sequential, 4 TiB", {TRUTH_SEQUENTIAL, 7e8, 1e7, 20000, 1}, 3e8, 73741824, 125e6, 0},
    {"bursts, 10 MB/s", {TRUTH_BURSTS, 300000, 100000, 1000, 2}, 200000, 24288, 1e7, 0},
};

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- lines ------------------------------------------------------------------------------------ */

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key, const char *without)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : without;
}

static struct forecast_settings read_settings(const json_t *line)
{
    struct forecast_settings settings = {
        .channels = (unsigned)number(line, "channels"),
        .bandwidth = number(line, "bandwidth"),
        .link_bandwidth = number(line, "link"),
        .downtime_limit_s = number(line, "downtime_s"),
        .auto_converge = json_is_true(json_object_get(line, "auto_converge")),
    };

    for (int i = 0; i < FORECAST_MODE_COUNT; i++)
        if (strcmp(text(line, "mode", ""), forecast_mode_name((enum forecast_mode)i)) == 0)
            settings.mode = (uint8_t)i;
    for (int i = 0; i < FORECAST_ZERO_COUNT; i++)
        if (strcmp(text(line, "zero_detection", ""),
                   forecast_zero_name((enum forecast_zero_detection)i)) == 0)
            settings.zero_detection = (uint8_t)i;
    return settings;
}

static void read_places(const json_t *list, double *ret)
{
    for (size_t i = 0; i < DIRTY_PLACES; i++)
        ret[i] = json_number_value(json_array_get(list, i));
}

/* A curve that is known. */
static void read_curve(const json_t *line, struct dirty_curve *ret)
{
    const json_t *groups = json_object_get(line, "groups");
    struct dirty_mix mix = {.term_count = 0};
    struct dirty_curve curve = {.dispersion = 1};

    for (size_t i = 0; i < json_array_size(groups) && i < DIRTY_TERMS_MOST; i++) {
        const json_t *group = json_array_get(groups, i);
        struct dirty_term term = {
            .kind = strcmp(json_string_value(json_array_get(group, 0)), "ramp") == 0
                        ? DIRTY_TERM_RAMP
                        : DIRTY_TERM_DECAY,
            .pages = json_number_value(json_array_get(group, 1)),
            .per_s = json_number_value(json_array_get(group, 2)),
        };
        if (term.pages <= 0 || term.per_s <= 0)
            continue;
        mix.terms[mix.term_count++] = term;
        curve.initial_per_s += term.pages * term.per_s;
    }
    curve.low = curve.middle = curve.high = mix;
    curve.population = number(line, "population");
    curve.longest_s = number(line, "longest_s");
    curve.newly_touched_per_s = number(line, "newly_touched_per_s");
    curve.flags = json_is_true(json_object_get(line, "bursty")) ? DIRTY_CURVE_BURSTY : 0;
    read_places(json_object_get(line, "resident_at"), curve.resident_at);
    read_places(json_object_get(line, "written_at"), curve.written_at);
    *ret = curve;
}

/* A curve that is fitted. */
static int fit_curve(const json_t *line, struct dirty_curve *ret, struct error *err)
{
    const json_t *looks = json_object_get(line, "looks"), *pairs = json_object_get(looks, "pairs");
    const json_t *places = json_object_get(looks, "places");
    struct dirty_looks d = {
        .population = (uint64_t)number(looks, "population"),
        .sampled = (uint64_t)number(looks, "sampled"),
        .duration_s = number(looks, "duration_s"),
        .newly_touched_per_s = number(looks, "newly_touched_per_s"),
        .zero_at_begin = (uint64_t)number(looks, "zero_at_begin"),
        .zero_at_end = (uint64_t)number(looks, "zero_at_end"),
        .page_bytes_dirty = FORECAST_PAGE_BYTES,
        .flags = (uint32_t)number(looks, "flags"),
    };

    for (size_t i = 0; i < json_array_size(pairs) && i < DIRTY_PAIRS_MOST; i++) {
        const json_t *pair = json_array_get(pairs, i);
        d.pairs[d.pair_count++] = (struct dirty_pair){
            .begin_s = json_number_value(json_array_get(pair, 0)),
            .seconds = json_number_value(json_array_get(pair, 1)),
            .sampled = (uint64_t)json_number_value(json_array_get(pair, 2)),
            .changed = (uint64_t)json_number_value(json_array_get(pair, 3)),
        };
    }
    for (size_t i = 0; i < json_array_size(places) && i < DIRTY_PLACES; i++) {
        const json_t *place = json_array_get(places, i);
        d.places[i].sampled = (uint32_t)json_integer_value(json_array_get(place, 0));
        d.places[i].changed = (uint32_t)json_integer_value(json_array_get(place, 1));
    }
    return dirty_curve_fit(ret, &d, err);
}

/* What never ends is null. */
static json_t *range_json(const struct forecast_range *range)
{
    json_t *list = json_array();

    for (int i = 0; i < 3; i++) {
        double value = i == 0 ? range->value : i == 1 ? range->low : range->high;
        json_array_append_new(list, isfinite(value) ? json_real(value) : json_null());
    }
    return list;
}

static json_t *forecast_json(const struct forecast *forecast, const struct dirty_curve *curve)
{
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:f, s:s}", "bytes", range_json(&forecast->bytes), "total_s",
        range_json(&forecast->total_s), "downtime_ms", range_json(&forecast->downtime_ms), "rounds",
        range_json(&forecast->rounds), "margin", range_json(&forecast->margin), "throttle",
        forecast->throttle, "converges",
        forecast_converges_name((enum forecast_converges)forecast->converges));
    json_t *groups = json_array();

    for (size_t i = 0; i < curve->middle.term_count; i++) {
        const struct dirty_term *term = &curve->middle.terms[i];
        json_array_append_new(groups, json_pack("[s, f, f]",
                                                term->kind == DIRTY_TERM_RAMP ? "ramp" : "decay",
                                                term->pages, term->per_s));
    }
    json_object_set_new(json, "groups", groups);
    return json;
}

static int forecast_line(const char *line)
{
    struct forecast_input input = {.costs = forecast_costs_default};
    struct dirty_curve curve;
    struct forecast forecast;
    struct error err = {.code = 0};
    json_error_t where;
    json_t *json = json_loads(line, 0, &where);
    int result = 0;

    if (json == NULL) {
        fprintf(stderr, "bench_forecast: %s\n", where.text);
        return 1;
    }
    input.settings = read_settings(json);
    input.pages = (struct forecast_pages){number(json, "untouched"), number(json, "resident"),
                                          number(json, "zero"), number(json, "zero_low"),
                                          number(json, "zero_high")};
    input.vcpu_busy = number(json, "vcpu_busy");
    input.curve = &curve;
    if (json_object_get(json, "looks") != NULL)
        result = fit_curve(json, &curve, &err);
    else
        read_curve(json, &curve);
    if (result == 0)
        result = forecast_make(&forecast, &input, &err);
    json_t *out =
        result == 0 ? forecast_json(&forecast, &curve) : json_pack("{s:s}", "error", err.msg);
    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(out);
    json_decref(json);
    return 0;
}

static int forecast_lines(void)
{
    char *line = NULL;
    size_t size = 0;
    int result = 0;

    while (result == 0 && getline(&line, &size, stdin) > 0)
        result = forecast_line(line);
    free(line);
    return result;
}

int main(int argc, char **argv)
{
    static const double when[] = {0, 0.1, 0.25, 0.5, 1, 1.75, 3, 5};

    if (argc > 1 && strcmp(argv[1], "--lines") == 0)
        return forecast_lines();
    printf("%-32s %8s %9s %9s %6s\n", "", "curve", "forecast", "remedy", "groups");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dirty_looks looks;
        struct dirty_curve curve;
        struct forecast forecast;
        struct forecast_remedy remedy;
        uint64_t random = i;
        const struct forecast_settings settings = {.bandwidth = cases[i].bandwidth,
                                                   .downtime_limit_s = 0.3,
                                                   .channels = 1,
                                                   .auto_converge = cases[i].busy > 0};
        const struct forecast_pages pages = {cases[i].untouched,
                                             cases[i].truth.population + cases[i].zero,
                                             cases[i].zero, cases[i].zero, cases[i].zero};
        double curve_ms = 0, forecast_ms = 0, remedy_ms = 0, begin;
        truth_look(&looks, &cases[i].truth, 20000, when, COUNT(when), &random);
        for (int n = 0; n < TIMES; n++) {
            begin = cpu_ms();
            if (dirty_curve_fit(&curve, &looks, NULL) != 0)
                abort();
            curve_ms += (cpu_ms() - begin) / TIMES;
            struct forecast_input input = {
                .pages = pages,
                .curve = &curve,
                .vcpu_busy = cases[i].busy,
                .settings = settings,
                .costs = forecast_costs_default,
            };
            begin = cpu_ms();
            if (forecast_make(&forecast, &input, NULL) != 0)
                abort();
            forecast_ms += (cpu_ms() - begin) / TIMES;
        }
        struct forecast_seen seen = {.curve = curve, .vcpu_busy = cases[i].busy};
        seen.pages = pages;
        begin = cpu_ms();
        if (forecast_remedy_find(&remedy, &seen, &settings, NULL) != 0)
            abort();
        remedy_ms = cpu_ms() - begin;
        printf("%-32s %5.2f ms %6.2f ms %6.2f ms %6zu\n", cases[i].name, curve_ms, forecast_ms,
               remedy_ms, curve.middle.term_count);
    }
    return 0;
}
