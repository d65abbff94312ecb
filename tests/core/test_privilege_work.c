// SPDX-License-Identifier: MIT
/*
 * With what its role of core/privilege leaves it, a process can do its work.
 */
#include "core/privilege/privilege.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/role_case.h"

static void look_at_collecting(const struct role_case *s, char *say, size_t size)
{
    char path[64], text[8] = "";
    pid_t other = s->user == PLAIN_USER ? s->own : s->other;
    int roots = (int)syscall(SYS_pidfd_open, s->other, 0);
    int pidfd = (int)syscall(SYS_pidfd_open, other, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, ROLE_OTHER_FD, 0);

    if (s->user == PLAIN_USER)
        REFUSED(syscall(SYS_pidfd_getfd, roots, ROLE_OTHER_FD, 0));
    DONE(pidfd);
    DONE(fd);
    if (pread(fd, text, 7, 0) != 7 || strcmp(text, "foreign") != 0)
        SAY("the copy of a descriptor says '%s'", text);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)other, ROLE_OTHER_FD);
    DONE(readlink(path, text, sizeof(text)));
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)other);
    int smaps = open(path, O_RDONLY);
    if (read(smaps, text, 1) != 1)
        SAY("%s: %s", path, strerror(errno));
    DONE(syscall(SYS_kcmp, other, other, 0, ROLE_OTHER_FD, ROLE_OTHER_FD));
    if (s->user == PLAIN_USER)
        return;
    /* A directory that is root's alone, as debugfs is. */
    int dir = open(s->private_dir, O_RDONLY | O_DIRECTORY);
    DONE(dir);
    DONE(openat(dir, "secret", O_RDONLY));
}

/* A directory that only root may enter, with one file in it. */
static void make_private(char dir[32])
{
    char path[64];

    strcpy(dir, "/tmp/kvmlens-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/secret", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void remove_private(const char *dir)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/secret", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void the_collector_reads_processes_of_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;
    char dir[32];

    make_private(dir);
    s.role = ROLE_COLLECTOR;
    s.private_dir = dir;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_collecting);
    remove_private(dir);
}

/* The first mapping of a file, which has an entry in map_files. */
static void find_mapped_file(pid_t pid, unsigned long *ret_start, unsigned long *ret_end)
{
    char path[40], line[300] = "";

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    while (maps != NULL && strchr(line, '/') == NULL && fgets(line, sizeof(line), maps) != NULL)
        if (sscanf(line, "%lx-%lx", ret_start, ret_end) != 2)
            break;
    if (maps != NULL)
        fclose(maps);
}

static void look_at_scanning(const struct role_case *s, char *say, size_t size)
{
    char path[80], page[16] = "";
    struct iovec mine = {page, sizeof(page)}, theirs = {s->page, sizeof(page)};
    pid_t other = s->user == PLAIN_USER ? s->own : s->other;
    ssize_t n = process_vm_readv(other, &mine, 1, &theirs, 1, 0);

    DONE(n);
    if (s->user == PLAIN_USER)
        REFUSED(process_vm_readv(s->other, &mine, 1, &theirs, 1, 0));
    if (page[0] != ROLE_OTHER_BYTE || page[15] != ROLE_OTHER_BYTE)
        SAY("process_vm_readv read something else");
    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)other);
    DONE(open(path, O_RDONLY));
    unsigned long start = 0, end = 0;
    find_mapped_file(other, &start, &end);
    snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)other, start, end);
    if (s->user != PLAIN_USER) /* takes a capability, whoever owns the process */
        DONE(open(path, O_RDONLY));

    int guard = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (guard < 0 && errno != ENOSYS) /* a kernel without it is none of ours */
        SAY("userfaultfd: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        n = process_vm_readv(other, &mine, 1, &theirs, 1, 0);
        _exit(n == sizeof(page) && syscall(SYS_close_range, 100u, ~0u, 0u) == 0 ? 0 : 1);
    }
    int status = -1;
    DONE(child);
    DONE(waitpid(child, &status, 0));
    if (status != 0)
        SAY("the reading child: %#x", (unsigned)status);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    DONE(kill(child, SIGKILL));
    DONE(waitpid(child, &status, 0));
    if (!WIFSIGNALED(status))
        SAY("the reading child was not killed: %#x", (unsigned)status);
}

static void the_scanner_reads_memory_of_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.role = ROLE_SCANNER;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_scanning);
}

static void look_at_children(const struct role_case *s, char *say, size_t size)
{
    int status = -1;

    role_look_in_child(s, ROLE_COLLECTOR, look_at_collecting, say, size);
    role_look_in_child(s, ROLE_SCANNER, look_at_scanning, say, size);
    /* What the supervisor is there for. */
    pid_t hung = fork();
    if (hung == 0)
        for (;;)
            pause();
    DONE(hung);
    DONE(kill(hung, SIGKILL));
    DONE(waitpid(hung, &status, 0));
    if (!WIFSIGNALED(status))
        SAY("a child that hung was not killed: %#x", (unsigned)status);
}

static void the_supervisor_gives_its_children_what_they_need(void **state)
{
    struct role_case s = *(struct role_case *)*state;
    char dir[32];

    make_private(dir);
    s.role = ROLE_SUPERVISOR;
    s.private_dir = dir;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_children);
    remove_private(dir);
}

static void look_at_reading_without_force(const struct role_case *s, char *say, size_t size)
{
    struct iovec mine = {s->page, 8}, theirs = {s->page, 8};

    if (process_vm_readv(s->other, &mine, 1, &theirs, 1, 0) >= 0)
        SAY("the supervisor itself read foreign memory");
}

/* The calls are its children's, the capabilities are not in force. */
static void the_supervisor_itself_cannot_read_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    if (!role_is_root()) {
        print_message("skipped: processes of another user take root\n");
        return;
    }
    s.role = ROLE_SUPERVISOR;
    s.level = PRIVILEGE_STRICT;
    for (s.user = UNIT_USER; s.user < USERS; s.user++)
        role_check(&s, look_at_reading_without_force);
}

static void look_at_a_saved_tree(const struct role_case *s, char *say, size_t size)
{
    const struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};

    if (s->role == ROLE_FRONT)
        REFUSED(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)));
    else
        DONE(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)));
}

static void a_saved_tree_can_be_read(void **state)
{
    const struct privilege_places places = {.saved_tree = true};
    struct role_case s = *(struct role_case *)*state;

    s.places = &places;
    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check_users(s, look_at_a_saved_tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_collector_reads_processes_of_others),
        cmocka_unit_test(the_scanner_reads_memory_of_others),
        cmocka_unit_test(the_supervisor_gives_its_children_what_they_need),
        cmocka_unit_test(the_supervisor_itself_cannot_read_others),
        cmocka_unit_test(a_saved_tree_can_be_read),
    };
    return cmocka_run_group_tests(tests, role_with_other, role_without_other);
}
