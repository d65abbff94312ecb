// SPDX-License-Identifier: MIT
/*
 * Well-known KVM counters: what debugfs does not say (scope, kind, unit) and what they mean.
 *
 * A kernel's own binary stats descriptor always wins over this table. A name that is missing here
 * works as well; it has no explanation then. Sources: arch/x86/include/asm/kvm_host.h,
 * arch/x86/kvm/x86.c, arch/arm64/include/asm/kvm_host.h, include/linux/kvm_types.h (the generic
 * ones), virt/kvm/kvm_main.c.
 */
#include <stdlib.h>
#include <string.h>

#include "core/model/field.h"

#define VM FIELD_VM
#define VCPU FIELD_VCPU
#define CUM FIELD_CUMULATIVE
#define INS FIELD_INSTANT
#define PEAK FIELD_PEAK
#define LOGH FIELD_LOG_HIST
#define NUM FIELD_NONE
#define SEC FIELD_SECONDS
#define BOOL FIELD_BOOLEAN
#define HIST_BUCKETS 32 /* HALT_POLL_HIST_COUNT */

/* Ascending by name, for bsearch. */
static const struct field_known known[] = {
    {"blocking", VCPU, INS, BOOL, 0, 1,
     "Whether the vCPU waits in the host for an event (halted). A sum tells how many do."},
    {"directed_yield_attempted", VCPU, CUM, NUM, 0, 1,
     "Times a spinning vCPU tried to give its time to the vCPU it waits for. High: lock holders "
     "are "
     "preempted, the host is overcommitted."},
    {"directed_yield_successful", VCPU, CUM, NUM, 0, 1,
     "Directed yields that found a vCPU to run."},
    {"efer_reload", VCPU, CUM, NUM, 0, 1,
     "Times the guest's EFER register was loaded before a guest run (older kernels)."},
    {"exits", VCPU, CUM, NUM, 0, 1,
     "Times the guest left to the hypervisor for any reason. Each costs about a microsecond or "
     "more; a high rate "
     "means emulated devices, timers or interrupts."},
    {"fpu_reload", VCPU, CUM, NUM, 0, 1,
     "Times the guest's FPU state was loaded before a run in user space's turn. Follows exits to "
     "the VMM."},
    {"guest_mode", VCPU, INS, BOOL, 0, 1, "Whether the vCPU runs a nested guest (L2) now."},
    {"halt_attempted_poll", VCPU, CUM, NUM, 0, 1,
     "Halts for which the host polled a while before it put the vCPU to sleep."},
    {"halt_exits", VCPU, CUM, NUM, 0, 1,
     "HLT instructions: the guest had nothing to do. High with low CPU use: many short sleeps."},
    {"halt_poll_fail_hist", VCPU, LOGH, SEC, -9, HIST_BUCKETS,
     "How long the host polled in vain before a halted vCPU slept."},
    {"halt_poll_fail_ns", VCPU, CUM, SEC, -9, 1,
     "Time polled in vain for halted vCPUs. High: halt polling wastes host CPU, see halt_poll_ns "
     "of "
     "the kvm module."},
    {"halt_poll_invalid", VCPU, CUM, NUM, 0, 1,
     "Polled halts whose wake-up was not worth polling for."},
    {"halt_poll_success_hist", VCPU, LOGH, SEC, -9, HIST_BUCKETS,
     "How long the host polled until a halted vCPU had work."},
    {"halt_poll_success_ns", VCPU, CUM, SEC, -9, 1,
     "Time polled for halted vCPUs that then had work at once."},
    {"halt_successful_poll", VCPU, CUM, NUM, 0, 1,
     "Polled halts that ended while polling: wake-up latency saved."},
    {"halt_wait_hist", VCPU, LOGH, SEC, -9, HIST_BUCKETS,
     "How long halted vCPUs slept in the host."},
    {"halt_wait_ns", VCPU, CUM, SEC, -9, 1,
     "Time that halted vCPUs slept in the host: the guest's idle time."},
    {"halt_wakeup", VCPU, CUM, NUM, 0, 1, "Wake-ups of halted vCPUs."},
    {"host_state_reload", VCPU, CUM, NUM, 0, 1,
     "Times host registers had to be reloaded after a guest run."},
    {"hvc_exit_stat", VCPU, CUM, NUM, 0, 1, "HVC instructions: hypercalls of an arm64 guest."},
    {"hypercalls", VCPU, CUM, NUM, 0, 1,
     "Calls of a paravirtualised guest to KVM (kick, yield, clock pairing)."},
    {"insn_emulation", VCPU, CUM, NUM, 0, 1,
     "Instructions that KVM emulated in software, mostly device access. Slow: several microseconds "
     "each."},
    {"insn_emulation_fail", VCPU, CUM, NUM, 0, 1,
     "Instructions that KVM could not emulate. More than 0 is a fault of guest or hypervisor."},
    {"invlpg", VCPU, CUM, NUM, 0, 1, "INVLPG instructions intercepted: shadow paging is in use."},
    {"io_exits", VCPU, CUM, NUM, 0, 1,
     "Exits for port I/O. High: an emulated device (IDE, serial, PIT) where virtio would do."},
    {"irq_exits", VCPU, CUM, NUM, 0, 1,
     "Exits because a host interrupt arrived while the guest ran."},
    {"irq_injections", VCPU, CUM, NUM, 0, 1,
     "Interrupts delivered into the guest by software. High: no posted interrupts or AVIC."},
    {"irq_window", VCPU, CUM, NUM, 0, 1,
     "Exits to deliver an interrupt once the guest could take it (before Linux 5.14)."},
    {"irq_window_exits", VCPU, CUM, NUM, 0, 1,
     "Exits to deliver an interrupt once the guest could take it."},
    {"l1d_flush", VCPU, CUM, NUM, 0, 1,
     "Level-1 data cache flushes before entering the guest (L1TF mitigation). Each slows the next "
     "run."},
    {"largepages", VM, INS, NUM, 0, 1,
     "Guest memory mapped in pages of 2 MiB or 1 GiB (before Linux 5.14)."},
    {"max_mmu_page_hash_collisions", VM, PEAK, NUM, 0, 1,
     "Longest chain seen in the hash of shadow pages."},
    {"max_mmu_rmap_size", VM, PEAK, NUM, 0, 1, "Most guest mappings of one page seen so far."},
    {"mmio_exit_kernel", VCPU, CUM, NUM, 0, 1, "MMIO exits handled in the kernel (arm64)."},
    {"mmio_exit_user", VCPU, CUM, NUM, 0, 1, "MMIO exits handed to the VMM (arm64)."},
    {"mmio_exits", VCPU, CUM, NUM, 0, 1,
     "Exits for memory-mapped I/O. High: an emulated device with registers in memory."},
    {"mmu_cache_miss", VM, CUM, NUM, 0, 1,
     "Guest page table pages for which KVM had to make a new one of its own."},
    {"mmu_flooded", VM, CUM, NUM, 0, 1,
     "Shadow pages given up because the guest wrote to them too often."},
    {"mmu_pde_zapped", VM, CUM, NUM, 0, 1, "Page directory entries thrown away."},
    {"mmu_pte_updated", VM, CUM, NUM, 0, 1,
     "Page table entries that KVM changed after the guest (older kernels)."},
    {"mmu_pte_write", VM, CUM, NUM, 0, 1,
     "Guest writes to its page tables that KVM had to follow: shadow paging or nested guests."},
    {"mmu_recycled", VM, CUM, NUM, 0, 1,
     "Shadow pages reclaimed. High: the limit of MMU pages is too low for this guest."},
    {"mmu_shadow_zapped", VM, CUM, NUM, 0, 1,
     "Shadow pages thrown away, each to be built anew on the next fault."},
    {"mmu_unsync", VM, INS, NUM, 0, 1, "Shadow pages that may differ from the guest's tables now."},
    {"nested_run", VCPU, CUM, NUM, 0, 1, "Entries into nested guests (L2)."},
    {"nmi_injections", VCPU, CUM, NUM, 0, 1,
     "Non-maskable interrupts delivered: watchdog or profiling in the guest."},
    {"nmi_window", VCPU, CUM, NUM, 0, 1,
     "Exits to deliver an NMI once the guest could take it (before Linux 5.14)."},
    {"nmi_window_exits", VCPU, CUM, NUM, 0, 1,
     "Exits to deliver an NMI once the guest could take it."},
    {"notify_window_exits", VCPU, CUM, NUM, 0, 1,
     "Exits because the guest blocked all events for too long: hostile or broken guest."},
    {"nx_lpage_splits", VM, INS, NUM, 0, 1,
     "Huge pages split into small ones to keep executable ones safe (iTLB multihit mitigation)."},
    {"pages_1g", VM, INS, NUM, 0, 1, "Guest memory mapped in pages of 1 GiB."},
    {"pages_2m", VM, INS, NUM, 0, 1, "Guest memory mapped in pages of 2 MiB."},
    {"pages_4k", VM, INS, NUM, 0, 1,
     "Guest memory mapped in pages of 4 KiB. Many of them: no huge pages behind this guest."},
    {"pf_emulate", VCPU, CUM, NUM, 0, 1, "Page faults that ended in an emulated instruction."},
    {"pf_fast", VCPU, CUM, NUM, 0, 1,
     "Page faults mended without a lock: write protection of dirty logging or access tracking."},
    {"pf_fixed", VCPU, CUM, NUM, 0, 1,
     "Page faults that KVM mended by mapping a page. High: the guest touches new memory, or memory "
     "is taken from it (balloon, swap, NUMA balancing, migration)."},
    {"pf_guest", VCPU, CUM, NUM, 0, 1, "Page faults passed on to the guest."},
    {"pf_mmio_spte_created", VCPU, CUM, NUM, 0, 1,
     "Page faults that turned out to be device access, noted for quicker exits."},
    {"pf_spurious", VCPU, CUM, NUM, 0, 1, "Page faults that another vCPU had mended already."},
    {"pf_taken", VCPU, CUM, NUM, 0, 1, "Page faults on guest memory, whatever became of them."},
    {"preemption_other", VCPU, CUM, NUM, 0, 1,
     "Times the vCPU was preempted in other places than a guest run."},
    {"preemption_reported", VCPU, CUM, NUM, 0, 1,
     "Times the guest was told that its vCPU had been preempted: steal time."},
    {"remote_tlb_flush", VM, CUM, NUM, 0, 1,
     "TLB flushes sent to all vCPUs. High: memory is being taken away or remapped."},
    {"remote_tlb_flush_requests", VM, CUM, NUM, 0, 1,
     "TLB flushes asked for; some are merged before they are sent."},
    {"req_event", VCPU, CUM, NUM, 0, 1, "Checks for pending events before a guest run."},
    {"request_irq", VCPU, CUM, NUM, 0, 1,
     "Exits to the VMM because it asked to inject an interrupt (before Linux 5.14)."},
    {"request_irq_exits", VCPU, CUM, NUM, 0, 1,
     "Exits to the VMM because it asked to inject an interrupt."},
    {"signal_exits", VCPU, CUM, NUM, 0, 1,
     "Guest runs ended by a signal to the vCPU thread: the VMM wants its attention."},
    {"tlb_flush", VCPU, CUM, NUM, 0, 1, "Flushes of this vCPU's TLB."},
    {"wfe_exit_stat", VCPU, CUM, NUM, 0, 1, "WFE instructions: an arm64 guest spins for a lock."},
    {"wfi_exit_stat", VCPU, CUM, NUM, 0, 1, "WFI instructions: an arm64 guest had nothing to do."},
};

static int compare(const void *key, const void *entry)
{
    return strcmp(key, ((const struct field_known *)entry)->name);
}

const struct field_known *field_known(const char *name)
{
    return bsearch(name, known, sizeof(known) / sizeof(known[0]), sizeof(known[0]), compare);
}

size_t field_known_count(void)
{
    return sizeof(known) / sizeof(known[0]);
}

const struct field_known *field_known_at(size_t i)
{
    return &known[i];
}
