/* SPDX-License-Identifier: MIT */
/*
 * The file "format" of a trace event: where its fields lie, and what its numbers are called.
 *
 * Names are in lists that __print_symbolic prints from. The rest of "print fmt" is C that nobody
 * has to understand, save for the question of which instruction set a list is for.
 *
 * Source: Documentation/trace/events.rst, arch/x86/kvm/trace.h, arch/arm64/kvm/trace_arm.h.
 */
#ifndef KVMLENS_CORE_BPF_EXIT_FORMAT_H
#define KVMLENS_CORE_BPF_EXIT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"

#define TRACE_NAME_BYTES  40 /* with the NUL: longer names are left out, none is cut */
#define TRACE_FIELDS_MAX  32
#define TRACE_LISTS_MAX   4
#define TRACE_SYMBOLS_MAX 256  /* of a list */
#define TRACE_ENTRY_MAX   4096 /* bytes of an entry */

struct trace_field {
    char name[TRACE_NAME_BYTES];
    uint16_t offset, bytes; /* in the entry, below TRACE_ENTRY_MAX; bytes is not 0 */
};

struct trace_symbol {
    uint64_t value;
    char name[TRACE_NAME_BYTES]; /* printable ASCII, never empty */
};

/* One list of __print_symbolic. */
struct trace_list {
    char field[TRACE_NAME_BYTES]; /* whose numbers they are */
    uint64_t mask;                /* of them, before they are looked up; all ones without */
    /* where "isa" says which list is printed: the number that it has to be, or that it must not
     * be; 0: that is not asked */
    uint32_t isa, not_isa;
    struct trace_symbol *symbols; /* in the order of the file, of which the first one counts */
    size_t count;
};

struct trace_format {
    uint32_t id; /* what perf_event_open calls the event; 0: not said */
    struct trace_field fields[TRACE_FIELDS_MAX];
    size_t field_count;
    struct trace_list lists[TRACE_LISTS_MAX];
    size_t list_count;
};

/*
 * trace_format_parse - @text is the file, NUL-terminated. What is in no form known is left out.
 * 0, or -ENOMEM (@ret is empty then). @ret ends with trace_format_done.
 */
int trace_format_parse(const char *text, struct trace_format *ret);
void trace_format_done(struct trace_format *format);

/*
 * trace_format_read - that of kvm/@event, where tracefs is mounted. Its directory is for root:
 * others need CAP_DAC_READ_SEARCH, or a mount with other rights.
 * 0, or with a sentence: -ENOENT (no tracefs, or KVM has no such event, or is not loaded),
 * -EACCES, -EBADMSG (no number of an event in it), -ENOMEM, ...
 */
int trace_format_read(const struct rootfs *root, const char *event, struct trace_format *ret,
                      struct error *err);

/* Why there is no such event. */
enum trace_lack {
    TRACE_NO_TRACING, /* this kernel has nowhere to mount tracefs: it is built without tracing */
    TRACE_NO_TRACEFS, /* it is not mounted */
    TRACE_NO_KVM,     /* KVM has none: it is not loaded */
    TRACE_NO_EVENT    /* it has others */
};

/* trace_format_lack - which of these it was, after trace_format_read said -ENOENT. */
enum trace_lack trace_format_lack(const struct rootfs *root);

/* trace_format_field - NULL: the event has none of that name. */
const struct trace_field *trace_format_field(const struct trace_format *format, const char *name);

/* trace_list_name - what the list calls that number; NULL: it has no name for it. */
const char *trace_list_name(const struct trace_list *list, uint64_t value);

#endif
