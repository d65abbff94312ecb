// SPDX-License-Identifier: MIT
#include "ui/grid/term_restore.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define STUCK_S 2 /* a terminal that takes no output for so long may be left by a signal */

/*
 * What the handlers need. A handler gets no argument of its own, so this is the one thing of the
 * program that is neither constant nor handed from function to function.
 */
static struct {
    volatile sig_atomic_t armed;
    volatile sig_atomic_t writing;
    volatile sig_atomic_t end_signal; /* that we are about to end by; 0: none */
    pid_t pid; /* a child of ours has the handlers, but no terminal to restore */
    struct termios termios;
    char bytes[TERM_RESTORE_MAX];
    size_t len;
    void *stack;
    struct sigaction before[NSIG];
} restore;

/* Those of the code itself; a thread cannot go on behind them. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
/* Those from outside whose default is death. SIGKILL cannot be caught, others are read by the
 * monitor; real-time signals are fatal too. */
static const int others[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGXCPU, SIGXFSZ,
                             SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Only what a signal handler may call. */
static void put_back(void)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTTOU); /* in the background the terminal is still to be restored */
    sigprocmask(SIG_BLOCK, &set, NULL);
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
    ssize_t n = write(STDOUT_FILENO, restore.bytes, restore.len);
    if (n < (ssize_t)restore.len) {
        tcflush(STDOUT_FILENO, TCOFLUSH);
        tcflow(STDOUT_FILENO, TCOOFF); /* only what was stopped so can be started again: Ctrl-S */
        tcflow(STDOUT_FILENO, TCOON);
        n = write(STDOUT_FILENO, restore.bytes, restore.len);
        (void)n; /* nothing can be done about a failure here */
    }
    (void)fcntl(STDOUT_FILENO, F_SETFL, flags);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &restore.termios);
}

static void die_by(int sig)
{
    sigset_t set;

    signal(sig, SIG_DFL);
    if (restore.armed && getpid() == restore.pid) {
        restore.armed = 0;
        put_back();
    }
    raise(sig);
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it ends */
    _exit(128 + sig);
}

/* The alarm of a write that lasts: does a signal wait that ends us? */
static void on_stuck(void)
{
    static const int ending[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    int end = restore.end_signal;
    sigset_t set;

    sigpending(&set);
    for (size_t i = 0; i < COUNT(ending) && end == 0; i++)
        end = sigismember(&set, ending[i]) == 1 ? ending[i] : 0;
    if (end == 0)
        alarm(STUCK_S);
    else
        die_by(end);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)context;
    /* Our own alarm comes from the kernel, and while we write. */
    if (sig == SIGALRM && restore.writing && info->si_code == SI_KERNEL)
        on_stuck();
    else
        die_by(sig);
}

static void take(int sig, const struct sigaction *action, bool always)
{
    sigaction(sig, NULL, &restore.before[sig]);
    if (always || restore.before[sig].sa_handler != SIG_IGN)
        sigaction(sig, action, NULL);
}

void term_restore_remember(void)
{
    tcgetattr(STDIN_FILENO, &restore.termios);
}

void term_restore_begin(const char *bytes, size_t len)
{
    struct sigaction action = {.sa_sigaction = on_signal};
    stack_t stack = {.ss_size = 65536};

    restore.len = len < TERM_RESTORE_MAX ? len : TERM_RESTORE_MAX;
    memcpy(restore.bytes, bytes, restore.len);
    restore.pid = getpid();
    restore.end_signal = restore.writing = 0;
    restore.stack = stack.ss_sp = malloc(stack.ss_size);
    if (stack.ss_sp != NULL)
        sigaltstack(&stack, NULL);
    action.sa_flags =
        (int)(SA_SIGINFO | SA_NODEFER | SA_RESTART | (stack.ss_sp != NULL ? SA_ONSTACK : 0));
    for (size_t i = 0; i < COUNT(faults); i++)
        take(faults[i], &action, true);
    for (size_t i = 0; i < COUNT(others); i++)
        take(others[i], &action, others[i] == SIGALRM);
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
        take(sig, &action, false);
    restore.armed = 1;
}

void term_restore_end(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    restore.armed = 0;
    for (size_t i = 0; i < COUNT(faults); i++)
        sigaction(faults[i], &restore.before[faults[i]], NULL);
    for (size_t i = 0; i < COUNT(others); i++)
        sigaction(others[i], &restore.before[others[i]], NULL);
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
        sigaction(sig, &restore.before[sig], NULL);
    sigaltstack(&none, NULL);
    free(restore.stack);
    restore.stack = NULL;
}

void term_restore_hold(bool hold)
{
    restore.armed = !hold;
}

void term_restore_writing(bool writing)
{
    restore.writing = writing;
    alarm(writing ? STUCK_S : 0);
}

void term_restore_ends_by(int signal)
{
    restore.end_signal = signal;
}
