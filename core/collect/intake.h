/* SPDX-License-Identifier: MIT */
/*
 * Intake: from the bytes on a desk to a sample, a slice at a time. The front end looks at keys
 * between two of them, however many VMs there are.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_COLLECT_INTAKE_H
#define KVMLENS_CORE_COLLECT_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/spare.h"
#include "core/collect/desk.h"
#include "core/model/field.h"
#include "core/model/sample_flat.h"

/* What one slice does: some 2 ms. */
#define INTAKE_BYTES    ((size_t)4 << 20) /* copied */
#define INTAKE_ENTITIES 1024 /* VMs and vCPUs looked through, or derived, and the rest of a VM */

/* {0} is idle. */
struct intake {
    const unsigned char *from; /* on the desk; NULL: nothing is under way */
    unsigned char *form;       /* the copy; NULL: the reader has it */
    size_t bytes, copied;
    struct spare *spare;
    struct field_table *fields;
    struct sample_reader *reader; /* NULL: not all is copied yet */
};

/*
 * intake_begin - with the form of @bytes on @desk, which stays as it is until the end. What is not
 * said there belongs to the caller: the copy is from @spare and goes back to it, fields that
 * @fields lacks are added. 0, -ENOMEM, or -EBADMSG: there is not as much.
 */
int intake_begin(struct intake *intake, struct desk *desk, uint64_t bytes, struct spare *spare,
                 struct field_table *fields);

/*
 * intake_step - a slice of it. 1: *@ret is the sample, and the intake is idle; 0: there is more to
 * do. Negative as sample_flat_read: the intake is idle then as well.
 */
int intake_step(struct intake *intake, struct sample **ret);

/* intake_end - give up what is under way; it is idle then. */
void intake_end(struct intake *intake);

#endif
