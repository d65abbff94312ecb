// SPDX-License-Identifier: MIT
#include "core/base/same_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int same_file_kcmp(const void *user, const struct same_file_ref *a, const struct same_file_ref *b)
{
    switch (rootfs_compare_files(user, a->pid, a->fd, b->pid, b->fd)) {
    case 0:
        return 0;
    case 1:
        return -1;
    case 2:
        return 1;
    default: /* one was closed meanwhile: any order will do, but not that they are the same */
        if (a->pid != b->pid)
            return a->pid < b->pid ? -1 : 1;
        return a->fd <= b->fd ? -1 : 1;
    }
}

size_t same_file_keep_known(const struct rootfs *root, struct same_file_ref *refs, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (rootfs_compare_files(root, refs[i].pid, refs[i].fd, refs[i].pid, refs[i].fd) == 0)
            refs[kept++] = refs[i];
    return kept;
}

/* Two sorted halves of @from, split at @middle, become one sorted run of @to. */
static void merge(const struct same_file_ref *from, size_t middle, size_t count,
                  struct same_file_ref *to, same_file_order_fn *order, const void *user)
{
    size_t a = 0, b = middle;

    for (size_t i = 0; i < count; i++) {
        bool left = b == count || (a < middle && order(user, &from[a], &from[b]) <= 0);
        to[i] = from[left ? a++ : b++];
    }
}

/* Not qsort: what that of some C libraries does with answers that contradict each other is open. */
int same_file_sort(struct same_file_ref *refs, size_t count, same_file_order_fn *order,
                   const void *user)
{
    if (count < 2)
        return 0;
    struct same_file_ref *spare = malloc(count * sizeof(*spare)), *from = refs, *to = spare;
    if (spare == NULL)
        return -ENOMEM;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t left = count - at < width ? count - at : width;
            size_t both = count - at < 2 * width ? count - at : 2 * width;
            merge(from + at, left, both, to + at, order, user);
        }
        struct same_file_ref *swap = from;
        from = to;
        to = swap;
    }
    if (from != refs)
        memcpy(refs, from, count * sizeof(*refs));
    free(spare);
    return 0;
}

const struct same_file_ref *same_file_find(const struct same_file_ref *refs, size_t count,
                                           const struct same_file_ref *ref,
                                           same_file_order_fn *order, const void *user)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order(user, &refs[middle], ref) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && order(user, &refs[low], ref) == 0 ? &refs[low] : NULL;
}
