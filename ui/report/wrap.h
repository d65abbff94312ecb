/* SPDX-License-Identifier: MIT */
/*
 * Lines of text for people, which end between two words before they get too long.
 */
#ifndef KVMLENS_UI_REPORT_WRAP_H
#define KVMLENS_UI_REPORT_WRAP_H

#include <stddef.h>
#include <stdio.h>

#define WRAP_COLUMNS 80 /* of a terminal that nobody has made wider */

struct wrap {
    FILE *out;
    size_t at;     /* columns that are written of this line */
    size_t indent; /* of the lines that follow the first */
    size_t words;  /* written so far */
};

/*
 * wrap_part - writes @between and @part, which is not taken apart. Where both have no room left in
 * the line, @part begins the next one, and of @between only what is no blank ends this one. Before
 * the first part of all nothing is written.
 */
void wrap_part(struct wrap *wrap, const char *between, const char *part);

/* wrap_words - each word of @text as a part, one blank between two. */
void wrap_words(struct wrap *wrap, const char *text);

#endif
