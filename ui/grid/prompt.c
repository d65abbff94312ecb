// SPDX-License-Identifier: MIT
#include "ui/grid/prompt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/grid/keys.h"

static const char *const questions[PROMPT_COUNT] = {
    [PROMPT_DELAY] = "Seconds between two refreshes (0.1 to 3600): ",
    [PROMPT_SEARCH] = "Search: ",
    [PROMPT_FILTER] = "Show only (regular expression): ",
    [PROMPT_GUESTS] = "Only guests (regular expression of names, or a pid): ",
    [PROMPT_EXPORT] = "Write JSON to new file: ",
    [PROMPT_BPF] = "",
    [PROMPT_SCAN] = "",
    [PROMPT_SCAN_TAGGED] = "",
    [PROMPT_SCAN_END] = "",
    [PROMPT_SCAN_END_ALL] = "",
};

/* From long to short. */
#define CHOICE_TEXTS 4
static const char *const choices[PROMPT_COUNT][CHOICE_TEXTS] = {
    [PROMPT_BPF] =
        {"Load two BPF programs that read KVM's counters and memslots of all VMs; gone when "
         "kvmlens ends. y: load",
         "2 BPF programs read counters and memslots of all VMs, gone at exit. y: load",
         "BPF programs read all VMs' counters, gone at exit. y: load",
         "Load BPF programs until exit? y: load"},
    [PROMPT_SCAN] =
        {"Scan in the background?  s: the selected VM, exact  a: all listed, estimate   "
         "Look at what they write?  L: all listed",
         "Scan s: selected, exact  a: all, estimate. Look at writes L: all",
         "Scan s: selected a: all (estimate)  Look L: all", "Scan s: one a: all. Look L: all"},
    [PROMPT_SCAN_TAGGED] =
        {"Scan in the background?  s: the selected VM, exact  t: tagged, exact  a: all listed, "
         "estimate   Look at what they write?  l: tagged  L: all listed",
         "Scan s: selected t: tagged a: all (estimate). Look at writes l: tagged L: all",
         "Scan s: one t: tagged a: all (est.) Look l: tagged L: all",
         "s: one t: tagged a: all. Look l, L"},
    [PROMPT_SCAN_END] =
        {"End a scan that runs or waits?  s: that of the selected VM  a: all of them",
         "End scans?  s: that of the selected VM  a: all", "End scans? s: selected a: all",
         "End scans? s: one a: all"},
    [PROMPT_SCAN_END_ALL] =
        {"The selected VM is not being scanned. End all scans that run or wait?  a: all of them",
         "No scan of the selected VM. End all others?  a: all", "End all other scans? a: all",
         "End all other scans? a: all"},
};

/* Keys that answer a choice. */
static const char *const answers[PROMPT_COUNT] = {
    [PROMPT_BPF] = "y\r",     [PROMPT_SCAN] = "saL",       [PROMPT_SCAN_TAGGED] = "stalL",
    [PROMPT_SCAN_END] = "sa", [PROMPT_SCAN_END_ALL] = "a",
};

bool prompt_is_choice(enum prompt_kind kind)
{
    return choices[kind][0] != NULL;
}

const char *prompt_choice_text(enum prompt_kind kind, int cols)
{
    size_t i = 0;

    while (i + 1 < CHOICE_TEXTS && (int)text_width(choices[kind][i]) > cols)
        i++;
    return choices[kind][i];
}

const char *prompt_question(enum prompt_kind kind)
{
    return questions[kind];
}

void prompt_open(struct ui_prompt *p, enum prompt_kind kind, const char *text)
{
    int n = snprintf(p->text, sizeof(p->text), "%s", text);

    p->kind = kind;
    p->len = n < 0 ? 0 : (size_t)n < sizeof(p->text) ? (size_t)n : sizeof(p->text) - 1;
    p->cursor = p->len;
    p->selected = p->len > 0;
    p->refused[0] = '\0';
    p->answer = '\0';
}

void prompt_refuse(struct ui_prompt *p, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(p->refused, sizeof(p->refused), fmt, args);
    va_end(args);
}

/* Characters a person types: no controls, nothing beyond Unicode. */
static int is_text(uint32_t key)
{
    return key >= ' ' && key != 0x7f && !(key >= 0x80 && key < 0xA0) && key <= 0x10FFFF &&
           !(key >= 0xD800 && key < 0xE000);
}

/* Where the character before @at begins, and where that at @at ends: whole UTF-8 sequences. */
static size_t step_back(const struct ui_prompt *p, size_t at)
{
    while (at > 0 && ((unsigned char)p->text[--at] & 0xC0) == 0x80)
        ;
    return at;
}

static size_t step_on(const struct ui_prompt *p, size_t at)
{
    at += at < p->len;
    while (at < p->len && ((unsigned char)p->text[at] & 0xC0) == 0x80)
        at++;
    return at;
}

static enum prompt_event cut(struct ui_prompt *p, size_t from, size_t to)
{
    if (from == to)
        return PROMPT_IGNORED;
    memmove(p->text + from, p->text + to, p->len - to + 1);
    p->len -= to - from;
    p->cursor = from;
    return PROMPT_CHANGED;
}

static enum prompt_event insert(struct ui_prompt *p, uint32_t code)
{
    char bytes[4];
    size_t n = text_encode(code, bytes);

    if (p->len + n >= sizeof(p->text))
        return PROMPT_IGNORED;
    memmove(p->text + p->cursor + n, p->text + p->cursor, p->len - p->cursor + 1);
    memcpy(p->text + p->cursor, bytes, n);
    p->len += n;
    p->cursor += n;
    return PROMPT_CHANGED;
}

/* A key that writes or moves. */
static enum prompt_event edit(struct ui_prompt *p, uint32_t key, bool selected)
{
    switch (key) {
    case KEYCODE_LEFT: p->cursor = step_back(p, p->cursor); return PROMPT_IGNORED;
    case KEYCODE_RIGHT: p->cursor = step_on(p, p->cursor); return PROMPT_IGNORED;
    case KEYCODE_HOME: p->cursor = 0; return PROMPT_IGNORED;
    case KEYCODE_END: p->cursor = p->len; return PROMPT_IGNORED;
    case KEYCODE_CTRL('U'): return cut(p, 0, p->len);
    case KEYCODE_CTRL('H'):
    case KEYCODE_BACKSPACE: return cut(p, step_back(p, p->cursor), p->cursor);
    case KEYCODE_DELETE: return cut(p, p->cursor, step_on(p, p->cursor));
    default: break;
    }
    if (selected)
        cut(p, 0, p->len);
    return insert(p, key);
}

static enum prompt_event answer(struct ui_prompt *p, uint32_t key)
{
    for (const char *c = answers[p->kind]; *c != '\0'; c++)
        if (key == (uint32_t)*c) {
            p->answer = *c;
            return PROMPT_ACCEPTED;
        }
    return PROMPT_LEFT;
}

enum prompt_event prompt_key(struct ui_prompt *p, uint32_t key)
{
    static const uint32_t editing[] = {KEYCODE_LEFT, KEYCODE_RIGHT, KEYCODE_HOME,
                                       KEYCODE_END,  KEYCODE_DELETE, KEYCODE_BACKSPACE,
                                       KEYCODE_CTRL('H'), KEYCODE_CTRL('U')};
    bool edits = is_text(key), selected = p->selected;

    if (prompt_is_choice(p->kind))
        return answer(p, key);
    if (key == KEYCODE_ESCAPE)
        return PROMPT_LEFT;
    if (key == KEYCODE_ENTER)
        return PROMPT_ACCEPTED;
    for (size_t i = 0; i < sizeof(editing) / sizeof(editing[0]); i++)
        edits |= editing[i] == key;
    if (!edits)
        return PROMPT_IGNORED;
    p->selected = false;
    p->refused[0] = '\0';
    return edit(p, key, selected);
}
