// SPDX-License-Identifier: MIT
#include "core/ram/parse_maps.h"

#include <errno.h>
#include <string.h>

#include "core/base/parse_number.h"

#define GUARD_MAX 65536

struct flag_name {
    char name[3];
    uint32_t flag;
};

/* The two-letter codes of VmFlags that matter here. */
static const struct flag_name flag_names[] = {
    {"dc", MAPS_DONTFORK},  {"io", MAPS_IO},           {"pf", MAPS_PFNMAP},
    {"ht", MAPS_HUGETLB},   {"um", MAPS_UFFD_MISSING}, {"uw", MAPS_UFFD_WP},
    {"ui", MAPS_UFFD_MINOR}, {"mm", MAPS_MIXED},       {"lo", MAPS_LOCKED},
};

struct maps_cursor parse_maps_begin(const char *text, size_t len)
{
    return (struct maps_cursor){.at = text, .end = text + len};
}

/* The next line without its newline; false at the end. A last line without a newline is a line. */
static bool take_line(struct maps_cursor *cursor, struct maps_cursor *ret_line)
{
    if (cursor->at == cursor->end)
        return false;
    const char *newline = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at));
    *ret_line = (struct maps_cursor){cursor->at, newline != NULL ? newline : cursor->end};
    cursor->at = newline != NULL ? newline + 1 : cursor->end;
    return true;
}

/* A number of base 10 or 16 followed by @stop ('\0': by anything). At least one digit, no
 * overflow. */
static bool take_number(struct maps_cursor *line, unsigned base, char stop, uint64_t *ret)
{
    const char *end = parse_digits(line->at, line->end, base, ret);

    if (end == NULL || (stop != '\0' && (end == line->end || *end != stop)))
        return false;
    line->at = end + (stop != '\0');
    return true;
}

static bool take_perms(struct maps_cursor *line, uint32_t *ret)
{
    const char *p = line->at;

    if (line->end - p < 5 || p[4] != ' ')
        return false;
    *ret = (p[0] == 'r' ? MAPS_READ : 0) | (p[1] == 'w' ? MAPS_WRITE : 0) |
           (p[2] == 'x' ? MAPS_EXEC : 0) | (p[3] == 's' ? MAPS_SHARED : 0);
    line->at += 5;
    return true;
}

/* "start-end perms offset major:minor inode   name" */
static bool parse_header(struct maps_cursor line, struct maps_entry *ret)
{
    uint64_t major, minor;

    if (!take_number(&line, 16, '-', &ret->start) || !take_number(&line, 16, ' ', &ret->end) ||
        ret->start >= ret->end || !take_perms(&line, &ret->flags) ||
        !take_number(&line, 16, ' ', &ret->offset) || !take_number(&line, 16, ':', &major) ||
        !take_number(&line, 16, ' ', &minor) || !take_number(&line, 10, '\0', &ret->inode) ||
        major > UINT32_MAX || minor > UINT32_MAX)
        return false;
    if (line.at < line.end && *line.at != ' ')
        return false;
    ret->dev_major = (uint32_t)major;
    ret->dev_minor = (uint32_t)minor;
    while (line.at < line.end && *line.at == ' ')
        line.at++;
    ret->name = line.at;
    ret->name_len = (size_t)(line.end - line.at);
    return true;
}

static bool take_prefix(struct maps_cursor *line, const char *prefix)
{
    size_t len = strlen(prefix);

    if ((size_t)(line->end - line->at) < len || memcmp(line->at, prefix, len) != 0)
        return false;
    line->at += len;
    return true;
}

static uint32_t parse_vmflags(struct maps_cursor line)
{
    uint32_t flags = MAPS_HAS_VMFLAGS;

    while (line.at < line.end) {
        const char *word = line.at;
        while (line.at < line.end && *line.at != ' ')
            line.at++;
        for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
            if (line.at - word == 2 && memcmp(word, flag_names[i].name, 2) == 0)
                flags |= flag_names[i].flag;
        }
        while (line.at < line.end && *line.at == ' ')
            line.at++;
    }
    return flags;
}

/* "     12 kB" in bytes; 0 for anything else. */
static uint64_t parse_kib(struct maps_cursor line)
{
    uint64_t kib;

    while (line.at < line.end && *line.at == ' ')
        line.at++;
    return take_number(&line, 10, '\0', &kib) && kib <= UINT64_MAX / 1024 ? kib * 1024 : 0;
}

static void add_bytes(uint64_t *sum, uint64_t bytes)
{
    *sum = bytes > UINT64_MAX - *sum ? UINT64_MAX : *sum + bytes;
}

/* "Key:   value": what follows the start of a mapping in smaps. */
static void parse_attribute(struct maps_cursor line, struct maps_entry *entry)
{
    if (take_prefix(&line, "VmFlags:"))
        entry->flags |= parse_vmflags(line);
    else if (take_prefix(&line, "KernelPageSize:"))
        entry->page_bytes = parse_kib(line);
    else if (take_prefix(&line, "Rss:") || take_prefix(&line, "Shared_Hugetlb:") ||
             take_prefix(&line, "Private_Hugetlb:")) /* Rss leaves these out */
        add_bytes(&entry->rss_bytes, parse_kib(line));
}

/* The keys of smaps begin with a capital, the kernel's addresses never do. */
static bool is_header(const struct maps_cursor *cursor)
{
    char first = cursor->at < cursor->end ? *cursor->at : '\0';

    return (first >= '0' && first <= '9') || (first >= 'a' && first <= 'f');
}

int parse_maps_next(struct maps_cursor *cursor, struct maps_entry *ret)
{
    struct maps_cursor line;

    *ret = (struct maps_entry){.name = ""};
    if (!take_line(cursor, &line))
        return 0;
    if (!is_header(&line) || !parse_header(line, ret))
        return -EBADMSG;
    while (cursor->at < cursor->end && !is_header(cursor)) {
        if (!take_line(cursor, &line))
            break;
        if (line.at == line.end || *line.at < 'A' || *line.at > 'Z' ||
            memchr(line.at, ':', (size_t)(line.end - line.at)) == NULL)
            return -EBADMSG;
        parse_attribute(line, ret);
    }
    return 1;
}

static size_t plain_len(const struct maps_entry *entry)
{
    static const char suffix[] = " (deleted)";
    size_t len = entry->name_len, cut = sizeof(suffix) - 1;

    if (len >= cut && memcmp(entry->name + len - cut, suffix, cut) == 0)
        return len - cut;
    return len;
}

bool parse_maps_name_begins(const struct maps_entry *entry, const char *text)
{
    size_t len = strlen(text);
    return plain_len(entry) >= len && memcmp(entry->name, text, len) == 0;
}

bool parse_maps_is_guard(const struct maps_entry *entry)
{
    return (entry->flags & (MAPS_READ | MAPS_WRITE | MAPS_EXEC)) == 0 && entry->inode == 0 &&
           entry->end - entry->start <= GUARD_MAX;
}
