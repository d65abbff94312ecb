/* SPDX-License-Identifier: MIT */
/*
 * Load: the host itself. /proc/loadavg, stat, meminfo and pressure.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_HOST_H
#define KVMLENS_CORE_SOURCE_LOAD_HOST_H

#include "core/model/sample.h"
#include "core/source/load_env.h"

#define LOAD_HOST_FILES 6

/* Files that stay open. */
struct load_host {
    struct kept_file files[LOAD_HOST_FILES];
};

void load_host_init(struct load_host *host);
void load_host_done(struct load_host *host);

/* load_host_read - the gauges of the host; without LOAD_HOST that nobody asked for them. */
void load_host_read(struct load_host *host, const struct load_env *env,
                    struct reading gauges[HOST_GAUGE_COUNT]);

#endif
