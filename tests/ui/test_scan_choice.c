// SPDX-License-Identifier: MIT
// Which VMs are scanned: what R and x on the VMs screen ask, what the answers mean, what is said of
// scans that wait.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ui_bed.h"
#include "ui/screens/screens.h"
#include "ui/state/scan_choice.h"

/* By pid: vm16, db-primary, fc-1; vm16 is selected. */
static int setup(void **state)
{
    struct ui_bed *f = ui_bed_new();

    snapshot_builder_three_vms(f->b);
    f->model.scans = &f->scans;
    ui_bed_start(f, 24, 100);
    ui_bed_press(f, 'N');
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    ui_bed_free(*state);
    return 0;
}

static enum ui_action press(struct ui_bed *f, uint32_t key)
{
    return ui_update(&f->state, &f->model, (struct ui_key){.code = key});
}

/* The names of the VMs that are chosen, in turn. */
static const char *chosen(struct ui_bed *f)
{
    static char names[200];
    const struct snapshot_vm *vm;
    size_t at = 0;

    names[0] = '\0';
    while ((vm = scan_choice_vm(&f->state.scans, &f->state, &f->model, &at)) != NULL) {
        strcat(names, vm->name);
        strcat(names, " ");
    }
    return names;
}

static void expect(struct ui_bed *f, char answer, enum scan_what what, const char *names)
{
    assert_int_equal(press(f, 'R'), UI_NOTHING);
    assert_int_equal(press(f, (uint32_t)answer), UI_SCANS);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_int_equal(f->state.scans.what, what);
    assert_string_equal(chosen(f), names);
}

static void without_tags_they_are_not_offered(void **state)
{
    struct ui_bed *f = *state;

    press(f, 'R');
    assert_int_equal(f->state.prompt.kind, PROMPT_SCAN);
    assert_null(strstr(ui_bed_press(f, 0), "t: tagged"));
    assert_int_equal(press(f, 't'), UI_NOTHING); /* like any other key: nothing is begun */
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    expect(f, 's', SCAN_WHAT_EXACT, "vm16 ");
    expect(f, 'a', SCAN_WHAT_ESTIMATE, "vm16 db-primary fc-1 ");
    expect(f, 'L', SCAN_WHAT_LOOKS, "vm16 db-primary fc-1 ");
}

static void tagged_ones_are_those_that_were_tagged(void **state)
{
    struct ui_bed *f = *state;

    press(f, KEYCODE_DOWN);
    press(f, ' ');
    press(f, ' ');
    press(f, 'R');
    assert_int_equal(f->state.prompt.kind, PROMPT_SCAN_TAGGED);
    assert_non_null(strstr(ui_bed_press(f, 0), "t: tagged"));
    press(f, KEYCODE_ESCAPE);
    expect(f, 't', SCAN_WHAT_EXACT, "db-primary fc-1 ");
    expect(f, 'l', SCAN_WHAT_LOOKS, "db-primary fc-1 ");
    press(f, 'I'); /* by identity: the order of the rows changes nothing */
    expect(f, 't', SCAN_WHAT_EXACT, "db-primary fc-1 ");
    expect(f, 's', SCAN_WHAT_EXACT, "fc-1 ");
    press(f, 'U');
    press(f, 'R');
    assert_int_equal(f->state.prompt.kind, PROMPT_SCAN);
}

/* Rows of vCPUs are no VMs, and what a filter hides is not listed. */
static void all_are_those_that_are_listed_in_their_order(void **state)
{
    static const uint32_t filter[] = {'f', 'e', 'm', 'u', KEYCODE_ENTER};
    struct ui_bed *f = *state;

    press(f, 't');
    expect(f, 'a', SCAN_WHAT_ESTIMATE, "vm16 db-primary fc-1 ");
    press(f, 'I');
    expect(f, 'a', SCAN_WHAT_ESTIMATE, "fc-1 db-primary vm16 ");
    for (size_t i = 0; i < sizeof(filter) / sizeof(filter[0]); i++)
        press(f, filter[i]);
    expect(f, 'a', SCAN_WHAT_ESTIMATE, "db-primary vm16 ");
}

/* Nobody had chosen a row, and the order changed between question and answer. */
static void what_was_selected_when_it_was_asked_is_scanned(void **state)
{
    struct ui_bed *f = *state;
    struct vm_id vm;

    press(f, KEYCODE_HOME);
    vm = vms_selected(&f->state, &f->model)->id;
    press(f, 'R');
    f->state.vms.sort_inverted = true;
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_int_equal(press(f, 's'), UI_SCANS);
    assert_true(vm_id_equal(&vms_selected(&f->state, &f->model)->id, &vm));
    assert_string_equal(chosen(f), "vm16 ");
}

static void vms_that_ended_meanwhile_are_left_out(void **state)
{
    struct ui_bed *f = *state;
    struct snapshot_builder *b = snapshot_builder_new();

    press(f, ' ');
    press(f, ' ');
    press(f, 'R');
    snapshot_builder_fields_x86(b);
    snapshot_builder_vm(b, 6003, 21, "fc-1", "firecracker", 1);
    f->model.now = snapshot_builder_finish(b);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_int_equal(press(f, 't'), UI_SCANS);
    assert_string_equal(chosen(f), "");
    expect(f, 'a', SCAN_WHAT_ESTIMATE, "fc-1 ");
    f->model.now = f->s;
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    snapshot_builder_free(b);
}

static void where_nothing_can_be_scanned_nothing_is_offered(void **state)
{
    struct ui_bed *f = *state;

    f->model.scans = NULL;
    assert_int_equal(press(f, 'R'), UI_NOTHING);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_non_null(strstr(f->state.message, "on the live system only"));
    assert_int_equal(press(f, 'x'), UI_NOTHING);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_string_equal(f->state.message, "No VM is being scanned");
}

static void the_only_scan_ends_without_a_question(void **state)
{
    struct ui_bed *f = *state;

    f->model.scan_list = (struct ui_scans){.count = 1, .of_selected = 1};
    assert_int_equal(press(f, 'x'), UI_SCANS);
    assert_int_equal(f->state.prompt.kind, PROMPT_NONE);
    assert_int_equal(f->state.scans.what, SCAN_WHAT_END);
    assert_string_equal(chosen(f), "vm16 ");
    /* zero pages and what it writes: both are of the one that is selected */
    f->model.scan_list = (struct ui_scans){.count = 2, .waiting = 1, .of_selected = 2};
    assert_int_equal(press(f, 'x'), UI_SCANS);
}

static void which_of_several_scans_end_is_asked(void **state)
{
    struct ui_bed *f = *state;

    f->model.scan_list = (struct ui_scans){.count = 3, .waiting = 2, .of_selected = 1};
    assert_int_equal(press(f, 'x'), UI_NOTHING);
    assert_int_equal(f->state.prompt.kind, PROMPT_SCAN_END);
    assert_int_equal(press(f, 's'), UI_SCANS);
    assert_int_equal(f->state.scans.which, SCAN_WHICH_SELECTED);
    assert_int_equal(f->state.scans.what, SCAN_WHAT_END);
    press(f, 'x');
    assert_int_equal(press(f, 'a'), UI_SCANS);
    assert_int_equal(f->state.scans.which, SCAN_WHICH_LISTED);
    assert_int_equal(f->state.scans.what, SCAN_WHAT_END);
    press(f, 'x');
    assert_int_equal(press(f, KEYCODE_ESCAPE), UI_NOTHING);
    /* none of the selected VM: that is not offered */
    f->model.scan_list.of_selected = 0;
    press(f, 'x');
    assert_int_equal(f->state.prompt.kind, PROMPT_SCAN_END_ALL);
    assert_int_equal(press(f, 's'), UI_NOTHING);
    press(f, 'x');
    assert_int_equal(press(f, 'a'), UI_SCANS);
    assert_int_equal(f->state.scans.what, SCAN_WHAT_END);
}

static void the_status_line_says_what_is_scanned_and_what_waits(void **state)
{
    struct ui_bed *f = *state;
    const struct vm_id gone = {.pid = 99, .start_ticks = 1, .fd = 3};

    f->model.scan = (struct scan_worker_progress){.busy = true, .vm = f->s->vms[1].id};
    f->model.scan_list = (struct ui_scans){.count = 1};
    assert_non_null(strstr(ui_bed_press(f, 0), "Scanning db-primary; x ends it "));
    f->model.scan_list =
        (struct ui_scans){.count = 3, .waiting = 2, .next = {f->s->vms[0].id, f->s->vms[2].id}};
    assert_non_null(strstr(ui_bed_press(f, 0), "Scanning db-primary, 2 waiting; x ends them. "
                                               "Next: vm16, fc-1 "));
    f->model.scan_looks = true;
    assert_non_null(strstr(ui_bed_press(f, 0), "Looking at what db-primary writes, 2 waiting;"));
    f->model.scan.vm = gone;
    assert_non_null(strstr(ui_bed_press(f, 0), "Looking at what process 99 writes, 2 waiting;"));
    f->model.scan_list = (struct ui_scans){.count = 13, .waiting = 12, .next = {f->s->vms[0].id}};
    for (int i = 1; i < UI_SCANS_NAMED; i++)
        f->model.scan_list.next[i] = f->s->vms[2].id;
    ui_resize(&f->state, 24, 200);
    assert_int_equal(screen_resize(&f->screen, 24, 200), 0);
    assert_non_null(strstr(ui_bed_press(f, 0), "fc-1, fc-1, 4 more "));
    f->model.scan.busy = false; /* its scanner is late */
    assert_non_null(strstr(ui_bed_press(f, 0), "No scanner yet, 12 waiting; x ends them"));
    press(f, ' '); /* the sum of those that are tagged stands behind it */
    assert_non_null(strstr(ui_bed_press(f, 0), "12 waiting; x ends them  1 tagged: CPU"));
    f->model.scan_list = (struct ui_scans){0};
    assert_null(strstr(ui_bed_press(f, 0), "waiting"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        CASE(without_tags_they_are_not_offered),
        CASE(tagged_ones_are_those_that_were_tagged),
        CASE(all_are_those_that_are_listed_in_their_order),
        CASE(what_was_selected_when_it_was_asked_is_scanned),
        CASE(vms_that_ended_meanwhile_are_left_out),
        CASE(where_nothing_can_be_scanned_nothing_is_offered),
        CASE(the_only_scan_ends_without_a_question),
        CASE(which_of_several_scans_end_is_asked),
        CASE(the_status_line_says_what_is_scanned_and_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
