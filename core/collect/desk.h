/* SPDX-License-Identifier: MIT */
/*
 * Desk: memory between a child that reads VMs and the front end. What the child has made lies on
 * it, and so does its beacon.
 *
 * A memfd that can grow but never shrink (F_SEAL_SHRINK), so that neither side faults. The front
 * end copies what the child says is there and trusts nothing in it: the child may be in the hands
 * of a VMM, and may write at any time. Whose turn it is, messages say (core/collect/message.h).
 *
 * Each side has a desk of its own over the same memfd. One thread at a time, but for the beacon.
 */
#ifndef KVMLENS_CORE_COLLECT_DESK_H
#define KVMLENS_CORE_COLLECT_DESK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/beacon.h"
#include "core/scan/scan.h"

#define DESK_BYTES_MAX (1ull << 30) /* of one form: 30 times that of 2000 VMs with 8 vCPUs */

/* What both see at the start of the memory; the form lies one page further. */
struct desk_top {
    struct beacon beacon;
    struct scan_progress scan; /* under way, of a scanner */
};

struct desk {
    int fd;
    struct desk_top *top;
    unsigned char *form; /* NULL: not mapped yet */
    size_t form_bytes;   /* mapped */
};

/* desk_open - a new one. 0 or a negative errno. Ends with desk_close. */
int desk_open(struct desk *ret);

/* desk_join - one over the memfd @fd of another process, which belongs to the desk from now on,
 * also when this fails. 0, or a negative errno; -EBADMSG: it is no such memory. */
int desk_join(int fd, struct desk *ret);

void desk_close(struct desk *desk);

/* desk_room - the child: where a form of @bytes goes, aligned to 8. NULL: no memory, or too large.
 */
void *desk_room(struct desk *desk, size_t bytes);

/*
 * desk_look - the front end: where the form of @bytes lies, until the next call or desk_close. The
 * child may write there at any time: it is to be copied, each byte once, and the copy looked at. 0,
 * -ENOMEM, or -EBADMSG: there is not as much.
 */
int desk_look(struct desk *desk, uint64_t bytes, const unsigned char **ret);

/* desk_copy - the same as a copy, for the caller to free. */
int desk_copy(struct desk *desk, uint64_t bytes, void **ret);

#endif
