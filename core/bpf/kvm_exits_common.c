// SPDX-License-Identifier: MIT
/*
 * What needs no kernel.
 */
#include <stdlib.h>

#include "core/base/parse_number.h"
#include "core/bpf/kvm_exits.h"

bool kvm_exits_needs_admin(const struct rootfs *root)
{
    char text[32];
    int64_t level;

    return rootfs_read(root, "proc/sys/kernel/perf_event_paranoid", text, sizeof(text)) > 0 &&
           parse_i64(text, &level) == 0 && level > 2;
}

void kvm_exits_reading_done(struct kvm_exits_reading *reading)
{
    free(reading->threads);
    free(reading->reasons);
    free(reading->keys);
    *reading = (struct kvm_exits_reading){0};
}
