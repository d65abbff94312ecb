// SPDX-License-Identifier: MIT
#include "core/source/parse_stats.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/parse_number.h"

int parse_stats_header(const void *buf, size_t size, struct stats_header *ret)
{
    struct stats_header h;

    if (size < STATS_HEADER_SIZE)
        return -EBADMSG;
    memcpy(&h, buf, sizeof(h));
    uint64_t desc_bytes = (uint64_t)h.num_desc * (STATS_DESC_SIZE + (uint64_t)h.name_size);
    if (h.name_size < 8 || h.name_size > STATS_NAME_SIZE_MAX || h.num_desc == 0 ||
        h.num_desc > STATS_DESC_MAX || h.id_offset < STATS_HEADER_SIZE ||
        h.desc_offset < STATS_HEADER_SIZE || h.data_offset < STATS_HEADER_SIZE ||
        h.id_offset > STATS_OFFSET_MAX || h.desc_offset > STATS_OFFSET_MAX ||
        h.data_offset > STATS_OFFSET_MAX || h.data_offset % 8 != 0)
        return -EBADMSG;
    /* The data must not lie inside the descriptors: it changes, they do not. */
    if (h.data_offset >= h.desc_offset && h.data_offset < h.desc_offset + desc_bytes)
        return -EBADMSG;
    *ret = h;
    return 0;
}

/* "@prefix" and a number at *@at, which moves on. sscanf would take blanks and signs. */
static bool take_number(const char **at, const char *prefix, int *ret)
{
    size_t len = strlen(prefix);

    if (strncmp(*at, prefix, len) != 0)
        return false;
    const char *end = parse_id(*at + len, ret);
    if (end != NULL)
        *at = end;
    return end != NULL;
}

int parse_stats_id(const char *id, size_t name_size, pid_t *ret_tid, int *ret_vcpu)
{
    int tid, vcpu = -1;

    if (strnlen(id, name_size) == name_size || !take_number(&id, "kvm-", &tid))
        return -EBADMSG;
    if (*id != '\0' && (!take_number(&id, "/vcpu-", &vcpu) || *id != '\0'))
        return -EBADMSG;
    *ret_tid = tid;
    *ret_vcpu = vcpu;
    return 0;
}

/* Kernel flags -> field; false when this program is older than the descriptor. */
static bool decode_flags(uint32_t flags, struct field *ret)
{
    uint32_t kind = flags & 0xF, unit = flags >> 4 & 0xF, base = flags >> 8 & 0xF;

    if (kind >= FIELD_KIND_COUNT || unit >= FIELD_UNIT_COUNT || base > 1 || flags >> 12 != 0)
        return false;
    ret->kind = (enum field_kind)kind;
    ret->unit = (enum field_unit)unit;
    ret->base = base == 0 ? 10 : 2;
    return true;
}

ssize_t parse_stats_descs(const void *buf, const struct stats_header *header,
                          enum field_scope scope, struct stats_desc *ret, size_t *ret_data_bytes)
{
    size_t stride = STATS_DESC_SIZE + (size_t)header->name_size;
    size_t count = 0, reach = 0;

    for (size_t i = 0; i < header->num_desc; i++) {
        const char *at = (const char *)buf + i * stride;
        const char *name = at + STATS_DESC_SIZE;
        struct stats_desc d = {.field = {.scope = scope}};
        uint32_t flags;

        memcpy(&flags, at, 4);
        memcpy(&d.field.exponent, at + 4, 2);
        memcpy(&d.field.size, at + 6, 2);
        memcpy(&d.data_offset, at + 8, 4);
        memcpy(&d.field.bucket_size, at + 12, 4);

        size_t name_len = strnlen(name, header->name_size);
        uint64_t end = (uint64_t)d.data_offset + 8ULL * d.field.size;
        if (name_len == header->name_size || name_len == 0 || d.field.size == 0 ||
            d.data_offset % 8 != 0 || end > STATS_DATA_MAX)
            return -EBADMSG;
        /* Newer than this program, or longer than its names: not ours to guess. */
        if (!decode_flags(flags, &d.field) || name_len >= FIELD_NAME_MAX)
            continue;
        bool hist = field_is_hist(&d.field);
        if ((!hist && d.field.size != 1) || d.field.size > FIELD_BUCKETS_MAX ||
            (d.field.kind == FIELD_LINEAR_HIST) != (d.field.bucket_size != 0) ||
            d.field.exponent > 60 || d.field.exponent < -60)
            return -EBADMSG;
        memcpy(d.field.name, name, name_len + 1);
        if (end > reach)
            reach = (size_t)end;
        ret[count++] = d;
    }
    *ret_data_bytes = reach;
    return (ssize_t)count;
}
