// SPDX-License-Identifier: MIT
/*
 * A sample in flat form as a collector in the hands of a VMM, or a damaged file, might give it:
 * what is taken keeps all rules, so that a snapshot can be derived and the form written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/sample_flat.h"
#include "core/model/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A VM at a time, as the front end reads it while keys are pressed. */
static int read_slices(void *form, size_t bytes, struct field_table *fields, struct sample **ret)
{
    struct sample_reader *reader;
    int result = sample_reader_open(form, bytes, NULL, fields, &reader);

    if (result < 0)
        return result;
    while ((result = sample_reader_step(reader, 1, ret)) == 0)
        ;
    sample_reader_close(reader);
    return result < 0 ? result : 0;
}

typedef int read_fn(void *form, size_t bytes, struct field_table *fields, struct sample **ret);

/* The length of all stands in the head: it is made right, else nothing would ever be looked at. */
static struct sample *read_bytes(const void *data, size_t size, struct field_table *fields,
                                 read_fn *read)
{
    uint64_t bytes = size / 8 * 8;
    struct sample *s = NULL;
    char *copy = malloc(size + 8);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    if (size >= 16)
        memcpy(copy + 8, &bytes, sizeof(bytes));
    return read(copy, (size_t)bytes, fields, &s) == 0 ? s : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct field_table fields = {0}, again = {0};
    struct sample *s = read_bytes(data, size, &fields, read_slices);

    if (s != NULL) {
        struct snapshot *snapshot = snapshot_derive(NULL, s, &fields, 0);
        if (snapshot == NULL || snapshot->vm_count > s->vm_count)
            abort();
        size_t bytes = sample_flat_write(s, &fields, NULL, 0);
        void *copy = malloc(bytes);
        if (copy == NULL || sample_flat_write(s, &fields, copy, bytes) != bytes)
            abort();
        struct sample *second = read_bytes(copy, bytes, &again, sample_flat_read);
        if (second == NULL || second->vm_count != s->vm_count)
            abort();
        snapshot_free(snapshot_derive(s, second, &fields, 0));
        sample_free(second);
        free(copy);
        snapshot_free(snapshot);
    }
    sample_free(s);
    field_table_done(&fields);
    field_table_done(&again);
    return 0;
}
