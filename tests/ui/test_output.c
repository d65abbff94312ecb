// SPDX-License-Identifier: MIT
#include "ui/app/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/whole_write.h"

#define MAGIC "{\"schema\":"

struct dir {
    char path[64], file[80], moved[80];
};

static int make_dir(void **state)
{
    struct dir *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return -1;
    strcpy(d->path, "/tmp/kvmlens-output-XXXXXX");
    if (mkdtemp(d->path) == NULL)
        return -1;
    snprintf(d->file, sizeof(d->file), "%s/log", d->path);
    snprintf(d->moved, sizeof(d->moved), "%s/log.1", d->path);
    *state = d;
    return 0;
}

static int drop_dir(void **state)
{
    struct dir *d = *state;
    unlink(d->file);
    unlink(d->moved);
    int r = rmdir(d->path); /* fails when a temporary file was left */
    free(d);
    return r;
}

static void spill(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect(const char *path, const char *text)
{
    char buf[400] = "";
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(buf, text);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void log_is_appended_to_and_private(void **state)
{
    struct dir *d = *state;
    struct output o;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
        assert_int_equal(o.empty, i == 0);
        assert_int_equal(output_write(&o, "line\n", 5, NULL), 0);
        assert_false(o.empty);
        output_close(&o);
    }
    expect(d->file, "line\nline\n");
    assert_int_equal(mode_of(d->file) & 0027, 0);
}

static void torn_last_record_is_cut_from_our_logs_only(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{\"schema\":1}\n{\"sche", "{\"schema\":1}\nnew\n"},
        {"{\"schema\":1}\n", "{\"schema\":1}\nnew\n"},
        {"{\"sche", "{\"sche\nnew\n"},
        {"a shopping list\neggs", "a shopping list\neggs\nnew\n"},
        {"{\"schema\":1}", "{\"schema\":1}\nnew\n"},
    };
    struct dir *d = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct output o;
        spill(d->file, cases[i].before);
        assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
        assert_int_equal(output_write(&o, "new\n", 4, NULL), 0);
        output_close(&o);
        expect(d->file, cases[i].after);
    }
}

static void torn_record_longer_than_a_block_is_cut_whole(void **state)
{
    struct dir *d = *state;
    struct output o;
    FILE *f = fopen(d->file, "w");

    assert_non_null(f);
    fputs("{\"schema\":1}\n", f);
    for (int i = 0; i < 200000; i++)
        fputc('x', f);
    fclose(f);
    assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
    assert_int_equal(output_write(&o, "new\n", 4, NULL), 0);
    output_close(&o);
    expect(d->file, "{\"schema\":1}\nnew\n");
}

static void reopening_after_a_move_begins_a_new_file(void **state)
{
    struct dir *d = *state;
    struct output o;

    assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
    assert_int_equal(output_write(&o, "1\n", 2, NULL), 0);
    assert_int_equal(rename(d->file, d->moved), 0);
    assert_int_equal(output_write(&o, "2\n", 2, NULL), 0);
    assert_int_equal(output_reopen(&o, NULL), 0);
    assert_true(o.empty);
    assert_int_equal(output_write(&o, "3\n", 2, NULL), 0);
    output_close(&o);
    expect(d->moved, "1\n2\n");
    expect(d->file, "3\n");
}

/* Whoever named the wrong file, or finds other columns in it, has lost nothing. */
static void no_byte_of_a_log_is_changed_before_its_first_record(void **state)
{
    static const char *const texts[] = {"a shopping list\neggs", "{\"schema\":1}\n{\"sche", "x"};
    struct dir *d = *state;
    struct output o;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        spill(d->file, texts[i]);
        assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
        expect(d->file, texts[i]);
        assert_int_equal(output_reopen(&o, NULL), 0);
        output_close(&o);
        expect(d->file, texts[i]);
    }
}

static void a_log_follows_no_symbolic_link(void **state)
{
    struct dir *d = *state;
    struct output o;
    struct error err = {0};

    spill(d->moved, "precious");
    assert_int_equal(symlink(d->moved, d->file), 0);
    assert_int_equal(output_append(&o, d->file, MAGIC, &err), -ELOOP);
    assert_non_null(strstr(err.msg, "is a symbolic link"));
    output_close(&o);
    expect(d->moved, "precious");
    /* Nor does one that is opened again. */
    assert_int_equal(unlink(d->file), 0);
    assert_int_equal(output_append(&o, d->file, MAGIC, &err), 0);
    assert_int_equal(unlink(d->file), 0);
    assert_int_equal(symlink(d->moved, d->file), 0);
    assert_int_equal(output_reopen(&o, &err), -ELOOP);
    assert_int_equal(output_write(&o, "x\n", 2, &err), 0); /* into the old file */
    output_close(&o);
    expect(d->moved, "precious");
}

/* Only root can make one. */
static void a_log_of_another_user_is_refused_untouched(void **state)
{
    struct dir *d = *state;
    struct output o;
    struct error err = {0};

    if (geteuid() != 0)
        skip();
    spill(d->file, "theirs");
    assert_int_equal(chown(d->file, 1, 1), 0);
    assert_int_equal(output_append(&o, d->file, MAGIC, &err), -EPERM);
    assert_non_null(strstr(err.msg, "belongs to another user (uid 1)"));
    output_close(&o);
    expect(d->file, "theirs");
    assert_int_equal(unlink(d->file), 0);
    /* A pipe, whose reader would be they. */
    assert_int_equal(mkfifo(d->file, 0600), 0);
    assert_int_equal(chown(d->file, 1, 1), 0);
    assert_int_equal(output_append(&o, d->file, MAGIC, &err), -EPERM);
    output_close(&o);
    assert_int_equal(unlink(d->file), 0);
    /* Put there while the log is moved away. */
    assert_int_equal(output_append(&o, d->file, MAGIC, &err), 0);
    assert_int_equal(rename(d->file, d->moved), 0);
    spill(d->file, "theirs");
    assert_int_equal(chown(d->file, 1, 1), 0);
    assert_int_equal(output_reopen(&o, &err), -EPERM);
    assert_int_equal(output_write(&o, "x\n", 2, &err), 0);
    output_close(&o);
    expect(d->moved, "x\n");
    expect(d->file, "theirs");
}

/* As another user, for whom it may only be written; root may read everything. */
static void a_log_that_cannot_be_read_gets_a_line_of_its_own(void **state)
{
    struct dir *d = *state;
    struct output o;
    uid_t uid = geteuid();

    spill(d->file, "half");
    assert_int_equal(chmod(d->file, 0200), 0);
    if (uid == 0) {
        assert_int_equal(chmod(d->path, 0755), 0);
        assert_int_equal(chown(d->file, 1, 1), 0);
        assert_int_equal(seteuid(1), 0);
    }
    int r = output_append(&o, d->file, MAGIC, NULL);
    assert_int_equal(seteuid(uid), 0);
    assert_int_equal(r, 0);
    assert_int_equal(output_write(&o, "new\n", 4, NULL), 0);
    output_close(&o);
    assert_int_equal(chmod(d->file, 0600), 0);
    expect(d->file, "half\nnew\n");
}

static void failed_reopening_keeps_the_old_file(void **state)
{
    struct dir *d = *state;
    struct output o;
    struct error err;

    assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
    assert_int_equal(rename(d->file, d->moved), 0);
    assert_int_equal(mkdir(d->file, 0700), 0);
    assert_int_equal(output_reopen(&o, &err), -EISDIR);
    assert_non_null(strstr(err.msg, d->file));
    assert_int_equal(output_write(&o, "on\n", 3, NULL), 0);
    output_close(&o);
    expect(d->moved, "on\n");
    assert_int_equal(rmdir(d->file), 0);
}

static void replaced_file_is_whole_and_readable(void **state)
{
    struct dir *d = *state;
    struct output o;
    mode_t before = umask(0077);

    spill(d->file, "old and longer\n");
    int old = open(d->file, O_RDONLY);
    assert_true(old >= 0);
    assert_int_equal(output_replace(&o, d->file, NULL), 0);
    assert_int_equal(output_write(&o, "new\n", 4, NULL), 0);
    assert_true(o.empty); /* each record is a file of its own */
    umask(before);
    expect(d->file, "new\n");
    assert_int_equal(mode_of(d->file), 0644);
    char buf[32] = "";
    assert_int_equal(read(old, buf, sizeof(buf)),
                     15); /* a reader that had it open still has the old one */
    close(old);
    output_close(&o);
}

static void truncated_log_begins_anew(void **state)
{
    struct dir *d = *state;
    struct output o;

    spill(d->file, "{\"schema\":1}\n");
    assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
    assert_false(output_is_fresh(&o));
    assert_int_equal(truncate(d->file, 0), 0);
    assert_true(output_is_fresh(&o));
    assert_int_equal(output_write(&o, "1\n", 2, NULL), 0);
    assert_false(output_is_fresh(&o));
    output_close(&o);
    expect(d->file, "1\n");
    output_fd(&o, 1);
    assert_true(output_is_fresh(&o));
}

/* drop_dir fails when a temporary file was left. */
static void failed_replacing_leaves_nothing_behind(void **state)
{
    struct dir *d = *state;
    struct output o;

    assert_int_equal(output_replace(&o, d->file, NULL), 0);
    assert_int_equal(mkdir(d->file, 0700), 0);
    assert_int_equal(output_write(&o, "x\n", 2, NULL), -EISDIR);
    assert_int_equal(rmdir(d->file), 0);
}

static void fifo_without_a_reader_is_not_written(void **state)
{
    struct dir *d = *state;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    struct output o;

    assert_int_equal(mkfifo(d->file, 0600), 0);
    int reader = open(d->file, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(output_append(&o, d->file, MAGIC, NULL), 0);
    assert_int_equal(output_write(&o, "1\n", 2, NULL), 0);
    close(reader);
    sigaction(SIGPIPE, &ignore, &before);
    assert_int_equal(output_write(&o, "2\n", 2, NULL), -EPIPE);
    sigaction(SIGPIPE, &before, NULL);
    assert_int_equal(output_reopen(&o, NULL), -ENXIO);
    output_close(&o);
}

static void device_is_not_replaced(void **state)
{
    struct output o;
    struct error err;

    (void)state;
    assert_int_equal(output_replace(&o, "/dev/null", &err), -EINVAL);
    assert_non_null(strstr(err.msg, "/dev/null"));
    assert_int_equal(output_replace(&o, "/tmp", &err), -EINVAL);
}

static void errors_name_the_file(void **state)
{
    struct output o;
    struct error err;

    (void)state;
    assert_int_equal(output_append(&o, "/nonexistent/log", MAGIC, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "'/nonexistent/log'"));
    output_close(&o);
    assert_int_equal(output_replace(&o, "/nonexistent/x.prom", &err), 0);
    assert_int_equal(output_write(&o, "x\n", 2, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "'/nonexistent/x.prom'"));
    assert_int_equal(output_append(&o, "/dev/full", MAGIC, &err), 0);
    assert_int_equal(output_write(&o, "x\n", 2, &err), -ENOSPC);
    assert_non_null(strstr(err.msg, "cannot write '/dev/full': No space left on device"));
    output_close(&o);
}

/* What cannot be waited for is an error, not waited for again and again. */
static void a_wait_that_fails_is_told(void **state)
{
    const struct rlimit none = {1, 1};
    char page[4096] = "";
    int pipe_fds[2], status;

    (void)state;
    assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
    while (write(pipe_fds[1], page, sizeof(page)) > 0)
        continue; /* full */
    pid_t pid = fork();
    if (pid == 0) {
        alarm(10); /* else it would never end */
        setrlimit(RLIMIT_NOFILE, &none); /* poll refuses more descriptors than that */
        _exit(whole_write(pipe_fds[1], page, sizeof(page)) == -EIO ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_is_appended_to_and_private, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(torn_last_record_is_cut_from_our_logs_only, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(torn_record_longer_than_a_block_is_cut_whole, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(reopening_after_a_move_begins_a_new_file, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(no_byte_of_a_log_is_changed_before_its_first_record,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_log_follows_no_symbolic_link, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_log_of_another_user_is_refused_untouched, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_read_gets_a_line_of_its_own, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(failed_reopening_keeps_the_old_file, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(replaced_file_is_whole_and_readable, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(truncated_log_begins_anew, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(failed_replacing_leaves_nothing_behind, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(fifo_without_a_reader_is_not_written, make_dir, drop_dir),
        cmocka_unit_test(device_is_not_replaced),
        cmocka_unit_test(errors_name_the_file),
        cmocka_unit_test(a_wait_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
