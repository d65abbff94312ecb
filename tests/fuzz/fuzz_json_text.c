// SPDX-License-Identifier: MIT
/*
 * Any name of a VM in JSON: one line of ASCII that a JSON parser takes, the same name for the same
 * bytes, and never a number in disguise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/report/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What @bytes should come back as: itself where it is UTF-8. */
static void check_same(const char *bytes, const char *back)
{
    size_t len = strlen(bytes);

    for (size_t i = 0; i < len;) {
        uint32_t cp, cp_back;
        size_t n = text_decode(bytes + i, len - i, &cp);
        size_t m = text_decode(back, strlen(back), &cp_back);
        if (cp_back != cp && cp_back != 0xFFFD)
            abort();
        i += n;
        back += m;
    }
    if (*back != '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);

    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    struct json_doc doc = {.failed = false};
    json_t *root = json_object();
    json_put(&doc, root, "name", json_put_text(bytes));
    json_put(&doc, root, "big", json_put_u64(UINT64_MAX));
    char *text = json_put_end(&doc, root);
    if (text == NULL)
        abort();
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if (*p < 0x20 || *p >= 0x7f)
            abort();
    root = json_loads(text, JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL || !json_is_number(json_object_get(root, "big")) ||
        !json_is_string(json_object_get(root, "name")))
        abort();
    check_same(bytes, json_string_value(json_object_get(root, "name")));
    json_decref(root);
    free(text);
    free(bytes);
    return 0;
}
