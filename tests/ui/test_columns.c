// SPDX-License-Identifier: MIT
// What columns of contention say, and the sets that columns come in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/load_builder.h"
#include "tests/lib/screen_dump.h"
#include "tests/lib/ui_bed.h"
#include "ui/screens/screens.h"
#include "ui/state/column_sets.h"
#include "ui/state/columns.h"
#include "ui/state/config.h"
#include "ui/state/state.h"

/* What stands in the cell, without the blanks around it; @ret_style: how its last cell looks. */
static const char *cell(enum column_id id, const struct snapshot_vm *vm,
                        const struct snapshot_vcpu *vcpu, enum style *ret_style)
{
    static char text[40];
    struct column_fields fields = {0};
    struct column_value value = column_get(id, &fields, vm, vcpu);
    const int width = column_table[id].width;
    struct screen out;
    int n = 0;

    assert_int_equal(screen_init(&out, 1, 40, false), 0);
    screen_clear(&out);
    column_draw(id, &value, &out, screen_rect(&out), 0, 0, width, STYLE_NORMAL);
    for (int x = 0; x < width; x++) {
        const struct cell *c = screen_cell(&out, 0, x);
        if (c->code == ' ')
            continue;
        text[n++] = (char)c->code;
        if (ret_style != NULL)
            *ret_style = (enum style)c->style;
    }
    text[n] = '\0';
    screen_done(&out);
    return text;
}

static void waits_are_marked_from_5_and_10_percent(void **unused)
{
    static const struct {
        double ready;
        const char *text;
        enum style style;
    } rows[] = {
        {0, "0.0", STYLE_DIM},           {0.0499, "5.0", STYLE_NORMAL},
        {0.05, "!5.0", STYLE_NOTICE},    {0.0999, "!10.0", STYLE_NOTICE},
        {0.10, "!!10.0", STYLE_WARNING}, {1.0, "!!100", STYLE_WARNING},
        {1.005, "!!100", STYLE_WARNING}, {3.2, "!!>100", STYLE_WARNING},
    };
    struct snapshot_builder *b = snapshot_builder_new();

    (void)unused;
    load_builder_host(b, LOAD_BUSY);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum style style = STYLE_COUNT;
        vm->load.ready_mean = vm->load.ready_worst = vm->vcpus[3].wait_ratio =
            load_builder_figure(rows[i].ready);
        assert_string_equal(cell(COLUMN_RDY, vm, NULL, &style), rows[i].text);
        assert_int_equal(style, rows[i].style);
        assert_string_equal(cell(COLUMN_RDYMAX, vm, NULL, &style), rows[i].text);
        assert_string_equal(cell(COLUMN_RDY, vm, &vm->vcpus[3], &style), rows[i].text);
        assert_int_equal(style, rows[i].style);
    }
    snapshot_builder_free(b);
}

/* Of a VM it is the sum of its eight, and marked where one of eight that wait alike would be. */
static void waits_of_a_vm_are_marked_as_those_of_its_vcpus(void **unused)
{
    static const struct {
        double wait; /* of each */
        const char *vm, *vcpu;
        enum style style;
    } rows[] = {
        {0, "0.0", "0.0", STYLE_DIM},
        {0.049, "39.2", "4.9", STYLE_NORMAL},
        {0.05, "!40.0", "!5.0", STYLE_NOTICE},
        {0.0625, "!50.0", "!6.2", STYLE_NOTICE},
        {0.125, "!!100", "!!12.5", STYLE_WARNING},
        {1.2, "!!960", "!!>100", STYLE_WARNING},
        {7.9875, "!!6390", "!!>100", STYLE_WARNING},
    };
    struct snapshot_builder *b = snapshot_builder_new();

    (void)unused;
    load_builder_host(b, LOAD_BUSY);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    assert_int_equal(vm->vcpu_count, 8);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum style style = STYLE_COUNT;
        vm->vcpus[3].wait_ratio = load_builder_figure(rows[i].wait);
        vm->wait_ratio = load_builder_figure(8 * rows[i].wait);
        assert_string_equal(cell(COLUMN_WAIT, vm, NULL, &style), rows[i].vm);
        assert_int_equal(style, rows[i].style);
        assert_string_equal(cell(COLUMN_WAIT, vm, &vm->vcpus[3], &style), rows[i].vcpu);
        assert_int_equal(style, rows[i].style);
        /* As the other column of the same time is. */
        vm->load.ready_mean = load_builder_figure(rows[i].wait);
        cell(COLUMN_RDY, vm, NULL, &style);
        assert_int_equal(style, rows[i].style);
    }
    snapshot_builder_free(b);
}

/* 0 is a number, and none of these is one. */
static void what_is_missing_says_why_and_is_never_0(void **unused)
{
    static const struct {
        enum reading_state state;
        enum reading_cause cause;
        const char *text;
    } rows[] = {
        {READING_ABSENT, CAUSE_NO_CPU_LIMIT, "-"},
        {READING_DENIED, CAUSE_NO_PERMISSION, "denied"},
        {READING_WARMUP, CAUSE_NONE, "..."},
        {READING_STALE, CAUSE_SLOW, "stale"},
        {READING_ABSENT, CAUSE_NOT_ASKED_FOR, "..."},
        {READING_ABSENT, CAUSE_ROOT_CGROUP, "-"},
    };
    struct snapshot_builder *b = snapshot_builder_new();

    (void)unused;
    load_builder_host(b, LOAD_CONTENDED);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct figure f = load_builder_missing(rows[i].state, rows[i].cause);
        vm->load.throttled = vm->load.uptime_s = vm->load.pressure[PRESSURE_IO_SOME] = f;
        vm->load.roles[VM_ROLE_VHOST].cpu = vm->vcpus[0].load.guest = f;
        assert_string_equal(cell(COLUMN_MLMTD, vm, NULL, NULL), rows[i].text);
        assert_string_equal(cell(COLUMN_UPTIME, vm, NULL, NULL), rows[i].text);
        assert_string_equal(cell(COLUMN_PSI_IO, vm, NULL, NULL), rows[i].text);
        assert_string_equal(cell(COLUMN_VHOST, vm, NULL, NULL), rows[i].text);
        assert_string_equal(cell(COLUMN_GUEST, vm, &vm->vcpus[0], NULL), rows[i].text);
    }
    /* A state that is not known has no text; its cause says more. */
    vm->load.state = VM_STATE_UNKNOWN;
    vm->load.state_cause = CAUSE_NO_PERMISSION;
    assert_string_equal(cell(COLUMN_STATE, vm, NULL, NULL), "denied");
    vm->load.state_cause = CAUSE_NOT_ASKED_FOR;
    assert_string_equal(cell(COLUMN_STATE, vm, NULL, NULL), "...");
    snapshot_builder_free(b);
}

static void columns_show_what_a_vm_fights_for(void **unused)
{
    struct snapshot_builder *b = snapshot_builder_new();
    enum style style = STYLE_COUNT;

    (void)unused;
    load_builder_host(b, LOAD_CONTENDED);
    const struct snapshot_vm *idle = snapshot_builder_get(b, 0), *db = snapshot_builder_get(b, 1),
                             *fc = snapshot_builder_get(b, 2);
    assert_string_equal(cell(COLUMN_STATE, db, NULL, NULL), "running");
    assert_string_equal(cell(COLUMN_STATE, idle, NULL, &style), "paused");
    assert_int_equal(style, STYLE_NOTICE);
    assert_string_equal(cell(COLUMN_STATE, db, &db->vcpus[6], &style), "blocked");
    assert_int_equal(style, STYLE_WARNING);
    assert_string_equal(cell(COLUMN_UPTIME, db, NULL, NULL), "12d03h");
    assert_string_equal(cell(COLUMN_UPTIME, db, &db->vcpus[0], NULL), "");
    assert_string_equal(cell(COLUMN_MLMTD, fc, NULL, &style), "!!23.7");
    assert_int_equal(style, STYLE_WARNING);
    assert_string_equal(cell(COLUMN_RDY, db, NULL, NULL), "!!12.0");
    assert_string_equal(cell(COLUMN_RDYMAX, db, NULL, NULL), "!!31.0");
    assert_string_equal(cell(COLUMN_IOTHR, db, NULL, NULL), "14.7");
    assert_string_equal(cell(COLUMN_MIGTHR, db, NULL, NULL), "0.0");
    assert_string_equal(cell(COLUMN_ON_CPU, db, &db->vcpus[3], NULL), "1");
    assert_string_equal(cell(COLUMN_ON_CPU, db, NULL, NULL), "");
    assert_string_equal(cell(COLUMN_AFFINITY, db, NULL, NULL), "0-1");
    snapshot_builder_get(b, 1)->vcpus[4].load.cpus_allowed = "1";
    assert_string_equal(cell(COLUMN_AFFINITY, db, NULL, NULL), "differs");
    assert_string_equal(cell(COLUMN_AFFINITY, db, &db->vcpus[4], NULL), "1");
    snapshot_builder_free(b);
}

/* --- sets ------------------------------------------------------------------------------------- */

/* The VMs screen with its keys. */
static int bed_new(void **ret)
{
    struct ui_bed *bed = ui_bed_new();

    load_builder_host(bed->b, LOAD_CONTENDED);
    ui_bed_start(bed, 24, 120);
    *ret = bed;
    return 0;
}

static int bed_free(void **state)
{
    ui_bed_free(*state);
    return 0;
}

static void press(struct ui_bed *bed, uint32_t key)
{
    ui_update(&bed->state, &bed->model, (struct ui_key){.code = key});
}

static bool shows(const struct ui_bed *bed, enum column_id id)
{
    for (size_t i = 0; i < bed->state.vms.columns.count; i++)
        if (bed->state.vms.columns.ids[i] == id)
            return true;
    return false;
}

static void every_set_has_its_key_and_the_name(void **state)
{
    static const struct {
        enum column_set set;
        enum column_id has;
    } sets[] = {{COLUMN_SET_OVERVIEW, COLUMN_WAIT}, {COLUMN_SET_CPU, COLUMN_RDY},
                {COLUMN_SET_EXITS, COLUMN_HALT},    {COLUMN_SET_MEMORY, COLUMN_PSI_MEM},
                {COLUMN_SET_IO, COLUMN_IOTHR},      {COLUMN_SET_MIGRATION, COLUMN_MIGR}};
    struct ui_bed *bed = *state;

    assert_int_equal(bed->state.vms.sets.shown, COLUMN_SET_OVERVIEW);
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        press(bed, (uint32_t)('1' + i));
        assert_int_equal(bed->state.vms.sets.shown, sets[i].set);
        assert_true(shows(bed, sets[i].has));
        assert_true(shows(bed, COLUMN_NAME));
        /* Each column once, and none that is not there. */
        for (size_t c = 0; c < bed->state.vms.columns.count; c++)
            for (size_t d = 0; d < c; d++)
                assert_int_not_equal(bed->state.vms.columns.ids[c], bed->state.vms.columns.ids[d]);
    }
}

static void the_own_choice_is_kept_beside_the_sets(void **state)
{
    struct ui_bed *bed = *state;

    press(bed, '0'); /* nobody chose any yet */
    assert_int_equal(bed->state.vms.sets.shown, COLUMN_SET_OVERVIEW);
    assert_non_null(strstr(bed->state.message, "F2"));
    press(bed, '2');
    press(bed, KEYCODE_F(2)); /* begins with what is shown */
    press(bed, ' ');          /* the first one goes: the pid */
    press(bed, KEYCODE_ESCAPE);
    assert_int_equal(bed->state.vms.sets.shown, COLUMN_SET_OWN);
    assert_true(shows(bed, COLUMN_RDY));
    assert_false(shows(bed, COLUMN_PID));
    press(bed, '2');
    assert_true(shows(bed, COLUMN_PID));
    press(bed, '4');
    assert_false(shows(bed, COLUMN_RDY));
    press(bed, '0');
    assert_true(shows(bed, COLUMN_RDY));
    assert_false(shows(bed, COLUMN_PID));
    /* And F2 goes on with it, whatever is shown. */
    press(bed, '4');
    press(bed, KEYCODE_F(2));
    press(bed, KEYCODE_ESCAPE);
    assert_true(shows(bed, COLUMN_RDY));
    assert_false(shows(bed, COLUMN_PID));
}

static void sets_and_the_own_choice_are_remembered(void **state)
{
    struct ui_bed *bed = *state;
    struct config *config = malloc(sizeof(*config));
    struct ui_state again;

    press(bed, '2');
    press(bed, KEYCODE_F(2));
    press(bed, ' ');
    press(bed, KEYCODE_ESCAPE);
    press(bed, '5');
    config_init(config);
    ui_to_config(&bed->state, config);
    ui_state_init(&again, 24, 120, 1.0);
    ui_apply_config(&again, config);
    assert_int_equal(again.vms.sets.shown, COLUMN_SET_IO);
    assert_int_equal(again.vms.columns.count, bed->state.vms.columns.count);
    assert_int_equal(again.vms.sets.own.count, bed->state.vms.sets.own.count);
    assert_int_equal(again.vms.sets.own.ids[0], COLUMN_NAME);
    ui_state_done(&again);
    free(config);
}

static void the_configuration_says_what_a_set_has(void **unused)
{
    struct config *config = malloc(sizeof(*config));
    struct ui_state state;

    (void)unused;
    config_parse("[monitor]\nset = cpu\npane = no\n"
                 "[columns cpu]\nname = 20\nrdymax = auto\n"
                 "[columns exits]\nexits = auto\n"
                 "[columns nothing]\nname = auto\n",
                 config);
    assert_int_equal(config->problems, 2); /* exits lack the name, and there is no such set */
    assert_non_null(strstr(config->told[0].text, "not known here"));
    assert_non_null(strstr(config->told[1].text, "exits"));
    ui_state_init(&state, 24, 120, 1.0);
    ui_apply_config(&state, config);
    assert_false(state.vms.has_pane);
    assert_int_equal(state.vms.sets.shown, COLUMN_SET_CPU);
    assert_int_equal(state.vms.columns.count, 2);
    assert_int_equal(state.vms.columns.ids[1], COLUMN_RDYMAX);
    assert_int_equal(state.vms.columns.width[COLUMN_NAME], 20);
    ui_state_done(&state);
    /* Without a set: the own choice where there is one. */
    config_parse("[columns]\nname = auto\nuptime = auto\n", config);
    ui_state_init(&state, 24, 120, 1.0);
    ui_apply_config(&state, config);
    assert_int_equal(state.vms.sets.shown, COLUMN_SET_OWN);
    assert_int_equal(state.vms.columns.count, 2);
    ui_state_done(&state);
    config_parse("[monitor]\nset = all\n", config);
    assert_int_equal(config->problems, 1);
    assert_int_equal(config->set, -1);
    free(config);
}

#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, bed_new, bed_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_marked_from_5_and_10_percent),
        cmocka_unit_test(waits_of_a_vm_are_marked_as_those_of_its_vcpus),
        cmocka_unit_test(what_is_missing_says_why_and_is_never_0),
        cmocka_unit_test(columns_show_what_a_vm_fights_for),
        BED_TEST(every_set_has_its_key_and_the_name),
        BED_TEST(the_own_choice_is_kept_beside_the_sets),
        BED_TEST(sets_and_the_own_choice_are_remembered),
        cmocka_unit_test(the_configuration_says_what_a_set_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
