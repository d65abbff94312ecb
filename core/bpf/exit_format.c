// SPDX-License-Identifier: MIT
#include "core/bpf/exit_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_BYTES_MAX (256u << 10)
#define DEPTH_MAX        8 /* parentheses in a number */

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n')
        p++;
    return p;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Is @word next? Moves behind it. */
static bool take(const char **at, const char *word)
{
    const char *p = skip_space(*at);
    const size_t len = strlen(word);

    if (strncmp(p, word, len) != 0)
        return false;
    *at = p + len;
    return true;
}

/* A name in C; false: none, or too long. */
static bool take_name(const char **at, char ret[static TRACE_NAME_BYTES])
{
    const char *p = skip_space(*at);
    size_t len = 0;

    while (is_name_char(p[len]))
        len++;
    if (len == 0 || len >= TRACE_NAME_BYTES)
        return false;
    memcpy(ret, p, len);
    ret[len] = '\0';
    *at = p + len;
    return true;
}

/* Behind the string in quotes that begins here. */
static const char *skip_string(const char *p)
{
    for (p++; *p != '\0' && *p != '"'; p++)
        if (*p == '\\' && p[1] != '\0')
            p++;
    return *p == '"' ? p + 1 : p;
}

/* --- numbers, as the preprocessor leaves them ------------------------------------------------- */

static bool take_sum(const char **at, unsigned depth, uint64_t *ret);

static bool take_literal(const char **at, uint64_t *ret)
{
    const char *p = skip_space(*at);
    char *end;

    if (*p < '0' || *p > '9')
        return false;
    errno = 0;
    *ret = strtoull(p, &end, 0);
    if (errno != 0)
        return false;
    while (*end == 'U' || *end == 'L' || *end == 'u' || *end == 'l')
        end++;
    if (is_name_char(*end))
        return false;
    *at = end;
    return true;
}

static bool take_unary(const char **at, unsigned depth, uint64_t *ret)
{
    if (depth == 0)
        return false;
    if (take(at, "-")) {
        if (!take_unary(at, depth - 1, ret))
            return false;
        *ret = 0 - *ret;
        return true;
    }
    if (take(at, "~")) {
        if (!take_unary(at, depth - 1, ret))
            return false;
        *ret = ~*ret;
        return true;
    }
    if (take(at, "("))
        return take_sum(at, depth - 1, ret) && take(at, ")");
    return take_literal(at, ret);
}

/* Of + and - alone; with | and << only in parentheses, so that no order among them matters. */
static bool take_sum(const char **at, unsigned depth, uint64_t *ret)
{
    uint64_t other;

    if (!take_unary(at, depth, ret))
        return false;
    const char *p = skip_space(*at);
    const bool is_shift = strncmp(p, "<<", 2) == 0, is_or = *p == '|';
    if (is_shift || is_or) {
        *at = p + (is_shift ? 2 : 1);
        if (!take_unary(at, depth, &other) || (is_shift && other > 63))
            return false;
        *ret = is_shift ? *ret << other : *ret | other;
        return true;
    }
    for (; *p == '+' || *p == '-'; p = skip_space(*at)) {
        *at = p + 1;
        if (!take_unary(at, depth, &other))
            return false;
        *ret = *p == '+' ? *ret + other : *ret - other;
    }
    return true;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* One or several strings that C makes one of. False: not in plain letters, or too long. */
static bool take_text(const char **at, char ret[static TRACE_NAME_BYTES])
{
    size_t len = 0;
    const char *p = skip_space(*at);

    if (*p != '"')
        return false;
    for (; *p == '"'; p = skip_space(p + 1)) {
        for (p++; *p != '"'; p++) {
            if (*p < ' ' || *p > '~' || *p == '\\' || len + 1 >= TRACE_NAME_BYTES)
                return false;
            ret[len++] = *p;
        }
    }
    ret[len] = '\0';
    *at = p;
    return len > 0;
}

/* To behind the brace that closes the one before @p. */
static const char *skip_braces(const char *p)
{
    unsigned open = 1;

    while (*p != '\0' && open > 0) {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        open += *p == '{';
        open -= *p == '}';
        p++;
    }
    return p;
}

/* "{ NUMBER, NAME }", whose brace is taken. False: in another form; then it is passed over. */
static bool take_symbol(const char **at, struct trace_symbol *ret)
{
    const char *start = *at;
    const bool is_good = take_sum(at, DEPTH_MAX, &ret->value) && take(at, ",") &&
                         take_text(at, ret->name) && take(at, "}");

    if (!is_good)
        *at = skip_braces(start);
    return is_good;
}

/* What stands between "__print_symbolic(" and the first "{". */
static bool take_field(const char **at, struct trace_list *list)
{
    if (!take(at, "REC->") || !take_name(at, list->field))
        return false;
    list->mask = UINT64_MAX;
    if (take(at, "&") && !take_sum(at, DEPTH_MAX, &list->mask))
        return false;
    return take(at, ",");
}

/* 0 and list->count is 0: it is in no form known. */
static int take_list(const char **at, struct trace_list *list)
{
    struct trace_symbol symbol;

    if (!take_field(at, list))
        return 0;
    list->symbols = calloc(TRACE_SYMBOLS_MAX, sizeof(*list->symbols));
    if (list->symbols == NULL)
        return -ENOMEM;
    while (take(at, "{")) {
        if (take_symbol(at, &symbol) && list->count < TRACE_SYMBOLS_MAX)
            list->symbols[list->count++] = symbol;
        take(at, ",");
    }
    if (list->count == 0) {
        free(list->symbols);
        list->symbols = NULL;
    }
    return 0;
}

/* "(REC->isa == N) ?", which is all between @from and @to; 0: something else. */
static uint32_t asked_isa(const char *from, const char *to)
{
    uint64_t isa = 0;

    if (!take(&from, "(") || !take(&from, "REC->isa") || !take(&from, "==") ||
        !take_literal(&from, &isa) || !take(&from, ")") || !take(&from, "?") ||
        skip_space(from) != to)
        return 0;
    return isa < UINT32_MAX ? (uint32_t)isa : 0;
}

static int parse_lists(const char *p, struct trace_format *format)
{
    static const char call[] = "__print_symbolic(";
    const char *argument = p;                  /* of printk, that begins here */
    const struct trace_list *condition = NULL; /* the list that the argument began with */
    int result = 0;

    while (*p != '\0' && result == 0 && format->list_count < TRACE_LISTS_MAX) {
        if (*p == '"') {
            p = skip_string(p);
        } else if (*p == ',') {
            argument = ++p;
            condition = NULL;
        } else if (strncmp(p, call, sizeof(call) - 1) == 0) {
            struct trace_list *list = &format->lists[format->list_count];
            const char *colon = argument;
            memset(list, 0, sizeof(*list));
            if (condition != NULL && take(&colon, ":") && skip_space(colon) == p)
                list->not_isa = condition->isa;
            else
                list->isa = asked_isa(argument, p);
            p += sizeof(call) - 1;
            result = take_list(&p, list);
            condition = NULL;
            if (list->count == 0)
                continue;
            format->list_count++;
            if (take(&p, ")") && list->isa != 0) {
                condition = list;
                argument = p;
            }
        } else {
            p++;
        }
    }
    return result;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* "offset:8;" and the like, on the line that begins at @line. */
static bool number_after(const char *line, const char *key, uint64_t *ret)
{
    const char *end = line + strcspn(line, "\n");
    const char *at = memmem(line, (size_t)(end - line), key, strlen(key));

    if (at == NULL)
        return false;
    at += strlen(key);
    return take_literal(&at, ret) && *at == ';';
}

/* The last name in "unsigned int exit_reason;", or in "char name[16];". */
static bool name_before(const char *from, const char *end, char ret[static TRACE_NAME_BYTES])
{
    const char *bracket = memchr(from, '[', (size_t)(end - from)), *p;

    if (bracket != NULL)
        end = bracket;
    for (p = end; p > from && is_name_char(p[-1]);)
        p--;
    return take_name(&p, ret) && p == end;
}

static void parse_field(const char *line, struct trace_format *format)
{
    struct trace_field *field = &format->fields[format->field_count];
    const char *from = line + strcspn(line, ":\n"), *end = line + strcspn(line, ";\n");
    uint64_t offset, bytes;

    if (*from != ':' || *end != ';' || from > end || format->field_count == TRACE_FIELDS_MAX ||
        !number_after(line, "\toffset:", &offset) || !number_after(line, "\tsize:", &bytes) ||
        bytes == 0 || bytes > TRACE_ENTRY_MAX || offset > TRACE_ENTRY_MAX - bytes ||
        !name_before(from, end, field->name))
        return;
    field->offset = (uint16_t)offset;
    field->bytes = (uint16_t)bytes;
    format->field_count++;
}

int trace_format_parse(const char *text, struct trace_format *ret)
{
    uint64_t id;
    int result = 0;

    memset(ret, 0, sizeof(*ret));
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        const char *at = line;
        if (take(&at, "print fmt:")) {
            result = parse_lists(at, ret);
            break;
        }
        if (strncmp(line, "ID:", 3) == 0 && (at = line + 3, take_literal(&at, &id)) &&
            id <= UINT32_MAX)
            ret->id = (uint32_t)id;
        else if (strncmp(line, "\tfield:", 7) == 0)
            parse_field(line, ret);
        line += strcspn(line, "\n");
    }
    if (result < 0)
        trace_format_done(ret);
    return result;
}

void trace_format_done(struct trace_format *format)
{
    for (size_t i = 0; i < TRACE_LISTS_MAX; i++)
        free(format->lists[i].symbols);
    memset(format, 0, sizeof(*format));
}

static const char *const places[] = {"sys/kernel/tracing", "sys/kernel/debug/tracing"};
#define PLACES (sizeof(places) / sizeof(places[0]))

static bool is_there(const struct rootfs *root, const char *what)
{
    char path[160];
    struct stat st;

    for (size_t i = 0; i < PLACES; i++) {
        snprintf(path, sizeof(path), "%s/%s", places[i], what);
        if (rootfs_stat(root, path, &st) == 0)
            return true;
    }
    return false;
}

enum trace_lack trace_format_lack(const struct rootfs *root)
{
    if (!is_there(root, "."))
        return TRACE_NO_TRACING;
    if (!is_there(root, "events"))
        return TRACE_NO_TRACEFS;
    return is_there(root, "events/kvm") ? TRACE_NO_EVENT : TRACE_NO_KVM;
}

static int explain_lack(enum trace_lack lack, const char *event, struct error *err)
{
    static const char *const texts[] = {
        [TRACE_NO_TRACING] = "this kernel has no tracefs, which the events of KVM are read from: "
                             "boot one that is built with CONFIG_TRACING",
        [TRACE_NO_TRACEFS] = "tracefs is not mounted, which the events of KVM are read from: mount "
                             "-t tracefs none /sys/kernel/tracing",
        [TRACE_NO_KVM] = "there are no trace events of KVM: it is not loaded (modprobe kvm_intel "
                         "or kvm_amd)",
    };

    if (lack == TRACE_NO_EVENT)
        return error_set(err, -ENOENT, "this kernel has no trace event kvm/%s", event);
    return error_set(err, -ENOENT, "%s", texts[lack]);
}

static int explain(const struct rootfs *root, int result, const char *event, struct error *err)
{
    if (result == -ENOENT)
        return explain_lack(trace_format_lack(root), event, err);
    if (result == -EACCES || result == -EPERM)
        return error_set(err, result,
                         "no permission to read tracefs (/sys/kernel/tracing): run as "
                         "root");
    return error_set(err, result, "cannot read the format of the trace event kvm/%s: %s", event,
                     strerror(-result));
}

int trace_format_read(const struct rootfs *root, const char *event, struct trace_format *ret,
                      struct error *err)
{
    char path[160], *text;
    size_t len;
    int result = -ENOENT;

    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < PLACES && result == -ENOENT; i++) {
        snprintf(path, sizeof(path), "%s/events/kvm/%s/format", places[i], event);
        result = rootfs_read_all(root, path, FORMAT_BYTES_MAX, &text, &len);
    }
    if (result < 0)
        return explain(root, result, event, err);
    result = trace_format_parse(text, ret);
    free(text);
    if (result == 0 && ret->id == 0) {
        trace_format_done(ret);
        result = -EBADMSG;
    }
    return result < 0 ? explain(root, result, event, err) : 0;
}

const struct trace_field *trace_format_field(const struct trace_format *format, const char *name)
{
    for (size_t i = 0; i < format->field_count; i++)
        if (strcmp(format->fields[i].name, name) == 0)
            return &format->fields[i];
    return NULL;
}

const char *trace_list_name(const struct trace_list *list, uint64_t value)
{
    value &= list->mask;
    for (size_t i = 0; i < list->count; i++)
        if (list->symbols[i].value == value)
            return list->symbols[i].name;
    return NULL;
}
