/* SPDX-License-Identifier: MIT */
/*
 * Trends: what the graphs of the monitor show, kept from snapshot to snapshot.
 */
#ifndef KVMLENS_UI_STATE_TRENDS_H
#define KVMLENS_UI_STATE_TRENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/model/history.h"
#include "core/model/snapshot.h"

enum trend { TREND_EXITS, TREND_COUNT };

struct trends {
    struct history *vms;  /* series: enum trend */
    struct history *host; /* the same, sums over all VMs */
    struct history *counters; /* of the open VM; series: index of the field */
    struct history *host_counters; /* sums over all VMs, likewise; once somebody looks at them */
    struct history *exits;    /* one series each reason of the open VM and of its vCPUs */
    struct history *host_exits; /* likewise of all VMs together */
    uint64_t exits_began_ns;    /* the counting that these are of */
    struct vm_id open;
    bool is_open;
};

int trends_init(struct trends *trends); /* 0 or -ENOMEM */
void trends_done(struct trends *trends); /* zeroed memory ok */

/* trends_update - once per new snapshot. A VM too many, or without memory, has no graph. */
void trends_update(struct trends *trends, const struct snapshot *s);

/*
 * trends_open - keep the counters of this VM too, from now on: rates of counters, values of gauges.
 * Opening the same one again keeps what there is. Without memory there are no graphs.
 */
void trends_open(struct trends *trends, const struct vm_id *id);

/* trends_counter - of the open VM, as history_get; 0 for any other VM */
size_t trends_counter(const struct trends *trends, const struct vm_id *id, size_t field, float *ret,
                      size_t count);

/* trends_open_host - keep the sums of counters over all VMs too, from now on. */
void trends_open_host(struct trends *trends);

/* trends_host_counter - such a sum, as history_get; 0 before trends_open_host. */
size_t trends_host_counter(const struct trends *trends, size_t field, float *ret, size_t count);

/* Something that exits are counted of. */
struct trend_exit {
    uint8_t isa;    /* enum exit_isa; 0 of a kind */
    bool is_kind;   /* of keys */
    uint64_t value; /* the reason, or the kind; of EXIT_ISA_USER: as of EXIT_KEY_USER */
    int vcpu;       /* index; -1: all of them */
};

/* trends_exit - its rate, as history_get; @vm: the open VM, NULL: all. 0 for any other VM. */
size_t trends_exit(const struct trends *trends, const struct vm_id *vm,
                   const struct trend_exit *which, float *ret, size_t count);

/* trends_vm, trends_host - as history_get */
size_t trends_vm(const struct trends *trends, const struct vm_id *id, enum trend trend, float *ret,
                 size_t count);
size_t trends_host(const struct trends *trends, enum trend trend, float *ret, size_t count);

/*
 * trends_host_exits - sum of the exit rates that are known, or the kernel's own total; its state
 * when none is.
 */
struct figure trends_host_exits(const struct snapshot *s);

#endif
