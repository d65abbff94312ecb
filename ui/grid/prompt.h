/* SPDX-License-Identifier: MIT */
/*
 * Prompt: a line of text being typed. Pure.
 */
#ifndef KVMLENS_UI_GRID_PROMPT_H
#define KVMLENS_UI_GRID_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UI_PROMPT_MAX 200
#define UI_REFUSED_MAX 120

enum prompt_kind {
    PROMPT_NONE,
    PROMPT_DELAY,
    PROMPT_SEARCH, /* moves the selection while it is typed */
    PROMPT_FILTER,
    PROMPT_GUESTS,
    PROMPT_EXPORT,
    PROMPT_BPF,  /* a choice: nothing is typed; likewise those that follow */
    PROMPT_SCAN, /* which VMs are scanned; PROMPT_SCAN_TAGGED: where some are tagged */
    PROMPT_SCAN_TAGGED,
    PROMPT_SCAN_END, /* which scans end; PROMPT_SCAN_END_ALL: none of the selected VM is there */
    PROMPT_SCAN_END_ALL,
    PROMPT_COUNT
};

struct ui_prompt {
    enum prompt_kind kind;
    char text[UI_PROMPT_MAX]; /* UTF-8 */
    size_t len;
    size_t cursor; /* the next character goes in before this byte */
    char answer;   /* the key that a choice was accepted with; '\0': none yet */
    bool selected; /* the text is what was there: the first character typed replaces it */
    char refused[UI_REFUSED_MAX]; /* why the text was not accepted; "": it was not tried */
};

enum prompt_event { PROMPT_IGNORED, PROMPT_CHANGED, PROMPT_ACCEPTED, PROMPT_LEFT };

/* prompt_open - @text stands in it, selected. */
void prompt_open(struct ui_prompt *prompt, enum prompt_kind kind, const char *text);

/* prompt_refuse - the text does not do, and why; it stays, to be mended. */
void prompt_refuse(struct ui_prompt *prompt, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * prompt_key - edit: characters, Left, Right, Home, End, Backspace, Del, Ctrl-U. ACCEPTED (Enter)
 * and LEFT (Esc) do not close it: the caller does. A choice is ACCEPTED with a key that it offers
 * (PROMPT_BPF: y or Enter), which is in answer then, and LEFT with all other keys.
 */
enum prompt_event prompt_key(struct ui_prompt *prompt, uint32_t key);

/* prompt_is_choice - is it answered with one key? */
bool prompt_is_choice(enum prompt_kind kind);

/* prompt_choice_text - the question of a choice, in @cols columns or else as short as there is. */
const char *prompt_choice_text(enum prompt_kind kind, int cols);

/* prompt_question - what stands before the text */
const char *prompt_question(enum prompt_kind kind);

#endif
