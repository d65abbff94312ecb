// SPDX-License-Identifier: MIT
#include "core/source/net_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  (4u << 20) /* some 30000 devices */
#define SPACE_MAX 32

struct net_table {
    char space[SPACE_MAX];
    int result;
    uint64_t read_ns;
    char *text;
    struct net_device *devices; /* by name, names in @text */
    size_t count;
};

struct net_names {
    struct net_table **tables;
    size_t count, room;
};

struct net_names *net_names_new(void)
{
    return calloc(1, sizeof(struct net_names));
}

void net_names_begin(struct net_names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        free(n->tables[i]->text);
        free(n->tables[i]->devices);
        free(n->tables[i]);
    }
    n->count = 0;
}

void net_names_free(struct net_names *n)
{
    if (n == NULL)
        return;
    net_names_begin(n);
    free(n->tables);
    free(n);
}

static int compare_names(const struct net_device *a, const char *name, size_t length)
{
    size_t common = a->length < length ? a->length : length;
    int order = memcmp(a->name, name, common);

    return order != 0 ? order : (a->length > length) - (a->length < length);
}

static int compare(const void *a, const void *b)
{
    const struct net_device *y = b;

    return compare_names(a, y->name, y->length);
}

static int cut_up(struct net_table *t)
{
    struct net_device device;
    size_t count = 0;

    for (const char *at = t->text; parse_net_device(&at, &device);)
        count++;
    t->devices = malloc((count + 1) * sizeof(*t->devices));
    if (t->devices == NULL)
        return -ENOMEM;
    for (const char *at = t->text; parse_net_device(&at, &device);)
        t->devices[t->count++] = device;
    qsort(t->devices, t->count, sizeof(*t->devices), compare);
    return 0;
}

static int read_table(const struct load_env *env, pid_t pid, struct net_table *t)
{
    char path[64];
    size_t length;

    snprintf(path, sizeof(path), "proc/%d/net/dev", (int)pid);
    beacon_at(env->beacon, pid, BEACON_READ_PROC);
    int result = rootfs_read_all(env->root, path, TEXT_MAX, &t->text, &length);
    return result < 0 ? result : cut_up(t);
}

static struct net_table *add(struct net_names *n)
{
    if (n->count == n->room) {
        size_t room = n->room != 0 ? n->room * 2 : 8;
        struct net_table **tables = realloc(n->tables, room * sizeof(*tables));
        if (tables == NULL)
            return NULL;
        n->tables = tables;
        n->room = room;
    }
    struct net_table *t = calloc(1, sizeof(*t));
    if (t != NULL)
        n->tables[n->count++] = t;
    return t;
}

int net_names_of(struct net_names *n, const struct load_env *env, pid_t pid, const char *space,
                 uint64_t (*now_ns)(void), const struct net_table **ret, uint64_t *ret_ns)
{
    struct net_table *t = NULL;

    /* Seldom more than one; containers have one each, and the newest was asked for last. */
    for (size_t i = n->count; i-- > 0 && t == NULL && space[0] != '\0';)
        if (strcmp(n->tables[i]->space, space) == 0)
            t = n->tables[i];
    if (t == NULL) {
        t = add(n);
        if (t == NULL)
            return -ENOMEM;
        snprintf(t->space, sizeof(t->space), "%s", space);
        t->result = read_table(env, pid, t);
        t->read_ns = now_ns();
    }
    *ret = t;
    *ret_ns = t->read_ns;
    return t->result;
}

const struct net_device *net_table_find(const struct net_table *t, const char *name)
{
    size_t low = 0, high = t->count, length = strlen(name);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(&t->devices[middle], name, length);
        if (order == 0)
            return &t->devices[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
