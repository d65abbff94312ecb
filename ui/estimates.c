// SPDX-License-Identifier: MIT
#include "ui/estimates.h"

#include <errno.h>
#include <stdlib.h>

static void drop(struct estimates *e, size_t i)
{
    scan_report_free(e->items[i].report);
    e->items[i] = e->items[--e->count];
}

const struct estimate *estimates_find(const struct estimates *e, const struct vm_id *vm)
{
    for (size_t i = 0; i < e->count; i++)
        if (vm_id_equal(&e->items[i].vm, vm))
            return &e->items[i];
    return NULL;
}

static size_t vms_of_process(const struct snapshot *s, pid_t pid)
{
    size_t count = 0;

    for (size_t i = 0; i < s->vm_count; i++)
        count += s->vms[i].id.pid == pid;
    return count;
}

static int take(struct estimates *e, const struct rootfs *root, const struct snapshot *s,
                const struct snapshot_vm *vm, uint64_t now_ns)
{
    struct scan_progress progress = {0};
    struct scan_env env = {.root = root, .progress = &progress};
    struct scan_request request = {
        .vm = vm->id,
        .vmm = vm->vmm,
        .process_vms = vms_of_process(s, vm->id.pid),
        .mode = SCAN_ESTIMATE,
        .sample_pages = ESTIMATES_SAMPLE_PAGES,
    };
    struct scan_report *report = NULL;
    struct estimate *items = realloc(e->items, (e->count + 1) * sizeof(*items));

    if (items == NULL)
        return -ENOMEM;
    e->items = items;
    /* A VM that cannot be estimated still has a report, which says why. */
    scan_execute(&env, &request, &report);
    if (report == NULL)
        return -ENOMEM;
    e->items[e->count++] = (struct estimate){vm->id, now_ns, report};
    return 0;
}

int estimates_refresh(struct estimates *e, const struct rootfs *root, const struct snapshot *s,
                      const struct filter *filter, uint64_t now_ns)
{
    for (size_t i = e->count; i-- > 0;)
        if (snapshot_find(s, &e->items[i].vm) == NULL ||
            now_ns - e->items[i].taken_ns >= ESTIMATES_FRESH_NS)
            drop(e, i);
    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(filter, vm) || estimates_find(e, &vm->id) != NULL)
            continue;
        int r = take(e, root, s, vm, now_ns);
        if (r < 0)
            return r;
    }
    return 0;
}

void estimates_done(struct estimates *e)
{
    while (e->count > 0)
        drop(e, e->count - 1);
    free(e->items);
    e->items = NULL;
}
