// SPDX-License-Identifier: MIT
// All of curses is in here.
#define NCURSES_WIDECHAR 1
#include "ui/term_curses.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ui/term_restore.h"

#define ESCAPE_WAIT_MS 25 /* a lone Esc is told from a key sequence after this long */

struct term {
    SCREEN *curses;
    struct screen shown; /* what the terminal shows; no cells: not known */
    bool known;
    bool colours;
    attr_t attributes[STYLE_COUNT];
    short pairs[STYLE_COUNT];
};

/* --- what brings the terminal back ------------------------------------------------------------ */

/* Append a terminfo string without its padding; strings with parameters are not asked for. */
static void add_capability(char *bytes, size_t *len, const char *name)
{
    const char *s = tigetstr((char *)name);

    if (!s || s == (char *)-1)
        return;
    for (; *s && *len < TERM_RESTORE_MAX; s++) {
        if (s[0] == '$' && s[1] == '<' && strchr(s, '>')) {
            s = strchr(s, '>');
            continue;
        }
        bytes[(*len)++] = *s;
    }
}

static void begin_restore(bool mouse)
{
    static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";
    static const char *const names[] = {"op", "sgr0", "rmkx", "rmcup", "cnorm"};
    char bytes[TERM_RESTORE_MAX];
    size_t len = mouse ? sizeof(mouse_off) - 1 : 0;

    memcpy(bytes, mouse_off, len);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_capability(bytes, &len, names[i]);
    term_restore_begin(bytes, len);
}

/* --- opening and closing ---------------------------------------------------------------------- */

void term_set_theme(struct term *term, const struct theme *theme)
{
    static const struct {
        unsigned look;
        attr_t attribute;
    } attributes[] = {{LOOK_BOLD, A_BOLD},
                      {LOOK_DIM, A_DIM},
                      {LOOK_REVERSE, A_REVERSE},
                      {LOOK_UNDERLINE, A_UNDERLINE}};

    for (int s = 0; s < STYLE_COUNT; s++) {
        const struct theme_look *look = &theme->looks[s];
        term->attributes[s] = A_NORMAL;
        for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
            if (look->attributes & attributes[i].look)
                term->attributes[s] |= attributes[i].attribute;
        term->pairs[s] = 0;
        if (term->colours && (look->fg != COLOUR_NONE || look->bg != COLOUR_NONE)) {
            term->pairs[s] = (short)(s + 1);
            init_pair(term->pairs[s], look->fg, look->bg);
        }
    }
    term_forget(term);
}

static int check_kind(struct error *err)
{
    const char *kind = getenv("TERM");

    /* Run through sudo by root, a user's own terminfo files would be read with root's rights. */
    if (geteuid() == 0 && getenv("SUDO_UID")) {
        unsetenv("TERMINFO");
        unsetenv("TERMINFO_DIRS");
        unsetenv("TERMPATH");
    }
    if (!kind || !*kind)
        return error_set(err, -ENOTSUP, "TERM is not set, so the monitor cannot draw; "
                                        "set it, or use --batch");
    if (strcmp(kind, "dumb") == 0)
        return error_set(err, -ENOTSUP, "this terminal is too simple for the monitor (TERM=dumb); "
                                        "use --batch or --log");
    return 0;
}

/* newterm() installs handlers that end the program with status 1: put back what was there. */
static SCREEN *open_curses(void)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    enum { COUNT = sizeof(taken) / sizeof(taken[0]) };
    struct sigaction before[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        sigaction(taken[i], NULL, &before[i]);
    SCREEN *screen = newterm(NULL, stdout, stdin); /* initscr() would print and exit */
    for (size_t i = 0; i < COUNT; i++)
        sigaction(taken[i], &before[i], NULL);
    return screen;
}

int term_open(const struct term_config *config, struct term **ret, struct error *err)
{
    int r = check_kind(err);

    if (r < 0)
        return r;
    struct term *t = calloc(1, sizeof(*t));
    if (!t)
        return error_set(err, -ENOMEM, "out of memory");
    term_restore_remember();
    t->curses = open_curses();
    if (!t->curses || !tigetstr("cup")) {
        if (t->curses) {
            endwin();
            delscreen(t->curses);
        }
        free(t);
        return error_set(err, -ENOTSUP,
                         "the terminal type in TERM is unknown here, or cannot place "
                         "its cursor; try TERM=xterm or TERM=linux, or use --batch");
    }
    set_term(t->curses);
    set_escdelay(ESCAPE_WAIT_MS);
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    t->colours = has_colors() && start_color() == OK;
    if (t->colours)
        use_default_colors();
    if (config->mouse) {
        mouseinterval(0);
        mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    }
    term_set_theme(t, config->theme);
    begin_restore(config->mouse);
    *ret = t;
    return 0;
}

/* Where there is no second screen the shell goes on in the last line: not in the middle of ours. */
static void leave_screen(void)
{
    mvhline(LINES - 1, 0, ' ', COLS);
    term_restore_writing(true);
    refresh();
    endwin();
    term_restore_writing(false);
}

void term_ends_by(struct term *t, int signal)
{
    (void)t;
    term_restore_ends_by(signal);
}

void term_close(struct term *t)
{
    if (!t)
        return;
    mousemask(0, NULL);
    leave_screen();
    term_restore_end();
    delscreen(t->curses);
    screen_done(&t->shown);
    free(t);
}

bool term_has_colours(const struct term *t)
{
    return t->colours;
}

void term_suspend(struct term *t)
{
    (void)t;
    leave_screen();
    term_restore_hold(true);
}

void term_resume(struct term *t)
{
    term_restore_hold(false);
    reset_prog_mode();
    term_forget(t);
}

void term_size(struct term *t, int *ret_rows, int *ret_cols)
{
    struct winsize size;

    (void)t;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
        (size.ws_row != LINES || size.ws_col != COLS))
        resizeterm(size.ws_row, size.ws_col);
    *ret_rows = LINES;
    *ret_cols = COLS;
}

/* --- drawing ---------------------------------------------------------------------------------- */

void term_forget(struct term *t)
{
    t->known = false;
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
    return a->code == b->code && a->style == b->style && a->width == b->width &&
           memcmp(a->combining, b->combining, sizeof(a->combining)) == 0;
}

static void draw_cell(const struct term *t, int y, int x, const struct cell *cell)
{
    wchar_t text[2 + SCREEN_COMBINING] = {(wchar_t)cell->code};
    cchar_t c;

    for (size_t i = 0; i < SCREEN_COMBINING; i++)
        text[1 + i] = (wchar_t)cell->combining[i];
    setcchar(&c, text, t->attributes[cell->style], t->pairs[cell->style], NULL);
    mvadd_wch(y, x, &c);
}

void term_draw(struct term *t, const struct screen *screen)
{
    bool all = !t->known || t->shown.rows != screen->rows || t->shown.cols != screen->cols;
    size_t count = (size_t)screen->rows * (size_t)screen->cols;

    if (all) {
        screen_done(&t->shown);
        /* Without memory for the copy every frame is sent whole; curses still finds what is new. */
        t->known = screen_init(&t->shown, screen->rows, screen->cols, screen->unicode) == 0;
        clearok(stdscr, TRUE);
        erase();
    }
    for (int y = 0; y < screen->rows; y++)
        for (int x = 0; x < screen->cols; x++) {
            const struct cell *cell = screen_cell(screen, y, x);
            if (cell->width > 0 && (all || !same_cell(cell, screen_cell(&t->shown, y, x))))
                draw_cell(t, y, x, cell);
        }
    if (t->known)
        memcpy(t->shown.cells, screen->cells, count * sizeof(*screen->cells));
    term_restore_writing(true);
    refresh();
    term_restore_writing(false);
}

/* --- keys ------------------------------------------------------------------------------------- */

static const struct {
    wint_t curses;
    uint32_t code;
} key_codes[] = {
    {KEY_UP, KEYCODE_UP},         {KEY_DOWN, KEYCODE_DOWN},   {KEY_LEFT, KEYCODE_LEFT},
    {KEY_RIGHT, KEYCODE_RIGHT},   {KEY_PPAGE, KEYCODE_PAGE_UP}, {KEY_NPAGE, KEYCODE_PAGE_DOWN},
    {KEY_HOME, KEYCODE_HOME},     {KEY_END, KEYCODE_END},     {KEY_DC, KEYCODE_DELETE},
    {KEY_BTAB, KEYCODE_BACK_TAB}, {KEY_ENTER, KEYCODE_ENTER}, {KEY_BACKSPACE, KEYCODE_BACKSPACE},
    {KEY_A1, KEYCODE_HOME},       {KEY_C1, KEYCODE_END},      {KEY_A3, KEYCODE_PAGE_UP},
    {KEY_C3, KEYCODE_PAGE_DOWN},
};

static struct ui_key mouse_key(void)
{
    MEVENT event;
    uint32_t code = KEYCODE_NONE;

    if (getmouse(&event) != OK)
        return (struct ui_key){.code = KEYCODE_NONE};
    if (event.bstate & BUTTON1_PRESSED)
        code = KEYCODE_MOUSE_CLICK;
    else if (event.bstate & BUTTON4_PRESSED)
        code = KEYCODE_MOUSE_WHEEL_UP;
    else if (event.bstate & BUTTON5_PRESSED)
        code = KEYCODE_MOUSE_WHEEL_DOWN;
    return (struct ui_key){.code = code, .y = event.y, .x = event.x};
}

static struct ui_key special_key(wint_t c)
{
    if (c == KEY_MOUSE)
        return mouse_key();
    for (size_t i = 0; i < sizeof(key_codes) / sizeof(key_codes[0]); i++)
        if (key_codes[i].curses == c)
            return (struct ui_key){.code = key_codes[i].code};
    if (c > KEY_F0 && c <= KEY_F(24))
        return (struct ui_key){.code = KEYCODE_F(c - KEY_F0)};
    return (struct ui_key){.code = KEYCODE_NONE};
}

struct ui_key term_key(struct term *t)
{
    wint_t c;

    (void)t;
    for (int kind; (kind = get_wch(&c)) != ERR;) {
        if (kind == OK)
            return (struct ui_key){.code = c == '\n' ? KEYCODE_ENTER : c};
        struct ui_key key = special_key(c);
        if (key.code != KEYCODE_NONE)
            return key;
        /* One we have no use for, such as KEY_RESIZE, does not end the reading. */
    }
    return (struct ui_key){.code = KEYCODE_NONE};
}
