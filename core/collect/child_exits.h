/* SPDX-License-Identifier: MIT */
/*
 * Exits in a collector: loaded and attached first of all, read with each sample.
 *
 * From the load to the end of the process the programs are in the kernel, and the module kvm stays;
 * nobody is watched before the first sample. One thread.
 */
#ifndef KVMLENS_CORE_COLLECT_CHILD_EXITS_H
#define KVMLENS_CORE_COLLECT_CHILD_EXITS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/collect/child.h"
#include "core/collect/exits_threads.h"
#include "core/model/exits.h"
#include "core/model/sample.h"

/* Zeroed memory has none. */
struct child_exits {
    struct kvm_exits *exits; /* NULL: they were not asked for, or failed */
    bool is_asked;
    struct error failed; /* why, where they were */
    bool had_kvm;        /* it was loaded then */
    uint64_t began_ns;   /* monotonic: they are attached since */
    struct exits_watch watch;
    struct exits_threads threads;
};

/*
 * child_load_exits - load and attach the programs, where the order says so: before child_restrict,
 * and before anything foreign was looked at. The capabilities that it takes are in force from here
 * to child_restrict. One that fails goes on without, and its counts say why. Ends with
 * child_unload_exits.
 */
void child_load_exits(const struct child *child, struct child_exits *ret);
void child_unload_exits(struct child_exits *exits);

/* child_exits_is_stale - KVM was not loaded then, and is now: another child is needed to count. */
bool child_exits_is_stale(const struct child_exits *exits, const struct rootfs *root);

/*
 * child_exits_count - what was counted until now, of the VMs of @sample, which was taken just now.
 * @pid: of this process only; 0: of all, or where the scope @is_narrow of those in @sample. *@ret
 * is NULL where nobody asked, and ends with free(3). 0 or -ENOMEM.
 */
int child_exits_count(struct child_exits *exits, const struct rootfs *root,
                      const struct sample *sample, pid_t pid, bool is_narrow,
                      struct exits_count **ret);

#endif
