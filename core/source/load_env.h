/* SPDX-License-Identifier: MIT */
/*
 * What the readers of load share (core/model/vm_load.h), which are parts of source_proc: what they
 * may touch, and files that stay open from tick to tick, for opening costs more than reading. These
 * are files of /proc and of cgroups: they hold nothing of KVM, and fail when what they are of ends.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_ENV_H
#define KVMLENS_CORE_SOURCE_LOAD_ENV_H

#include <sys/types.h>

#include "core/base/beacon.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"
#include "core/find/discover.h"
#include "core/model/reading.h"

#define LOAD_FIRST_TICK 64 /* so that there is something before it */

struct load_env {
    const struct rootfs *root;
    const struct host *host;
    const struct discover *discover; /* NULL: there is none */
    struct beacon *beacon;
    int keep_below;  /* descriptors with a number below may be kept; 0: none */
    unsigned wishes; /* enum load_wish, in this tick */
    uint64_t tick;   /* counts up, from LOAD_FIRST_TICK */
};

/* A file that is kept open. */
struct kept_file {
    pid_t tid; /* of the thread that it is of; 0: of something else */
    int fd;    /* -1 = none */
};

#define KEPT_NONE ((struct kept_file){.fd = -1})

/*
 * kept_read - the file @path of thread @tid, from its start. @kept may be NULL. As rootfs_read, but
 * of a longer file what fits is in @buf, and its length is returned.
 */
ssize_t kept_read(const struct load_env *env, struct kept_file *kept, pid_t tid, const char *path,
                  char *buf, size_t size);

/* kept_drop - close it, if it is open. */
void kept_drop(struct kept_file *kept);

/* load_failed - a reading that could not be read. @code: a negative errno. */
struct reading load_failed(int code);

/* load_is_due - is what is looked up once in @every ticks to be looked up now? @spread: vm_spread.
 */
static inline bool load_is_due(const struct load_env *env, unsigned spread, unsigned every)
{
    return (env->tick + spread) % every == 0;
}

#endif
