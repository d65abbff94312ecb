/* SPDX-License-Identifier: MIT */
/*
 * A source of counters: one kernel interface behind a table of functions.
 *
 * Each tick: it is asked whether it is wanted, and attached or detached where that has changed;
 * then discover (may learn fields), then the sample is laid out, then tick for what one look tells
 * of the whole host, then read for each VM, all sources of one before the next: a VM whose process
 * has taken too long is skipped by all of them. The best source comes first; the others fill in
 * what it left. Absence is data: a source that can give nothing says why in the readings. Between
 * two ticks a source holds no descriptor of a KVM object. Main thread only.
 */
#ifndef KVMLENS_CORE_SOURCE_SOURCE_H
#define KVMLENS_CORE_SOURCE_SOURCE_H

#include <stdbool.h>

#include "core/base/beacon.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"
#include "core/find/budget.h"
#include "core/find/discover.h"
#include "core/model/field.h"
#include "core/model/sample.h"

struct load_wish_set; /* core/model/vm_load.h */

/* All that a source may touch, so that a test can fake all of it. Borrowed. */
struct source_env {
    const struct rootfs *root;
    const struct host *host;
    struct field_table *fields;
    uint64_t (*now_ns)(void); /* monotonic */
    struct beacon *beacon;    /* says what is read; NULL: nobody wants to know */
    /* How long each process may take, and where that is kept; both NULL: as long as it likes */
    const struct budget *budget;
    const struct discover *discover;
    struct kvm_bpf_tick *bpf_tick; /* NULL: nobody asked for it, or it could not be loaded */
    bool histograms;     /* are they read where they cost extra? */
    const struct load_wish_set *load; /* another in each tick; NULL: nothing */
};

struct kvm_bpf_tick;
struct source;

/* What a source does. Those that may be NULL are left out by sources without a use for them. */
struct source_ops {
    enum reading_source id;
    /* Is there a use for it now? Asked before each tick, attached or not. NULL: always. */
    bool (*wanted)(const struct source_env *env);
    /* 0, and what the other calls get in *@ret, never NULL; or -ENOMEM. */
    int (*attach)(const struct source_env *env, struct source **ret);
    /* Which VMs there are now; may add fields. 0 or -ENOMEM. May be NULL. */
    int (*discover)(struct source *source, const struct vm_list *vms);
    /*
     * All of @sample, where one look tells of all VMs or of the host; before any VM is read. May be
     * NULL.
     */
    void (*tick)(struct source *source, struct sample *sample);
    /* One VM of @sample; for those that are not skipped, after tick. May be NULL. */
    void (*read)(struct source *source, struct sample *sample, struct sample_vm *vm);
    /* Free vm->source_data[id], before the VM ends and before detach. May be NULL. */
    void (*forget)(struct source *source, struct vm *vm);
    void (*detach)(struct source *source);
};

/*
 * source_keep_below - descriptors with a number below this may be kept from tick to tick: half of
 * what the process may have, others need some too.
 */
int source_keep_below(void);

/* Those of core/model/source_list.h, best first. NULL ends. */
extern const struct source_ops *const source_table[];

#define SOURCE_OPS(id, name, brief, gives) extern const struct source_ops source_##name;
SOURCES(SOURCE_OPS)
#undef SOURCE_OPS

#endif
