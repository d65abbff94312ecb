/* SPDX-License-Identifier: MIT */
/*
 * What KVM has mapped for a guest in its second-level page table (EPT, NPT): free of cost for
 * all VMs.
 *
 * A page that the guest never touched is not mapped, so RAM minus mapped is about what is zero
 * at least. It is an estimate: the VMM may have written pages that the guest has not looked at
 * (firmware, a migration that came in), and the host may have unmapped pages again (swap, NUMA
 * balancing, dirty logging).
 */
#ifndef KVMLENS_CORE_MODEL_EPT_H
#define KVMLENS_CORE_MODEL_EPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/reading.h"

/*
 * ept_mapped_bytes - from the gauges pages_4k, pages_2m, pages_1g. Pure.
 *
 * @ran: the guest has run (any of its counters of exits is above 0). Then all gauges 0 means
 * that this host does not count (shadow paging, or an outer hypervisor that hides it): ABSENT,
 * CAUSE_NOT_COUNTED, never "0 bytes". A gauge that is missing makes the result missing with
 * its state and cause; pages_1g may be missing (older kernels).
 */
struct reading ept_mapped_bytes(struct reading pages_4k, struct reading pages_2m,
                                struct reading pages_1g, bool ran);

/*
 * ept_zero_ratio - the share of RAM that KVM has never mapped, 0..1; negative = not known.
 * @ram_bytes 0 = not known. Mapped beyond RAM (firmware, video memory) counts as all of it: 0.
 */
double ept_zero_ratio(struct reading mapped_bytes, uint64_t ram_bytes);

#endif
