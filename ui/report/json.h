/* SPDX-License-Identifier: MIT */
/*
 * What all JSON output shares: 64-bit integers, text from outside, dumping. Over jansson.
 *
 * Only ASCII is written: control, bidi and other characters of names stay escapes.
 */
#ifndef KVMLENS_UI_REPORT_JSON_H
#define KVMLENS_UI_REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/snapshot.h"

/*
 * A document under construction. jansson answers NULL or -1 where it finds no memory, and what was
 * to be put is then not there: the document as a whole has failed, and is not to be shown. So all
 * is put with the functions here, which take NULL for what failed before.
 */
struct json_doc {
    bool failed; /* zeroed at first, as is all else */
    /* which ids the document has used so far */
    bool causes[CAUSE_COUNT], states[READING_STATE_COUNT];
};

/* json_put, json_put_item - @value goes into @object or @array, which owns it then. */
void json_put(struct json_doc *doc, json_t *object, const char *key, json_t *value);
void json_put_item(struct json_doc *doc, json_t *array, json_t *value);

/*
 * json_put_u64 - the integer as it is. jansson's end at 2^63 - 1: a larger one is a string with a
 * mark until json_put_end writes it as number, so look at none of these values in between.
 */
json_t *json_put_u64(uint64_t value);

/*
 * json_put_text - any NUL-terminated bytes; what is no valid UTF-8 becomes U+FFFD. NULL: no memory.
 */
json_t *json_put_text(const char *bytes);

/* json_put_missing - @object gets the key with the reading_missing_id of what is not there. */
void json_put_missing(struct json_doc *doc, json_t *object, const char *key, uint8_t state,
                      uint8_t cause);

/*
 * json_put_causes - "causes" of the whole @record: for each id used so far what it means and what
 * helps on @host, for people. These sentences may change; the ids do not.
 */
void json_put_causes(struct json_doc *doc, json_t *record, const struct snapshot *s);

/* json_put_reading, json_put_figure - set the key when the number is there. */
void json_put_reading(struct json_doc *doc, json_t *object, const char *key,
                      const struct reading *reading);
void json_put_figure(struct json_doc *doc, json_t *object, const char *key,
                     const struct figure *figure);

/*
 * json_put_identity - a new object with what names a VM: pid tid vm_fd name vmm vcpus_total
 * ram_bytes.
 */
json_t *json_put_identity(struct json_doc *doc, const struct snapshot_vm *vm);

/*
 * json_put_end - the document as one line without newline, which the caller frees with free(); NULL
 * when memory was short for any part of it. Takes @root, NULL ok, and frees it.
 */
char *json_put_end(const struct json_doc *doc, json_t *root);

#endif
