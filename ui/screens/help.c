// SPDX-License-Identifier: MIT
// The help, made from the key table: one group of keys per screen, those of all screens last.
#include <stdio.h>

#include "ui/screens/object.h"

#define KEYS_COLS 18

/* A line of the help: a heading when binding is NULL. */
struct line {
    const char *heading;
    const struct key_binding *binding;
};

static bool in_group(const struct key_binding *b, int screen)
{
    bool one = (b->screens & (b->screens - 1)) == 0;

    return screen == SCREEN_COUNT ? !one : b->screens == SCREEN_BIT(screen);
}

static size_t collect(struct line *lines, size_t cap)
{
    size_t n = 0;

    for (int group = 0; group <= SCREEN_COUNT; group++) {
        size_t heading = n++;
        for (size_t i = 0; i < key_count && n < cap; i++)
            if (in_group(&key_table[i], group))
                lines[n++] = (struct line){.binding = &key_table[i]};
        if (n == heading + 1)
            n--; /* nothing in it */
        else
            lines[heading] = (struct line){
                .heading = group == SCREEN_COUNT ? "Everywhere"
                                                 : screen_list[group].title};
        if (n + 2 > cap)
            break;
    }
    return n;
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct rect titles = l->titles, r = l->body;
    struct line lines[256];
    size_t count = collect(lines, sizeof(lines) / sizeof(lines[0]));
    int columns = r.cols >= 130 ? 2 : 1, width = r.cols / columns;
    size_t page = (size_t)r.rows * (size_t)columns;
    size_t last = count > page ? count - page : 0;
    size_t top = st->help.top < last ? st->help.top : last;
    char title[128];

    (void)m;
    snprintf(title, sizeof(title), "Keys %zu-%zu of %zu lines   kvmlens %s", top + 1,
             top + page < count ? top + page : count, count, KVMLENS_VERSION);
    screen_field(out, titles, titles.y, titles.x, titles.cols, ALIGN_LEFT, STYLE_TITLE, title);
    for (size_t i = 0; i < page && top + i < count; i++) {
        const struct line *line = &lines[top + i];
        int y = r.y + (int)(i % (size_t)r.rows);
        struct rect part = {r.y, r.x + (int)(i / (size_t)r.rows) * width, r.rows, width};
        char names[KEY_NAMES_MAX];

        if (line->heading != NULL) {
            screen_text(out, part, y, part.x, STYLE_LABEL, line->heading);
            continue;
        }
        screen_field(out, part, y, part.x + 1, KEYS_COLS, ALIGN_RIGHT, STYLE_KEY,
                     keys_binding_names(line->binding, names));
        screen_field(out, part, y, part.x + KEYS_COLS + 3, part.cols - KEYS_COLS - 3, ALIGN_LEFT,
                     STYLE_NORMAL, line->binding->help);
    }
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    (void)model;
    /* How many lines there are, drawing knows; one per key is near enough to stop at. */
    scroll_text(&state->help, command, key_count + SCREEN_COUNT, vms_page(state));
    return UI_NOTHING;
}

const struct screen_object help_screen = {.draw = draw, .command = command};
