// SPDX-License-Identifier: MIT
/*
 * A log that is appended to, whatever is in the file: opening it changes no byte, and the first
 * record ends what was torn. Twice with a reopening between, as after SIGHUP.
 *
 * Input: the byte '0' to '3' that chooses the format whose log it is, then the file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/app/output.h"
#include "ui/report/report.h"

#define RECORD "record\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_file(int fd, const void *text, size_t len)
{
    char *got = malloc(len + 2);

    check(got != NULL && pread(fd, got, len + 1, 0) == (ssize_t)len);
    check(memcmp(got, text, len) == 0);
    free(got);
}

/* What the first record makes of the file @data, in @ret. Its length. */
static size_t expected(const uint8_t *data, size_t size, const char *magic, char *ret)
{
    const char *end = size > 0 ? memrchr(data, '\n', size) : NULL;
    size_t whole = end != NULL ? (size_t)(end - (const char *)data) + 1 : 0;
    size_t magic_len = magic != NULL ? strlen(magic) : 0, len = size;
    bool ours = magic != NULL && size >= magic_len && memcmp(data, magic, magic_len) == 0;

    memcpy(ret, data, size);
    if (whole < size && whole > 0 && ours)
        len = whole;
    else if (whole < size)
        ret[len++] = '\n';
    memcpy(ret + len, RECORD, strlen(RECORD));
    return len + strlen(RECORD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"csv", "json", "text", "prometheus"};
    char path[] = "/tmp/kvmlens-fuzz-XXXXXX";
    struct output out;
    struct error err;

    if (size < 1 || data[0] < '0' || data[0] > '3')
        return 0;
    const char *magic = report_format_find(formats[data[0] - '0'])->magic;
    data++;
    size--;
    int fd = mkstemp(path);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    char *want = malloc(size + 2 * sizeof(RECORD) + 1);
    check(want != NULL);

    check(output_append(&out, path, magic, &err) == 0);
    check_file(fd, data, size);
    check(out.empty == (size == 0) && output_is_fresh(&out) == (size == 0));
    check(output_write(&out, RECORD, strlen(RECORD), &err) == 0);
    size_t len = expected(data, size, magic, want);
    check_file(fd, want, len);
    check(output_reopen(&out, &err) == 0);
    check_file(fd, want, len);
    check(!output_is_fresh(&out));
    check(output_write(&out, RECORD, strlen(RECORD), &err) == 0);
    memcpy(want + len, RECORD, strlen(RECORD));
    check_file(fd, want, len + strlen(RECORD));
    output_close(&out);
    free(want);
    close(fd);
    unlink(path);
    return 0;
}
