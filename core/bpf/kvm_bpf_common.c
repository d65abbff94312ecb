// SPDX-License-Identifier: MIT
/*
 * What needs no kernel.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_layout.h"

const char *kvm_vm_type_name(enum kvm_vm_type type)
{
    static const char *const names[KVM_VM_TYPE_COUNT] = {
        [KVM_VM_ORDINARY] = "",           [KVM_VM_SEV] = "AMD SEV",
        [KVM_VM_SEV_ES] = "AMD SEV-ES",   [KVM_VM_SNP] = "AMD SEV-SNP",
        [KVM_VM_TDX] = "Intel TDX",       [KVM_VM_SW_PROTECTED] = "guest_memfd",
        [KVM_VM_PROTECTED] = "protected",
    };

    return type < KVM_VM_TYPE_COUNT ? names[type] : "";
}

uint64_t kvm_member_read(const struct kvm_stat_member *m, size_t i, const uint8_t *stat)
{
    uint32_t narrow;
    uint64_t wide;

    if (m->bytes == sizeof(narrow)) {
        memcpy(&narrow, stat + m->offset + i * sizeof(narrow), sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, stat + m->offset + i * sizeof(wide), sizeof(wide));
    return wide;
}

void kvm_bpf_slots_done(struct kvm_bpf_slots *slots)
{
    free(slots->slots);
    *slots = (struct kvm_bpf_slots){0};
}
