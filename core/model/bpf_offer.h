/* SPDX-License-Identifier: MIT */
/*
 * What of a VM is missing that BPF would read: so that it is offered where it helps, and only
 * there. Pure, any thread.
 */
#ifndef KVMLENS_CORE_MODEL_BPF_OFFER_H
#define KVMLENS_CORE_MODEL_BPF_OFFER_H

#include "core/model/snapshot.h"

/* bpf_offer_reads - is a number that is missing for this cause one that BPF reads? */
bool bpf_offer_reads(enum reading_cause cause);

/*
 * bpf_offer_count - counters of @vm, or of its vCPUs, that are missing for such a cause.
 * @ret_first: the name of the first, which is that of a VM-level counter where one is missing; NULL
 * where there is none. Borrowed from the field table.
 */
size_t bpf_offer_count(const struct snapshot *s, const struct snapshot_vm *vm,
                       const char **ret_first);

/*
 * bpf_offer_is_open - may it be offered for @vm? It is possible, it was not asked for, and
 * something is missing that it would read. False of a VM of another snapshot: it has ended.
 */
bool bpf_offer_is_open(const struct snapshot *s, const struct snapshot_vm *vm);

/* bpf_offer_text - "mmu_pte_write and 9 more", or "its counters" where not even their names are
 * known. Writes at most @size bytes to @out and returns it. */
const char *bpf_offer_text(const struct snapshot *s, const struct snapshot_vm *vm, char *out,
                           size_t size);

#endif
