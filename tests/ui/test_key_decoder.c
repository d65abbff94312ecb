// SPDX-License-Identifier: MIT
// What terminals send, as bytes: each key of each of them, and what is no key of ours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/key_decoder.h"

#define KEYS_MAX 64

/* A key of the table below: all it may be sent as. */
enum column { UP, DOWN, LEFT, RIGHT, HOME, END, PGUP, PGDN, DEL, BTAB, F1, COLUMNS = F1 + 12 };

static const uint32_t codes[COLUMNS] = {
    KEYCODE_UP,      KEYCODE_DOWN,      KEYCODE_LEFT,   KEYCODE_RIGHT,    KEYCODE_HOME,
    KEYCODE_END,     KEYCODE_PAGE_UP,   KEYCODE_PAGE_DOWN, KEYCODE_DELETE, KEYCODE_BACK_TAB,
    KEYCODE_F(1),    KEYCODE_F(2),      KEYCODE_F(3),   KEYCODE_F(4),     KEYCODE_F(5),
    KEYCODE_F(6),    KEYCODE_F(7),      KEYCODE_F(8),   KEYCODE_F(9),     KEYCODE_F(10),
    KEYCODE_F(11),   KEYCODE_F(12),
};

#define E "\033"
#define VT_F5_12                                                                                   \
    E "[15~", E "[17~", E "[18~", E "[19~", E "[20~", E "[21~", E "[23~", E "[24~"
#define VT_F1_4 E "[11~", E "[12~", E "[13~", E "[14~"
#define PF1_4 E "OP", E "OQ", E "OR", E "OS"

/*
 * What these terminals send, whatever terminfo says of them: with cursor keys in normal and in
 * application mode where that differs. NULL: it has no such key, or sends it as another one.
 */
static const struct {
    const char *name;
    const char *keys[COLUMNS];
} terminals[] = {
    {"xterm, application mode",
     {E "OA", E "OB", E "OD", E "OC", E "OH", E "OF", E "[5~", E "[6~", E "[3~", E "[Z", PF1_4,
      VT_F5_12}},
    {"xterm, normal mode",
     {E "[A", E "[B", E "[D", E "[C", E "[H", E "[F", E "[5~", E "[6~", E "[3~", E "[Z", PF1_4,
      VT_F5_12}},
    {"xterm as VT220", {E "[A", E "[B", E "[D", E "[C", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~",
                        E "[Z", VT_F1_4, VT_F5_12}},
    {"screen", {E "OA", E "OB", E "OD", E "OC", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~",
                E "[Z", PF1_4, VT_F5_12}},
    {"tmux", {E "OA", E "OB", E "OD", E "OC", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~", E "[Z",
              PF1_4, VT_F5_12}},
    {"linux", {E "[A", E "[B", E "[D", E "[C", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~", NULL,
               E "[[A", E "[[B", E "[[C", E "[[D", E "[[E", E "[17~", E "[18~", E "[19~", E "[20~",
               E "[21~", E "[23~", E "[24~"}},
    {"vt100", {E "OA", E "OB", E "OD", E "OC", NULL, NULL, NULL, NULL, NULL, NULL, PF1_4}},
    {"vt220, 7 bits", {E "[A", E "[B", E "[D", E "[C", NULL, NULL, E "[5~", E "[6~", E "[3~", NULL,
                       PF1_4, NULL, E "[17~", E "[18~", E "[19~", E "[20~", E "[21~", E "[23~",
                       E "[24~"}},
    {"vt220, 8 bits", {"\233A", "\233B", "\233D", "\233C", NULL, NULL, "\2335~", "\2336~",
                       "\2333~", NULL, "\217P", "\217Q", "\217R", "\217S", NULL, "\23317~"}},
    {"rxvt", {E "[A", E "[B", E "[D", E "[C", E "[7~", E "[8~", E "[5~", E "[6~", E "[3~", E "[Z",
              VT_F1_4, VT_F5_12}},
    {"rxvt, application mode", {E "OA", E "OB", E "OD", E "OC", E "[7~", E "[8~", E "[5~", E "[6~",
                                E "[3~", E "[Z", VT_F1_4, VT_F5_12}},
    {"st, foot, alacritty, kitty, VTE, konsole",
     {E "OA", E "OB", E "OD", E "OC", E "OH", E "OF", E "[5~", E "[6~", E "[3~", E "[Z", PF1_4,
      VT_F5_12}},
    {"st, Home as of an IBM keyboard", {E "[A", E "[B", E "[D", E "[C", E "[H", E "[4~"}},
    {"PuTTY", {E "OA", E "OB", E "OD", E "OC", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~", E "[Z",
               VT_F1_4, VT_F5_12}},
    {"cygwin", {E "[A", E "[B", E "[D", E "[C", E "[1~", E "[4~", E "[5~", E "[6~", E "[3~",
                E "[Z", E "[[A", E "[[B", E "[[C", E "[[D", E "[[E"}},
    {"a modifier that stands for none", {E "[1;1A", E "[1;1B", E "[1;1D", E "[1;1C", E "[1;1H",
                                         E "[1;1F", E "[5;1~", E "[6;1~", E "[3;1~"}},
};

/* No key of ours, and no key at all. */
static const struct {
    const char *name, *bytes;
} swallowed[] = {
    {"focus in", E "[I"},
    {"focus out", E "[O"},
    {"xterm Ctrl-Right", E "[1;5C"},
    {"xterm Shift-Up", E "[1;2A"},
    {"xterm Ctrl-PgUp", E "[5;5~"},
    {"xterm Ctrl-Delete", E "[3;5~"},
    {"xterm Shift-F5", E "[15;2~"},
    {"xterm Shift-F1", E "[1;2P"},
    {"xterm, older: Shift-F1", E "O2P"},
    {"konsole, older: Ctrl-F1", E "O1;5P"},
    {"xterm modifyOtherKeys Ctrl-1", E "[27;5;49~"},
    {"CSI u Ctrl-1", E "[49;5u"},
    {"kitty, with the kind of event", E "[1;1:3A"},
    {"kitty, lock keys", E "[57358u"},
    {"Insert", E "[2~"},
    {"F13", E "[25~"},
    {"F20", E "[34~"},
    {"number pad 5", E "[E"},
    {"screen, linux, vt100: Ctrl-PgUp", E "[5^"},
    {"rxvt Ctrl-PgUp", E "[5^"},
    {"rxvt Shift-Delete", E "[3$"},
    {"rxvt Ctrl-Shift-Delete", E "[3@"},
    {"rxvt Ctrl-Right", E "Oc"},
    {"rxvt Shift-Right", E "[c"},
    {"rxvt Alt-Up", E E "[A"},
    {"rxvt Alt-F1", E E "[11~"},
    {"Alt-F4 with ESC before SS3", E E "OS"},
    {"Alt-Up, xterm", E "[1;3A"},
    {"Alt-x", E "x"},
    {"Alt-q", E "q"},
    {"Alt-Enter", E "\r"},
    {"Alt-Backspace", E "\177"},
    {"Alt-e with a mark", E "\303\251"},
    {"Alt with a letter that ends in what looks like CSI", E "\305\233"},
    {"where the cursor is", E "[24;80R"},
    {"what the terminal is", E "[?64;1;2;6;22c"},
    {"what it is, second answer", E "[>41;354;0c"},
    {"whether a mode is set", E "[?2026;2$y"},
    {"its size", E "[8;24;80t"},
    {"its colours", E "]11;rgb:0000/0000/0000\007"},
    {"its colours, ended by ST", E "]11;rgb:0000/0000/0000" E "\\"},
    {"what it is called", E "P>|XTerm(390)" E "\\"},
    {"a title with a character that holds 9C", E "]2;\346\234\254 q\007"},
    {"APC", E "_Gi=31;OK" E "\\"},
    {"PM", E "^q" E "\\"},
    {"SOS", E "Xq" E "\\"},
    {"a string that is called off", E "]11;q\030"},
    {"a sequence that is called off", E "[1;5\032"},
    {"right button", E "[<2;5;5M"},
    {"a button that is let go", E "[<0;5;5m"},
    {"wheel with Ctrl", E "[<80;5;5M"},
    {"the mouse moves", E "[<35;5;5M"},
    {"too many numbers", E "[1;2;3;4;5;6;7;8;9A"},
    {"a number that is too large", E "[99999999999999999999~"},
    {"longer than any", E "[11111111111111111111111111111111111111111111111111111111111111~"},
    {"8 bits: focus in", "\233I"},
    {"8 bits in UTF-8: focus in", "\302\233I"},
    {"a character set", E "(B"},
    {"not UTF-8", "\377"},
    {"half a character", "\303"},
};

struct taken {
    struct ui_key keys[KEYS_MAX];
    size_t count;
};

static void put(struct taken *t, struct ui_key key)
{
    assert_true(t->count < KEYS_MAX);
    t->keys[t->count++] = key;
}

static void feed(struct key_decoder *d, const char *bytes, size_t len, struct taken *t)
{
    struct ui_key key;

    for (size_t i = 0; i < len; i++)
        if (key_decoder_byte(d, (unsigned char)bytes[i], &key))
            put(t, key);
}

static void pause_now(struct key_decoder *d, struct taken *t)
{
    struct ui_key key;

    if (key_decoder_patience(d) >= 0 && key_decoder_pause(d, &key))
        put(t, key);
}

static void decode(const char *bytes, struct taken *t)
{
    struct key_decoder d;

    *t = (struct taken){.count = 0};
    key_decoder_init(&d);
    feed(&d, bytes, strlen(bytes), t);
    pause_now(&d, t);
    assert_int_equal(key_decoder_patience(&d), -1);
}

static void expect(const char *name, const char *bytes, uint32_t code)
{
    struct taken t;

    decode(bytes, &t);
    if (t.count != (code != KEYCODE_NONE) || (code && t.keys[0].code != code)) {
        printf("%s:", name);
        for (size_t i = 0; i < t.count; i++)
            printf(" %#x", (unsigned)t.keys[i].code);
        puts("");
        fail();
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void each_key_of_each_terminal_is_understood(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(terminals) / sizeof(terminals[0]); i++)
        for (int k = 0; k < COLUMNS; k++)
            if (terminals[i].keys[k])
                expect(terminals[i].name, terminals[i].keys[k], codes[k]);
}

static void a_sequence_that_is_no_key_is_swallowed_whole(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(swallowed) / sizeof(swallowed[0]); i++)
        expect(swallowed[i].name, swallowed[i].bytes, KEYCODE_NONE);
}

static void the_key_behind_a_swallowed_sequence_is_a_key_again(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(swallowed) / sizeof(swallowed[0]); i++) {
        struct key_decoder d;
        struct taken t = {.count = 0};

        key_decoder_init(&d);
        feed(&d, swallowed[i].bytes, strlen(swallowed[i].bytes), &t);
        feed(&d, "q", 1, &t);
        if (t.count != 1 || t.keys[0].code != 'q')
            print_message("%s\n", swallowed[i].name);
        assert_int_equal(t.count, 1);
        assert_int_equal(t.keys[0].code, 'q');
    }
}

/* A network tears a sequence anywhere. Behind ESC, where the wait is short, that may cost an Esc,
 * which closes and never does anything; the rest is no command even then. */
static void a_sequence_that_arrives_in_pieces_is_no_command(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(swallowed) / sizeof(swallowed[0]); i++) {
        const char *bytes = swallowed[i].bytes;
        for (size_t cut = 1; cut < strlen(bytes); cut++) {
            struct key_decoder d;
            struct taken t = {.count = 0};

            key_decoder_init(&d);
            feed(&d, bytes, cut, &t);
            feed(&d, bytes + cut, strlen(bytes + cut), &t);
            pause_now(&d, &t);
            assert_int_equal(t.count, 0);
        }
    }
    struct key_decoder d;
    struct taken t = {.count = 0};

    key_decoder_init(&d);
    feed(&d, E, 1, &t);
    pause_now(&d, &t);
    feed(&d, "[I", 2, &t);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.keys[0].code, KEYCODE_ESCAPE);
}

static void a_lone_escape_is_a_key_once_nothing_follows(void **unused)
{
    struct key_decoder d;
    struct taken t = {.count = 0};

    (void)unused;
    key_decoder_init(&d);
    feed(&d, E, 1, &t);
    assert_int_equal(t.count, 0);
    assert_in_range(key_decoder_patience(&d), 1, 100);
    pause_now(&d, &t);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.keys[0].code, KEYCODE_ESCAPE);
    feed(&d, "[", 1, &t); /* a person goes on with this key */
    pause_now(&d, &t);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.keys[1].code, '[');
    feed(&d, "[", 1, &t);
    assert_int_equal(t.count, 3);
}

static void escape_that_is_held_down_is_pressed_again_and_again(void **unused)
{
    struct taken t;

    (void)unused;
    decode(E E E E, &t);
    assert_true(t.count >= 3);
    for (size_t i = 0; i < t.count; i++)
        assert_int_equal(t.keys[i].code, KEYCODE_ESCAPE);
}

/* Two keys in two reads, as of a script or a slow terminal. */
static void escape_and_then_a_function_key_are_two_keys(void **unused)
{
    struct key_decoder d;
    struct taken t = {.count = 0};
    struct ui_key key;

    (void)unused;
    key_decoder_init(&d);
    feed(&d, E, 1, &t);
    assert_true(key_decoder_chunk(&d, 033, &key));
    assert_int_equal(key.code, KEYCODE_ESCAPE);
    feed(&d, E "OP", 3, &t);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.keys[0].code, KEYCODE_F(1));
    assert_false(key_decoder_chunk(&d, 033, &key));
}

static void what_is_pasted_is_marked_and_holds_no_other_key(void **unused)
{
    static const char text[] = E "[200~q[" E "[A" E "x\r\303\251" E "[201~]";
    struct taken t;

    (void)unused;
    decode(text, &t);
    assert_int_equal(t.count, 5);
    for (size_t i = 0; i < t.count; i++)
        assert_int_equal(t.keys[i].pasted, i < 4);
    assert_int_equal(t.keys[0].code, 'q');
    assert_int_equal(t.keys[1].code, '[');
    assert_int_equal(t.keys[2].code, KEYCODE_ENTER);
    assert_int_equal(t.keys[3].code, 0xe9);
    assert_int_equal(t.keys[4].code, ']');
}

static void a_paste_without_an_end_ends_with_a_pause(void **unused)
{
    struct key_decoder d;
    struct taken t = {.count = 0};

    (void)unused;
    key_decoder_init(&d);
    feed(&d, E "[200~x", 7, &t);
    assert_in_range(key_decoder_patience(&d), 500, 10000);
    pause_now(&d, &t);
    feed(&d, "q", 1, &t);
    assert_int_equal(t.count, 2);
    assert_false(t.keys[1].pasted);
}

static void the_mouse_is_understood_in_both_encodings(void **unused)
{
    static const struct {
        const char *bytes;
        uint32_t code;
        int y, x;
    } cases[] = {
        {E "[<0;7;3M", KEYCODE_MOUSE_CLICK, 2, 6},
        {E "[<64;200;50M", KEYCODE_MOUSE_WHEEL_UP, 49, 199},
        {E "[<65;1;1M", KEYCODE_MOUSE_WHEEL_DOWN, 0, 0},
        {E "[M '#", KEYCODE_MOUSE_CLICK, 2, 6},
        {E "[M`!!", KEYCODE_MOUSE_WHEEL_UP, 0, 0},
        {E "[M \351\"", KEYCODE_MOUSE_CLICK, 1, 200},
    };
    struct taken t;

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        decode(cases[i].bytes, &t);
        assert_int_equal(t.count, 1);
        assert_int_equal(t.keys[0].code, cases[i].code);
        assert_int_equal(t.keys[0].y, cases[i].y);
        assert_int_equal(t.keys[0].x, cases[i].x);
    }
    expect("let go", E "[M#!!", KEYCODE_NONE);
    expect("outside", E "[<0;0;0M", KEYCODE_NONE);
}

static void characters_and_controls_are_themselves(void **unused)
{
    struct taken t;

    (void)unused;
    decode("q\t\r\n\014\177\b \303\251\342\202\254\360\237\230\200", &t);
    const uint32_t expected[] = {'q', KEYCODE_TAB, KEYCODE_ENTER, KEYCODE_ENTER, 12,
                                 KEYCODE_BACKSPACE, KEYCODE_BACKSPACE, ' ', 0xe9, 0x20ac, 0x1f600};
    assert_int_equal(t.count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < t.count; i++)
        assert_int_equal(t.keys[i].code, expected[i]);
}

static void a_number_pad_in_application_mode_types_numbers(void **unused)
{
    struct taken t;

    (void)unused;
    decode(E "Or" E "On" E "Ou" E "OM", &t);
    assert_int_equal(t.count, 4);
    assert_int_equal(t.keys[0].code, '2');
    assert_int_equal(t.keys[1].code, '.');
    assert_int_equal(t.keys[2].code, '5');
    assert_int_equal(t.keys[3].code, KEYCODE_ENTER);
}

/* What terminfo tells of this terminal stands above the table; what nobody sends is not learned. */
static void keys_of_terminfo_are_learned(void **unused)
{
    struct key_decoder d;
    struct taken t = {.count = 0};

    (void)unused;
    key_decoder_init(&d);
    key_decoder_learn(&d, E "[214z", KEYCODE_HOME);  /* sun */
    key_decoder_learn(&d, E "Ot", KEYCODE_F(5));     /* vt100 */
    key_decoder_learn(&d, E "P", KEYCODE_F(1));      /* vt52: would begin a string */
    key_decoder_learn(&d, E "[", KEYCODE_F(2));
    key_decoder_learn(&d, E, KEYCODE_F(3));
    key_decoder_learn(&d, E E, KEYCODE_F(3));
    key_decoder_learn(&d, "\b", KEYCODE_LEFT);
    key_decoder_learn(&d, NULL, KEYCODE_UP);
    assert_int_equal(d.learned_count, 2);
    feed(&d, E "[214z" E "Ot" E "[A" E "OA" E E "Ot", 18, &t);
    assert_int_equal(t.count, 4);
    assert_int_equal(t.keys[0].code, KEYCODE_HOME);
    assert_int_equal(t.keys[1].code, KEYCODE_F(5));
    assert_int_equal(t.keys[2].code, KEYCODE_UP);
    assert_int_equal(t.keys[3].code, KEYCODE_UP);
    for (int i = 0; i < 2 * KEY_LEARNED_MAX; i++)
        key_decoder_learn(&d, E "[1z", KEYCODE_UP);
    assert_int_equal(d.learned_count, KEY_LEARNED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_of_each_terminal_is_understood),
        cmocka_unit_test(a_sequence_that_is_no_key_is_swallowed_whole),
        cmocka_unit_test(the_key_behind_a_swallowed_sequence_is_a_key_again),
        cmocka_unit_test(a_sequence_that_arrives_in_pieces_is_no_command),
        cmocka_unit_test(a_lone_escape_is_a_key_once_nothing_follows),
        cmocka_unit_test(escape_that_is_held_down_is_pressed_again_and_again),
        cmocka_unit_test(escape_and_then_a_function_key_are_two_keys),
        cmocka_unit_test(what_is_pasted_is_marked_and_holds_no_other_key),
        cmocka_unit_test(a_paste_without_an_end_ends_with_a_pause),
        cmocka_unit_test(the_mouse_is_understood_in_both_encodings),
        cmocka_unit_test(characters_and_controls_are_themselves),
        cmocka_unit_test(a_number_pad_in_application_mode_types_numbers),
        cmocka_unit_test(keys_of_terminfo_are_learned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
