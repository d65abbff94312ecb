/* SPDX-License-Identifier: MIT */
/*
 * A scan request as a message of fixed size without a pointer: how the front end hands it to the
 * process that scans, which is the same program.
 *
 * Who scans may read the memory of others and who asks may not, so the request is not trusted
 * either: what is decoded can be given to scan_execute.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_REQUEST_WIRE_H
#define KVMLENS_CORE_SCAN_SCAN_REQUEST_WIRE_H

#include "core/scan/scan.h"

#define SCAN_REQUEST_NAME_BYTES 24

/* Members as in struct scan_request; the order is that of their sizes, so that there are no gaps.
 */
struct scan_request_wire {
    uint64_t start_ticks, born;
    uint64_t process_vms, sample_pages, max_rate_bytes, seed;
    double exact_limit_s, duration_s, max_cpu;
    struct ram_range ram[RAM_RANGES_MAX]; /* zero behind ram_count */
    uint32_t ram_count;
    int32_t pid, fd;
    uint32_t mode, threads;
    uint32_t flags;
    char vmm[SCAN_REQUEST_NAME_BYTES];   /* a name of core/model/vmm.h */
    char accel[SCAN_REQUEST_NAME_BYTES]; /* a name of accel/zeropage.h; "" = the automatic choice */
};

void scan_request_encode(const struct scan_request *request, struct scan_request_wire *ret);

/*
 * scan_request_decode - @wire is a copy that nobody else can change.
 * @cpu_flags: as of cpu_detect(); a variant that this CPU cannot run is refused.
 * 0, or -EBADMSG.
 */
int scan_request_decode(const struct scan_request_wire *wire, unsigned cpu_flags,
                        struct scan_request *ret);

#endif
