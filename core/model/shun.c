// SPDX-License-Identifier: MIT
#include "core/model/shun.h"

/* The entry @i, or NULL behind the last. The list may come from another process. */
static const struct shunned *entry(const struct shun_list *list, size_t i)
{
    return list != NULL && i < list->count && i < SHUN_MAX ? &list->processes[i] : NULL;
}

static const struct shunned *find(const struct shun_list *list, pid_t pid)
{
    const struct shunned *s;

    for (size_t i = 0; (s = entry(list, i)) != NULL; i++)
        if (s->pid == pid)
            return s;
    return NULL;
}

bool shun_names(const struct shun_list *list, pid_t pid)
{
    return find(list, pid) != NULL;
}

size_t shun_vms(const struct shun_list *list, pid_t pid)
{
    const struct shunned *s = find(list, pid);

    return s != NULL ? s->vms : 0;
}

bool shun_has(const struct shun_list *list, pid_t pid, uint64_t start_ticks)
{
    const struct shunned *s;

    for (size_t i = 0; (s = entry(list, i)) != NULL; i++)
        if (s->pid == pid && (s->start_ticks == 0 || s->start_ticks == start_ticks))
            return true;
    return false;
}
