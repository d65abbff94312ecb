/* SPDX-License-Identifier: MIT */
/*
 * Counters: the rows of a table of counters, of one VM or of all together.
 */
#ifndef KVMLENS_UI_STATE_COUNTERS_H
#define KVMLENS_UI_STATE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/figure.h"
#include "core/model/snapshot.h"
#include "ui/choose/pattern.h"
#include "ui/grid/format.h"

struct counter_row {
    uint32_t index;      /* of the field; by guest: of the VM */
    int64_t id;          /* stays the same from snapshot to snapshot: index of the field, or pid
                          * and fd of the VM; not negative */
    struct figure total; /* raw units; of gauges and peaks the value itself */
    struct figure rate;  /* raw units per second; cumulative only */
    /* sums that a number is missing from, so in truth they are more */
    bool total_short, rate_short;
    double share;        /* of all shown, 0..1; NAN: has none */
    uint8_t source;      /* enum reading_source of the total */
};

/*
 * counters_is_count - events that are counted: no times, no bytes, no gauges. counters_is_exit - of
 * them: exits, or those of one kind ("io_exits", "wfi_exit_stat"), of which shares are told; not
 * insn_emulation, which no exit is. counters_is_all_exits - all of them together.
 */
bool counters_is_count(const struct field *field);
bool counters_is_exit(const struct field *field);
bool counters_is_all_exits(const struct field *field);

enum counters_order { COUNTERS_BY_RATE, COUNTERS_BY_TOTAL, COUNTERS_BY_NAME, COUNTERS_ORDER_COUNT };

/* Why there is no row at all. */
enum counters_lack {
    COUNTERS_LACK_NOTHING, /* there may be rows */
    COUNTERS_LACK_FIELD,   /* the pattern matches no counter that these rows could be of */
    COUNTERS_LACK_GUEST,   /* the pattern of the guests matches none */
};

struct counters {
    struct counter_row *rows; /* [count] */
    size_t count, cap;
    size_t hidden_zero; /* rows left out because nothing was counted */
    enum counters_lack lack;
    bool sum_is_exits; /* the sums are all exits; else they are of the rows that are shown */
    struct figure rate_sum, total_sum;    /* what shares are of */
    bool rate_sum_short, total_sum_short; /* a number is missing from it */
};

/* Whose counters a table has: bits, so that a column may be of several. */
enum counters_of { COUNTERS_OF_VM = 1, COUNTERS_OF_HOST = 2, COUNTERS_BY_GUEST = 4 };

struct counters_query {
    const struct snapshot *s, *base; /* base: as struct ui_model has it */
    const struct snapshot_vm *vm;    /* NULL: sums over all VMs */
    const struct snapshot_vcpu *vcpu; /* of vm: it alone; NULL: all of it */
    bool by_guest;                   /* only without vm: a row per VM instead of per counter */
    bool hide_zero;
    const struct pattern *pattern;   /* of counter names; NULL: all */
    const struct pattern *guests;    /* of VM names, pids too; only without vm. NULL: all */
    enum counters_order order;
    bool inverted;
};

/*
 * counters_collect - fill @ret, reusing its memory. 0 or -ENOMEM.
 *
 * Histograms have no row. Gauges and peaks have no rate and, as sums over VMs mean nothing, no row
 * when vm is NULL. Where exits are shown shares are of all exits, and what is no exit has none, as
 * insn_emulation; else they are of the numbers without a unit that are shown. The kernel's own
 * totals of all VMs, see counters_totals, are shown as it gives them.
 */
int counters_collect(const struct counters_query *query, struct counters *ret);
void counters_done(struct counters *counters);

/*
 * counters_totals - the kernel's own totals of all VMs, where it counts none apart and neither one
 * VM nor some guests nor a row for each is asked for; else NULL.
 */
const struct snapshot_value *counters_totals(const struct counters_query *query);

/* counters_value_text - a raw number of a field with its unit: "1,234", "3.1ms", "16.0G", "yes". */
char *counters_value_text(const struct field *field, double raw, char out[FORMAT_MAX]);

/* counters_rate_text - raw units per second: "38.1k", time as share of the interval: "95.0%". */
char *counters_rate_text(const struct field *field, double rate, char out[FORMAT_MAX]);

/* counters_kind_text - "counter", "gauge s", "peak B": kind and unit in few columns. */
char *counters_kind_text(const struct field *field, char out[FORMAT_MAX]);

#endif
