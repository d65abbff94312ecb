// SPDX-License-Identifier: MIT
#include "core/model/snapshot.h"
#include "core/scan/scan.h"

void scan_request_aim(struct scan_request *request, const struct snapshot *snapshot,
                      const struct snapshot_vm *vm)
{
    request->vm = vm->id;
    request->vmm = vm->vmm;
    request->process_vms = 0;
    for (size_t i = 0; i < snapshot->vm_count; i++)
        request->process_vms += snapshot->vms[i].id.pid == vm->id.pid;
}
