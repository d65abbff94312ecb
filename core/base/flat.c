// SPDX-License-Identifier: MIT
#include "core/base/flat.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ALIGN 8
static const char magic[4] = {'K', 'V', 'L', 'F'};

struct head {
    char magic[4];
    uint16_t version, kind;
    uint64_t bytes;
};

struct section_head {
    uint32_t id, item_bytes;
    uint64_t count;
};

_Static_assert(sizeof(struct head) == FLAT_HEAD_BYTES, "the head has no gaps");
_Static_assert(sizeof(struct section_head) == 16, "the head of a section has no gaps");

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void *take(struct flat_writer *w, size_t bytes)
{
    size_t at = w->used;

    w->used += bytes;
    return w->used <= w->size ? w->buffer + at : NULL;
}

void flat_begin(struct flat_writer *w, enum flat_kind kind, void *buffer, size_t size)
{
    *w = (struct flat_writer){buffer, size, 0};
    struct head *head = take(w, sizeof(*head));
    if (head == NULL)
        return;
    *head = (struct head){.version = htole16(FLAT_VERSION), .kind = htole16((uint16_t)kind)};
    memcpy(head->magic, magic, sizeof(magic));
}

void *flat_add(struct flat_writer *w, uint32_t id, size_t item_bytes, size_t count)
{
    struct section_head *head = take(w, sizeof(*head));
    size_t bytes = item_bytes * count, room = aligned(bytes);
    unsigned char *items = take(w, room);

    if (items == NULL)
        return NULL;
    *head = (struct section_head){htole32(id), htole32((uint32_t)item_bytes), htole64(count)};
    memset(items, 0, room);
    return items;
}

size_t flat_end(struct flat_writer *w)
{
    uint64_t bytes = htole64(w->used);

    if (w->used <= w->size)
        memcpy(w->buffer + offsetof(struct head, bytes), &bytes, sizeof(bytes));
    return w->used;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The section at @at, which is moved behind it. False: there is none, or not all of it. */
static bool next_section(const struct flat *flat, size_t *at, uint32_t *ret_id,
                         struct flat_section *ret)
{
    struct section_head head;

    if (flat->size - *at < sizeof(head))
        return false;
    memcpy(&head, flat->bytes + *at, sizeof(head));
    size_t room = flat->size - *at - sizeof(head), item_bytes = le32toh(head.item_bytes);
    uint64_t count = le64toh(head.count);
    if (head.id == 0 || (count > 0 && (item_bytes == 0 || count > room / item_bytes)))
        return false;
    size_t bytes = aligned(item_bytes * (size_t)count);
    if (bytes > room)
        return false;
    *ret_id = le32toh(head.id);
    *ret = (struct flat_section){flat->bytes + *at + sizeof(head), item_bytes, (size_t)count};
    *at += sizeof(head) + bytes;
    return true;
}

int flat_open(void *bytes, size_t size, enum flat_kind kind, struct flat *ret)
{
    struct flat flat = {bytes, size};
    struct flat_section section;
    struct head head;
    uint32_t id;

    if (size < sizeof(head) || size % ALIGN != 0)
        return -EBADMSG;
    memcpy(&head, bytes, sizeof(head));
    if (memcmp(head.magic, magic, sizeof(magic)) != 0 || le16toh(head.kind) != kind ||
        le64toh(head.bytes) != size)
        return -EBADMSG;
    if (le16toh(head.version) != FLAT_VERSION)
        return -EPROTONOSUPPORT;
    for (size_t at = sizeof(head); at < size;)
        if (!next_section(&flat, &at, &id, &section))
            return -EBADMSG;
    *ret = flat;
    return 0;
}

struct flat_section flat_find(const struct flat *flat, uint32_t id)
{
    struct flat_section section = {0};
    uint32_t found = 0;

    for (size_t at = FLAT_HEAD_BYTES; at < flat->size;)
        if (next_section(flat, &at, &found, &section) && found == id)
            return section;
    return (struct flat_section){0};
}

void flat_item(const struct flat_section *section, size_t i, void *ret, size_t bytes)
{
    size_t known = section->item_bytes < bytes ? section->item_bytes : bytes;

    memcpy(ret, section->items + i * section->item_bytes, known);
    memset((char *)ret + known, 0, bytes - known);
}

void flat_swap64(uint64_t *values, size_t count)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
    (void)values;
    (void)count;
#else
    for (size_t i = 0; i < count; i++)
        values[i] = htole64(values[i]);
#endif
}

struct flat_text flat_put_text(struct flat_texts *t, const char *s)
{
    uint32_t length = (uint32_t)strlen(s);
    struct flat_text text = {htole32(t->used), htole32(length)};

    if (t->at != NULL)
        memcpy(t->at + t->used, s, length + 1);
    t->used += length + 1;
    return text;
}

const char *flat_text_at(const struct flat_section *section, struct flat_text text)
{
    size_t offset = le32toh(text.offset), length = le32toh(text.length);

    if (section->item_bytes != 1 || offset >= section->count || length >= section->count - offset)
        return NULL;
    const char *s = (const char *)section->items + offset;
    return strnlen(s, length + 1) == length ? s : NULL;
}
