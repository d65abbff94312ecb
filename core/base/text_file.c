// SPDX-License-Identifier: MIT
#include "core/base/text_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 4096

/* Room for @more bytes and a NUL. */
static bool reserve(struct text_file *f, size_t more)
{
    size_t cap = f->cap > 0 ? f->cap : FIRST_CAP;

    while (cap - f->len <= more)
        cap *= 2;
    if (cap == f->cap)
        return true;
    char *text = realloc(f->text, cap);
    if (text == NULL)
        return false;
    f->text = text;
    f->cap = cap;
    return true;
}

/* 0 is how a cookie's write function tells an error. */
static ssize_t take(void *cookie, const char *buf, size_t size)
{
    struct text_file *f = cookie;

    if (f->failed || !reserve(f, size)) {
        f->failed = true;
        errno = ENOMEM;
        return 0;
    }
    memcpy(f->text + f->len, buf, size);
    f->len += size;
    return (ssize_t)size;
}

int text_file_open(struct text_file *f)
{
    *f = (struct text_file){.text = NULL};
    f->out = fopencookie(f, "w", (cookie_io_functions_t){.write = take});
    return f->out != NULL ? 0 : -ENOMEM;
}

int text_file_close(struct text_file *f, char **ret, size_t *ret_len)
{
    f->failed |= fflush(f->out) != 0 || ferror(f->out) != 0;
    fclose(f->out);
    f->failed |= !reserve(f, 0);
    if (f->failed) {
        free(f->text);
        *ret = NULL;
        return -ENOMEM;
    }
    f->text[f->len] = '\0';
    *ret = f->text;
    if (ret_len != NULL)
        *ret_len = f->len;
    return 0;
}
