// SPDX-License-Identifier: MIT
#include "ui/report/report_load.h"

#include <stddef.h>

#include "ui/report/report.h"

#define VM(name, unit, member)                                                                     \
    {                                                                                              \
        name, unit, offsetof(struct vm_load, member)                                               \
    }
#define VCPU(name, unit, member)                                                                   \
    {                                                                                              \
        name, unit, offsetof(struct vcpu_load, member)                                             \
    }
#define HOST(name, unit, member)                                                                   \
    {                                                                                              \
        name, unit, offsetof(struct host_load, member)                                             \
    }

const struct load_row report_load_vm[] = {
    VM("uptime_s", "seconds", uptime_s),
    VM("run_mean_ratio", "ratio", run_mean),
    VM("run_worst_ratio", "ratio", run_worst),
    VM("ready_mean_ratio", "ratio", ready_mean),
    VM("ready_worst_ratio", "ratio", ready_worst),
    VM("cpu_guest_ratio", "ratio", guest),
    VM("cpu_host_ratio", "ratio", host),
    VM("throttled_ratio", "ratio", throttled),
    VM("throttled_periods_ratio", "ratio", throttled_periods),
    VM("halt_poll_ratio", "ratio", halt_poll),
    {NULL, NULL, 0},
};

const struct load_row report_load_vcpu[] = {
    VCPU("cpu_guest_ratio", "ratio", guest),
    VCPU("cpu_host_ratio", "ratio", host),
    VCPU("throttled_ratio", "ratio", throttled),
    VCPU("halt_poll_ratio", "ratio", halt_poll),
    {NULL, NULL, 0},
};

const struct load_row report_load_host[] = {
    HOST("load_1", "none", load_1),
    HOST("load_5", "none", load_5),
    HOST("load_15", "none", load_15),
    HOST("cpu_busy_ratio", "ratio", busy),
    HOST("cpu_guest_ratio", "ratio", guest),
    HOST("cpu_steal_ratio", "ratio", steal),
    HOST("cpu_iowait_ratio", "ratio", iowait),
    {NULL, NULL, 0},
};

const struct figure *report_load_figure(const struct load_row *row, const void *load)
{
    return (const struct figure *)(const void *)((const char *)load + row->offset);
}

bool report_load_is_told(uint8_t state, uint8_t cause)
{
    return state != READING_ABSENT || (cause != CAUSE_NONE && cause != CAUSE_NOT_ASKED_FOR);
}

/* The wide form of CSV has fixed columns. */
unsigned report_load_wish(const struct report_format *format, bool per_vcpu, bool wide)
{
    if (format == &report_text || (format == &report_csv && wide))
        return 0;
    return format->document && !per_vcpu ? LOAD_ALL & ~(unsigned)LOAD_VCPUS : LOAD_ALL;
}
