// SPDX-License-Identifier: MIT
// A line of text being typed: what each key does to it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ui/grid/keys.h"
#include "ui/grid/prompt.h"

static void type(struct ui_prompt *p, const char *text)
{
    for (; *text; text++)
        prompt_key(p, (unsigned char)*text);
}

static void opened(struct ui_prompt *p, const char *text)
{
    *p = (struct ui_prompt){.kind = PROMPT_NONE};
    prompt_open(p, PROMPT_FILTER, text);
}

static void typing_replaces_what_stood_there(void **unused)
{
    struct ui_prompt p;

    (void)unused;
    opened(&p, "^web");
    assert_true(p.selected);
    type(&p, "db");
    assert_string_equal(p.text, "db");
    assert_int_equal(p.len, 2);
    opened(&p, "^web");
    prompt_key(&p, KEYCODE_F(5)); /* neither writes nor moves */
    prompt_key(&p, KEYCODE_MOUSE_CLICK);
    assert_true(p.selected);
    assert_int_equal(prompt_key(&p, KEYCODE_ENTER), PROMPT_ACCEPTED);
    assert_string_equal(p.text, "^web");
}

static void arrows_and_backspace_edit_what_stood_there(void **unused)
{
    static const struct {
        uint32_t first;
        const char *want; /* after an x */
    } cases[] = {
        {KEYCODE_LEFT, "^wexb"},  {KEYCODE_RIGHT, "^webx"},         {KEYCODE_HOME, "x^web"},
        {KEYCODE_END, "^webx"},   {KEYCODE_BACKSPACE, "^wex"},      {KEYCODE_CTRL('H'), "^wex"},
        {KEYCODE_DELETE, "^webx"}, {KEYCODE_CTRL('U'), "x"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ui_prompt p;
        opened(&p, "^web");
        prompt_key(&p, cases[i].first);
        assert_false(p.selected);
        type(&p, "x");
        assert_string_equal(p.text, cases[i].want);
        assert_int_equal(p.len, strlen(p.text));
    }
}

static void the_cursor_steps_over_whole_characters(void **unused)
{
    struct ui_prompt p;

    (void)unused;
    opened(&p, "");
    assert_false(p.selected);
    prompt_key(&p, 'a');
    prompt_key(&p, 0x6570);
    prompt_key(&p, 0x1f600);
    prompt_key(&p, KEYCODE_LEFT);
    prompt_key(&p, KEYCODE_LEFT);
    assert_int_equal(p.cursor, 1);
    prompt_key(&p, 0xe9);
    prompt_key(&p, KEYCODE_DELETE);
    assert_string_equal(p.text, "a\303\251\360\237\230\200");
    prompt_key(&p, KEYCODE_HOME);
    prompt_key(&p, KEYCODE_LEFT);
    assert_int_equal(prompt_key(&p, KEYCODE_BACKSPACE), PROMPT_IGNORED);
    prompt_key(&p, KEYCODE_END);
    prompt_key(&p, KEYCODE_RIGHT);
    assert_int_equal(prompt_key(&p, KEYCODE_DELETE), PROMPT_IGNORED);
    prompt_key(&p, KEYCODE_BACKSPACE);
    assert_string_equal(p.text, "a\303\251");
}

static void a_full_prompt_takes_no_more_and_stays_whole(void **unused)
{
    struct ui_prompt p;

    (void)unused;
    opened(&p, "");
    for (int i = 0; i < 300; i++)
        prompt_key(&p, i % 3 ? 0x6570 : 'a');
    assert_true(p.len < sizeof(p.text));
    assert_int_equal(strlen(p.text), p.len);
    prompt_key(&p, KEYCODE_HOME);
    assert_int_equal(prompt_key(&p, 0x6570), PROMPT_IGNORED);
    for (int i = 0; i < 300; i++)
        prompt_key(&p, KEYCODE_DELETE);
    assert_int_equal(p.len, 0);
}

static void why_it_was_refused_stands_until_it_is_mended(void **unused)
{
    struct ui_prompt p;

    (void)unused;
    opened(&p, "");
    type(&p, "(x");
    prompt_refuse(&p, "because");
    prompt_key(&p, KEYCODE_F(1));
    assert_string_equal(p.refused, "because");
    assert_string_equal(p.text, "(x");
    prompt_key(&p, KEYCODE_HOME);
    assert_string_equal(p.refused, "");
    prompt_key(&p, KEYCODE_DELETE);
    assert_string_equal(p.text, "x");
}

/* A choice is no text: y or Enter, and whatever else is pressed leaves it. */
static void a_choice_is_made_with_one_key(void **unused)
{
    static const uint32_t others[] = {'n',           'Y',
                                      'A',           'q',
                                      ' ',           KEYCODE_ESCAPE,
                                      KEYCODE_LEFT,  KEYCODE_BACKSPACE,
                                      KEYCODE_F(10), KEYCODE_MOUSE_CLICK};
    struct ui_prompt p;

    (void)unused;
    for (int kind = 0; kind < PROMPT_COUNT; kind++)
        assert_int_equal(prompt_is_choice((enum prompt_kind)kind), kind >= PROMPT_BPF);
    prompt_open(&p, PROMPT_BPF, "");
    assert_int_equal(prompt_key(&p, 'y'), PROMPT_ACCEPTED);
    assert_int_equal(prompt_key(&p, KEYCODE_ENTER), PROMPT_ACCEPTED);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(prompt_key(&p, others[i]), PROMPT_LEFT);
    assert_string_equal(p.text, "");
}

static void a_choice_says_as_much_as_there_is_room_for(void **unused)
{
    size_t longest = strlen(prompt_choice_text(PROMPT_BPF, 1000));

    (void)unused;
    for (int cols = 200; cols > 36; cols--) {
        const char *text = prompt_choice_text(PROMPT_BPF, cols);
        assert_true((int)strlen(text) <= cols && strlen(text) <= longest);
        assert_non_null(strstr(text, "y: load"));
        longest = strlen(text);
    }
    assert_true(longest < 40);
}

/* What is asked names exactly the keys that answer it, however narrow the terminal is. */
static void scans_are_chosen_with_the_keys_that_are_offered(void **unused)
{
    static const struct {
        enum prompt_kind kind;
        const char *keys;
    } cases[] = {{PROMPT_SCAN, "saL"},
                 {PROMPT_SCAN_TAGGED, "stalL"},
                 {PROMPT_SCAN_END, "sa"},
                 {PROMPT_SCAN_END_ALL, "a"}};
    struct ui_prompt p;

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint32_t key = 1; key < 0x100; key++) {
            bool offered = strchr(cases[i].keys, (int)key) != NULL;
            prompt_open(&p, cases[i].kind, "");
            assert_int_equal(p.answer, '\0');
            assert_int_equal(prompt_key(&p, key), offered ? PROMPT_ACCEPTED : PROMPT_LEFT);
            assert_int_equal(p.answer, offered ? (int)key : '\0');
        }
        for (int cols = 200; cols >= 60; cols--) {
            const char *text = prompt_choice_text(cases[i].kind, cols);
            assert_true((int)strlen(text) <= cols);
            for (const char *key = cases[i].keys; *key != '\0'; key++)
                assert_non_null(strstr(text, (char[]){' ', *key, ':', '\0'}));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing_replaces_what_stood_there),
        cmocka_unit_test(arrows_and_backspace_edit_what_stood_there),
        cmocka_unit_test(the_cursor_steps_over_whole_characters),
        cmocka_unit_test(a_full_prompt_takes_no_more_and_stays_whole),
        cmocka_unit_test(why_it_was_refused_stands_until_it_is_mended),
        cmocka_unit_test(a_choice_is_made_with_one_key),
        cmocka_unit_test(a_choice_says_as_much_as_there_is_room_for),
        cmocka_unit_test(scans_are_chosen_with_the_keys_that_are_offered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
