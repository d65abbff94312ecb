/* SPDX-License-Identifier: MIT */
/*
 * Flat form: numbered sections of equal items in one block of bytes, without a pointer. It is how
 * one process of kvmlens hands something to another, and what a file may hold.
 *
 *   offset  bytes
 *        0      4  "KVLF"
 *        4      2  FLAT_VERSION
 *        6      2  kind: what the sections are about (enum flat_kind)
 *        8      8  bytes of all, this head included; a multiple of 8
 *       16         sections, one after the other:
 *                    0   4  id, at least 1
 *                    4   4  bytes of an item
 *                    8   8  items
 *                   16      the items, then 0 to 7 bytes of zero up to a multiple of 8
 *
 * All numbers are little-endian. A reader skips sections whose id it does not know, and the end of
 * items that are longer than it knows: so both can grow. What cannot be read like that any more has
 * another version. Nobody trusts the bytes: see flat_open.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_BASE_FLAT_H
#define KVMLENS_CORE_BASE_FLAT_H

#include <stddef.h>
#include <stdint.h>

#define FLAT_VERSION    1
#define FLAT_HEAD_BYTES 16

enum flat_kind {
    FLAT_SAMPLE = 1,  /* core/model/sample_flat.h */
    FLAT_SCAN_REPORT, /* core/scan/scan_flat.h */
    FLAT_EXITS,       /* core/model/exits_flat.h */
};

/* --- writing ---------------------------------------------------------------------------------- */

/* What does not fit is counted only, as snprintf(3) does. */
struct flat_writer {
    unsigned char *buffer; /* aligned to 8; may be NULL when @size is 0 */
    size_t size, used;
};

void flat_begin(struct flat_writer *writer, enum flat_kind kind, void *buffer, size_t size);

/*
 * flat_add - a section of @count items of @item_bytes each. Returns where its items go, all zero
 * and aligned to 8, or NULL when they do not fit.
 */
void *flat_add(struct flat_writer *writer, uint32_t id, size_t item_bytes, size_t count);

/* flat_end - the bytes that are needed. More than the buffer's: nothing in it is of use. */
size_t flat_end(struct flat_writer *writer);

/* --- reading ---------------------------------------------------------------------------------- */

/* A block that has been looked through: its sections lie inside it. */
struct flat {
    unsigned char *bytes; /* borrowed */
    size_t size;
};

struct flat_section {
    unsigned char *items; /* aligned to 8 as the block is; NULL: there is no such section */
    size_t item_bytes, count;
};

/*
 * flat_open - look through @size bytes at @bytes, which nobody else can change meanwhile: memory
 * that is shared is copied first. @bytes is aligned to 8, borrowed, and not written to.
 * 0; -EBADMSG: it is no flat form of that kind, or reaches beyond its end; -EPROTONOSUPPORT: of
 * another version.
 */
int flat_open(void *bytes, size_t size, enum flat_kind kind, struct flat *ret);

/* flat_find - the first section of that id. */
struct flat_section flat_find(const struct flat *flat, uint32_t id);

/*
 * flat_item - copy of item @i (below count) of a section, as far as @bytes reaches; what the
 * section does not have is zero.
 */
void flat_item(const struct flat_section *section, size_t i, void *ret, size_t bytes);

/* --- byte order ------------------------------------------------------------------------------- */

/* flat_swap64 - host to little-endian or back, in place; nothing to do on most machines. */
void flat_swap64(uint64_t *values, size_t count);

/* --- text ------------------------------------------------------------------------------------- */

/* A text: @length bytes at @offset of a section of bytes, and a NUL behind them. */
struct flat_text {
    uint32_t offset, length;
};

/* A section of texts as it fills up. */
struct flat_texts {
    char *at; /* its bytes; NULL: they are counted only */
    uint32_t used;
};

/* flat_put_text - add @s with its NUL. Where it lies, as it goes into an item. */
struct flat_text flat_put_text(struct flat_texts *texts, const char *s);

/* flat_text_at - the text in @section, or NULL: it is not all there, or holds a NUL. */
const char *flat_text_at(const struct flat_section *section, struct flat_text text);

#endif
