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
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/model/snapshot.h"
#include "ui/app/export.h"
#include "ui/app/scan_queue.h"
#include "ui/choose/delay.h"
#include "ui/grid/term_curses.h"
#include "ui/grid/theme.h"
#include "ui/screens/screens.h"
#include "ui/state/config.h"
#include "ui/state/state.h"
#include "ui/state/trends.h"

#define FIRST_DELAY_S                                                                              \
    0.25 /* rates need a second sample: do not let a person wait a whole delay for it */
#define FIRST_WAIT_MS  300   /* for the first sample, before the screen opens without it */
#define DEAD_READS_MAX 64    /* wake-ups without a byte after which the terminal counts as gone */

static const int our_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT};

struct monitor {
    struct sample_link *link;
    struct term *term;
    struct screen screen;
    struct ui_state state;
    struct ui_rows rows;
    struct trends trends;
    /* Any of these may be the same one; release() frees a snapshot that nobody needs any more. */
    struct snapshot *now;    /* the newest */
    struct snapshot *base;   /* totals count from here */
    struct snapshot *detail; /* the last that had the VM of the drill-down */
    struct scan_queue queue;
    sigset_t mask, old_mask;
    bool masked;
    int signal_fd, timer_fd;
    uint64_t due_ns;   /* of the next tick, monotonic */
    uint64_t asked_ns; /* when the sample that is waited for was asked for; 0: none is */
    double next_delay_s;         /* from that one to the next */
    uint64_t late_s;             /* seconds that it is late, as the screen has it */
    const struct filter *select; /* to be opened when the first snapshot is there; NULL: nothing */
    int dead_reads;
    int end_signal;    /* the signal that ends us, 0 = none */
    struct config *config;
    const char *config_path;
    const char *places; /* why a place may be one that cannot be written; "" when all can */
    bool no_colour;
    bool is_narrow;     /* the sampler looks only at what the command line chose */
    bool quit, changed; /* changed: a frame is due */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- ticks ------------------------------------------------------------------------------------ */

static void arm(struct monitor *m, uint64_t due_ns)
{
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(due_ns / 1000000000u),
                                           .tv_nsec = (long)(due_ns % 1000000000u)}};

    m->due_ns = due_ns;
    timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* The next tick: one delay after this one was due, but never so soon that sampling leaves no time
 * for keys. */
static void arm_next(struct monitor *m, uint64_t began_ns, double delay_s)
{
    uint64_t end = now_ns(), took = end - began_ns;
    uint64_t due = m->due_ns + (uint64_t)(delay_s * 1e9);

    arm(m, due > end + took ? due : end + took);
}

static void release(struct monitor *m, struct snapshot *s)
{
    if (s != m->now && s != m->base && s != m->detail)
        snapshot_free(s);
}

static void replace(struct monitor *m, struct snapshot **place, struct snapshot *s)
{
    struct snapshot *old = *place;

    *place = s;
    if (old != s)
        release(m, old);
}

static struct ui_model model_of(struct monitor *m)
{
    return (struct ui_model){
        .now = m->now,
        .base = m->base,
        .detail = m->detail,
        .trends = &m->trends,
        .rows = &m->rows,
        .scans = m->queue.supervisor != NULL ? &m->queue.scans : NULL,
        .scan = scan_queue_progress(&m->queue),
        .mono_ns = now_ns(),
        .scan_waiting = scan_queue_is_waiting(&m->queue, &m->state.detail.vm),
        .wait = sample_link_wait(m->link),
    };
}

/* Keep the newest snapshot that has the VM of the drill-down. */
static void update_detail(struct monitor *m)
{
    bool open = screen_list_has(ui_below(&m->state), SCREEN_TAB);

    if (!open)
        replace(m, &m->detail, NULL);
    else if (m->now != NULL && snapshot_find(m->now, &m->state.detail.vm) != NULL)
        replace(m, &m->detail, m->now);
    if (open)
        trends_open(&m->trends, &m->state.detail.vm);
}

static void follow(struct monitor *m)
{
    struct ui_model model;

    update_detail(m);
    if (m->now != NULL)
        scan_reports_forget_ended(&m->queue.scans, m->now, &m->state.detail.vm);
    model = model_of(m);
    ui_follow(&m->state, &model);
    /* Following may have opened the successor of a VM that ended. */
    if (m->detail != NULL && snapshot_find(m->detail, &m->state.detail.vm) == NULL) {
        update_detail(m);
        model = model_of(m);
        ui_follow(&m->state, &model);
    }
    m->changed = true;
}

/* A process may have several VMs: then they are listed, for none of them was chosen. */
static int select_vm(struct monitor *m, const struct filter *wanted, struct error *err)
{
    size_t found = 0;
    int result = filter_check(wanted, m->now, err);

    if (result < 0)
        return result;
    for (size_t i = 0; i < m->now->vm_count; i++)
        found += filter_vm(wanted, &m->now->vms[i]);
    if (found > 1) {
        m->state.vms.only = (struct filter){.pid = wanted->pid, .vm_fd = -1};
        return 0;
    }
    ui_open(&m->state, filter_find(wanted, m->now), SCREEN_COUNTERS);
    follow(m);
    return 0;
}

/* Who clears the choice of the command line wants to see all VMs: until then it saves the looks. */
static void widen(struct monitor *m)
{
    if (!m->is_narrow || !filter_all_vms(&m->state.vms.only))
        return;
    m->is_narrow = false;
    sample_link_widen(m->link);
}

static void ask(struct monitor *m, double delay_s)
{
    widen(m);
    sample_link_ask(m->link);
    if (m->asked_ns == 0)
        m->asked_ns = now_ns();
    m->next_delay_s = delay_s;
}

static int arrive(struct monitor *m, struct snapshot *next, struct error *err)
{
    const struct filter *select = m->select;
    struct tm local;

    replace(m, &m->now, next);
    if (m->base == NULL)
        m->base = next;
    trends_update(&m->trends, next);
    if (localtime_r(&next->wall.tv_sec, &local) != NULL)
        m->state.utc_offset_s = local.tm_gmtoff;
    follow(m);
    arm_next(m, m->asked_ns, m->next_delay_s);
    m->asked_ns = 0;
    m->select = NULL;
    return select != NULL ? select_vm(m, select, err) : 0;
}

/* Is the sample there that was asked for? Where it is late, the screen says so each second. */
static int look(struct monitor *m, struct error *err)
{
    struct snapshot *next = NULL;
    uint64_t late_s = 0;
    int result = sample_link_look(m->link, &next, err);

    if (result < 0)
        return result;
    /* One that was asked for before the picture was frozen. */
    if (result > 0 && m->state.frozen && m->now != NULL) {
        snapshot_free(next);
        arm_next(m, m->asked_ns, m->next_delay_s);
        m->asked_ns = 0;
    } else if (result > 0) {
        result = arrive(m, next, err);
    }
    if (m->asked_ns != 0)
        late_s = (now_ns() - m->asked_ns) / 1000000000u;
    m->changed |= late_s != m->late_s;
    m->late_s = late_s;
    return result < 0 ? result : 0;
}

/* --- screen ----------------------------------------------------------------------------------- */

static void draw(struct monitor *m)
{
    struct ui_model model = model_of(m);

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
    follow(m);
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

static void scan(struct monitor *m, enum scan_queue_depth depth)
{
    struct error err = {0};
    int result = scan_queue_request(&m->queue, m->now, &m->state.detail.vm, depth, &err);

    if (result < 0)
        ui_say(&m->state, "No scan: %s", err.msg);
    else if (result > 0)
        ui_say(&m->state, "The scan begins when that of another VM has ended; x takes it back");
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
        arm(m, now_ns() + (uint64_t)(m->state.delay_s * 1e9));
        break;
    case UI_SAMPLE_NOW:
        m->due_ns = now_ns();
        ask(m, m->state.delay_s);
        break;
    case UI_LOOK:
        scan(m, SCAN_QUEUE_LOOK);
        break;
    case UI_SCAN:
        scan(m, SCAN_QUEUE_EXACT);
        break;
    case UI_SCAN_CANCEL:
        scan_queue_cancel(&m->queue, &m->state.detail.vm);
        break;
    case UI_SAVE:
        save(m);
        break;
    case UI_NEW_BASE:
        replace(m, &m->base, m->now);
        break;
    case UI_NEW_THEME:
        set_theme(m);
        break;
    case UI_EXPORT:
        export_snapshot(m);
        break;
    }
}

static void keys(struct monitor *m)
{
    for (struct ui_key key; !m->quit && (key = term_key(m->term)).code != KEYCODE_NONE;) {
        struct ui_model model = model_of(m);
        act(m, ui_update(&m->state, &model, key));
        follow(m);
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
    const int waits[] = {term_wait_ms(m->term), m->asked_ns != 0 ? SAMPLE_LINK_LOOK_MS : -1,
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
        if (!m->quit && result == 0 && scan_queue_wake(&m->queue, now_ns()))
            follow(m);
        if (!m->quit && result == 0 && fds[2].revents) {
            ssize_t n = read(m->timer_fd, &expirations, sizeof(expirations));
            if (n == (ssize_t)sizeof(expirations) && !m->state.frozen)
                ask(m, m->state.delay_s);
        }
        if (!m->quit && result == 0 && (m->asked_ns != 0 || fds[4].revents))
            result = look(m, err);
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
    const uint64_t until = now_ns() + FIRST_WAIT_MS * 1000000ull;
    int result = 0;

    while (result == 0 && m->asked_ns != 0 && now_ns() < until) {
        struct pollfd fds[] = {{.fd = sample_link_fd(m->link), .events = POLLIN},
                               {.fd = m->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, SAMPLE_LINK_LOOK_MS) > 0 && fds[1].revents != 0)
            break; /* the loop reads it */
        result = look(m, err);
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
    m->places = c->is_confined
                    ? " (only the working directory is open to kvmlens; --privileges=basic: all)"
                    : "";
    result = apply_filters(m, c, err);
    if (result < 0)
        return result;
    scan_queue_init(&m->queue, c->supervisor);
    m->due_ns = now_ns();
    m->select = c->vm;
    ask(m, delay < FIRST_DELAY_S ? delay : FIRST_DELAY_S);
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
    replace(m, &m->detail, NULL);
    replace(m, &m->base, NULL);
    replace(m, &m->now, NULL);
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
