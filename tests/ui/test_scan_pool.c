// SPDX-License-Identifier: MIT
/*
 * Scans side by side: deadlines, signals, scanners that hang; and `--forecast` as a whole, of
 * processes with known memory.
 */
#include "ui/app/scan_pool.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/lib/guest.h"
#include "ui/app/exit_status.h"
#include "ui/app/forecast_run.h"

#define MIB    (1ull << 20)
#define VMS    3
#define HANG_S 60 /* a pool that waits for ever ends the test run */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct minivm_range fill = {.bytes = 16 * MIB, .fill = MINIVM_FILL_NONZERO};
static const struct guest_ram_config config = {
    .backing = MINIVM_ANON, .bytes = 32 * MIB, .ranges = &fill, .range_count = 1};

struct bed {
    struct guest guests[VMS];
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    struct scan_request requests[VMS];
    /* of a run */
    int signal_fd;
    sigset_t before;
    size_t done;
    enum scan_state states[VMS]; /* SCAN_RUNNING: no report */
    double looked_s[VMS];
    bool stop_one;  /* a scanner is stopped when the first progress is told */
    int kills;      /* so many signals are sent to this process then */
    double acted_s; /* when that was; 0: not yet */
};

static void bed_open(struct bed *bed, double duration_s)
{
    sigset_t set;

    *bed = (struct bed){.done = 0};
    bed->config = (struct child_config){.root = &bed->root, .privileges = PRIVILEGE_OFF};
    assert_int_equal(rootfs_open(NULL, &bed->root, NULL), 0);
    for (int i = 0; i < VMS; i++) {
        assert_true(guest_start(&bed->guests[i], guest_ram, &config));
        bed->requests[i] = (struct scan_request){.vm = {.pid = bed->guests[i].pid},
                                                 .vmm = "qemu",
                                                 .mode = SCAN_DIRTY,
                                                 .duration_s = duration_s};
    }
    assert_int_equal(supervisor_start(&bed->config, &bed->supervisor, NULL), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &bed->before);
    bed->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    assert_true(bed->signal_fd >= 0);
    alarm(HANG_S);
}

static void bed_close(struct bed *bed)
{
    struct signalfd_siginfo info;

    alarm(0);
    while (read(bed->signal_fd, &info, sizeof(info)) > 0)
        continue;
    close(bed->signal_fd);
    sigprocmask(SIG_SETMASK, &bed->before, NULL);
    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
    for (int i = 0; i < VMS; i++)
        guest_stop(&bed->guests[i]);
}

static void done(void *ctx, size_t index, struct scan_report *report)
{
    struct bed *bed = ctx;

    assert_true(index < VMS && report != NULL);
    assert_int_equal(report->vm.pid, bed->requests[index].vm.pid);
    assert_int_equal(bed->states[index], SCAN_RUNNING); /* once */
    bed->states[index] = report->state;
    if (report->dirty != NULL)
        bed->looked_s[index] = report->dirty->looks.duration_s;
    bed->done++;
    scan_report_free(report);
}

/* One of the processes that the supervisor has forked, and they are all scanners here. */
static pid_t a_scanner(const struct bed *bed)
{
    char path[80];
    int pid = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)bed->supervisor.pid,
             (int)bed->supervisor.pid);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    return pid;
}

static void progress(void *ctx, const struct scan_pool_progress *p)
{
    struct bed *bed = ctx;

    assert_int_equal(p->total, VMS);
    assert_true(p->done + p->under_way <= VMS);
    if (bed->acted_s != 0 || p->phase != SCAN_PHASE_LOOKS)
        return;
    bed->acted_s = now_s();
    if (bed->stop_one)
        kill(a_scanner(bed), SIGSTOP);
    for (int i = 0; i < bed->kills; i++)
        kill(getpid(), i == 0 ? SIGUSR1 : SIGUSR2); /* of one kind, two that wait are one */
}

static int run(struct bed *bed, struct scan_pool_work work)
{
    struct scan_pool *pool = scan_pool_open(&bed->supervisor);

    assert_non_null(pool);
    work.requests = bed->requests;
    work.count = VMS;
    work.ctx = bed;
    work.done = done;
    work.progress = progress;
    work.stop_fd = bed->signal_fd;
    int result = scan_pool_run(pool, &work, NULL);
    scan_pool_close(pool);
    return result;
}

static uint64_t in_s(double seconds)
{
    return (uint64_t)((now_s() + seconds) * 1e9);
}

static void all_are_done_side_by_side_or_in_turn(void **state)
{
    struct bed bed;

    (void)state;
    for (size_t places = 0; places < 3; places++) {
        bed_open(&bed, 0.4);
        double begin = now_s();
        assert_int_equal(run(&bed, (struct scan_pool_work){.places = places}), 0);
        double waves = places == 0 ? 1 : ceil((double)VMS / (double)places);
        assert_true(now_s() - begin >= 0.4 * waves);
        assert_int_equal(bed.done, VMS);
        for (int i = 0; i < VMS; i++)
            assert_int_equal(bed.states[i], SCAN_DONE);
        bed_close(&bed);
    }
}

static void after_a_while_none_is_begun_but_those_under_way_end(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 0.6);
    assert_int_equal(run(&bed, (struct scan_pool_work){.places = 2, .begin_until_ns = in_s(0.3)}),
                     -ETIME);
    assert_int_equal(bed.done, 2);
    assert_int_equal(bed.states[0], SCAN_DONE);
    assert_int_equal(bed.states[1], SCAN_DONE);
    assert_int_equal(bed.states[2], SCAN_RUNNING);
    bed_close(&bed);
}

static void at_the_deadline_all_end_with_what_they_have(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 30);
    double begin = now_s();
    assert_int_equal(run(&bed, (struct scan_pool_work){.deadline_ns = in_s(2.5)}), -ETIME);
    assert_true(now_s() - begin < 8);
    assert_int_equal(bed.done, VMS);
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(bed.states[i], SCAN_CANCELLED);
        assert_true(bed.looked_s[i] > 0.05 && bed.looked_s[i] < 8);
    }
    bed_close(&bed);
}

static void a_signal_ends_all_and_is_read_only_where_that_is_wanted(void **state)
{
    struct signalfd_siginfo info;
    struct bed bed;

    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        bed_open(&bed, 30);
        bed.kills = 1;
        assert_int_equal(run(&bed, (struct scan_pool_work){.reads_signals = reads == 1}), -EINTR);
        assert_true(now_s() - bed.acted_s < 8);
        assert_int_equal(bed.done, VMS);
        assert_int_equal(read(bed.signal_fd, &info, sizeof(info)) > 0, reads == 0);
        bed_close(&bed);
    }
}

/* It would be given up ten seconds later by itself. */
static void a_scanner_that_hangs_takes_no_longer_than_the_others_and_half_a_second(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    bed.stop_one = true;
    double begin = now_s();
    int result = run(&bed, (struct scan_pool_work){.deadline_ns = in_s(4)});
    /* One that was stopped while it looked at a process is given up before that. */
    assert_true(result == -ETIME || result == 0);
    assert_in_range((int)((now_s() - begin) * 10), result == 0 ? 10 : 44, 90);
    assert_int_equal(bed.done, VMS);
    int whole = 0;
    for (int i = 0; i < VMS; i++)
        whole += bed.states[i] == SCAN_DONE;
    assert_int_equal(whole, VMS - 1);
    bed_close(&bed);
}

/* With one signal it would be half a second. The best of some attempts, for a busy machine. */
static void a_second_signal_does_not_wait_for_one_that_hangs(void **state)
{
    double best = INFINITY;
    struct bed bed;

    (void)state;
    for (int i = 0; i < 5 && best >= 0.4; i++) {
        bed_open(&bed, 30);
        bed.stop_one = true;
        bed.kills = 2;
        assert_int_equal(run(&bed, (struct scan_pool_work){.reads_signals = true}), -EINTR);
        best = fmin(best, now_s() - bed.acted_s);
        assert_int_equal(bed.done, VMS);
        bed_close(&bed);
    }
    assert_true(best < 0.4);
}

/* --- --forecast ------------------------------------------------------------------------------- */

struct outcome {
    int status;
    struct error err;
    char *text, *diag;
};

static void forecast(struct bed *bed, const struct forecast_order *order, size_t vms,
                     struct outcome *ret)
{
    static const struct filter all = {.vm_fd = -1};
    struct snapshot_vm list[VMS] = {{.vmm = "qemu"}};
    struct snapshot s = {.vms = list, .vm_count = vms};
    size_t text_len, diag_len;

    *ret = (struct outcome){.text = NULL};
    for (size_t i = 0; i < vms; i++) {
        list[i].id = bed->requests[i].vm;
        list[i].vmm = "qemu";
        list[i].name = "vm\xC2\xB2";
        list[i].name_raw = "vm\xC2\xB2";
    }
    FILE *out = open_memstream(&ret->text, &text_len),
         *diag = open_memstream(&ret->diag, &diag_len);
    assert_true(out != NULL && diag != NULL);
    ret->status = forecast_run(&bed->supervisor, order, &s, &all, out, diag, &ret->err);
    fclose(out);
    fclose(diag);
}

static void outcome_done(struct outcome *o)
{
    free(o->text);
    free(o->diag);
}

static void one_vm_and_all_are_forecast(void **state)
{
    struct bed bed;
    struct outcome o;
    struct forecast_order order = {
        .settings = forecast_settings_default, .look = {.duration_s = 0.2}, .json = true};

    (void)state;
    bed_open(&bed, 1);
    forecast(&bed, &order, VMS, &o);
    assert_int_equal(o.status, STATUS_DONE);
    json_t *root = json_loads(o.text, 0, NULL); /* one line only */
    assert_non_null(root);
    const json_t *pages = json_object_get(root, "pages");
    assert_int_equal(json_integer_value(json_object_get(root, "pid")), bed.guests[0].pid);
    assert_int_equal(json_integer_value(json_object_get(pages, "untouched")), 16 * MIB / 4096);
    assert_int_equal(json_integer_value(json_object_get(pages, "resident")), 16 * MIB / 4096);
    assert_true(json_is_true(json_object_get(root, "converges")));
    json_decref(root);
    outcome_done(&o);

    order.all = true;
    order.json = false;
    forecast(&bed, &order, VMS, &o);
    assert_int_equal(o.status, STATUS_DONE);
    assert_non_null(strstr(o.text, "\n  3 vm? "));
    assert_string_equal(o.diag, "");
    outcome_done(&o);
    bed_close(&bed);
}

static void a_vm_that_is_gone_is_missing_or_failed(void **state)
{
    struct bed bed;
    struct outcome o;
    struct forecast_order order = {
        .settings = forecast_settings_default, .look = {.duration_s = 0.2}, .all = true};

    (void)state;
    bed_open(&bed, 1);
    pid_t gone = bed.guests[0].pid;
    guest_stop(&bed.guests[0]);
    forecast(&bed, &order, VMS, &o);
    assert_int_equal(o.status, STATUS_PARTIAL);
    assert_non_null(strstr(o.text, " unknown\n"));
    char *told = strstr(o.diag, "kvmlens: no forecast of vm? (");
    assert_non_null(told);
    assert_int_equal(strtol(strchr(told, '(') + 1, NULL, 10), gone);
    assert_null(strstr(told + 1, "kvmlens: no forecast")); /* of no other */
    outcome_done(&o);

    order.all = false;
    forecast(&bed, &order, 1, &o);
    assert_true(o.status < 0);
    assert_string_not_equal(o.err.msg, "");
    assert_string_equal(o.text, "");
    outcome_done(&o);
    assert_true(guest_start(&bed.guests[0], guest_ram, &config));
    bed_close(&bed);
}

static void no_vm_is_an_error_with_a_sentence(void **state)
{
    struct bed bed;
    struct outcome o;
    const struct forecast_order order = {.settings = forecast_settings_default, .all = true};

    (void)state;
    bed_open(&bed, 1);
    forecast(&bed, &order, 0, &o);
    assert_int_equal(o.status, -ESRCH);
    assert_non_null(strstr(o.err.msg, "no VMs found"));
    outcome_done(&o);
    bed_close(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_done_side_by_side_or_in_turn),
        cmocka_unit_test(after_a_while_none_is_begun_but_those_under_way_end),
        cmocka_unit_test(at_the_deadline_all_end_with_what_they_have),
        cmocka_unit_test(a_signal_ends_all_and_is_read_only_where_that_is_wanted),
        cmocka_unit_test(a_scanner_that_hangs_takes_no_longer_than_the_others_and_half_a_second),
        cmocka_unit_test(a_second_signal_does_not_wait_for_one_that_hangs),
        cmocka_unit_test(one_vm_and_all_are_forecast),
        cmocka_unit_test(a_vm_that_is_gone_is_missing_or_failed),
        cmocka_unit_test(no_vm_is_an_error_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
