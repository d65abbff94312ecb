// SPDX-License-Identifier: MIT
#include "ui/state/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/base/text.h"
#include "core/base/text_file.h"
#include "core/base/whole_write.h"
#include "ui/choose/delay.h"
#include "ui/grid/theme.h"
#include "ui/state/config_internal.h"
#include "ui/state/migration.h"

void config_init(struct config *config)
{
    *config = (struct config){.theme = -1, .sort = -1, .mode = -1, .set = -1, .pane = true};
}

/* --- parsing ---------------------------------------------------------------------------------- */

/* "WHAT 'TEXT': FIX"; @text NULL: "WHAT: FIX". */
void config_parser_problem(struct config_parser *p, const char *what, const char *text,
                           const char *fix)
{
    struct config *c = p->config;
    char clean[60] = "";

    if (text != NULL)
        text_clean(text, strlen(text), clean, sizeof(clean));
    if (c->problems < CONFIG_TOLD_MAX) {
        struct config_problem *told = &c->told[c->problems];
        const char *quote = text != NULL ? "'" : "";
        told->line = p->line;
        snprintf(told->text, sizeof(told->text), "%s%s%s%s%s: %s", what, text != NULL ? " " : "",
                 quote, clean, quote, fix);
    }
    c->problems++;
}

void config_wrong_lines(const struct config *c, char *buf, size_t size)
{
    size_t told = c->problems < CONFIG_TOLD_MAX ? c->problems : CONFIG_TOLD_MAX;
    size_t len = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < told && len < size; i++) {
        bool last = i + 1 == c->problems;
        len += (size_t)snprintf(buf + len, size - len, "%s%d",
                                i == 0 ? (last ? "line " : "lines ") : last ? " and " : ", ",
                                c->told[i].line);
    }
    if (c->problems > told && len < size)
        snprintf(buf + len, size - len, " and more");
}

static void parse_bool(struct config_parser *p, const char *value, bool *ret)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        config_parser_problem(p, "neither yes nor no:", value, "give one of them");
    else
        *ret = strcmp(value, "yes") == 0;
}

static void set_delay(struct config_parser *p, const char *value)
{
    if (delay_parse(value, &p->config->delay_s) < 0)
        config_parser_problem(p, "not a delay:", value, "give seconds from 0.1 to 3600");
}

static void set_theme(struct config_parser *p, const char *value)
{
    char fix[80] = "give ";
    int theme = theme_find(value);

    for (size_t i = 0; i < theme_count; i++) {
        size_t len = strlen(fix);
        snprintf(fix + len, sizeof(fix) - len, "%s%s",
                 i == 0 ? "" : i + 1 == theme_count ? " or " : ", ", theme_table[i].name);
    }
    if (theme < 0)
        config_parser_problem(p, "there is no theme", value, fix);
    else
        p->config->theme = theme;
}

static void set_sort(struct config_parser *p, const char *value)
{
    int column = column_find(value);

    if (column < 0)
        config_parser_problem(p, "there is no column", value, CONFIG_COLUMN_FIX);
    else
        p->config->sort = column;
}

static void set_set(struct config_parser *p, const char *value)
{
    int set = column_set_find(value);

    if (set < 0)
        config_parser_problem(p, "there is no set of columns", value,
                              "give own, overview, cpu, exits, memory, io or migration");
    else
        p->config->set = set;
}

static void set_pane(struct config_parser *p, const char *value)
{
    parse_bool(p, value, &p->config->pane);
}

static void set_inverted(struct config_parser *p, const char *value)
{
    parse_bool(p, value, &p->config->inverted);
}

static void set_vcpus(struct config_parser *p, const char *value)
{
    parse_bool(p, value, &p->config->tree);
}

static void set_bpf(struct config_parser *p, const char *value)
{
    parse_bool(p, value, &p->config->bpf);
}

static void set_bandwidth(struct config_parser *p, const char *value)
{
    if (migration_bandwidth_parse(value, &p->config->bandwidth) < 0)
        config_parser_problem(p, "not a bandwidth:", value, "give MB/s from 1 to 1000000");
}

static void set_downtime(struct config_parser *p, const char *value)
{
    if (migration_downtime_parse(value, &p->config->downtime_limit_s) < 0)
        config_parser_problem(p, "not a downtime:", value, "give milliseconds from 1 to 2000000");
}

static void set_mode(struct config_parser *p, const char *value)
{
    int mode = migration_mode_find(value);

    if (mode < 0)
        config_parser_problem(p, "there is no mode", value, "give precopy, multifd or mapped-ram");
    else
        p->config->mode = mode;
}

static void set_auto_converge(struct config_parser *p, const char *value)
{
    parse_bool(p, value, &p->config->auto_converge);
}

void config_parser_keep(struct config_parser *p, const char *section, const char *name,
                        const char *value)
{
    char *out = p->config->unknown;
    size_t len = strlen(out), left = CONFIG_UNKNOWN_MAX - len;
    bool same = strcmp(p->section, section) == 0;
    int n = snprintf(out + len, left, "%s%s%s%s = %s\n", same ? "" : "[", same ? "" : section,
                     same ? "" : "]\n", name, value);

    if (n < 0 || (size_t)n >= left)
        out[len] = '\0'; /* no room: it is lost, and told as a problem like all unknown lines */
    else
        snprintf(p->section, sizeof(p->section), "%s", section);
}

static const struct {
    const char *section, *name;
    void (*set)(struct config_parser *p, const char *value);
} keys[] = {
    {"monitor", "delay", set_delay},
    {"monitor", "sort", set_sort},
    {"monitor", "inverted", set_inverted},
    {"monitor", "vcpus", set_vcpus},
    {"monitor", "theme", set_theme},
    {"monitor", "bpf", set_bpf},
    {"monitor", "set", set_set},
    {"monitor", "pane", set_pane},
    {"forecast", "bandwidth", set_bandwidth},
    {"forecast", "downtime", set_downtime},
    {"forecast", "mode", set_mode},
    {"forecast", "auto-converge", set_auto_converge},
};

static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct config_parser *p = arg;

    p->is_pair = false;
    if (config_columns_pair(p, section, name, value))
        return 1;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(section, keys[i].section) == 0 && strcmp(name, keys[i].name) == 0) {
            keys[i].set(p, value);
            return 1;
        }
    config_parser_problem(p, "not known here:", name, "leave it out");
    config_parser_keep(p, section, name, value);
    return 1;
}

/* inih goes on after a line that it does not understand, and tells the number of the first only. */
static void check_last_line(struct config_parser *p)
{
    if (p->is_pair)
        config_parser_problem(p, "neither [section] nor name = value", NULL,
                              "leave it out, or put ; before it");
    p->is_pair = false;
}

/* Is it something else than name = value? */
static bool is_other(const char *line, size_t len)
{
    while (len > 0 && strchr(" \t\r\v\f", *line) != NULL && *line != '\0') {
        line++;
        len--;
    }
    return len == 0 || *line == ';' || *line == '#' ||
           (*line == '[' && memchr(line, ']', len) != NULL);
}

/* fgets() on the text that counts lines. */
static char *next_line(char *out, int size, void *arg)
{
    struct config_parser *p = arg;
    size_t len = strcspn(p->at, "\n");
    size_t room = (size_t)size - 1;

    check_last_line(p);
    if (*p->at == '\0')
        return NULL;
    if (p->line == 0 && strncmp(p->at, "\xEF\xBB\xBF", 3) == 0) {
        p->at += 3; /* a mark that some editors put there */
        len -= 3;
    }
    p->line++;
    const char *line = p->at;
    p->at += len + (line[len] == '\n');
    if (len > room - 1) {
        config_parser_problem(p, "the line is too long", NULL, "shorten it to 190 bytes");
        return strcpy(out, "\n");
    }
    memcpy(out, line, len);
    out[len] = '\0';
    p->is_pair = !is_other(line, len);
    return out;
}

void config_parse(const char *text, struct config *ret)
{
    struct config_parser p = {.config = ret, .at = text};

    config_init(ret);
    ini_parse_stream(next_line, &p, on_pair, &p);
    check_last_line(&p);
    config_columns_check(&p);
}

/* --- the file
 * -------------------------------------------------------------------------------------- */

int config_path(const char *xdg_config_home, const char *home, char *out, size_t size)
{
    int n = -1;

    if (xdg_config_home != NULL && xdg_config_home[0] == '/')
        n = snprintf(out, size, "%s/kvmlens/config", xdg_config_home);
    else if (home != NULL && home[0] == '/')
        n = snprintf(out, size, "%s/.config/kvmlens/config", home);
    return n > 0 && (size_t)n < size ? 0 : -ENOENT;
}

static int read_text(int fd, char *out, size_t size, size_t *ret_len)
{
    *ret_len = 0;
    for (;;) {
        ssize_t n = read(fd, out + *ret_len, size - *ret_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        *ret_len += (size_t)n;
        if (*ret_len == size)
            return -EFBIG;
    }
}

static int check_owner(int fd, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, -EPERM,
                         "the configuration file is not a regular file and was not read");
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(err, -EPERM,
                         "the configuration file belongs to another user and was not read");
    return 0;
}

int config_read(const char *path, struct config *ret, struct error *err)
{
    /* Non-blocking: a FIFO in its place must not hold the program. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t len = 0;

    config_init(ret);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_set(err, -errno, "the configuration file cannot be read: %s",
                               strerror(errno));
    int result = check_owner(fd, err);
    char *text = result == 0 ? malloc(CONFIG_FILE_MAX + 1) : NULL;
    if (result == 0 && text == NULL)
        result = error_set(err, -ENOMEM, "out of memory");
    if (text != NULL) {
        result = read_text(fd, text, CONFIG_FILE_MAX, &len);
        if (result < 0) {
            error_set(err, result, "the configuration file cannot be read: %s", strerror(-result));
        } else {
            text[len] = '\0';
            config_parse(text, ret);
        }
    }
    close(fd);
    free(text);
    return result;
}

static char *to_text(const struct config *c)
{
    struct text_file file;
    char *text;

    if (text_file_open(&file) < 0)
        return NULL;
    FILE *out = file.out;
    fputs("; written by kvmlens\n[monitor]\n", out);
    if (c->delay_s > 0)
        fprintf(out, "delay = %g\n", c->delay_s);
    if (c->sort >= 0)
        fprintf(out, "sort = %s\ninverted = %s\n", column_table[c->sort].name,
                c->inverted ? "yes" : "no");
    fprintf(out, "vcpus = %s\n", c->tree ? "yes" : "no");
    if (c->theme >= 0)
        fprintf(out, "theme = %s\n", theme_table[c->theme].name);
    if (c->bpf)
        fputs("bpf = yes\n", out);
    if (c->set >= 0)
        fprintf(out, "set = %s\n", column_set_name((enum column_set)c->set));
    fprintf(out, "pane = %s\n", c->pane ? "yes" : "no");
    fputs("\n[forecast]\n; MB/s, milliseconds\n", out);
    if (c->bandwidth > 0)
        fprintf(out, "bandwidth = %g\n", c->bandwidth / 1e6);
    if (c->downtime_limit_s > 0)
        fprintf(out, "downtime = %g\n", c->downtime_limit_s * 1e3);
    if (c->mode >= 0)
        fprintf(out, "mode = %s\n", forecast_mode_name((enum forecast_mode)c->mode));
    fprintf(out, "auto-converge = %s\n", c->auto_converge ? "yes" : "no");
    config_columns_write(out, c);
    if (c->unknown[0])
        fprintf(out, "\n; not known to this version\n%s", c->unknown);
    return text_file_close(&file, &text, NULL) < 0 ? NULL : text;
}

/* @dir exists and is ours; made when it is missing and what it is in is ours. */
static bool own_directory(const char *dir)
{
    char parent[PATH_MAX];
    struct stat st;

    if (stat(dir, &st) == 0)
        return S_ISDIR(st.st_mode) && st.st_uid == geteuid();
    snprintf(parent, sizeof(parent), "%s", dir);
    return errno == ENOENT && stat(dirname(parent), &st) == 0 && st.st_uid == geteuid() &&
           mkdir(dir, 0700) == 0;
}

/* The directory of the file, made when it is missing; ours and no link. An fd or -errno. */
static int open_directory(const char *path, struct error *err)
{
    char dir[PATH_MAX], parent[PATH_MAX];
    struct stat st;

    snprintf(dir, sizeof(dir), "%s", path);
    dirname(dir);
    snprintf(parent, sizeof(parent), "%s", dir);
    dirname(parent);
    if (!own_directory(parent))
        return error_set(err, -EPERM,
                         "not saved: the configuration directory is not there or belongs to "
                         "another user (sudo keeps HOME; sudo -H does not)");
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return error_set(err, -errno, "not saved: %s", strerror(errno));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, -errno, "not saved: %s", strerror(errno));
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid()) {
        close(fd);
        return error_set(err, -EPERM, "not saved: the directory belongs to another user");
    }
    return fd;
}

int config_write(const char *path, const struct config *config, struct error *err)
{
    static const char temporary[] = ".config.new";
    struct stat st;
    char *text = to_text(config);
    int result = 0;

    if (text == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    int dir = open_directory(path, err);
    if (dir < 0) {
        free(text);
        return dir;
    }
    if (fstatat(dir, "config", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (!S_ISREG(st.st_mode) || st.st_uid != geteuid())) {
        result = error_set(err, -EPERM,
                           "not saved: the file there is a link, or kvmlens did not write it");
    } else {
        unlinkat(dir, temporary, 0); /* left behind by a crash */
        int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        result = fd < 0 ? -errno : whole_write(fd, text, strlen(text));
        if (result == 0 && fsync(fd) < 0)
            result = -errno;
        if (fd >= 0 && close(fd) < 0 && result == 0)
            result = -errno;
        /* What the old file had and nobody understood is not lost. */
        if (result == 0) {
            unlinkat(dir, "config.old", 0);
            if (linkat(dir, "config", dir, "config.old", 0) < 0 && errno != ENOENT)
                result = -errno;
        }
        if (result == 0 && renameat(dir, temporary, dir, "config") < 0)
            result = -errno;
        if (result < 0) {
            unlinkat(dir, temporary, 0);
            error_set(err, result, "not saved: %s", strerror(-result));
        }
    }
    close(dir);
    free(text);
    return result;
}
