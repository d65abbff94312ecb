// SPDX-License-Identifier: MIT
#include "core/demo/demo.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void need_kvm(void)
{
    if (access("/dev/kvm", R_OK | W_OK) == 0)
        return;
    print_message("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
    skip();
}

static bool wait_until_gone(pid_t pid)
{
    for (int k = 0; k < 500; k++) {
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

static void read_text(pid_t pid, const char *file, char *buf, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(buf, 1, size - 1, f);
    buf[n] = '\0';
    fclose(f);
}

static void children_show_as_the_vms_they_run(void **state)
{
    struct demo *demo;
    struct error err = {0};
    char text[256];
    (void)state;

    need_kvm();
    if (demo_start(&demo, &err) != 0)
        fail_msg("%s", err.msg);
    const struct demo_vm *vms = demo_vms(demo);
    assert_string_equal(vms[0].name, "demo-idle");
    assert_string_equal(vms[1].name, "demo-busy");
    assert_int_equal(vms[0].info.vcpu_count, 1);
    assert_int_equal(vms[1].info.vcpu_count, 2);
    assert_true(vms[0].info.pages.untouched > vms[0].info.pages.total * 99 / 100);
    assert_true(vms[1].info.pages.nonzero > 0 && vms[1].info.pages.zero_content > 0);
    for (int i = 0; i < DEMO_VMS; i++) {
        read_text(vms[i].pid, "comm", text, sizeof(text));
        text[strcspn(text, "\n")] = '\0';
        assert_string_equal(text, vms[i].name);
        read_text(vms[i].pid, "cmdline", text, sizeof(text));
        assert_string_equal(text, DEMO_ARGV0);
    }
    pid_t pids[DEMO_VMS] = {vms[0].pid, vms[1].pid};
    demo_stop(demo);
    for (int i = 0; i < DEMO_VMS; i++)
        assert_true(wait_until_gone(pids[i]));
}

static void children_use_less_than_a_quarter_of_a_cpu(void **state)
{
    struct demo *demo;
    struct timespec before, after, start, end;
    clockid_t clock;
    double used = 0;
    (void)state;

    need_kvm();
    assert_int_equal(demo_start(&demo, NULL), 0);
    for (int i = 0; i < DEMO_VMS; i++) {
        assert_int_equal(clock_getcpuclockid(demo_vms(demo)[i].pid, &clock), 0);
        clock_gettime(clock, &before);
        clock_gettime(CLOCK_MONOTONIC, &start);
        poll(NULL, 0, 1000);
        clock_gettime(clock, &after);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double cpu = (double)(after.tv_sec - before.tv_sec) +
                     (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
        double wall =
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
        print_message("%s: %.3f of one CPU\n", demo_vms(demo)[i].name, cpu / wall);
        used += cpu / wall;
    }
    demo_stop(demo);
    assert_true(used < 0.25);
}

static void children_die_when_their_parent_is_killed(void **state)
{
    int pipe_fds[2];
    pid_t pids[DEMO_VMS];
    (void)state;

    need_kvm();
    /* Orphans come to us, so that we see their end even where the init process reaps late. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) {
        struct demo *demo;
        if (demo_start(&demo, NULL) != 0)
            _exit(1);
        for (int i = 0; i < DEMO_VMS; i++)
            pids[i] = demo_vms(demo)[i].pid;
        if (write(pipe_fds[1], pids, sizeof(pids)) != (ssize_t)sizeof(pids))
            _exit(1);
        for (;;)
            pause();
    }
    close(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], pids, sizeof(pids)), sizeof(pids));
    close(pipe_fds[0]);
    kill(middle, SIGKILL);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    for (int i = 0; i < DEMO_VMS; i++) {
        pid_t got = 0;
        for (int k = 0; k < 500 && got == 0; k++) {
            got = waitpid(pids[i], NULL, WNOHANG);
            if (got == 0)
                poll(NULL, 0, 10);
        }
        assert_true(got == pids[i] || (got < 0 && wait_until_gone(pids[i])));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_show_as_the_vms_they_run),
        cmocka_unit_test(children_use_less_than_a_quarter_of_a_cpu),
        cmocka_unit_test(children_die_when_their_parent_is_killed),
    };
    /* The demo starts this very program anew. */
    if (demo_is_child(argc, argv))
        return demo_child_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
