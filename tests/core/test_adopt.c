// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/collect/adopt.h"

#define VMS 3

/* A sample of VMs of processes 100, 200, ...; as adopted_apply looks at it. */
struct world {
    struct sample_vm before_vms[VMS], now_vms[VMS];
    struct sample before, now;
    struct adopted adopted;
};

static void fill(struct sample *s, struct sample_vm *vms, uint64_t born)
{
    for (int i = 0; i < VMS; i++)
        vms[i] = (struct sample_vm){
            .id = {.pid = 100 * (i + 1), .start_ticks = 7, .fd = 9, .born = born + (uint64_t)i},
            .facts = {.object = 50 + (uint64_t)i},
        };
    *s = (struct sample){.vms = vms, .vm_count = VMS};
}

static int setup(void **state)
{
    static struct world w;

    w = (struct world){.adopted = {NULL, 0}};
    fill(&w.before, w.before_vms, 1);
    fill(&w.now, w.now_vms, 1000);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    adopted_done(&((struct world *)*state)->adopted);
    return 0;
}

static void vms_keep_their_identity_under_another_collector(void **state)
{
    struct world *w = *state;

    adopted_apply(&w->adopted, &w->before, true, &w->now);
    for (int i = 0; i < VMS; i++)
        assert_true(vm_id_equal(&w->now_vms[i].id, &w->before_vms[i].id));
    /* And in the samples after. */
    struct sample_vm later_vms[VMS];
    struct sample later;
    fill(&later, later_vms, 1000);
    adopted_apply(&w->adopted, &w->now, false, &later);
    for (int i = 0; i < VMS; i++)
        assert_true(vm_id_equal(&later_vms[i].id, &w->before_vms[i].id));
}

static void another_vm_in_the_same_place_is_another(void **state)
{
    struct world *w = *state;

    w->now_vms[0].id.start_ticks = 8; /* another process of that number */
    w->now_vms[1].facts.object = 99;  /* made anew meanwhile: another directory in debugfs */
    w->now_vms[2].facts.object = 0;   /* not known: then it is taken for the same */
    adopted_apply(&w->adopted, &w->before, true, &w->now);
    assert_int_equal(w->now_vms[0].id.born, 1000);
    assert_int_equal(w->now_vms[1].id.born, 1001);
    assert_int_equal(w->now_vms[2].id.born, 3);
}

static void what_one_collector_tells_apart_stays_apart(void **state)
{
    struct world *w = *state;

    adopted_apply(&w->adopted, &w->before, false, &w->now);
    assert_int_equal(w->now_vms[0].id.born, 1000);
}

/* Its process was left alone, and the collector that runs comes to it for the first time. */
static void one_that_was_stuck_is_found_again(void **state)
{
    struct world *w = *state;

    w->before_vms[1].skipped = true;
    w->before_vms[1].skip_cause = CAUSE_STUCK;
    w->before_vms[2].skipped = true;
    w->before_vms[2].skip_cause = CAUSE_SLOW;
    adopted_apply(&w->adopted, &w->before, false, &w->now);
    assert_int_equal(w->now_vms[0].id.born, 1000);
    assert_int_equal(w->now_vms[1].id.born, 2);
    assert_int_equal(w->now_vms[2].id.born, 1002);
}

static void one_that_ends_is_forgotten(void **state)
{
    struct world *w = *state;
    struct sample none = {.vm_count = 0};

    adopted_apply(&w->adopted, &w->before, true, &w->now);
    assert_int_equal(w->adopted.count, VMS);
    adopted_apply(&w->adopted, &w->now, false, &none);
    assert_int_equal(w->adopted.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vms_keep_their_identity_under_another_collector),
        TEST(another_vm_in_the_same_place_is_another),
        TEST(what_one_collector_tells_apart_stays_apart),
        TEST(one_that_was_stuck_is_found_again),
        TEST(one_that_ends_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
