/* SPDX-License-Identifier: MIT */
/*
 * What other programs hang on trace events to count exits, for benchmarks that compare: perf's ring
 * and kvm_stat's filters, with the attributes that perf record -v and kvm_stat's source show.
 *
 * Source: tools/perf/builtin-kvm.c, tools/kvm/kvm_stat/kvm_stat.
 */
#ifndef KVMLENS_TESTS_LIB_EXIT_RIVALS_H
#define KVMLENS_TESTS_LIB_EXIT_RIVALS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/*
 * As perf kvm stat record: each event on each CPU, each time it happens, with its fields, into one
 * ring for each CPU. A thread empties the rings, as perf does; it does not write a file.
 */
struct exit_ring;

/* exit_ring_open - @events: numbers of trace events. 0, or with a sentence. */
int exit_ring_open(const uint32_t *events, size_t count, struct exit_ring **ret, struct error *err);

/* exit_ring_close - NULL ok. Returns how many samples there were, lost ones included. */
uint64_t exit_ring_close(struct exit_ring *ring);

/*
 * As kvm_stat -t without a process: on each CPU a group of events that count. One for each trace
 * event, and one more for each number that a field of it may have.
 */
struct exit_filters;

#define EXIT_FILTERS_MAX 128

struct exit_filter {
    uint32_t event;
    const char *field; /* whose numbers are told apart; NULL: none */
    size_t count;      /* of its numbers, at most EXIT_FILTERS_MAX: 0, 1, ... and the last one */
    uint32_t last;
};

/* exit_filters_open - 0, or with a sentence. */
int exit_filters_open(const struct exit_filter *events, size_t count, struct exit_filters **ret,
                      struct error *err);

/* exit_filters_close - NULL ok. Returns how often @last of the first event was seen. */
uint64_t exit_filters_close(struct exit_filters *filters);

#endif
