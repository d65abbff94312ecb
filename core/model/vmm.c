// SPDX-License-Identifier: MIT
#include "core/model/vmm.h"

#include <string.h>

/* All of it from the sources of each, and from the programs as distributions name them. */
/* clang-format off */
const struct vmm vmm_table[] = {
    {.name = "qemu",
     .programs = {"qemu-system-*", "qemu-kvm", "kvm", "qemu"},
     /* -id is Proxmox's */
     .namings = {{"name", VMM_NAME_QEMU}, {"id", VMM_NAME_PLAIN}, {"uuid", VMM_NAME_PLAIN}},
     .vcpu_thread = {"CPU ", "/KVM"}, /* with debug-threads=on */
     .ram = {"/memfd:memory-backend-memfd", "memfd of QEMU's name for guest RAM"},
     .has_ram_blocks = true},
    {.name = "firecracker",
     .programs = {"firecracker*"},
     .namings = {{"id", VMM_NAME_PLAIN}},
     .vcpu_thread = {.prefix = "fc_vcpu "},
     .ram = {"/memfd:guest_mem", "memfd of Firecracker's name for guest RAM"}},
    {.name = "cloud-hypervisor",
     .programs = {"cloud-hypervis*"}, /* comm is cut at 15 bytes */
     .namings = {{"api-socket", VMM_NAME_SOCKET}},
     .vcpu_thread = {.prefix = "vcpu"},
     .ram = {"/memfd:ch_ram", "memfd of cloud-hypervisor's name for guest RAM"}},
    {.name = "crosvm",
     .programs = {"crosvm*"},
     .namings = {{"name", VMM_NAME_PLAIN}},
     .vcpu_thread = {.prefix = "crosvm_vcpu"},
     .ram = {"/memfd:crosvm_guest", "memfd of crosvm's name for guest RAM"}},
    {.name = "kvmtool",
     .programs = {"lkvm*", "kvmtool"},
     .namings = {{"name", VMM_NAME_PLAIN}, {"n", VMM_NAME_PLAIN}},
     .vcpu_thread = {.prefix = "kvm-vcpu-"},
     .ram = {"/memfd:kvmtool", "memfd of kvmtool's name for guest RAM"}},
    /* The VMs of --demo. */
    {.name = "kvmlens",
     .programs = {"kvmlens-demo"},
     .namings = {{"name", VMM_NAME_QEMU}}},
    {.name = NULL},
};
/* clang-format on */

const struct vmm vmm_other = {.name = "other"};

static bool is_program(const char *pattern, const char *name, size_t len)
{
    size_t n = strlen(pattern);

    if (n > 0 && pattern[n - 1] == '*')
        return len >= n - 1 && memcmp(pattern, name, n - 1) == 0;
    return len == n && memcmp(pattern, name, n) == 0;
}

const struct vmm *vmm_of_program(const char *file_name, size_t len)
{
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++)
        for (size_t i = 0; i < VMM_PROGRAMS_MAX && vmm->programs[i] != NULL; i++)
            if (is_program(vmm->programs[i], file_name, len))
                return vmm;
    return NULL;
}

const struct vmm *vmm_by_name(const char *name)
{
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++)
        if (strcmp(vmm->name, name) == 0)
            return vmm;
    return &vmm_other;
}
