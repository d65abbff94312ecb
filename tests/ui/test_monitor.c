// SPDX-License-Identifier: MIT
// The monitor on a pseudo terminal: what it draws first, how it ends, what it leaves behind. The
// link to the collector is replaced by one that hands out made-up snapshots.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/lib/exits_builder.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/app/monitor.h"

#define DEADLINE_MS 30000
#define OUTPUT_MAX (1 << 20)

/* --- the link to the collector ---------------------------------------------------------------- */

struct sample_link {
    struct snapshot_builder *b;
    int ticks;
    bool asked, bpf, exits;
    pid_t exits_pid;
    unsigned load, load_one;
    pid_t load_pid, load_before;
    int counts; /* samples since exits are counted */
    bool takes_turns; /* of its VMs another has most CPU time each time */
};

/* The name of the host says what was wished for, in names that differ in each letter, as only what
 * changed is sent. The first count has nothing to compare with. */
static void put_exits(struct sample_link *link, struct snapshot *s)
{
    struct exits_builder *e = exits_builder_new();

    snprintf(s->host.name, sizeof(s->host.name), "%s",
             !link->exits              ? "web-07"
             : link->exits_pid == 5201 ? "P5201P"
                                       : "WISHALL");
    free(s->exits);
    s->exits = NULL;
    exits_builder_facts(e)->pid = link->exits_pid;
    exits_builder_thread(e, 5201, 5202, 500000000);
    exits_builder_reason(e, 5202, EXIT_ISA_VMX, 10, "CPUID", 777, 1000);
    if (link->counts++ == 0)
        exits_builder_no_first(e);
    if (link->exits)
        exits_builder_put(e, link->b);
    exits_builder_free(e);
}

int sample_link_fd(const struct sample_link *link)
{
    (void)link;
    return -1;
}

void sample_link_ask(struct sample_link *link)
{
    link->asked = true;
}

int sample_link_wait_ms(const struct sample_link *link)
{
    return link->asked ? 0 : -1;
}

struct sample_wait sample_link_wait(const struct sample_link *link)
{
    return (struct sample_wait){.asked = link->asked, .step = ""};
}

int sample_link_look(struct sample_link *link, struct snapshot **ret, struct error *err)
{
    (void)err;
    if (!link->asked)
        return 0;
    link->asked = false;
    /* Each snapshot borrows the field table of its builder, as it does the link's in earnest. */
    struct snapshot *s = snapshot_builder_snapshot(link->b);
    s->interval_s = link->ticks++ == 0 ? 0 : 1;
    s->bpf = (struct bpf_status){.state = link->bpf ? BPF_LOADED : BPF_UNASKED,
                                 .obstacle = BPF_POSSIBLE};
    put_exits(link, s);
    /* The kernel in the header says what was wished for. */
    snprintf(s->host.kernel, sizeof(s->host.kernel), "%02x+%02x.%d%s", link->load,
             link->load_one, link->load_one != 0 ? (int)link->load_pid : 0,
             link->load_before == 5164 ? "b" : "");
    if (link->ticks == 1)
        for (size_t i = 0; i < s->vm_count; i++)
            s->vms[i].cpu_ratio = (struct figure){.state = READING_WARMUP};
    else
        for (size_t i = 0; i < s->vm_count; i++)
            s->vms[i].cpu_ratio = (struct figure){.value = 0.77, .state = READING_OK};
    if (link->takes_turns && link->ticks > 1)
        s->vms[link->ticks % 3].cpu_ratio.value = 0.99;
    *ret = snapshot_builder_take(link->b);
    s->exits = NULL; /* it belongs to that one now */
    return 1;
}

int sample_link_set_exits(struct sample_link *link, bool on, pid_t pid, struct error *err)
{
    (void)err;
    link->counts = on && !link->exits ? 0 : link->counts;
    link->exits = on;
    link->exits_pid = pid;
    return 0;
}

void sample_link_set_load(struct sample_link *link, unsigned wishes)
{
    link->load = wishes;
}

void sample_link_set_load_one(struct sample_link *link, unsigned wishes, pid_t pid, pid_t before)
{
    link->load_one = wishes;
    link->load_pid = pid;
    link->load_before = before;
}

void sample_link_widen(struct sample_link *link)
{
    (void)link;
}

int sample_link_set_bpf(struct sample_link *link, bool on, struct error *err)
{
    (void)err;
    link->bpf = on;
    return 0;
}

/* --- the terminal ----------------------------------------------------------------------------- */

struct session {
    int master;
    pid_t pid;       /* the process whose end counts */
    char *output;
    size_t len;
    struct termios before;
};

enum job {
    JOB_PLAIN,
    JOB_UNDER_SHELL,
    JOB_WITH_TWIN, /* a second vm16 in the same process */
    JOB_TAKING_TURNS
};

static _Noreturn void run_monitor(const struct monitor_config *config, enum job job)
{
    struct rlimit no_core = {0, 0};
    struct error err = {0};
    struct sample_link link = {.b = snapshot_builder_new(), .takes_turns = job == JOB_TAKING_TURNS};

    setrlimit(RLIMIT_CORE, &no_core);
    snapshot_builder_three_vms(link.b);
    if (job == JOB_WITH_TWIN)
        snapshot_builder_vm(link.b, 5164, 30, "vm16", "qemu", 1);
    int r = monitor_run(&link, config, &err);
    snapshot_builder_free(link.b);
    if (r < 0)
        printf("error %d: %s\n", r, err.msg);
    printf("[%d samples]\n", link.ticks);
    fflush(stdout);
    if (r > 0) {
        raise(r);
        printf("signal %d had no effect\n", r);
        r = -EINTR;
    }
    _exit(r < 0 ? 1 : 0);
}

/*
 * As a shell does it: the monitor in a process group of its own in the foreground. When it stops,
 * this tells in what state the terminal is, and continues it at once.
 */
static _Noreturn void run_under_shell(const struct monitor_config *config)
{
    int status;

    signal(SIGTTOU, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        run_monitor(config, JOB_UNDER_SHELL);
    }
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
        struct termios now;
        tcsetpgrp(STDIN_FILENO, getpid());
        tcgetattr(STDIN_FILENO, &now);
        printf("[stopped %s]", now.c_lflag & ICANON && now.c_lflag & ECHO ? "sane" : "raw");
        fflush(stdout);
        tcsetpgrp(STDIN_FILENO, pid);
        kill(pid, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static void session_start(struct session *s, const char *kind, const struct monitor_config *config,
                          enum job job)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int slave;

    *s = (struct session){.output = calloc(1, OUTPUT_MAX)};
    assert_non_null(s->output);
    assert_int_equal(openpty(&s->master, &slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(slave, &s->before), 0);
    s->pid = fork();
    if (s->pid == 0) {
        close(s->master);
        if (login_tty(slave) != 0)
            _exit(90);
        setenv("TERM", kind, 1);
        if (job == JOB_UNDER_SHELL)
            run_under_shell(config);
        run_monitor(config, job);
    }
    close(slave);
    assert_true(s->pid > 0);
    fcntl(s->master, F_SETFL, O_NONBLOCK);
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read until @text stands in what came after @from; its end, or 0 when the deadline passes or the
 * other side is gone. */
static size_t wait_for(struct session *s, size_t from, const char *text)
{
    long end = now_ms() + DEADLINE_MS;

    for (;;) {
        char *at = memmem(s->output + from, s->len - from, text, strlen(text));
        if (at)
            return (size_t)(at - s->output) + strlen(text);
        struct pollfd p = {.fd = s->master, .events = POLLIN};
        if (now_ms() > end || poll(&p, 1, 200) < 0)
            break;
        ssize_t n = read(s->master, s->output + s->len, OUTPUT_MAX - 1 - s->len);
        if (n > 0)
            s->len += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    fprintf(stderr, "no \"%s\" in the %zu bytes after %zu\n", text, s->len - from, from);
    return 0;
}

static size_t must_see(struct session *s, size_t from, const char *text)
{
    size_t at = wait_for(s, from, text);

    assert_true(at > 0);
    return at;
}

static void send(struct session *s, const char *keys)
{
    assert_int_equal(write(s->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Wait for the end; its status. What is still to be read is kept in the output. */
static int session_end(struct session *s)
{
    long end = now_ms() + DEADLINE_MS;
    int status = -1;
    pid_t got;

    do {
        struct pollfd p = {.fd = s->master, .events = POLLIN};
        poll(&p, 1, 20);
        ssize_t n = read(s->master, s->output + s->len, OUTPUT_MAX - 1 - s->len);
        if (n > 0)
            s->len += (size_t)n;
        got = waitpid(s->pid, &status, WNOHANG);
    } while (got == 0 && now_ms() < end);
    if (got == 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
        fprintf(stderr, "the monitor did not end\n");
    }
    for (ssize_t n; (n = read(s->master, s->output + s->len, OUTPUT_MAX - 1 - s->len)) > 0;)
        s->len += (size_t)n;
    return status;
}

/* Alternate screen left after it was entered, cursor back, modes of the line as they were. */
static void assert_restored(struct session *s)
{
    struct termios now;
    char *entered = strstr(s->output, "\033[?1049h"), *left = NULL;

    assert_non_null(entered);
    for (char *p = entered; (p = strstr(p, "\033[?1049l")); p++)
        left = p;
    assert_non_null(left);
    assert_null(strstr(left, "\033[?1049h"));
    assert_non_null(strstr(left > s->output + 40 ? left - 40 : s->output, "\033[?"));
    assert_int_equal(tcgetattr(s->master, &now), 0);
    assert_int_equal(now.c_lflag, s->before.c_lflag);
    assert_int_equal(now.c_iflag, s->before.c_iflag);
    assert_int_equal(now.c_oflag, s->before.c_oflag);
}

/* What was switched on was switched off, last. */
static void assert_mouse_is_off(struct session *s)
{
    static const char *const modes[][2] = {{"\033[?1000h", "\033[?1000l"},
                                           {"\033[?1006h", "\033[?1006l"},
                                           {"\033[?2004h", "\033[?2004l"},
                                           {"\033[?25l", "\033[?25h"}};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        char *on = NULL;
        for (char *p = s->output; (p = strstr(p, modes[i][0])); p++)
            on = p;
        if (on && !strstr(on, modes[i][1]))
            fail_msg("%s is left on", modes[i][0] + 1);
    }
}

static void session_done(struct session *s)
{
    close(s->master);
    free(s->output);
}

static const struct monitor_config plain = {.delay_s = 0.2};

/* --- tests ------------------------------------------------------------------------------------ */

static void the_first_screen_shows_at_once_without_rates(void **unused)
{
    const struct monitor_config slow = {.delay_s = 3600};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &slow, JOB_PLAIN);
    size_t first = must_see(&s, 0, "db-primary");
    assert_non_null(strstr(s.output, "..."));
    assert_null(strstr(s.output, "77.0"));
    must_see(&s, first, "77.0"); /* the second sample comes long before the delay is over */
    send(&s, "q");
    int status = session_end(&s);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_restored(&s);
    session_done(&s);
}

static void assert_ends_by(struct session *s, int sig)
{
    int status = session_end(s);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        print_error("signal %d: status %#x\n", sig, (unsigned)status);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
    assert_restored(s);
}

static void each_ending_signal_restores_the_terminal_and_is_the_cause_of_death(void **unused)
{
    const int signals[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT, SIGSEGV,   SIGABRT, SIGBUS,
                           SIGFPE,  SIGILL,  SIGSYS,  SIGTRAP, SIGUSR1,   SIGUSR2, SIGPIPE,
                           SIGALRM, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,
                           SIGSTKFLT, SIGRTMIN, SIGRTMAX};

    (void)unused;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct session s;

        session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
        must_see(&s, 0, "db-primary");
        kill(s.pid, signals[i]);
        assert_ends_by(&s, signals[i]);
        assert_mouse_is_off(&s);
        session_done(&s);
    }
}

/* As nohup and the like leave them: they end nobody, so nothing is to be restored. */
static void a_signal_that_is_ignored_stays_ignored(void **unused)
{
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU, SIGVTALRM};

    (void)unused;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct session s;

        signal(signals[i], SIG_IGN);
        session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
        signal(signals[i], SIG_DFL);
        size_t at = must_see(&s, 0, "db-primary");
        kill(s.pid, signals[i]);
        send(&s, "\014");
        must_see(&s, at, "db-primary");
        send(&s, "q");
        assert_int_equal(session_end(&s), 0);
        session_done(&s);
    }
}

static void read_for(struct session *s, long ms)
{
    for (long end = now_ms() + ms, now; (now = now_ms()) < end;) {
        struct pollfd p = {.fd = s->master, .events = POLLIN};
        poll(&p, 1, (int)(end - now));
        ssize_t n = read(s->master, s->output + s->len, OUTPUT_MAX - 1 - s->len);
        s->len += n > 0 ? (size_t)n : 0;
    }
}

/* A connection that hangs, or Ctrl-S: the write of a frame does not return. */
static void a_terminal_that_takes_no_output_does_not_keep_it_alive(void **unused)
{
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    must_see(&s, 0, "db-primary");
    send(&s, "\023\014"); /* Ctrl-S, then a frame */
    read_for(&s, 300);
    kill(s.pid, SIGTERM);
    assert_ends_by(&s, SIGTERM);
    session_done(&s);
}

static void it_does_not_keep_it_alive_after_other_signals(void **unused)
{
    static const int signals[] = {SIGUSR1, SIGALRM, SIGABRT};

    (void)unused;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct session s;

        session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
        must_see(&s, 0, "db-primary");
        send(&s, "\023\014");
        read_for(&s, 300);
        kill(s.pid, signals[i]);
        assert_ends_by(&s, signals[i]);
        session_done(&s);
    }
}

static void stopping_gives_the_terminal_back_and_continuing_draws_again(void **unused)
{
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &plain, JOB_UNDER_SHELL);
    size_t at = must_see(&s, 0, "db-primary");
    send(&s, "\032"); /* Ctrl-Z */
    at = must_see(&s, at, "\033[?1049l");
    at = must_see(&s, at, "[stopped sane]");
    at = must_see(&s, at, "\033[?1049h");
    must_see(&s, at, "db-primary");
    send(&s, "q");
    int status = session_end(&s);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_restored(&s);
    session_done(&s);
}

/* From then on, and drawn in full: else only what changed is sent. */
static size_t must_see_redrawn(struct session *s, size_t from, const char *text)
{
    read_for(s, 500);
    from = s->len > from ? s->len : from;
    send(s, "\014");
    return must_see(s, from, text);
}

/* What costs system calls is read while somebody looks at it, and then only that. */
static void only_what_is_shown_is_read(void **unused)
{
    const struct {
        const char *keys;
        unsigned load, one;
    } steps[] = {
        {"1", LOAD_HOST, 0}, /* the columns need nothing, the line about the host does */
        {"2", LOAD_HOST | LOAD_STATE | LOAD_VCPUS | LOAD_THROTTLE, 0},
        {"h", LOAD_HOST | LOAD_STATE | LOAD_VCPUS | LOAD_THROTTLE, 0}, /* they lie below */
        {"h4", LOAD_HOST | LOAD_STATE | LOAD_MEMORY | LOAD_PLACEMENT, 0},
        {"5", LOAD_HOST | LOAD_IO, 0},
        {"3\r", 0, 0},
        {"2", 0, LOAD_STATE | LOAD_VCPUS | LOAD_ROLES | LOAD_THROTTLE},
    };
    struct session s;
    size_t at = 0;

    (void)unused;
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    at = must_see(&s, at, "db-primary");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        char text[40];
        send(&s, steps[i].keys);
        snprintf(text, sizeof(text), "%02x+%02x.%d", steps[i].load, steps[i].one,
                 steps[i].one != 0 ? 5164 : 0);
        at = must_see_redrawn(&s, at, text);
    }
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

/* The pane of the selected VM needs more, and only where it has room and is wanted. */
static void the_pane_is_read_for_while_it_shows(void **unused)
{
    struct winsize tall = {.ws_row = 36, .ws_col = 120};
    char with[40], without[40], other[40];
    struct session s;

    (void)unused;
    snprintf(without, sizeof(without), "%02x+00.0", LOAD_HOST);
    const unsigned pane = LOAD_STATE | LOAD_VCPUS | LOAD_ROLES | LOAD_THROTTLE | LOAD_PRESSURE |
                          LOAD_MEMORY | LOAD_PLACEMENT | LOAD_IO;
    snprintf(with, sizeof(with), "%02x+%02x.5164", LOAD_HOST, pane);
    snprintf(other, sizeof(other), "%02x+%02x.5201b", LOAD_HOST, pane);
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    size_t at = must_see(&s, 0, "db-primary");
    assert_int_equal(ioctl(s.master, TIOCSWINSZ, &tall), 0);
    at = must_see_redrawn(&s, at, with);
    send(&s, "j"); /* it is of the selected VM, and of no other */
    at = must_see_redrawn(&s, at, other);
    send(&s, "k");
    at = must_see_redrawn(&s, at, with);
    send(&s, "v");
    at = must_see_redrawn(&s, at, without);
    send(&s, "v");
    must_see_redrawn(&s, at, with);
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

static void a_new_size_is_drawn_in_full(void **unused)
{
    struct winsize tiny = {.ws_row = 5, .ws_col = 25}, wide = {.ws_row = 40, .ws_col = 180};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    size_t at = must_see(&s, 0, "db-primary");
    assert_int_equal(ioctl(s.master, TIOCSWINSZ, &tiny), 0);
    at = must_see(&s, at, "Terminal too small");
    assert_int_equal(ioctl(s.master, TIOCSWINSZ, &wide), 0);
    at = must_see(&s, at, "PF_FIX/s"); /* a column that 80 columns have no room for */
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    assert_restored(&s);
    session_done(&s);
}

static void only_what_changed_is_sent(void **unused)
{
    const struct monitor_config fast = {.delay_s = 0.1};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &fast, JOB_PLAIN);
    must_see(&s, 0, "77.0");
    read_for(&s, 2000); /* the graphs fill up; from then on every tick gives the same frame */
    size_t before = s.len;
    read_for(&s, 1000);
    assert_true(s.len - before < 100);
    before = s.len;
    send(&s, "N");
    read_for(&s, 300);
    assert_in_range(s.len - before, 1, 1500); /* a new order of three rows */
    before = s.len;
    send(&s, "\014"); /* Ctrl-L: everything again */
    must_see(&s, before, "db-primary");
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

static void the_snapshot_goes_to_a_new_file_only(void **unused)
{
    char dir[] = "/tmp/kvmlens-test-XXXXXX", path[64], link[64];
    struct session s;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/out.json", dir);
    snprintf(link, sizeof(link), "%s/link.json", dir);
    assert_int_equal(symlink("elsewhere", link), 0);
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    size_t at = must_see(&s, 0, "db-primary");
    send(&s, "W\025"); /* Ctrl-U empties the prompt */
    send(&s, path);
    send(&s, "\r");
    at = must_see(&s, at, "Written to");
    send(&s, "W\025");
    send(&s, path);
    send(&s, "\r");
    at = must_see(&s, at, "was not written");
    send(&s, "W\025");
    send(&s, link);
    send(&s, "\r");
    must_see(&s, at, "was not written");
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing else was made */
    session_done(&s);
}

static void keys_that_nobody_uses_do_not_end_the_monitor(void **unused)
{
    static const char *const odd[] = {"\033[2~" /* Insert */, "\033[<2;5;5M" /* right button */,
                                      "\377" /* no UTF-8 */};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &plain, JOB_PLAIN);
    must_see(&s, 0, "db-primary");
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        for (int n = 0; n < 100; n++) {
            send(&s, odd[i]);
            read_for(&s, 3); /* each in a wake-up of its own */
        }
    read_for(&s, 100);
    size_t at = s.len;
    send(&s, "h");
    must_see(&s, at, "hide the vCPUs of the selected VM"); /* the help */
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

static void without_a_second_screen_the_shell_gets_an_empty_line(void **unused)
{
    struct session s;

    (void)unused;
    session_start(&s, "linux", &plain, JOB_PLAIN); /* has no alternate screen */
    size_t at = must_see(&s, 0, "F10");
    read_for(&s, 300);
    at = s.len;
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    s.output[s.len] = '\0';
    /* Erased to the end of line or screen: the function keys are gone. */
    assert_true(strstr(s.output + at, "\033[K") || strstr(s.output + at, "\033[J"));
    session_done(&s);
}

static void a_terminal_that_cannot_draw_is_refused_with_a_hint(void **unused)
{
    static const char *const kinds[] = {"dumb", "", "no-such-terminal"};

    (void)unused;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct session s;

        session_start(&s, kinds[i], &plain, JOB_PLAIN);
        int status = session_end(&s);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_non_null(strstr(s.output, "--batch"));
        assert_null(strstr(s.output, "\033["));
        session_done(&s);
    }
}

static void without_a_terminal_it_names_batch_mode(void **unused)
{
    struct sample_link link = {.b = snapshot_builder_new()};
    struct error err = {0};
    int in = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);

    (void)unused;
    dup2(null, STDIN_FILENO);
    assert_int_equal(monitor_run(&link, &plain, &err), -ENOTTY);
    assert_non_null(strstr(err.msg, "--batch"));
    dup2(in, STDIN_FILENO);
    close(in);
    close(null);
    snapshot_builder_free(link.b);
}

static void an_unknown_vm_is_told_before_the_screen_changes(void **unused)
{
    const struct filter unknown = {.vm_fd = -1, .name = "no\033[31msuch"};
    const struct monitor_config config = {.vm = &unknown};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &config, JOB_PLAIN);
    int status = session_end(&s);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(s.output, "no?[31msuch"));
    assert_null(strstr(s.output, "\033["));
    session_done(&s);
}

static void a_name_of_several_vms_opens_none_of_them(void **unused)
{
    const struct filter name = {.vm_fd = -1, .name = "vm16"};
    const struct monitor_config config = {.vm = &name};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &config, JOB_WITH_TWIN);
    int status = session_end(&s);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(s.output, "2 VMs are named 'vm16': 5164:9, 5164:30"));
    assert_null(strstr(s.output, "\033["));
    session_done(&s);
}

static void a_process_with_several_vms_is_listed(void **unused)
{
    const struct filter process = {.pid = 5164, .vm_fd = -1};
    const struct monitor_config config = {.vm = &process};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &config, JOB_WITH_TWIN);
    must_see(&s, 0, "2 of 4 VMs");
    send(&s, "q");
    session_end(&s);
    session_done(&s);
}

/* As --batch --guest does it: the whole name, upper and lower case told apart, and no VMM. */
static void a_guest_of_the_command_line_is_chosen_by_the_rule_of_batch(void **unused)
{
    static const struct {
        struct monitor_config config;
        const char *status;
    } cases[] = {
        {{.guest = "vm16"}, "1 of 3 VMs, guest vm16; c clears it"},
        {{.guest = "VM16"}, "0 of 3 VMs, guest VM16; c clears it"},
        {{.guest = "vm1"}, "0 of 3 VMs"},
        {{.guest = "qemu"}, "0 of 3 VMs"},
        {{.guest = "5164"}, "0 of 3 VMs"},
        {{.guest = "v\033[31m"}, "0 of 3 VMs, guest v?[31m; c"},
        {{.pid = 5164}, "1 of 3 VMs, process 5164; c clears it"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct session s;
        session_start(&s, "xterm-256color", &cases[i].config, JOB_PLAIN);
        size_t at = must_see(&s, 0, cases[i].status);
        send(&s, "c");
        must_see(&s, at, "db-primary");
        send(&s, "q");
        assert_int_equal(session_end(&s), 0);
        session_done(&s);
    }
}

static void fields_of_the_command_line_match_as_in_batch(void **state)
{
    static const struct {
        const char *fields, *shown;
    } cases[] = {{"^halt_wait_ns$", "halt_wait_ns"},
                 {"^HALT_WAIT_NS$", "No counter matches the filter"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct monitor_config config = {.delay_s = 0.2, .fields = cases[i].fields};
        struct session s;
        session_start(&s, "xterm-256color", &config, JOB_PLAIN);
        size_t at = must_see(&s, 0, "db-primary");
        send(&s, "b");
        must_see(&s, at, cases[i].shown);
        send(&s, "q");
        assert_int_equal(session_end(&s), 0);
        session_done(&s);
    }
}

/* The question first; then the collector that has it, a sample of it at once, and back again. */
static void bpf_comes_and_goes_with_its_key(void **unused)
{
    const struct monitor_config slow = {.delay_s = 3600};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &slow, JOB_PLAIN);
    size_t at = must_see(&s, 0, "77.0");
    send(&s, "A");
    at = must_see(&s, at, "y: load");
    send(&s, "y");
    at = must_see(&s, at, "BPF programs are loaded");
    send(&s, "A");
    must_see(&s, at, "unloaded");
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

/* With a delay of an hour: what is wished for comes at once, and its first numbers soon after. */
static void exits_are_counted_while_their_screen_is_shown(void **unused)
{
    const struct monitor_config slow = {.delay_s = 3600};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &slow, JOB_PLAIN);
    size_t at = must_see(&s, 0, "77.0");
    send(&s, "j\r5"); /* db-primary */
    at = must_see(&s, at, "P5201P");
    at = must_see(&s, at, "CPUID");
    send(&s, "1");
    at = must_see(&s, at, "COUNTER");
    send(&s, "ZZ"); /* a sample at once: nobody looks any more */
    at = must_see(&s, at, "web-07");
    send(&s, "\033");
    at = must_see(&s, at, "EXITS/s");
    send(&s, "be");
    at = must_see(&s, at, "WISHALL");
    must_see(&s, at, "CPUID");
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

static void who_asks_for_exits_sees_them_first(void **unused)
{
    const struct filter vm = {.pid = 5201, .vm_fd = -1};
    const struct monitor_config one = {.delay_s = 3600, .exits = true, .vm = &vm};
    const struct monitor_config all = {.delay_s = 3600, .exits = true};

    (void)unused;
    for (int whole = 0; whole < 2; whole++) {
        struct session s;
        session_start(&s, "xterm-256color", whole ? &all : &one, JOB_PLAIN);
        size_t at = must_see(&s, 0, whole ? "WISHALL" : "P5201P");
        must_see(&s, at, "CPUID");
        send(&s, "q");
        assert_int_equal(session_end(&s), 0);
        session_done(&s);
    }
}

/* Guests pay for it, and nobody looks. */
static void nothing_is_counted_while_it_is_stopped(void **unused)
{
    const struct monitor_config slow = {.delay_s = 3600, .exits = true};
    struct session s;

    (void)unused;
    session_start(&s, "xterm-256color", &slow, JOB_UNDER_SHELL);
    size_t at = must_see(&s, 0, "CPUID");
    send(&s, "\032"); /* Ctrl-Z */
    at = must_see(&s, at, "[stopped sane]");
    /* What counts from the beginning has no numbers yet. */
    at = must_see(&s, at, "numbers");
    must_see(&s, at, "CPUID");
    send(&s, "q");
    assert_int_equal(session_end(&s), 0);
    session_done(&s);
}

/* With each sample another is first in the table, and the one whose exits are counted. */
static void vms_that_take_turns_in_the_first_row_are_not_sampled_without_end(void **unused)
{
    const struct monitor_config configs[] = {{.delay_s = 3600, .exits = true}, {.delay_s = 3600}};
    struct winsize tall = {.ws_row = 36, .ws_col = 120};

    (void)unused;
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        struct session s;
        size_t at;
        session_start(&s, "xterm-256color", &configs[i], JOB_TAKING_TURNS);
        if (configs[i].exits) { /* the host's are shown first */
            at = must_see(&s, 0, "CPUID");
            send(&s, "\033");
            at = must_see_redrawn(&s, at, "Host counters");
            send(&s, "\033");
        } else {
            at = must_see(&s, 0, "db-primary");
        }
        assert_int_equal(ioctl(s.master, TIOCSWINSZ, &tall), 0);
        at = must_see_redrawn(&s, at, "RDY");
        read_for(&s, 4000);
        send(&s, "q");
        assert_int_equal(session_end(&s), 0);
        const char *told = strstr(s.output + at, "samples]");
        assert_non_null(told);
        while (*told != '[')
            told--;
        assert_in_range(atoi(told + 1), 3, 14); /* else one each 250 ms, or more */
        session_done(&s);
    }
}

static void configured_bpf_is_there_from_the_start(void **unused)
{
    const char path[] = "/tmp/kvmlens-test-monitor-bpf";
    struct supervisor none = {.sock = -1};
    FILE *out = fopen(path, "w");

    (void)unused;
    assert_non_null(out);
    fputs("[monitor]\nbpf = yes\n", out);
    fclose(out);
    for (int live = 0; live < 2; live++) { /* of a saved tree nothing can be loaded */
        const struct monitor_config config = {
            .delay_s = 3600, .config_path = path, .supervisor = live ? &none : NULL};
        struct session s;
        session_start(&s, "xterm-256color", &config, JOB_PLAIN);
        size_t at = must_see(&s, 0, "77.0");
        send(&s, "A");
        at = must_see(&s, at, live ? "BPF programs are unloaded" : "y: load");
        send(&s, live ? "q" : "nq");
        assert_int_equal(session_end(&s), 0);
        session_done(&s);
    }
    remove(path);
}

int main(void)
{
    /* A shell without job control lets its background jobs ignore the first two, nohup(1) the
     * third; the monitor would as well. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_screen_shows_at_once_without_rates),
        cmocka_unit_test(each_ending_signal_restores_the_terminal_and_is_the_cause_of_death),
        cmocka_unit_test(a_signal_that_is_ignored_stays_ignored),
        cmocka_unit_test(a_terminal_that_takes_no_output_does_not_keep_it_alive),
        cmocka_unit_test(it_does_not_keep_it_alive_after_other_signals),
        cmocka_unit_test(stopping_gives_the_terminal_back_and_continuing_draws_again),
        cmocka_unit_test(only_what_is_shown_is_read),
        cmocka_unit_test(the_pane_is_read_for_while_it_shows),
        cmocka_unit_test(a_new_size_is_drawn_in_full),
        cmocka_unit_test(only_what_changed_is_sent),
        cmocka_unit_test(the_snapshot_goes_to_a_new_file_only),
        cmocka_unit_test(keys_that_nobody_uses_do_not_end_the_monitor),
        cmocka_unit_test(without_a_second_screen_the_shell_gets_an_empty_line),
        cmocka_unit_test(a_terminal_that_cannot_draw_is_refused_with_a_hint),
        cmocka_unit_test(bpf_comes_and_goes_with_its_key),
        cmocka_unit_test(exits_are_counted_while_their_screen_is_shown),
        cmocka_unit_test(who_asks_for_exits_sees_them_first),
        cmocka_unit_test(nothing_is_counted_while_it_is_stopped),
        cmocka_unit_test(vms_that_take_turns_in_the_first_row_are_not_sampled_without_end),
        cmocka_unit_test(configured_bpf_is_there_from_the_start),
        cmocka_unit_test(without_a_terminal_it_names_batch_mode),
        cmocka_unit_test(an_unknown_vm_is_told_before_the_screen_changes),
        cmocka_unit_test(a_name_of_several_vms_opens_none_of_them),
        cmocka_unit_test(a_process_with_several_vms_is_listed),
        cmocka_unit_test(a_guest_of_the_command_line_is_chosen_by_the_rule_of_batch),
        cmocka_unit_test(fields_of_the_command_line_match_as_in_batch),
    };

    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        puts("1..0 # SKIP no C.UTF-8 locale");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
