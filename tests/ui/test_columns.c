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
#include "ui/state/columns.h"

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
        {0.10, "!!10.0", STYLE_WARNING}, {1.0, "!!100.0", STYLE_WARNING},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_marked_from_5_and_10_percent),
        cmocka_unit_test(what_is_missing_says_why_and_is_never_0),
        cmocka_unit_test(columns_show_what_a_vm_fights_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
