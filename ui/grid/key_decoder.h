/* SPDX-License-Identifier: MIT */
/*
 * Key decoder: the bytes that a terminal sends become keys. Pure: no terminal, no clock.
 *
 * A sequence counts as a whole, also one that arrives in pieces and one that nobody knows: none of
 * its bytes is ever taken for a key of its own. Keys with Ctrl, Alt or Shift that a terminal sends
 * as a sequence are nobody's keys, and so are its answers and reports.
 */
#ifndef KVMLENS_UI_GRID_KEY_DECODER_H
#define KVMLENS_UI_GRID_KEY_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/grid/keys.h"

#define KEY_SEQUENCE_MAX 32 /* bytes of a sequence that can mean something */
#define KEY_LEARNED_MAX 32

enum key_decoder_place {
    KEY_GROUND,
    KEY_UTF8,       /* within a character */
    KEY_ESCAPE,     /* behind ESC: the key, Alt, or the beginning of a sequence */
    KEY_ESCAPE_TWICE,
    KEY_ESCAPE_MORE, /* ESC ( and the like: one byte follows */
    KEY_CSI,        /* ESC [ ... */
    KEY_CSI_LINUX,  /* ESC [ [: one byte follows */
    KEY_CSI_MOUSE,  /* ESC [ M: three bytes follow */
    KEY_SS3,        /* ESC O ... */
    KEY_STRING,     /* ESC ] P X ^ _: up to ST or BEL */
};

struct key_decoder {
    enum key_decoder_place place;
    unsigned char bytes[KEY_SEQUENCE_MAX]; /* of what is not complete, as if it had begun by ESC */
    size_t len;         /* more than KEY_SEQUENCE_MAX: the rest was dropped */
    bool alt;           /* behind a second ESC */
    bool pasting;       /* between the brackets of a paste */
    bool after_escape;  /* a pause has made ESC a key: was it one? */
    bool late;          /* the sequence began behind such an ESC */
    struct {
        unsigned char bytes[KEY_SEQUENCE_MAX];
        size_t len;
        uint32_t code;
    } learned[KEY_LEARNED_MAX];
    size_t learned_count;
};

void key_decoder_init(struct key_decoder *decoder);

/*
 * key_decoder_learn - @sequence, which begins with ESC, is the key @code on this terminal, whatever
 * it is on others. What could be the beginning of any sequence is not learned; NULL ok.
 */
void key_decoder_learn(struct key_decoder *decoder, const char *sequence, uint32_t code);

/*
 * key_decoder_chunk - bytes were read that begin with @first. Alt with a key comes in one read, so
 * an ESC that an earlier read ended with was the key when another ESC follows; true: that is @ret.
 */
bool key_decoder_chunk(struct key_decoder *decoder, unsigned char first, struct ui_key *ret);

/* key_decoder_byte - the next byte; true: it completes the key @ret. */
bool key_decoder_byte(struct key_decoder *decoder, unsigned char byte, struct ui_key *ret);

/*
 * key_decoder_patience - so many milliseconds without a byte decide what came so far:
 * key_decoder_pause is to be called then. -1: nothing is open.
 */
int key_decoder_patience(const struct key_decoder *decoder);

/* key_decoder_pause - no byte came for that long; true: that makes the key @ret. */
bool key_decoder_pause(struct key_decoder *decoder, struct ui_key *ret);

#endif
