/* SPDX-License-Identifier: MIT */
/*
 * A FILE that writes to memory.
 *
 * As open_memstream(3), but for one thing: what glibc's has no memory for is lost without a sign.
 * Here it puts the FILE in error, and closing tells.
 */
#ifndef KVMLENS_CORE_BASE_TEXT_FILE_H
#define KVMLENS_CORE_BASE_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text_file {
    FILE *out;   /* to write to */
    char *text;  /* private until text_file_close */
    size_t len, cap;
    bool failed;
};

/* text_file_open - an empty one, at the address where it stays until it is closed. 0 or -ENOMEM. */
int text_file_open(struct text_file *file);

/*
 * text_file_close - also after an error. *@ret is what was written, NUL-terminated, the caller
 * frees it; *@ret_len its length, NULL: not asked for. -ENOMEM with NULL in *@ret when anything was
 * lost.
 */
int text_file_close(struct text_file *file, char **ret, size_t *ret_len);

#endif
