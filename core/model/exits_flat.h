/* SPDX-License-Identifier: MIT */
/*
 * A count of exits in flat form (core/base/flat.h, FLAT_EXITS): how the counter hands it to the
 * front end, and how it can be kept in a file.
 *
 * It stands alone. Sections, all of them and in any order; items are the structures of
 * exits_flat_internal.h, little-endian, without gaps:
 *
 *   id  items
 *    1  text: bytes. Texts of all other sections are (offset, length) in here, with a NUL behind
 *    2  one head: what holds for all of them
 *    3  threads
 *    4  reasons
 *    5  keys: what is behind them
 *    6  names of reasons
 *
 * Rows are in the order of struct exits_count. Order and values of the enumerations of exits are
 * part of the form: new ones are added at their end.
 *
 * Nothing of it is trusted: a reader gets a count that keeps all rules of core/model/exits.h, or an
 * error. Its texts are printable ASCII.
 *
 * Any thread.
 */
#ifndef KVMLENS_CORE_MODEL_EXITS_FLAT_H
#define KVMLENS_CORE_MODEL_EXITS_FLAT_H

#include <stddef.h>

#include "core/model/exits.h"

/*
 * exits_flat_write - @count into @size bytes at @buffer (aligned to 8; NULL with 0).
 * Returns the bytes that it takes; when these are more, what is in @buffer is of no use.
 */
size_t exits_flat_write(const struct exits_count *count, void *buffer, size_t size);

/*
 * exits_flat_read - the count in @size bytes at @buffer, aligned to 8, which nobody else can change
 * meanwhile: memory that is shared is copied first. It is borrowed, and not written to.
 *
 * @ret: of malloc(3); on failure left alone.
 * 0; -EBADMSG: not a count, or one that breaks a rule; -EPROTONOSUPPORT: of another version;
 * -ENOMEM.
 */
int exits_flat_read(void *buffer, size_t size, struct exits_count **ret);

#endif
