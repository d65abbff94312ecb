// SPDX-License-Identifier: MIT
#include "core/model/exit_reason.h"

#include <stddef.h>

#define VMX_BASIC    0xffffu /* above it are flags */
#define VMX_HLT      12u
#define SVM_HLT      0x78u
#define SVM_IDLE_HLT 0xa6u
#define ARM64_WFX    1u

const char *exit_isa_name(enum exit_isa isa)
{
    static const char *const words[EXIT_ISA_COUNT] = {
        [EXIT_ISA_UNKNOWN] = "",    [EXIT_ISA_VMX] = "vmx",          [EXIT_ISA_SVM] = "svm",
        [EXIT_ISA_ARM64] = "arm64", [EXIT_ISA_ARM64_CODE] = "arm64", [EXIT_ISA_USER] = "user",
    };

    return (unsigned)isa < EXIT_ISA_COUNT ? words[isa] : "";
}

/* No MWAIT: a guest whose MWAIT is seen at all comes back from it at once. */
bool exit_is_halt(enum exit_isa isa, uint32_t reason)
{
    if (isa == EXIT_ISA_VMX)
        return (reason & VMX_BASIC) == VMX_HLT;
    if (isa == EXIT_ISA_SVM)
        return reason == SVM_HLT || reason == SVM_IDLE_HLT;
    return isa == EXIT_ISA_ARM64 && reason == ARM64_WFX;
}

#define PORTS      (EXIT_KEY_BIT(EXIT_KEY_PORT_READ) | EXIT_KEY_BIT(EXIT_KEY_PORT_WRITE))
#define MMIO       (EXIT_KEY_BIT(EXIT_KEY_MMIO_READ) | EXIT_KEY_BIT(EXIT_KEY_MMIO_WRITE))
#define MSR_READS  EXIT_KEY_BIT(EXIT_KEY_MSR_READ)
#define MSR_WRITES EXIT_KEY_BIT(EXIT_KEY_MSR_WRITE)
#define CPUIDS     EXIT_KEY_BIT(EXIT_KEY_CPUID)
#define HYPERCALLS EXIT_KEY_BIT(EXIT_KEY_HYPERCALL)

static const struct {
    enum exit_isa isa;
    uint32_t reason, kinds;
} reason_kinds[] = {
    {EXIT_ISA_VMX, 10, CPUIDS},
    {EXIT_ISA_VMX, 18, HYPERCALLS},
    {EXIT_ISA_VMX, 30, PORTS},
    {EXIT_ISA_VMX, 31, MSR_READS},
    {EXIT_ISA_VMX, 32, MSR_WRITES},
    {EXIT_ISA_VMX, 44, MMIO},       /* APIC_ACCESS */
    {EXIT_ISA_VMX, 48, MMIO},       /* EPT_VIOLATION */
    {EXIT_ISA_VMX, 49, MMIO},       /* EPT_MISCONFIG */
    {EXIT_ISA_VMX, 84, MSR_READS},  /* MSR_READ_IMM */
    {EXIT_ISA_VMX, 85, MSR_WRITES}, /* MSR_WRITE_IMM */
    {EXIT_ISA_SVM, 0x72, CPUIDS},
    {EXIT_ISA_SVM, 0x7b, PORTS},
    {EXIT_ISA_SVM, 0x7c, MSR_READS | MSR_WRITES},
    {EXIT_ISA_SVM, 0x81, HYPERCALLS},
    {EXIT_ISA_SVM, 0x400, MMIO},        /* npf */
    {EXIT_ISA_ARM64, 0x12, HYPERCALLS}, /* HVC32 */
    {EXIT_ISA_ARM64, 0x16, HYPERCALLS}, /* HVC64 */
    {EXIT_ISA_ARM64, 0x24, MMIO},       /* DABT_LOW */
};

uint32_t exit_reason_kinds(enum exit_isa isa, uint32_t reason)
{
    const uint32_t number = isa == EXIT_ISA_VMX ? reason & VMX_BASIC : reason;

    for (size_t i = 0; i < sizeof(reason_kinds) / sizeof(reason_kinds[0]); i++)
        if (reason_kinds[i].isa == isa && reason_kinds[i].reason == number)
            return reason_kinds[i].kinds;
    return 0;
}
