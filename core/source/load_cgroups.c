// SPDX-License-Identifier: MIT
#include "core/source/load_cgroups.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_load.h"
#include "core/model/vm_load.h"
#include "core/source/cgroup_tree.h"

#define LOOK_UP_TICKS 16 /* a thread is moved to another cgroup rarely */

/*
 * Totals of a set of cgroups. As a thread moves to another cgroup, or a limit comes or goes, the
 * set is another one, and its totals go on from where they were.
 */
struct counted {
    struct cgroup_throttled value, offset;
    uint64_t set; /* stands for the set; 0: none yet */
};

/* Where a thread is. */
struct thread_groups {
    struct cgroup *at[CGROUP_KIND_COUNT]; /* NULL: in the root, or there is no such hierarchy */
    enum reading_cause cause;             /* why nothing is known of it; CAUSE_NONE: it is */
    pid_t tid;                            /* that was asked; 0: none yet */
    struct counted throttled;
};

struct load_cgroups {
    struct cgroup_table *table;
    struct counted throttled; /* all of its threads */
    struct thread_groups process;
    size_t count;
    struct thread_groups vcpus[];
};

struct load_cgroups *load_cgroups_new(struct cgroup_table *table, size_t vcpus)
{
    struct load_cgroups *g = calloc(1, sizeof(*g) + vcpus * sizeof(g->vcpus[0]));

    if (g == NULL)
        return NULL;
    g->table = table;
    g->count = vcpus;
    return g;
}

static void leave(struct cgroup_table *table, struct thread_groups *t)
{
    for (int kind = 0; kind < CGROUP_KIND_COUNT; kind++)
        cgroup_put(table, t->at[kind]);
    *t = (struct thread_groups){.tid = 0};
}

void load_cgroups_free(struct load_cgroups *g)
{
    if (g == NULL)
        return;
    leave(g->table, &g->process);
    for (size_t k = 0; k < g->count; k++)
        leave(g->table, &g->vcpus[k]);
    free(g);
}

/* --- which cgroups a thread is in ------------------------------------------------------------- */

static enum cgroup_kind kind_of(const struct proc_cgroup *line)
{
    if (line->controllers_length == 0)
        return CGROUP_V2;
    if (parse_list_has(line->controllers, line->controllers_length, "cpu"))
        return CGROUP_V1_CPU;
    if (parse_list_has(line->controllers, line->controllers_length, "freezer"))
        return CGROUP_V1_FREEZER;
    if (parse_list_has(line->controllers, line->controllers_length, "memory"))
        return CGROUP_V1_MEMORY;
    return CGROUP_KIND_COUNT;
}

/* A path that leads out of our namespace, or is too long, is not known. 0 or -ENOMEM. */
static int enter(struct cgroup_table *table, const struct proc_cgroup *line,
                 struct thread_groups *t)
{
    enum cgroup_kind kind = kind_of(line);

    if (kind == CGROUP_KIND_COUNT || t->at[kind] != NULL ||
        !parse_path_is_plain(line->path, line->path_length))
        return 0;
    return cgroup_get(table, kind, line->path, line->path_length, &t->at[kind]);
}

static void look_up(struct cgroup_table *table, const struct load_env *env, pid_t pid, pid_t tid,
                    struct thread_groups *t)
{
    char path[80], text[8192];
    struct proc_cgroup line;
    struct thread_groups now = {.tid = tid, .throttled = t->throttled};
    int result = 0;

    snprintf(path, sizeof(path), "proc/%d/task/%d/cgroup", (int)pid, (int)tid);
    beacon_at(env->beacon, pid, BEACON_READ_PROC);
    ssize_t n = rootfs_read(env->root, path, text, sizeof(text));
    if (n < 0 && n != -EFBIG)
        now.cause = reading_cause_of_error((int)n, CAUSE_NO_PERMISSION);
    else if (!cgroup_table_is_mounted(table))
        now.cause = CAUSE_NO_CGROUP;
    for (const char *at = text;
         now.cause == CAUSE_NONE && result == 0 && parse_proc_cgroup(&at, &line);)
        result = enter(table, &line, &now);
    if (result < 0)
        now.cause = CAUSE_READ_ERROR;
    /* After the new ones were taken: what both are in stays. */
    leave(table, t);
    *t = now;
}

static void follow(struct load_cgroups *g, const struct load_env *env, const struct sample_vm *sv)
{
    bool is_due = load_is_due(env, vm_spread(&sv->id), LOOK_UP_TICKS);

    if (is_due || g->process.tid != sv->id.pid)
        look_up(g->table, env, sv->id.pid, sv->id.pid, &g->process);
    for (size_t k = 0; k < g->count && k < sv->vcpu_count; k++) {
        pid_t tid = sv->vcpus[k].tid;
        if (tid != 0 && (is_due || g->vcpus[k].tid != tid))
            look_up(g->table, env, sv->id.pid, tid, &g->vcpus[k]);
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

/* What is known after all cgroups of a thread were asked. */
struct limits {
    uint64_t set;             /* as of struct counted; 0: none has a limit */
    enum reading_cause cause; /* why one that has a limit cannot be read */
    struct cgroup_throttled sum;
};

static void add_limit(const struct load_env *env, struct cgroup *c, struct limits *ret)
{
    struct cgroup_throttled total = {0};
    int result;

    if (!cgroup_has_limit(c, env))
        return;
    ret->set = (ret->set ^ cgroup_number(c)) * 0x100000001b3ull + 1;
    result = cgroup_throttled(c, env, &total);
    if (result < 0)
        ret->cause = reading_cause_of_error(result, CAUSE_NO_PERMISSION);
    ret->sum.ns += total.ns;
    ret->sum.hit += total.hit;
    ret->sum.periods += total.periods;
}

/* Those of the thread that do not have this stamp yet; 0: all. */
static void add_limits(const struct load_env *env, const struct thread_groups *t, uint64_t stamp,
                       struct limits *ret)
{
    static const enum cgroup_kind kinds[] = {CGROUP_V2, CGROUP_V1_CPU};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (struct cgroup *c = t->at[kinds[i]]; c != NULL && (stamp == 0 || cgroup_mark(c, stamp));
             c = cgroup_parent(c))
            add_limit(env, c, ret);
}

/* Why there is no number; CAUSE_NONE: there is one. */
static enum reading_cause cause_of(const struct thread_groups *t, const struct limits *l)
{
    if (t->tid == 0)
        return CAUSE_NO_THREAD_ID;
    if (t->cause != CAUSE_NONE)
        return t->cause;
    return l->cause != CAUSE_NONE ? l->cause : l->set != 0 ? CAUSE_NONE : CAUSE_NO_CPU_LIMIT;
}

static void count(struct counted *c, const struct limits *l)
{
    if (c->set != 0 && c->set != l->set)
        c->offset = (struct cgroup_throttled){
            .ns = c->value.ns - l->sum.ns,
            .hit = c->value.hit - l->sum.hit,
            .periods = c->value.periods - l->sum.periods,
        };
    c->set = l->set;
    c->value = (struct cgroup_throttled){
        .ns = l->sum.ns + c->offset.ns,
        .hit = l->sum.hit + c->offset.hit,
        .periods = l->sum.periods + c->offset.periods,
    };
}

static struct reading limit_reading(enum reading_cause cause, uint64_t value)
{
    return cause != CAUSE_NONE ? reading_of_cause(cause) : reading_ok(value, SOURCE_PROC);
}

static void read_vcpu_limits(const struct load_env *env, struct thread_groups *t,
                             struct sample_vcpu *vcpu)
{
    struct limits l = {.cause = CAUSE_NONE};

    add_limits(env, t, 0, &l);
    enum reading_cause cause = vcpu->tid == 0 ? CAUSE_NO_THREAD_ID : cause_of(t, &l);
    if (cause == CAUSE_NONE)
        count(&t->throttled, &l);
    vcpu->gauges[VCPU_THROTTLED_NS] = limit_reading(cause, t->throttled.value.ns);
}

/* A cgroup that several threads are in counts once. */
static void read_limits(struct load_cgroups *g, const struct load_env *env, struct sample_vm *sv)
{
    struct limits l = {.cause = CAUSE_NONE};
    uint64_t stamp = cgroup_table_stamp(g->table);

    add_limits(env, &g->process, stamp, &l);
    for (size_t k = 0; k < g->count && k < sv->vcpu_count; k++) {
        add_limits(env, &g->vcpus[k], stamp, &l);
        read_vcpu_limits(env, &g->vcpus[k], &sv->vcpus[k]);
    }
    enum reading_cause cause = cause_of(&g->process, &l);
    if (cause == CAUSE_NONE)
        count(&g->throttled, &l);
    sv->gauges[VM_THROTTLED_NS] = limit_reading(cause, g->throttled.value.ns);
    sv->gauges[VM_THROTTLED_PERIODS] = limit_reading(cause, g->throttled.value.hit);
    sv->gauges[VM_LIMITED_PERIODS] = limit_reading(cause, g->throttled.value.periods);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* The root has none. */
static struct cgroup *memory_cgroup(const struct load_cgroups *g, const struct load_env *env)
{
    struct cgroup *c = g->process.at[CGROUP_V2];

    if (cgroup_table_has(g->table, CGROUP_V1_MEMORY))
        return g->process.at[CGROUP_V1_MEMORY];
    while (c != NULL && cgroup_is_threaded(c, env))
        c = cgroup_parent(c);
    return c;
}

/* What a cgroup has, and what it may have. */
struct fullest {
    struct reading used, limit;
};

/* Of one that is known. */
static double fullness(const struct fullest *f)
{
    return f->limit.raw > 0 ? (double)f->used.raw / (double)f->limit.raw : HUGE_VAL;
}

static bool is_unknown(const struct fullest *f)
{
    return !cgroup_is_unlimited(f->limit) &&
           (f->limit.state != READING_OK || f->used.state != READING_OK);
}

/* The one that is nearer to its limit. Where one is not known it might be that one. */
static struct fullest fuller(struct fullest a, struct fullest b)
{
    if (is_unknown(&a) || cgroup_is_unlimited(b.limit))
        return cgroup_is_unlimited(a.limit) && b.limit.cause == CAUSE_NO_MEMORY_LIMIT ? b : a;
    if (is_unknown(&b) || cgroup_is_unlimited(a.limit))
        return b;
    return fullness(&b) > fullness(&a) ? b : a;
}

static void read_memory(struct load_cgroups *g, const struct load_env *env, struct sample_vm *sv)
{
    enum reading_cause cause = g->process.cause;
    struct cgroup *c = memory_cgroup(g, env);

    if (cause == CAUSE_NONE && c == NULL)
        cause =
            cgroup_table_has(g->table, CGROUP_V1_MEMORY) || cgroup_table_has(g->table, CGROUP_V2)
                ? CAUSE_ROOT_CGROUP
                : CAUSE_NO_CGROUP;
    if (cause != CAUSE_NONE) {
        for (int gauge = VM_CGROUP_BYTES; gauge <= VM_CGROUP_FULLEST_LIMIT_BYTES; gauge++)
            sv->gauges[gauge] = reading_of_cause(cause);
        return;
    }
    struct cgroup_memory m = *cgroup_memory(c, env);
    bool is_v2 = !cgroup_table_has(g->table, CGROUP_V1_MEMORY);
    struct fullest fullest = {.used = m.current, .limit = m.own};
    for (c = cgroup_parent(c); c != NULL; c = cgroup_parent(c)) {
        const struct cgroup_memory *above = cgroup_memory(c, env);
        fullest = fuller(fullest, (struct fullest){.used = above->current, .limit = above->own});
        if (!is_v2)
            continue;
        m.max = cgroup_tighter(m.max, above->max);
        m.high = cgroup_tighter(m.high, above->high);
    }
    sv->gauges[VM_CGROUP_FULLEST_BYTES] = fullest.used;
    sv->gauges[VM_CGROUP_FULLEST_LIMIT_BYTES] = fullest.limit;
    sv->gauges[VM_CGROUP_BYTES] = m.current;
    sv->gauges[VM_CGROUP_SWAP_BYTES] = m.swap;
    sv->gauges[VM_CGROUP_MAX_BYTES] = m.max;
    sv->gauges[VM_CGROUP_HIGH_BYTES] = m.high;
}

/* --- pressure and the freezer ----------------------------------------------------------------- */

/* Why there is no cgroup of v2 that tells it. */
static enum reading_cause lacks_v2(const struct load_cgroups *g)
{
    if (!cgroup_table_has(g->table, CGROUP_V2))
        return CAUSE_NO_CGROUP;
    for (int kind = 0; kind < CGROUP_KIND_COUNT && g->process.at[CGROUP_V2] == NULL; kind++)
        if (g->process.at[kind] != NULL)
            return CAUSE_CGROUP_V1;
    return CAUSE_ROOT_CGROUP;
}

static void read_pressure(struct load_cgroups *g, const struct load_env *env, struct sample_vm *sv)
{
    struct cgroup *c = g->process.at[CGROUP_V2];
    enum reading_cause cause = g->process.cause;

    while (c != NULL && cgroup_is_threaded(c, env))
        c = cgroup_parent(c);
    if (cause == CAUSE_NONE && c == NULL)
        cause = lacks_v2(g);
    for (unsigned i = 0; i < PRESSURE_COUNT; i++)
        sv->gauges[VM_CPU_SOME_NS + i] = cause != CAUSE_NONE
                                             ? reading_of_cause(cause)
                                             : cgroup_pressure(c, env, (enum pressure)i);
}

bool load_cgroups_are_frozen(struct load_cgroups *g, const struct load_env *env,
                             const struct sample_vm *sv)
{
    if (g->process.tid != sv->id.pid || load_is_due(env, vm_spread(&sv->id), LOOK_UP_TICKS))
        look_up(g->table, env, sv->id.pid, sv->id.pid, &g->process);
    return cgroup_is_frozen(g->process.at[CGROUP_V2], env) ||
           cgroup_is_frozen(g->process.at[CGROUP_V1_FREEZER], env);
}

void load_cgroups_read(struct load_cgroups *g, const struct load_env *env, struct sample_vm *sv)
{
    if (env->wishes & LOAD_THROTTLE) {
        follow(g, env, sv);
        read_limits(g, env, sv);
    } else if (g->process.tid != sv->id.pid) {
        look_up(g->table, env, sv->id.pid, sv->id.pid, &g->process);
    }
    if (env->wishes & LOAD_PRESSURE)
        read_pressure(g, env, sv);
    if (env->wishes & LOAD_MEMORY)
        read_memory(g, env, sv);
}
