// SPDX-License-Identifier: MIT
#include "core/collect/intake.h"

#include <errno.h>
#include <string.h>

int intake_begin(struct intake *intake, struct desk *desk, uint64_t bytes, struct spare *spare,
                 struct field_table *fields)
{
    const unsigned char *from;
    int result = desk_look(desk, bytes, &from);

    if (result < 0)
        return result;
    *intake = (struct intake){.from = from,
                              .form = spare_take(spare, (size_t)bytes),
                              .bytes = (size_t)bytes,
                              .spare = spare,
                              .fields = fields};
    if (intake->form == NULL) {
        intake_end(intake);
        return -ENOMEM;
    }
    return 0;
}

/* The last slice of the copy finds the sections too. */
static int copy(struct intake *intake)
{
    size_t left = intake->bytes - intake->copied;
    size_t slice = left < INTAKE_BYTES ? left : INTAKE_BYTES;

    memcpy(intake->form + intake->copied, intake->from + intake->copied, slice);
    intake->copied += slice;
    if (intake->copied < intake->bytes)
        return 0;
    void *form = intake->form;
    intake->form = NULL;
    return sample_reader_open(form, intake->bytes, intake->spare, intake->fields, &intake->reader);
}

int intake_step(struct intake *intake, struct sample **ret)
{
    int result = intake->reader == NULL
                     ? copy(intake)
                     : sample_reader_step(intake->reader, INTAKE_ENTITIES, ret);

    if (result != 0)
        intake_end(intake);
    return result;
}

void intake_end(struct intake *intake)
{
    sample_reader_close(intake->reader);
    spare_give(intake->spare, intake->form);
    *intake = (struct intake){0};
}
