// SPDX-License-Identifier: MIT
#include "ui/app/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/whole_write.h"
#include "tests/lib/two_vms.h"
#include "ui/app/exit_status.h"
#include "ui/app/stdio_guard.h"

/* A host that is sampled from memory, and what a test wants to happen at which tick. */
struct fake {
    struct two_vms *vms;
    int ticks;
    int slow_at;            /* this one takes longer than the delay */
    uint64_t end_ns, rest_ns; /* of it, monotonic; from there to the next tick */
    int signal_at, fail_at; /* tick number; 0 = never */
    int interrupted_at;     /* by a signal that ends nothing */
    bool starts_empty;      /* without a VM, and so without a field */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int fake_tick(void *ctx, int stop_fd, struct snapshot **ret, struct error *err)
{
    struct fake *f = ctx;

    (void)stop_fd;
    f->ticks++;
    if (f->ticks == f->slow_at)
        usleep(350000);
    else if (f->ticks == f->slow_at + 1)
        f->rest_ns = now_ns() - f->end_ns;
    if (f->ticks == f->fail_at)
        return error_set(err, -EACCES, "the host went away");
    if (f->ticks == f->interrupted_at)
        return error_set(err, -EINTR, "interrupted before the VMs were read");
    if (f->ticks == f->signal_at)
        raise(SIGTERM);
    *ret = f->ticks == 1 ? two_vms_first(f->vms) : two_vms_second(f->vms);
    if (*ret != NULL && f->ticks == 1 && f->starts_empty)
        (*ret)->vm_count = (*ret)->field_count = 0;
    if (f->ticks == f->slow_at)
        f->end_ns = now_ns();
    return *ret != NULL ? 0 : -ENOMEM;
}

struct result {
    int status, ticks;
    uint64_t rest_ns;
    char out[65536], diag[4096];
    struct error err;
};

/* Runs with output to @output, else to @fd; else to a file that is read back. */
static void run_to(struct fake fake, struct options o, int fd, struct output *output,
                   struct result *ret)
{
    FILE *file = tmpfile();
    char *diag = NULL;
    size_t len;
    FILE *mem = open_memstream(&diag, &len);

    memset(ret, 0, sizeof(*ret));
    assert_true(file != NULL && mem != NULL);
    fake.vms = two_vms_new();
    o.format = o.format != NULL ? o.format : "text";
    o.delay_s = 0.1;
    struct output out;
    if (output != NULL)
        out = *output;
    else
        output_fd(&out, fd >= 0 ? fd : fileno(file));
    struct batch_env env = {fake_tick, &fake, &out, mem, NULL, NULL};
    ret->status = batch_run_env(&env, &o, &ret->err);
    ret->ticks = fake.ticks;
    ret->rest_ns = fake.rest_ns;
    if (output != NULL)
        *output = out;
    rewind(file);
    assert_true(fread(ret->out, 1, sizeof(ret->out) - 1, file) < sizeof(ret->out) - 1);
    fclose(file);
    fclose(mem);
    snprintf(ret->diag, sizeof(ret->diag), "%s", diag);
    free(diag);
    two_vms_free(fake.vms);
}

static void run(struct fake fake, struct options o, int fd, struct result *ret)
{
    run_to(fake, o, fd, NULL, ret);
}

static size_t lines(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

static void once_samples_twice_and_prints_one_record(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){0}, (struct options){.mode = MODE_ONCE, .format = "json"}, -1, &r);
    assert_int_equal(r.ticks, 2);
    assert_int_equal(lines(r.out), 1);
    assert_non_null(strstr(r.out, "\"rates\":{\"exits\":120.0"));
}

static void log_prints_as_many_records_as_asked(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){0}, (struct options){.mode = MODE_LOG, .format = "json", .iterations = 3}, -1,
        &r);
    assert_int_equal(r.ticks, 4);
    assert_int_equal(lines(r.out), 3);
}

/* SIGHUP while a sample is late: a record that was not printed does not count. */
static void an_interrupted_sample_is_none_of_the_records(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){.interrupted_at = 3},
        (struct options){.mode = MODE_LOG, .format = "json", .iterations = 3}, -1, &r);
    assert_int_equal(r.ticks, 5);
    assert_int_equal(lines(r.out), 3);
}

static void unreadable_counters_end_in_status_3_with_their_reason_once(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){0}, (struct options){.mode = MODE_LOG, .iterations = 3}, -1, &r);
    assert_int_equal(r.status, STATUS_PARTIAL);
    assert_int_equal(lines(r.diag), 1);
    assert_non_null(strstr(r.diag, "1 counter of 1 VM could not be read: lockdown=integrity"));
}

static void a_choice_without_unreadable_counters_ends_in_status_0(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){0},
        (struct options){.mode = MODE_ONCE, .choice.fields = "^(exits|halt_wait_hist)$"}, -1, &r);
    assert_int_equal(r.status, STATUS_DONE);
    assert_string_equal(r.diag, "");
}

static void a_log_that_no_field_ever_matches_says_so_once(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){.starts_empty = true},
        (struct options){.mode = MODE_LOG, .choice.fields = "nosuch", .iterations = 3}, -1, &r);
    const char *told = strstr(r.diag, "--fields matches no field of this host");
    assert_non_null(told);
    assert_null(strstr(told + 1, "--fields matches no field"));
    assert_int_equal(r.status, STATUS_DONE);
    /* Known at the start, it is a mistake of who called. */
    run((struct fake){0},
        (struct options){.mode = MODE_LOG, .choice.fields = "nosuch", .iterations = 1}, -1, &r);
    assert_int_equal(r.status, STATUS_USAGE);
    assert_non_null(strstr(r.err.msg, "--fields matches no field of this host"));
}

/* The timer went on meanwhile: the next sample followed at once, and its rates were over nearly
 * nothing. A timer may be late, never early, so this holds on any machine. */
static void after_a_slow_sample_a_whole_delay_is_measured_again(void **state)
{
    struct result r;

    (void)state;
    for (int slow = 1; slow <= 2; slow++) {
        run((struct fake){.slow_at = slow},
            (struct options){.mode = MODE_LOG, .format = "json", .iterations = 2}, -1, &r);
        assert_int_equal(r.ticks, 3);
        assert_true(r.rest_ns >= 100000000u);
    }
    run((struct fake){.slow_at = 1}, (struct options){.mode = MODE_ONCE, .format = "json"}, -1, &r);
    assert_true(r.rest_ns >= 100000000u);
}

static void signal_ends_a_log_after_its_last_record(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){.signal_at = 3}, (struct options){.mode = MODE_LOG, .format = "json"}, -1,
        &r);
    assert_int_equal(r.ticks, 3);
    assert_int_equal(lines(r.out), 2);
    assert_true(r.status == STATUS_PARTIAL);
}

static void signal_during_the_first_interval_gives_the_snapshot_so_far(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){.signal_at = 1}, (struct options){.mode = MODE_ONCE, .format = "json"}, -1,
        &r);
    assert_int_equal(r.ticks, 2);
    assert_int_equal(lines(r.out), 1);
    run((struct fake){.signal_at = 1}, (struct options){.mode = MODE_LOG, .format = "json"}, -1,
        &r);
    assert_int_equal(r.ticks, 1);
    assert_string_equal(r.out, "");
    assert_int_equal(r.status, STATUS_DONE);
}

static void host_that_can_no_longer_be_read_fails_with_its_sentence(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){.fail_at = 1}, (struct options){.mode = MODE_ONCE}, -1, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.err.msg, "the host went away");
    run((struct fake){.fail_at = 3}, (struct options){.mode = MODE_LOG, .format = "json"}, -1, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_int_equal(lines(r.out), 1);
}

static void unknown_vm_fails_and_bad_expression_is_a_usage_error(void **state)
{
    struct result r;

    (void)state;
    run((struct fake){0}, (struct options){.mode = MODE_ONCE, .choice.guest = "nobody"}, -1, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_non_null(strstr(r.err.msg, "nobody"));
    run((struct fake){0}, (struct options){.mode = MODE_ONCE, .choice.fields = "("}, -1, &r);
    assert_int_equal(r.status, STATUS_USAGE);
    assert_int_equal(r.ticks, 0);
}

static void full_disk_is_an_error_that_says_so(void **state)
{
    int full = open("/dev/full", O_WRONLY);
    struct result r;

    (void)state;
    assert_true(full >= 0);
    run((struct fake){0}, (struct options){.mode = MODE_ONCE}, full, &r);
    close(full);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_non_null(strstr(r.err.msg, "No space left"));
}

static void closed_output_is_an_error_that_says_so(void **state)
{
    struct result r;

    (void)state;
    /* As stdio_guard leaves a closed descriptor: there, but not for writing. */
    int guarded = open("/dev/null", O_RDONLY);
    assert_true(guarded >= 0);
    run((struct fake){0}, (struct options){.mode = MODE_ONCE}, guarded, &r);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_non_null(strstr(r.err.msg, "Bad file descriptor"));
    close(guarded);
}

/* Raw totals are known at once; the rates of exits need an interval. */
static void metrics_with_exits_wait_for_a_second_sample(void **state)
{
    struct options o = {.mode = MODE_ONCE, .format = "prometheus"};
    struct result r;

    (void)state;
    run((struct fake){0}, o, -1, &r);
    assert_int_equal(r.ticks, 1);
    o.tracepoints = true;
    run((struct fake){0}, o, -1, &r);
    assert_int_equal(r.ticks, 2);
    assert_non_null(strstr(r.out, "kvmlens_vm_exits_total"));
    o.mode = MODE_LOG;
    o.iterations = 1;
    run((struct fake){0}, o, -1, &r);
    assert_int_equal(r.ticks, 2);
}

static void reader_that_closed_the_pipe_ends_it_quietly_and_at_once(void **state)
{
    int ends[2];
    struct result r;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    run((struct fake){0}, (struct options){.mode = MODE_LOG}, ends[1], &r);
    close(ends[1]);
    assert_int_equal(r.status, STATUS_DONE);
    assert_int_equal(r.ticks, 1); /* seen while waiting, not at the first write */
    assert_string_equal(r.err.msg, "");
}

static void signals_are_as_before_when_it_returns(void **state)
{
    struct sigaction before, after;
    sigset_t mask_before, mask_after;
    struct result r;

    (void)state;
    sigaction(SIGPIPE, NULL, &before);
    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    run((struct fake){.signal_at = 1}, (struct options){.mode = MODE_ONCE}, -1, &r);
    sigaction(SIGPIPE, NULL, &after);
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    assert_int_equal(sigismember(&mask_before, SIGTERM), sigismember(&mask_after, SIGTERM));
}

static void signal_ends_a_log_whose_reader_stands_still(void **state)
{
    static const char dots[4096];
    struct result r;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], dots, sizeof(dots)) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    alarm(20); /* ends the test where the signal ends nothing */
    run((struct fake){.signal_at = 2}, (struct options){.mode = MODE_LOG}, ends[1], &r);
    alarm(0);
    assert_int_equal(r.status, STATUS_DONE);
    close(ends[0]);
    close(ends[1]);
}

static void part_of_a_record_is_cut_off_again(void **state)
{
    char path[] = "/tmp/kvmlens-test-XXXXXX", buf[64] = "";
    int fd = mkstemp(path);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

    (void)state;
    assert_true(fd >= 0);
    sigaction(SIGXFSZ, &ignore, &before);
    assert_int_equal(whole_write(fd, "first record\n", 13), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {20, 20};
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(9);
        _exit(whole_write(fd, "second record\n", 14) == -EFBIG ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(pread(fd, buf, sizeof(buf) - 1, 0), 13);
    assert_string_equal(buf, "first record\n");
    sigaction(SIGXFSZ, &before, NULL);
    close(fd);
    unlink(path);
}

static void closed_standard_descriptors_are_filled_but_of_no_use(void **state)
{
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        close(1);
        close(2);
        if (stdio_guard() != 0)
            _exit(2);
        if (whole_write(1, "x", 1) != -EBADF)
            _exit(3);
        int next = open("/dev/null", O_RDONLY);
        _exit(next > 2 ? 0 : 4);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_samples_twice_and_prints_one_record),
        cmocka_unit_test(log_prints_as_many_records_as_asked),
        cmocka_unit_test(an_interrupted_sample_is_none_of_the_records),
        cmocka_unit_test(unreadable_counters_end_in_status_3_with_their_reason_once),
        cmocka_unit_test(a_choice_without_unreadable_counters_ends_in_status_0),
        cmocka_unit_test(a_log_that_no_field_ever_matches_says_so_once),
        cmocka_unit_test(after_a_slow_sample_a_whole_delay_is_measured_again),
        cmocka_unit_test(signal_ends_a_log_after_its_last_record),
        cmocka_unit_test(signal_during_the_first_interval_gives_the_snapshot_so_far),
        cmocka_unit_test(host_that_can_no_longer_be_read_fails_with_its_sentence),
        cmocka_unit_test(unknown_vm_fails_and_bad_expression_is_a_usage_error),
        cmocka_unit_test(full_disk_is_an_error_that_says_so),
        cmocka_unit_test(closed_output_is_an_error_that_says_so),
        cmocka_unit_test(metrics_with_exits_wait_for_a_second_sample),
        cmocka_unit_test(reader_that_closed_the_pipe_ends_it_quietly_and_at_once),
        cmocka_unit_test(signals_are_as_before_when_it_returns),
        cmocka_unit_test(signal_ends_a_log_whose_reader_stands_still),
        cmocka_unit_test(part_of_a_record_is_cut_off_again),
        cmocka_unit_test(closed_standard_descriptors_are_filled_but_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
