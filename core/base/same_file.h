/* SPDX-License-Identifier: MIT */
/*
 * Which descriptors, of one process or of several, stand for one open file?
 *
 * kcmp(2) does not only tell equal files apart from others, it puts them in an order (of addresses
 * that it hides). So they are sorted: n log n comparisons, where comparing each with each takes
 * n * n, and whoever may make VMs decides what n is. Used by discovery; main thread.
 */
#ifndef KVMLENS_CORE_BASE_SAME_FILE_H
#define KVMLENS_CORE_BASE_SAME_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "core/base/rootfs.h"

struct same_file_ref {
    pid_t pid;
    int fd;
    size_t index; /* the caller's own */
};

/*
 * Less than, equal to or greater than 0. The owner of the descriptors may change them at any time:
 * answers that contradict each other give a wrong order and do no other harm.
 */
typedef int same_file_order_fn(const void *user, const struct same_file_ref *a,
                               const struct same_file_ref *b);

/* same_file_kcmp - the order of kcmp(2); @user is a rootfs. */
int same_file_kcmp(const void *user, const struct same_file_ref *a, const struct same_file_ref *b);

/*
 * same_file_keep_known - leaves only what kcmp can tell something of; how many remain. None of a
 * saved tree, of a kernel without kcmp, and of a process that we may not look into.
 */
size_t same_file_keep_known(const struct rootfs *root, struct same_file_ref *refs, size_t count);

/* same_file_sort - equal ones stay in the order that they were in. 0 or -ENOMEM. */
int same_file_sort(struct same_file_ref *refs, size_t count, same_file_order_fn *order,
                   const void *user);

/* same_file_find - the first of @refs, sorted, that is the same file as @ref; NULL: none. */
const struct same_file_ref *same_file_find(const struct same_file_ref *refs, size_t count,
                                           const struct same_file_ref *ref,
                                           same_file_order_fn *order, const void *user);

#endif
