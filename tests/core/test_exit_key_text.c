// SPDX-License-Identifier: MIT
/* What is behind exits, in words: labels that stay as they are, and tables that can be searched. */
#include "core/model/exit_key_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/exit_key_internal.h"

static void assert_label(enum exit_key_kind kind, uint64_t value, const char *name,
                         const char *want)
{
    char buf[EXIT_KEY_LABEL_BYTES];

    assert_string_equal(exit_key_label(kind, value, name, buf), want);
}

static void assert_device(enum exit_key_kind kind, uint64_t value, const char *want)
{
    char buf[EXIT_KEY_DEVICE_BYTES];

    assert_string_equal(exit_key_device(kind, value, buf), want);
}

#define INDEX(n) ((uint64_t)(n) << 32)

static void labels_identify(void **state)
{
    (void)state;
    assert_label(EXIT_KEY_PORT_READ, 0x3f8, NULL, "0x3f8");
    assert_label(EXIT_KEY_PORT_WRITE, 0, NULL, "0x0");
    assert_label(EXIT_KEY_MMIO_READ, 0xfee00, NULL, "0xfee00000");
    assert_label(EXIT_KEY_MMIO_WRITE, UINT64_MAX >> 12, NULL, "0xfffffffffffff000");
    assert_label(EXIT_KEY_MSR_READ, 0x1b, NULL, "0x1b");
    assert_label(EXIT_KEY_MSR_WRITE, 0xc0000080, NULL, "0xc0000080");
    assert_label(EXIT_KEY_HYPERCALL, 5, NULL, "5");
    assert_label(EXIT_KEY_HYPERCALL, 255, NULL, "255");
    assert_label(EXIT_KEY_HYPERCALL, 256, NULL, "0x100");
    assert_label(EXIT_KEY_HYPERCALL, UINT64_MAX, NULL, "0xffffffffffffffff");
    /* a name is of a reason, and of nothing else */
    assert_label(EXIT_KEY_PORT_READ, 0x3f8, "IO", "0x3f8");
}

static void leaves_show_an_index_where_they_have_one(void **state)
{
    (void)state;
    assert_label(EXIT_KEY_CPUID, 0x1, NULL, "0x1");
    assert_label(EXIT_KEY_CPUID, 0x7, NULL, "0x7.0");
    assert_label(EXIT_KEY_CPUID, 0x7 | INDEX(1), NULL, "0x7.1");
    assert_label(EXIT_KEY_CPUID, 0xd | INDEX(63), NULL, "0xd.63");
    assert_label(EXIT_KEY_CPUID, 0x8000001d | INDEX(3), NULL, "0x8000001d.3");
    /* ECX, which the guest did not set for it */
    assert_label(EXIT_KEY_CPUID, 0x1 | INDEX(0x6c65746e), NULL, "0x1");
    assert_label(EXIT_KEY_CPUID, 0x40000001 | INDEX(7), NULL, "0x40000001");
}

static void what_tells_nothing_is_left_out(void **state)
{
    (void)state;
    assert_true(exit_key_plain(EXIT_KEY_CPUID, 0x1 | INDEX(9)) == 0x1);
    assert_true(exit_key_plain(EXIT_KEY_CPUID, 0x4 | INDEX(9)) == (0x4 | INDEX(9)));
    assert_true(exit_key_plain(EXIT_KEY_CPUID, 0x80000026 | INDEX(2)) == (0x80000026 | INDEX(2)));
    assert_true(exit_key_plain(EXIT_KEY_HYPERCALL, 0x1 | INDEX(9)) == (0x1 | INDEX(9)));
    assert_true(exit_key_plain(EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | 4) ==
                (EXIT_KEY_USER_ERRNO | 4));
}

static void reasons_have_their_names_or_numbers(void **state)
{
    char buf[EXIT_KEY_LABEL_BYTES];

    (void)state;
    assert_label(EXIT_KEY_USER, 2, "IO", "IO");
    assert_label(EXIT_KEY_USER, 39, NULL, "0x27");
    assert_label(EXIT_KEY_USER, 39, "", "0x27");
    assert_label(EXIT_KEY_NESTED, 48, "EPT_VIOLATION", "EPT_VIOLATION");
    assert_label(EXIT_KEY_NESTED, 0xffffffff, NULL, "0xffffffff");

    exit_key_label(EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | EINTR, "IO", buf);
    assert_true(strcmp(buf, "EINTR") == 0 || strcmp(buf, "errno 4") == 0);
    exit_key_label(EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | EFAULT, NULL, buf);
    assert_true(strcmp(buf, "EFAULT") == 0 || strcmp(buf, "errno 14") == 0);
    assert_label(EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | 99999, NULL, "errno 99999");
}

static void a_long_name_is_cut(void **state)
{
    char name[2 * EXIT_KEY_LABEL_BYTES], buf[EXIT_KEY_LABEL_BYTES];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(strlen(exit_key_label(EXIT_KEY_USER, 1, name, buf)), sizeof(buf) - 1);
}

static void kinds_have_stable_names_and_ways(void **state)
{
    static const char *const want[EXIT_KEY_COUNT][2] = {
        [EXIT_KEY_PORT_READ] = {"port", "in"},   [EXIT_KEY_PORT_WRITE] = {"port", "out"},
        [EXIT_KEY_MMIO_READ] = {"mmio", "read"}, [EXIT_KEY_MMIO_WRITE] = {"mmio", "write"},
        [EXIT_KEY_MSR_READ] = {"msr", "read"},   [EXIT_KEY_MSR_WRITE] = {"msr", "write"},
        [EXIT_KEY_CPUID] = {"cpuid", ""},        [EXIT_KEY_HYPERCALL] = {"hypercall", ""},
        [EXIT_KEY_USER] = {"user", ""},          [EXIT_KEY_NESTED] = {"nested", ""},
    };

    (void)state;
    for (int kind = 0; kind < EXIT_KEY_COUNT; kind++) {
        assert_string_equal(exit_key_kind_name(kind), want[kind][0]);
        assert_string_equal(exit_key_way(kind), want[kind][1]);
    }
    assert_string_equal(exit_key_kind_name(EXIT_KEY_COUNT), "");
    assert_string_equal(exit_key_way(EXIT_KEY_COUNT), "");
}

static void devices_are_found(void **state)
{
    (void)state;
    assert_device(EXIT_KEY_PORT_WRITE, 0x3f8, "COM1 serial");
    assert_device(EXIT_KEY_PORT_WRITE, 0x3ff, "COM1 serial");
    assert_device(EXIT_KEY_PORT_READ, 0x3f7, "floppy disk");
    assert_device(EXIT_KEY_PORT_READ, 0x3f6, "IDE");
    assert_device(EXIT_KEY_PORT_READ, 0x40, "PIT timer");
    assert_device(EXIT_KEY_PORT_WRITE, 0xcf8, "PCI config address");
    assert_device(EXIT_KEY_PORT_WRITE, 0xcf9, "reset control");
    assert_device(EXIT_KEY_PORT_READ, 0x608, "probably ACPI PM timer");
    assert_device(EXIT_KEY_PORT_READ, 0xfeff, "probably a PCI device");
    assert_device(EXIT_KEY_PORT_READ, 0xff00, "");
    assert_device(EXIT_KEY_PORT_READ, 0x1000, "");
    assert_device(EXIT_KEY_MMIO_READ, 0xfec00, "IOAPIC");
    assert_device(EXIT_KEY_MMIO_WRITE, 0xfee00, "local APIC");
    assert_device(EXIT_KEY_MMIO_READ, 0xb8, "VGA memory");
    assert_device(EXIT_KEY_MMIO_READ, 0xe0000, "");
    assert_device(EXIT_KEY_MMIO_READ, 0x100000, "");
    assert_device(EXIT_KEY_MSR_WRITE, 0x6e0, "IA32_TSC_DEADLINE");
    assert_device(EXIT_KEY_MSR_WRITE, 0x830, "X2APIC_ICR");
    assert_device(EXIT_KEY_MSR_READ, 0x12, "KVM_SYSTEM_TIME (old)");
    assert_device(EXIT_KEY_MSR_READ, 0x4b564d03, "KVM_STEAL_TIME");
    assert_device(EXIT_KEY_MSR_READ, 0x40000020, "HV_TIME_REF_COUNT");
    assert_device(EXIT_KEY_MSR_READ, 0xc0000080, "EFER");
    assert_device(EXIT_KEY_MSR_READ, 0x12345, "");
    assert_device(EXIT_KEY_CPUID, 0xb | INDEX(1), "topology");
    assert_device(EXIT_KEY_CPUID, 0x1 | INDEX(77), "features");
    assert_device(EXIT_KEY_CPUID, 0x80000004, "brand string");
    assert_device(EXIT_KEY_CPUID, 0x7fffffff, "");
    assert_device(EXIT_KEY_HYPERCALL, 10, "SEND_IPI");
    assert_device(EXIT_KEY_HYPERCALL, 12, "MAP_GPA_RANGE");
    assert_device(EXIT_KEY_HYPERCALL, 4, "");
    assert_device(EXIT_KEY_USER, 2, "");
    assert_device(EXIT_KEY_NESTED, 48, "");
    assert_device(EXIT_KEY_COUNT, 0x3f8, "");
}

static void members_of_a_range_are_numbered(void **state)
{
    (void)state;
    assert_device(EXIT_KEY_MSR_READ, 0xc1, "IA32_PMC0");
    assert_device(EXIT_KEY_MSR_READ, 0x18d, "IA32_PERFEVTSEL7");
    assert_device(EXIT_KEY_MSR_READ, 0x827, "X2APIC_IRR7");
    assert_device(EXIT_KEY_MSR_READ, 0x29f, "MC_CTL2 of bank 31");
}

/* The greatest number that a kind can have: what is beyond it is never found. */
static void assert_sound(const struct exit_key_ranges *ranges, uint64_t greatest)
{
    assert_true(ranges->count > 0);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct exit_key_range *row = &ranges->rows[i];

        assert_true(row->first <= row->last);
        assert_true(row->last <= greatest);
        if (i > 0 && row->first <= ranges->rows[i - 1].last)
            fail_msg("%s at %#llx does not ascend or overlaps %s", row->text,
                     (unsigned long long)row->first, ranges->rows[i - 1].text);
        assert_true(row->text[0] != '\0');
        for (const char *c = row->text; *c != '\0'; c++)
            if (*c < ' ' || *c > '~' || (*c == '#' && c[1] != '\0'))
                fail_msg("%s at %#llx: not plain", row->text, (unsigned long long)row->first);
    }
}

/* Whole, with its number, where it is longest. */
static void assert_fits(const struct exit_key_ranges *ranges, enum exit_key_kind kind)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct exit_key_range *row = &ranges->rows[i];
        char buf[EXIT_KEY_DEVICE_BYTES];
        size_t len = strcspn(row->text, "#"), digits = 0;

        exit_key_device(kind, row->last, buf);
        assert_memory_equal(buf, row->text, len);
        if (row->text[len] == '#') {
            assert_true(strtoull(buf + len, NULL, 10) == row->last - row->first);
            for (uint64_t n = row->last - row->first; n > 0; n /= 10)
                digits++;
        }
        if (strlen(buf) != len + digits)
            fail_msg("%s is too long: %s", row->text, buf);
    }
}

static void tables_ascend_and_texts_are_short_and_plain(void **state)
{
    (void)state;
    assert_sound(&exit_key_ports, UINT16_MAX);
    assert_sound(&exit_key_pages, UINT64_MAX >> 12);
    assert_sound(&exit_key_msrs, UINT32_MAX);
    assert_sound(&exit_key_leaves, UINT32_MAX);
    assert_sound(&exit_key_hypercalls, UINT64_MAX);
    assert_true(exit_key_msrs.count >= 120);

    assert_fits(&exit_key_ports, EXIT_KEY_PORT_READ);
    assert_fits(&exit_key_pages, EXIT_KEY_MMIO_READ);
    assert_fits(&exit_key_msrs, EXIT_KEY_MSR_READ);
    assert_fits(&exit_key_leaves, EXIT_KEY_CPUID);
    assert_fits(&exit_key_hypercalls, EXIT_KEY_HYPERCALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_identify),
        cmocka_unit_test(leaves_show_an_index_where_they_have_one),
        cmocka_unit_test(what_tells_nothing_is_left_out),
        cmocka_unit_test(reasons_have_their_names_or_numbers),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(kinds_have_stable_names_and_ways),
        cmocka_unit_test(devices_are_found),
        cmocka_unit_test(members_of_a_range_are_numbered),
        cmocka_unit_test(tables_ascend_and_texts_are_short_and_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
