// SPDX-License-Identifier: MIT
/*
 * A binary stats file as another process might forge it: whatever the bytes, what the parser hands
 * out stays inside the bounds that the reader sizes its buffers with.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/source/parse_stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const uint8_t *data, size_t size, const struct stats_header *h)
{
    pid_t tid;
    int vcpu;

    if (h->id_offset > size || h->name_size > size - h->id_offset)
        return;
    char *id = malloc(h->name_size);
    if (id == NULL)
        abort();
    memcpy(id, data + h->id_offset, h->name_size);
    if (parse_stats_id(id, h->name_size, &tid, &vcpu) == 0 && (tid < 0 || vcpu < -1))
        abort();
    free(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stats_header h;
    size_t data_bytes = 0;

    if (parse_stats_header(data, size, &h) < 0)
        return 0;
    check_id(data, size, &h);
    size_t desc_bytes = h.num_desc * (STATS_DESC_SIZE + (size_t)h.name_size);
    if (h.desc_offset > size || desc_bytes > size - h.desc_offset)
        return 0;
    struct stats_desc *out = calloc(h.num_desc, sizeof(*out));
    char *descs = malloc(desc_bytes);
    if (out == NULL || descs == NULL)
        abort();
    memcpy(descs, data + h.desc_offset, desc_bytes);
    ssize_t count = parse_stats_descs(descs, &h, FIELD_VCPU, out, &data_bytes);
    struct field_table table = {0};
    for (ssize_t i = 0; i < count; i++) {
        if (out[i].data_offset % 8 != 0 || out[i].data_offset + 8u * out[i].field.size > data_bytes)
            abort();
        field_table_add(&table, &out[i].field);
    }
    if (count > 0 && data_bytes > STATS_DATA_MAX)
        abort();
    field_table_done(&table);
    free(out);
    free(descs);
    return 0;
}
