/* SPDX-License-Identifier: MIT */
/*
 * Text from outside: VM names, command names, link texts. Anyone who may start a process chooses
 * them, so they are cleaned once, where they enter the program.
 *
 * All functions are pure and safe on any thread. Widths are display columns as wcwidth(3) counts
 * them; the caller has set a UTF-8 locale (LC_CTYPE), else every character beyond ASCII is "?".
 */
#ifndef KVMLENS_CORE_BASE_TEXT_H
#define KVMLENS_CORE_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * text_decode - one code point of strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF). @len bytes at @s, at least 1. Returns the bytes used (1..4) and the code point
 * in @ret; a byte that starts no valid sequence is consumed alone and gives U+FFFD.
 */
size_t text_decode(const char *s, size_t len, uint32_t *ret);

/* text_encode - the opposite: a code point up to U+10FFFF as UTF-8. Returns the bytes, 1..4. */
size_t text_encode(uint32_t code, char out[4]);

/*
 * text_clean - make bytes fit to be shown anywhere: valid UTF-8, one line, nothing that moves a
 * cursor or reorders text. C0, DEL, C1, invalid bytes, noncharacters, bidi controls, zero-width and
 * unprintable characters become '?'; at most two combining marks stay on one character.
 *
 * Writes at most @size - 1 bytes and a NUL to @out, never half a character. Returns the length.
 */
size_t text_clean(const char *in, size_t len, char *out, size_t size);

/*
 * text_ascii - a cleaned text for where only ASCII can be shown: each other character becomes as
 * many '?' as it has columns. Writes at most @size - 1 bytes and a NUL to @out; returns the length.
 */
size_t text_ascii(const char *in, char *out, size_t size);

/* text_width - display columns of a cleaned, NUL-terminated text. */
size_t text_width(const char *s);

#endif
