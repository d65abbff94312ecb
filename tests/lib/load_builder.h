/* SPDX-License-Identifier: MIT */
/*
 * What VMs and the host fight for (core/model/vm_load.h), where memory lies (vm_memory.h) and what
 * is moved (vm_io.h), put into snapshots made by hand.
 */
#ifndef KVMLENS_TESTS_LOAD_BUILDER_H
#define KVMLENS_TESTS_LOAD_BUILDER_H

#include "tests/lib/snapshot_builder.h"

enum load_kind { LOAD_QUIET, LOAD_BUSY, LOAD_CONTENDED };

/*
 * load_builder_host - the host of snapshot_builder_three_vms, with all that load_wish asks for.
 * QUIET: next to nothing runs. BUSY: db-primary and fc-1 run, and wait a little. CONTENDED: the
 * vCPUs of db-primary wait 12 % of the time, one of them 31 %, a limit holds fc-1 back, vm16 is
 * paused, the host is out of memory, and its own hypervisor takes time from it; db-primary is
 * swapped, half of its memory is on another node, and it drops packets; fc-1 is on huge pages, and
 * nobody may see what it reads and writes.
 */
void load_builder_host(struct snapshot_builder *b, enum load_kind kind);

/* load_builder_figure - one that is there; load_builder_missing - one that is not. */
struct figure load_builder_figure(double value);
struct figure load_builder_missing(enum reading_state state, enum reading_cause cause);

/* load_builder_vm - what nobody asked for is NOT_ASKED_FOR; RUN and RDY follow from the vCPUs. */
void load_builder_vm(struct snapshot_builder *b, size_t vm);

#endif
