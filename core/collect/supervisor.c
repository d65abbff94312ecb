// SPDX-License-Identifier: MIT
#include "core/collect/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS     5000 /* a fork on a host that swaps; it looks at nothing that could hold it */
#define STOP_MS      500  /* it takes a tenth of that where its children do not end */
#define END_FIRST_NS 100000L   /* children have so long to end, then twice as long again, ... */
#define END_LAST_NS  25000000L /* 50 ms in all */
#define CHILDREN_MAX (SHUN_MAX + 64) /* those that cannot be killed too */

/* --- the process ------------------------------------------------------------------------------ */

struct keeper {
    const struct child_config *config;
    int sock;
    pid_t children[CHILDREN_MAX]; /* not reaped yet, so that no number is another process' */
    size_t count;
};

static int (*const mains[CHILD_ROLE_COUNT])(struct child *child) = {
    [CHILD_COLLECTOR] = collector_main,
    [CHILD_SCANNER] = scanner_main,
    [CHILD_COUNTER] = counter_main,
};

static void reap(struct keeper *k)
{
    for (size_t i = 0; i < k->count;) {
        if (waitpid(k->children[i], NULL, WNOHANG) == 0)
            i++;
        else
            k->children[i] = k->children[--k->count];
    }
}

static void kill_child(struct keeper *k, pid_t pid)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->children[i] == pid)
            kill(pid, SIGKILL);
}

static void __attribute__((noreturn))
be_child(const struct keeper *k, pid_t parent, const struct message_spawn *order, int sock,
         struct desk *desk)
{
    const int keep[] = {sock, desk->fd, k->config->root->fd};
    struct child child = {k->config, *order, sock, *desk};

    child_detach(parent, keep, sizeof(keep) / sizeof(keep[0]));
    exit(mains[order->role](&child));
}

/* The child's end of a socket and its desk are @ret_fds, for the front end. */
static int spawn(struct keeper *k, const struct message_spawn *order, int ret_fds[2])
{
    pid_t parent = getpid();
    struct desk desk = {.fd = -1};
    int pair[2];

    if (order->role >= CHILD_ROLE_COUNT || mains[order->role] == NULL)
        return -EINVAL;
    if (k->count == CHILDREN_MAX)
        return -EAGAIN;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    message_refuse_fds(pair[0]);
    /* The end of the front end only: it never waits for a child. */
    int result = fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : desk_open(&desk);
    pid_t pid = result < 0 ? -1 : fork();
    if (pid == 0)
        be_child(k, parent, order, pair[1], &desk);
    if (pid < 0 && result == 0)
        result = -errno;
    close(pair[1]);
    if (result < 0) {
        close(pair[0]);
        desk_close(&desk);
        return result;
    }
    k->children[k->count++] = pid;
    ret_fds[0] = pair[0];
    ret_fds[1] = dup(desk.fd);
    desk_close(&desk);
    return pid;
}

static void drop_fds(const int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static void serve(struct keeper *k, const struct message_spawn *order)
{
    struct message_spawned answer = {0};
    int fds[2] = {-1, -1};

    if (order->kill_pid != 0)
        kill_child(k, (pid_t)order->kill_pid);
    reap(k);
    if (order->role == CHILD_NONE)
        return;
    int pid = spawn(k, order, fds);
    answer.number = order->number;
    answer.result = pid < 0 ? pid : 0;
    answer.pid = pid < 0 ? 0 : pid;
    message_send_fds(k->sock, &answer, sizeof(answer), fds);
    drop_fds(fds);
}

static int watch_children(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the front end says something, or has ended. Children that have ended are reaped. */
static void wait_for_work(struct keeper *k, int signals)
{
    struct pollfd fds[] = {{.fd = k->sock, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;

    /* After any other error than EINTR the message is waited for, and children are reaped later. */
    for (;;) {
        int ready = poll(fds, 2, -1);
        if ((ready < 0 && errno != EINTR) || (ready > 0 && fds[0].revents != 0))
            return;
        if (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            reap(k);
    }
}

static void wait_children(struct keeper *k)
{
    for (long ns = END_FIRST_NS; k->count > 0 && ns <= END_LAST_NS; ns *= 2) {
        nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
        reap(k);
    }
}

/*
 * They end with their sockets. One that does not is killed, and left to init where the kernel does
 * not let go of it.
 */
static void end_children(struct keeper *k)
{
    reap(k);
    wait_children(k);
    for (size_t i = 0; i < k->count; i++)
        kill(k->children[i], SIGKILL);
    wait_children(k);
}

static void __attribute__((noreturn))
be_supervisor(const struct child_config *config, int sock, pid_t parent)
{
    const int keep[] = {sock, config->root->fd};
    struct keeper k = {.config = config, .sock = sock};
    struct message_hello hello;
    struct message_spawn order;

    memset(&hello, 0, sizeof(hello));
    child_detach(parent, keep, sizeof(keep) / sizeof(keep[0]));
    hello.result = child_restrict(config, ROLE_SUPERVISOR, (struct child_programs){.bpf = false},
                                  &hello.error);
    int result = message_send(sock, &hello, sizeof(hello));
    if (hello.result < 0)
        exit(1);
    int signals = watch_children();
    while (result == 0 || result == -EBADMSG) {
        wait_for_work(&k, signals);
        result = message_receive(sock, &order, sizeof(order));
        if (result == 0)
            serve(&k, &order);
    }
    end_children(&k);
    exit(0);
}

/* --- the front end's side --------------------------------------------------------------------- */

static int wait_answer(int sock, int ms)
{
    struct pollfd answer = {.fd = sock, .events = POLLIN};
    int ready = (int)TEMP_FAILURE_RETRY(poll(&answer, 1, ms));
    return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

static int receive_hello(int sock, struct error *err)
{
    struct message_hello hello = {0};
    int result = wait_answer(sock, START_MS);

    if (result == 0)
        result = message_receive(sock, &hello, sizeof(hello));
    if (result < 0)
        return error_set(err, result, "the supervising process does not start: %s",
                         strerror(-result));
    if (hello.result < 0 && err != NULL)
        *err = hello.error;
    return hello.result;
}

int supervisor_start(const struct child_config *config, struct supervisor *ret, struct error *err)
{
    pid_t parent = getpid();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, -errno, "socketpair: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        be_supervisor(config, pair[1], parent);
    int code = -errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return error_set(err, code, "cannot start a process: %s", strerror(-code));
    }
    *ret = (struct supervisor){.pid = pid, .sock = pair[0], .patience_ms = START_MS};
    int result = receive_hello(pair[0], err);
    if (result < 0)
        supervisor_stop(ret);
    return result;
}

/* Answers to what was given up before come first; the children end with their sockets. */
static int receive_answer(const struct supervisor *s, struct message_spawned *ret, int ret_fds[2])
{
    for (;;) {
        int result = wait_answer(s->sock, s->patience_ms);
        if (result == 0)
            result = message_receive_fds(s->sock, ret, sizeof(*ret), ret_fds);
        if (result < 0 || ret->number == s->number)
            return result < 0 ? result : ret->result;
        drop_fds(ret_fds);
    }
}

int supervisor_spawn(struct supervisor *s, const struct message_spawn *order,
                     struct child_link *ret, struct error *err)
{
    struct message_spawn numbered = *order;
    struct message_spawned answer = {0};
    /* A counter has programs of its own. */
    const bool bpf = s->bpf && order->role != CHILD_COUNTER;
    int fds[2] = {-1, -1}, result = 0;

    /* One that was asked for and is late is as good as another. */
    if (!s->is_late || s->late_role != order->role || s->late_bpf != bpf) {
        numbered.number = ++s->number;
        numbered.bpf = bpf;
        result = message_send(s->sock, &numbered, sizeof(numbered));
    }
    if (result == 0)
        result = receive_answer(s, &answer, fds);
    s->is_late = result == -ETIMEDOUT;
    s->late_role = order->role;
    s->late_bpf = bpf;
    if (result == 0 && fds[0] < 0)
        result = -EMFILE; /* they were sent, but we have no place for them */
    /* -EPIPE is for readers that left, who are no failure. */
    if (result == -EPIPE)
        result = -ECHILD;
    *ret = (struct child_link){.sock = -1, .desk = {.fd = -1}};
    if (result == 0)
        result = desk_join(fds[1], &ret->desk);
    if (result < 0) {
        if (fds[0] >= 0)
            close(fds[0]);
        return error_set(err, result, "cannot start a process that looks at VMs: %s",
                         strerror(-result));
    }
    ret->pid = answer.pid;
    ret->sock = fds[0];
    ret->bpf = bpf;
    return 0;
}

void supervisor_give_up(struct supervisor *s, uint32_t role)
{
    struct message_spawned answer = {0};
    int fds[2] = {-1, -1};

    if (!s->is_late || s->late_role != role || wait_answer(s->sock, 0) < 0)
        return;
    int result = message_receive_fds(s->sock, &answer, sizeof(answer), fds);
    drop_fds(fds);
    s->is_late = result == 0 && answer.number != s->number;
}

/* One that was stopped (SIGSTOP) ends when we do, and so do its children. */
void supervisor_stop(struct supervisor *s)
{
    if (s->pid == 0)
        return;
    close(s->sock);
    for (int ms = 0; ms < STOP_MS && waitpid(s->pid, NULL, WNOHANG) == 0; ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    *s = (struct supervisor){.sock = -1};
}

void supervisor_kill(const struct supervisor *s, pid_t pid)
{
    const struct message_spawn order = {.role = CHILD_NONE, .kill_pid = (uint32_t)pid};

    send(s->sock, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void child_link_close(struct child_link *link)
{
    if (link->sock >= 0)
        close(link->sock);
    desk_close(&link->desk);
    *link = (struct child_link){.sock = -1, .desk = {.fd = -1}};
}
