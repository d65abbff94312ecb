// SPDX-License-Identifier: MIT
/* What is asked before a scan begins, and once more when it ends. */
#include <errno.h>

#include "core/find/vm_build.h"
#include "core/scan/scan_internal.h"

static void note_device(struct scan_job *job, const struct scan_inspection *seen)
{
    if (job->report->dirty == NULL || !seen->has_device)
        return;
    scan_void_set(job, SCAN_VOID_VFIO);
    job->report->dirty->vfio_group = seen->vfio_group;
}

/* Only looks that come again and again do the guest harm by moving its pages. */
int scan_check_numa(struct scan_job *job, struct error *err)
{
    int n = job->request->mode == SCAN_DIRTY ? scan_void_numa(job->env->root, err) : 0;

    if (n < 0)
        scan_void_set(job, SCAN_VOID_NUMA);
    if (n == 0 || !job->request->force)
        return n;
    *err = (struct error){.code = 0};
    return 0;
}

int scan_check_memory(struct scan_job *job, struct error *err)
{
    struct scan_inspection seen;

    int n = scan_inspect(job->env->root, job->request->vm.pid, &job->env->progress->cancel, &seen);
    if (n < 0)
        return n;
    if (seen.passthrough)
        scan_report_warn(job->report, "devices are passed through to this VM: its RAM is pinned, "
                                      "and its zero pages cannot be given back");
    const char *certain = scan_slots_confidential(job);
    const char *by = certain != NULL ? certain : seen.confidential;
    if (by != NULL)
        scan_void_set(job, SCAN_VOID_CONFIDENTIAL);
    note_device(job, &seen);
    if (by == NULL || job->request->force)
        return 0;
    return error_set(err, -EOPNOTSUPP,
                     "the memory of this guest is confidential (%s): what can be "
                     "read from outside does not tell which pages are zero",
                     by);
}

int scan_check_request(const struct scan_job *job, struct error *err)
{
    if (!job->env->root->live)
        return error_set(err, -EOPNOTSUPP, "a saved system tree has no memory to scan");
    return 0;
}

/*
 * Requests wait their turn, and a frozen screen may be old: is the process still the one that was
 * chosen? Under a reused pid lies memory that is no guest's.
 */
int scan_check_process(const struct scan_job *job, struct error *err)
{
    const struct vm_id *vm = &job->request->vm;
    uint64_t start;

    if (vm->start_ticks == 0)
        return 0; /* chosen by its pid only */
    int n = vm_process_start(job->env->root, vm->pid, &start);
    if (n == 0 && start == vm->start_ticks)
        return 0;
    if (n == 0)
        return error_set(err, -ESRCH, "the VM has ended: another process has the number %d now",
                         (int)vm->pid);
    return error_set(err, -ESRCH, "process %d has ended", (int)vm->pid);
}
