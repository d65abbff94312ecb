/* SPDX-License-Identifier: MIT */
/*
 * Prompt: a line of text being typed. Pure.
 */
#ifndef KVMLENS_UI_PROMPT_H
#define KVMLENS_UI_PROMPT_H

#include <stddef.h>
#include <stdint.h>

#define UI_PROMPT_MAX 200

enum prompt_kind {
    PROMPT_NONE,
    PROMPT_DELAY,
    PROMPT_SEARCH, /* moves the selection while it is typed */
    PROMPT_FILTER,
    PROMPT_GUESTS,
    PROMPT_EXPORT,
    PROMPT_COUNT
};

struct ui_prompt {
    enum prompt_kind kind;
    char text[UI_PROMPT_MAX]; /* UTF-8 */
    size_t len;
};

enum prompt_event { PROMPT_IGNORED, PROMPT_CHANGED, PROMPT_ACCEPTED, PROMPT_LEFT };

void prompt_open(struct ui_prompt *prompt, enum prompt_kind kind, const char *text);

/* prompt_key - edit. ACCEPTED (Enter) and LEFT (Esc) do not close it: the caller does. */
enum prompt_event prompt_key(struct ui_prompt *prompt, uint32_t key);

/* prompt_question - what stands before the text */
const char *prompt_question(enum prompt_kind kind);

#endif
