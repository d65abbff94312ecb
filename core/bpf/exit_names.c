// SPDX-License-Identifier: MIT
#include "core/bpf/exit_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VMX_BASIC        0xffffu     /* above it are flags */
#define VMX_FAILED_ENTRY 0x80000000u /* VMX_EXIT_REASONS_FAILED_VMENTRY */

static const char *table_name(enum exit_isa isa, uint32_t reason)
{
    size_t count;
    const struct exit_table_row *rows = exit_table(isa, &count);

    for (size_t i = 0; i < count; i++)
        if (rows[i].reason == reason)
            return rows[i].name;
    return NULL;
}

/* Names of KVM_EXIT_* have it in front, or not. */
static const char *without_prefix(const char *name)
{
    static const char prefix[] = "KVM_EXIT_";
    const size_t len = sizeof(prefix) - 1;

    return strncmp(name, prefix, len) == 0 && name[len] != '\0' ? name + len : name;
}

static bool disagrees(enum exit_isa isa, const struct trace_list *list)
{
    size_t same = 0, other = 0;

    for (size_t i = 0; i < list->count; i++) {
        const char *ours = table_name(isa, (uint32_t)list->symbols[i].value);
        if (ours == NULL)
            continue;
        if (strcasecmp(ours, without_prefix(list->symbols[i].name)) == 0)
            same++;
        else
            other++;
    }
    return other > same;
}

/* Which numbers a list of kvm_exit is of. */
static enum exit_isa isa_of(const struct trace_format *format, const struct trace_list *list)
{
    if (strcmp(list->field, "exit_reason") == 0) {
        if (list->isa == EXIT_ISA_VMX || list->not_isa == EXIT_ISA_SVM)
            return EXIT_ISA_VMX;
        if (list->isa == EXIT_ISA_SVM || list->not_isa == EXIT_ISA_VMX)
            return EXIT_ISA_SVM;
    } else if (trace_format_field(format, "esr_ec") != NULL) {
        if (strcmp(list->field, "esr_ec") == 0)
            return EXIT_ISA_ARM64;
        if (strcmp(list->field, "ret") == 0)
            return EXIT_ISA_ARM64_CODE;
    }
    return EXIT_ISA_UNKNOWN;
}

static void keep(struct exit_names *names, enum exit_isa isa, struct trace_list *list)
{
    if (isa == EXIT_ISA_UNKNOWN || names->lists[isa].count != 0)
        return;
    names->lists[isa] = *list;
    *list = (struct trace_list){0};
    names->is_doubtful[isa] = disagrees(isa, &names->lists[isa]);
}

void exit_names_take(struct trace_format *kvm_exit, struct trace_format *kvm_userspace_exit,
                     struct exit_names *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; kvm_exit != NULL && i < kvm_exit->list_count; i++)
        keep(ret, isa_of(kvm_exit, &kvm_exit->lists[i]), &kvm_exit->lists[i]);
    for (size_t i = 0; kvm_userspace_exit != NULL && i < kvm_userspace_exit->list_count; i++)
        if (strcmp(kvm_userspace_exit->lists[i].field, "reason") == 0)
            keep(ret, EXIT_ISA_USER, &kvm_userspace_exit->lists[i]);
}

void exit_names_done(struct exit_names *names)
{
    for (size_t i = 0; i < EXIT_ISA_COUNT; i++)
        free(names->lists[i].symbols);
    memset(names, 0, sizeof(*names));
}

/* Lists have -1 of 32 bits in 64. */
static const char *list_name(const struct trace_list *list, uint32_t reason)
{
    const char *name = trace_list_name(list, reason);

    return name != NULL ? name : trace_list_name(list, (uint64_t)(int64_t)(int32_t)reason);
}

const char *exit_name(const struct exit_names *names, enum exit_isa isa, uint32_t reason,
                      char buf[static EXIT_NAME_BYTES])
{
    const bool is_vmx = isa == EXIT_ISA_VMX;
    const uint32_t number = is_vmx ? reason & VMX_BASIC : reason;
    const char *name = NULL;

    if ((unsigned)isa < EXIT_ISA_COUNT && (names == NULL || !names->is_doubtful[isa])) {
        if (names != NULL)
            name = list_name(&names->lists[isa], number);
        if (name == NULL)
            name = table_name(isa, number);
    }
    const char *const end = is_vmx && (reason & VMX_FAILED_ENTRY) != 0 ? " FAILED_VMENTRY" : "";
    if (name != NULL)
        snprintf(buf, EXIT_NAME_BYTES, "%s%s", without_prefix(name), end);
    else
        snprintf(buf, EXIT_NAME_BYTES, "0x%" PRIx32 "%s", number, end);
    return buf;
}
