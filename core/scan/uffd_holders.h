/* SPDX-License-Identifier: MIT */
/*
 * Does any process of this host hold a userfaultfd?
 *
 * Which mappings are registered with one is told by smaps alone, and smaps walks the page tables.
 * Where nobody holds one, none is registered: the last close ends all registrations
 * (userfaultfd(2)). All processes are looked at, for a VMM may have handed its own to another
 * (Firecracker and crosvm do).
 */
#ifndef KVMLENS_CORE_SCAN_UFFD_HOLDERS_H
#define KVMLENS_CORE_SCAN_UFFD_HOLDERS_H

#include <stdatomic.h>

#include "core/base/rootfs.h"

/*
 * uffd_holders_any - readlink of every descriptor of every process: 0.7 us each. Any thread.
 *
 * Process 1 may be closed to everybody (LSMs do that) and counts as none: it handles no page
 * faults.
 * Returns 1 there is one, 0 there is none; -EACCES: some processes cannot be looked into, or are
 * out of sight in another pid namespace, so nobody knows; -ECANCELED when *@cancel became true.
 */
int uffd_holders_any(const struct rootfs *root, const atomic_bool *cancel);

#endif
