// SPDX-License-Identifier: MIT
// The tab of histograms: counts since creation, and those of the last interval.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/screen_dump.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"

#define BUCKETS 4
#define SECOND  1000000000ull

struct fixture {
    struct snapshot_builder *b;
    struct snapshot *s;
    struct trends trends;
    struct ui_rows rows;
    struct ui_state state;
    struct screen screen;
    struct ui_model model;
    char *dump;
};

static void set_counts(struct fixture *f, uint64_t vm, uint64_t vcpu)
{
    struct snapshot_vm *at = &f->s->vms[0];

    for (size_t i = 0; i < BUCKETS; i++) {
        at->buckets[i] = vm * i;
        at->vcpus[1].buckets[i] = vcpu * i;
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->b = snapshot_builder_new();
    int field = snapshot_builder_field(f->b, "halt_wait_hist", FIELD_VCPU, FIELD_LOG_HIST,
                                       FIELD_SECONDS, BUCKETS);
    snapshot_builder_vm(f->b, 700, 9, "web", "qemu", 2);
    snapshot_builder_set(f->b, 0, -1, field, 0, 0, SOURCE_STATSFD);
    snapshot_builder_set(f->b, 0, 1, field, 0, 0, SOURCE_STATSFD);
    f->s = (struct snapshot *)(uintptr_t)snapshot_builder_finish(f->b);
    f->s->mono_ns = SECOND;
    set_counts(f, 100, 10);
    f->model =
        (struct ui_model){.now = f->s, .detail = f->s, .trends = &f->trends, .rows = &f->rows};
    assert_int_equal(trends_init(&f->trends), 0);
    ui_state_init(&f->state, 24, 80, 1.0);
    assert_int_equal(screen_init(&f->screen, 24, 80, true), 0);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    ui_update(&f->state, &f->model, (struct ui_key){.code = KEYCODE_ENTER});
    ui_update(&f->state, &f->model, (struct ui_key){.code = '4'});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->dump);
    screen_done(&f->screen);
    ui_state_done(&f->state);
    ui_rows_done(&f->rows);
    trends_done(&f->trends);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

static const char *press(struct fixture *f, uint32_t key)
{
    ui_update(&f->state, &f->model, (struct ui_key){.code = key});
    free(f->dump);
    ui_draw(&f->model, &f->state, &f->screen);
    return f->dump = screen_dump(&f->screen);
}

/* Two seconds later. */
static void tick(struct fixture *f, uint64_t vm, uint64_t vcpu)
{
    f->s->mono_ns += 2 * SECOND;
    set_counts(f, vm, vcpu);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
}

static void counts_of_the_last_interval_are_what_came_in_it(void **state)
{
    struct fixture *f = *state;

    assert_non_null(strstr(press(f, KEYCODE_HOME), "All vCPUs together, since creation. i: last"));
    assert_non_null(strstr(f->dump, "  600 times"));
    assert_non_null(strstr(press(f, 'i'), "Nothing yet: an interval ends with the next refresh."));
    tick(f, 103, 11);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "together, in the last 2.0s. i: since cr"));
    assert_non_null(strstr(f->dump, "  18 times"));
    press(f, KEYCODE_RIGHT);
    press(f, KEYCODE_RIGHT);
    assert_non_null(strstr(f->dump, "vCPU 1, in the last"));
    assert_non_null(strstr(f->dump, "  6 times"));
    tick(f, 103, 11);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "  0 times"));
    assert_non_null(strstr(press(f, 'i'), "  66 times"));
}

static void counts_that_were_cleared_have_no_interval(void **state)
{
    struct fixture *f = *state;

    press(f, 'i');
    tick(f, 5, 11);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "Somebody cleared these counts"));
    press(f, KEYCODE_RIGHT);
    assert_non_null(strstr(press(f, KEYCODE_RIGHT), "  6 times")); /* not those of this vCPU */
    tick(f, 6, 12);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "  6 times"));
}

/* A VM that takes too long keeps its numbers: none of them is of this interval. */
static void a_vm_that_was_not_read_ends_no_interval(void **state)
{
    struct fixture *f = *state;

    press(f, 'i');
    f->s->vms[0].stale_cause = CAUSE_SLOW;
    tick(f, 100, 10);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "Nothing yet"));
    f->s->vms[0].stale_cause = CAUSE_NONE;
    tick(f, 104, 10);
    assert_non_null(strstr(press(f, KEYCODE_HOME), "in the last 4.0s"));
    assert_non_null(strstr(f->dump, "  24 times"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_of_the_last_interval_are_what_came_in_it),
        TEST(counts_that_were_cleared_have_no_interval),
        TEST(a_vm_that_was_not_read_ends_no_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
