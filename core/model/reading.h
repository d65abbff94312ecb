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

/* Why a number is missing. The texts are in reading.c, one table. */
enum reading_cause {
    CAUSE_NONE,
    /* kernel lockdown (mode not known) refuses debugfs files that are not read-only */
    CAUSE_LOCKDOWN,
    CAUSE_LOCKDOWN_INTEGRITY,
    CAUSE_LOCKDOWN_CONFIDENTIALITY,
    CAUSE_NO_PERMISSION,     /* not root, no capability */
    CAUSE_NO_PTRACE,         /* pidfd_getfd refused: CAP_SYS_PTRACE or Yama */
    CAUSE_DEBUGFS_UNMOUNTED, /* no debugfs in the mount table */
    CAUSE_DEBUGFS_DENIED,    /* mounted, but its directory may not be opened */
    CAUSE_NO_VM_DIR,         /* debugfs has no directory for this VM */
    CAUSE_HOST_TOTALS,       /* the kernel counts all VMs together, none apart */
    CAUSE_NO_STATS_FD,       /* the VMM keeps no binary stats fd for it */
    CAUSE_HIST_ONLY_STATSFD, /* debugfs shows only the first bucket of a histogram */
    CAUSE_FD_LIMIT,          /* our own table of open files is full */
    CAUSE_BAD_STATS,         /* the stats fd holds no valid binary stats */
    CAUSE_NOT_IN_KERNEL,     /* this kernel does not have the counter */
    /* the kernel has the number, but on this host it stays 0 whatever happens */
    CAUSE_NOT_COUNTED,
    CAUSE_SOURCE_OFF,        /* the source that has it was excluded with --source */
    CAUSE_NO_THREAD_ID,      /* the vCPU's thread is not known */
    CAUSE_AMBIGUOUS,         /* several VMs in one process: not known which vCPU belongs to which */
    CAUSE_GONE,              /* the VM, vCPU or process ended during the tick */
    CAUSE_READ_ERROR,        /* any other error of open or read */
    CAUSE_COUNT
};

struct reading {
    uint64_t raw;       /* meaningless unless state is READING_OK */
    uint8_t state;      /* enum reading_state */
    uint8_t source;     /* enum reading_source of an OK reading */
    uint8_t cause;      /* enum reading_cause of any other */
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

/* reading_state_text - what a screen shows instead of the number: "n/a", "...", "denied", ... */
const char *reading_state_text(enum reading_state state);

/* reading_state_name - stable lower-case word for machines: "absent", "denied", ... */
const char *reading_state_name(enum reading_state state);

/* reading_cause_text - "lockdown=integrity" and the like; "" for CAUSE_NONE. */
const char *reading_cause_text(enum reading_cause cause);

/* reading_cause_fix - what helps, one sentence; "" where nothing does. */
const char *reading_cause_fix(enum reading_cause cause);

#endif
