// SPDX-License-Identifier: MIT
#include "core/demo/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB              (1ull << 20)
#define CHILD_SOCKET     3 /* its number in the child */
#define START_TIMEOUT_MS 10000

static const struct minivm_range idle_ranges[] = {
    {.start = 16 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_NONZERO},
    {.start = 3000 * MIB, .bytes = 1 * MIB, .fill = MINIVM_FILL_ZERO},
};

static const struct minivm_range busy_ranges[] = {
    {.start = 16 * MIB, .bytes = 16 * MIB, .fill = MINIVM_FILL_NONZERO},
    {.start = 64 * MIB, .bytes = 24 * MIB, .fill = MINIVM_FILL_ZERO},
    {.start = 200 * MIB, .bytes = 8 * MIB, .fill = MINIVM_FILL_ONE_BYTE, .offset = 4095},
};

/* As QEMU since 8.1 they keep a stats descriptor for each vCPU and none for the VM: what is missing
 * on a host with lockdown, and what BPF adds, shows here as it does there. */
static const struct {
    const char *name;
    struct minivm_config config;
} demo_table[DEMO_VMS] = {
    {"demo-idle",
     {.ram_bytes = 4096 * MIB,
      .vcpus = 1,
      .keep_vcpu_stats_fds = true,
      .program = MINIVM_HALT,
      .ranges = idle_ranges,
      .range_count = sizeof(idle_ranges) / sizeof(idle_ranges[0])}},
    {"demo-busy",
     {.ram_bytes = 512 * MIB,
      .vcpus = 2,
      .keep_vcpu_stats_fds = true,
      .program = MINIVM_BUSY,
      .wake_hz = 200,
      .wave_s = 20,
      .ranges = busy_ranges,
      .range_count = sizeof(busy_ranges) / sizeof(busy_ranges[0])}},
};

struct demo {
    struct demo_vm vms[DEMO_VMS];
    int sockets[DEMO_VMS];
};

/* The one message from child to parent. */
struct report {
    struct error error;
    struct minivm_info info;
};

bool demo_is_child(int argc, char **argv)
{
    return argc >= 1 && strcmp(argv[0], DEMO_ARGV0) == 0;
}

static void wait_for_parent(void)
{
    struct pollfd p = {.fd = CHILD_SOCKET};

    /* The parent never sends: anything that happens is its end. */
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
}

int demo_child_main(int argc, char **argv)
{
    struct report report = {0};
    struct minivm *vm = NULL;
    size_t i;

    /* A program with file capabilities loses the setting when it is executed. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *name = argc == 3 ? strchr(argv[2], '=') : NULL;
    for (i = 0; i < DEMO_VMS; i++)
        if (name != NULL && strcmp(name + 1, demo_table[i].name) == 0)
            break;
    if (i == DEMO_VMS) {
        fprintf(stderr, "%s: started by kvmlens --demo only\n", DEMO_ARGV0);
        return 2;
    }
    prctl(PR_SET_NAME, demo_table[i].name);
    int result = minivm_start(&demo_table[i].config, &vm, &report.error);
    if (result == 0)
        report.info = *minivm_info(vm);
    if (send(CHILD_SOCKET, &report, sizeof(report), MSG_NOSIGNAL) != (ssize_t)sizeof(report))
        result = -EPIPE;
    if (result == 0)
        wait_for_parent();
    minivm_stop(vm);
    return result < 0;
}

/* Between fork and exec: system calls only. */
static void become_child(pid_t parent, int sock, char *const argv[])
{
    sigset_t none;
    int null;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); /* it died before the line above */
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    null = open("/dev/null", O_RDWR);
    if (null < 0)
        _exit(1);
    /* The socket out of the way of 0..2, then to its place; dup2 clears close-on-exec, unless both
     * numbers are the same. */
    int high = fcntl(sock, F_DUPFD_CLOEXEC, CHILD_SOCKET + 1);
    int high_null = fcntl(null, F_DUPFD_CLOEXEC, CHILD_SOCKET + 1);
    if (high < 0 || high_null < 0 || dup2(high, CHILD_SOCKET) < 0)
        _exit(1);
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(high_null, fd) < 0)
            _exit(1);
    if (null > CHILD_SOCKET)
        close(null);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static int spawn(const char *name, pid_t *ret_pid, int *ret_socket, struct error *err)
{
    char label[64], argv0[] = DEMO_ARGV0, option[] = "-name";
    char *argv[] = {argv0, option, label, NULL};
    int pair[2];

    snprintf(label, sizeof(label), "guest=%s", name);
    /* SEQPACKET: a report arrives whole or not at all. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, -errno, "cannot start the demo: %s", strerror(errno));
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_child(parent, pair[1], argv);
    int code = -errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return error_set(err, code, "cannot start the demo: %s", strerror(-code));
    }
    *ret_pid = pid;
    *ret_socket = pair[0];
    return 0;
}

static int receive(struct demo *demo, size_t i, struct error *err)
{
    struct report report;
    struct pollfd p = {.fd = demo->sockets[i], .events = POLLIN};
    int n = (int)TEMP_FAILURE_RETRY(poll(&p, 1, START_TIMEOUT_MS));
    if (n == 0)
        return error_set(err, -ETIMEDOUT, "the demo VM %s does not start", demo->vms[i].name);
    ssize_t len = recv(demo->sockets[i], &report, sizeof(report), 0);
    if (len != (ssize_t)sizeof(report))
        return error_set(err, -EIO, "the process of the demo VM %s ended before it ran",
                         demo->vms[i].name);
    if (report.error.code != 0)
        return error_set(err, report.error.code, "cannot start the demo: %s", report.error.msg);
    demo->vms[i].info = report.info;
    return 0;
}

int demo_start(struct demo **ret, struct error *err)
{
    struct demo *demo = calloc(1, sizeof(*demo));
    int result = 0;

    if (demo == NULL)
        return error_set(err, -ENOMEM, "no memory for the demo");
    for (size_t i = 0; i < DEMO_VMS; i++) {
        demo->vms[i].name = demo_table[i].name;
        demo->sockets[i] = -1;
    }
    for (size_t i = 0; result == 0 && i < DEMO_VMS; i++)
        result = spawn(demo_table[i].name, &demo->vms[i].pid, &demo->sockets[i], err);
    for (size_t i = 0; result == 0 && i < DEMO_VMS; i++)
        result = receive(demo, i, err);
    if (result < 0) {
        demo_stop(demo);
        return result;
    }
    *ret = demo;
    return 0;
}

void demo_stop(struct demo *demo)
{
    if (demo == NULL)
        return;
    for (size_t i = 0; i < DEMO_VMS; i++) {
        if (demo->sockets[i] >= 0)
            close(demo->sockets[i]);
        if (demo->vms[i].pid > 0)
            kill(demo->vms[i].pid, SIGKILL);
    }
    for (size_t i = 0; i < DEMO_VMS; i++)
        while (demo->vms[i].pid > 0 && waitpid(demo->vms[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    free(demo);
}

const struct demo_vm *demo_vms(const struct demo *demo)
{
    return demo->vms;
}
