// SPDX-License-Identifier: MIT
/*
 * Any bytes from a terminal, torn anywhere: keys are characters or keys of the table, a pause
 * brings the decoder back to where a plain character is a key, and no byte of a sequence that
 * begins by CSI or SS3 becomes a command.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/grid/key_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const struct key_decoder *d, const struct ui_key *key)
{
    bool mouse = key->code == KEYCODE_MOUSE_CLICK || key->code == KEYCODE_MOUSE_WHEEL_UP ||
                 key->code == KEYCODE_MOUSE_WHEEL_DOWN;
    bool character = key->code > 0 && key->code <= 0x10FFFF &&
                     !(key->code >= 0x80 && key->code < 0xA0) &&
                     !(key->code >= 0xD800 && key->code < 0xE000);
    bool special = key->code >= KEYCODE_UP && key->code <= KEYCODE_F(12);

    if (!character && !special)
        abort();
    if (mouse ? key->y < 0 || key->x < 0 : key->y != 0 || key->x != 0)
        abort();
    if (key->pasted && (special || !d->pasting))
        abort();
}

static void pauses_end_everything(struct key_decoder *d)
{
    struct ui_key key;

    for (int i = 0; key_decoder_patience(d) >= 0; i++) {
        if (i > 1)
            abort();
        if (key_decoder_pause(d, &key))
            check_key(d, &key);
    }
    if (!key_decoder_byte(d, 'q', &key) || key.code != 'q' || key.pasted)
        abort();
}

/* Between what begins a sequence and its last byte there is no key. */
static void check_sequence(const uint8_t *data, size_t size)
{
    struct key_decoder d;
    struct ui_key key;
    size_t n = 0;

    key_decoder_init(&d);
    if (key_decoder_byte(&d, 033, &key) || key_decoder_byte(&d, '[', &key))
        abort();
    for (; n < size && data[n] >= 0x20 && data[n] < 0x40 && data[n] != '$'; n++)
        if (key_decoder_byte(&d, data[n], &key))
            abort();
    if (d.place != KEY_CSI)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_decoder d;
    struct ui_key key;

    key_decoder_init(&d);
    key_decoder_learn(&d, "\033Ot", KEYCODE_F(5));
    key_decoder_learn(&d, "\033[214z", KEYCODE_HOME);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 0xFE) { /* no byte of a key: a pause, and then another read */
            if (key_decoder_pause(&d, &key))
                check_key(&d, &key);
            continue;
        }
        if (data[i] == 0xFD && i + 1 < size && key_decoder_chunk(&d, data[i + 1], &key))
            check_key(&d, &key);
        if (key_decoder_byte(&d, data[i], &key))
            check_key(&d, &key);
        if (d.len > KEY_SEQUENCE_MAX + 1 || (d.place == KEY_GROUND && d.len != 0))
            abort();
    }
    pauses_end_everything(&d);
    check_sequence(data, size);
    return 0;
}
