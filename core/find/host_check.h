/* SPDX-License-Identifier: MIT */
/*
 * Checks of the host: what stands between a user and the numbers, each with its cause and remedy.
 *
 * Reads below the root only and changes nothing. Facts about this process (capabilities, limits)
 * come from proc/self of the root, so a saved tree answers for the process that saved it.
 */
#ifndef KVMLENS_CORE_FIND_HOST_CHECK_H
#define KVMLENS_CORE_FIND_HOST_CHECK_H

#include "core/base/host.h"
#include "core/base/rootfs.h"

enum check_level {
    CHECK_OK,
    CHECK_NOTE,    /* works, but something is worth knowing */
    CHECK_PROBLEM, /* numbers are missing because of it */
    CHECK_UNKNOWN, /* could not be found out */
    CHECK_LEVEL_COUNT
};

struct check_result {
    enum check_level level;
    char finding[200]; /* what is so, one sentence; cleaned */
    char effect[200];  /* what it costs; "" = nothing */
    char fix[200];     /* what helps; "" = nothing to do */
};

struct host_check {
    const char *name; /* stable word: "lockdown" */
    void (*run)(const struct rootfs *root, const struct host *host, struct check_result *ret);
};

extern const struct host_check host_checks[]; /* a NULL name ends */

/* host_check_run - one check; never fails: what cannot be read is CHECK_UNKNOWN. */
void host_check_run(const struct host_check *check, const struct rootfs *root,
                    const struct host *host, struct check_result *ret);

const char *host_check_level_name(enum check_level level); /* "ok", "note", "problem", "unknown" */

#endif
