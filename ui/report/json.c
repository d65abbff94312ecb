// SPDX-License-Identifier: MIT
#include "ui/report/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/base/text_file.h"
#include "core/find/host_fix.h"

/*
 * jansson's integers end at 2^63 - 1, the kernel's counters at 2^64 - 1. A larger one travels as a
 * string of this noncharacter and the digits, and loses mark and quotes when the text is made. No
 * other string can look so: json_put_text lets no noncharacter through.
 */
#define BIG_MARK "\xEF\xB7\x90"
#define BIG_MARK_ESCAPED "\"\\uFDD0"

void json_put(struct json_doc *doc, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        doc->failed = true;
}

void json_put_item(struct json_doc *doc, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        doc->failed = true;
}

json_t *json_put_u64(uint64_t value)
{
    char buf[40];

    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(buf, sizeof(buf), BIG_MARK "%llu", (unsigned long long)value);
    return json_string(buf);
}

static void put_utf8(uint32_t cp, const char *from, size_t n, char **to)
{
    bool bad = (cp & 0xFFFE) == 0xFFFE || (cp >= 0xFDD0 && cp <= 0xFDEF);

    memcpy(*to, bad ? "\xEF\xBF\xBD" : from, bad ? 3 : n);
    *to += bad ? 3 : n;
}

/* Any bytes as JSON text. */
json_t *json_put_text(const char *s)
{
    size_t len = strlen(s);
    char *buf = malloc(3 * len + 1), *to = buf;

    if (buf == NULL)
        return NULL;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = text_decode(s + i, len - i, &cp);
        /* text_decode answers U+FFFD for a bad byte and for a real U+FFFD alike. */
        put_utf8(cp, cp == 0xFFFD ? "\xEF\xBF\xBD" : s + i, cp == 0xFFFD ? 3 : n, &to);
        i += n;
    }
    json_t *text = json_stringn(buf, (size_t)(to - buf));
    free(buf);
    return text;
}

void json_put_figure(struct json_doc *doc, json_t *object, const char *key,
                     const struct figure *figure)
{
    if (figure->state == READING_OK)
        json_put(doc, object, key, json_real(figure->value));
}

void json_put_reading(struct json_doc *doc, json_t *object, const char *key,
                      const struct reading *reading)
{
    if (reading->state == READING_OK)
        json_put(doc, object, key, json_put_u64(reading->raw));
}

void json_put_missing(struct json_doc *doc, json_t *object, const char *key, uint8_t state,
                      uint8_t cause)
{
    *(cause != CAUSE_NONE ? &doc->causes[cause] : &doc->states[state]) = true;
    json_put(doc, object, key, json_string(reading_missing_id(state, cause)));
}

void json_put_causes(struct json_doc *doc, json_t *record, const struct snapshot *s)
{
    json_t *object = json_object();
    char fix[HOST_FIX_REPORT_MAX];

    for (int i = 0; i < READING_STATE_COUNT; i++)
        if (doc->states[i])
            json_put(doc, object, reading_state_name((enum reading_state)i),
                     json_string(reading_state_meaning((enum reading_state)i)));
    for (int i = 1; i < CAUSE_COUNT; i++) {
        enum reading_cause cause = (enum reading_cause)i;
        if (!doc->causes[i])
            continue;
        host_fix_report(&s->host, &s->bpf, cause, fix);
        json_put(
            doc, object, reading_cause_id(cause),
            json_sprintf("%s%s%s", reading_cause_text(cause), fix[0] != '\0' ? ". " : "", fix));
    }
    json_put(doc, record, "causes", object);
}

json_t *json_put_identity(struct json_doc *doc, const struct snapshot_vm *vm)
{
    json_t *object = json_object();

    json_put(doc, object, "pid", json_integer(vm->id.pid));
    if (vm->creator_tid > 0)
        json_put(doc, object, "tid", json_integer(vm->creator_tid));
    json_put(doc, object, "vm_fd", json_integer(vm->id.fd));
    json_put(doc, object, "name", json_put_text(vm->name_raw));
    json_put(doc, object, "vmm", json_put_text(vm->vmm));
    json_put(doc, object, "vcpus_total", json_integer((json_int_t)vm->vcpu_count));
    json_put_reading(doc, object, "ram_bytes", &vm->ram_bytes);
    return object;
}

/*
 * Big integers lose mark and quotes; DEL, which jansson passes, becomes an escape. In place but for
 * DEL.
 */
static char *finish_text(const char *text)
{
    size_t len = strlen(text), deletes = 0;

    for (const char *p = text; *p != '\0'; p++)
        deletes += *p == 0x7F;
    char *out = malloc(len + 5 * deletes + 1), *to = out;
    if (out == NULL)
        return NULL;
    for (const char *p = text; *p != '\0';) {
        size_t mark = sizeof(BIG_MARK_ESCAPED) - 1;
        if (strncmp(p, BIG_MARK_ESCAPED, mark) == 0) {
            for (p += mark; *p != '"'; p++)
                *to++ = *p;
            p++;
        } else if (*p == 0x7F) {
            memcpy(to, "\\u007F", 6);
            to += 6;
            p++;
        } else {
            *to++ = *p++;
        }
    }
    *to = '\0';
    return out;
}

static int dump_to(const char *buffer, size_t size, void *file)
{
    return fwrite(buffer, 1, size, ((struct text_file *)file)->out) == size ? 0 : -1;
}

/* Not with json_dumps: jansson goes on where there was no memory for a key. The file remembers. */
static char *dump(const json_t *root)
{
    struct text_file file;
    char *text;

    if (text_file_open(&file) < 0)
        return NULL;
    int result = json_dump_callback(root, dump_to, &file,
                                    JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(10));
    if (text_file_close(&file, &text, NULL) < 0)
        return NULL;
    char *out = result == 0 ? finish_text(text) : NULL;
    free(text);
    return out;
}

char *json_put_end(const struct json_doc *doc, json_t *root)
{
    char *text = doc->failed ? NULL : dump(root);

    json_decref(root);
    return text;
}
