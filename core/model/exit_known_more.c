// SPDX-License-Identifier: MIT
/*
 * Sentences about exits of arm64 guests, and about why KVM_RUN returned to the VMM. The latter cost
 * most: the way through KVM, the system call, and what the VMM does.
 */
#include "core/model/exit_known_internal.h"

#define AT(topic) [(topic)-EXIT_TOPIC_MORE]

const struct exit_known exit_known_more[EXIT_TOPIC_COUNT - EXIT_TOPIC_MORE] = {
    AT(EXIT_TOPIC_WFX) =
        {"The guest waits: for an interrupt (WFI, it is idle), or for a lock (WFE).",
         "An idle guest, many short sleeps. WFE: the vCPU that holds a lock does not run "
         "(overcommit).",
         "For latency: halt polling (halt_poll_ns). Against WFE: fewer vCPUs for each CPU."},
    AT(EXIT_TOPIC_HVC) =
        {"The guest asked KVM or the VMM for something (HVC instruction).",
         "PSCI: start, stop and idle states of vCPUs; stolen time; clock pairing.",
         "Few are normal. Many: vCPUs that are switched on and off, or idle states by PSCI."},
    AT(EXIT_TOPIC_SMC) =
        {"The guest called the secure firmware (SMC instruction), which KVM answers instead.",
         "A guest that expects firmware of a real board.", "A guest kernel that uses HVC."},
    AT(EXIT_TOPIC_SYSREG) =
        {"The guest used a system register that KVM watches.",
         "Interrupts between vCPUs (GIC), timers, performance counters, debug registers; start of "
         "the guest.",
         "Fewer wake-ups across vCPUs; no perf in the guest; GICv4.1 sends such interrupts without "
         "exits."},
    AT(EXIT_TOPIC_DABT) =
        {"The guest touched memory that is not mapped for it, or registers of a device in memory.",
         "First touch of memory, dirty logging (migration), balloon, swap, NUMA balancing; virtio "
         "doorbells, emulated devices.",
         "Huge pages, preallocated memory, no swap or KSM under VMs; virtio with vhost instead of "
         "emulated devices."},
    AT(EXIT_TOPIC_IABT) =
        {"The guest ran code in memory that is not mapped for it.",
         "First touch of code, memory taken back (swap, NUMA balancing), dirty logging.",
         "Huge pages, preallocated memory, no swap or KSM under VMs."},
    AT(EXIT_TOPIC_FP) =
        {"The guest used floating point or vectors, and KVM loads its state only then.",
         "First use after the vCPU thread ran elsewhere.", "Nothing has to be done."},
    AT(EXIT_TOPIC_ARM_DEBUG) =
        {"A breakpoint, watchpoint or single step of the guest that the VMM asked for.",
         "A debugger at the VMM's gdb port.", "End debugging."},
    AT(EXIT_TOPIC_SERROR) =
        {"The hardware reported an error (SError) while the guest ran.",
         "Memory or bus of the host are failing; a passed-through device that misbehaves.",
         "Look at the host's kernel log; move the VMs away; replace the hardware."},
    AT(EXIT_TOPIC_USER_UNKNOWN) = {"KVM did not know what to do with an exit of the processor.",
                                   "A fault of KVM, or a processor newer than the kernel.",
                                   "The host's kernel log; a newer kernel."},
    AT(EXIT_TOPIC_USER_IO) =
        {"The VMM emulates an I/O port that the guest used. It costs several microseconds each.",
         "IDE, serial console, CMOS clock, ACPI timer, PCI configuration, legacy virtio without "
         "ioeventfd.",
         "virtio 1.0 instead of emulated devices; ioeventfd on; kvm-clock or TSC as clock source."},
    AT(EXIT_TOPIC_USER_MMIO) =
        {"The VMM emulates a device register in memory. It costs several microseconds each.",
         "HPET, VGA, emulated network and disk cards, virtio without ioeventfd.",
         "virtio with ioeventfd and vhost; kvm-clock or TSC instead of HPET."},
    AT(EXIT_TOPIC_USER_HYPERCALL) =
        {"The guest called the hypervisor for something that the VMM has to do.",
         "Confidential guests that share pages or take them back.",
         "Many at start are normal. Later: a bigger swiotlb in the guest."},
    AT(EXIT_TOPIC_USER_DEBUG) = {"A breakpoint or single step of the VMM's debugger.",
                                 "A debugger at the VMM's gdb port.", "End debugging."},
    AT(EXIT_TOPIC_USER_HLT) = {"The guest is idle, and the VMM waits in its place.",
                               "The VMM has its own interrupt controller (kernel_irqchip=off).",
                               "kernel_irqchip=on in QEMU: then a halt stays in the kernel."},
    AT(EXIT_TOPIC_USER_WINDOW) =
        {"The VMM asked to be called as soon as the guest can take an interrupt.",
         "Interrupts of the VMM's own PIC or APIC (kernel_irqchip=off or split).",
         "kernel_irqchip=on in QEMU; devices with MSI."},
    AT(EXIT_TOPIC_USER_SHUTDOWN) =
        {"The guest could not even handle the fault of a fault handler: the VMM resets or ends it.",
         "A crash early in boot, a broken guest kernel, kexec; some systems reboot in this way.",
         "Look at the guest's console; a VM that does so again and again never comes up."},
    AT(EXIT_TOPIC_USER_ENTRY) =
        {"The processor refused to run the guest: the VM stops.",
         "A state that is not valid: a fault of KVM or of the VMM, or a state restored wrongly.",
         "Logs of the VMM and the kernel of the host; newer kernel and VMM."},
    AT(EXIT_TOPIC_USER_INTR) =
        {"A signal came for the vCPU thread: somebody wants its attention.",
         "The VMM's own business: pause, migration, monitor commands, changes of devices.",
         "Few are normal. Many: see what the VMM does, or who asks it things (libvirt, "
         "statistics)."},
    AT(EXIT_TOPIC_USER_TPR) = {"The guest changed its task priority, and the VMM has to know.",
                               "The VMM has its own APIC (kernel_irqchip=off); 32-bit Windows.",
                               "kernel_irqchip=on in QEMU; APICv or AVIC; hv-vapic for Windows."},
    AT(EXIT_TOPIC_USER_ERROR) =
        {"KVM could not go on: an instruction that it cannot emulate, or a state it cannot handle.",
         "A fault of the guest (it runs in device memory), of KVM, or of the CPU model. The VM "
         "stops.",
         "Log of the VMM: it has the registers and the code. Newer kernel on the host."},
    AT(EXIT_TOPIC_USER_SYSTEM) =
        {"The guest asked to be shut down, reset or suspended, or crashed and said so.",
         "Shutdown or reboot inside the guest.", "Once is normal. Again and again: its console."},
    AT(EXIT_TOPIC_USER_EOI) =
        {"The guest ended an interrupt of a kind that the VMM's IOAPIC has to hear of.",
         "Devices with line interrupts (INTx), with kernel_irqchip=split.",
         "MSI or MSI-X: virtio on PCI, drivers with MSI switched on."},
    AT(EXIT_TOPIC_USER_HYPERV) = {"The guest used an interface of Hyper-V that the VMM provides.",
                                  "Windows: its messages and events (SynIC), or its debugger.",
                                  "Few are normal. Many: debugging of Windows is on."},
    AT(EXIT_TOPIC_USER_NISV) =
        {"The guest touched a device with an instruction that the processor does not describe.",
         "A driver that uses an unusual instruction for device registers.",
         "A newer driver in the guest."},
    AT(EXIT_TOPIC_USER_RDMSR) =
        {"The guest read a model-specific register that the VMM wants to answer for.",
         "Registers that KVM does not know or that the VMM filters.",
         "The numbers of the MSRs say which; find who reads them in the guest."},
    AT(EXIT_TOPIC_USER_WRMSR) =
        {"The guest wrote a model-specific register that the VMM wants to act for.",
         "Registers that KVM does not know or that the VMM filters.",
         "The numbers of the MSRs say which; find who writes them in the guest."},
    AT(EXIT_TOPIC_USER_RING) =
        {"The list of pages that this vCPU wrote to is full, and the VMM has to empty it.",
         "Dirty logging with a ring: a live migration, or a limit on the dirty rate.",
         "It ends with that. A bigger ring (dirty-ring-size of QEMU) makes fewer of them."},
    AT(EXIT_TOPIC_USER_AP_HOLD) = {"A vCPU of a confidential guest waits to be started.",
                                   "Start of the guest.",
                                   "Few are normal, and nothing has to be done."},
    AT(EXIT_TOPIC_USER_BUS_LOCK) =
        {"The guest held up the memory bus of the whole host, and the VMM slows it down.",
         "An atomic operation across two cache lines (split lock), or on memory without cache.",
         "Find the program in the guest and mend it."},
    AT(EXIT_TOPIC_USER_XEN) =
        {"The guest, made for Xen, called the hypervisor, and the VMM answers.",
         "Event channels, timers and devices of Xen that KVM does not do itself.",
         "A guest that uses KVM's own interfaces and virtio."},
    AT(EXIT_TOPIC_USER_NOTIFY) =
        {"The guest blocked all interrupts for longer than the host allows.",
         "A guest that is broken, or attacks the host.",
         "Look at the guest. notify-vmexit of QEMU says how long is allowed."},
    AT(EXIT_TOPIC_USER_MEMORY) =
        {"The guest touched memory that the VMM has to provide, or to turn private or shared.",
         "Confidential guests that share pages or take them back; memory that is not there.",
         "Many at start are normal. Later: a bigger swiotlb in the guest."},
    AT(EXIT_TOPIC_USER_TDX) =
        {"A confidential guest (TDX) asked the VMM for something.",
         "Attestation: proofs of what it runs.",
         "Few are normal. Many: a program in the guest that asks for a proof again and again."},
    AT(EXIT_TOPIC_USER_SEA) =
        {"The guest met a memory error, and the VMM has to handle it.",
         "Memory of the host is failing.",
         "Look at the host's kernel log; move the VMs away; replace the memory."},
};
