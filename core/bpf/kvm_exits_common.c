// SPDX-License-Identifier: MIT
/*
 * What needs no kernel.
 */
#include <stdlib.h>

#include "core/bpf/kvm_exits.h"

void kvm_exits_reading_done(struct kvm_exits_reading *reading)
{
    free(reading->threads);
    free(reading->reasons);
    free(reading->keys);
    *reading = (struct kvm_exits_reading){0};
}
