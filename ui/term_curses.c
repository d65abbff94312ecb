// SPDX-License-Identifier: MIT
// All of curses is in here.
#define NCURSES_WIDECHAR 1
#include "ui/term_curses.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define STUCK_S 2 /* a terminal that takes no output for so long may be left by a signal */
#define ESCAPE_WAIT_MS 25 /* a lone Esc is told from a key sequence after this long */

struct term {
    SCREEN *curses;
    struct screen shown; /* what the terminal shows; no cells: not known */
    bool known;
    bool colours;
    attr_t attributes[STYLE_COUNT];
    short pairs[STYLE_COUNT];
};

/* --- restoring on a fatal signal -------------------------------------------------------------- */

/*
 * What the handler of a fatal signal needs. A handler gets no argument of its own, so this is the
 * one thing of the program that is neither constant nor handed from function to function.
 */
static struct {
    volatile sig_atomic_t armed;
    struct termios termios;
    char bytes[256]; /* what brings the terminal back, made beforehand */
    size_t len;
    void *stack;
    volatile sig_atomic_t end_signal; /* that we are about to end by; 0: none */
} emergency;

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
#define FATAL_COUNT (sizeof(fatal_signals) / sizeof(fatal_signals[0]))

static void on_fatal(int sig)
{
    if (emergency.armed) {
        emergency.armed = 0;
        /* Nothing can be done about a failure here. */
        ssize_t n = write(STDOUT_FILENO, emergency.bytes, emergency.len);
        (void)n;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &emergency.termios);
    }
    /* SA_RESETHAND has brought the default action back: core dump and exit status are the true
     * ones. */
    raise(sig);
}

/*
 * A write to a terminal returns only when it has taken all, and the signals that end us are blocked
 * meanwhile. So an alarm looks after each write that lasts: when such a signal waits, what was not
 * sent is dropped, and we end by it.
 */
static void on_stuck(int sig)
{
    static const int ending[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    int end = emergency.end_signal, flags = fcntl(STDOUT_FILENO, F_GETFL);
    sigset_t set;

    (void)sig;
    sigpending(&set);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]) && end == 0; i++)
        end = sigismember(&set, ending[i]) == 1 ? ending[i] : 0;
    if (end == 0) {
        alarm(STUCK_S);
        return;
    }
    tcflush(STDOUT_FILENO, TCOFLUSH);
    tcflow(STDOUT_FILENO, TCOOFF); /* only what was stopped so can be started again, not Ctrl-S */
    tcflow(STDOUT_FILENO, TCOON);
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
    ssize_t n = write(STDOUT_FILENO, emergency.bytes, emergency.len);
    (void)n;
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &emergency.termios);
    signal(end, SIG_DFL);
    raise(end);
    sigemptyset(&set);
    sigaddset(&set, end);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it ends */
    _exit(128 + end);
}

/* Append a terminfo string without its padding; strings with parameters are not asked for. */
static void emergency_add(const char *name)
{
    const char *s = tigetstr((char *)name);

    if (!s || s == (char *)-1)
        return;
    for (; *s && emergency.len < sizeof(emergency.bytes); s++) {
        if (s[0] == '$' && s[1] == '<' && strchr(s, '>')) {
            s = strchr(s, '>');
            continue;
        }
        emergency.bytes[emergency.len++] = *s;
    }
}

static void emergency_arm(bool mouse)
{
    static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";
    struct sigaction action = {.sa_handler = on_fatal};
    stack_t stack = {.ss_size = 65536};

    emergency.len = 0;
    if (mouse) {
        memcpy(emergency.bytes, mouse_off, sizeof(mouse_off) - 1);
        emergency.len = sizeof(mouse_off) - 1;
    }
    emergency_add("op");
    emergency_add("sgr0");
    emergency_add("rmkx");
    emergency_add("rmcup");
    emergency_add("cnorm");
    emergency.stack = stack.ss_sp = malloc(stack.ss_size);
    if (stack.ss_sp)
        sigaltstack(&stack, NULL);
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | (stack.ss_sp ? SA_ONSTACK : 0));
    for (size_t i = 0; i < FATAL_COUNT; i++)
        sigaction(fatal_signals[i], &action, NULL);
    action = (struct sigaction){.sa_handler = on_stuck, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    emergency.armed = 1;
}

static void emergency_disarm(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    emergency.armed = 0;
    for (size_t i = 0; i < FATAL_COUNT; i++)
        signal(fatal_signals[i], SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    sigaltstack(&none, NULL);
    free(emergency.stack);
    emergency.stack = NULL;
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
    tcgetattr(STDIN_FILENO, &emergency.termios);
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
    emergency_arm(config->mouse);
    *ret = t;
    return 0;
}

/* Where there is no second screen the shell goes on in the last line: not in the middle of ours. */
static void leave_screen(void)
{
    mvhline(LINES - 1, 0, ' ', COLS);
    alarm(STUCK_S);
    refresh();
    endwin();
    alarm(0);
}

void term_ends_by(struct term *t, int signal)
{
    (void)t;
    emergency.end_signal = signal;
}

void term_close(struct term *t)
{
    if (!t)
        return;
    mousemask(0, NULL);
    leave_screen();
    emergency_disarm();
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
    emergency.armed = 0;
}

void term_resume(struct term *t)
{
    emergency.armed = 1;
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
    alarm(STUCK_S);
    refresh();
    alarm(0);
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
