/* SPDX-License-Identifier: MIT */
/*
 * Readers: the child processes that read for the lanes of a scan, through the VMM. To make one and
 * to end it takes 0.8 ms, as long as reading some MiB, so who does one scan after the other keeps
 * them. One thread, with which they end.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_READERS_H
#define KVMLENS_CORE_SCAN_SCAN_READERS_H

#include "core/scan/read_child.h"

#define SCAN_READERS_MAX 64

/* Zeroed memory has none. */
struct scan_readers {
    struct read_child *children[SCAN_READERS_MAX]; /* of each lane; NULL: none made yet */
};

/* scan_readers_ready - @count of them, for that VM. 0 or -errno: those that there are can be used.
 */
int scan_readers_ready(struct scan_readers *readers, const struct rootfs *root, pid_t pid,
                       const struct zeropage_impl *impl, unsigned count);

/* scan_readers_wipe - after a scan: they keep nothing of what they read. */
void scan_readers_wipe(struct scan_readers *readers);
void scan_readers_done(struct scan_readers *readers);

#endif
