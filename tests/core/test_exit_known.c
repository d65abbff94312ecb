// SPDX-License-Identifier: MIT
/* What is said about reasons of exits: all that can be shown have sentences, and they fit. */
#include "core/model/exit_known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/bpf/exit_names.h"

/*
 * Reasons that need no sentences: a host's KVM does not let its guests leave for them, or only for
 * a hypervisor inside the guest.
 */
static const struct {
    enum exit_isa isa;
    uint32_t reason;
} silent[] = {
    {EXIT_ISA_VMX, 3},  /* INIT_SIGNAL: blocked while a guest runs */
    {EXIT_ISA_VMX, 4},  /* SIPI_SIGNAL */
    {EXIT_ISA_VMX, 37}, /* MONITOR_TRAP_FLAG: nested guests, and introspection */
    {EXIT_ISA_VMX, 63}, /* XSAVES: never asked for */
    {EXIT_ISA_VMX, 64}, /* XRSTORS */
    {EXIT_ISA_VMX, 67}, /* UMWAIT */
    {EXIT_ISA_VMX, 68}, /* TPAUSE */

    {EXIT_ISA_SVM, 0x2},  /* read_cr2 */
    {EXIT_ISA_SVM, 0x8},  /* read_cr8: only writes are asked for */
    {EXIT_ISA_SVM, 0x12}, /* write_cr2 */
    {EXIT_ISA_SVM, 0x63}, /* init */
    {EXIT_ISA_SVM, 0x66}, /* read_idtr */
    {EXIT_ISA_SVM, 0x67}, /* read_gdtr */
    {EXIT_ISA_SVM, 0x68}, /* read_ldtr */
    {EXIT_ISA_SVM, 0x69}, /* read_rt */
    {EXIT_ISA_SVM, 0x6a}, /* write_idtr */
    {EXIT_ISA_SVM, 0x6b}, /* write_gdtr */
    {EXIT_ISA_SVM, 0x6c}, /* write_ldtr */
    {EXIT_ISA_SVM, 0x6d}, /* write_rt */
    {EXIT_ISA_SVM, 0x70}, /* pushf */
    {EXIT_ISA_SVM, 0x71}, /* popf */
    {EXIT_ISA_SVM, 0x75}, /* swint */
    {EXIT_ISA_SVM, 0x7e}, /* ferr_freeze */
    {EXIT_ISA_SVM, 0x88}, /* icebp */

    {EXIT_ISA_ARM64, 0x00},   /* UNKNOWN */
    {EXIT_ISA_ARM64, 0x08},   /* CP10_ID */
    {EXIT_ISA_ARM64, 0x09},   /* PAC */
    {EXIT_ISA_ARM64, 0x11},   /* SVC32: what follows is handled in the guest */
    {EXIT_ISA_ARM64, 0x15},   /* SVC64 */
    {EXIT_ISA_ARM64, 0x21},   /* IABT_CUR */
    {EXIT_ISA_ARM64, 0x22},   /* PC_ALIGN */
    {EXIT_ISA_ARM64, 0x25},   /* DABT_CUR */
    {EXIT_ISA_ARM64, 0x26},   /* SP_ALIGN */
    {EXIT_ISA_ARM64, 0x28},   /* FP_EXC32 */
    {EXIT_ISA_ARM64, 0x2c},   /* FP_EXC64 */
    {EXIT_ISA_ARM64, 0x2f},   /* SERROR */
    {EXIT_ISA_ARM64, 0x31},   /* BREAKPT_CUR */
    {EXIT_ISA_ARM64, 0x33},   /* SOFTSTP_CUR */
    {EXIT_ISA_ARM64, 0x35},   /* WATCHPT_CUR */
    {EXIT_ISA_ARM64, 0x3a},   /* VECTOR32 */
    {EXIT_ISA_ARM64_CODE, 2}, /* TRAP: the class of the trap is what is shown */

    {EXIT_ISA_USER, 1},  /* EXCEPTION: no longer used */
    {EXIT_ISA_USER, 13}, /* S390_SIEIC, and others of machines that kvmlens does not run on */
    {EXIT_ISA_USER, 14}, /* S390_RESET */
    {EXIT_ISA_USER, 15}, /* DCR */
    {EXIT_ISA_USER, 16}, /* NMI: no longer used */
    {EXIT_ISA_USER, 18}, /* OSI */
    {EXIT_ISA_USER, 19}, /* PAPR_HCALL */
    {EXIT_ISA_USER, 20}, /* S390_UCONTROL */
    {EXIT_ISA_USER, 21}, /* WATCHDOG: of PowerPC */
    {EXIT_ISA_USER, 22}, /* S390_TSCH */
    {EXIT_ISA_USER, 23}, /* EPR */
    {EXIT_ISA_USER, 25}, /* S390_STSI */
    {EXIT_ISA_USER, 35}, /* RISCV_SBI */
    {EXIT_ISA_USER, 36}, /* RISCV_CSR */
    {EXIT_ISA_USER, 38}, /* LOONGARCH_IOCSR */
};

static bool is_silent(enum exit_isa isa, uint32_t reason)
{
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        if (silent[i].isa == isa && silent[i].reason == reason)
            return true;
    return false;
}

/* A reason that is new in the table of names fails here until somebody has thought about it. */
static void each_reason_that_has_a_name_has_sentences_or_needs_none(void **state)
{
    size_t seen = 0;

    (void)state;
    for (int isa = 0; isa < EXIT_ISA_COUNT; isa++) {
        size_t count;
        const struct exit_table_row *rows = exit_table(isa, &count);

        for (size_t i = 0; i < count; i++, seen++) {
            bool has = exit_known(isa, rows[i].reason) != NULL;

            if (has == is_silent(isa, rows[i].reason))
                fail_msg("%s %s (%#x): %s", exit_isa_name(isa), rows[i].name, rows[i].reason,
                         has ? "has sentences, and is in the list of those without"
                             : "has no sentences");
        }
    }
    assert_true(seen > 200);
}

static void assert_sentence(const char *s, const char *name)
{
    size_t len = strlen(s);

    if (len == 0 || len >= 160)
        fail_msg("%s: %zu characters: %s", name, len, s);
    if (s[len - 1] != '.')
        fail_msg("%s: no full stop: %s", name, s);
    for (size_t i = 0; i < len; i++)
        if (s[i] < ' ' || s[i] > '~' || (s[i] == ' ' && s[i + 1] == ' '))
            fail_msg("%s: character %zu: %s", name, i, s);
}

static void sentences_are_short_and_plain_ascii(void **state)
{
    (void)state;
    for (int isa = 0; isa < EXIT_ISA_COUNT; isa++) {
        size_t count;
        const struct exit_table_row *rows = exit_table(isa, &count);

        for (size_t i = 0; i < count; i++) {
            const struct exit_known *known = exit_known(isa, rows[i].reason);

            if (known == NULL)
                continue;
            assert_sentence(known->means, rows[i].name);
            assert_sentence(known->causes, rows[i].name);
            assert_sentence(known->helps, rows[i].name);
        }
    }
}

static void assert_says(enum exit_isa isa, uint32_t reason, const char *want)
{
    const struct exit_known *known = exit_known(isa, reason);

    assert_non_null(known);
    if (strstr(known->means, want) == NULL && strstr(known->causes, want) == NULL &&
        strstr(known->helps, want) == NULL)
        fail_msg("%d %#x says nothing of %s: %s", isa, reason, want, known->means);
}

/* The tables are found by number, so a wrong row would tell of another reason. */
static void sentences_are_of_their_reason(void **state)
{
    static const struct {
        enum exit_isa isa;
        uint32_t reason;
        const char *says;
    } cases[] = {
        {EXIT_ISA_VMX, 0, "non-maskable"},
        {EXIT_ISA_VMX, 1, "smp_affinity"},
        {EXIT_ISA_VMX, 2, "resets"},
        {EXIT_ISA_VMX, 7, "interrupts off"},
        {EXIT_ISA_VMX, 10, "CPUID"},
        {EXIT_ISA_VMX, 12, "halt_poll_ns"},
        {EXIT_ISA_VMX, 15, "perf"},
        {EXIT_ISA_VMX, 18, "asked KVM"},
        {EXIT_ISA_VMX, 24, "nested"},
        {EXIT_ISA_VMX, 28, "control register"},
        {EXIT_ISA_VMX, 30, "port"},
        {EXIT_ISA_VMX, 32, "TSC_DEADLINE"},
        {EXIT_ISA_VMX, 33, "refused"},
        {EXIT_ISA_VMX, 36, "MWAIT"},
        {EXIT_ISA_VMX, 40, "Overcommit"},
        {EXIT_ISA_VMX, 43, "priority"},
        {EXIT_ISA_VMX, 44, "x2APIC"},
        {EXIT_ISA_VMX, 45, "level-triggered"},
        {EXIT_ISA_VMX, 48, "Huge pages"},
        {EXIT_ISA_VMX, 49, "HPET"},
        {EXIT_ISA_VMX, 52, "timer"},
        {EXIT_ISA_VMX, 54, "caches"},
        {EXIT_ISA_VMX, 56, "enable_ipiv"},
        {EXIT_ISA_VMX, 62, "migration"},
        {EXIT_ISA_VMX, 74, "split lock"},
        {EXIT_ISA_VMX, 77, "TDX"},
        {EXIT_ISA_SVM, 0x18, "priority"},
        {EXIT_ISA_SVM, 0x4e, "npt=1"},
        {EXIT_ISA_SVM, 0x60, "timer ticks"},
        {EXIT_ISA_SVM, 0x61, "perf"},
        {EXIT_ISA_SVM, 0x62, "firmware"},
        {EXIT_ISA_SVM, 0x77, "pause_filter_count"},
        {EXIT_ISA_SVM, 0x7b, "port"},
        {EXIT_ISA_SVM, 0x80, "vgif"},
        {EXIT_ISA_SVM, 0xa6, "waiting"},
        {EXIT_ISA_SVM, 0x400, "Huge pages"},
        {EXIT_ISA_SVM, 0x401, "AVIC"},
        {EXIT_ISA_SVM, 0xffffffff, "refused"},
        {EXIT_ISA_ARM64, 1, "WFI"},
        {EXIT_ISA_ARM64, 0x24, "doorbells"},
        {EXIT_ISA_ARM64_CODE, 0, "timer"},
        {EXIT_ISA_USER, 2, "ioeventfd"},
        {EXIT_ISA_USER, 10, "signal"},
        {EXIT_ISA_USER, 17, "emulate"},
        {EXIT_ISA_USER, 31, "dirty-ring-size"},
        {EXIT_ISA_USER, 39, "private"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_says(cases[i].isa, cases[i].reason, cases[i].says);
    assert_ptr_equal(exit_known(EXIT_ISA_VMX, 30), exit_known(EXIT_ISA_SVM, 0x7b));
}

static void flags_of_intels_reasons_hide_nothing_but_a_failed_entry(void **state)
{
    (void)state;
    assert_ptr_equal(exit_known(EXIT_ISA_VMX, 12 | 1u << 26), exit_known(EXIT_ISA_VMX, 12));
    assert_ptr_equal(exit_known(EXIT_ISA_VMX, 33 | 1u << 31), exit_known(EXIT_ISA_VMX, 33));
    assert_ptr_equal(exit_known(EXIT_ISA_VMX, 12 | 1u << 31), exit_known(EXIT_ISA_VMX, 33));
    /* which says more than that the entry failed */
    assert_ptr_equal(exit_known(EXIT_ISA_VMX, 41 | 1u << 31), exit_known(EXIT_ISA_VMX, 41));
    assert_says(EXIT_ISA_VMX, 41, "hardware");
}

static void of_what_is_not_known_nothing_is_said(void **state)
{
    (void)state;
    assert_null(exit_known(EXIT_ISA_UNKNOWN, 12));
    assert_null(exit_known(EXIT_ISA_COUNT, 12));
    assert_null(exit_known(EXIT_ISA_VMX, 5));
    assert_null(exit_known(EXIT_ISA_VMX, 0xffff));
    assert_null(exit_known(EXIT_ISA_SVM, 0x404));
    assert_null(exit_known(EXIT_ISA_SVM, 0xfffffffe));
    assert_null(exit_known(EXIT_ISA_USER, 1000));
}

static void what_is_behind_exits_has_the_sentences_of_its_exit(void **state)
{
    (void)state;
    assert_ptr_equal(exit_known_kind(EXIT_KEY_PORT_WRITE), exit_known(EXIT_ISA_VMX, 30));
    assert_ptr_equal(exit_known_kind(EXIT_KEY_MMIO_READ), exit_known(EXIT_ISA_VMX, 49));
    assert_ptr_equal(exit_known_kind(EXIT_KEY_MSR_READ), exit_known(EXIT_ISA_VMX, 31));
    assert_ptr_equal(exit_known_kind(EXIT_KEY_MSR_WRITE), exit_known(EXIT_ISA_VMX, 32));
    assert_ptr_equal(exit_known_kind(EXIT_KEY_CPUID), exit_known(EXIT_ISA_SVM, 0x72));
    assert_ptr_equal(exit_known_kind(EXIT_KEY_HYPERCALL), exit_known(EXIT_ISA_VMX, 18));
    assert_null(exit_known_kind(EXIT_KEY_USER));
    assert_null(exit_known_kind(EXIT_KEY_NESTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_that_has_a_name_has_sentences_or_needs_none),
        cmocka_unit_test(sentences_are_short_and_plain_ascii),
        cmocka_unit_test(sentences_are_of_their_reason),
        cmocka_unit_test(flags_of_intels_reasons_hide_nothing_but_a_failed_entry),
        cmocka_unit_test(of_what_is_not_known_nothing_is_said),
        cmocka_unit_test(what_is_behind_exits_has_the_sentences_of_its_exit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
