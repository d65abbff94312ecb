// SPDX-License-Identifier: MIT
/*
 * Sentences about exits of x86 guests: what it means, what causes many, what helps. Facts are those
 * of Linux 6.18, and hold as far back as 6.1 unless a sentence says otherwise.
 */
#include "core/model/exit_known_internal.h"

const struct exit_known exit_known_text[EXIT_TOPIC_MORE] = {
    [EXIT_TOPIC_INTERRUPT] =
        {"An interrupt for the host arrived while the guest ran. The guest did nothing to cause "
         "it.",
         "The host's timer ticks, interrupts of its devices on this CPU, and kicks of vCPUs.",
         "Move device interrupts off the CPUs of vCPUs (irqbalance, smp_affinity); nohz_full; "
         "posted interrupts for passed-through devices."},
    [EXIT_TOPIC_NMI] = {"A non-maskable interrupt for the host arrived while the guest ran.",
                        "Profiling on the host (perf), or its hard lockup watchdog.",
                        "Stop perf on the host; nmi_watchdog=0 on hosts that can do without."},
    [EXIT_TOPIC_EXCEPTION_NMI] =
        {"An exception of the guest that KVM has to see, or a non-maskable interrupt for the host.",
         "perf or the watchdog on the host; debugging of the guest; split locks; shadow paging "
         "(every page fault).",
         "Stop perf on the host and debuggers of the guest; ept=1 of kvm_intel, so that page "
         "faults "
         "stay in the guest."},
    [EXIT_TOPIC_SMI] =
        {"A system management interrupt: the host's firmware took the CPU for itself.",
         "Firmware that handles power, heat, USB or memory errors in the background.",
         "Newer firmware of the host, and its settings for power and error handling."},
    [EXIT_TOPIC_WINDOW] =
        {"KVM had an interrupt for the guest, which had interrupts off; now it can take it.",
         "Many interrupts into a guest that runs long with interrupts off, without APICv or AVIC; "
         "interrupts of the old PIC.",
         "APICv or AVIC on the host; devices with MSI; kernel_irqchip=on in QEMU."},
    [EXIT_TOPIC_NMI_WINDOW] =
        {"KVM had a non-maskable interrupt for the guest, and waited until it could take it.",
         "Profiling (perf) or the hard lockup watchdog inside the guest.",
         "Stop perf in the guest; nmi_watchdog=0 there."},
    [EXIT_TOPIC_TIMER] =
        {"A timer of the guest ran out, counted by the processor while the guest runs.",
         "The guest's own timers: short sleeps, a high tick rate (HZ=1000), polling programs.",
         "Cheaper than a timer of the host, so no fault by itself; fewer timers in the guest, a "
         "tickless kernel."},
    [EXIT_TOPIC_HLT] =
        {"The guest had nothing to do and waits for an interrupt. This is waiting, not work.",
         "An idle guest. With load: many short sleeps, as of network or database requests one by "
         "one.",
         "For latency: halt polling (halt_poll_ns), cpuidle-haltpoll in the guest; cpu-pm=on of "
         "QEMU on exclusive CPUs."},
    [EXIT_TOPIC_MWAIT] =
        {"The guest wants to wait with MONITOR and MWAIT. KVM does not wait: it goes on at once.",
         "A guest that idles with MWAIT although the processor it was given does not offer it.",
         "Have the guest idle with HLT; or give it MWAIT on exclusive CPUs (cpu-pm=on of QEMU)."},
    [EXIT_TOPIC_PAUSE] =
        {"A vCPU has spun on PAUSE for long: it waits for a lock that another one holds.",
         "Overcommit: the vCPU that holds the lock does not run. Or contended locks in a big "
         "guest.",
         "Fewer vCPUs for each CPU, or exclusive ones, with PLE off there (ple_gap=0, "
         "pause_filter_count=0); paravirtual spinlocks."},
    [EXIT_TOPIC_CPUID] =
        {"The guest asked what its processor can do. KVM answers each time.",
         "Start of kernels and programs. Many: a program that uses CPUID to serialise or to time.",
         "Nothing on the host. Find the program in the guest; the leaves say what it asks for."},
    [EXIT_TOPIC_IO] =
        {"The guest read or wrote an I/O port: a device that is emulated in software.",
         "IDE, serial console, PIT, ACPI timer as clock, PCI configuration, doorbells of old "
         "(legacy) virtio.",
         "virtio 1.0 instead of emulated devices; kvm-clock or TSC as clock source. The ports say "
         "which device it is."},
    [EXIT_TOPIC_MSR_READ] =
        {"The guest read a model-specific register that it may not read without KVM.",
         "Registers of the x2APIC, of performance counters, of power and temperature; Hyper-V's "
         "clock.",
         "APICv or AVIC for those of the APIC; no perf in the guest. The numbers say which it is."},
    [EXIT_TOPIC_MSR_WRITE] =
        {"The guest wrote a model-specific register that it may not write without KVM.",
         "The timer (TSC_DEADLINE), interrupts between vCPUs (x2APIC ICR), end of interrupt, perf.",
         "Fewer timers (tickless guest kernel); APICv or AVIC, or PV EOI; no perf in the guest."},
    [EXIT_TOPIC_MSR] =
        {"The guest read or wrote a model-specific register that it may not touch without KVM.",
         "The timer (TSC_DEADLINE), interrupts between vCPUs (x2APIC ICR), end of interrupt, perf.",
         "Fewer timers (tickless guest kernel); AVIC with x2APIC; no perf in the guest."},
    [EXIT_TOPIC_MMIO] =
        {"The guest touched the registers of a device that lies in memory.",
         "Doorbells of virtio, local APIC or IOAPIC without help of the processor, HPET, VGA, "
         "emulated network cards.",
         "virtio with vhost and event index; APICv, x2APIC; kvm-clock or TSC instead of HPET. The "
         "addresses say which."},
    [EXIT_TOPIC_EPT] =
        {"The guest touched memory that is not mapped for it, or not with this right.",
         "First touch of memory, dirty logging (migration), balloon, swap, KSM, NUMA balancing; a "
         "new device address.",
         "Huge pages and preallocated memory; no swap, KSM or NUMA balancing under VMs; a "
         "migration "
         "ends by itself."},
    [EXIT_TOPIC_NPF] =
        {"The guest touched memory that is not mapped for it, or registers of a device in memory.",
         "First touch of memory, dirty logging (migration), balloon, swap, NUMA balancing; device "
         "registers (addresses below).",
         "Huge pages, preallocated memory, no swap or KSM under VMs; for devices: virtio, AVIC, "
         "kvm-clock or TSC as clock."},
    [EXIT_TOPIC_APIC_ACCESS] =
        {"The guest touched its local interrupt controller (APIC) in memory.",
         "End of interrupts, interrupts between vCPUs and timers of a guest in xAPIC mode, without "
         "APICv.",
         "x2APIC in the guest; enable_apicv=1 of kvm_intel on processors that have it."},
    [EXIT_TOPIC_APIC_WRITE] =
        {"The guest wrote a register of its APIC that APICv leaves to KVM.",
         "Interrupts between vCPUs, and timers of a guest in xAPIC mode.",
         "IPI virtualisation (enable_ipiv=1 of kvm_intel, newer processors); fewer timers and "
         "wake-ups."},
    [EXIT_TOPIC_EOI] =
        {"The guest ended an interrupt of a kind that its IOAPIC has to hear of (level-triggered).",
         "Devices with line interrupts (INTx): emulated cards, passed-through ones without MSI; "
         "the RTC.",
         "MSI or MSI-X: virtio on PCI, drivers with MSI switched on."},
    [EXIT_TOPIC_TPR] =
        {"The guest changed its task priority, and KVM has to look for interrupts that now may "
         "come.",
         "Guests that block interrupts by priority, Windows foremost, without APICv or AVIC.",
         "APICv or AVIC on the host; Hyper-V enlightenments (hv-vapic) for Windows."},
    [EXIT_TOPIC_AVIC_IPI] =
        {"An interrupt from vCPU to vCPU that AVIC could not deliver alone.",
         "The target does not run just now: it halts or waits for a CPU. Broadcasts.",
         "Fewer wake-ups across vCPUs, halt polling, no overcommit. Few of them are normal."},
    [EXIT_TOPIC_AVIC_ACCESS] =
        {"The guest touched a register of its APIC that AVIC leaves to KVM.",
         "The APIC's timer, and ends of level-triggered interrupts.",
         "Fewer timers (tickless guest kernel); MSI instead of line interrupts."},
    [EXIT_TOPIC_CR] =
        {"The guest changed or read a control register that KVM has to follow.",
         "Boot and switches of mode; older kernels that switch the FPU on and off (CR0.TS); shadow "
         "paging (every CR3).",
         "Nested paging (ept=1, npt=1); a guest kernel that switches the FPU eagerly."},
    [EXIT_TOPIC_CR3] =
        {"The guest switched to another page table, and KVM has to follow.",
         "Shadow paging: nested paging is off, or a hypervisor in the guest does without.",
         "npt=1 of kvm_amd on the host, and in the guest where it runs guests of its own."},
    [EXIT_TOPIC_CR_TRAP] =
        {"A confidential guest (SEV-ES) changed a control register, and KVM was told of it.",
         "Boot and switches of mode.", "Few are normal, and nothing has to be done."},
    [EXIT_TOPIC_DR] =
        {"The guest used a debug register.",
         "A debugger, hardware breakpoints of perf, or software that defends itself against them.",
         "End debugging in the guest. KVM lends it the registers after the first access."},
    [EXIT_TOPIC_TABLES] =
        {"The guest used an instruction for descriptor tables, which KVM watches to emulate UMIP.",
         "A guest that switched UMIP on, on a processor that has none.",
         "Take umip away from the CPU model of the VM."},
    [EXIT_TOPIC_TASK] = {"The guest switched tasks by hardware, and KVM does it in software.",
                         "Old 32-bit systems; a double fault in a 32-bit guest.",
                         "A 64-bit guest has none of them."},
    [EXIT_TOPIC_PF] =
        {"A page fault of the guest that KVM has to see.",
         "Shadow paging: nested paging is off, or a hypervisor in the guest does without.",
         "npt=1 of kvm_amd on the host, and in the guest where it runs guests of its own."},
    [EXIT_TOPIC_NM] = {"The guest used floating point while it was switched off.",
                       "KVM of older kernels loads the guest's FPU state only when it is used.",
                       "A newer kernel on the host."},
    [EXIT_TOPIC_DB] =
        {"A debug exception or breakpoint of the guest that KVM has to see.",
         "A debugger at the VMM's gdb port, single steps, or breakpoints inside the guest.",
         "End debugging."},
    [EXIT_TOPIC_UD] =
        {"The guest ran an instruction that its processor does not have.",
         "Programs that probe for instructions; a hypercall in the words of the other vendor.",
         "Nothing where there are few. Many: a CPU model that fits the programs of the guest."},
    [EXIT_TOPIC_AC] = {"An alignment check: an access that was not aligned, or a split lock.",
                       "A program in the guest with an atomic operation across two cache lines, or "
                       "that tests it.",
                       "Find the program in the guest, and mend it."},
    [EXIT_TOPIC_GP] =
        {"A general protection fault of the guest that KVM has to see.",
         "The VMware backdoor is on (enable_vmware_backdoor), or an erratum of the processor with "
         "nested guests.",
         "Switch the backdoor off where no guest needs it."},
    [EXIT_TOPIC_MC] =
        {"A machine check: the hardware reports an error.",
         "Memory, cache or bus of the host are failing.",
         "Look at the host's kernel log and rasdaemon; move the VMs away; replace the hardware."},
    [EXIT_TOPIC_EXCEPTION] =
        {"An exception of a guest that somebody asked to see. KVM itself does not.",
         "A hypervisor inside the guest that watches this exception of its own guests.",
         "Nothing on the host."},
    [EXIT_TOPIC_TSC] =
        {"The time stamp counter was read, and somebody asked to see it. KVM itself does not.",
         "A hypervisor inside the guest that watches the counter for its own guests.",
         "Nothing on the host. In the guest: a hypervisor that leaves the counter to its guests."},
    [EXIT_TOPIC_RDPMC] =
        {"The guest read a performance counter.",
         "Profiling in the guest: perf, or a program or watchdog that counts cycles.",
         "Stop it where it is not needed; pmu=off in the CPU model of the VM."},
    [EXIT_TOPIC_HIDDEN] =
        {"The guest used an instruction that the CPU model of the VM hides. KVM answers with #UD.",
         "A program that does not ask CPUID first, or a CPU model that hides too much.",
         "A CPU model that offers the instruction (rdrand, rdseed, rdtscp)."},
    [EXIT_TOPIC_INVLPG] =
        {"The guest threw a page out of its TLB, and KVM has to follow.",
         "Shadow paging: nested paging is off, or a hypervisor in the guest does without.",
         "Nested paging (ept=1, npt=1), in the guest too where it runs guests; with it, PCID costs "
         "no exits."},
    [EXIT_TOPIC_WBINVD] =
        {"The guest wants its caches written back. KVM does so only with a passed-through device.",
         "Start of vCPUs, drivers of graphics cards, changes of memory types.",
         "Few are normal. Many, with a passed-through device: its driver in the guest."},
    [EXIT_TOPIC_XSETBV] =
        {"The guest chose which vector state (AVX, AMX) it uses. KVM has to follow.",
         "Start of each vCPU; a hypervisor inside the guest that switches between its guests.",
         "Few are normal, and nothing has to be done."},
    [EXIT_TOPIC_HYPERCALL] =
        {"The guest, which knows that it is one, asked KVM for something.",
         "Interrupts and kicks between vCPUs, yields to a preempted one; Hyper-V's calls of "
         "Windows.",
         "The numbers say what it is. Many kicks or yields: contended locks and overcommit."},
    [EXIT_TOPIC_VMX] = {"A hypervisor inside the guest did something for guests of its own (nested "
                        "virtualisation).",
                        "VMs in the guest: each exit of theirs costs several of these.",
                        "enable_shadow_vmcs=1 of kvm_intel; hv-evmcs for Hyper-V in the guest; or "
                        "those VMs on the "
                        "host itself."},
    [EXIT_TOPIC_SVM] =
        {"A hypervisor inside the guest did something for guests of its own (nested "
         "virtualisation).",
         "VMs in the guest: each exit of theirs costs several of these.",
         "vls=1 and vgif=1 of kvm_amd save most of them; or run those VMs on the host itself."},
    [EXIT_TOPIC_SMM] = {"The guest's firmware left system management mode.",
                        "UEFI with secure boot that keeps its variables there; start of the guest.",
                        "Few are normal, and nothing has to be done."},
    [EXIT_TOPIC_TRIPLE] =
        {"The guest could not even handle the fault of a fault handler: it stops or resets.",
         "A crash early in boot, a broken guest kernel, kexec; some systems reboot in this way.",
         "Look at the guest's console; a VM that does so again and again never comes up."},
    [EXIT_TOPIC_PML] =
        {"The processor's list of pages that the guest wrote to is full.",
         "Dirty logging: a live migration, a snapshot or a measurement of the dirty rate.",
         "It ends with that. A guest that writes less, or auto-converge, ends a migration sooner."},
    [EXIT_TOPIC_NOTIFY] = {"The guest blocked all interrupts for longer than the host allows.",
                           "A guest that is broken, or attacks the host.",
                           "Look at the guest. notify-vmexit of QEMU says how long is allowed."},
    [EXIT_TOPIC_BUS_LOCK] =
        {"The guest held up the memory bus of the whole host.",
         "An atomic operation across two cache lines (split lock), or on memory without cache.",
         "Find the program in the guest; bus-lock-ratelimit of QEMU slows it down for its "
         "neighbours' sake."},
    [EXIT_TOPIC_ENCLS] = {"The guest made or started an SGX enclave, and KVM checks that it may.",
                          "Programs that make many short-lived enclaves.",
                          "Few are normal; keep enclaves longer."},
    [EXIT_TOPIC_VMGEXIT] =
        {"A confidential guest (SEV-ES) asked the host for what it cannot do alone.",
         "Device access, MSRs, CPUID, hypercalls: what other guests exit for, as a request.",
         "What helps there: virtio, fewer timers. Details are in the guest's own hands."},
    [EXIT_TOPIC_VMGEXIT_MMIO] =
        {"A confidential guest (SEV-ES) asked for access to a device register in memory.",
         "Doorbells of virtio, interrupt controller, emulated devices.",
         "virtio with vhost and event index, x2APIC; no emulated devices."},
    [EXIT_TOPIC_VMGEXIT_PAGES] =
        {"A confidential guest (SEV-SNP) turns pages from private to shared, or back.",
         "Start of the guest; buffers for devices that it makes and gives up again.",
         "Many at start are normal. Later: a bigger swiotlb in the guest."},
    [EXIT_TOPIC_VMGEXIT_BOOT] =
        {"A confidential guest (SEV-ES) starts: its vCPUs come up, or ask what the host can do.",
         "Start of the guest, and of each of its vCPUs.",
         "Few are normal, and nothing has to be done."},
    [EXIT_TOPIC_VMGEXIT_ASK] =
        {"A confidential guest (SEV-SNP) talks with the security processor.",
         "Attestation: proofs of what it runs, and keys.",
         "Few are normal. Many: a program in the guest that asks for a report again and again."},
    [EXIT_TOPIC_TDX] =
        {"A confidential guest (TDX) asked the host for what it cannot do alone.",
         "Device access, MSRs, CPUID, halts, pages to be shared: as a request.",
         "What helps other guests: virtio, fewer timers. Details are in the guest's own hands."},
    [EXIT_TOPIC_ENTRY] =
        {"The processor refused to run the guest: its state is not valid.",
         "A fault of KVM, of the VMM, or of a hypervisor in the guest; a state restored wrongly.",
         "dump_invalid_vmcs=1 or dump_invalid_vmcb=1, then the host's kernel log; newer kernel and "
         "VMM."},
};
