// SPDX-License-Identifier: MIT
/*
 * Exits in collectors: who loads them, when, with which rights, whose are watched, and what is said
 * of it. The programs are not real.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_exits.h"
#include "core/collect/exits_link.h"
#include "tests/lib/fake_bpf.h"
#include "tests/lib/link_bed.h"

static struct exits_facts take_exits(struct link_bed *bed)
{
    struct snapshot *s = link_bed_take(bed);

    struct exits_facts facts = {.state = EXITS_UNASKED};
    if (s->exits != NULL)
        facts = s->exits->facts;
    snapshot_free(s);
    return facts;
}

static void exits_are_counted_only_while_they_are_asked_for(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(take_exits(bed).state, EXITS_UNASKED);
    assert_int_equal(fake_bpf->exits_opens, 0);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_opens, 1);
    assert_int_equal(fake_bpf->opens, 0);
    const pid_t counted = fake_bpf->exits_pid;
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    link_bed_wait_end(counted);
    assert_int_equal(take_exits(bed).state, EXITS_UNASKED);
    assert_int_equal(fake_bpf->exits_opens, 1);
}

/* Nobody is watched until the first sample says who. A wish for others starts no counter. */
static void whose_are_wanted_goes_with_each_tick(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    while (fake_bpf->exits_opens == 0)
        usleep(1000);
    assert_int_equal(fake_bpf->watched_count, 0);
    /* The scope is narrow, and there is no VM in it. */
    assert_int_equal(take_exits(bed).pid, 0);
    assert_int_equal(fake_bpf->watched_count, 0);
    assert_int_equal(sample_link_set_exits(bed->link, true, 4711, NULL), 0);
    struct exits_facts facts = take_exits(bed);
    assert_int_equal(facts.pid, 4711);
    assert_int_equal(facts.events, 1u << EXITS_EVENT_EXIT);
    assert_int_equal(fake_bpf->watched, 4711);
    assert_int_equal(fake_bpf->watched_count, 1);
    int watches = fake_bpf->watches;
    take_exits(bed);
    assert_int_equal(fake_bpf->watches, watches); /* what stays is not said again */
    sample_link_widen(bed->link);
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    take_exits(bed);
    assert_int_equal(fake_bpf->watched_count, -1);
    assert_int_equal(fake_bpf->exits_opens, 1);
}

/* Some may be watched by then, whom nobody wants to be. */
static void who_could_not_be_watched_is_said_again(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->watch_fails = 1;
    assert_int_equal(sample_link_set_exits(bed->link, true, 7, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    assert_int_equal(fake_bpf->watched, 7);
    fake_bpf->watch_fails = 0;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->watched, 0);
    assert_int_equal(fake_bpf->watched_count, 0);
}

/* Each is a process of its own, and neither is started for the other's sake. */
static void counters_and_collectors_come_and_go_apart(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    fake_bpf_take(bed);
    assert_int_equal(sample_link_set_exits(bed->link, true, 7, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->opens, 1);
    const pid_t counter = fake_bpf->exits_pid, collector = fake_bpf->pid;
    assert_int_not_equal(counter, collector);
    kill(collector, SIGKILL);
    struct exits_facts facts = take_exits(bed);
    assert_int_equal(facts.state, EXITS_COUNTED);
    assert_int_equal(facts.pid, 7);
    assert_int_equal(fake_bpf->opens, 2);
    assert_int_equal(sample_link_set_bpf(bed->link, false, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_opens, 1);
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    link_bed_wait_end(counter);
    assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
}

static void a_counter_in_the_place_of_another_counts_exits_too(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_exits(bed->link, true, 7, NULL), 0);
    take_exits(bed);
    const pid_t first = fake_bpf->exits_pid;
    kill(first, SIGKILL);
    struct exits_facts facts = take_exits(bed);
    assert_int_equal(facts.state, EXITS_COUNTED);
    assert_int_equal(facts.pid, 7);
    assert_int_not_equal(fake_bpf->exits_pid, first);
    assert_int_equal(fake_bpf->exits_opens, 2);
}

/* It is not tried for ever, and samples go on without. */
static void counters_that_end_at_once_are_said_to(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->exits_ends = 1;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    struct exits_facts facts = take_exits(bed);
    assert_int_equal(facts.state, EXITS_FAILED);
    assert_string_equal(facts.why, "the process that counts exits ended before it gave a count");
    assert_in_range(fake_bpf->exits_opens, 2, 8);
    const int opens = fake_bpf->exits_opens;
    assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    assert_int_equal(fake_bpf->exits_opens, opens);
    /* Somebody asks again. */
    fake_bpf->exits_ends = 0;
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
}

/* It is stopped, as nothing else could hold it. */
static void a_counter_that_gives_no_answer_is_replaced(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    take_exits(bed);
    const pid_t first = fake_bpf->exits_pid;
    kill(first, SIGSTOP);
    for (int i = 0; i < 20 && fake_bpf->exits_pid == first; i++)
        take_exits(bed);
    assert_int_not_equal(fake_bpf->exits_pid, first);
    link_bed_wait_end(first);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
}

/* All else that was read is there. It is the same counter that counts later on. */
static void a_sample_goes_without_exits_that_are_late(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    take_exits(bed);
    const pid_t first = fake_bpf->exits_pid;
    kill(first, SIGSTOP);
    struct exits_facts facts = take_exits(bed);
    const bool is_first = fake_bpf->exits_pid == first;
    kill(first, SIGCONT);
    assert_true(is_first);
    assert_int_equal(facts.state, EXITS_FAILED);
    assert_string_equal(facts.why, "the process that counts exits is late");
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_pid, first);
    assert_int_equal(fake_bpf->exits_opens, 1);
}

/* Else its programs would go on to slow guests down, which nobody looks at. */
static void one_that_was_stopped_ends_when_nobody_asks(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    take_exits(bed);
    const pid_t first = fake_bpf->exits_pid;
    kill(first, SIGSTOP);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    for (int i = 0; i < 2000 && kill(first, 0) == 0; i++)
        usleep(1000);
    const bool has_ended = kill(first, 0) < 0;
    if (!has_ended)
        kill(first, SIGKILL);
    assert_true(has_ended);
}

/* The screen that wants them stays open, so it is tried again. */
static void a_supervisor_that_is_late_is_asked_again(void **state)
{
    struct link_bed *bed = *state;

    bed->supervisor.patience_ms = SUPERVISOR_PATIENCE_MS;
    snapshot_free(link_bed_take(bed));
    kill(bed->supervisor.pid, SIGSTOP);
    assert_int_equal(sample_link_set_exits(bed->link, true, 7, NULL), -ETIMEDOUT);
    for (int i = 0; i < 6; i++)
        assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    kill(bed->supervisor.pid, SIGCONT);
    bed->supervisor.patience_ms = 5000;
    struct exits_facts facts = take_exits(bed);
    assert_int_equal(facts.state, EXITS_COUNTED);
    assert_int_equal(facts.pid, 7);
    assert_int_equal(fake_bpf->exits_opens, 1);
}

/* A counter that comes when nobody wants one any more ends, and slows no guest down. */
static void a_counter_that_comes_too_late_ends(void **state)
{
    struct link_bed *bed = *state;

    bed->supervisor.patience_ms = SUPERVISOR_PATIENCE_MS;
    snapshot_free(link_bed_take(bed));
    kill(bed->supervisor.pid, SIGSTOP);
    assert_int_equal(sample_link_set_exits(bed->link, true, 7, NULL), -ETIMEDOUT);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    kill(bed->supervisor.pid, SIGCONT);
    for (int i = 0; i < 5000 && fake_bpf->exits_opens == 0; i++)
        usleep(1000);
    const pid_t late = fake_bpf->exits_pid;
    assert_int_not_equal(late, 0);
    for (int i = 0; i < 100 && kill(late, 0) == 0; i++) {
        assert_int_equal(take_exits(bed).state, EXITS_UNASKED);
        usleep(10000);
    }
    assert_int_equal(kill(late, 0), -1);
}

/* What it loads the kernel has to check, and a host may be slow. */
static void a_counter_that_is_at_work_is_waited_for(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->exits_work_ms = 2600;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_opens, 1);
}

static struct exits_facts ask_for(struct exits_link *link, size_t vcpus)
{
    static struct sample_vcpu list[EXITS_VCPUS_MAX];
    struct sample_vm vm = {.id = {.pid = 7}, .vcpus = list, .vcpu_count = vcpus};
    struct sample sample = {.vms = &vm, .vm_count = 1};
    struct exits_count *count;

    for (size_t i = 0; i < vcpus; i++)
        list[i].tid = (pid_t)i + 8;
    exits_link_ask(link, &sample, true);
    alarm(20);
    while (exits_link_look(link, &count) == 0)
        usleep(1000);
    alarm(0);
    assert_non_null(count);
    struct exits_facts facts = count->facts;
    free(count);
    return facts;
}

/* net.core.wmem_default says how large: so much for a few VMs, and who asks for more is told. */
static void what_a_socket_has_no_room_for_is_said(void **state)
{
    struct link_bed *bed = *state;
    struct exits_link link;

    assert_int_equal(exits_link_open(&bed->supervisor, &link), 0);
    assert_int_equal(exits_link_set(&link, true, 0, NULL), 0);
    setsockopt(link.child.sock, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
    assert_int_equal(ask_for(&link, 100).state, EXITS_COUNTED);
    struct exits_facts facts = ask_for(&link, EXITS_VCPUS_MAX);
    assert_int_equal(facts.state, EXITS_FAILED);
    assert_string_equal(facts.why,
                        "the process that counts exits cannot be asked: Message too long");
    assert_int_equal(ask_for(&link, 100).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_opens, 1);
    exits_link_close(&link);
}

static void exits_that_fail_say_why_and_the_rest_goes_on(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->exits_fails = 1;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct exits_facts facts = take_exits(bed);
        assert_int_equal(facts.state, EXITS_FAILED);
        assert_string_equal(facts.why, "tracefs is for root: be root");
    }
    assert_int_equal(fake_bpf->exits_opens, 1);
}

int __real_rootfs_stat(const struct rootfs *root, const char *path, struct stat *ret);
int __wrap_rootfs_stat(const struct rootfs *root, const char *path, struct stat *ret);

int __wrap_rootfs_stat(const struct rootfs *root, const char *path, struct stat *ret)
{
    if (strcmp(path, "sys/module/kvm") == 0)
        return fake_bpf->lacks_module ? -ENOENT : 0;
    return __real_rootfs_stat(root, path, ret);
}

/* What failed for lack of KVM is tried again when there is one, what failed else is not. */
static void exits_wait_for_kvm(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->exits_fails = fake_bpf->lacks_module = 1;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    assert_int_equal(fake_bpf->exits_opens, 1);
    fake_bpf->lacks_module = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    assert_int_equal(fake_bpf->exits_opens, 2);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    fake_bpf->lacks_module = 1;
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    assert_int_equal(take_exits(bed).state, EXITS_FAILED);
    fake_bpf->exits_fails = fake_bpf->lacks_module = 0;
    assert_int_equal(take_exits(bed).state, EXITS_COUNTED);
    assert_int_equal(fake_bpf->exits_opens, 4);
}

static void who_counts_exits_has_the_rights_only_meanwhile(void **state)
{
    struct link_bed *bed = *state;
    const uint64_t wanted = PRIVILEGE_BPF_CAPS | PRIVILEGE_TRACEFS_CAP |
                            (kvm_exits_needs_admin(&bed->root) ? PRIVILEGE_ADMIN_CAP : 0);
    const uint64_t own = fake_bpf_status(getpid(), "CapPrm") & wanted;

    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    take_exits(bed);
    if (own != wanted)
        print_message("skipped, what it held: this user has not all that it takes\n");
    assert_int_equal(fake_bpf->exits_effective, own);
    assert_int_equal(fake_bpf_status(fake_bpf->exits_pid, "CapPrm"), 0);
    assert_int_equal(fake_bpf_status(fake_bpf->exits_pid, "CapEff"), 0);
}

static void scanners_take_no_notice_of_exits(void **state)
{
    struct link_bed *bed = *state;
    struct scan_link *link = scan_link_open(&bed->supervisor);

    link_bed_scan(link);
    const int fd = scan_link_fd(link);
    assert_int_equal(sample_link_set_exits(bed->link, true, 0, NULL), 0);
    scan_link_renew(link);
    assert_int_equal(scan_link_fd(link), fd);
    take_exits(bed);
    assert_int_equal(fake_bpf->exits_opens, 1);
    link_bed_scan(link);
    scan_link_close(link);
    link = scan_link_open(&bed->supervisor);
    link_bed_scan(link);
    assert_int_equal(fake_bpf->exits_opens, 1);
    scan_link_close(link);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exits_are_counted_only_while_they_are_asked_for,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(whose_are_wanted_goes_with_each_tick, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(who_could_not_be_watched_is_said_again, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(counters_and_collectors_come_and_go_apart, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_counter_in_the_place_of_another_counts_exits_too,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(counters_that_end_at_once_are_said_to, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_sample_goes_without_exits_that_are_late, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_counter_that_gives_no_answer_is_replaced, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(one_that_was_stopped_ends_when_nobody_asks, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_supervisor_that_is_late_is_asked_again, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_counter_that_comes_too_late_ends, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_counter_that_is_at_work_is_waited_for, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(what_a_socket_has_no_room_for_is_said, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(exits_that_fail_say_why_and_the_rest_goes_on,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(exits_wait_for_kvm, fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(who_counts_exits_has_the_rights_only_meanwhile,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(scanners_take_no_notice_of_exits, fake_bpf_setup,
                                        fake_bpf_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
