// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "core/base/text.h"

static const struct {
    const char *in, *out;
    size_t width;
} cases[] = {
    {"web-01", "web-01", 6},
    {"", "", 0},
    {"a\tb\nc", "a?b?c", 5},
    {"\033[2Jx", "?[2Jx", 5},
    {"\033]52;c;aGk=\a", "?]52;c;aGk=?", 12},
    {"\x7f", "?", 1},
    {"\xc2\x9b" "31m", "?31m", 4},                      /* C1 CSI */
    {"\xff\xfe", "??", 2},                              /* not UTF-8 */
    {"\xc0\xaf", "??", 2},                              /* overlong slash */
    {"\xed\xa0\x80", "???", 3},                         /* surrogate */
    {"\xf4\x90\x80\x80", "????", 4},                    /* beyond U+10FFFF */
    {"\xe6\x95\xb0", "\xe6\x95\xb0", 2},                /* CJK: two columns */
    {"\xe6\x95", "??", 2},                              /* cut in the middle */
    {"a\xe2\x80\xae" "b", "a?b", 3},                    /* right-to-left override */
    {"a\xe2\x81\xa6" "b", "a?b", 3},                    /* isolate */
    {"a\xe2\x80\x8b" "b", "a?b", 3},                    /* zero width space */
    {"\xef\xbb\xbfx", "?x", 2},                         /* byte order mark */
    {"e\xcc\x81", "e\xcc\x81", 1},                      /* one combining mark */
    {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81", 1},
    {"\xcc\x81x", "x", 1},                              /* a mark on nothing */
    {"\xee\x80\x80", "?", 1},                           /* private use */
    {"\xef\xbf\xbf", "?", 1},                           /* noncharacter */
};

static void hostile_text_becomes_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        size_t n = text_clean(cases[i].in, strlen(cases[i].in), out, sizeof(out));
        assert_string_equal(out, cases[i].out);
        assert_int_equal(n, strlen(cases[i].out));
        assert_int_equal(text_width(out), cases[i].width);
    }
}

static void cleaning_twice_changes_nothing(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 2000; seed++) {
        char in[40], once[64], twice[64];
        uint32_t x = seed * 2654435761u;
        for (size_t i = 0; i < sizeof(in); i++, x = x * 1664525u + 1013904223u)
            in[i] = (char)(x >> 24);
        text_clean(in, sizeof(in), once, sizeof(once));
        text_clean(once, strlen(once), twice, sizeof(twice));
        assert_string_equal(once, twice);
        for (const unsigned char *p = (const unsigned char *)once; *p; p++)
            assert_true(*p >= 0x20 && *p != 0x7f);
    }
}

static void no_character_is_cut_in_half(void **state)
{
    (void)state;
    const char *cjk = "\xe6\x95\xb0\xe6\x8d\xae";
    char out[8];
    for (size_t size = 1; size < 8; size++) {
        size_t n = text_clean(cjk, 6, out, size);
        assert_int_equal(n, (size - 1) / 3 * 3);
        assert_int_equal(out[n], '\0');
    }
}

static void decoding_never_reads_past_the_end(void **state)
{
    (void)state;
    uint32_t cp;
    assert_int_equal(text_decode("\xf0\x9f\x98\x80", 4, &cp), 4);
    assert_int_equal(cp, 0x1F600);
    for (size_t len = 1; len < 4; len++) {
        assert_int_equal(text_decode("\xf0\x9f\x98\x80", len, &cp), 1);
        assert_int_equal(cp, 0xFFFD);
    }
}

static void encoding_is_the_opposite_of_decoding(void **state)
{
    (void)state;
    for (uint32_t code = 1; code <= 0x10FFFF; code++) {
        char text[4];
        uint32_t back;
        if (code >= 0xD800 && code < 0xE000)
            continue; /* surrogates are no text */
        size_t n = text_encode(code, text);
        assert_int_equal(text_decode(text, n, &back), n);
        assert_int_equal(back, code);
    }
}

static void what_is_shown_as_ascii_keeps_its_columns(void **state)
{
    static const struct {
        const char *text, *ascii;
    } texts[] = {
        {"web-07", "web-07"},
        {"", ""},
        {"数据库.a", "??????.a"},
        {"e\xcc\x81t\xc3\xa9", "et?"}, /* a combining mark has no column */
        {"\xff", "?"},
    };
    char out[64], small[4];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(text_ascii(texts[i].text, out, sizeof(out)), strlen(texts[i].ascii));
        assert_string_equal(out, texts[i].ascii);
    }
    assert_int_equal(text_ascii("数据库", small, sizeof(small)), 3);
    assert_string_equal(small, "???");
}

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_becomes_harmless),
        cmocka_unit_test(cleaning_twice_changes_nothing),
        cmocka_unit_test(no_character_is_cut_in_half),
        cmocka_unit_test(decoding_never_reads_past_the_end),
        cmocka_unit_test(encoding_is_the_opposite_of_decoding),
        cmocka_unit_test(what_is_shown_as_ascii_keeps_its_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
