/* SPDX-License-Identifier: MIT */
/*
 * What reasons of exits are called: by the kernel's own lists, which it prints its trace events
 * with, and behind them by a table of ours. What neither knows stays a number.
 *
 * A number means one thing on Intel's processors and another on AMD's, so a name is given for a
 * number and its instruction set only. A list of the kernel that calls most of what it shares with
 * our table otherwise than that is not the list it is taken for; then numbers are all there is.
 *
 * Source: arch/x86/include/uapi/asm/{vmx,svm}.h, arch/arm64/include/asm/esr.h, linux/kvm.h.
 */
#ifndef KVMLENS_CORE_BPF_EXIT_NAMES_H
#define KVMLENS_CORE_BPF_EXIT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bpf/exit_format.h"
#include "core/model/exit_reason.h"

struct exit_names {
    struct trace_list lists[EXIT_ISA_COUNT]; /* empty: of the table alone */
    bool is_doubtful[EXIT_ISA_COUNT];        /* list and table disagree: no names */
};

/*
 * exit_names_take - keep the lists of the event kvm_exit, and of kvm_userspace_exit; either may be
 * NULL or empty. They are moved out of the formats. @ret ends with exit_names_done.
 */
void exit_names_take(struct trace_format *kvm_exit, struct trace_format *kvm_userspace_exit,
                     struct exit_names *ret);
void exit_names_done(struct exit_names *names);

/*
 * exit_name - into @buf, "npf", "EPT_VIOLATION", "0x7b" where it has no name; of Intel's a failed
 * entry is told behind it. NULL of @names: by the table alone. Returns @buf.
 */
const char *exit_name(const struct exit_names *names, enum exit_isa isa, uint32_t reason,
                      char buf[static EXIT_NAME_BYTES]);

struct exit_table_row {
    uint32_t reason;
    const char *name;
};

/* exit_table - ours, ascending reason; *@ret_count of them. Constant. */
const struct exit_table_row *exit_table(enum exit_isa isa, size_t *ret_count);

#endif
