// SPDX-License-Identifier: MIT
#include "core/source/cgroup_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_load.h"
#include "core/base/parse_number.h"
#include "core/base/parse_proc.h"

#define MOUNT_MAX    200
#define PATH_BYTES   1024 /* of a cgroup with its mount point; a longer one is not looked at */
#define DEPTH_MAX    64
#define BUCKETS      256
#define SEARCH_TICKS 64 /* where none is mounted it is looked for so often */
#define LIMIT_TICKS  8  /* limits are set by people */
#define TYPE_TICKS   64
#define FILE_BYTES   1024

enum file {
    FILE_STAT,
    FILE_EVENTS,
    FILE_CPU,
    FILE_MEMORY,
    FILE_IO,
    FILE_CURRENT,
    FILE_SWAP,
    FILE_COUNT
};

struct cgroup {
    struct cgroup *next;   /* in its bucket */
    struct cgroup *parent; /* NULL: the root */
    uint64_t number, stamp;
    enum cgroup_kind kind;
    size_t uses;
    struct kept_file files[FILE_COUNT];
    /* What was read in the tick that stands beside it; 0: nothing yet */
    uint64_t limit_tick, type_tick, throttled_tick, frozen_tick, pressure_tick[PRESSURE_COUNT / 2];
    bool has_limit, is_frozen, is_threaded;
    int throttled_result;
    struct cgroup_throttled throttled;
    struct reading pressure[PRESSURE_COUNT];
    uint64_t memory_tick, memory_limit_tick;
    struct cgroup_memory memory;
    char path[]; /* below the root of the file system, without a slash at its start */
};

struct cgroup_table {
    char mounts[CGROUP_KIND_COUNT][MOUNT_MAX]; /* "" = not mounted */
    uint64_t stamp, number;
    uint64_t searched_tick; /* for mounts, while there are none; 0: not yet */
    struct cgroup *buckets[BUCKETS];
};

/* --- where they are mounted ------------------------------------------------------------------- */

static void set_mount(struct cgroup_table *t, enum cgroup_kind kind, const char *point)
{
    if (t->mounts[kind][0] == '\0' && strlen(point) < MOUNT_MAX)
        strcpy(t->mounts[kind], point);
}

static void take_mount(struct cgroup_table *t, const struct proc_mount *mount)
{
    const char *point = mount->point + 1;
    size_t length = strlen(mount->options);

    if (strcmp(mount->type, "cgroup2") == 0)
        set_mount(t, CGROUP_V2, point);
    if (strcmp(mount->type, "cgroup") != 0)
        return;
    if (parse_list_has(mount->options, length, "cpu"))
        set_mount(t, CGROUP_V1_CPU, point);
    if (parse_list_has(mount->options, length, "freezer"))
        set_mount(t, CGROUP_V1_FREEZER, point);
    if (parse_list_has(mount->options, length, "memory"))
        set_mount(t, CGROUP_V1_MEMORY, point);
}

/* A saved tree may lack the list of mounts. */
static void try_usual_places(struct cgroup_table *t, const struct rootfs *root)
{
    static const struct {
        enum cgroup_kind kind;
        const char *point, *sign;
    } places[] = {
        {CGROUP_V2, "sys/fs/cgroup", "sys/fs/cgroup/cgroup.controllers"},
        {CGROUP_V2, "sys/fs/cgroup/unified", "sys/fs/cgroup/unified/cgroup.controllers"},
        {CGROUP_V1_CPU, "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpu,cpuacct/cpu.shares"},
        {CGROUP_V1_CPU, "sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu/cpu.shares"},
        {CGROUP_V1_FREEZER, "sys/fs/cgroup/freezer", "sys/fs/cgroup/freezer/tasks"},
        {CGROUP_V1_MEMORY, "sys/fs/cgroup/memory", "sys/fs/cgroup/memory/memory.stat"},
    };
    struct stat st;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (rootfs_stat(root, places[i].sign, &st) == 0)
            set_mount(t, places[i].kind, places[i].point);
}

static void search_mounts(struct cgroup_table *t, const struct rootfs *root)
{
    char *mounts = NULL;
    size_t length;
    struct proc_mount mount;

    if (rootfs_read_all(root, "proc/self/mountinfo", 4 << 20, &mounts, &length) == 0)
        for (const char *at = mounts; parse_proc_mount(&at, &mount);)
            take_mount(t, &mount);
    free(mounts);
    if (!root->live)
        try_usual_places(t, root);
}

struct cgroup_table *cgroup_table_new(void)
{
    return calloc(1, sizeof(struct cgroup_table));
}

void cgroup_table_free(struct cgroup_table *t)
{
    free(t);
}

bool cgroup_table_has(const struct cgroup_table *t, enum cgroup_kind kind)
{
    return t->mounts[kind][0] != '\0';
}

bool cgroup_table_is_mounted(const struct cgroup_table *t)
{
    return cgroup_table_has(t, CGROUP_V2) || cgroup_table_has(t, CGROUP_V1_CPU);
}

void cgroup_table_begin(struct cgroup_table *t, const struct load_env *env)
{
    /* The first who asks may do so in any tick. */
    if (cgroup_table_is_mounted(t) ||
        (t->searched_tick != 0 && env->tick - t->searched_tick < SEARCH_TICKS))
        return;
    t->searched_tick = env->tick;
    search_mounts(t, env->root);
}

uint64_t cgroup_table_stamp(struct cgroup_table *t)
{
    return ++t->stamp;
}

/* --- the tree --------------------------------------------------------------------------------- */

static size_t bucket_of(const char *path, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 16777619u;
    return hash % BUCKETS;
}

static struct cgroup *find(struct cgroup_table *t, const char *path, size_t length)
{
    for (struct cgroup *c = t->buckets[bucket_of(path, length)]; c != NULL; c = c->next)
        if (strncmp(c->path, path, length) == 0 && c->path[length] == '\0')
            return c;
    return NULL;
}

/* One that nobody has yet. NULL: no memory. */
static struct cgroup *make(struct cgroup_table *t, enum cgroup_kind kind, const char *path,
                           size_t length)
{
    struct cgroup *c = calloc(1, sizeof(*c) + length + 1), **bucket;

    if (c == NULL)
        return NULL;
    memcpy(c->path, path, length);
    c->kind = kind;
    c->number = ++t->number;
    for (int i = 0; i < FILE_COUNT; i++)
        c->files[i] = KEPT_NONE;
    bucket = &t->buckets[bucket_of(path, length)];
    c->next = *bucket;
    *bucket = c;
    return c;
}

/* The length of the path of the cgroup above, of which @mount bytes are the mount point; 0: it is
 * the root. */
static size_t length_above(const char *path, size_t length, size_t mount)
{
    while (length > mount && path[length - 1] != '/')
        length--;
    while (length > mount && path[length - 1] == '/')
        length--;
    return length > mount ? length : 0;
}

/* From the bottom to the top: those that are new have their parents made, too. */
static struct cgroup *take(struct cgroup_table *t, enum cgroup_kind kind, const char *path,
                           size_t length, size_t mount)
{
    struct cgroup *first = NULL, **link = &first;

    for (; length > 0; length = length_above(path, length, mount)) {
        struct cgroup *c = find(t, path, length);
        bool is_known = c != NULL;
        if (!is_known)
            c = make(t, kind, path, length);
        if (c == NULL) {
            cgroup_put(t, first);
            return NULL;
        }
        c->uses++;
        *link = c;
        link = &c->parent;
        if (is_known)
            break; /* it has its parents already */
    }
    return first;
}

int cgroup_get(struct cgroup_table *t, enum cgroup_kind kind, const char *path, size_t length,
               struct cgroup **ret)
{
    char full[PATH_BYTES];
    size_t mount = strlen(t->mounts[kind]), depth = 0;

    for (size_t i = 0; i < length; i++)
        depth += path[i] == '/';
    while (length > 0 && path[length - 1] == '/')
        length--;
    if (mount == 0 || length == 0 || depth > DEPTH_MAX || mount + length >= sizeof(full))
        return 0;
    memcpy(full, t->mounts[kind], mount);
    memcpy(full + mount, path, length);
    full[mount + length] = '\0';
    *ret = take(t, kind, full, mount + length, mount);
    return *ret != NULL ? 0 : -ENOMEM;
}

static void end(struct cgroup_table *t, struct cgroup *c)
{
    struct cgroup **link = &t->buckets[bucket_of(c->path, strlen(c->path))];

    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    for (int i = 0; i < FILE_COUNT; i++)
        kept_drop(&c->files[i]);
    free(c);
}

void cgroup_put(struct cgroup_table *t, struct cgroup *c)
{
    while (c != NULL && --c->uses == 0) {
        struct cgroup *parent = c->parent;
        end(t, c);
        c = parent;
    }
}

struct cgroup *cgroup_parent(const struct cgroup *c)
{
    return c->parent;
}

uint64_t cgroup_number(const struct cgroup *c)
{
    return c->number;
}

bool cgroup_mark(struct cgroup *c, uint64_t stamp)
{
    bool is_new = c->stamp != stamp;

    c->stamp = stamp;
    return is_new;
}

/* --- what they tell --------------------------------------------------------------------------- */

/* @kept may be NULL: it is read rarely. */
static ssize_t read_file(struct cgroup *c, const struct load_env *env, struct kept_file *kept,
                         const char *name, char *buf, size_t size)
{
    char path[PATH_BYTES + 32];

    snprintf(path, sizeof(path), "%s/%s", c->path, name);
    return kept_read(env, kept, 0, path, buf, size);
}

bool cgroup_has_limit(struct cgroup *c, const struct load_env *env)
{
    char text[FILE_BYTES];

    if (c->limit_tick != 0 && env->tick - c->limit_tick < LIMIT_TICKS)
        return c->has_limit;
    /* Not all of them again in one tick. */
    c->limit_tick = env->tick - (c->limit_tick == 0 ? c->number % LIMIT_TICKS : 0);
    bool is_v2 = c->kind == CGROUP_V2;
    ssize_t n = read_file(c, env, NULL, is_v2 ? "cpu.max" : "cpu.cfs_quota_us", text, sizeof(text));
    /* Without the controller there is no such file, and no limit. */
    c->has_limit = n > 0 && (is_v2 ? parse_cpu_max(text) : parse_cpu_quota(text));
    return c->has_limit;
}

static int read_throttled(struct cgroup *c, const struct load_env *env)
{
    char text[FILE_BYTES];
    bool is_v2 = c->kind == CGROUP_V2;
    struct cgroup_throttled now = {0};
    ssize_t n = read_file(c, env, &c->files[FILE_STAT], "cpu.stat", text, sizeof(text));

    if (n < 0)
        return (int)n;
    if (!parse_key_number(text, is_v2 ? "throttled_usec" : "throttled_time", &now.ns) ||
        !parse_key_number(text, "nr_throttled", &now.hit) ||
        !parse_key_number(text, "nr_periods", &now.periods) ||
        (is_v2 && now.ns > UINT64_MAX / 1000))
        return -EBADMSG;
    now.ns *= is_v2 ? 1000 : 1;
    c->throttled = now;
    return 0;
}

int cgroup_throttled(struct cgroup *c, const struct load_env *env, struct cgroup_throttled *ret)
{
    if (c->throttled_tick != env->tick)
        c->throttled_result = read_throttled(c, env);
    c->throttled_tick = env->tick;
    if (c->throttled_result == 0)
        *ret = c->throttled;
    return c->throttled_result;
}

/* --- memory ----------------------------------------------------------------------------------- */

#define V1_UNLIMITED ((uint64_t)1 << 62) /* PAGE_COUNTER_MAX in bytes is more */

bool cgroup_is_unlimited(struct reading r)
{
    return r.state != READING_OK &&
           (r.cause == CAUSE_NO_MEMORY_LIMIT || r.cause == CAUSE_NO_MEMORY_CGROUP);
}

struct reading cgroup_tighter(struct reading a, struct reading b)
{
    if (cgroup_is_unlimited(a))
        return cgroup_is_unlimited(b) && a.cause == CAUSE_NO_MEMORY_LIMIT ? a : b;
    if (cgroup_is_unlimited(b) || a.state != READING_OK)
        return a;
    return b.state != READING_OK || b.raw < a.raw ? b : a;
}

/* A file with one number; "max" in version 2: there is no limit. */
static struct reading bytes_of_file(const char *text, ssize_t n)
{
    uint64_t bytes;

    if (n == -ENOENT) /* the controller is off here, or the kernel does not count swap space */
        return reading_of_cause(CAUSE_NO_MEMORY_CGROUP);
    if (n < 0)
        return load_failed((int)n);
    if (strcmp(text, "max\n") == 0)
        return reading_of_cause(CAUSE_NO_MEMORY_LIMIT);
    if (parse_u64(text, &bytes) < 0)
        return reading_of_cause(CAUSE_READ_ERROR);
    return reading_ok(bytes, SOURCE_PROC);
}

static struct reading read_bytes(struct cgroup *c, const struct load_env *env,
                                 struct kept_file *kept, const char *name)
{
    char text[64];
    ssize_t n = read_file(c, env, kept, name, text, sizeof(text));

    return bytes_of_file(text, n);
}

static struct reading v1_limit(struct cgroup *c, const struct load_env *env)
{
    char text[8192];
    uint64_t bytes;
    ssize_t n = read_file(c, env, NULL, "memory.stat", text, sizeof(text));

    if (n < 0)
        return bytes_of_file(text, n);
    if (!parse_key_number(text, "hierarchical_memory_limit", &bytes))
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    return bytes >= V1_UNLIMITED ? reading_of_cause(CAUSE_NO_MEMORY_LIMIT)
                                 : reading_ok(bytes, SOURCE_PROC);
}

static struct reading v1_own_limit(struct cgroup *c, const struct load_env *env)
{
    struct reading own = read_bytes(c, env, NULL, "memory.limit_in_bytes");

    return own.state == READING_OK && own.raw >= V1_UNLIMITED
               ? reading_of_cause(CAUSE_NO_MEMORY_LIMIT)
               : own;
}

static void read_memory_limits(struct cgroup *c, const struct load_env *env)
{
    if (c->memory_limit_tick != 0 && env->tick - c->memory_limit_tick < LIMIT_TICKS)
        return;
    /* Not all of them again in one tick. */
    c->memory_limit_tick = env->tick - (c->memory_limit_tick == 0 ? c->number % LIMIT_TICKS : 0);
    if (c->kind == CGROUP_V2) {
        c->memory.max = read_bytes(c, env, NULL, "memory.max");
        c->memory.high = read_bytes(c, env, NULL, "memory.high");
        c->memory.own = cgroup_tighter(c->memory.max, c->memory.high);
    } else {
        c->memory.max = v1_limit(c, env);
        c->memory.high = reading_of_cause(CAUSE_NOT_IN_KERNEL);
        c->memory.own = v1_own_limit(c, env);
    }
}

/* Version 1 counts memory and swap space together. */
static void read_memory(struct cgroup *c, const struct load_env *env)
{
    bool is_v2 = c->kind == CGROUP_V2;
    struct cgroup_memory *m = &c->memory;

    m->current = read_bytes(c, env, &c->files[FILE_CURRENT],
                            is_v2 ? "memory.current" : "memory.usage_in_bytes");
    m->swap = read_bytes(c, env, &c->files[FILE_SWAP],
                         is_v2 ? "memory.swap.current" : "memory.memsw.usage_in_bytes");
    if (!is_v2 && m->swap.state == READING_OK)
        m->swap = m->current.state != READING_OK ? m->current
                  : m->swap.raw >= m->current.raw
                      ? reading_ok(m->swap.raw - m->current.raw, SOURCE_PROC)
                      : reading_ok(0, SOURCE_PROC); /* it has grown between both reads */
}

const struct cgroup_memory *cgroup_memory(struct cgroup *c, const struct load_env *env)
{
    if (c->memory_tick != env->tick) {
        read_memory(c, env);
        read_memory_limits(c, env);
    }
    c->memory_tick = env->tick;
    return &c->memory;
}

bool cgroup_is_threaded(struct cgroup *c, const struct load_env *env)
{
    char text[FILE_BYTES];

    if (c->type_tick != 0 && env->tick - c->type_tick < TYPE_TICKS)
        return c->is_threaded;
    c->type_tick = env->tick;
    ssize_t n = read_file(c, env, NULL, "cgroup.type", text, sizeof(text));
    c->is_threaded = n > 0 && strcmp(text, "threaded\n") == 0;
    return c->is_threaded;
}

struct reading cgroup_pressure_of_text(const char *text, ssize_t n, enum pressure pressure)
{
    uint64_t ns;

    /* The files are there without being of use, or they are not there at all. */
    if (n == -EOPNOTSUPP || n == -ENOENT)
        return reading_of_cause(CAUSE_NO_PRESSURE);
    if (n < 0)
        return load_failed((int)n);
    if (!parse_pressure(text, pressure % 2 == 0 ? "some" : "full", &ns))
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    return reading_ok(ns, SOURCE_PROC);
}

struct reading cgroup_pressure(struct cgroup *c, const struct load_env *env, enum pressure pressure)
{
    static const char *const names[] = {"cpu.pressure", "memory.pressure", "io.pressure"};
    char text[FILE_BYTES];
    unsigned file = pressure / 2, first = file * 2;

    if (c->pressure_tick[file] == env->tick)
        return c->pressure[pressure];
    c->pressure_tick[file] = env->tick;
    ssize_t n = read_file(c, env, &c->files[FILE_CPU + file], names[file], text, sizeof(text));
    for (unsigned i = first; i < first + 2; i++)
        c->pressure[i] = cgroup_pressure_of_text(text, n, (enum pressure)i);
    return c->pressure[pressure];
}

bool cgroup_is_frozen(struct cgroup *c, const struct load_env *env)
{
    char text[FILE_BYTES];
    uint64_t frozen = 0;

    if (c == NULL)
        return false;
    if (c->frozen_tick == env->tick)
        return c->is_frozen;
    c->frozen_tick = env->tick;
    bool is_v2 = c->kind == CGROUP_V2;
    ssize_t n = read_file(c, env, &c->files[FILE_EVENTS], is_v2 ? "cgroup.events" : "freezer.state",
                          text, sizeof(text));
    if (is_v2)
        c->is_frozen = n > 0 && parse_key_number(text, "frozen", &frozen) && frozen == 1;
    else
        c->is_frozen = n > 0 && strcmp(text, "FROZEN\n") == 0;
    return c->is_frozen;
}
