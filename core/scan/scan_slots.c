// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/scan/scan_internal.h"

static int read_slots(const struct scan_job *job, struct kvm_bpf_slots *ret)
{
    const struct vm_id *vm = &job->request->vm;

    beacon_at(job->env->beacon, vm->pid, BEACON_LIST_FDS);
    return kvm_bpf_slots_read(job->env->bpf, vm->pid, vm->fd, ret);
}

/* What the process still shows, whatever BPF says. */
static bool is_vm_there(const struct scan_job *job)
{
    static const char vm[] = "anon_inode:kvm-vm";
    char path[64], link[64];

    snprintf(path, sizeof(path), "proc/%d/fd/%d", (int)job->request->vm.pid, job->request->vm.fd);
    return rootfs_readlink(job->env->root, path, link, sizeof(link)) > 0 && strcmp(link, vm) == 0;
}

int scan_slots_read(struct scan_job *job, struct error *err)
{
    if (job->env->bpf == NULL || job->request->vm.fd < 0)
        return 0;
    int n = read_slots(job, &job->slots);
    if (n == -ENOENT && !is_vm_there(job)) /* what the process has beside is no part of it */
        return error_set(err, -ESRCH, "the VM has ended");
    job->has_slots = n == 0;
    if (n < 0)
        scan_report_warn(job->report, "KVM's memslots cannot be read through BPF (%s): the RAM was "
                         "found by its mappings", strerror(-n));
    else if (!job->slots.is_own_mm)
        scan_report_warn(job->report, "the memory of this VM is that of another process, of which "
                         "this one is a copy: what is here need not be its RAM");
    return 0;
}

bool scan_slots_ram(const struct scan_job *job, struct ram_slots *ret)
{
    *ret = (struct ram_slots){.at = job->slots.slots,
                              .count = job->slots.count,
                              .is_only_vm = job->request->process_vms <= 1};
    return job->has_slots && job->slots.is_own_mm;
}

bool scan_slots_changed(const struct scan_job *job)
{
    struct kvm_bpf_slots now = {0};

    if (!job->has_slots)
        return false;
    bool changed = read_slots(job, &now) == 0 && ram_slots_differ(&job->slots, &now);
    kvm_bpf_slots_done(&now);
    return changed;
}

const char *scan_slots_confidential(const struct scan_job *job)
{
    const char *name = job->has_slots ? kvm_vm_type_name(job->slots.vm_type) : "";

    return name[0] != '\0' ? name : NULL;
}
