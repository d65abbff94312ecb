/* SPDX-License-Identifier: MIT */
/*
 * What helps against a missing number, as far as it depends on what this process may do: to tell
 * root to run as root helps nobody. Pure.
 */
#ifndef KVMLENS_CORE_FIND_HOST_FIX_H
#define KVMLENS_CORE_FIND_HOST_FIX_H

#include "core/base/host.h"
#include "core/model/bpf_status.h"
#include "core/model/reading.h"

#define HOST_FIX_MAX       256
#define HOST_FIX_NAMES_MAX 100
#define HOST_FIX_REPORT_MAX 288

/*
 * host_fix_caps - which of the capabilities @needed are missing, and how to get them; where none
 * is, who else may refuse. Where the own capabilities are not known all are named.
 * Writes to @out, at most HOST_FIX_MAX bytes, and returns it.
 */
const char *host_fix_caps(const struct host *host, uint64_t needed, char *out);

/* host_fix_cause - the same for the cause of a missing number; "" where nothing helps. */
const char *host_fix_cause(const struct host *host, enum reading_cause cause, char *out);

/*
 * host_fix_report - the same for who reads a report: that --bpf reads it comes first, where it
 * would and nobody has asked for it. The monitor says so in its own words, with the key. Writes at
 * most HOST_FIX_REPORT_MAX bytes to @out and returns it.
 */
const char *host_fix_report(const struct host *host, const struct bpf_status *bpf,
                            enum reading_cause cause, char *out);

/*
 * host_fix_cap_names - "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH", of those that kvmlens uses. Writes
 * at most HOST_FIX_NAMES_MAX bytes to @out and returns it.
 */
const char *host_fix_cap_names(uint64_t caps, char *out);

#endif
