// SPDX-License-Identifier: MIT
#include "tests/lib/role_case.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534
#define PAGE   4096

static const char *const user_names[USERS] = {"root", "the user of the units", "nobody"};

/* As a unit of systemd does it: the capabilities outlive the change of user as ambient ones. */
static int become(enum role_user user)
{
    const struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}, {0}};

    if (user == ROOT)
        return 0;
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = data[i].inheritable =
            user == UNIT_USER ? (uint32_t)(ROLE_OF_UNIT >> 32 * i) : 0;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
        syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) < 0 ||
        syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0 ||
        syscall(SYS_capset, &header, data) < 0)
        return -errno;
    for (unsigned cap = 0; cap < 64 && user == UNIT_USER; cap++)
        if ((ROLE_OF_UNIT & PRIVILEGE_CAP(cap)) &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return -errno;
    return 0;
}

static pid_t start_other(void *page)
{
    int pipes[2];
    char byte = 0;

    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_DUMPABLE, 1); /* as a process that never changed its user */
        int fd = memfd_create("other", 0);
        memset(page, ROLE_OTHER_BYTE, PAGE);
        if (fd < 0 || dup2(fd, ROLE_OTHER_FD) < 0 || write(ROLE_OTHER_FD, "foreign", 7) != 7 ||
            write(pipes[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

static void enter_and_look(const struct role_case *s, role_look *look, char *say, size_t size)
{
    struct error err = {0};
    int result = become(s->user);

    if (result < 0) {
        SAY("cannot become %s: %s", user_names[s->user], strerror(-result));
        return;
    }
    struct role_case as_user = *s;
    as_user.own = start_other(s->page); /* ends with this process */
    result = privilege_enter(s->role, s->level, s->places, &err);
    if (result < 0)
        SAY("privilege_enter: %s", err.msg);
    else if (result & PRIVILEGE_NO_FILTER)
        SAY("skip: %s", privilege_gap_text(result));
    else
        look(&as_user, say, size);
}

/* What a child says goes into memory, for not every role may write; "" = all was well. */
static void run_child(const struct role_case *s, role_look *look, char *say, size_t size)
{
    int status = 0;
    char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(shared != MAP_FAILED);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20); /* what should be refused may wait instead */
        enter_and_look(s, look, shared, size);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    snprintf(say, size, "%s", shared);
    munmap(shared, size);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        snprintf(say, size, "the child ended with status %#x", (unsigned)status);
}

bool role_is_root(void)
{
    uint64_t wanted = ROLE_OF_UNIT | PRIVILEGE_CAP(CAP_SETUID) | PRIVILEGE_CAP(CAP_SETGID) |
                      PRIVILEGE_CAP(CAP_SETPCAP);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}, {0}};

    syscall(SYS_capget, &header, data);
    return geteuid() == 0 &&
           (wanted & ~(data[0].effective | (uint64_t)data[1].effective << 32)) == 0;
}

void role_check(const struct role_case *s, role_look *look)
{
    char say[400];

    run_child(s, look, say, sizeof(say));
    if (strncmp(say, "skip: ", 6) == 0)
        print_message("skipped, %s as %s: %s\n", privilege_table[s->role].name, user_names[s->user],
                      say + 6);
    else if (say[0] != '\0')
        fail_msg("%s, %s, as %s: %s", privilege_table[s->role].name, privilege_words[s->level],
                 user_names[s->user], say);
}

void role_check_users(struct role_case s, role_look *look)
{
    if (!role_is_root()) {
        print_message("only as this user: others take root\n");
        s.user = ROOT;
        role_check(&s, look);
        return;
    }
    for (s.user = 0; s.user < USERS; s.user++)
        role_check(&s, look);
}

int role_with_other(void **state)
{
    static struct role_case s;

    s.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a case leaves behind is waited for below */
    s.other = start_other(s.page);
    *state = &s;
    return s.page == MAP_FAILED ? -1 : 0;
}

int role_without_other(void **state)
{
    struct role_case *s = *state;

    kill(s->other, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    munmap(s->page, PAGE);
    return 0;
}

void role_look_in_child(const struct role_case *s, enum privilege_role role, role_look *look,
                        char *say, size_t size)
{
    struct role_case child = *s;
    char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;

    child.role = role;
    child.inherited = true;
    if (shared == MAP_FAILED)
        SAY("mmap: %s", strerror(errno));
    pid_t pid = say[0] == '\0' ? fork() : -1;
    if (pid == 0) {
        struct error err = {0};
        int result = privilege_enter(role, s->level, NULL, &err);
        if (result != 0)
            snprintf(shared, PAGE, "privilege_enter: %d %s", result, err.msg);
        else
            look(&child, shared, 300);
        _exit(0);
    }
    DONE(pid);
    if (pid < 0)
        return;
    DONE(waitpid(pid, &status, 0));
    if (status != 0)
        SAY("its %s ended with %#x", privilege_table[role].name, (unsigned)status);
    if (shared[0] != '\0')
        SAY("its %s: %.300s", privilege_table[role].name, shared);
}
