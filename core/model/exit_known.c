// SPDX-License-Identifier: MIT
#include "core/model/exit_known_internal.h"

#include <stddef.h>
#include <stdlib.h>

#define VMX_BASIC  0xffffu    /* above it are flags */
#define VMX_FAILED (1u << 31) /* the guest was not entered at all */
#define T(topic)   EXIT_TOPIC_##topic

struct row {
    uint32_t reason;
    enum exit_topic topic;
};

/* All of them ascend by reason, for bsearch. */
static const struct row vmx[] = {
    {0, T(EXCEPTION_NMI)}, {1, T(INTERRUPT)},  {2, T(TRIPLE)},       {7, T(WINDOW)},
    {8, T(NMI_WINDOW)},    {9, T(TASK)},       {10, T(CPUID)},       {12, T(HLT)},
    {13, T(WBINVD)},       {14, T(INVLPG)},    {15, T(RDPMC)},       {16, T(TSC)},
    {18, T(HYPERCALL)},    {19, T(VMX)},       {20, T(VMX)},         {21, T(VMX)},
    {22, T(VMX)},          {23, T(VMX)},       {24, T(VMX)},         {25, T(VMX)},
    {26, T(VMX)},          {27, T(VMX)},       {28, T(CR)},          {29, T(DR)},
    {30, T(IO)},           {31, T(MSR_READ)},  {32, T(MSR_WRITE)},   {33, T(ENTRY)},
    {34, T(ENTRY)},        {36, T(MWAIT)},     {39, T(MWAIT)},       {40, T(PAUSE)},
    {41, T(MC)},           {43, T(TPR)},       {44, T(APIC_ACCESS)}, {45, T(EOI)},
    {46, T(TABLES)},       {47, T(TABLES)},    {48, T(EPT)},         {49, T(MMIO)},
    {50, T(VMX)},          {51, T(TSC)},       {52, T(TIMER)},       {53, T(VMX)},
    {54, T(WBINVD)},       {55, T(XSETBV)},    {56, T(APIC_WRITE)},  {57, T(HIDDEN)},
    {58, T(INVLPG)},       {59, T(VMX)},       {60, T(ENCLS)},       {61, T(HIDDEN)},
    {62, T(PML)},          {74, T(BUS_LOCK)},  {75, T(NOTIFY)},      {77, T(TDX)},
    {84, T(MSR_READ)},     {85, T(MSR_WRITE)},
};

static const struct row svm[] = {
    {0x0, T(CR)},
    {0x3, T(CR3)},
    {0x4, T(CR)},
    {0x10, T(CR)},
    {0x13, T(CR3)},
    {0x14, T(CR)},
    {0x18, T(TPR)},
    {0x20, T(DR)},
    {0x21, T(DR)},
    {0x22, T(DR)},
    {0x23, T(DR)},
    {0x24, T(DR)},
    {0x25, T(DR)},
    {0x26, T(DR)},
    {0x27, T(DR)},
    {0x30, T(DR)},
    {0x31, T(DR)},
    {0x32, T(DR)},
    {0x33, T(DR)},
    {0x34, T(DR)},
    {0x35, T(DR)},
    {0x36, T(DR)},
    {0x37, T(DR)},
    {0x40, T(EXCEPTION)},
    {0x41, T(DB)},
    {0x43, T(DB)},
    {0x44, T(EXCEPTION)},
    {0x45, T(EXCEPTION)},
    {0x46, T(UD)},
    {0x47, T(NM)},
    {0x48, T(EXCEPTION)},
    {0x4a, T(EXCEPTION)},
    {0x4b, T(EXCEPTION)},
    {0x4c, T(EXCEPTION)},
    {0x4d, T(GP)},
    {0x4e, T(PF)},
    {0x50, T(EXCEPTION)},
    {0x51, T(AC)},
    {0x52, T(MC)},
    {0x53, T(EXCEPTION)},
    {0x60, T(INTERRUPT)},
    {0x61, T(NMI)},
    {0x62, T(SMI)},
    {0x64, T(WINDOW)},
    {0x65, T(CR)},
    {0x6e, T(TSC)},
    {0x6f, T(RDPMC)},
    {0x72, T(CPUID)},
    {0x73, T(SMM)},
    {0x74, T(NMI_WINDOW)},
    {0x76, T(WBINVD)},
    {0x77, T(PAUSE)},
    {0x78, T(HLT)},
    {0x79, T(INVLPG)},
    {0x7a, T(SVM)},
    {0x7b, T(IO)},
    {0x7c, T(MSR)},
    {0x7d, T(TASK)},
    {0x7f, T(TRIPLE)},
    {0x80, T(SVM)},
    {0x81, T(HYPERCALL)},
    {0x82, T(SVM)},
    {0x83, T(SVM)},
    {0x84, T(SVM)},
    {0x85, T(SVM)},
    {0x86, T(SVM)},
    {0x87, T(HIDDEN)},
    {0x89, T(WBINVD)},
    {0x8a, T(MWAIT)},
    {0x8b, T(MWAIT)},
    {0x8d, T(XSETBV)},
    {0x8f, T(CR_TRAP)},
    {0x90, T(CR_TRAP)},
    {0x94, T(CR_TRAP)},
    {0x98, T(CR_TRAP)},
    {0xa2, T(INVLPG)},
    {0xa5, T(BUS_LOCK)},
    {0xa6, T(HLT)},
    {0x400, T(NPF)},
    {0x401, T(AVIC_IPI)},
    {0x402, T(AVIC_ACCESS)},
    {0x403, T(VMGEXIT)},
    {0x80000001, T(VMGEXIT_MMIO)},
    {0x80000002, T(VMGEXIT_MMIO)},
    {0x80000003, T(NMI_WINDOW)},
    {0x80000004, T(VMGEXIT_BOOT)},
    {0x80000005, T(VMGEXIT_BOOT)},
    {0x80000010, T(VMGEXIT_PAGES)},
    {0x80000011, T(VMGEXIT_ASK)},
    {0x80000012, T(VMGEXIT_ASK)},
    {0x80000013, T(VMGEXIT_BOOT)},
    {0x8000fffd, T(VMGEXIT_BOOT)},
    {0xffffffff, T(ENTRY)},
};

static const struct row arm64[] = {
    {0x01, T(WFX)},       {0x03, T(SYSREG)},    {0x04, T(SYSREG)},    {0x05, T(SYSREG)},
    {0x06, T(SYSREG)},    {0x07, T(FP)},        {0x0c, T(SYSREG)},    {0x12, T(HVC)},
    {0x13, T(SMC)},       {0x16, T(HVC)},       {0x17, T(SMC)},       {0x18, T(SYSREG)},
    {0x19, T(FP)},        {0x20, T(IABT)},      {0x24, T(DABT)},      {0x30, T(ARM_DEBUG)},
    {0x32, T(ARM_DEBUG)}, {0x34, T(ARM_DEBUG)}, {0x38, T(ARM_DEBUG)}, {0x3c, T(ARM_DEBUG)},
};

static const struct row arm64_code[] = {
    {0, T(INTERRUPT)},
    {1, T(SERROR)},
};

static const struct row user[] = {
    {0, T(USER_UNKNOWN)},  {2, T(USER_IO)},        {3, T(USER_HYPERCALL)}, {4, T(USER_DEBUG)},
    {5, T(USER_HLT)},      {6, T(USER_MMIO)},      {7, T(USER_WINDOW)},    {8, T(USER_SHUTDOWN)},
    {9, T(USER_ENTRY)},    {10, T(USER_INTR)},     {11, T(USER_TPR)},      {12, T(USER_TPR)},
    {17, T(USER_ERROR)},   {24, T(USER_SYSTEM)},   {26, T(USER_EOI)},      {27, T(USER_HYPERV)},
    {28, T(USER_NISV)},    {29, T(USER_RDMSR)},    {30, T(USER_WRMSR)},    {31, T(USER_RING)},
    {32, T(USER_AP_HOLD)}, {33, T(USER_BUS_LOCK)}, {34, T(USER_XEN)},      {37, T(USER_NOTIFY)},
    {39, T(USER_MEMORY)},  {40, T(USER_TDX)},      {41, T(USER_SEA)},
};

struct table {
    const struct row *rows;
    size_t count;
};

#define TABLE(rows)                                                                                \
    {                                                                                              \
        rows, sizeof(rows) / sizeof((rows)[0])                                                     \
    }

static const struct table tables[EXIT_ISA_COUNT] = {
    [EXIT_ISA_VMX] = TABLE(vmx),     [EXIT_ISA_SVM] = TABLE(svm),
    [EXIT_ISA_ARM64] = TABLE(arm64), [EXIT_ISA_ARM64_CODE] = TABLE(arm64_code),
    [EXIT_ISA_USER] = TABLE(user),
};

static int compare(const void *key, const void *entry)
{
    const uint32_t reason = *(const uint32_t *)key;
    const struct row *row = entry;

    return (reason > row->reason) - (reason < row->reason);
}

static const struct exit_known *text_of(enum exit_topic topic)
{
    return topic < EXIT_TOPIC_MORE ? &exit_known_text[topic]
                                   : &exit_known_more[topic - EXIT_TOPIC_MORE];
}

const struct exit_known *exit_known(enum exit_isa isa, uint32_t reason)
{
    if ((unsigned)isa >= EXIT_ISA_COUNT || tables[isa].rows == NULL)
        return NULL;

    uint32_t number = reason;
    if (isa == EXIT_ISA_VMX) {
        if ((reason & VMX_FAILED) != 0 && (reason & VMX_BASIC) != 41) /* MCE_DURING_VMENTRY */
            return text_of(EXIT_TOPIC_ENTRY);
        number = reason & VMX_BASIC;
    }

    const struct row *row =
        bsearch(&number, tables[isa].rows, tables[isa].count, sizeof(struct row), compare);
    return row == NULL ? NULL : text_of(row->topic);
}

const struct exit_known *exit_known_kind(enum exit_key_kind kind)
{
    switch (kind) {
    case EXIT_KEY_PORT_READ:
    case EXIT_KEY_PORT_WRITE:
        return text_of(EXIT_TOPIC_IO);
    case EXIT_KEY_MMIO_READ:
    case EXIT_KEY_MMIO_WRITE:
        return text_of(EXIT_TOPIC_MMIO);
    case EXIT_KEY_MSR_READ:
        return text_of(EXIT_TOPIC_MSR_READ);
    case EXIT_KEY_MSR_WRITE:
        return text_of(EXIT_TOPIC_MSR_WRITE);
    case EXIT_KEY_CPUID:
        return text_of(EXIT_TOPIC_CPUID);
    case EXIT_KEY_HYPERCALL:
        return text_of(EXIT_TOPIC_HYPERCALL);
    default:
        return NULL;
    }
}
