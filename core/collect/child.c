// SPDX-License-Identifier: MIT
#include "core/collect/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bpf/kvm_exits.h"

#define KEEP_MAX 8 /* descriptors that a child keeps */

static int ascending(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Everything from 3 on that is not kept. */
static void close_others(const int *keep, size_t count)
{
    int sorted[KEEP_MAX] = {0};
    unsigned from = 3;

    count = count < KEEP_MAX ? count : KEEP_MAX;
    for (size_t i = 0; i < count; i++)
        sorted[i] = keep[i];
    qsort(sorted, count, sizeof(sorted[0]), ascending);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] > (int)from)
            syscall(SYS_close_range, from, (unsigned)sorted[i] - 1, 0u);
        if (sorted[i] >= (int)from)
            from = (unsigned)sorted[i] + 1;
    }
    syscall(SYS_close_range, from, ~0u, 0u);
}

/*
 * Something must stand in their places, else what is opened next would. A host may refuse /dev/null
 * to us, but never its root directory as a mere place.
 */
static void close_stdio(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        null = open("/", O_PATH | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
}

/* What a collector needs to attach to trace events, as this kernel is set now. */
static bool may_need_admin(const struct child_config *config)
{
    return !config->no_exits && config->root->live && kvm_exits_needs_admin(config->root);
}

int child_restrict(const struct child_config *config, enum privilege_role role,
                   struct child_programs programs, struct error *err)
{
    const struct privilege_places nowhere = {.saved_tree = !config->root->live,
                                             .bpf = programs.bpf,
                                             .admin =
                                                 role == ROLE_SUPERVISOR && may_need_admin(config)};
    int result = privilege_enter(role, config->privileges, &nowhere, err);

    return result < 0 ? result : 0;
}

/* A desk is memory, but its size is one of a file (ulimit -f). */
static void lift_file_size(void)
{
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit limit;

    if (setrlimit(RLIMIT_FSIZE, &most) == 0 || getrlimit(RLIMIT_FSIZE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

void child_detach(pid_t parent, const int *keep, size_t count)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    setsid();
    close_stdio();
    close_others(keep, count);
    for (int i = 1; i < NSIG; i++)
        signal(i, i == SIGPIPE || i == SIGXFSZ ? SIG_IGN : SIG_DFL);
    lift_file_size();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
