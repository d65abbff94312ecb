// SPDX-License-Identifier: MIT
/* What stands at a port, at an address, behind a leaf of CPUID, behind a hypercall. */
#include "core/model/exit_key_internal.h"

#define ONE(at, text)                                                                              \
    {                                                                                              \
        at, at, text                                                                               \
    }
#define RANGES(rows)                                                                               \
    {                                                                                              \
        rows, sizeof(rows) / sizeof((rows)[0])                                                     \
    }

/* Fixed ones of the PC, and of QEMU's machines. BARs lie where the firmware puts them. */
static const struct exit_key_range ports[] = {
    {0x0000, 0x000f, "DMA controller"},
    {0x0020, 0x0021, "PIC"},
    {0x0040, 0x0043, "PIT timer"},
    ONE(0x0060, "i8042 keyboard"),
    ONE(0x0061, "PC speaker, PIT gate"),
    ONE(0x0064, "i8042 keyboard"),
    {0x0070, 0x0071, "CMOS, RTC"},
    ONE(0x0080, "POST code, I/O delay"),
    {0x0081, 0x008f, "DMA page registers"},
    ONE(0x0092, "A20 and fast reset"),
    {0x00a0, 0x00a1, "PIC, second"},
    {0x00b2, 0x00b3, "SMI command"},
    {0x00c0, 0x00df, "DMA controller, second"},
    ONE(0x00e9, "debug console"),
    ONE(0x00ed, "I/O delay"),
    {0x00f0, 0x00f1, "FPU errors"},
    {0x0170, 0x0177, "IDE, second"},
    {0x01ce, 0x01d0, "VGA (Bochs VBE)"},
    {0x01f0, 0x01f7, "IDE"},
    {0x0278, 0x027a, "LPT2 parallel"},
    {0x02e8, 0x02ef, "COM4 serial"},
    {0x02f8, 0x02ff, "COM2 serial"},
    ONE(0x0376, "IDE, second"),
    {0x0378, 0x037a, "LPT1 parallel"},
    {0x03b0, 0x03df, "VGA"},
    {0x03e8, 0x03ef, "COM3 serial"},
    {0x03f0, 0x03f5, "floppy disk"},
    ONE(0x03f6, "IDE"),
    ONE(0x03f7, "floppy disk"),
    {0x03f8, 0x03ff, "COM1 serial"},
    ONE(0x0402, "firmware debug console"),
    {0x04d0, 0x04d1, "PIC, edge or level"},
    ONE(0x0505, "probably pvpanic"),
    {0x0510, 0x0511, "fw_cfg"},
    {0x0514, 0x051b, "fw_cfg DMA"},
    {0x0600, 0x0607, "probably ACPI PM"},
    {0x0608, 0x060b, "probably ACPI PM timer"},
    {0x060c, 0x067f, "probably ACPI PM"},
    {0x0700, 0x073f, "probably SMBus"},
    {0x0a00, 0x0a17, "probably memory hotplug"},
    {0x0cc0, 0x0cd7, "probably PCI hotplug"},
    {0x0cd8, 0x0ce3, "probably CPU hotplug"},
    ONE(0x0cf8, "PCI config address"),
    ONE(0x0cf9, "reset control"),
    {0x0cfa, 0x0cfb, "PCI config address"},
    {0x0cfc, 0x0cff, "PCI config data"},
    {0x5658, 0x5659, "VMware backdoor"},
    {0xae00, 0xae17, "probably PCI hotplug"},
    {0xaf00, 0xaf1f, "probably CPU hotplug"},
    {0xafe0, 0xafe3, "probably ACPI events"},
    {0xb000, 0xb007, "probably ACPI PM"},
    {0xb008, 0xb00b, "probably ACPI PM timer"},
    {0xb00c, 0xb03f, "probably ACPI PM"},
    {0xb100, 0xb13f, "probably SMBus"},
    {0xc000, 0xfeff, "probably a PCI device"},
};
const struct exit_key_ranges exit_key_ports = RANGES(ports);

static const struct exit_key_range pages[] = {
    {0x000a0, 0x000bf, "VGA memory"},
    {0x000c0, 0x000df, "option ROMs"},
    {0x000e0, 0x000ff, "BIOS"},
    {0xb0000, 0xbffff, "probably PCI config"}, /* of q35: the firmware puts it here or elsewhere */
    {0xfe000, 0xfebff, "probably a PCI device"},
    ONE(0xfec00, "IOAPIC"),
    ONE(0xfed00, "HPET"),
    {0xfed1c, 0xfed1f, "chipset (RCBA)"},
    {0xfed40, 0xfed44, "TPM"},
    ONE(0xfed90, "probably IOMMU (VT-d)"),
    ONE(0xfee00, "local APIC"),
    {0xffc00, 0xfffff, "firmware flash"},
};
const struct exit_key_ranges exit_key_pages = RANGES(pages);

static const struct exit_key_range leaves[] = {
    ONE(0x0, "vendor"),
    ONE(0x1, "features"),
    ONE(0x2, "caches and TLBs"),
    ONE(0x3, "serial number"),
    ONE(0x4, "caches"),
    ONE(0x5, "MONITOR and MWAIT"),
    ONE(0x6, "power and temperature"),
    ONE(0x7, "features"),
    ONE(0x9, "direct cache access"),
    ONE(0xa, "performance counters"),
    ONE(0xb, "topology"),
    ONE(0xd, "vector state (XSAVE)"),
    ONE(0xf, "resource monitoring"),
    ONE(0x10, "resource allocation"),
    ONE(0x12, "SGX"),
    ONE(0x14, "processor trace"),
    ONE(0x15, "TSC frequency"),
    ONE(0x16, "CPU frequency"),
    ONE(0x17, "SoC vendor"),
    ONE(0x18, "TLBs"),
    ONE(0x19, "Key Locker"),
    ONE(0x1a, "kind of core"),
    ONE(0x1b, "PCONFIG"),
    ONE(0x1c, "last branch records"),
    {0x1d, 0x1e, "matrix tiles (AMX)"},
    ONE(0x1f, "topology"),
    ONE(0x20, "history reset"),
    ONE(0x21, "TDX"),
    ONE(0x23, "performance counters"),
    ONE(0x24, "AVX10"),
    ONE(0x40000000, "hypervisor"),
    ONE(0x40000001, "KVM or Hyper-V"),
    {0x40000002, 0x4000000a, "Hyper-V"},
    ONE(0x40000010, "TSC and APIC frequency"),
    {0x40000080, 0x40000082, "Hyper-V debugging"},
    {0x40000100, 0x40000101, "KVM beside Hyper-V"},
    ONE(0x80000000, "highest extended leaf"),
    ONE(0x80000001, "extended features"),
    {0x80000002, 0x80000004, "brand string"},
    ONE(0x80000005, "L1 caches and TLBs"),
    ONE(0x80000006, "L2 caches and TLBs"),
    ONE(0x80000007, "power, invariant TSC"),
    ONE(0x80000008, "address sizes"),
    ONE(0x8000000a, "SVM"),
    ONE(0x80000019, "TLBs of 1 GiB pages"),
    ONE(0x8000001a, "optimisation hints"),
    ONE(0x8000001b, "sampling (IBS)"),
    ONE(0x8000001c, "profiling (LWP)"),
    ONE(0x8000001d, "caches"),
    ONE(0x8000001e, "topology"),
    ONE(0x8000001f, "memory encryption (SEV)"),
    ONE(0x80000020, "resource allocation"),
    ONE(0x80000021, "extended features"),
    ONE(0x80000022, "performance counters"),
    ONE(0x80000023, "memory encryption keys"),
    ONE(0x80000026, "topology"),
    {0xc0000000, 0xc0000006, "Centaur, Zhaoxin"},
};
const struct exit_key_ranges exit_key_leaves = RANGES(leaves);

/* KVM_HC_* of linux/kvm_para.h that an x86 guest can use. */
static const struct exit_key_range hypercalls[] = {
    ONE(1, "VAPIC_POLL_IRQ"), ONE(2, "MMU_OP"),    ONE(5, "KICK_CPU"),
    ONE(9, "CLOCK_PAIRING"),  ONE(10, "SEND_IPI"), ONE(11, "SCHED_YIELD"),
    ONE(12, "MAP_GPA_RANGE"),
};
const struct exit_key_ranges exit_key_hypercalls = RANGES(hypercalls);
