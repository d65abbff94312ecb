// SPDX-License-Identifier: MIT
#include "core/base/text.h"

#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#define REPLACEMENT 0xFFFDu
#define COMBINING_MAX 2

struct range {
    uint32_t first, last;
};

/* Printable for wcwidth(3) or not, these never reach a screen: they reorder, hide or join text. */
static const struct range refused[] = {
    {0x0000, 0x001F}, /* C0 */
    {0x007F, 0x009F}, /* DEL, C1 */
    {0x00AD, 0x00AD}, /* soft hyphen */
    {0x061C, 0x061C}, /* Arabic letter mark */
    {0x115F, 0x1160}, /* Hangul fillers */
    {0x180E, 0x180E}, /* Mongolian vowel separator */
    {0x200B, 0x200F}, /* zero width, LRM, RLM */
    {0x2028, 0x202E}, /* line and paragraph separators, bidi embeddings and overrides */
    {0x2060, 0x206F}, /* invisible operators, bidi isolates, deprecated format characters */
    {0x3164, 0x3164}, /* Hangul filler */
    {0xD800, 0xF8FF}, /* surrogates, private use */
    {0xFDD0, 0xFDEF}, /* noncharacters */
    {0xFE00, 0xFE0F}, /* variation selectors */
    {0xFEFF, 0xFEFF}, /* byte order mark */
    {0xFFA0, 0xFFA0}, /* halfwidth Hangul filler */
    {0xFFF0, 0xFFFF}, /* specials, replacement character, noncharacters */
    {0xE0000, 0xFFFFFFFF}, /* tags, variation selectors, private planes */
};

size_t text_decode(const char *s, size_t len, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *b = (const unsigned char *)s;
    size_t need = b[0] < 0x80 ? 1 : b[0] < 0xC2 ? 0 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3
                  : b[0] < 0xF5 ? 4 : 0;

    *ret = REPLACEMENT;
    if (need == 0 || need > len)
        return 1;
    uint32_t cp = need == 1 ? b[0] : b[0] & (0x7Fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 1;
        cp = cp << 6 | (b[i] & 0x3F);
    }
    if (cp < least[need] || (cp >= 0xD800 && cp <= 0xDFFF) || cp > 0x10FFFF)
        return 1;
    *ret = cp;
    return need;
}

size_t text_encode(uint32_t code, char out[4])
{
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[n] | code);
    return n;
}

static bool is_refused(uint32_t cp)
{
    if ((cp & 0xFFFE) == 0xFFFE)
        return true;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (cp >= refused[i].first && cp <= refused[i].last)
            return true;
    return false;
}

size_t text_clean(const char *in, size_t len, char *out, size_t size)
{
    size_t used = 0, combining = 0;

    if (size == 0)
        return 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = text_decode(in + i, len - i, &cp);
        const char *from = in + i;
        size_t bytes = n;
        int width = is_refused(cp) ? -1 : wcwidth((wchar_t)cp);

        i += n;
        /* A mark with nothing before it, or the third on one character, would draw over others. */
        if (width == 0 && (used == 0 || ++combining > COMBINING_MAX))
            continue;
        if (width > 0)
            combining = 0;
        if (width < 0) {
            from = "?";
            bytes = 1;
            combining = 0;
        }
        if (used + bytes > size - 1)
            break;
        memcpy(out + used, from, bytes);
        used += bytes;
    }
    out[used] = '\0';
    return used;
}

static size_t columns_of(uint32_t cp)
{
    int w = wcwidth((wchar_t)cp);

    return w >= 0 ? (size_t)w : 1;
}

size_t text_ascii(const char *in, char *out, size_t size)
{
    size_t used = 0;

    for (size_t len = strlen(in); len > 0;) {
        uint32_t cp;
        size_t n = text_decode(in, len, &cp), columns = columns_of(cp);
        for (size_t i = 0; i < columns && used + 1 < size; i++)
            out[used++] = cp < 0x80 ? (char)cp : '?';
        in += n;
        len -= n;
    }
    if (size > 0)
        out[used] = '\0';
    return used;
}

size_t text_width(const char *s)
{
    size_t columns = 0;

    for (size_t len = strlen(s); len > 0;) {
        uint32_t cp;
        size_t n = text_decode(s, len, &cp);
        columns += columns_of(cp);
        s += n;
        len -= n;
    }
    return columns;
}
