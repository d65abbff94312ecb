// SPDX-License-Identifier: MIT
// The help: what the status line had no room for, the keys of the screen that it lies over, what
// the signs and colours there mean, then the keys of the others.
#include <stdio.h>
#include <string.h>

#include "core/find/host_fix.h"
#include "ui/screens/help_signs.h"
#include "ui/screens/object.h"
#include "ui/screens/status.h"

#define KEYS_COLS 13 /* of the names of keys */
#define TEXT_X    (KEYS_COLS + 2)
#define LINES_MAX 400
#define TEXT_COLS 63 /* a column of the help is no wider than it needs */

/* A line: a heading, or a name and what it means; the lines that go on with that have no name. */
struct line {
    bool is_heading, is_plain;         /* plain: text that no name stands before */
    const struct key_binding *binding; /* its keys are the name */
    const struct help_sign *sign;      /* likewise */
    const char *text;
    size_t len;
};

struct lines {
    struct line list[LINES_MAX];
    size_t count;
    int cols; /* of a column of lines */
};

static void add(struct lines *all, struct line line)
{
    if (all->count < LINES_MAX)
        all->list[all->count++] = line;
}

/* A blank line before each but the first. */
static void add_heading(struct lines *all, const char *text)
{
    if (all->count > 0)
        add(all, (struct line){.text = ""});
    add(all, (struct line){.is_heading = true, .text = text, .len = strlen(text)});
}

/* @first says whose text it is; the text goes on in lines of its own. */
static void add_text(struct lines *all, struct line first, const char *text, int cols)
{
    while (*text != '\0') {
        const char *rest;
        first.text = text;
        first.len = screen_wrap(text, cols > 8 ? cols : 8, &rest);
        add(all, first);
        first = (struct line){.is_plain = first.is_plain};
        text = rest;
    }
}

static void add_key(struct lines *all, const struct key_binding *b)
{
    add_text(all, (struct line){.binding = b}, b->help, all->cols - TEXT_X - 1);
}

static bool is_everywhere(const struct key_binding *b)
{
    uint32_t live = 0;

    for (int screen = 0; screen < SCREEN_COUNT; screen++)
        live |= screen_list_has((enum ui_screen)screen, SCREEN_LIVE) ? SCREEN_BIT(screen) : 0;
    return (b->screens & live) == live;
}

/* @is_over: the VM that is open has ended, and some keys can do nothing any more. */
static void add_keys_of(struct lines *all, enum ui_screen over, bool is_over)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key_binding *b = &key_table[i];
        if ((b->screens & SCREEN_BIT(over)) && !is_everywhere(b) &&
            !(is_over && keys_need_vm(b->command)))
            add_key(all, b);
    }
}

/* Those that no screen before has named. */
static void add_keys_of_others(struct lines *all, enum ui_screen over)
{
    uint32_t named = SCREEN_BIT(over);

    for (int screen = 0; screen < SCREEN_COUNT; screen++) {
        size_t heading = all->count;
        if (screen == (int)over)
            continue;
        add_heading(all, screen_list[screen].title);
        const size_t begin = all->count;
        for (size_t i = 0; i < key_count; i++)
            if ((key_table[i].screens & SCREEN_BIT(screen)) && !is_everywhere(&key_table[i]) &&
                !(key_table[i].screens & named))
                add_key(all, &key_table[i]);
        if (all->count == begin)
            all->count = heading; /* nothing in it */
        named |= SCREEN_BIT(screen);
    }
}

/* Lockdown stands at the top only; what it takes away and what helps, here. */
static const char *lockdown_text(const struct snapshot *s, char out[HOST_FIX_REPORT_MAX])
{
    if (s == NULL || !host_is_locked_down(&s->host))
        return "";
    enum reading_cause cause = s->host.lockdown == LOCKDOWN_INTEGRITY
                                   ? CAUSE_LOCKDOWN_INTEGRITY
                                   : CAUSE_LOCKDOWN_CONFIDENTIALITY;
    char fix[HOST_FIX_MAX];
    const bool is_open = s->bpf.state == BPF_UNASKED && s->bpf.obstacle == BPF_POSSIBLE;
    snprintf(out, HOST_FIX_REPORT_MAX, "The kernel keeps counters in debugfs away: %s. %s%s",
             reading_cause_text(cause), is_open ? "BPF reads them: A. " : "",
             host_fix_cause(&s->host, cause, fix));
    return out;
}

static void collect(const struct ui_model *m, const struct ui_state *st, int status_cols,
                    struct lines *all, char rest[STATUS_COLS * 4], char top[HOST_FIX_REPORT_MAX])
{
    const enum ui_screen over = st->help_over;

    status_rest(m, st, status_cols, rest, STATUS_COLS * 4);
    if (rest[0] != '\0') {
        add_heading(all, "What the status line says");
        add_text(all, (struct line){.is_plain = true}, rest, all->cols - 3);
    }
    add_heading(all, screen_list[over].title);
    add_keys_of(all, over, detail_is_over(st, over));
    add_heading(all, "Signs and colours");
    for (size_t i = 0; i < help_sign_count; i++)
        if (help_signs[i].screens & SCREEN_BIT(over))
            add_text(all, (struct line){.sign = &help_signs[i]}, help_signs[i].text,
                     all->cols - TEXT_X - 1);
    const char *lockdown = lockdown_text(m->now, top);
    if (lockdown[0] != '\0')
        add_text(all, (struct line){.sign = &help_lockdown}, lockdown, all->cols - TEXT_X - 1);
    add_heading(all, "Everywhere");
    for (size_t i = 0; i < key_count; i++)
        if (is_everywhere(&key_table[i]))
            add_key(all, &key_table[i]);
    add_keys_of_others(all, over);
}

static void draw_line(const struct line *line, struct rect r, int y, struct screen *out)
{
    char names[KEY_NAMES_MAX], text[256];

    snprintf(text, sizeof(text), "%.*s", (int)line->len, line->text);
    if (line->is_heading) {
        screen_text(out, r, y, r.x, STYLE_LABEL, text);
        return;
    }
    if (line->binding != NULL)
        screen_field(out, r, y, r.x, KEYS_COLS, ALIGN_RIGHT, STYLE_KEY,
                     keys_binding_names(line->binding, names));
    if (line->sign != NULL) {
        const char *sign = help_sign_text(line->sign, out);
        int width = screen_text(out, (struct rect){0}, 0, 0, STYLE_NORMAL, sign);
        screen_text(out, r, y, r.x + KEYS_COLS - width, line->sign->style, sign);
    }
    screen_text(out, r, y, r.x + (line->is_plain ? 2 : TEXT_X), STYLE_NORMAL, text);
}

/* How many columns of lines. */
static int columns_of(int cols)
{
    int columns = cols / (TEXT_X + 40);

    return columns < 1 ? 1 : columns > 3 ? 3 : columns;
}

/* What is shown of @all, and how much of that a body of this size has room for. */
struct page {
    int columns, width; /* of one of them */
    size_t lines;       /* on a screen */
    struct lines all;
    char rest[STATUS_COLS * 4], top[HOST_FIX_REPORT_MAX];
};

static void page_make(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                      struct page *ret)
{
    ret->columns = columns_of(l->body.cols);
    ret->width = l->body.cols / ret->columns;
    ret->lines = (size_t)(l->body.rows > 1 ? l->body.rows : 1) * (size_t)ret->columns;
    ret->all.count = 0;
    ret->all.cols = ret->width < TEXT_X + TEXT_COLS ? ret->width : TEXT_X + TEXT_COLS;
    collect(m, st, l->titles.cols, &ret->all, ret->rest, ret->top);
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct rect titles = l->titles, r = l->body;
    struct page page;
    char title[128];

    page_make(m, st, l, &page);
    const size_t count = page.all.count;
    const size_t last = count > page.lines ? count - page.lines : 0;
    const size_t first = st->help.top < last ? st->help.top : last;
    snprintf(title, sizeof(title), "Help: %s   lines %zu-%zu of %zu   kvmlens %s",
             screen_list[st->help_over].title, first + 1,
             first + page.lines < count ? first + page.lines : count, count, KVMLENS_VERSION);
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_TITLE, title);
    for (size_t i = 0; i < page.lines && first + i < count; i++) {
        const int column = (int)(i / (size_t)r.rows);
        draw_line(&page.all.list[first + i],
                  (struct rect){r.y, r.x + column * page.width, r.rows, page.width},
                  r.y + (int)(i % (size_t)r.rows), out);
    }
}

/* How many lines there are depends on the size of the screen. */
static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    const struct layout l = layout_make(state->rows, state->cols);
    struct page page;

    page_make(model, state, &l, &page);
    scroll_text(&state->help, command, page.all.count, page.lines);
    return UI_NOTHING;
}

const struct screen_object help_screen = {.draw = draw, .command = command};
