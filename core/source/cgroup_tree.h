/* SPDX-License-Identifier: MIT */
/*
 * The cgroups that VMs are in, each once, with those above it. What is read of one in a tick is
 * read once, however many threads are in it. Part of load_cgroups. Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_CGROUP_TREE_H
#define KVMLENS_CORE_SOURCE_CGROUP_TREE_H

#include "core/model/vm_load.h"
#include "core/source/load_env.h"

/* Hierarchies that tell something. */
enum cgroup_kind {
    CGROUP_V2,
    CGROUP_V1_CPU,
    CGROUP_V1_FREEZER,
    CGROUP_V1_MEMORY,
    CGROUP_KIND_COUNT
};

struct cgroup;
struct cgroup_table; /* all cgroups that VMs are in */

/* cgroup_table_new - NULL: no memory. cgroup_table_free: after all of its load_cgroups; NULL ok. */
struct cgroup_table *cgroup_table_new(void);
void cgroup_table_free(struct cgroup_table *table);

/* cgroup_table_begin - before the VMs of a tick: where cgroups are mounted. */
void cgroup_table_begin(struct cgroup_table *table, const struct load_env *env);

/* cgroup_table_has - is that hierarchy mounted? cgroup_table_is_mounted: one with limits? */
bool cgroup_table_has(const struct cgroup_table *table, enum cgroup_kind kind);
bool cgroup_table_is_mounted(const struct cgroup_table *table);

/* cgroup_table_stamp - a number that was not given before, for cgroup_mark; never 0. */
uint64_t cgroup_table_stamp(struct cgroup_table *table);

/*
 * cgroup_get - the cgroup of a plain path (parse_path_is_plain) of a hierarchy. *@ret stays NULL
 * where it is the root, where the hierarchy is not mounted, and where the path is too long. Whoever
 * gets one gives it back with cgroup_put (NULL ok). 0 or -ENOMEM.
 */
int cgroup_get(struct cgroup_table *table, enum cgroup_kind kind, const char *path, size_t length,
               struct cgroup **ret);
void cgroup_put(struct cgroup_table *table, struct cgroup *cgroup);

/* cgroup_parent - NULL: that is the root, which has no limit. */
struct cgroup *cgroup_parent(const struct cgroup *cgroup);

/* cgroup_mark - false: it has that stamp already. */
bool cgroup_mark(struct cgroup *cgroup, uint64_t stamp);

/* cgroup_number - of its own, for as long as somebody has it. */
uint64_t cgroup_number(const struct cgroup *cgroup);

/* cgroup_has_limit - on CPU time. Looked up once in some ticks. */
bool cgroup_has_limit(struct cgroup *cgroup, const struct load_env *env);

struct cgroup_throttled {
    uint64_t ns;           /* that its CPUs were taken away */
    uint64_t hit, periods; /* in which that happened, and all */
};

/* cgroup_throttled - totals since it was made. 0 or a negative errno. */
int cgroup_throttled(struct cgroup *cgroup, const struct load_env *env,
                     struct cgroup_throttled *ret);

/* cgroup_is_threaded - of version 2: may it have threads only? */
bool cgroup_is_threaded(struct cgroup *cgroup, const struct load_env *env);

/* cgroup_pressure - of version 2: total time of one kind. */
struct reading cgroup_pressure(struct cgroup *cgroup, const struct load_env *env,
                               enum pressure pressure);

/* Bytes; what there is no limit on is ABSENT with CAUSE_NO_MEMORY_LIMIT. */
struct cgroup_memory {
    struct reading current, swap, max, high;
    struct reading own; /* the tighter of its own two limits, in both versions */
};

/*
 * cgroup_memory - of version 2, or of the hierarchy of memory: what it has, and its limits: in
 * version 2 its own, in version 1 the tightest of it and all above. Limits are looked up once in
 * some ticks.
 */
const struct cgroup_memory *cgroup_memory(struct cgroup *cgroup, const struct load_env *env);

/* cgroup_is_unlimited - is that limit missing for there is none? Pure. */
bool cgroup_is_unlimited(struct reading limit);

/*
 * cgroup_tighter - of two limits. Where one could not be read nobody knows which that is, and it is
 * that one. Pure.
 */
struct reading cgroup_tighter(struct reading a, struct reading b);

/* cgroup_is_frozen - by itself or from above. @cgroup NULL: no. */
bool cgroup_is_frozen(struct cgroup *cgroup, const struct load_env *env);

/*
 * cgroup_pressure_of_text - the reading of a kind from the text of its file, or why there is none.
 * @n: what reading it returned. Pure.
 */
struct reading cgroup_pressure_of_text(const char *text, ssize_t n, enum pressure pressure);

#endif
