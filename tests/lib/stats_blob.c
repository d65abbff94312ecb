// SPDX-License-Identifier: MIT
#include "tests/lib/stats_blob.h"

#include <assert.h>
#include <string.h>

#include "core/source/parse_stats.h"

#define NAME_SIZE 48

size_t stats_blob_make(const char *id, const struct stats_blob_item *items, size_t count, char *out)
{
    struct stats_header h = {
        .name_size = NAME_SIZE,
        .num_desc = (uint32_t)count,
        .id_offset = STATS_HEADER_SIZE,
        .desc_offset = STATS_HEADER_SIZE + NAME_SIZE,
    };
    uint32_t at = 0;

    h.data_offset = h.desc_offset + (uint32_t)count * (STATS_DESC_SIZE + NAME_SIZE);
    memset(out, 0, STATS_BLOB_MAX);
    memcpy(out, &h, sizeof(h));
    strncpy(out + h.id_offset, id, NAME_SIZE - 1);
    for (size_t i = 0; i < count; i++) {
        char *d = out + h.desc_offset + i * (STATS_DESC_SIZE + NAME_SIZE);
        memcpy(d, &items[i].flags, 4);
        memcpy(d + 4, &items[i].exponent, 2);
        memcpy(d + 6, &items[i].size, 2);
        memcpy(d + 8, &at, 4);
        memcpy(d + 12, &items[i].bucket_size, 4);
        strncpy(d + STATS_DESC_SIZE, items[i].name, NAME_SIZE - 1);
        for (uint16_t k = 0; k < items[i].size; k++, at += 8) {
            uint64_t v = items[i].value + k;
            assert(h.data_offset + at + 8 <= STATS_BLOB_MAX);
            memcpy(out + h.data_offset + at, &v, 8);
        }
    }
    return h.data_offset + at;
}
