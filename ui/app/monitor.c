// SPDX-License-Identifier: MIT
// The loop: keys, ticks and signals in, frames out. Everything it decides lies in state, views and
// core.
#include "ui/app/monitor.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/text.h"
#include "ui/app/export.h"
#include "ui/app/monitor_internal.h"
#include "ui/choose/delay.h"
#include "ui/grid/theme.h"
#include "ui/screens/screens.h"

#define FIRST_WAIT_MS  300   /* for the first sample, before the screen opens without it */
#define DEAD_READS_MAX 64    /* wake-ups without a byte after which the terminal counts as gone */

static const int our_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* --- screen ----------------------------------------------------------------------------------- */

static void draw(struct monitor *m)
{
    struct ui_model model = monitor_model(m);

    ui_draw(&model, &m->state, &m->screen);
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
    monitor_follow(m);
    term_forget(m->term);
}

/* --- keys and signals
 * ----------------------------------------------------------------------------- */

static void export_snapshot(struct monitor *m)
{
    struct error err = {0};

    if (m->now == NULL)
        ui_say(&m->state, "Not written: the VMs were not read yet");
    else if (export_json(m->now, m->state.export_path, &err) < 0)
        ui_say(&m->state, "%s%s", err.msg, err.code == -EACCES ? m->places : "");
    else
        ui_say(&m->state, "Written to %.150s", m->state.export_path);
}

static void save(struct monitor *m)
{
    struct error err = {0};

    ui_to_config(&m->state, m->config);
    if (m->config_path == NULL)
        ui_say(&m->state, "Not saved: neither HOME nor XDG_CONFIG_HOME is set");
    else if (config_write(m->config_path, m->config, &err) < 0)
        ui_say(&m->state, "%s", err.msg);
    else
        ui_say(&m->state, "Saved to %.150s", m->config_path);
}

static void set_theme(struct monitor *m)
{
    bool colours = !m->no_colour && term_has_colours(m->term);

    term_set_theme(m->term, &theme_table[colours ? m->state.theme : THEME_MONOCHROME]);
    if (!colours)
        ui_say(&m->state, "No colours here: NO_COLOR, --no-color, or a terminal without them");
}

/* Another collector has other rights and sources; what it finds out comes with its first sample. */
static void set_bpf(struct monitor *m)
{
    struct error err = {0};
    bool failed = m->bpf == BPF_FAILED;

    if (sample_link_set_bpf(m->link, m->state.bpf, &err) < 0)
        ui_say(&m->state, "%s", err.msg);
    else if (m->state.bpf)
        ui_say(&m->state, "Loading BPF programs");
    else
        ui_say(&m->state, failed ? "BPF is no longer asked for" : "BPF programs are unloaded");
    scan_queue_renew(&m->queue);
    m->bpf = BPF_UNASKED;
    if (m->state.frozen)
        return;
    m->due_ns = monitor_now_ns();
    monitor_ask(m, m->state.delay_s);
}

static void act(struct monitor *m, enum ui_action action)
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
        monitor_arm(m, monitor_now_ns() + (uint64_t)(m->state.delay_s * 1e9));
        break;
    case UI_SAMPLE_NOW:
        m->due_ns = monitor_now_ns();
        monitor_ask(m, m->state.delay_s);
        break;
    case UI_LOOK:
        monitor_scan(m, SCAN_QUEUE_LOOK);
        break;
    case UI_SCAN:
        monitor_scan(m, SCAN_QUEUE_EXACT);
        break;
    case UI_LOOKS:
        monitor_scan(m, SCAN_QUEUE_DIRTY);
        break;
    case UI_LOOKS_UNASKED:
        monitor_scan(m, SCAN_QUEUE_DIRTY_UNASKED);
        break;
    case UI_SCAN_CANCEL:
        scan_queue_cancel(&m->queue, &m->state.detail.vm);
        break;
    case UI_SCANS:
        monitor_scans(m);
        break;
    case UI_SAVE:
        save(m);
        break;
    case UI_NEW_BASE:
        monitor_replace(m, &m->base, m->now);
        break;
    case UI_NEW_THEME:
        set_theme(m);
        break;
    case UI_NEW_BPF:
        set_bpf(m);
        break;
    case UI_EXPORT:
        export_snapshot(m);
        break;
    }
}

/* What the screen begins by itself, and whether it has to say anew how long that takes. */
static void begin_unasked(struct monitor *m)
{
    struct ui_model model = monitor_model(m);
    enum ui_action action = ui_unasked(&m->state, &model);
    int left_s = model.scan_looks && model.scan.eta_s >= 0 ? (int)model.scan.eta_s + 1 : 0;

    act(m, action);
    m->changed |= action != UI_NOTHING || left_s != m->looks_left_s;
    m->looks_left_s = left_s;
}

static void keys(struct monitor *m)
{
    for (struct ui_key key; !m->quit && (key = term_key(m->term)).code != KEYCODE_NONE;) {
        struct ui_model model = monitor_model(m);
        act(m, ui_update(&m->state, &model, key));
        m->is_pressed = true;
        monitor_follow(m);
    }
}

/* Something was typed, or the terminal says so again and again when it has gone. */
static int read_keys(struct monitor *m, struct error *err)
{
    int n = term_read(m->term);

    m->dead_reads = n > 0 ? 0 : m->dead_reads + 1;
    if (n < 0 || m->dead_reads > DEAD_READS_MAX)
        return error_set(err, -EIO, "the terminal went away");
    keys(m);
    return 0;
}

static void suspend(struct monitor *m)
{
    struct sigaction stop = {.sa_handler = SIG_DFL}, old;
    sigset_t only;

    monitor_wish(m, true); /* guests pay for what is counted */
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
            term_resume(
                m->term); /* somebody stopped us with SIGSTOP and used the terminal meanwhile */
            resize(m);
        } else {
            m->end_signal = (int)info.ssi_signo;
            term_ends_by(m->term, m->end_signal);
            m->quit = true;
        }
    }
}

/* A key may be half there, and a child may stand still. -1: nothing to look after. */
static int wait_ms(struct monitor *m)
{
    const int waits[] = {term_wait_ms(m->term), sample_link_wait_ms(m->link),
                         scan_queue_wait_ms(&m->queue)};
    int least = -1;

    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        if (waits[i] >= 0 && (least < 0 || waits[i] < least))
            least = waits[i];
    return least;
}

static int loop(struct monitor *m, struct error *err)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = m->signal_fd, .events = POLLIN},
                           {.fd = m->timer_fd, .events = POLLIN},
                           {.fd = -1, .events = POLLIN},
                           {.fd = -1, .events = POLLIN}};
    uint64_t expirations;
    int result = 0;

    while (!m->quit && result == 0) {
        monitor_wish(m, false);
        monitor_wish_load(m);
        m->is_pressed = false;
        begin_unasked(m);
        if (m->changed)
            draw(m);
        fds[3].fd = scan_queue_fd(&m->queue);
        fds[4].fd = sample_link_fd(m->link);
        if (poll(fds, 5, wait_ms(m)) < 0) {
            if (errno == EINTR)
                continue;
            return error_set(err, -EIO, "poll: %s", strerror(errno));
        }
        if (fds[1].revents)
            signals(m);
        if (!m->quit && fds[0].revents & POLLIN)
            result = read_keys(m, err);
        else if (!m->quit && fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            result = error_set(err, -EIO, "the terminal went away");
        else if (!m->quit && term_wait_ms(m->term) == 0)
            keys(m);
        if (!m->quit && result == 0 && scan_queue_wake(&m->queue, monitor_now_ns()))
            monitor_follow(m);
        if (!m->quit && result == 0 && fds[2].revents) {
            ssize_t n = read(m->timer_fd, &expirations, sizeof(expirations));
            if (n == (ssize_t)sizeof(expirations) && !m->state.frozen)
                monitor_ask(m, m->state.delay_s);
        }
        if (!m->quit && result == 0 && (m->asked_ns != 0 || fds[4].revents))
            result = monitor_look(m, err);
    }
    return result;
}

/* --- start and end
 * -------------------------------------------------------------------------------- */

/*
 * All that is wrong in the file, for who leaves the monitor again; the status line has room for
 * where, and for the first.
 */
static void tell_problems(struct monitor *m, const char *path)
{
    const struct config *c = m->config;
    char clean[200], lines[80];

    text_clean(path, strlen(path), clean, sizeof(clean));
    for (size_t i = 0; i < c->problems && i < CONFIG_TOLD_MAX; i++)
        fprintf(stderr, "kvmlens: %s, line %d: %s\n", clean, c->told[i].line, c->told[i].text);
    if (c->problems > CONFIG_TOLD_MAX)
        fprintf(stderr, "kvmlens: %s: %zu more\n", clean, c->problems - CONFIG_TOLD_MAX);
    config_wrong_lines(c, lines, sizeof(lines));
    ui_say(&m->state, "Wrong in %.60s: %s. %.100s", clean, lines, c->told[0].text);
}

/* A file that is wrong is told in the status line; the monitor starts all the same. */
static int load_config(struct monitor *m, const struct monitor_config *c, struct error *err)
{
    struct error problem = {0};

    m->config_path = c->config_path;
    m->config = malloc(sizeof(*m->config));
    if (m->config == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    config_init(m->config);
    if (c->config_path == NULL)
        return 0;
    if (config_read(c->config_path, m->config, &problem) < 0)
        ui_say(&m->state, "%s", problem.msg);
    else if (m->config->problems > 0)
        tell_problems(m, c->config_path);
    ui_apply_config(&m->state, m->config);
    return 0;
}

static int apply_filters(struct monitor *m, const struct monitor_config *c, struct error *err)
{
    char why[100];

    m->state.vms.only = (struct filter){.pid = c->pid, .vm_fd = -1, .name = c->guest};
    m->is_narrow = !filter_all_vms(&m->state.vms.only);
    if (c->fields != NULL &&
        (pattern_set_exact(&m->state.detail.counters.pattern, c->fields, why, sizeof(why)) < 0 ||
         pattern_set_exact(&m->state.host.pattern, c->fields, why, sizeof(why)) < 0))
        return error_set(err, -EINVAL, "--fields: %s", why);
    return 0;
}

/*
 * So that the first screen has VMs, and that what is wrong with a choice is said without one. One
 * that takes long is waited for with the screen open.
 */
static int wait_first(struct monitor *m, struct error *err)
{
    const uint64_t until = monitor_now_ns() + FIRST_WAIT_MS * 1000000ull;
    int result = 0;

    while (result == 0 && m->asked_ns != 0 && monitor_now_ns() < until) {
        struct pollfd fds[] = {{.fd = sample_link_fd(m->link), .events = POLLIN},
                               {.fd = m->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, sample_link_wait_ms(m->link)) > 0 && fds[1].revents != 0)
            break; /* the loop reads it */
        result = monitor_look(m, err);
    }
    return result;
}

static int prepare(struct monitor *m, const struct monitor_config *c, struct error *err)
{
    double delay;
    int result;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(err, -ENOTTY, "the monitor needs a terminal on input and output; "
                                       "use --batch for one snapshot or --log for a stream");
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
    ui_state_init(&m->state, 24, 80, 1.0);
    result = load_config(m, c, err);
    if (result < 0)
        return result;
    if (c->delay_s > 0)
        m->state.delay_s = delay_clamp(c->delay_s);
    delay = m->state.delay_s;
    m->state.since_creation = c->since_creation;
    m->no_colour = c->no_colour;
    m->state.bpf = c->bpf || (m->config->bpf && c->supervisor != NULL);
    result = sample_link_set_bpf(m->link, m->state.bpf, err);
    if (result < 0)
        return result;
    m->places = c->is_confined
                    ? " (only the working directory is open to kvmlens; --privileges=basic: all)"
                    : "";
    result = apply_filters(m, c, err);
    if (result < 0)
        return result;
    scan_queue_init(&m->queue, c->supervisor);
    m->due_ns = monitor_now_ns();
    m->select = c->vm;
    m->wants_exits = m->state.exits = c->exits;
    if (c->exits && c->vm == NULL)
        m->state.screen = SCREEN_HOST_EXITS;
    monitor_wish_load(m);
    monitor_ask(m, delay < FIRST_DELAY_S ? delay : FIRST_DELAY_S);
    result = wait_first(m, err);
    if (result < 0)
        return result;
    result = term_open(
        &(struct term_config){.mouse = !c->no_mouse,
                              .theme =
                                  &theme_table[c->no_colour ? THEME_MONOCHROME : m->state.theme]},
        &m->term, err);
    if (result < 0)
        return result;
    if (!term_has_colours(m->term))
        m->no_colour = true;
    if (m->no_colour)
        term_set_theme(m->term, &theme_table[THEME_MONOCHROME]);
    resize(m);
    return 0;
}

static void finish(struct monitor *m)
{
    term_close(m->term);
    scan_queue_done(&m->queue);
    ui_state_done(&m->state);
    ui_rows_done(&m->rows);
    trends_done(&m->trends);
    screen_done(&m->screen);
    free(m->config);
    monitor_replace(m, &m->detail, NULL);
    monitor_replace(m, &m->base, NULL);
    monitor_replace(m, &m->now, NULL);
    if (m->timer_fd >= 0)
        close(m->timer_fd);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    if (m->masked)
        sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
}

int monitor_run(struct sample_link *link, const struct monitor_config *config, struct error *err)
{
    struct monitor m = {.link = link, .signal_fd = -1, .timer_fd = -1};
    int result = prepare(&m, config, err);

    if (result == 0)
        result = loop(&m, err);
    finish(&m);
    return result == 0 ? m.end_signal : result;
}
