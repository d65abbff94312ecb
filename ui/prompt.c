// SPDX-License-Identifier: MIT
#include "ui/prompt.h"

#include <stdio.h>

#include "core/text.h"
#include "ui/keys.h"

static const char *const questions[PROMPT_COUNT] = {
    [PROMPT_DELAY] = "Seconds between two refreshes (0.1 to 3600): ",
    [PROMPT_SEARCH] = "Search: ",
    [PROMPT_FILTER] = "Show only (regular expression): ",
    [PROMPT_GUESTS] = "Only guests (regular expression of names, or a pid): ",
    [PROMPT_EXPORT] = "Write JSON to new file: ",
};

const char *prompt_question(enum prompt_kind kind)
{
    return questions[kind];
}

void prompt_open(struct ui_prompt *p, enum prompt_kind kind, const char *text)
{
    int n = snprintf(p->text, sizeof(p->text), "%s", text);

    p->kind = kind;
    p->len = n < 0 ? 0 : (size_t)n < sizeof(p->text) ? (size_t)n : sizeof(p->text) - 1;
}

/* Characters a person types: no controls, nothing beyond Unicode. */
static int is_text(uint32_t key)
{
    return key >= ' ' && key != 0x7f && !(key >= 0x80 && key < 0xA0) && key <= 0x10FFFF &&
           !(key >= 0xD800 && key < 0xE000);
}

enum prompt_event prompt_key(struct ui_prompt *p, uint32_t key)
{
    if (key == KEYCODE_ESCAPE)
        return PROMPT_LEFT;
    if (key == KEYCODE_ENTER)
        return PROMPT_ACCEPTED;
    if (key == KEYCODE_CTRL('U')) {
        p->len = 0;
    } else if (key == KEYCODE_BACKSPACE || key == KEYCODE_CTRL('H')) {
        while (p->len > 0 && ((unsigned char)p->text[--p->len] & 0xC0) == 0x80)
            ; /* the whole of a UTF-8 sequence */
    } else if (is_text(key) && p->len + 5 <= sizeof(p->text)) {
        p->len += text_encode(key, p->text + p->len);
    } else {
        return PROMPT_IGNORED;
    }
    p->text[p->len] = '\0';
    return PROMPT_CHANGED;
}
