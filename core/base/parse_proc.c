// SPDX-License-Identifier: MIT
#include "core/base/parse_proc.h"

#include <errno.h>
#include <string.h>

#include "core/base/parse_number.h"

#define STAT_FLAGS  9
#define STAT_MAJOR_FAULTS 12
#define STAT_UTIME  14
#define STAT_STIME  15
#define STAT_START  22
#define MOUNT_POINT 5 /* fields of a line of mountinfo, from 1 */
#define MOUNT_FIXED 6 /* before the optional ones, which a "-" ends */

/* --- stat ------------------------------------------------------------------------------------- */

int parse_proc_stat(const char *text, struct proc_stat *ret)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    uint64_t numbers[STAT_START + 1] = {0};

    /* The name may hold blanks and parentheses: the last ')' ends it. */
    if (open == NULL || close == NULL || close < open || close[1] != ' ' || close[2] == '\0')
        return -EBADMSG;
    const char *at = close + 3; /* behind field 3, a letter */
    for (int field = 4; field <= STAT_START; field++) {
        if (*at != ' ')
            return -EBADMSG;
        at++;
        if (*at == '-') /* field 8 and the priorities may be negative; they are not used */
            at++;
        at = parse_digits(at, NULL, 10, &numbers[field]);
        if (at == NULL)
            return -EBADMSG;
    }
    /* A text that ends within the last number has lost some of its digits. */
    if (*at != ' ' && *at != '\n')
        return -EBADMSG;
    size_t len = (size_t)(close - open - 1);
    if (len >= sizeof(ret->comm))
        len = sizeof(ret->comm) - 1;
    *ret = (struct proc_stat){.state = close[2],
                              .major_faults = numbers[STAT_MAJOR_FAULTS],
                              .flags = (unsigned)numbers[STAT_FLAGS],
                              .utime = numbers[STAT_UTIME],
                              .stime = numbers[STAT_STIME],
                              .start_ticks = numbers[STAT_START]};
    memcpy(ret->comm, open + 1, len);
    return 0;
}

/* --- status ----------------------------------------------------------------------------------- */

/* What follows "KEY:" and blanks, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " \t");
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return NULL;
}

bool parse_proc_status(const char *text, const char *key, unsigned base, uint64_t *ret)
{
    uint64_t value;
    const char *at = value_of(text, key);
    const char *end = at != NULL ? parse_digits(at, NULL, base, &value) : NULL;

    if (end == NULL || (*end != ' ' && *end != '\t' && *end != '\n'))
        return false;
    *ret = value;
    return true;
}

bool parse_proc_status_bytes(const char *text, const char *key, uint64_t *ret)
{
    uint64_t kib;
    const char *at = value_of(text, key);
    const char *end = at != NULL ? parse_digits(at, NULL, 10, &kib) : NULL;

    if (end == NULL || strncmp(end, " kB", 3) != 0 || kib > UINT64_MAX / 1024)
        return false;
    *ret = kib * 1024;
    return true;
}

/* --- statm, schedstat, limits ----------------------------------------------------------------- */

/* The first two of several numbers. */
static bool take_pair(const char *text, uint64_t *first, uint64_t *second)
{
    const char *at = parse_digits(text, NULL, 10, first);

    if (at == NULL || *at != ' ')
        return false;
    at = parse_digits(at + 1, NULL, 10, second);
    return at != NULL && (*at == ' ' || *at == '\n'); /* a text that was cut ends in a number */
}

bool parse_proc_statm(const char *text, uint64_t *ret_resident)
{
    uint64_t size;

    return take_pair(text, &size, ret_resident);
}

bool parse_proc_schedstat(const char *text, uint64_t *ret_cpu_ns, uint64_t *ret_wait_ns)
{
    return take_pair(text, ret_cpu_ns, ret_wait_ns);
}

bool parse_proc_limit(const char *text, const char *name, uint64_t *ret_soft)
{
    static const char unlimited[] = "unlimited";
    size_t len = strlen(name);
    const char *line = text;

    while (line != NULL && (strncmp(line, name, len) != 0 || line[len] != ' ')) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    if (line == NULL)
        return false;
    line += len + strspn(line + len, " ");
    if (strncmp(line, unlimited, strlen(unlimited)) == 0) {
        *ret_soft = UINT64_MAX;
        return true;
    }
    return parse_digits(line, NULL, 10, ret_soft) != NULL;
}

/* --- mountinfo -------------------------------------------------------------------------------- */

struct word {
    const char *text;
    size_t len;
};

/* The next word of a line, from *@at, which moves behind it. Without length: the line is over. */
static struct word take_word(const char **at, const char *end)
{
    while (*at < end && **at == ' ')
        (*at)++;
    struct word w = {*at, 0};
    while (*at < end && **at != ' ')
        (*at)++;
    w.len = (size_t)(*at - w.text);
    return w;
}

static bool is_octal(const char *s, size_t len)
{
    return len >= 4 && s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
           s[3] >= '0' && s[3] <= '7';
}

/* Blanks and the like stand as \040 in a path. False: no room. */
static bool unescape(struct word w, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < w.len; n++) {
        bool escaped = is_octal(w.text + i, w.len - i);
        if (n + 1 >= size)
            return false;
        out[n] = escaped ? (char)((w.text[i + 1] - '0') * 64 + (w.text[i + 2] - '0') * 8 +
                                  (w.text[i + 3] - '0'))
                         : w.text[i];
        if (out[n] == '\0')
            return false;
        i += escaped ? 4 : 1;
    }
    out[n] = '\0';
    return true;
}

static void copy_word(struct word w, char *out, size_t size)
{
    size_t len = w.len < size ? w.len : size - 1;

    memcpy(out, w.text, len);
    out[len] = '\0';
}

/* 36 35 98:0 /root /mount/point options [optional fields] - type source superoptions */
static bool parse_mount_line(const char *at, const char *end, struct proc_mount *ret)
{
    struct word w = {0}, point = {0};

    for (int field = 1; field <= MOUNT_FIXED; field++) {
        w = take_word(&at, end);
        if (field == MOUNT_POINT)
            point = w;
    }
    while (w.len > 0 && !(w.len == 1 && *w.text == '-'))
        w = take_word(&at, end);
    struct word type = take_word(&at, end);
    take_word(&at, end);
    struct word options = take_word(&at, end);
    if (type.len == 0 || type.len >= sizeof(ret->type) || point.len == 0 || *point.text != '/' ||
        !unescape(point, ret->point, sizeof(ret->point)))
        return false;
    copy_word(type, ret->type, sizeof(ret->type));
    copy_word(options, ret->options, sizeof(ret->options));
    return true;
}

bool parse_proc_mount(const char **at, struct proc_mount *ret)
{
    bool found = false;

    while (!found && **at != '\0') {
        const char *line = *at, *end = line + strcspn(line, "\n");
        *at = *end == '\n' ? end + 1 : end;
        found = parse_mount_line(line, end, ret);
    }
    return found;
}

bool parse_proc_mount_option(const struct proc_mount *mount, const char *key, char *ret,
                             size_t size)
{
    size_t len = strlen(key);

    for (const char *at = mount->options; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, key, len) != 0 || at[len] != '=')
            continue;
        at += len + 1;
        size_t value = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
        copy_word((struct word){at, value}, ret, size);
        return value > 0;
    }
    return false;
}
