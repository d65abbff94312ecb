/* SPDX-License-Identifier: MIT */
/*
 * A source of counters: one kernel interface behind a table of functions.
 *
 * Each tick: prepare (may learn fields), then the sample is laid out, then read. The best source
 * reads first; the others fill in what it left. Absence is data: a source that can give nothing
 * says why in the readings. Between two ticks a source holds no descriptor of a KVM object. Main
 * thread only.
 */
#ifndef KVMLENS_CORE_SOURCE_SOURCE_H
#define KVMLENS_CORE_SOURCE_SOURCE_H

#include "core/model/field.h"
#include "core/base/host.h"
#include "core/base/rootfs.h"
#include "core/model/sample.h"

/* All that a source may touch, so that a test can fake all of it. Borrowed. */
struct source_env {
    const struct rootfs *root;
    const struct host *host;
    struct field_table *fields;
    uint64_t (*now_ns)(void); /* monotonic */
};

struct source;

struct source_ops {
    enum reading_source id;
    int (*open)(const struct source_env *env, struct source **ret); /* 0 or -ENOMEM */
    int (*prepare)(struct source *source, const struct vm_list *vms); /* 0 or -ENOMEM */
    void (*read)(struct source *source, struct sample *sample);
    void (*forget)(struct source *source, struct vm *vm); /* free vm->source_data[id] */
    void (*close)(struct source *source);                 /* NULL ok */
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
