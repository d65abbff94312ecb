/* SPDX-License-Identifier: MIT */
/*
 * A reading: a number together with where it came from, or why there is none.
 *
 * A missing number is never 0. Whoever shows a reading looks at its state first.
 */
#ifndef KVMLENS_CORE_MODEL_READING_H
#define KVMLENS_CORE_MODEL_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/causes.h"
#include "core/model/source_list.h"

enum reading_state {
    READING_ABSENT, /* this host has no such number; the state of zeroed memory */
    READING_OK,
    READING_WARMUP, /* a rate that needs a second sample */
    /* a counter that fell: somebody cleared it, or a VM took its share of a total along as it
     * ended; no rate for this interval */
    READING_RESET,
    READING_DENIED, /* the number exists, but we may not read it; the cause says who refuses */
    READING_STALE,  /* could be read before, not in this tick */
    READING_STATE_COUNT
};

/* Why a number is missing: CAUSE_NONE, and one for each row of core/model/causes.h. */
/* clang-format off */
enum reading_cause {
    CAUSE_NONE,
#define CAUSE(name, ...) CAUSE_##name,
    CAUSES(CAUSE)
#undef CAUSE
    CAUSE_COUNT
};
/* clang-format on */

struct reading {
    /* meaningless unless state is READING_OK; of READING_STALE with a source: the last number */
    uint64_t raw;
    uint8_t state;      /* enum reading_state */
    uint8_t source;     /* enum reading_source of an OK reading */
    uint8_t cause;      /* enum reading_cause of any other */
    uint8_t unused;     /* 0: no byte of a reading is left to chance, it is copied as it is */
    uint32_t falls;     /* of a VM or of all VMs together: how often it was seen to fall */
};

static inline struct reading reading_ok(uint64_t raw, enum reading_source source)
{
    return (struct reading){.raw = raw, .state = READING_OK, .source = (uint8_t)source};
}

static inline struct reading reading_missing(enum reading_state state, enum reading_cause cause)
{
    return (struct reading){.state = (uint8_t)state, .cause = (uint8_t)cause};
}

/*
 * reading_of_cause - a number that cannot be had now: READING_DENIED or READING_ABSENT, as the row
 * of the cause says. READING_ABSENT of CAUSE_NONE.
 */
struct reading reading_of_cause(enum reading_cause cause);

/*
 * reading_cause_of_error - why a file could not be opened or read. @code: a negative errno.
 * @refused: what -EPERM and -EACCES stand for there.
 */
enum reading_cause reading_cause_of_error(int code, enum reading_cause refused);

/* reading_state_text - what a screen shows instead of the number: "n/a", "...", "denied", ... */
const char *reading_state_text(enum reading_state state);

/* reading_state_name - stable lower-case word for machines: "absent", "denied", ... */
const char *reading_state_name(enum reading_state state);

/*
 * reading_state_meaning - what that word says where no cause is known, for people: "cleared since
 * the sample before". "" for READING_OK.
 */
const char *reading_state_meaning(enum reading_state state);

/* What a row of core/model/causes.h says. Texts of CAUSE_NONE, which has no row, are "". */

/* reading_cause_id - the stable word for machines: "lockdown". Causes may share one. */
const char *reading_cause_id(enum reading_cause cause);

/*
 * reading_missing_id - what machines get for a missing number: the id of its cause, or where none
 * is known the word of its state; "" where nothing is missing, READING_OK. This is the contract
 * with whoever reads "missing" of JSON, cause_id of CSV and the label cause of metrics: every
 * format takes the word from here.
 */
const char *reading_missing_id(enum reading_state state, enum reading_cause cause);

/* reading_cause_text - "lockdown=integrity" and the like. */
const char *reading_cause_text(enum reading_cause cause);

/* reading_cause_fix - what helps, whole sentences; "" where nothing does. */
const char *reading_cause_fix(enum reading_cause cause);

enum cause_nature reading_cause_nature(enum reading_cause cause);

/* reading_cause_is_lockdown - is it the lockdown of the kernel, which is the same for all VMs? */
bool reading_cause_is_lockdown(enum reading_cause cause);

/* reading_cause_is_of_host - is it one of the host, so that all VMs have it? */
bool reading_cause_is_of_host(enum reading_cause cause);

/* reading_cause_needs - capabilities, bit 1 << CAP_..., without which the number is missing. */
uint64_t reading_cause_needs(enum reading_cause cause);

/* reading_cause_source - the source that would have had the number; SOURCE_NONE: any. */
enum reading_source reading_cause_source(enum reading_cause cause);

#endif
