// SPDX-License-Identifier: MIT
#include "core/scan/scan_request_wire.h"

#include <errno.h>
#include <string.h>

#include "core/model/vmm.h"

#define LIMIT_MAX_S 1e9

enum {
    WIRE_ESTIMATE_FIRST = 1 << 0,
    WIRE_FORCE = 1 << 1,
    WIRE_IDLE_PRIORITY = 1 << 2,
    WIRE_FLAGS = (1 << 3) - 1,
};

_Static_assert(sizeof(struct scan_request_wire) ==
                   9 * 8 + 16 * RAM_RANGES_MAX + 6 * 4 + 2 * SCAN_REQUEST_NAME_BYTES,
               "no byte of the message is left as it was found");

static void put_name(char to[SCAN_REQUEST_NAME_BYTES], const char *name)
{
    if (name != NULL)
        strncpy(to, name, SCAN_REQUEST_NAME_BYTES - 1);
}

void scan_request_encode(const struct scan_request *request, struct scan_request_wire *ret)
{
    *ret = (struct scan_request_wire){
        .start_ticks = request->vm.start_ticks,
        .born = request->vm.born,
        .process_vms = request->process_vms,
        .sample_pages = request->sample_pages,
        .max_rate_bytes = request->max_rate_bytes,
        .seed = request->seed,
        .exact_limit_s = request->exact_limit_s,
        .duration_s = request->duration_s,
        .max_cpu = request->max_cpu,
        .ram_count = (uint32_t)request->ram_count,
        .pid = request->vm.pid,
        .fd = request->vm.fd,
        .mode = request->mode,
        .threads = request->threads,
        .flags = (request->estimate_first ? WIRE_ESTIMATE_FIRST : 0u) |
                 (request->force ? WIRE_FORCE : 0u) |
                 (request->idle_priority ? WIRE_IDLE_PRIORITY : 0u),
    };
    for (size_t i = 0; i < request->ram_count; i++)
        ret->ram[i] = request->ram[i];
    put_name(ret->vmm, request->vmm);
    put_name(ret->accel, request->accel != NULL ? request->accel->name : NULL);
}

static bool is_text(const char name[SCAN_REQUEST_NAME_BYTES])
{
    return memchr(name, '\0', SCAN_REQUEST_NAME_BYTES) != NULL;
}

static bool read_names(const struct scan_request_wire *wire, unsigned cpu_flags,
                       struct scan_request *ret)
{
    if (!is_text(wire->vmm) || !is_text(wire->accel))
        return false;
    ret->vmm = vmm_by_name(wire->vmm)->name;
    if (wire->accel[0] != '\0')
        ret->accel = zeropage_named(wire->accel, cpu_flags);
    return ret->accel != NULL || wire->accel[0] == '\0';
}

/* As ram_parse_range() gives them. */
static bool read_ranges(const struct scan_request_wire *wire, struct scan_request *ret)
{
    if (wire->ram_count > RAM_RANGES_MAX)
        return false;
    ret->ram_count = wire->ram_count;
    for (size_t i = 0; i < ret->ram_count; i++) {
        const struct ram_range *range = &wire->ram[i];
        if (range->start >= range->end || (range->start | range->end) % SCAN_PAGE_BYTES != 0)
            return false;
        ret->ram[i] = *range;
    }
    return true;
}

int scan_request_decode(const struct scan_request_wire *wire, unsigned cpu_flags,
                        struct scan_request *ret)
{
    *ret = (struct scan_request){
        .vm = {.pid = wire->pid,
               .fd = wire->fd,
               .start_ticks = wire->start_ticks,
               .born = wire->born},
        .process_vms = (size_t)wire->process_vms,
        .mode = (enum scan_mode)wire->mode,
        .estimate_first = (wire->flags & WIRE_ESTIMATE_FIRST) != 0,
        .exact_limit_s = wire->exact_limit_s,
        .duration_s = wire->duration_s,
        .max_cpu = wire->max_cpu,
        .sample_pages = wire->sample_pages,
        .max_rate_bytes = wire->max_rate_bytes,
        .threads = wire->threads,
        .force = (wire->flags & WIRE_FORCE) != 0,
        .idle_priority = (wire->flags & WIRE_IDLE_PRIORITY) != 0,
        .seed = wire->seed,
    };
    /* The comparisons of fractions refuse what is no number. */
    bool is_good = wire->pid > 0 && wire->fd >= -1 && wire->mode < SCAN_MODE_COUNT &&
                   wire->threads <= SCAN_THREADS_MAX && wire->sample_pages <= SCAN_SAMPLE_MAX &&
                   wire->flags <= WIRE_FLAGS && wire->exact_limit_s >= 0 &&
                   wire->exact_limit_s <= LIMIT_MAX_S && wire->duration_s >= 0 &&
                   wire->duration_s <= SCAN_DIRTY_DURATION_MAX_S && wire->max_cpu >= 0 &&
                   wire->max_cpu <= SCAN_THREADS_MAX && read_names(wire, cpu_flags, ret) &&
                   read_ranges(wire, ret);
    return is_good ? 0 : -EBADMSG;
}
