// SPDX-License-Identifier: MIT
// Sequences as ECMA-48, xterm, the Linux console and rxvt make them.
#include "ui/grid/key_decoder.h"

#include <string.h>

#include "core/base/text.h"

#define ESC 0x1b
#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define CSI_8BIT 0x9b
#define SS3_8BIT 0x8f

/* A key is written by the terminal at once, so its bytes come together; a network may tear them. */
#define LONE_ESCAPE_MS 25
#define SEQUENCE_MS 500
#define PASTE_MS 1000

#define PARAMETERS_MAX 4
#define PASTE_BEGIN 200
#define PASTE_END 201

/* CSI without parameters, and SS3: the letter. */
static const struct {
    char letter;
    bool csi, ss3;
    uint32_t code;
} letters[] = {
    {'A', true, true, KEYCODE_UP},         {'B', true, true, KEYCODE_DOWN},
    {'C', true, true, KEYCODE_RIGHT},      {'D', true, true, KEYCODE_LEFT},
    {'F', true, true, KEYCODE_END},        {'H', true, true, KEYCODE_HOME},
    {'Z', true, false, KEYCODE_BACK_TAB},  {'P', false, true, KEYCODE_F(1)},
    {'Q', false, true, KEYCODE_F(2)},      {'R', false, true, KEYCODE_F(3)},
    {'S', false, true, KEYCODE_F(4)},
    /* The number pad in application mode. */
    {'M', false, true, KEYCODE_ENTER},     {'I', false, true, KEYCODE_TAB},
    {' ', false, true, ' '},               {'X', false, true, '='},
    {'j', false, true, '*'},               {'k', false, true, '+'},
    {'l', false, true, ','},               {'m', false, true, '-'},
    {'n', false, true, '.'},               {'o', false, true, '/'},
    {'p', false, true, '0'},               {'q', false, true, '1'},
    {'r', false, true, '2'},               {'s', false, true, '3'},
    {'t', false, true, '4'},               {'u', false, true, '5'},
    {'v', false, true, '6'},               {'w', false, true, '7'},
    {'x', false, true, '8'},               {'y', false, true, '9'},
};

/* CSI number ~ */
static const struct {
    unsigned number;
    uint32_t code;
} tildes[] = {
    {1, KEYCODE_HOME},   {3, KEYCODE_DELETE},    {4, KEYCODE_END},  {5, KEYCODE_PAGE_UP},
    {6, KEYCODE_PAGE_DOWN}, {7, KEYCODE_HOME},   {8, KEYCODE_END},  {11, KEYCODE_F(1)},
    {12, KEYCODE_F(2)},  {13, KEYCODE_F(3)},     {14, KEYCODE_F(4)}, {15, KEYCODE_F(5)},
    {17, KEYCODE_F(6)},  {18, KEYCODE_F(7)},     {19, KEYCODE_F(8)}, {20, KEYCODE_F(9)},
    {21, KEYCODE_F(10)}, {23, KEYCODE_F(11)},    {24, KEYCODE_F(12)},
};

void key_decoder_init(struct key_decoder *d)
{
    *d = (struct key_decoder){.place = KEY_GROUND};
}

void key_decoder_learn(struct key_decoder *d, const char *sequence, uint32_t code)
{
    size_t len = sequence != NULL ? strlen(sequence) : 0;

    if (len < 2 || len > KEY_SEQUENCE_MAX || sequence[0] != ESC || sequence[1] == ESC ||
        d->learned_count == KEY_LEARNED_MAX)
        return;
    if (len == 2 && strchr("[O]PX^_", sequence[1]) != NULL)
        return;
    memcpy(d->learned[d->learned_count].bytes, sequence, len);
    d->learned[d->learned_count].len = len;
    d->learned[d->learned_count++].code = code;
}

/* --- one step --------------------------------------------------------------------------------- */

static void to_ground(struct key_decoder *d)
{
    d->place = KEY_GROUND;
    d->len = 0;
    d->alt = d->late = false;
}

static void append(struct key_decoder *d, unsigned char byte)
{
    if (d->len < KEY_SEQUENCE_MAX)
        d->bytes[d->len] = byte;
    if (d->len <= KEY_SEQUENCE_MAX)
        d->len++;
}

static void begin(struct key_decoder *d, enum key_decoder_place place, const char *bytes)
{
    to_ground(d);
    d->place = place;
    d->len = strlen(bytes);
    memcpy(d->bytes, bytes, d->len);
}

/* A key that is complete; KEYCODE_NONE is none. */
static bool give(struct key_decoder *d, uint32_t code, struct ui_key *ret)
{
    to_ground(d);
    *ret = (struct ui_key){.code = code, .pasted = d->pasting};
    return code != KEYCODE_NONE;
}

/* Characters: those of UTF-8, and controls. */
static bool give_character(struct key_decoder *d, uint32_t code, struct ui_key *ret)
{
    bool control_8bit = code >= 0x80 && code < 0xA0;

    if (code == 0xFFFD || control_8bit)
        code = KEYCODE_NONE;
    return give(d, code == '\n' ? KEYCODE_ENTER : code == '\b' ? KEYCODE_BACKSPACE : code, ret);
}

/* A sequence that is complete. What was pasted holds no keys but characters. */
static bool give_sequence(struct key_decoder *d, uint32_t code, struct ui_key *ret)
{
    return give(d, d->alt || d->pasting ? (uint32_t)KEYCODE_NONE : code, ret);
}

/* --- sequences that are complete -------------------------------------------------------------- */

static bool find_learned(const struct key_decoder *d, uint32_t *ret)
{
    for (size_t i = 0; i < d->learned_count; i++)
        if (d->learned[i].len == d->len && memcmp(d->learned[i].bytes, d->bytes, d->len) == 0) {
            *ret = d->learned[i].code;
            return true;
        }
    return false;
}

static uint32_t find_letter(unsigned char letter, bool csi)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if ((unsigned char)letters[i].letter == letter && (csi ? letters[i].csi : letters[i].ss3))
            return letters[i].code;
    return KEYCODE_NONE;
}

/* Numbers from @at to the last byte; false: there are other things between, or too many. */
static bool read_parameters(const struct key_decoder *d, size_t at, unsigned ret[PARAMETERS_MAX],
                            size_t *ret_count)
{
    *ret_count = 0;
    memset(ret, 0, PARAMETERS_MAX * sizeof(ret[0]));
    if (at + 1 < d->len)
        *ret_count = 1;
    for (; at + 1 < d->len; at++) {
        unsigned *number = &ret[*ret_count - 1];
        if (d->bytes[at] == ';') {
            if (++*ret_count > PARAMETERS_MAX)
                return false;
        } else if (d->bytes[at] >= '0' && d->bytes[at] <= '9' && *number < 100000) {
            *number = *number * 10 + (d->bytes[at] - '0');
        } else {
            return false;
        }
    }
    return true;
}

/* @button as xterm counts them, the cell from 1. Buttons with Shift, Ctrl or Alt are others. */
static bool give_mouse(struct key_decoder *d, unsigned button, unsigned x, unsigned y,
                       struct ui_key *ret)
{
    uint32_t code = button == 0    ? KEYCODE_MOUSE_CLICK
                    : button == 64 ? KEYCODE_MOUSE_WHEEL_UP
                    : button == 65 ? KEYCODE_MOUSE_WHEEL_DOWN
                                   : KEYCODE_NONE;
    bool pressed = give_sequence(d, x > 0 && y > 0 ? code : (uint32_t)KEYCODE_NONE, ret);

    ret->y = (int)y - 1;
    ret->x = (int)x - 1;
    return pressed;
}

static bool end_csi(struct key_decoder *d, unsigned char last, struct ui_key *ret)
{
    unsigned p[PARAMETERS_MAX];
    size_t count;

    if (d->len > KEY_SEQUENCE_MAX)
        return give_sequence(d, KEYCODE_NONE, ret);
    if (d->bytes[2] == '<' && (last == 'M' || last == 'm')) {
        if (!read_parameters(d, 3, p, &count) || count != 3 || last == 'm')
            return give_sequence(d, KEYCODE_NONE, ret);
        return give_mouse(d, p[0], p[1], p[2], ret);
    }
    if (!read_parameters(d, 2, p, &count))
        return give_sequence(d, KEYCODE_NONE, ret);
    if (last == '~' && count == 1 && (p[0] == PASTE_BEGIN || p[0] == PASTE_END)) {
        d->pasting = p[0] == PASTE_BEGIN;
        return give_sequence(d, KEYCODE_NONE, ret);
    }
    /* The second number tells what was held with the key: 1 stands for nothing. */
    bool plain = count < 2 || (count == 2 && p[1] == 1);
    if (plain && last == '~')
        for (size_t i = 0; i < sizeof(tildes) / sizeof(tildes[0]); i++)
            if (tildes[i].number == p[0])
                return give_sequence(d, tildes[i].code, ret);
    if (plain && (count == 0 || p[0] <= 1))
        return give_sequence(d, find_letter(last, true), ret);
    return give_sequence(d, KEYCODE_NONE, ret);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static bool byte_on_ground(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    bool after_escape = d->after_escape;

    d->after_escape = false;
    if (byte == ESC || byte == CSI_8BIT || byte == SS3_8BIT) {
        begin(d, byte == ESC ? KEY_ESCAPE : byte == CSI_8BIT ? KEY_CSI : KEY_SS3,
              byte == ESC ? "\033" : byte == CSI_8BIT ? "\033[" : "\033O");
        return false;
    }
    if (after_escape && (byte == '[' || byte == 'O')) {
        begin(d, byte == '[' ? KEY_CSI : KEY_SS3, byte == '[' ? "\033[" : "\033O");
        d->late = true;
        return false;
    }
    if (byte >= 0xC2 && byte < 0xF5) {
        begin(d, KEY_UTF8, "");
        append(d, byte);
        return false;
    }
    return give_character(d, byte < 0x80 ? byte : (uint32_t)KEYCODE_NONE, ret);
}

/* A byte that cannot belong to what is open, as of another key: it begins anew. */
static bool byte_begins_anew(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    to_ground(d);
    return byte == CAN || byte == SUB ? false : byte_on_ground(d, byte, ret);
}

static bool byte_in_utf8(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    size_t need = d->bytes[0] < 0xE0 ? 2 : d->bytes[0] < 0xF0 ? 3 : 4;
    uint32_t code = KEYCODE_NONE;

    if ((byte & 0xC0) != 0x80)
        return byte_begins_anew(d, byte, ret);
    append(d, byte);
    if (d->len < need)
        return false;
    text_decode((const char *)d->bytes, d->len, &code);
    if (d->alt)
        return give(d, KEYCODE_NONE, ret);
    if (code == CSI_8BIT || code == SS3_8BIT)
        return byte_on_ground(d, (unsigned char)code, ret);
    return give_character(d, code, ret);
}

/* Behind ESC. */
static bool byte_in_escape(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    bool twice = d->place == KEY_ESCAPE_TWICE, pasting = d->pasting;

    if (byte == ESC) { /* the key held down; or Alt with a key that is a sequence */
        d->place = KEY_ESCAPE_TWICE;
        d->alt = true;
        *ret = (struct ui_key){.code = KEYCODE_ESCAPE};
        return twice && !pasting;
    }
    d->place = byte == '['                             ? KEY_CSI
               : byte == 'O'                           ? KEY_SS3
               : byte && strchr("]PX^_", byte) != NULL ? KEY_STRING
               : byte >= 0x20 && byte < 0x30           ? KEY_ESCAPE_MORE
                                                       : KEY_ESCAPE;
    if (d->place != KEY_ESCAPE)
        return false;
    if (byte >= 0x80) { /* Alt with such a character: all of it */
        begin(d, KEY_UTF8, "");
        append(d, byte);
        d->alt = true;
        return false;
    }
    /* Alt with a key. Behind two ESC the first was Esc. */
    return give(d, twice && !pasting ? KEYCODE_ESCAPE : KEYCODE_NONE, ret);
}

/* ESC ( B and the like. */
static bool byte_in_escape_more(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    if (byte < 0x20 || byte >= 0x7f)
        return byte_begins_anew(d, byte, ret);
    return byte >= 0x30 ? give(d, KEYCODE_NONE, ret) : false;
}

static bool byte_in_csi(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    unsigned p[PARAMETERS_MAX];
    size_t count;

    if (byte < 0x20 || byte >= 0x7f)
        return byte_begins_anew(d, byte, ret);
    if (d->len == 3 && (byte == '[' || byte == 'M')) {
        d->place = byte == '[' ? KEY_CSI_LINUX : KEY_CSI_MOUSE;
        return false;
    }
    /* rxvt: Shift. Elsewhere it stands before the last byte, as in answers: ESC [ ? 1 ; 2 $ y */
    if (byte == '$' && d->len <= KEY_SEQUENCE_MAX && read_parameters(d, 2, p, &count) && count == 1)
        return give_sequence(d, KEYCODE_NONE, ret);
    return byte >= 0x40 ? end_csi(d, byte, ret) : false;
}

static bool byte_in_ss3(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    bool digit = (byte >= '0' && byte <= '9') || byte == ';'; /* what was held with the key */

    if (byte < 0x20 || byte >= 0x7f)
        return byte_begins_anew(d, byte, ret);
    if (digit)
        return false;
    return give_sequence(d, d->len == 3 ? find_letter(byte, false) : (uint32_t)KEYCODE_NONE, ret);
}

static bool byte_in_string(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    if (byte == ESC) /* of ST, ESC \, which is then swallowed as Alt is; or the key */
        return byte_begins_anew(d, byte, ret);
    if (byte == BEL || byte == CAN || byte == SUB)
        to_ground(d);
    return false;
}

bool key_decoder_byte(struct key_decoder *d, unsigned char byte, struct ui_key *ret)
{
    uint32_t code;

    *ret = (struct ui_key){.code = KEYCODE_NONE};
    if (d->place == KEY_GROUND)
        return byte_on_ground(d, byte, ret);
    if (d->place == KEY_UTF8)
        return byte_in_utf8(d, byte, ret);
    if (d->place == KEY_STRING)
        return byte_in_string(d, byte, ret);
    if (byte != ESC)
        append(d, byte);
    if (d->place != KEY_CSI_MOUSE && find_learned(d, &code))
        return give_sequence(d, code, ret);
    switch (d->place) {
    case KEY_CSI:
        return byte_in_csi(d, byte, ret);
    case KEY_CSI_LINUX:
        code = byte >= 'A' && byte <= 'E' ? KEYCODE_F(byte - 'A' + 1u) : (uint32_t)KEYCODE_NONE;
        return byte < 0x20 || byte >= 0x7f ? byte_begins_anew(d, byte, ret)
                                           : give_sequence(d, code, ret);
    case KEY_CSI_MOUSE:
        if (byte < 0x20)
            return byte_begins_anew(d, byte, ret);
        return d->len == 6 ? give_mouse(d, d->bytes[3] - 32u, d->bytes[4] - 32u, d->bytes[5] - 32u,
                                        ret)
                           : false;
    case KEY_SS3:
        return byte_in_ss3(d, byte, ret);
    case KEY_ESCAPE_MORE:
        return byte_in_escape_more(d, byte, ret);
    default:
        return byte_in_escape(d, byte, ret);
    }
}

/* --- pauses ----------------------------------------------------------------------------------- */

int key_decoder_patience(const struct key_decoder *d)
{
    switch (d->place) {
    case KEY_GROUND:
        return d->pasting ? PASTE_MS : -1;
    case KEY_ESCAPE:
    case KEY_ESCAPE_TWICE:
        return LONE_ESCAPE_MS;
    default:
        return d->late && d->len == 2 ? LONE_ESCAPE_MS : SEQUENCE_MS;
    }
}

bool key_decoder_pause(struct key_decoder *d, struct ui_key *ret)
{
    uint32_t code = KEYCODE_NONE;

    if (d->place == KEY_ESCAPE_TWICE || d->place == KEY_ESCAPE) {
        code = d->pasting ? (uint32_t)KEYCODE_NONE : KEYCODE_ESCAPE;
        d->after_escape = true; /* what if a network held the rest of the sequence back? */
    } else if (d->late && d->len == 2) {
        code = d->bytes[1]; /* no: Esc and this one were typed */
    }
    d->pasting = false; /* its end is lost, or somebody presses Esc */
    return give(d, code, ret);
}

bool key_decoder_chunk(struct key_decoder *d, unsigned char first, struct ui_key *ret)
{
    *ret = (struct ui_key){.code = KEYCODE_NONE};
    return d->place == KEY_ESCAPE && first == ESC && !d->pasting && key_decoder_pause(d, ret);
}
