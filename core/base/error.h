/* SPDX-License-Identifier: MIT */
/*
 * A human sentence beside a negative errno.
 *
 * Fallible functions return 0 (or a count) or a negative errno. Those whose failure a person may
 * read take a `struct error *err` last; it may be NULL. Only ui/app/main.c prints it.
 */
#ifndef KVMLENS_CORE_BASE_ERROR_H
#define KVMLENS_CORE_BASE_ERROR_H

struct error {
    int code;      /* negative errno; 0 = no error */
    char msg[300]; /* one line, no trailing newline: what failed, why, what helps */
};

/*
 * error_set - fill @err (when not NULL) and hand back @code, so that it can end a function:
 * `return error_set(err, -EACCES, "cannot read '%s'", path);`
 *
 * Text from outside must have been sanitised by the caller (core/base/text.h).
 */
int error_set(struct error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
