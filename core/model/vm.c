// SPDX-License-Identifier: MIT
#include "core/model/vm.h"

#include <stdlib.h>

bool vm_id_equal(const struct vm_id *a, const struct vm_id *b)
{
    return a->pid == b->pid && a->fd == b->fd && a->start_ticks == b->start_ticks &&
           a->born == b->born;
}

bool vm_id_before(const struct vm_id *a, const struct vm_id *b)
{
    return a->pid != b->pid ? a->pid < b->pid : a->fd < b->fd;
}

const char *vm_migration_text(enum vm_migration migration)
{
    static const char *const texts[VM_MIGRATION_COUNT] = {
        [VM_MIGRATION_UNKNOWN] = "",
        [VM_NOT_LOGGED] = "",
        [VM_DIRTY_LOGGED] = "dirty-logged",
        [VM_MIGRATING] = "migrating",
    };
    return texts[migration];
}

bool vm_is_another(const struct vm *vm, uint64_t kernel_vm, uint32_t birth)
{
    if (vm->kernel_vm == 0 || kernel_vm == 0)
        return false;
    return vm->kernel_vm != kernel_vm || vm->kernel_birth != birth;
}

void vm_vcpus_free(struct vm_vcpu *vcpus, size_t count)
{
    for (size_t i = 0; vcpus != NULL && i < count; i++)
        free(vcpus[i].cpus_allowed);
    free(vcpus);
}

void vm_devices_list_free(struct vm_device *devices, size_t count)
{
    for (size_t i = 0; devices != NULL && i < count; i++)
        free(devices[i].name);
    free(devices);
}

void vm_free(struct vm *vm)
{
    if (vm == NULL)
        return;
    free(vm->name_raw);
    free(vm->name);
    vm_vcpus_free(vm->vcpus, vm->vcpu_count);
    vm_devices_list_free(vm->devices, vm->device_count);
    free(vm);
}
