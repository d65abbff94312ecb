/* SPDX-License-Identifier: MIT */
/*
 * I/O: what a VM moves: bytes of storage, its network devices, and what is behind its descriptors.
 * Derived from two samples, and part of a snapshot. Pure.
 *
 * Read where somebody wishes for it (LOAD_IO of enum load_wish, core/model/vm_load.h). What nobody
 * wished for is READING_ABSENT with CAUSE_NOT_ASKED_FOR, and what is missing is never 0.
 *
 * All directions are the guest's: "in" is what it received or read, "out" what it sent or wrote.
 * (The host counts what a tap received from the guest as received.) Devices are of the process:
 * of several VMs in one process the first has them.
 */
#ifndef KVMLENS_CORE_MODEL_VM_IO_H
#define KVMLENS_CORE_MODEL_VM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/figure.h"
#include "core/model/reading.h"

enum io_device_kind {
    IO_DEVICE_TAP,     /* a network device of the host, whose other end the VMM has */
    IO_DEVICE_MACVTAP, /* the same on top of a device of the host */
    IO_DEVICE_BLOCK,   /* a block device: others may use it too */
    IO_DEVICE_IMAGE,   /* a file that is read or written; has no counts of its own */
    IO_DEVICE_KIND_COUNT
};

/* io_device_kind_name - for machines and people: "tap", "macvtap", "block", "image". */
const char *io_device_kind_name(enum io_device_kind kind);

/* io_device_kind_is_net - its operations are packets. */
bool io_device_kind_is_net(enum io_device_kind kind);

/* What is counted of a device, from the guest's point of view; all grow. */
enum io_counter {
    IO_IN_BYTES,  /* received, read */
    IO_IN_OPS,    /* packets, reads */
    IO_IN_DROPS,  /* packets for the guest that it did not take; block devices have none */
    IO_OUT_BYTES, /* sent, written */
    IO_OUT_OPS,
    IO_OUT_DROPS,
    IO_COUNTER_COUNT
};

/* io_counter_name - for machines: "in_bytes", "in_ops", "in_drops", "out_bytes", ... */
const char *io_counter_name(enum io_counter counter);

struct io_count {
    struct reading total; /* since the device was made, or the VMM began */
    struct figure rate;   /* per second */
};

#define IO_DEVICES_MAX 64   /* that are listed of a process; the first in the order of the list */
#define IO_NAME_MAX    1024 /* bytes of a name or path, the NUL included; the rest is cut off */

struct io_device {
    const char *name;  /* of the network device, or the path in the VMM's name space; cleaned */
    uint8_t kind;      /* enum io_device_kind */
    bool is_read_only; /* opened only to be read; of network devices false */
    struct io_count counts[IO_COUNTER_COUNT];
};

struct vm_io {
    /*
     * Bytes that the VMM had storage read and write (/proc/PID/io). What the page cache had is not
     * in it, nor what other processes do for it (vhost workers before Linux 6.4, virtiofsd, NBD).
     */
    struct io_count read, written;
    /*
     * How many devices were found behind its descriptors, looked up at least every 16 samples: more
     * than device_count where it has more than IO_DEVICES_MAX. Missing: why none is known.
     */
    struct reading devices_found;
    struct reading vhost_nets; /* how many queues the kernel moves packets of (vhost-net) */
    struct io_device *devices; /* by kind, then name */
    size_t device_count;
    /*
     * Rates of all network devices, and of all block devices, together. ABSENT with
     * CAUSE_NO_NET_DEVICE and CAUSE_NO_BLOCK_DEVICE where it has none.
     */
    struct figure net[IO_COUNTER_COUNT], block[IO_COUNTER_COUNT];
};

#endif
