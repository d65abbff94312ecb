// SPDX-License-Identifier: MIT
/*
 * Any text as the format of a trace event: fields lie inside the entry, names can be printed, and
 * no number is called otherwise than its list or the table calls it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bpf/exit_format.h"
#include "core/bpf/exit_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
    const size_t len = strlen(word);

    if (len == 0 || len >= TRACE_NAME_BYTES)
        abort();
    for (size_t i = 0; i < len; i++)
        if (word[i] < ' ' || word[i] > '~')
            abort();
}

static void check_format(const struct trace_format *f)
{
    if (f->field_count > TRACE_FIELDS_MAX || f->list_count > TRACE_LISTS_MAX)
        abort();
    for (size_t i = 0; i < f->field_count; i++) {
        check_word(f->fields[i].name);
        if (f->fields[i].bytes == 0 || f->fields[i].offset + f->fields[i].bytes > TRACE_ENTRY_MAX ||
            trace_format_field(f, f->fields[i].name) == NULL)
            abort();
    }
    for (size_t i = 0; i < f->list_count; i++) {
        const struct trace_list *list = &f->lists[i];
        check_word(list->field);
        if (list->count == 0 || list->count > TRACE_SYMBOLS_MAX ||
            (list->isa != 0 && list->not_isa != 0))
            abort();
        for (size_t k = 0; k < list->count; k++)
            check_word(list->symbols[k].name);
    }
}

/* A name comes from the list of its instruction set, or from the table, or is a number. */
static void check_name(const struct exit_names *names, enum exit_isa isa, uint32_t reason)
{
    char name[EXIT_NAME_BYTES], plain[EXIT_NAME_BYTES];

    exit_name(names, isa, reason, name);
    exit_name(NULL, isa, reason, plain);
    check_word(name);
    if (strcmp(name, plain) == 0 || strncmp(name, "0x", 2) == 0)
        return;
    for (size_t i = 0; i < names->lists[isa].count; i++)
        if (strstr(names->lists[isa].symbols[i].name, name) != NULL ||
            strncmp(names->lists[isa].symbols[i].name, name, strcspn(name, " ")) == 0)
            return;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct trace_format format;
    struct exit_names names;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (trace_format_parse(text, &format) == 0) {
        check_format(&format);
        exit_names_take(&format, &format, &names);
        for (unsigned isa = 0; isa < EXIT_ISA_COUNT; isa++) {
            for (uint32_t i = 0; i < 0x100; i++)
                check_name(&names, isa, i);
            check_name(&names, isa, 0x400);
            check_name(&names, isa, UINT32_MAX);
        }
        exit_names_done(&names);
        trace_format_done(&format);
    }
    free(text);
    return 0;
}
