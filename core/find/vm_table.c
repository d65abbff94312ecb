// SPDX-License-Identifier: MIT
#include "core/find/vm_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t vm_table_first(const struct vm_table *table, pid_t pid)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (table->vms[mid]->id.pid < pid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t vm_table_end(const struct vm_table *table, size_t first, pid_t pid)
{
    while (first < table->count && table->vms[first]->id.pid == pid)
        first++;
    return first;
}

int vm_table_insert(struct vm_table *table, struct vm *const *take_vms, size_t count)
{
    size_t total = table->count + count, from = table->count, left = count;

    if (total > table->cap) {
        size_t cap = total * 2;
        struct vm **grown = realloc(table->vms, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        table->vms = grown;
        table->cap = cap;
    }
    /* From the end: what is in moves up by as many as are yet to come before it. */
    for (size_t to = total; left > 0; to--) {
        if (from > 0 && vm_id_before(&take_vms[left - 1]->id, &table->vms[from - 1]->id))
            table->vms[to - 1] = table->vms[--from];
        else
            table->vms[to - 1] = take_vms[--left];
    }
    table->count = total;
    return 0;
}

void vm_table_close_gaps(struct vm_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++)
        if (table->vms[i] != NULL)
            table->vms[kept++] = table->vms[i];
    table->count = kept;
}

void vm_table_done(struct vm_table *table)
{
    free(table->vms);
    *table = (struct vm_table){0};
}
