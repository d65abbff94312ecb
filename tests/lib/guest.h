/* SPDX-License-Identifier: MIT */
/*
 * A process with memory like a VMM's, for tests that look at it from outside.
 */
#ifndef KVMLENS_TESTS_LIB_GUEST_H
#define KVMLENS_TESTS_LIB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/demo/minivm_ram.h"

/* In memory that both processes share; the guest's function fills it. */
struct guest_info {
    uint64_t ram_start, ram_bytes;
    struct minivm_pages pages;
    int memfd;         /* descriptor in the guest; -1 = none */
    int error;         /* positive errno when the guest could not be made; then it has ended */
    uint64_t extra[4]; /* between a test and its guest */
};

struct guest {
    pid_t pid;
    struct guest_info *info;
    int alive; /* when this end is closed the guest ends, also when the test crashes */
};

/* Runs in the new process; when it returns, the process waits until guest_stop. */
typedef void guest_fn(struct guest_info *info, const void *arg);

/* guest_start - returns when @fn has returned. False: no process, or info->error is set. */
bool guest_start(struct guest *guest, guest_fn *fn, const void *arg);
void guest_stop(struct guest *guest); /* info stays readable until the next guest_start */

/*
 * guest_zero_page - does this kernel map its zero page where private memory is read before it is
 * written? Some that run as guests are told not to, and give a page of zeros instead.
 */
bool guest_zero_page(void);

/*
 * guest_ram - guest_fn: @arg is a struct guest_ram_config. @info->pages are what this kernel makes
 * of it: without a zero page, what was only read is zero_content.
 */
struct guest_ram_config {
    enum minivm_backing backing;
    uint64_t bytes;
    const struct minivm_range *ranges;
    size_t range_count;
    uint64_t seed;
};
guest_fn guest_ram;

/* guest_status - a line of /proc/PID/status in KiB, such as "VmRSS:"; -1 = not there. */
long guest_status(pid_t pid, const char *key);

/*
 * guest_hugepages - add @count 2 MiB pages to the pool, or take them away when negative: others
 * may use it meanwhile. False when it cannot be changed so; the pool is then as before.
 */
bool guest_hugepages(long count);
long guest_hugepages_free(void);

#endif
