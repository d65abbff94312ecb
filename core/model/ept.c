// SPDX-License-Identifier: MIT
#include "core/model/ept.h"

#include <stddef.h>

struct ept_level {
    struct reading pages;
    uint64_t page_bytes;
    bool may_be_missing; /* older kernels have no gauge of this size */
};

struct reading ept_mapped_bytes(struct reading pages_4k, struct reading pages_2m,
                                struct reading pages_1g, bool ran)
{
    const struct ept_level levels[] = {
        {pages_4k, 1ull << 12, false}, {pages_2m, 1ull << 21, false}, {pages_1g, 1ull << 30, true}};
    uint64_t bytes = 0;
    uint8_t source = SOURCE_NONE;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        const struct reading *pages = &levels[i].pages;
        if (pages->state == READING_ABSENT && levels[i].may_be_missing)
            continue;
        if (pages->state != READING_OK)
            return reading_missing((enum reading_state)pages->state,
                                   (enum reading_cause)pages->cause);
        /* Read without a lock: a sum taken amid changes may be below 0, and nothing is that
         * large. */
        if (pages->raw > (UINT64_MAX - bytes) / levels[i].page_bytes)
            return reading_missing(READING_ABSENT, CAUSE_BAD_STATS);
        bytes += pages->raw * levels[i].page_bytes;
        source = pages->source;
    }
    if (bytes == 0 && ran)
        return reading_missing(READING_ABSENT, CAUSE_NOT_COUNTED);
    return reading_ok(bytes, (enum reading_source)source);
}

double ept_zero_ratio(struct reading mapped_bytes, uint64_t ram_bytes)
{
    if (mapped_bytes.state != READING_OK || ram_bytes == 0)
        return -1;
    if (mapped_bytes.raw >= ram_bytes)
        return 0;
    return (double)(ram_bytes - mapped_bytes.raw) / (double)ram_bytes;
}
