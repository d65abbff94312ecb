// SPDX-License-Identifier: MIT
// The loop: keys, ticks and signals in, frames out. Everything it decides lies in state, views and core.
#include "ui/monitor.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/snapshot.h"
#include "core/text.h"
#include "ui/state.h"
#include "ui/term_curses.h"
#include "ui/theme.h"
#include "ui/trends.h"
#include "ui/view.h"

#define FIRST_DELAY_S 0.25   /* rates need a second sample: do not let a person wait a whole delay for it */
#define DEAD_READS_MAX 64    /* wake-ups without a key after which the terminal counts as gone */

static const int our_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct monitor {
    struct sampler *sampler;
    struct term *term;
    struct screen screen;
    struct ui_state state;
    struct trends trends;
    struct snapshot *now;
    sigset_t mask, old_mask;
    bool masked;
    int signal_fd, timer_fd;
    uint64_t due_ns;   /* of the next tick, monotonic */
    int dead_reads;
    int end_signal;    /* the signal that ends us, 0 = none */
    bool quit, changed; /* changed: a frame is due */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- ticks -------------------------------------------------------------------------------------- */

static void arm(struct monitor *m, uint64_t due_ns)
{
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(due_ns / 1000000000u),
                                           .tv_nsec = (long)(due_ns % 1000000000u)}};

    m->due_ns = due_ns;
    timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* The next tick: one delay after this one was due, but never so soon that sampling leaves no time for keys. */
static void arm_next(struct monitor *m, uint64_t began_ns, double delay_s)
{
    uint64_t end = now_ns(), took = end - began_ns;
    uint64_t due = m->due_ns + (uint64_t)(delay_s * 1e9);

    arm(m, due > end + took ? due : end + took);
}

static int tick(struct monitor *m, double delay_s, struct error *err)
{
    uint64_t began = now_ns();
    struct snapshot *next = NULL;
    int r = sampler_tick(m->sampler, &next, err);

    if (r < 0)
        return r;
    snapshot_free(m->now);
    m->now = next;
    trends_update(&m->trends, next);
    struct tm local;
    if (localtime_r(&next->wall.tv_sec, &local))
        m->state.utc_offset_s = local.tm_gmtoff;
    ui_follow(&m->state, next);
    m->changed = true;
    arm_next(m, began, delay_s);
    return 0;
}

/* --- screen ------------------------------------------------------------------------------------- */

static void draw(struct monitor *m)
{
    view_draw(&(struct ui_model){.now = m->now, .trends = &m->trends}, &m->state, &m->screen);
    term_draw(m->term, &m->screen);
    m->changed = false;
}

static void resize(struct monitor *m)
{
    int rows, cols;

    term_size(m->term, &rows, &cols);
    if ((rows != m->screen.rows || cols != m->screen.cols) &&
        screen_resize(&m->screen, rows, cols) < 0)
        return; /* no memory: the old size goes on */
    ui_resize(&m->state, m->screen.rows, m->screen.cols);
    ui_follow(&m->state, m->now);
    term_forget(m->term);
    m->changed = true;
}

/* --- keys and signals ----------------------------------------------------------------------------- */

static int act(struct monitor *m, enum ui_action action, struct error *err)
{
    switch (action) {
    case UI_NOTHING:
        break;
    case UI_QUIT:
        m->quit = true;
        break;
    case UI_REDRAW:
        resize(m);
        break;
    case UI_NEW_DELAY:
        arm(m, now_ns() + (uint64_t)(m->state.delay_s * 1e9));
        break;
    case UI_SAMPLE_NOW:
        m->due_ns = now_ns();
        return tick(m, m->state.delay_s, err);
    }
    return 0;
}

static int keys(struct monitor *m, struct error *err)
{
    int got = 0;

    for (struct ui_key key; !m->quit && (key = term_key(m->term)).code != KEYCODE_NONE; got++) {
        int r = act(m, ui_update(&m->state, m->now, key), err);
        if (r < 0)
            return r;
        m->changed = true;
    }
    m->dead_reads = got ? 0 : m->dead_reads + 1;
    if (m->dead_reads > DEAD_READS_MAX)
        return error_set(err, -EIO, "the terminal went away");
    return 0;
}

static void suspend(struct monitor *m)
{
    struct sigaction stop = {.sa_handler = SIG_DFL}, old;
    sigset_t only;

    term_suspend(m->term);
    sigaction(SIGTSTP, &stop, &old);
    sigemptyset(&only);
    sigaddset(&only, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &only, NULL); /* stops here, and goes on after SIGCONT */
    sigprocmask(SIG_BLOCK, &only, NULL);
    sigaction(SIGTSTP, &old, NULL);
    term_resume(m->term);
    resize(m);
}

static void signals(struct monitor *m)
{
    struct signalfd_siginfo info;

    while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGWINCH) {
            resize(m);
        } else if (info.ssi_signo == SIGTSTP) {
            suspend(m);
        } else if (info.ssi_signo == SIGCONT) {
            term_resume(m->term); /* somebody stopped us with SIGSTOP and used the terminal meanwhile */
            resize(m);
        } else {
            m->end_signal = (int)info.ssi_signo;
            m->quit = true;
        }
    }
}

static int loop(struct monitor *m, struct error *err)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = m->signal_fd, .events = POLLIN},
                           {.fd = m->timer_fd, .events = POLLIN}};
    uint64_t expirations;
    int r = 0;

    while (!m->quit && r == 0) {
        if (m->changed)
            draw(m);
        if (poll(fds, 3, -1) < 0) {
            if (errno == EINTR)
                continue;
            return error_set(err, -errno, "poll: %s", strerror(errno));
        }
        if (fds[1].revents)
            signals(m);
        if (!m->quit && fds[0].revents & POLLIN)
            r = keys(m, err);
        else if (!m->quit && fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            r = error_set(err, -EIO, "the terminal went away");
        if (!m->quit && r == 0 && fds[2].revents) {
            ssize_t n = read(m->timer_fd, &expirations, sizeof(expirations));
            if (n == (ssize_t)sizeof(expirations) && !m->state.frozen)
                r = tick(m, m->state.delay_s, err);
        }
    }
    return r;
}

/* --- start and end -------------------------------------------------------------------------------- */

static int select_vm(struct monitor *m, const char *wanted, struct error *err)
{
    char clean[128], *end;
    long pid = strtol(wanted, &end, 10);
    bool by_pid = pid > 0 && (*end == '\0' || *end == ':');
    long fd = by_pid && *end == ':' ? strtol(end + 1, NULL, 10) : -1;

    for (size_t i = 0; i < m->now->vm_count; i++) {
        const struct snapshot_vm *vm = &m->now->vms[i];
        if (strcmp(vm->name_raw, wanted) == 0 ||
            (by_pid && vm->id.pid == pid && (fd < 0 || vm->id.fd == fd))) {
            ui_select(&m->state, &vm->id);
            return 0;
        }
    }
    text_clean(wanted, strlen(wanted), clean, sizeof(clean));
    return error_set(err, -ENOENT, "no VM is called '%s', nor is it a pid or pid:fd of one; "
                     "kvmlens --list shows what there is", clean);
}

static int prepare(struct monitor *m, const struct monitor_config *c, struct error *err)
{
    int theme = c->theme ? theme_find(c->theme) : THEME_DEFAULT;
    int sort = c->sort ? column_find(c->sort) : COLUMN_CPU;
    double delay = c->delay_s > 0 ? c->delay_s : 1.0;
    int r;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(err, -ENOTTY, "the monitor needs a terminal on input and output; "
                                       "use --batch for one snapshot or --log for a stream");
    if (theme < 0)
        return error_set(err, -EINVAL, "no theme has that name");
    if (sort < 0)
        return error_set(err, -EINVAL, "no column has that name");
    sigemptyset(&m->mask);
    for (size_t i = 0; i < sizeof(our_signals) / sizeof(our_signals[0]); i++)
        sigaddset(&m->mask, our_signals[i]);
    sigprocmask(SIG_BLOCK, &m->mask, &m->old_mask);
    m->masked = true;
    m->signal_fd = signalfd(-1, &m->mask, SFD_CLOEXEC | SFD_NONBLOCK);
    m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (m->signal_fd < 0 || m->timer_fd < 0)
        return error_set(err, -errno, "signalfd or timerfd: %s", strerror(errno));
    if (trends_init(&m->trends) < 0 ||
        screen_init(&m->screen, 24, 80,
                    !c->no_unicode && strcmp(nl_langinfo(CODESET), "UTF-8") == 0) < 0)
        return error_set(err, -ENOMEM, "out of memory");
    ui_state_init(&m->state, 24, 80, ui_delay_clamp(delay));
    m->state.vms.sort = (enum column_id)sort;
    m->due_ns = now_ns();
    r = tick(m, delay < FIRST_DELAY_S ? delay : FIRST_DELAY_S, err);
    if (r == 0 && c->vm)
        r = select_vm(m, c->vm, err);
    if (r < 0)
        return r;
    r = term_open(&(struct term_config){
                      .mouse = !c->no_mouse,
                      .theme = &theme_table[c->no_colour ? THEME_MONOCHROME : theme]},
                  &m->term, err);
    if (r < 0)
        return r;
    if (!term_has_colours(m->term))
        term_set_theme(m->term, &theme_table[THEME_MONOCHROME]);
    resize(m);
    return 0;
}

static void finish(struct monitor *m)
{
    term_close(m->term);
    ui_state_done(&m->state);
    trends_done(&m->trends);
    screen_done(&m->screen);
    snapshot_free(m->now);
    if (m->timer_fd >= 0)
        close(m->timer_fd);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    if (m->masked)
        sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
}

int monitor_run(struct sampler *sampler, const struct monitor_config *config, struct error *err)
{
    struct monitor m = {.sampler = sampler, .signal_fd = -1, .timer_fd = -1};
    int r = prepare(&m, config, err);

    if (r == 0)
        r = loop(&m, err);
    finish(&m);
    if (r == 0 && m.end_signal) {
        raise(m.end_signal); /* no longer blocked: by default this is the end */
        return error_set(err, -EINTR, "ended by signal %d", m.end_signal);
    }
    return r;
}
