// SPDX-License-Identifier: MIT
#include <errno.h>

#include "core/scan/scan_internal.h"
#include "core/scan/uffd_holders.h"

/*
 * A VMM with less than this is asked for smaps: some milliseconds. Of a larger one smaps would hold
 * the mmap lock for too long, and could not be cancelled meanwhile. It is page tables that smaps
 * walks: 512 KiB of them map 256 MiB. Resident memory tells too little. Guests that were swapped
 * out or read to their end, as a migration does, have much of the one and little of the other
 * (16 GiB of zero pages: 40 MiB resident, 33 MiB of page tables, 104 ms).
 */
#define LARGE_TABLES_BYTES (512ull << 10)

static void warn_of_regions(struct scan_report *report, const struct ram_map *map,
                            const struct scan_request *request)
{
    if (request->process_vms > 1 && !map->has_slots && request->mode != SCAN_DIRTY)
        scan_report_warn(report, "this process holds %zu VMs: the figures are those of all of them",
                         request->process_vms);
    if (map->too_many)
        scan_report_warn(report, "more than %d RAM mappings: the rest is left out",
                         RAM_REGIONS_MAX);
    if (map->device_count > 0)
        scan_report_warn(report, "%zu mapping%s left out: device memory (VFIO) is no RAM",
                         map->device_count, map->device_count == 1 ? "" : "s");
    if (map->alias_count > 0)
        scan_report_warn(report, "%zu mapping%s left out: the same memory is counted already",
                         map->alias_count, map->alias_count == 1 ? "" : "s");
    if (map->private_count > 0)
        scan_report_warn(report,
                         "%zu mapping%s not read: memory of guest_memfd cannot be read from "
                         "outside",
                         map->private_count, map->private_count == 1 ? "" : "s");
    const char *what = request->force
                           ? "its present pages are read all the same, as asked for"
                           : "it is not read, because a read might wait for ever; --force "
                             "reads it";
    if (map->uffd_count > 0)
        scan_report_warn(report, "RAM registered with userfaultfd (postcopy, or a snapshot being "
                         "loaded), %zu mapping%s: %s", map->uffd_count,
                         map->uffd_count == 1 ? "" : "s", what);
}

int scan_regions_find(struct scan_job *job, struct error *err)
{
    const struct scan_request *request = job->request;
    const struct rootfs *root = job->env->root;
    const atomic_bool *cancel = &job->env->progress->cancel;
    struct ram_slots slots;
    int any = 1;

    beacon_at(job->env->beacon, request->vm.pid, BEACON_READ_MAPS);
    if (ram_page_table_bytes(root, request->vm.pid) >= LARGE_TABLES_BYTES)
        any = uffd_holders_any(root, cancel);
    if (any == -ECANCELED)
        return any;
    bool has_slots = scan_slots_ram(job, &slots);
    int n = ram_find(root, request->vm.pid, request->vmm, request->ram, request->ram_count,
                     has_slots ? &slots : NULL, any == 0 ? RAM_FROM_MAPS : RAM_FROM_SMAPS, cancel,
                     &job->map, err);
    if (n < 0)
        return n;
    warn_of_regions(job->report, &job->map, request);
    n = scan_report_set_regions(job->report, &job->map);
    return n < 0 ? error_set(err, n, "out of memory") : 0;
}

void scan_regions_warn_of_changes(struct scan_job *job)
{
    if (ram_changed(job->env->root, job->request->vm.pid, &job->map) || scan_slots_changed(job))
        scan_report_warn(job->report, "the RAM mappings changed during the scan: scan again");
}
