// SPDX-License-Identifier: MIT
#include "ui/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "ui/whole_write.h"

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

static char *read_first_line(int fd)
{
    char *line = malloc(FIRST_LINE_MAX);
    ssize_t n = line != NULL ? pread(fd, line, FIRST_LINE_MAX - 1, 0) : -1;

    if (n < 0) {
        free(line);
        return NULL;
    }
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return line;
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
 * Ends a torn last record. Only in a file that begins as ours do may something be cut: a user may
 * have named any file.
 */
static int mend(struct output *out, int fd, off_t size)
{
    off_t whole = whole_length(fd, size);

    if (whole < 0)
        return (int)whole;
    if (whole == size)
        return 0;
    bool ours = out->magic != NULL && whole > 0 && out->first_line != NULL &&
                strncmp(out->first_line, out->magic, strlen(out->magic)) == 0;
    if (ours)
        return ftruncate(fd, whole) < 0 ? -errno : 0;
    return whole_write(fd, "\n", 1);
}

static int open_log(struct output *out, struct error *err)
{
    struct stat st;
    /* Reading is for mending only; a pipe or device would not have it. */
    int fd = open(out->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

    if (fd < 0 && (errno == EACCES || errno == ENXIO))
        fd = open(out->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(err, "open", out->path, -errno);
    if (fstat(fd, &st) < 0)
        st = (struct stat){0};
    if (S_ISFIFO(st.st_mode)) {
        /* Who may read a FIFO too never learns that nobody else does. The first time, wait for a
         * reader. */
        close(fd);
        fd = open(out->path, O_WRONLY | O_CLOEXEC | (out->fd >= 0 ? O_NONBLOCK : 0));
        if (fd < 0)
            return fail(err, "open", out->path, -errno);
    }
    free(out->first_line);
    out->first_line = NULL;
    out->empty = !S_ISREG(st.st_mode) || st.st_size == 0;
    if (!out->empty) {
        out->first_line = read_first_line(fd);
        int r = mend(out, fd, st.st_size);
        /* A file that may be written but not read cannot be looked at; a new line is then the safe
         * thing. */
        if (r == -EBADF)
            r = whole_write(fd, "\n", 1);
        if (r < 0) {
            close(fd);
            return fail(err, "write", out->path, r);
        }
        out->empty = lseek(fd, 0, SEEK_END) == 0;
    }
    return fd;
}

int output_append(struct output *out, const char *path, const char *magic, struct error *err)
{
    *out = (struct output){.kind = OUTPUT_APPEND, .path = path, .magic = magic, .fd = -1,
                            .stop_fd = -1};
    int fd = open_log(out, err);
    if (fd < 0)
        return fd;
    out->fd = fd;
    return 0;
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
                         "'%s' is no regular file, and --output replaces its file: redirect "
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
    if (out->kind != OUTPUT_APPEND)
        return 0;
    int fd = open_log(out, err);
    if (fd < 0)
        return fd;
    close(out->fd);
    out->fd = fd;
    return 0;
}

/* A name in the same directory, which rename(2) needs, that no collector takes for a result. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    int dir = slash != NULL ? (int)(slash - path) + 1 : 0;
    char *name = NULL;

    return asprintf(&name, "%.*s.%s.XXXXXX", dir, path, path + dir) < 0 ? NULL : name;
}

static int replace(struct output *out, const char *text, size_t len, struct error *err)
{
    char *temporary = temporary_name(out->path);
    int r;

    if (temporary == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        r = fail(err, "make a file beside", out->path, -errno);
        free(temporary);
        return r;
    }
    /* Readable by the collector, whatever our umask. */
    r = fchmod(fd, 0644) < 0 ? -errno : whole_write(fd, text, len);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, out->path) < 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        fail(err, "write", out->path, r);
    }
    free(temporary);
    return r;
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
    int r = whole_write_until(out->fd, text, len, out->stop_fd);
    if (r == 0)
        out->empty = false;
    else if (r != -EPIPE && out->kind == OUTPUT_FD)
        error_set(err, r, "cannot write standard output: %s", strerror(-r));
    else if (r != -EPIPE)
        fail(err, "write", out->path, r);
    return r;
}
