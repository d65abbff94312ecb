// SPDX-License-Identifier: MIT
// The model of a migration: cases that can be worked out by hand, and QEMU's algorithm page by
// page.
#include "core/forecast/forecast_model.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/qemu_rounds.h"
#include "tests/lib/short_run.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MB           1e6
#define SEEDS        3

/* A curve without doubt: what the guest really does. */
static struct dirty_curve true_curve(const struct truth *truth)
{
    struct dirty_curve curve = {.population = truth->population,
                                .sampled = truth->population,
                                .shortest_s = 0.1,
                                .longest_s = 100,
                                .dispersion = 1};
    double set = truth->working_set, rate = truth->writes_per_s;
    struct dirty_mix *mix = &curve.middle;

    if (truth->pattern == TRUTH_UNIFORM)
        mix->terms[mix->term_count++] = (struct dirty_term){DIRTY_TERM_DECAY, set, rate / set};
    if (truth->pattern == TRUTH_SEQUENTIAL)
        mix->terms[mix->term_count++] = (struct dirty_term){DIRTY_TERM_RAMP, set, rate / set};
    if (truth->pattern == TRUTH_HOT) {
        mix->terms[mix->term_count++] =
            (struct dirty_term){DIRTY_TERM_DECAY, 0.1 * set, 9 * rate / set};
        mix->terms[mix->term_count++] =
            (struct dirty_term){DIRTY_TERM_DECAY, 0.9 * set, rate / set / 9};
    }
    curve.low = curve.high = curve.middle;
    for (size_t i = 0; i < mix->term_count; i++)
        curve.initial_per_s += mix->terms[i].pages * mix->terms[i].per_s;
    return curve;
}

static struct dirty_curve seen_curve(const struct truth *truth, uint64_t sampled, uint64_t seed)
{
    static const double when[] = {0, 0.1, 0.25, 0.5, 1, 1.75, 3, 5};
    struct dirty_looks looks;
    struct dirty_curve curve;

    truth_look(&looks, truth, sampled, when, COUNT(when), &seed);
    assert_int_equal(dirty_curve_fit(&curve, &looks, NULL), 0);
    return curve;
}

/* What somebody who knows where the sampled pages lie would say. */
static void tell_places(struct dirty_curve *curve, const struct qemu_guest *guest)
{
    double resident = guest->zero + guest->nonzero, all = resident + guest->untouched;
    double first = guest->is_zero_first ? guest->zero : 0; /* of those that are written */
    double written = guest->is_scattered || guest->nonzero == 0
                         ? resident - first
                         : guest->truth.working_set / guest->nonzero * (resident - first);

    for (int i = 0; i < DIRTY_PLACES; i++) {
        double begin = all * i / DIRTY_PLACES, end = all * (i + 1) / DIRTY_PLACES;
        curve->resident_at[i] = fmax(0, fmin(end, resident) - begin) / resident;
        double here = fmax(0, fmin(end, first + written) - fmax(begin, first));
        curve->written_at[i] = written > 0 ? here / written : 0;
    }
}

static struct forecast_input input_of(const struct qemu_guest *guest,
                                      const struct dirty_curve *curve)
{
    struct forecast_input input = {
        .pages = {guest->untouched, guest->zero + guest->nonzero, guest->zero, guest->zero,
                  guest->zero},
        .curve = curve,
        .settings = {.mode = FORECAST_PRECOPY,
                     .zero_detection = FORECAST_ZERO_LEGACY,
                     .channels = 1,
                     .bandwidth = 125 * MB,
                     .link_bandwidth = 1000 * MB,
                     .downtime_limit_s = 0.3},
        .costs = forecast_costs_default,
    };

    /* Times of its own, for a quantum more or less decides of whole rounds. */
    input.costs.normal_page_s = 1.4e-6;
    input.costs.zero_page_s = 0.5e-6;
    input.costs.untouched_page_s = 0.6e-6;
    input.costs.sync_page_s = 2e-9;
    input.costs.late_s = 0.001;
    input.costs.over_bytes = 0; /* the algorithm page by page knows at each what it has sent */
    return input;
}

static struct forecast make(const struct forecast_input *input)
{
    struct forecast forecast;
    struct error err = {.code = 0};

    if (forecast_make(&forecast, input, &err) != 0)
        fail_msg("%s", err.msg);
    return forecast;
}

/* --- beside the algorithm, page by page ------------------------------------------------------- */

struct simulated {
    struct qemu_guest guest;
    double bandwidth;
    bool auto_converge;
    double chunk_pages;
};

#define GUEST(pattern, set, rate, scattered)                                                       \
    {                                                                                              \
        .truth = {pattern, 120000, set, rate, 2}, .untouched = 100000, .zero = 40000,              \
        .nonzero = 120000, .is_scattered = scattered                                               \
    }
/* Zero pages first, then those that are written. */
#define APART(pattern, set, rate)                                                                  \
    {                                                                                              \
        .truth = {pattern, set, set, rate, 2}, .untouched = 0, .zero = 200000, .nonzero = set,     \
        .is_zero_first = true                                                                      \
    }

#define ONE  262144 /* all of memory is one chunk */
#define FOUR 65536

static const struct simulated cases[] = {
    {GUEST(TRUTH_IDLE, 0, 0, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 50000, 5000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 50000, 20000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 50000, 20000, true), 125 * MB, false, FOUR},
    {GUEST(TRUTH_UNIFORM, 50000, 20000, false), 125 * MB, false, FOUR},
    {GUEST(TRUTH_UNIFORM, 100000, 24000, true), 125 * MB, false, FOUR},
    {GUEST(TRUTH_UNIFORM, 100000, 60000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 5000, 200000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 20000, 800000, true), 125 * MB, false, FOUR},
    {GUEST(TRUTH_UNIFORM, 50000, 60000, true), 500 * MB, false, FOUR},
    {GUEST(TRUTH_HOT, 60000, 20000, true), 125 * MB, false, FOUR},
    {GUEST(TRUTH_HOT, 60000, 100000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_HOT, 60000, 100000, true), 500 * MB, false, FOUR},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 10000, false), 125 * MB, false, ONE},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 22000, false), 125 * MB, false, ONE},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 10000, false), 125 * MB, false, FOUR},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 60000, false), 125 * MB, false, ONE},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 60000, true), 500 * MB, false, FOUR},
    {APART(TRUTH_UNIFORM, 60000, 12000), 125 * MB, false, ONE},
    {APART(TRUTH_UNIFORM, 60000, 12000), 125 * MB, false, FOUR},
    {APART(TRUTH_SEQUENTIAL, 60000, 12000), 125 * MB, false, FOUR},
    {GUEST(TRUTH_BURSTS, 60000, 5000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_BURSTS, 60000, 15000, true), 125 * MB, false, ONE},
    {GUEST(TRUTH_UNIFORM, 100000, 60000, true), 125 * MB, true, ONE},
    {GUEST(TRUTH_HOT, 60000, 300000, true), 125 * MB, true, FOUR},
    {GUEST(TRUTH_SEQUENTIAL, 80000, 60000, false), 125 * MB, true, ONE},
};

struct mean {
    struct qemu_outcome outcome;
    int converged;
};

static struct mean simulate(const struct simulated *c, const struct forecast_input *input)
{
    struct mean mean = {.converged = 0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct qemu_outcome outcome;
        qemu_rounds_run(&outcome, &c->guest, &input->settings, &input->costs, seed);
        if (!outcome.converges)
            continue;
        mean.converged++;
        mean.outcome.bytes += outcome.bytes;
        mean.outcome.total_s += outcome.total_s;
        mean.outcome.downtime_s += outcome.downtime_s;
        mean.outcome.syncs += outcome.syncs;
    }
    mean.outcome.bytes /= mean.converged;
    mean.outcome.total_s /= mean.converged;
    mean.outcome.downtime_s /= mean.converged;
    mean.outcome.syncs /= mean.converged;
    return mean;
}

static const char *const verdicts[] = {"no", "yes", "unsure"};

static void print_row(const struct simulated *c, const struct mean *mean, const char *curve,
                      const struct forecast *f)
{
    const struct truth *truth = &c->guest.truth;

    printf(
        "%-10s %6.0f %6.0f %s %4.0f %s | %d/%d %6.1f MB %6.2f s %4.0f ms %5.1f | %-5s %-6s %5.2f "
        "%6.1f MB %6.2f s %4.0f ms %5.1f |",
        truth_names[truth->pattern], truth->working_set, truth->writes_per_s,
        c->guest.is_scattered ? "all " : "here", c->bandwidth / MB,
        c->auto_converge       ? "auto"
        : c->chunk_pages < ONE ? "four"
                               : "    ",
        mean->converged, SEEDS, mean->outcome.bytes / MB, mean->outcome.total_s,
        mean->outcome.downtime_s * 1e3, mean->outcome.syncs - 1, curve, verdicts[f->converges],
        f->margin.value, f->bytes.value / MB, f->total_s.value, f->downtime_ms.value,
        f->rounds.value);
    if (mean->converged > 0 && isfinite(f->total_s.value))
        printf(" %+5.1f%% %+5.1f%%", 100 * (f->bytes.value / mean->outcome.bytes - 1),
               100 * (f->total_s.value / mean->outcome.total_s - 1));
    printf("\n");
}

/* Wide bounds: they catch a model that is wrong, and none of the dice. */
static void assert_near(const struct mean *mean, const struct forecast *f, double most,
                        const struct forecast_settings *settings)
{
    /* What 100 ms send may be left or not. */
    double step_ms = 100 * settings->bandwidth / settings->link_bandwidth + 15;

    assert_true(mean->converged == SEEDS || mean->converged == 0);
    assert_int_equal(isfinite(f->total_s.value), mean->converged > 0);
    if (f->converges != FORECAST_UNSURE)
        assert_int_equal(f->converges == FORECAST_DOES, mean->converged > 0);
    if (mean->converged == 0)
        return;
    assert_true(fabs(f->bytes.value / mean->outcome.bytes - 1) < most);
    assert_true(fabs(f->total_s.value / mean->outcome.total_s - 1) < most);
    assert_true(fabs(f->downtime_ms.value - mean->outcome.downtime_s * 1e3) < step_ms);
}

static void model_agrees_with_the_algorithm_page_by_page(void **state)
{
    size_t step = short_run("three of four guests") ? 4 : 1;
    int unsure = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i += step) {
        const struct simulated *c = &cases[i];
        struct dirty_curve known = true_curve(&c->guest.truth);
        struct dirty_curve seen = seen_curve(&c->guest.truth, 30000, i + 1);
        struct forecast_input input = input_of(&c->guest, &known);
        input.settings.bandwidth = c->bandwidth;
        input.settings.auto_converge = c->auto_converge;
        input.costs.chunk_pages = c->chunk_pages;
        struct mean mean = simulate(c, &input);
        bool is_bursty = c->guest.truth.pattern == TRUTH_BURSTS;
        /* Who writes in sequence may be just before or behind what is sent. */
        bool is_lucky = c->guest.truth.pattern == TRUTH_SEQUENTIAL;
        tell_places(&known, &c->guest);
        tell_places(&seen, &c->guest);
        if (!is_bursty) {
            struct forecast f = make(&input);
            print_row(c, &mean, "known", &f);
            assert_near(&mean, &f, is_lucky ? 0.12 : 0.06, &input.settings);
        }
        input.curve = &seen;
        struct forecast f = make(&input);
        print_row(c, &mean, "seen", &f);
        assert_near(&mean, &f, is_bursty ? 0.5 : 0.15, &input.settings);
        unsure += f.converges == FORECAST_UNSURE;
    }
    assert_true(unsure <= (int)COUNT(cases) / 6);
}

static void guest_whose_pages_lie_anywhere_is_within_the_range(void **state)
{
    static const uint8_t patterns[] = {TRUTH_UNIFORM, TRUTH_SEQUENTIAL};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct simulated c = {GUEST(patterns[i / 2], 50000, 15000, i % 2), 125 * MB, false, FOUR};
        struct dirty_curve known = true_curve(&c.guest.truth); /* but for the places */
        struct forecast_input input = input_of(&c.guest, &known);
        input.costs.chunk_pages = FOUR;
        struct mean mean = simulate(&c, &input);
        struct forecast f = make(&input);
        print_row(&c, &mean, "places", &f);
        printf("    within %.1f .. %.1f MB, %.2f .. %.2f s\n", f.bytes.low / MB, f.bytes.high / MB,
               f.total_s.low, f.total_s.high);
        double step = 0.11 * c.bandwidth; /* QEMU goes on in steps of 100 ms */
        assert_true(f.bytes.low <= mean.outcome.bytes + step);
        assert_true(f.bytes.high >= mean.outcome.bytes - step);
        assert_true(f.total_s.low <= mean.outcome.total_s + 0.11);
        assert_true(f.total_s.high >= mean.outcome.total_s - 0.11);
    }
}

/*
 * A small set that is dirty again at once, behind much memory that is zero or was never touched:
 * the search is past it, and goes on with what comes behind it, though all of the set is to be sent
 * again. And what is left is looked at every 50 ms, not only when 100 ms are over.
 */
static void set_that_is_always_dirty_does_not_hold_the_search(void **state)
{
    static const struct {
        uint32_t zero, set, untouched;
        double rate, bandwidth, limit_s;
    } guests[] = {
        {534000, 10500, 60000, 80000, 124 * MB, 0.715},
        {300000, 5000, 200000, 80000, 124 * MB, 0.4},
        {829000, 2600, 180000, 26000, 79 * MB, 0.173},
        {60000, 3600, 190000, 58000, 80 * MB, 0.285},
        {250000, 2000, 2500, 200000, 40 * MB, 0.36},
        {220000, 2600, 6000, 90000, 40 * MB, 0.3},
        {200000, 30000, 30000, 20000, 124 * MB, 0.3},
    };

    size_t step = short_run("five of seven guests") ? 4 : 1;

    (void)state;
    for (size_t i = 0; i < COUNT(guests); i += step) {
        struct simulated c = {
            .guest = {.truth = {TRUTH_UNIFORM, guests[i].set, guests[i].set, guests[i].rate, 2},
                      .untouched = guests[i].untouched,
                      .zero = guests[i].zero,
                      .nonzero = guests[i].set,
                      .is_zero_first = true},
            .bandwidth = guests[i].bandwidth,
            .chunk_pages = ONE};
        struct dirty_curve known = true_curve(&c.guest.truth);
        struct forecast_input input = input_of(&c.guest, &known);
        input.settings.bandwidth = c.bandwidth;
        input.settings.link_bandwidth = 3000 * MB;
        input.settings.downtime_limit_s = guests[i].limit_s;
        input.costs.chunk_pages = c.chunk_pages;
        struct mean mean = simulate(&c, &input);
        tell_places(&known, &c.guest);
        struct forecast f = make(&input);
        print_row(&c, &mean, "known", &f);
        assert_near(&mean, &f, 0.08, &input.settings);
    }
}

/*
 * Written so slowly that the looks see no end of it, but they see where it lies: what is written is
 * no more than what is there, and what of it is left to be sent is no more than that.
 */
static void set_whose_end_is_not_seen_is_as_large_as_where_it_lies(void **state)
{
    static const struct {
        uint32_t set;
        double rate, bandwidth;
    } sets[] = {{60000, 1500, 70 * MB}, {160000, 4000, 35 * MB}};

    (void)state;
    for (size_t i = 0; i < COUNT(sets); i++) {
        double all = 400000.0 + sets[i].set;
        struct simulated c = {.guest = {.truth = {TRUTH_UNIFORM, all, sets[i].set, sets[i].rate, 2},
                                        .untouched = 100,
                                        .zero = 400000,
                                        .nonzero = sets[i].set,
                                        .is_zero_first = true},
                              .bandwidth = sets[i].bandwidth,
                              .chunk_pages = ONE};
        struct dirty_curve seen = true_curve(&c.guest.truth);
        seen.longest_s = 5;
        seen.middle.terms[0] =
            (struct dirty_term){DIRTY_TERM_RAMP, all,
                                truth_pages(&c.guest.truth, seen.longest_s) / seen.longest_s / all};
        struct forecast_input input = input_of(&c.guest, &seen);
        input.settings.bandwidth = c.bandwidth;
        input.settings.downtime_limit_s = 0.6;
        struct mean mean = simulate(&c, &input);
        tell_places(&seen, &c.guest);
        struct forecast f = make(&input);
        print_row(&c, &mean, "seen", &f);
        assert_near(&mean, &f, 0.04, &input.settings);
    }
}

/* Who writes in sequence has been at a part of its set: in some places all pages are changed, in
 * the others none. */
static void sequence_of_which_a_part_was_seen_is_larger_than_that(void **state)
{
    const uint32_t zero = 400000, set = 60000;
    struct simulated c = {.guest = {.truth = {TRUTH_SEQUENTIAL, zero + set, set, 6000, 2},
                                    .untouched = 100,
                                    .zero = zero,
                                    .nonzero = set,
                                    .is_zero_first = true},
                          .bandwidth = 45 * MB,
                          .chunk_pages = ONE};
    struct dirty_curve seen = true_curve(&c.guest.truth);
    struct forecast_input input = input_of(&c.guest, &seen);
    double all = zero + set, swept = 5 * c.guest.truth.writes_per_s;

    (void)state;
    seen.longest_s = 5;
    seen.middle.terms[0] = (struct dirty_term){DIRTY_TERM_RAMP, all, swept / seen.longest_s / all};
    input.settings.bandwidth = c.bandwidth;
    input.settings.downtime_limit_s = 0.6;
    struct mean mean = simulate(&c, &input);
    tell_places(&seen, &c.guest);
    for (int i = 0; i < DIRTY_PLACES; i++) {
        double begin = (all + 100) * i / DIRTY_PLACES, end = (all + 100) * (i + 1) / DIRTY_PLACES;
        double here = fmax(0, fmin(end, zero + swept) - fmax(begin, zero));
        seen.written_at[i] = here / swept;
    }
    struct forecast f = make(&input);
    print_row(&c, &mean, "seen", &f);
    assert_near(&mean, &f, 0.03, &input.settings);
}

/* --- cases that can be worked out by hand ----------------------------------------------------- */

static const struct qemu_guest idle = {
    .truth = {TRUTH_IDLE, 100000, 0, 0, 1}, .untouched = 200000, .zero = 50000, .nonzero = 100000};

static void bytes_of_an_idle_guest_are_those_of_the_wire_table(void **state)
{
    static const struct {
        uint8_t mode, detection;
        double normal, zero;
    } wires[] = {
        {FORECAST_PRECOPY, FORECAST_ZERO_DEFAULT, 4104, 9},
        {FORECAST_PRECOPY, FORECAST_ZERO_LEGACY, 4104, 9},
        {FORECAST_PRECOPY, FORECAST_ZERO_NONE, 4104, 4104},
        {FORECAST_MULTIFD, FORECAST_ZERO_DEFAULT, 4106.6, 10.6},
        {FORECAST_MULTIFD, FORECAST_ZERO_LEGACY, 4107, 9},
        {FORECAST_MULTIFD, FORECAST_ZERO_NONE, 4107, 4107},
        {FORECAST_MAPPED_RAM, FORECAST_ZERO_DEFAULT, 4096, 0},
    };
    struct dirty_curve curve = true_curve(&idle.truth);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    for (size_t i = 0; i < COUNT(wires); i++) {
        input.settings.mode = wires[i].mode;
        input.settings.zero_detection = wires[i].detection;
        struct forecast f = make(&input);
        double want = 112e3 + 100000 * wires[i].normal + 250000 * wires[i].zero;
        assert_true(fabs(f.bytes.value - want) < 1);
        assert_true(fabs(f.bytes.high - (1 + FORECAST_OWN) * want) < 1);
        assert_true(fabs(f.bytes.low - (1 - FORECAST_OWN) * want) < 1);
        assert_int_equal(f.converges, FORECAST_DOES);
        assert_true(f.rounds.value == 2);
    }
}

static void time_of_an_idle_guest_is_that_of_the_slower_of_link_and_cpu(void **state)
{
    struct dirty_curve curve = true_curve(&idle.truth);
    struct forecast_input input = input_of(&idle, &curve);
    const struct forecast_costs *costs = &input.costs;

    (void)state;
    input.settings.link_bandwidth = 0;
    struct forecast f = make(&input);
    double wire = (100000 * 4104.0 + 50000 * 9) / (125 * MB);
    double want = costs->setup_s + wire + 200000 * costs->untouched_page_s + costs->stop_s;
    assert_true(fabs(f.total_s.value - want) < 0.01);
    assert_int_equal(f.reasons, FORECAST_MOSTLY_ZERO | FORECAST_QUIET | FORECAST_ONE_ROUND);
    input.settings.bandwidth = 1e12;
    f = make(&input);
    want = costs->setup_s + 100000 * costs->normal_page_s + 50000 * costs->zero_page_s +
           200000 * costs->untouched_page_s + costs->stop_s;
    assert_true(fabs(f.total_s.value - want) < 0.01);
    assert_true((f.reasons & FORECAST_CPU_BOUND) != 0);
    /* Eight channels share it, and look for zero pages. */
    input.settings.mode = FORECAST_MULTIFD;
    input.settings.zero_detection = FORECAST_ZERO_DEFAULT;
    input.settings.channels = 8;
    double one = f.total_s.value;
    f = make(&input);
    assert_true(f.total_s.value < one / 3);
}

/* All is sent before QEMU has measured its bandwidth: it stops the guest without another sync. */
static void guest_that_is_sent_within_the_first_100_ms_takes_one_sync_less(void **state)
{
    struct qemu_guest small = {
        .truth = {TRUTH_IDLE, 1000, 0, 0, 1}, .untouched = 60000, .zero = 1000, .nonzero = 1000};
    struct dirty_curve curve = true_curve(&small.truth);
    struct forecast_input input = input_of(&small, &curve);
    struct qemu_outcome outcome;

    (void)state;
    qemu_rounds_run(&outcome, &small, &input.settings, &input.costs, 1);
    assert_true(outcome.syncs == 2);
    struct forecast f = make(&input);
    assert_true(f.rounds.value == 1);
    assert_true(fabs(f.total_s.value - outcome.total_s) < 0.002);
}

/* What channels have in their hands does not count for max-bandwidth. */
static void channels_of_multifd_send_more_than_max_bandwidth(void **state)
{
    const struct qemu_guest big = {.truth = {TRUTH_IDLE, 1e6, 0, 0, 1}, .nonzero = 1000000};
    struct dirty_curve curve = true_curve(&big.truth);
    struct forecast_input input = input_of(&big, &curve);

    (void)state;
    input.settings.mode = FORECAST_MULTIFD;
    input.settings.channels = 4;
    double seconds = make(&input).total_s.value;
    double over = input.costs.over_multifd_bytes + 4 * input.costs.packet_bytes;
    double rate = 125 * MB + over / input.costs.quantum_s;
    assert_true(fabs(seconds - 1e6 * 4107 / rate) < 0.5);
    input.settings.bandwidth = 1000 * MB; /* all that the link has */
    assert_true(make(&input).total_s.value > 1e6 * 4106 / (1000 * MB));
}

/* That is a number of pages: where most are zero, it is few bytes. So it is with precopy. */
static void what_goes_over_max_bandwidth_is_pages(void **state)
{
    const struct qemu_guest big = {
        .truth = {TRUTH_IDLE, 1e6, 0, 0, 1}, .zero = 900000, .nonzero = 100000};
    struct dirty_curve curve = true_curve(&big.truth);
    struct forecast_input input = input_of(&big, &curve);
    double bytes = 900000 * 9.0 + 100000 * 4104.0, share = (bytes / 1e6 - 9) / (4104 - 9);

    (void)state;
    input.settings.bandwidth = 20 * MB;
    input.costs.over_bytes = 500e3;
    double rate = 20 * MB + share * input.costs.over_bytes / input.costs.quantum_s;
    assert_true(fabs(make(&input).total_s.value - bytes / rate) < 0.3);
    input.settings.mode = FORECAST_MULTIFD;
    input.settings.channels = 2;
    double over = input.costs.over_multifd_bytes + 2 * input.costs.packet_bytes;
    rate = 20 * MB + share * over / input.costs.quantum_s;
    assert_true(fabs(make(&input).total_s.value - bytes / rate) < 0.3);
}

/* A set that is always dirty and fits: it is sent again, with the guest stopped. */
static void downtime_is_what_is_always_dirty_at_the_speed_of_the_link(void **state)
{
    const struct truth truth = {TRUTH_UNIFORM, 100000, 4000, 4000000, 1};
    struct dirty_curve curve = true_curve(&truth);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    input.costs.normal_page_s = 0;
    input.settings.link_bandwidth = 250 * MB;
    struct forecast f = make(&input);
    double stop_s = input.costs.stop_s + input.costs.sync_page_s * 350000;
    double want = stop_s + (4000 * 4104 + 112e3) / (250 * MB);
    assert_true(fabs(f.downtime_ms.value - 1e3 * want) < 0.5);
    input.settings.link_bandwidth = 0; /* no more than max-bandwidth */
    f = make(&input);
    want = stop_s + (4000 * 4104 + 112e3) / (125 * MB);
    assert_true(fabs(f.downtime_ms.value - 1e3 * want) < 0.5);
    assert_true((f.reasons & FORECAST_OVER_DOWNTIME) == 0);
    input.costs.stop_s = 0.2;
    f = make(&input);
    assert_true((f.reasons & FORECAST_OVER_DOWNTIME) != 0);
}

static void guest_that_writes_too_fast_never_ends(void **state)
{
    const struct truth fast = {TRUTH_UNIFORM, 100000, 100000, 60000, 1};
    const struct truth hot = {TRUTH_UNIFORM, 100000, 20000, 2000000, 1};
    struct dirty_curve curve = true_curve(&fast);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    struct forecast f = make(&input);
    assert_int_equal(f.converges, FORECAST_DOES_NOT);
    assert_true(isinf(f.bytes.value) && isinf(f.total_s.low) && isinf(f.downtime_ms.high));
    assert_true(f.margin.value < 0.7);
    assert_true((f.reasons & FORECAST_TOO_FAST) != 0);
    assert_true((f.reasons & FORECAST_MOSTLY_ZERO) == 0); /* which is no reason for that */
    input.settings.auto_converge = true;
    f = make(&input);
    assert_int_equal(f.converges, FORECAST_DOES);
    assert_true((f.reasons & FORECAST_THROTTLED) != 0 && f.throttle >= 0.2);
    input.settings.auto_converge = false;
    input.settings.downtime_limit_s = 10; /* or somebody who may wait */
    assert_int_equal(make(&input).converges, FORECAST_DOES);
    input.settings.downtime_limit_s = 0.3;
    curve = true_curve(&hot);
    f = make(&input);
    assert_int_equal(f.converges, FORECAST_DOES_NOT);
    assert_true((f.reasons & FORECAST_HOT_SET) != 0);
}

static void nearly_too_fast_is_unsure(void **state)
{
    struct truth truth = {TRUTH_UNIFORM, 100000, 100000, 30000, 1};
    struct dirty_curve curve = true_curve(&truth);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    double margin = make(&input).margin.value;
    truth.writes_per_s *= margin; /* just about as fast as may be */
    curve = true_curve(&truth);
    struct forecast f = make(&input);
    assert_int_equal(f.converges, FORECAST_UNSURE);
    assert_true((f.reasons & FORECAST_NEAR_LIMIT) != 0);
    assert_true(f.margin.value > 0.9 && f.margin.value < 1.1);
}

/* The curve is of two loads, and it is not known which of them the migration meets. */
static void load_that_changed_is_unsure_but_where_it_makes_no_difference(void **state)
{
    static const struct {
        double writes_per_s;
        uint8_t of_one_load, of_two;
    } loads[] = {
        {60000, FORECAST_DOES_NOT, FORECAST_UNSURE},
        {10000, FORECAST_DOES, FORECAST_UNSURE},
        {500, FORECAST_DOES, FORECAST_DOES},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(loads); i++) {
        const struct truth truth = {TRUTH_UNIFORM, 100000, 100000, loads[i].writes_per_s, 1};
        struct dirty_curve curve = true_curve(&truth);
        struct forecast_input input = input_of(&idle, &curve);
        assert_int_equal(make(&input).converges, loads[i].of_one_load);
        curve.flags |= DIRTY_CURVE_LOAD_CHANGED;
        assert_int_equal(make(&input).converges, loads[i].of_two);
    }
}

static void more_bandwidth_is_never_slower(void **state)
{
    (void)state;
    for (int pattern = TRUTH_UNIFORM; pattern <= TRUTH_SEQUENTIAL; pattern++) {
        const struct truth truth = {(uint8_t)pattern, 100000, 60000, 20000, 1};
        struct dirty_curve curve = true_curve(&truth);
        struct forecast_input input = input_of(&idle, &curve);
        double before = INFINITY;
        input.settings.link_bandwidth = 4000 * MB;
        for (double bandwidth = 20 * MB; bandwidth < 4000 * MB; bandwidth *= 1.07) {
            input.settings.bandwidth = bandwidth;
            double total_s = make(&input).total_s.value;
            assert_true(total_s <= before + 0.11); /* QEMU itself looks every 100 ms only */
            before = fmin(before, total_s);
        }
        assert_true(before < 2);
    }
}

static void guest_that_writes_more_takes_no_less(void **state)
{
    struct truth truth = {TRUTH_UNIFORM, 100000, 60000, 100, 1};
    double before = 0;

    (void)state;
    for (; truth.writes_per_s < 1e6; truth.writes_per_s *= 1.15) {
        struct dirty_curve curve = true_curve(&truth);
        struct forecast_input input = input_of(&idle, &curve);
        double bytes = make(&input).bytes.value;
        assert_true(bytes >= before * 0.99);
        before = bytes;
    }
    assert_true(isinf(before));
}

static void ranges_follow_from_what_goes_in(void **state)
{
    const struct truth truth = {TRUTH_UNIFORM, 100000, 60000, 20000, 1};
    struct dirty_curve curve = seen_curve(&truth, 2000, 3);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    struct forecast f = make(&input);
    assert_true(f.bytes.low < f.bytes.value && f.bytes.value < f.bytes.high);
    assert_true(f.total_s.low < f.total_s.high && f.margin.low <= f.margin.high);
    curve = true_curve(&idle.truth);
    input.pages.zero_low = 40000;
    input.pages.zero_high = 60000;
    f = make(&input);
    const double zeros = 10000 * (4104 - 9), value = f.bytes.value;
    assert_true(fabs(f.bytes.high - (1 + FORECAST_OWN) * (value + zeros)) < 1);
    assert_true(fabs(f.bytes.low - (1 - FORECAST_OWN) * (value - zeros)) < 1);
    /* A step of QEMU's on both sides of the time, where it is so long. */
    assert_true(f.total_s.high > f.total_s.value + 0.1 && f.total_s.low < f.total_s.value - 0.1);
}

static void pages_that_get_memory_are_sent(void **state)
{
    struct dirty_curve curve = true_curve(&idle.truth);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    double idle_bytes = make(&input).bytes.value;
    curve.newly_touched_per_s = 5000;
    struct forecast f = make(&input);
    double grown = f.bytes.value - idle_bytes;
    assert_true(grown > 5000 * 4104 * 0.9 * f.total_s.value);
    assert_true(grown < 5000 * 4104 * 1.1 * f.total_s.value);
    assert_true((f.reasons & FORECAST_QUIET) == 0);
}

static void reasons_are_told(void **state)
{
    const struct truth truth = {TRUTH_UNIFORM, 100000, 60000, 2000, 1};
    struct dirty_curve curve = true_curve(&truth);
    struct forecast_input input = input_of(&idle, &curve);

    (void)state;
    curve.flags = DIRTY_CURVE_STOPPED;
    curve.longest_s = 2;
    struct forecast f = make(&input);
    assert_true((f.reasons & FORECAST_EXTRAPOLATED) != 0);
    assert_true((f.reasons & FORECAST_STOPPED) != 0);
    curve.longest_s = 60;
    assert_true((make(&input).reasons & FORECAST_EXTRAPOLATED) == 0);
}

static void input_that_makes_no_sense_is_refused(void **state)
{
    struct dirty_curve curve = true_curve(&idle.truth);
    const struct forecast_input good = input_of(&idle, &curve);
    struct forecast_input bad[9];
    struct forecast f = {.throttle = 7};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        bad[i] = good;
    bad[0].settings.bandwidth = 0;
    bad[1].settings.bandwidth = NAN;
    bad[2].pages.untouched = -1;
    bad[3].pages.zero = bad[3].pages.resident + 1;
    bad[4].pages.zero_low = bad[4].pages.zero + 1;
    bad[5].settings.mode = FORECAST_MODE_COUNT;
    bad[6].curve = NULL;
    bad[7].costs.quantum_s = 0;
    bad[8].settings.downtime_limit_s = INFINITY;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct error err = {.code = 0};
        assert_int_equal(forecast_make(&f, &bad[i], &err), -EINVAL);
        assert_int_equal(err.code, -EINVAL);
        assert_true(f.throttle == 7);
    }
}

/* A guest of 0 pages, of 4 TiB, with bandwidths from a modem to more than any link: it ends. */
static void odd_input_has_an_answer(void **state)
{
    const int step = short_run("36 of 40 odd guests") ? 10 : 1;

    (void)state;
    for (int i = 0; i < 40; i += step) {
        uint64_t random = (uint64_t)i;
        double pages = i == 0 ? 0 : pow(2, 30 * truth_random(&random));
        double set = pages * truth_random(&random);
        const struct truth truth = {(uint8_t)(1 + i % 3), pages, set,
                                    pow(10, 8 * truth_random(&random)), 1};
        struct dirty_curve curve = true_curve(&truth);
        struct forecast_input input = input_of(&idle, &curve);
        if (set < 1)
            curve.middle.term_count = curve.low.term_count = curve.high.term_count = 0;
        input.pages = (struct forecast_pages){pages, pages, pages / 2, pages / 3, pages};
        input.settings.bandwidth = pow(10, 3 + 9 * truth_random(&random));
        input.settings.auto_converge = i % 2;
        struct forecast f = make(&input);
        assert_true(f.bytes.value > 0 && f.bytes.low <= f.bytes.value);
        assert_true(f.total_s.low > 0 && f.total_s.value <= f.total_s.high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_agrees_with_the_algorithm_page_by_page),
        cmocka_unit_test(set_that_is_always_dirty_does_not_hold_the_search),
        cmocka_unit_test(set_whose_end_is_not_seen_is_as_large_as_where_it_lies),
        cmocka_unit_test(sequence_of_which_a_part_was_seen_is_larger_than_that),
        cmocka_unit_test(guest_whose_pages_lie_anywhere_is_within_the_range),
        cmocka_unit_test(bytes_of_an_idle_guest_are_those_of_the_wire_table),
        cmocka_unit_test(time_of_an_idle_guest_is_that_of_the_slower_of_link_and_cpu),
        cmocka_unit_test(guest_that_is_sent_within_the_first_100_ms_takes_one_sync_less),
        cmocka_unit_test(channels_of_multifd_send_more_than_max_bandwidth),
        cmocka_unit_test(what_goes_over_max_bandwidth_is_pages),
        cmocka_unit_test(downtime_is_what_is_always_dirty_at_the_speed_of_the_link),
        cmocka_unit_test(guest_that_writes_too_fast_never_ends),
        cmocka_unit_test(nearly_too_fast_is_unsure),
        cmocka_unit_test(load_that_changed_is_unsure_but_where_it_makes_no_difference),
        cmocka_unit_test(more_bandwidth_is_never_slower),
        cmocka_unit_test(guest_that_writes_more_takes_no_less),
        cmocka_unit_test(ranges_follow_from_what_goes_in),
        cmocka_unit_test(pages_that_get_memory_are_sent),
        cmocka_unit_test(reasons_are_told),
        cmocka_unit_test(input_that_makes_no_sense_is_refused),
        cmocka_unit_test(odd_input_has_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
