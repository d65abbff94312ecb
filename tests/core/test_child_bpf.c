// SPDX-License-Identifier: MIT
/*
 * BPF in collectors and scanners: who loads it, when, with which rights, and what is said of it.
 * The programs are not real (tests/lib/fake_bpf.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_bpf.h"
#include "tests/lib/fake_bpf.h"
#include "tests/lib/link_bed.h"

#define BPF_OF_CHILDREN (HOST_CAP(HOST_CAP_BPF) | HOST_CAP(HOST_CAP_PERFMON))

/* --- tests ------------------------------------------------------------------------------------ */

static void nothing_is_loaded_unless_asked(void **state)
{
    struct bpf_status status = fake_bpf_take(*state);

    assert_int_equal(status.state, BPF_UNASKED);
    assert_int_not_equal(status.obstacle, BPF_NOT_LOOKED_AT);
    assert_int_not_equal(status.obstacle, BPF_NOT_BUILT);
    assert_int_equal(fake_bpf->opens, 0);
}

static void who_loads_has_the_rights_only_meanwhile(void **state)
{
    struct link_bed *bed = *state;
    uint64_t own = fake_bpf_status(getpid(), "CapPrm") & BPF_OF_CHILDREN;

    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
    assert_int_equal(fake_bpf->opens, 1);
    if (own != BPF_OF_CHILDREN)
        print_message("skipped, what it held: this user has no CAP_BPF and CAP_PERFMON\n");
    assert_int_equal(fake_bpf->effective, own); /* and no CAP_SYS_ADMIN, nor what reads others */
    assert_int_equal(fake_bpf->permitted & own, own);
    assert_int_not_equal(fake_bpf->bpf_errno, EPERM);
    assert_int_equal(fake_bpf_status(fake_bpf->pid, "CapEff") & BPF_OF_CHILDREN, 0);
    assert_int_equal(fake_bpf_status(fake_bpf->pid, "CapPrm") & BPF_OF_CHILDREN, 0);
    assert_int_equal(fake_bpf_status(getpid(), "CapPrm") & BPF_OF_CHILDREN, own); /* as it was */
}

static void why_it_failed_is_said_and_the_rest_goes_on(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->fails = 1;
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    struct bpf_status status = fake_bpf_take(bed);
    assert_int_equal(status.state, BPF_FAILED);
    assert_string_equal(status.why, "the verifier said no: look into the log");
    assert_int_equal(fake_bpf_take(bed).state, BPF_FAILED);
    assert_int_equal(fake_bpf->opens, 1); /* once, not with each sample */
}

static void it_waits_for_kvm(void **state)
{
    struct link_bed *bed = *state;

    fake_bpf->has_kvm = 0;
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    struct bpf_status status = fake_bpf_take(bed);
    assert_int_equal(status.state, BPF_WAITS);
    assert_string_equal(status.why, "kvm is not loaded");
    pid_t first = fake_bpf->pid;
    fake_bpf->has_kvm = fake_bpf->kvm = 1;
    status = fake_bpf_take(bed);
    assert_int_equal(status.state, BPF_LOADED);
    assert_string_equal(status.why, "");
    assert_int_equal(fake_bpf->opens, 2); /* by another one: the first has lost its rights */
    assert_int_not_equal(fake_bpf->pid, first);
    assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
    assert_int_equal(fake_bpf->opens, 2);
}

static void kvm_that_is_loaded_anew_has_another_collector(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    fake_bpf_take(bed);
    for (int i = 1; i < 10; i++) { /* more often than collectors may fail in a row */
        fake_bpf->kvm = i;
        assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
        assert_int_equal(fake_bpf->opens, 1 + i);
        assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
        assert_int_equal(fake_bpf->opens, 1 + i);
    }
}

static void a_collector_that_takes_the_place_of_another_keeps_the_wish(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    fake_bpf_take(bed);
    pid_t first = fake_bpf->pid;
    kill(first, SIGKILL);
    assert_int_equal(fake_bpf_take(bed).state, BPF_LOADED);
    assert_int_not_equal(fake_bpf->pid, first);
    assert_int_equal(fake_bpf->opens, 2);
}

static void who_loaded_ends_when_it_is_no_longer_wanted(void **state)
{
    struct link_bed *bed = *state;

    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    fake_bpf_take(bed);
    assert_int_equal(sample_link_set_bpf(bed->link, false, NULL), 0);
    link_bed_wait_end(fake_bpf->pid);
    assert_int_equal(fake_bpf_take(bed).state, BPF_UNASKED);
    assert_int_equal(sample_link_set_bpf(bed->link, false, NULL), 0);
    assert_int_equal(fake_bpf->opens, 1);
}

/* What was asked of the collector that goes is answered by the one that comes. */
static void a_sample_that_was_asked_for_comes_all_the_same(void **state)
{
    struct link_bed *bed = *state;
    struct snapshot *s = NULL;

    sample_link_ask(bed->link);
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    alarm(20);
    int result;
    while ((result = sample_link_look(bed->link, &s, NULL)) == 0)
        usleep(1000);
    alarm(0);
    assert_int_equal(result, 1);
    assert_int_equal(s->bpf.state, BPF_LOADED);
    snapshot_free(s);
}

static void scanners_follow_the_wish(void **state)
{
    struct link_bed *bed = *state;
    struct scan_link *link = scan_link_open(&bed->supervisor);

    scan_link_renew(NULL);
    scan_link_renew(link);
    link_bed_scan(link);
    assert_int_equal(fake_bpf->opens, 0);
    assert_int_equal(sample_link_set_bpf(bed->link, true, NULL), 0);
    link_bed_scan(link);
    fake_bpf_take(bed);
    assert_int_equal(fake_bpf->opens, 2); /* and the collector */
    link_bed_scan(link);
    assert_int_equal(fake_bpf->opens, 2); /* the same scanner as before */
    assert_int_equal(sample_link_set_bpf(bed->link, false, NULL), 0);
    scan_link_renew(link);
    assert_int_equal(scan_link_fd(link), -1);
    link_bed_scan(link);
    assert_int_equal(fake_bpf->opens, 2);
    scan_link_close(link);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_loaded_unless_asked, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(who_loads_has_the_rights_only_meanwhile, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(why_it_failed_is_said_and_the_rest_goes_on, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(it_waits_for_kvm, fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(kvm_that_is_loaded_anew_has_another_collector,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_collector_that_takes_the_place_of_another_keeps_the_wish,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(who_loaded_ends_when_it_is_no_longer_wanted, fake_bpf_setup,
                                        fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(a_sample_that_was_asked_for_comes_all_the_same,
                                        fake_bpf_setup, fake_bpf_teardown),
        cmocka_unit_test_setup_teardown(scanners_follow_the_wish, fake_bpf_setup,
                                        fake_bpf_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
