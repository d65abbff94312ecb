// SPDX-License-Identifier: MIT
// Drawing primitives of the grid.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/screen_dump.h"
#include "ui/grid/screen.h"
#include "ui/grid/theme.h"

/* The character plane of a grid of one row, without the '|'. */
static const char *row_text(const struct screen *s, char *out)
{
    char *dump = screen_dump(s);
    char *row = strchr(dump, '\n') + 1;

    sprintf(out, "%.*s", (int)(strcspn(row, "\n") - 1), row);
    free(dump);
    return out;
}

static void fields_are_padded_and_cut_by_display_columns(void **unused)
{
    static const struct {
        const char *text;
        int width;
        enum align align;
        const char *want; /* in a row of 10 columns */
    } cases[] = {
        {"abc", 5, ALIGN_LEFT, "abc       "},
        {"abc", 5, ALIGN_RIGHT, "  abc     "},
        {"abcdef", 5, ALIGN_LEFT, "abcd…     "},
        {"abcde", 5, ALIGN_RIGHT, "abcde     "},
        {"数据库", 6, ALIGN_LEFT, "数据库    "},
        {"数据库", 5, ALIGN_LEFT, "数据…     "},
        {"数据库", 4, ALIGN_RIGHT, "数…       "},
        {"e\xcc\x81t", 3, ALIGN_RIGHT, " e\xcc\x81t       "},
        {"abc", 0, ALIGN_LEFT, "          "},
        {"abc", 1, ALIGN_LEFT, "…         "},
        {"", 3, ALIGN_LEFT, "          "},
        {"a\033b\x7f", 6, ALIGN_LEFT, "a?b?      "},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct screen s;
        char got[256];

        assert_int_equal(screen_init(&s, 1, 10, true), 0);
        screen_field(&s, screen_rect(&s), 0, 0, cases[i].width, cases[i].align, STYLE_NORMAL,
                     cases[i].text);
        assert_string_equal(row_text(&s, got), cases[i].want);
        screen_done(&s);
    }
}

static void nothing_is_drawn_outside_the_rectangle(void **unused)
{
    const struct rect clip = {1, 3, 1, 4};
    static const float values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    (void)unused;
    for (int y = -3; y < 6; y++)
        for (int x = -12; x < 14; x++) {
            struct screen s;

            assert_int_equal(screen_init(&s, 3, 10, true), 0);
            screen_text(&s, clip, y, x, STYLE_STRONG, "数据库abc数");
            screen_field(&s, clip, y, x, 7, ALIGN_RIGHT, STYLE_STRONG, "数据");
            screen_spark(&s, clip, y, x, 9, STYLE_STRONG, values, 9, 0);
            screen_bar(&s, clip, y, x, 9, STYLE_STRONG, 0.5);
            screen_paragraph(&s, rect_clip((struct rect){y, x, 2, 5}, clip), STYLE_STRONG,
                             "words that wrap");
            for (int cy = 0; cy < 3; cy++)
                for (int cx = 0; cx < 10; cx++)
                    if (cy != 1 || cx < 3 || cx >= 7) {
                        assert_int_equal(screen_cell(&s, cy, cx)->code, ' ');
                        assert_int_equal(screen_cell(&s, cy, cx)->style, STYLE_NORMAL);
                    }
            screen_done(&s);
        }
}

static void text_is_wrapped_at_words(void **unused)
{
    static const struct {
        const char *text;
        int cols;
        const char *rows[5];
    } cases[] = {
        {"", 5, {NULL}},
        {"one two three", 7, {"one two", "three"}},
        {"one two three", 6, {"one", "two", "three"}},
        {"one  two", 20, {"one  two"}},
        {"a longer-than-a-row word", 5, {"a", "longer-than-a-row", "word"}},
        {"数据 库", 4, {"数据", "库"}},
        {"ends ", 5, {"ends"}},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text;
        size_t row = 0;
        for (; *text != '\0'; row++) {
            const char *from = text, *want = cases[i].rows[row];
            size_t n = screen_wrap(text, cases[i].cols, &text);
            assert_non_null(want);
            assert_int_equal(n, strlen(want));
            assert_memory_equal(from, want, n);
        }
        assert_null(cases[i].rows[row]);
    }
}

static void half_a_wide_character_does_not_stay(void **unused)
{
    struct screen s;
    char got[64];

    (void)unused;
    assert_int_equal(screen_init(&s, 1, 6, true), 0);
    screen_text(&s, screen_rect(&s), 0, 0, STYLE_NORMAL, "数据库");
    screen_text(&s, screen_rect(&s), 0, 1, STYLE_NORMAL, "x");
    assert_string_equal(row_text(&s, got), " x据库");
    screen_text(&s, screen_rect(&s), 0, 3, STYLE_NORMAL, "数");
    assert_string_equal(row_text(&s, got), " x 数 ");
    screen_done(&s);
}

static void graphs_leave_gaps_and_never_hide_a_small_value(void **unused)
{
    const float values[] = {NAN, 0, 0.001f, 50, NAN, 100};
    struct screen s;
    char got[64];

    (void)unused;
    assert_int_equal(screen_init(&s, 1, 8, true), 0);
    screen_spark(&s, screen_rect(&s), 0, 0, 8, STYLE_GRAPH, values, 6, 0);
    assert_string_equal(row_text(&s, got), "   ▁▁▄ █");
    screen_clear(&s);
    screen_bar(&s, screen_rect(&s), 0, 0, 8, STYLE_GRAPH, 0.0001);
    assert_string_equal(row_text(&s, got), "▏       ");
    screen_bar(&s, screen_rect(&s), 0, 0, 8, STYLE_GRAPH, 7);
    assert_string_equal(row_text(&s, got), "████████");
    screen_bar(&s, screen_rect(&s), 0, 0, 8, STYLE_GRAPH, (double)NAN);
    assert_string_equal(row_text(&s, got), "        ");
    screen_done(&s);
}

static void without_unicode_every_glyph_is_ascii(void **unused)
{
    const float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct screen s;
    char got[64];

    (void)unused;
    assert_int_equal(screen_init(&s, 1, 8, false), 0);
    for (int g = 0; g < GLYPH_COUNT; g++) {
        const char *glyph = screen_glyph(&s, (enum glyph)g);
        assert_int_equal(strlen(glyph), 1);
        assert_in_range(glyph[0], '!', '~');
    }
    screen_spark(&s, screen_rect(&s), 0, 0, 8, STYLE_GRAPH, values, 8, 0);
    for (const char *p = row_text(&s, got); *p; p++)
        assert_in_range(*p, '!', '~');
    screen_done(&s);
}

static void sizes_out_of_bounds_are_refused(void **unused)
{
    struct screen s;

    (void)unused;
    assert_int_equal(screen_init(&s, 0, 10, true), -EINVAL);
    assert_int_equal(screen_init(&s, 10, -1, true), -EINVAL);
    assert_int_equal(screen_init(&s, 10, 100000, true), -EINVAL);
}

static void every_style_has_a_letter_of_its_own_and_a_look_in_monochrome(void **unused)
{
    (void)unused;
    for (int a = 0; a < STYLE_COUNT; a++) {
        assert_in_range(screen_style_letter((enum style)a), '!', '~');
        for (int b = 0; b < a; b++)
            assert_int_not_equal(screen_style_letter((enum style)a),
                                 screen_style_letter((enum style)b));
        assert_int_equal(theme_table[THEME_MONOCHROME].looks[a].fg, COLOUR_NONE);
        assert_int_equal(theme_table[THEME_MONOCHROME].looks[a].bg, COLOUR_NONE);
    }
    assert_int_equal(theme_find("monochrome"), THEME_MONOCHROME);
    assert_int_equal(theme_find("no such theme"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_padded_and_cut_by_display_columns),
        cmocka_unit_test(nothing_is_drawn_outside_the_rectangle),
        cmocka_unit_test(text_is_wrapped_at_words),
        cmocka_unit_test(half_a_wide_character_does_not_stay),
        cmocka_unit_test(graphs_leave_gaps_and_never_hide_a_small_value),
        cmocka_unit_test(without_unicode_every_glyph_is_ascii),
        cmocka_unit_test(sizes_out_of_bounds_are_refused),
        cmocka_unit_test(every_style_has_a_letter_of_its_own_and_a_look_in_monochrome),
    };

    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        puts("1..0 # SKIP no C.UTF-8 locale");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
