// SPDX-License-Identifier: MIT
/*
 * Where a front end may still write, and what it is told where it may not.
 */
#include "core/privilege/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/role_case.h"

/* Does what --output and W do in @dir, and tries the same beside it. */
static void look_at_writing(const struct role_case *s, char *say, size_t size)
{
    const char *dir = s->places->list[0].path;
    char path[64], other[64];

    snprintf(path, sizeof(path), "%s/.new", dir);
    snprintf(other, sizeof(other), "%s/out", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    DONE(fd);
    DONE(fchmod(fd, 0644));
    REFUSED(fchmod(fd, 04755));
    DONE(write(fd, "x", 1));
    DONE(rename(path, other));
    DONE(open(other, O_RDWR | O_APPEND | O_CREAT, 0640));
    DONE(ftruncate(fd, 0));
    DONE(link(other, path));
    DONE(unlink(path));
    DONE(unlink(other));
    DONE(mkdir(path, 0700));
    REFUSED(rmdir(path));
    REFUSED(symlink("a", other));
    REFUSED(chmod(path, 0777));
    REFUSED(syscall(SYS_execve, "/bin/true", NULL, NULL));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void look_at_writing_elsewhere(const struct role_case *s, char *say, size_t size)
{
    char path[64];
    const char *const tries[] = {path, "/proc/self/oom_score_adj", "/dev/full",
                                 "/tmp/kvmlens-must-not-be-made"};

    snprintf(path, sizeof(path), "%s/../kvmlens-must-not-be-made", s->places->list[0].path);
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        errno = 0;
        int fd = open(tries[i], O_WRONLY | O_CREAT, 0600);
        if (fd >= 0 || errno != EACCES)
            SAY("%s: %s, not EACCES", tries[i], fd >= 0 ? "opened" : strerror(errno));
    }
    if (unlink("/tmp/kvmlens-not-there") == 0 || (errno != ENOENT && errno != EACCES))
        SAY("unlink elsewhere: %s", strerror(errno));
    DONE(open("/proc/self/status", O_RDONLY));
    DONE(open("/etc/passwd", O_RDONLY));
    /* A thing that is no directory is opened, and nothing beside it. */
    DONE(open("/dev/null", O_WRONLY | O_APPEND | O_CREAT, 0640));
}

/* Landlock may be missing where seccomp is there. */
static bool has_landlock(void)
{
    return syscall(444, NULL, 0, 1) >= 1;
}

static void check_writer(struct role_case s, const char *dir, role_look *look)
{
    const struct privilege_place list[] = {{dir, true}, {"/dev/null", true}};
    const struct privilege_places places = {.list = list, .count = 2};

    s.role = ROLE_FRONT;
    s.level = PRIVILEGE_STRICT;
    s.places = &places;
    role_check(&s, look);
}

static void a_front_end_writes_in_its_places_only(void **state)
{
    char dir[] = "/tmp/kvmlens-XXXXXX", made[64];

    assert_non_null(mkdtemp(dir));
    snprintf(made, sizeof(made), "%s/.new", dir);
    check_writer(*(struct role_case *)*state, dir, look_at_writing);
    rmdir(made);
    if (has_landlock())
        check_writer(*(struct role_case *)*state, dir, look_at_writing_elsewhere);
    else
        print_message("skipped: this kernel has no Landlock, so places are not enforced\n");
    assert_int_equal(rmdir(dir), 0);
}

static void look_at_making_a_directory(const struct role_case *s, char *say, size_t size)
{
    char path[96];

    DONE(mkdir(s->places->list[0].path, 0700));
    snprintf(path, sizeof(path), "%s/file", s->places->list[0].path);
    DONE(open(path, O_WRONLY | O_CREAT, 0600));
    DONE(unlink(path));
}

/* The configuration's directory is made when it is first saved. */
static void a_place_may_be_missing(void **state)
{
    char dir[] = "/tmp/kvmlens-XXXXXX", missing[64];

    assert_non_null(mkdtemp(dir));
    snprintf(missing, sizeof(missing), "%s/config", dir);
    check_writer(*(struct role_case *)*state, missing, look_at_making_a_directory);
    rmdir(missing);
    assert_int_equal(rmdir(dir), 0);
}

static void look_at_all_else(const struct role_case *s, char *say, size_t size)
{
    if (open("/tmp/kvmlens-not-allowed", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
        SAY("all of the host can be written, for %s is missing", s->places->list[0].path);
    unlink("/tmp/kvmlens-not-allowed");
}

/* A home that there is not, as that of a system user. */
static void what_misses_all_but_the_root_opens_nothing(void **state)
{
    if (has_landlock())
        check_writer(*(struct role_case *)*state, "/nonexistent/.config/kvmlens", look_at_all_else);
}

/* The result of a front end in a directory that belongs to somebody else; @say: its sentence. */
static void enter_with(const char *path, bool needed, enum privilege_level level, char *say,
                       size_t size)
{
    const struct privilege_place place = {path, needed};
    const struct privilege_places places = {.list = &place, .count = 1};
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error err = {0};
        int result = privilege_enter(ROLE_FRONT, level, &places, &err);
        dprintf(pipes[1], "%d %s", result < 0 ? result : 0, err.msg);
        _exit(0);
    }
    close(pipes[1]);
    ssize_t n = read(pipes[0], say, size - 1);
    say[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_place_that_only_root_s_capabilities_reach_is_named(void **state)
{
    char dir[] = "/tmp/kvmlens-XXXXXX", say[400], missing[64], expected[16];

    (void)state;
    if (!role_is_root()) {
        print_message("skipped: a directory of another user takes root\n");
        return;
    }
    snprintf(expected, sizeof(expected), "%d ", -EACCES);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chown(dir, 1000, 1000), 0);
    enter_with(dir, true, PRIVILEGE_STRICT, say, sizeof(say));
    assert_memory_equal(say, expected, strlen(expected));
    assert_non_null(strstr(say, dir));
    assert_non_null(strstr(say, "belongs to uid 1000 "));
    assert_non_null(strstr(say, "--privileges=basic"));
    /* Below it too, where nothing can be looked at any more. */
    snprintf(missing, sizeof(missing), "%s/deeper", dir);
    enter_with(missing, true, PRIVILEGE_STRICT, say, sizeof(say));
    assert_memory_equal(say, expected, strlen(expected));
    assert_non_null(strstr(say, "--privileges=basic"));
    /* Who only might write there, and who keeps the capability, goes on. */
    enter_with(dir, false, PRIVILEGE_STRICT, say, sizeof(say));
    assert_string_equal(say, "0 ");
    enter_with(dir, true, PRIVILEGE_BASIC, say, sizeof(say));
    assert_string_equal(say, "0 ");
    assert_int_equal(rmdir(dir), 0);
}

static void a_place_is_the_directory_of_a_file(void **state)
{
    static const struct {
        const char *file, *place;
    } cases[] = {
        {"out", "."},
        {"/out", "/"},
        {"a/b", "a"},
        {"./x", "."},
        {"/a/b/c", "/a/b"},
        {"/dev/null", "/dev/null"},
        {"/proc/self", "/proc"},
        {"../x", ".."},
    };
    char place[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(privilege_place_of(cases[i].file, place, sizeof(place)), 0);
        assert_string_equal(place, cases[i].place);
    }
    assert_int_equal(privilege_place_of("abcdef", place, 4), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_the_directory_of_a_file),
        cmocka_unit_test(a_front_end_writes_in_its_places_only),
        cmocka_unit_test(a_place_may_be_missing),
        cmocka_unit_test(what_misses_all_but_the_root_opens_nothing),
        cmocka_unit_test(a_place_that_only_root_s_capabilities_reach_is_named),
    };
    return cmocka_run_group_tests(tests, role_with_other, role_without_other);
}
