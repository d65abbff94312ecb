// SPDX-License-Identifier: MIT
// All of curses is in here.
#define NCURSES_WIDECHAR 1
#include "ui/grid/term_curses.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ui/grid/key_decoder.h"
#include "ui/grid/term_restore.h"

#define READ_MAX 256

struct term {
    SCREEN *curses;
    struct screen shown; /* what the terminal shows; no cells: not known */
    bool known;
    bool colours;
    attr_t attributes[STYLE_COUNT];
    short pairs[STYLE_COUNT];
    const char *on, *off; /* what else is sent to begin with, and at the end */
    struct key_decoder decoder;
    unsigned char bytes[READ_MAX]; /* read, and decoded up to @at */
    size_t at, count;
    uint64_t read_ns; /* when they came */
};

/* --- what brings the terminal back ------------------------------------------------------------ */

/* Clicks and the wheel, with cells beyond the 95th; what is pasted is told from what is typed. */
static const char reports_on[] = "\033[?1000h\033[?1006h\033[?2004h";
static const char reports_off[] = "\033[?2004l\033[?1006l\033[?1000l";
static const char paste_on[] = "\033[?2004h";
static const char paste_off[] = "\033[?2004l";

/* Append a terminfo string without its padding; strings with parameters are not asked for. */
static void add_capability(char *bytes, size_t *len, const char *name)
{
    const char *s = tigetstr((char *)name);

    if (s == NULL || s == (char *)-1)
        return;
    for (; *s && *len < TERM_RESTORE_MAX; s++) {
        if (s[0] == '$' && s[1] == '<' && strchr(s, '>') != NULL) {
            s = strchr(s, '>');
            continue;
        }
        bytes[(*len)++] = *s;
    }
}

/* Past curses, which has a buffer of its own: no matter in which order modes are set. */
static void send(const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(STDOUT_FILENO, text, left);
        if (n < 0 && errno != EINTR)
            return; /* the terminal is gone: reading it says so */
        text += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
}

static void begin_restore(const struct term *t)
{
    static const char *const names[] = {"op", "sgr0", "rmkx", "rmcup", "cnorm"};
    char bytes[TERM_RESTORE_MAX];
    size_t len = strlen(t->off);

    memcpy(bytes, t->off, len);
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
    if (geteuid() == 0 && getenv("SUDO_UID") != NULL) {
        unsetenv("TERMINFO");
        unsetenv("TERMINFO_DIRS");
        unsetenv("TERMPATH");
    }
    if (kind == NULL || !*kind)
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

/*
 * Keys are decoded here and not by curses, which takes a sequence that is not in terminfo for keys.
 * What terminfo says is learned: a terminal may have keys that no other has.
 */
static void prepare_keys(struct term *t, bool mouse)
{
    static const struct {
        const char *name;
        uint32_t code;
    } names[] = {
        {"kcuu1", KEYCODE_UP},     {"kcud1", KEYCODE_DOWN},    {"kcub1", KEYCODE_LEFT},
        {"kcuf1", KEYCODE_RIGHT},  {"kpp", KEYCODE_PAGE_UP},   {"knp", KEYCODE_PAGE_DOWN},
        {"khome", KEYCODE_HOME},   {"kend", KEYCODE_END},      {"kdch1", KEYCODE_DELETE},
        {"kcbt", KEYCODE_BACK_TAB}, {"kf1", KEYCODE_F(1)},     {"kf2", KEYCODE_F(2)},
        {"kf3", KEYCODE_F(3)},     {"kf4", KEYCODE_F(4)},      {"kf5", KEYCODE_F(5)},
        {"kf6", KEYCODE_F(6)},     {"kf7", KEYCODE_F(7)},      {"kf8", KEYCODE_F(8)},
        {"kf9", KEYCODE_F(9)},     {"kf10", KEYCODE_F(10)},    {"kf11", KEYCODE_F(11)},
        {"kf12", KEYCODE_F(12)},
    };
    const char *reports = tigetstr((char *)"kmous");

    key_decoder_init(&t->decoder);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *sequence = tigetstr((char *)names[i].name);
        if (sequence != NULL && sequence != (char *)-1)
            key_decoder_learn(&t->decoder, sequence, names[i].code);
    }
    /* One that reports its mouse understands modes of xterm, or leaves them out. */
    bool knows = reports != NULL && reports != (char *)-1;
    t->on = !knows ? "" : mouse ? reports_on : paste_on;
    t->off = !knows ? "" : mouse ? reports_off : paste_off;
}

int term_open(const struct term_config *config, struct term **ret, struct error *err)
{
    int result = check_kind(err);

    if (result < 0)
        return result;
    struct term *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    term_restore_remember();
    t->curses = open_curses();
    if (t->curses == NULL || tigetstr("cup") == NULL) {
        if (t->curses != NULL) {
            endwin();
            delscreen(t->curses);
        }
        free(t);
        return error_set(err, -ENOTSUP,
                         "the terminal type in TERM is unknown here, or cannot place "
                         "its cursor; try TERM=xterm or TERM=linux, or use --batch");
    }
    set_term(t->curses);
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    typeahead(-1); /* a frame goes out whole, for what is typed may be no key and bring no other */
    keypad(stdscr, TRUE); /* the keys send what terminfo says */
    curs_set(0);
    t->colours = has_colors() && start_color() == OK;
    if (t->colours)
        use_default_colors();
    prepare_keys(t, config->mouse);
    term_set_theme(t, config->theme);
    begin_restore(t);
    term_restore_writing(true);
    send(t->on);
    term_restore_writing(false);
    *ret = t;
    return 0;
}

/* Where there is no second screen the shell goes on in the last line: not in the middle of ours. */
static void leave_screen(const struct term *t)
{
    mvhline(LINES - 1, 0, ' ', COLS);
    term_restore_writing(true);
    send(t->off);
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
    if (t == NULL)
        return;
    leave_screen(t);
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
    leave_screen(t);
    term_restore_hold(true);
}

void term_resume(struct term *t)
{
    term_restore_hold(false);
    reset_prog_mode();
    term_restore_writing(true);
    send(t->on);
    term_restore_writing(false);
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

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int term_read(struct term *t)
{
    int waiting = 0;

    if (t->at < t->count)
        return (int)(t->count - t->at);
    if (ioctl(STDIN_FILENO, FIONREAD, &waiting) < 0)
        return -EIO;
    if (waiting <= 0)
        return 0;
    ssize_t n = read(STDIN_FILENO, t->bytes, sizeof(t->bytes));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return -EIO;
    t->at = 0;
    t->count = (size_t)n;
    t->read_ns = now_ns();
    return (int)n;
}

int term_wait_ms(const struct term *t)
{
    int patience = key_decoder_patience(&t->decoder);

    if (t->at < t->count)
        return 0;
    if (patience < 0)
        return -1;
    uint64_t due = t->read_ns + (uint64_t)patience * 1000000u, now = now_ns();
    return now >= due ? 0 : (int)((due - now + 999999u) / 1000000u);
}

struct ui_key term_key(struct term *t)
{
    struct ui_key key;

    while (term_read(t) > 0) {
        if (t->at == 0 && key_decoder_chunk(&t->decoder, t->bytes[0], &key))
            return key;
        if (key_decoder_byte(&t->decoder, t->bytes[t->at++], &key))
            return key;
    }
    if (term_wait_ms(t) == 0 && key_decoder_pause(&t->decoder, &key))
        return key;
    return (struct ui_key){.code = KEYCODE_NONE};
}
