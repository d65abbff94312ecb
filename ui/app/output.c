// SPDX-License-Identifier: MIT
#include "ui/app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/whole_write.h"

#define FIRST_LINE_MAX 65536
#define TAIL_BLOCK 65536

static int fail(struct error *err, const char *verb, const char *path, int code)
{
    char shown[160];

    text_clean(path, strlen(path), shown, sizeof(shown));
    return error_set(err, code, "cannot %s '%s': %s", verb, shown, strerror(-code));
}

void output_fd(struct output *out, int fd)
{
    *out = (struct output){.kind = OUTPUT_FD, .fd = fd, .stop_fd = -1, .empty = true};
}

/* *@ret NULL where the file may be written but not read: what it holds is then not known. */
static int read_first_line(int fd, char **ret)
{
    char *line = malloc(FIRST_LINE_MAX);

    *ret = NULL;
    if (line == NULL)
        return -ENOMEM;
    ssize_t n = pread(fd, line, FIRST_LINE_MAX - 1, 0);
    if (n < 0) {
        int code = errno == EBADF ? 0 : -errno;
        free(line);
        return code;
    }
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    *ret = line;
    return 0;
}

/* Length of the file up to and with its last LF; 0 when there is none, or a negative errno. */
static off_t whole_length(int fd, off_t size)
{
    char block[TAIL_BLOCK];

    while (size > 0) {
        off_t start = size > TAIL_BLOCK ? size - TAIL_BLOCK : 0;
        ssize_t n = pread(fd, block, (size_t)(size - start), start);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        char *end = memrchr(block, '\n', (size_t)n);
        if (end != NULL)
            return start + (end - block) + 1;
        size = start;
    }
    return 0;
}

/*
 * Ends a torn last record, right before the first of ours: until then not a byte of the file is
 * changed. Only in a file that begins as ours do may something be cut: a user may have named any
 * file.
 */
static int mend(const struct output *out)
{
    struct stat st;

    if (fstat(out->fd, &st) < 0)
        return -errno;
    off_t whole = whole_length(out->fd, st.st_size);
    /* A file that may be written but not read cannot be looked at; a new line is then the safe
     * thing. */
    if (whole == -EBADF)
        return whole_write(out->fd, "\n", 1);
    if (whole < 0)
        return (int)whole;
    if (whole == st.st_size)
        return 0;
    bool ours = out->magic != NULL && whole > 0 && out->first_line != NULL &&
                strncmp(out->first_line, out->magic, strlen(out->magic)) == 0;
    if (ours)
        return ftruncate(out->fd, whole) < 0 ? -errno : 0;
    return whole_write(out->fd, "\n", 1);
}

/*
 * The log, or a negative errno. O_CREAT stays also where the file must be there already: with it
 * the kernel refuses to open what others have put into a directory for all
 * (fs.protected_regular, fs.protected_fifos).
 */
static int open_path(const char *path, int flags)
{
    int fd = open(path,
                  flags | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0640);

    return fd < 0 ? -errno : fd;
}

/*
 * May records go in there? Who owns the file, or could have put a pipe in its place, can read them
 * and can make root's records appear in it; root's own files are everybody's.
 */
static int accept_file(const char *path, const struct stat *st, struct error *err)
{
    char shown[160];
    bool owned = S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode);

    text_clean(path, strlen(path), shown, sizeof(shown));
    if (!owned && !S_ISCHR(st->st_mode))
        return error_set(err, -EINVAL,
                         "'%s' is not a file, a pipe or a terminal: give another for the log",
                         shown);
    if (owned && st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, -EPERM,
                         "'%s' belongs to another user (uid %u) and is not written: give a file "
                         "of your own for the log",
                         shown, (unsigned)st->st_uid);
    return 0;
}

/* What a failure to open the log means, where its errno alone does not tell. */
static int refused(const char *path, int code, struct error *err)
{
    char shown[160];
    struct stat st;

    text_clean(path, strlen(path), shown, sizeof(shown));
    if (lstat(path, &st) < 0)
        return fail(err, "open", path, code);
    if (code == -ELOOP && S_ISLNK(st.st_mode))
        return error_set(err, code,
                         "'%s' is a symbolic link, and a log does not follow links: give the file "
                         "that it leads to",
                         shown);
    if (code == -EACCES && accept_file(path, &st, err) < 0)
        return code;
    return fail(err, "open", path, code);
}

static int open_log(struct output *out, struct stat *ret, struct error *err)
{
    /* Reading is for mending only; a pipe or device would not have it. */
    int fd = open_path(out->path, O_RDWR | O_NONBLOCK);

    if (fd == -EACCES || fd == -ENXIO)
        fd = open_path(out->path, O_WRONLY | (out->fd >= 0 ? O_NONBLOCK : 0));
    if (fd < 0)
        return refused(out->path, fd, err);
    int result = fstat(fd, ret) < 0 ? fail(err, "open", out->path, -errno)
                                    : accept_file(out->path, ret, err);
    if (result == 0 && S_ISFIFO(ret->st_mode)) {
        /* Who may read a FIFO too never learns that nobody else does. The first time, wait for a
         * reader. */
        close(fd);
        fd = open_path(out->path, O_WRONLY | (out->fd >= 0 ? O_NONBLOCK : 0));
        if (fd < 0)
            return refused(out->path, fd, err);
        result = fstat(fd, ret) < 0 ? fail(err, "open", out->path, -errno)
                                    : accept_file(out->path, ret, err);
    }
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

/* Opens the log and takes it in place of the one that is open, if any. */
static int take_log(struct output *out, struct error *err)
{
    struct stat st = {0};
    char *first_line = NULL;
    int fd = open_log(out, &st, err);

    if (fd < 0)
        return fd;
    bool empty = !S_ISREG(st.st_mode) || st.st_size == 0;
    int result = empty ? 0 : read_first_line(fd, &first_line);
    if (result < 0) {
        close(fd);
        return fail(err, "read", out->path, result);
    }
    if (out->fd >= 0)
        close(out->fd);
    free(out->first_line);
    out->first_line = first_line;
    out->fd = fd;
    out->empty = empty;
    out->unmended = !empty;
    return 0;
}

int output_append(struct output *out, const char *path, const char *magic, struct error *err)
{
    *out = (struct output){.kind = OUTPUT_APPEND, .path = path, .magic = magic, .fd = -1,
                            .stop_fd = -1};
    return take_log(out, err);
}

int output_replace(struct output *out, const char *path, struct error *err)
{
    struct stat st;

    *out = (struct output){.kind = OUTPUT_REPLACE, .path = path, .fd = -1, .stop_fd = -1,
                            .empty = true};
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        char shown[160];
        text_clean(path, strlen(path), shown, sizeof(shown));
        return error_set(err, -EINVAL,
                         "'%s' is not a regular file, and --output would replace it: redirect "
                         "standard output instead",
                         shown);
    }
    return 0;
}

void output_close(struct output *out)
{
    if (out->kind == OUTPUT_APPEND && out->fd >= 0)
        close(out->fd);
    out->fd = -1;
    free(out->first_line);
    out->first_line = NULL;
}

int output_reopen(struct output *out, struct error *err)
{
    return out->kind == OUTPUT_APPEND ? take_log(out, err) : 0;
}

/* A name in the same directory, which rename(2) needs, that no collector takes for a result. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    int dir = slash != NULL ? (int)(slash - path) + 1 : 0;
    char *name = NULL;

    return asprintf(&name, "%.*s.%s.XXXXXX", dir, path, path + dir) < 0 ? NULL : name;
}

/* Opens a file with such a name, which the caller frees. NULL: there is none, *@ret_fd says why. */
static char *make_temporary(const char *path, int *ret_fd)
{
    do {
        char *name = temporary_name(path);
        if (name == NULL) {
            *ret_fd = -ENOMEM;
            return NULL;
        }
        *ret_fd = mkostemp(name, O_CLOEXEC); /* the name is used up, however it ends */
        if (*ret_fd >= 0)
            return name;
        *ret_fd = -errno;
        free(name);
    } while (*ret_fd == -EINTR);
    return NULL;
}

static int replace(struct output *out, const char *text, size_t len, struct error *err)
{
    int result, fd;
    char *temporary = make_temporary(out->path, &fd);

    if (temporary == NULL && fd == -ENOMEM)
        return error_set(err, fd, "out of memory");
    if (temporary == NULL)
        return fail(err, "make a file beside", out->path, fd);
    /* Readable by the collector, whatever our umask. */
    result = fchmod(fd, 0644) < 0 ? -errno : whole_write(fd, text, len);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, out->path) < 0)
        result = -errno;
    if (result < 0) {
        unlink(temporary);
        fail(err, "write", out->path, result);
    }
    free(temporary);
    return result;
}

bool output_is_fresh(const struct output *out)
{
    struct stat st;

    return out->empty || (out->kind == OUTPUT_APPEND && fstat(out->fd, &st) == 0 &&
                          S_ISREG(st.st_mode) && st.st_size == 0);
}

int output_write(struct output *out, const char *text, size_t len, struct error *err)
{
    if (out->kind == OUTPUT_REPLACE)
        return replace(out, text, len, err);
    int result = out->unmended ? mend(out) : 0;
    if (result == 0) {
        out->unmended = false;
        result = whole_write_until(out->fd, text, len, out->stop_fd);
    }
    if (result == 0)
        out->empty = false;
    else if (result != -EPIPE && out->kind == OUTPUT_FD)
        error_set(err, result, "cannot write standard output: %s", strerror(-result));
    else if (result != -EPIPE)
        fail(err, "write", out->path, result);
    return result;
}
