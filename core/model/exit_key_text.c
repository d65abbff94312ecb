// SPDX-License-Identifier: MIT
#include "core/model/exit_key_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exit_key_internal.h"

#define PAGE_SHIFT    12
#define CPUID_LEAF    0xffffffffu
#define DECIMAL_BELOW 256 /* hypercalls: KVM's are small and known by their decimal numbers */

static const struct {
    const char *name, *way;
    const struct exit_key_ranges *ranges;
} kinds[EXIT_KEY_COUNT] = {
    [EXIT_KEY_PORT_READ] = {"port", "in", &exit_key_ports},
    [EXIT_KEY_PORT_WRITE] = {"port", "out", &exit_key_ports},
    [EXIT_KEY_MMIO_READ] = {"mmio", "read", &exit_key_pages},
    [EXIT_KEY_MMIO_WRITE] = {"mmio", "write", &exit_key_pages},
    [EXIT_KEY_MSR_READ] = {"msr", "read", &exit_key_msrs},
    [EXIT_KEY_MSR_WRITE] = {"msr", "write", &exit_key_msrs},
    [EXIT_KEY_CPUID] = {"cpuid", "", &exit_key_leaves},
    [EXIT_KEY_HYPERCALL] = {"hypercall", "", &exit_key_hypercalls},
    [EXIT_KEY_USER] = {"user", "", NULL},
    [EXIT_KEY_NESTED] = {"nested", "", NULL},
};

const char *exit_key_kind_name(enum exit_key_kind kind)
{
    return (unsigned)kind < EXIT_KEY_COUNT ? kinds[kind].name : "";
}

const char *exit_key_way(enum exit_key_kind kind)
{
    return (unsigned)kind < EXIT_KEY_COUNT ? kinds[kind].way : "";
}

static int compare_leaf(const void *key, const void *entry)
{
    const uint32_t a = *(const uint32_t *)key, b = *(const uint32_t *)entry;

    return (a > b) - (a < b);
}

/* As cpuid_function_is_indexed() of KVM has them, and some that it does not offer. */
static bool leaf_has_index(uint32_t leaf)
{
    static const uint32_t leaves[] = {
        0x4,  0x7,  0xb,  0xd,  0xf,  0x10, 0x12, 0x14,       0x17,       0x18,
        0x1b, 0x1d, 0x1e, 0x1f, 0x20, 0x23, 0x24, 0x8000001d, 0x80000020, 0x80000026,
    };

    return bsearch(&leaf, leaves, sizeof(leaves) / sizeof(leaves[0]), sizeof(leaves[0]),
                   compare_leaf) != NULL;
}

uint64_t exit_key_plain(enum exit_key_kind kind, uint64_t value)
{
    if (kind == EXIT_KEY_CPUID && !leaf_has_index(value & CPUID_LEAF))
        return value & CPUID_LEAF;
    return value;
}

static void write_errno(uint64_t value, char buf[static EXIT_KEY_LABEL_BYTES])
{
    const int number = (int)(value & INT32_MAX);
    const char *name = NULL;

#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 32)
    name = strerrorname_np(number);
#endif
#endif
    if (name != NULL)
        snprintf(buf, EXIT_KEY_LABEL_BYTES, "%s", name);
    else
        snprintf(buf, EXIT_KEY_LABEL_BYTES, "errno %d", number);
}

const char *exit_key_label(enum exit_key_kind kind, uint64_t value, const char *name,
                           char buf[static EXIT_KEY_LABEL_BYTES])
{
    const bool is_reason = kind == EXIT_KEY_USER || kind == EXIT_KEY_NESTED;
    const size_t size = EXIT_KEY_LABEL_BYTES;

    if (kind == EXIT_KEY_USER && (value & EXIT_KEY_USER_ERRNO) != 0)
        write_errno(value, buf);
    else if (is_reason && name != NULL && name[0] != '\0')
        snprintf(buf, size, "%s", name);
    else if (kind == EXIT_KEY_MMIO_READ || kind == EXIT_KEY_MMIO_WRITE)
        snprintf(buf, size, "0x%" PRIx64, value << PAGE_SHIFT);
    else if (kind == EXIT_KEY_CPUID && leaf_has_index(value & CPUID_LEAF))
        snprintf(buf, size, "0x%" PRIx64 ".%" PRIu64, value & CPUID_LEAF, value >> 32);
    else if (kind == EXIT_KEY_HYPERCALL && value < DECIMAL_BELOW)
        snprintf(buf, size, "%" PRIu64, value);
    else
        snprintf(buf, size, "0x%" PRIx64, exit_key_plain(kind, value));
    return buf;
}

static int compare_range(const void *key, const void *entry)
{
    const uint64_t value = *(const uint64_t *)key;
    const struct exit_key_range *range = entry;

    return (value > range->last) - (value < range->first);
}

const char *exit_key_device(enum exit_key_kind kind, uint64_t value,
                            char buf[static EXIT_KEY_DEVICE_BYTES])
{
    buf[0] = '\0';
    if ((unsigned)kind >= EXIT_KEY_COUNT || kinds[kind].ranges == NULL)
        return buf;

    const uint64_t number = kind == EXIT_KEY_CPUID ? value & CPUID_LEAF : value;
    const struct exit_key_ranges *ranges = kinds[kind].ranges;
    const struct exit_key_range *range =
        bsearch(&number, ranges->rows, ranges->count, sizeof(*range), compare_range);
    if (range == NULL)
        return buf;

    const size_t len = strcspn(range->text, "#");
    if (range->text[len] == '#')
        snprintf(buf, EXIT_KEY_DEVICE_BYTES, "%.*s%" PRIu64, (int)len, range->text,
                 number - range->first);
    else
        snprintf(buf, EXIT_KEY_DEVICE_BYTES, "%s", range->text);
    return buf;
}
