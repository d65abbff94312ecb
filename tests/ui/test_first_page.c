// SPDX-License-Identifier: MIT
// The first page at three loads: host, table with its column sets, and the pane of the selected VM.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/exits_builder.h"
#include "tests/lib/golden.h"
#include "tests/lib/load_builder.h"
#include "tests/lib/screen_dump.h"
#include "ui/screens/screens.h"
#include "ui/screens/vcpu_strip.h"
#include "ui/state/layout.h"
#include "ui/state/load_wish.h"
#include "ui/state/state.h"
#include "ui/state/vms_layout.h"

#define KEYS(...) ((const uint32_t[]){__VA_ARGS__, 0})

struct size {
    int rows, cols;
};
static const struct size all_sizes[] = {{24, 80}, {15, 60}, {35, 120}, {50, 200}, {0, 0}};
static const struct size set_sizes[] = {{24, 80}, {35, 120}, {0, 0}};
static const struct size one_size[] = {{35, 120}, {0, 0}};
static const struct size small_pane[] = {{30, 80}, {0, 0}};
static const struct size pane_sizes[] = {{30, 80}, {35, 120}, {50, 200}, {0, 0}};

struct page_case {
    const char *name;
    enum load_kind load;
    const uint32_t *keys; /* 0 ends */
    const struct size *sizes;
    bool ascii;
    void (*change)(struct snapshot_builder *b); /* NULL: nothing */
};

/* The sample that came just before they were asked for. */
static void not_asked_yet(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);
    const struct figure no = load_builder_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);
    const struct reading none = reading_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);

    for (size_t i = 0; i < s->vm_count; i++)
        load_builder_vm(b, i);
    s->host_load = (struct host_load){.load_1 = no,
                                      .load_5 = no,
                                      .load_15 = no,
                                      .busy = no,
                                      .guest = no,
                                      .steal = no,
                                      .iowait = no,
                                      .mem_free = none,
                                      .mem_available = none,
                                      .swap_total = none,
                                      .swap_free = none};
    for (int i = 0; i < PRESSURE_COUNT; i++)
        s->host_load.pressure[i] = no;
}

/* Another user's VMs, on a host that measures no pressure and has no swap. */
static void denied(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);
    const struct figure no = load_builder_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    const struct reading none = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);

    for (size_t i = 0; i < s->vm_count; i++) {
        struct snapshot_vm *vm = snapshot_builder_get(b, i);
        vm->load.state = VM_STATE_UNKNOWN;
        vm->load.state_cause = CAUSE_NO_PERMISSION;
        vm->load.run_mean = vm->load.run_worst = vm->load.ready_mean = vm->load.ready_worst = no;
        vm->memory.swapped = none;
        vm->memory.huge_share = vm->memory.numa_local = no;
        vm->memory.huge_kind = HUGE_UNKNOWN;
        vm->io.read = vm->io.written = (struct io_count){none, no};
        for (int c = 0; c < IO_COUNTER_COUNT; c++)
            vm->io.net[c] = vm->io.block[c] = no;
        vm->load.guest = vm->load.host = vm->load.throttled = vm->load.halt_poll = no;
        for (int r = 0; r < VM_ROLE_COUNT; r++)
            vm->load.roles[r] = (struct role_load){.threads = none, .cpu = no, .wait = no};
        for (int k = 0; k < PRESSURE_COUNT; k++)
            vm->load.pressure[k] = load_builder_missing(READING_ABSENT, CAUSE_NO_PRESSURE);
        for (size_t k = 0; k < vm->vcpu_count; k++) {
            vm->vcpus[k].load.state = VCPU_STATE_UNKNOWN;
            vm->vcpus[k].load.state_cause = CAUSE_NO_PERMISSION;
            vm->vcpus[k].cpu_ratio = vm->vcpus[k].wait_ratio = no;
        }
    }
    for (int k = 0; k < PRESSURE_COUNT; k++)
        s->host_load.pressure[k] = load_builder_missing(READING_ABSENT, CAUSE_NO_PRESSURE);
    s->host_load.swap_total = s->host_load.swap_free = reading_ok(0, SOURCE_PROC);
}

/* Its exits are counted; those of the one that is selected by N too, but it rests. */
static void reasons(struct snapshot_builder *b)
{
    exits_builder_put_busy(b);
}

/* kvm_exit does not fire here. */
static void no_reasons(struct snapshot_builder *b)
{
    exits_builder_put_unseen(b);
}

/* What the VM waits for is far more than it gets, and most of it lies elsewhere. */
static void worst(struct snapshot_builder *b)
{
    struct snapshot_vm *db = snapshot_builder_get(b, 1);

    for (size_t i = 0; i < db->vcpu_count; i++)
        db->vcpus[i].wait_ratio = load_builder_figure(2.5);
    db->wait_ratio = load_builder_figure(20);
    db->load.ready_mean = db->load.ready_worst = load_builder_figure(2.5);
    db->load.throttled = load_builder_figure(4.21);
    db->load.throttled_periods = load_builder_figure(1);
}

static const struct page_case cases[] = {
    {"page-quiet", LOAD_QUIET, NULL, all_sizes, false, NULL},
    {"page-busy", LOAD_BUSY, NULL, all_sizes, false, NULL},
    {"page-contended", LOAD_CONTENDED, NULL, all_sizes, false, NULL},
    {"page-small-pane", LOAD_CONTENDED, NULL, small_pane, false, NULL},
    {"page-worst", LOAD_CONTENDED, KEYS('2', 't'), pane_sizes, false, worst},
    {"page-reasons", LOAD_CONTENDED, NULL, pane_sizes, false, reasons},
    {"page-no-reasons", LOAD_CONTENDED, NULL, one_size, true, no_reasons},
    {"page-ascii", LOAD_CONTENDED, KEYS('2'), one_size, true, NULL},
    {"page-without-pane", LOAD_CONTENDED, KEYS('v'), one_size, false, NULL},
    {"page-not-asked-yet", LOAD_BUSY, KEYS('2'), one_size, false, not_asked_yet},
    {"page-denied", LOAD_BUSY, KEYS('2'), one_size, false, denied},
    {"page-no-cgroup", LOAD_CONTENDED, KEYS('4', 'N'), one_size, false, NULL},
    {"page-cpu", LOAD_CONTENDED, KEYS('2'), set_sizes, false, NULL},
    {"page-cpu-vcpus", LOAD_CONTENDED, KEYS('2', 't', 'j'), all_sizes, false, NULL},
    {"page-exits", LOAD_CONTENDED, KEYS('3'), set_sizes, false, NULL},
    {"page-memory", LOAD_CONTENDED, KEYS('4'), all_sizes, false, NULL},
    {"page-memory-quiet", LOAD_QUIET, KEYS('4'), one_size, false, NULL},
    {"page-memory-not-asked-yet", LOAD_BUSY, KEYS('4'), one_size, false, not_asked_yet},
    {"page-memory-vcpus", LOAD_CONTENDED, KEYS('4', 't'), one_size, false, NULL},
    {"page-io", LOAD_CONTENDED, KEYS('5', 'N'), all_sizes, false, NULL},
    {"page-io-quiet", LOAD_QUIET, KEYS('5'), one_size, false, NULL},
    {"page-io-not-asked-yet", LOAD_BUSY, KEYS('5'), one_size, false, not_asked_yet},
    {"page-migration", LOAD_CONTENDED, KEYS('6'), set_sizes, false, NULL},
    {"page-vcpus-tab", LOAD_CONTENDED, KEYS(KEYCODE_ENTER, '2', 'j'), all_sizes, false, NULL},
};

struct stage {
    struct snapshot_builder *b;
    struct trends trends;
    struct ui_rows rows;
    struct ui_model model;
    struct ui_state state;
    struct screen screen;
};

static void stage_draw(struct stage *st, int rows, int cols)
{
    assert_int_equal(screen_resize(&st->screen, rows, cols), 0);
    ui_resize(&st->state, rows, cols);
    assert_int_equal(ui_follow(&st->state, &st->model), 0);
    ui_draw(&st->model, &st->state, &st->screen);
}

static struct stage *stage_new(const struct page_case *c, int rows, int cols)
{
    struct stage *st = calloc(1, sizeof(*st));

    st->b = snapshot_builder_new();
    load_builder_host(st->b, c->load);
    if (c->change != NULL)
        c->change(st->b);
    const struct snapshot *s = snapshot_builder_finish(st->b);
    assert_int_equal(trends_init(&st->trends), 0);
    for (int i = 0; i < 6; i++)
        trends_update(&st->trends, s);
    st->model = (struct ui_model){
        .now = s, .base = s, .detail = s, .trends = &st->trends, .rows = &st->rows};
    ui_state_init(&st->state, rows, cols, 1.0);
    assert_int_equal(screen_init(&st->screen, rows, cols, !c->ascii), 0);
    assert_int_equal(ui_follow(&st->state, &st->model), 0);
    for (const uint32_t *k = c->keys; k != NULL && *k != 0; k++)
        ui_update(&st->state, &st->model, (struct ui_key){.code = *k});
    stage_draw(st, rows, cols);
    return st;
}

static void stage_free(struct stage *st)
{
    screen_done(&st->screen);
    ui_state_done(&st->state);
    ui_rows_done(&st->rows);
    trends_done(&st->trends);
    snapshot_builder_free(st->b);
    free(st);
}

static void the_first_page_looks_as_recorded(void **unused)
{
    int failed = 0;

    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (const struct size *size = cases[c].sizes; size->rows > 0; size++) {
            struct stage *st = stage_new(&cases[c], size->rows, size->cols);
            char *dump = screen_dump(&st->screen);
            char name[128];

            snprintf(name, sizeof(name), "%s-%dx%d.screen", cases[c].name, size->cols, size->rows);
            failed += !golden_check(name, dump);
            free(dump);
            stage_free(st);
        }
    assert_int_equal(failed, 0);
}

static void without_unicode_nothing_but_ascii_is_drawn(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct page_case ascii = cases[c];
        ascii.ascii = true;
        struct stage *st = stage_new(&ascii, 40, 140);
        for (int y = 0; y < 40; y++)
            for (int x = 0; x < 140; x++) {
                const struct cell *cell = screen_cell(&st->screen, y, x);
                if (cell->code < ' ' || cell->code > '~')
                    fail_msg("%s: U+%04X at %d, %d", cases[c].name, (unsigned)cell->code, y, x);
            }
        stage_free(st);
    }
}

static void it_is_drawn_whole_at_every_size(void **unused)
{
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };

    (void)unused;
    for (size_t c = 0; c < CASES; c++) {
        struct stage *st = stage_new(&cases[c], 24, 80);
        for (int rows = 1; rows <= 64; rows++)
            for (int cols = 1 + (int)c; cols <= 260; cols += CASES)
                stage_draw(st, rows, cols); /* out of bounds is what the sanitizers see */
        stage_free(st);
    }
}

static void the_parts_of_the_page_cover_it_and_do_not_overlap(void **unused)
{
    (void)unused;
    for (int rows = 1; rows <= 100; rows++)
        for (int cols = 1; cols <= 200; cols += 7)
            for (int pane = 0; pane < 2; pane++) {
                const struct layout l = layout_make(rows, cols);
                const struct vms_layout v = vms_layout_make(rows, cols, pane != 0);
                if (l.too_small)
                    continue;
                assert_int_equal(v.titles.y, l.titles.y + v.host.rows);
                assert_int_equal(v.table.y, v.titles.y + 1);
                assert_true(v.table.rows >= 1 && v.table.rows >= v.pane.rows);
                assert_int_equal(v.host.rows + v.table.rows + v.pane.rows, l.body.rows);
                assert_int_equal(v.pane.rows > 0,
                                 pane && rows >= VMS_PANE_FROM_ROWS && cols >= VMS_PANE_FROM_COLS);
                assert_int_equal(v.host.rows > 0, rows >= VMS_HOST_FROM_ROWS);
            }
}

/* The text of a row, up to @size - 1 columns of ASCII; what is none is '?'. */
static void row_text(const struct screen *s, int y, int x, char *out, int size)
{
    for (int i = 0; i + 1 < size; i++) {
        const uint32_t code = x + i < s->cols ? screen_cell(s, y, x + i)->code : ' ';
        out[i] = code < 0x7f ? (char)code : '?';
        out[i + 1] = '\0';
    }
}

/* Colours alone tell nobody: the signs differ as well. */
static void signs_of_the_strip_say_what_its_colours_say(void **unused)
{
    static const double waits[] = {0, 0.049, 0.05, 0.099, 0.10, 0.25, 0.994, 1};
    struct snapshot_builder *b = snapshot_builder_new();
    struct vcpu_cell cells[8];
    struct screen s;
    size_t per;
    char text[9];

    (void)unused;
    load_builder_host(b, LOAD_CONTENDED);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    for (size_t i = 0; i < 8; i++)
        vm->vcpus[i].wait_ratio = load_builder_figure(waits[i]);
    vm->vcpus[0].cpu_ratio = load_builder_figure(0.004);
    vm->vcpus[1].cpu_ratio = load_builder_missing(READING_WARMUP, CAUSE_NONE);
    vm->vcpus[2].cpu_ratio = load_builder_figure(1);
    assert_int_equal(vcpu_strip_make(vm, 8, cells, &per), 8);
    assert_int_equal(per, 1);
    assert_int_equal(screen_init(&s, 3, 8, false), 0);
    vcpu_strip_draw(cells, 8, screen_rect(&s), 0, 0, &s);
    row_text(&s, 0, 0, text, sizeof(text));
    assert_string_equal(text, ".?#54321");
    row_text(&s, 1, 0, text, sizeof(text));
    assert_string_equal(text, "..++129#");
    row_text(&s, 2, 0, text, sizeof(text));
    assert_string_equal(text, "GGRGGHB-");
    screen_done(&s);
    snapshot_builder_free(b);
}

/* More vCPUs than cells: a cell says the worst of its vCPUs, and none is left out. */
static void a_cell_stands_for_the_worst_of_many_vcpus(void **unused)
{
    struct snapshot_builder *b = snapshot_builder_new();
    struct vcpu_cell cells[16];
    size_t per;

    (void)unused;
    snapshot_builder_many_vms(b, 1, 70);
    struct snapshot_vm *vm = snapshot_builder_get(b, 0);
    vm->vcpus[69].wait_ratio = load_builder_figure(0.4);
    vm->vcpus[69].load.state = VCPU_STATE_READY;
    vm->vcpus[65].cpu_ratio = load_builder_figure(0.9);
    size_t count = vcpu_strip_make(vm, 16, cells, &per);
    assert_int_equal(per, 5);
    assert_int_equal(count, 14);
    assert_int_equal(cells[13].state, VCPU_STATE_READY);
    assert_true(cells[13].ready.value == 0.4 && cells[13].run.value == 0.9);
    snapshot_builder_free(b);
}

static void the_pane_follows_the_selection_and_v_hides_it(void **unused)
{
    const struct page_case c = {"pane", LOAD_CONTENDED, KEYS('N'), one_size, false, NULL};
    struct stage *st = stage_new(&c, 35, 120);
    const struct vms_layout v = vms_layout_make(35, 120, true);
    char text[12];

    (void)unused;
    row_text(&st->screen, v.pane.y, 0, text, sizeof(text));
    assert_string_equal(text, "vm16  pause");
    ui_update(&st->state, &st->model, (struct ui_key){.code = 'j'});
    stage_draw(st, 35, 120);
    row_text(&st->screen, v.pane.y, 0, text, sizeof(text));
    assert_string_equal(text, "db-primary ");
    /* A click there selects nothing. */
    ui_update(&st->state, &st->model,
              (struct ui_key){.code = KEYCODE_MOUSE_CLICK, .y = v.pane.y + 2, .x = 3});
    assert_int_equal(st->state.screen, SCREEN_VMS);
    assert_string_equal(st->state.vms.selected_name, "db-primary");
    ui_update(&st->state, &st->model, (struct ui_key){.code = 'v'});
    assert_false(st->state.vms.has_pane);
    assert_int_equal(vms_page(&st->state), vms_layout_make(35, 120, false).table.rows);
    ui_resize(&st->state, 24, 80);
    ui_update(&st->state, &st->model, (struct ui_key){.code = 'v'});
    assert_non_null(strstr(st->state.message, "30 rows"));
    stage_free(st);
}

/* Only what the columns that find room need, and what lies beside them. */
static void wishes_are_for_what_is_shown(void **unused)
{
    const struct page_case c = {"wishes", LOAD_BUSY, NULL, one_size, false, NULL};
    struct stage *st = stage_new(&c, 24, 80);
    struct ui_state *state = &st->state;
    const struct {
        uint32_t key;
        uint32_t all;
    } steps[] = {
        {'1', LOAD_HOST},
        {'2', LOAD_HOST | LOAD_STATE | LOAD_VCPUS | LOAD_THROTTLE},
        {'3', LOAD_HOST},
        {'4', LOAD_HOST | LOAD_STATE | LOAD_MEMORY | LOAD_PLACEMENT},
        {'5', LOAD_HOST | LOAD_IO},                 /* 80 columns have no room for its threads */
        {'6', LOAD_HOST | LOAD_STATE},              /* nor here */
        {'t', LOAD_HOST | LOAD_STATE | LOAD_VCPUS}, /* states of vCPUs, too */
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        ui_update(state, &st->model, (struct ui_key){.code = steps[i].key});
        const struct load_wish_set wish = load_wish_of(state);
        if (wish.all != steps[i].all)
            fail_msg("after %c: %#x, not %#x", (char)steps[i].key, wish.all, steps[i].all);
        assert_int_equal(wish.one, 0);
    }
    /* A column that is sorted by is read, though it is not shown. */
    ui_update(state, &st->model, (struct ui_key){.code = 't'});
    ui_update(state, &st->model, (struct ui_key){.code = '1'});
    vms_sort_by(&state->vms, COLUMN_MLMTD);
    assert_int_equal(load_wish_of(state).all, LOAD_HOST | LOAD_THROTTLE);
    /* The pane is of one VM. */
    ui_resize(state, 30, 80);
    assert_int_equal(load_wish_of(state).all, LOAD_HOST | LOAD_THROTTLE);
    assert_int_equal(load_wish_of(state).one, LOAD_STATE | LOAD_VCPUS | LOAD_ROLES | LOAD_THROTTLE |
                                                  LOAD_PRESSURE | LOAD_MEMORY | LOAD_PLACEMENT |
                                                  LOAD_IO);
    assert_int_equal(load_wish_of(state).pid, state->vms.selected.pid);
    ui_resize(state, 13, 80);
    assert_int_equal(load_wish_of(state).all, LOAD_THROTTLE);
    stage_free(st);
}

/* The first row that has this text from column @x on; -1: none. */
static int row_of(const struct screen *s, int x, const char *wanted)
{
    char text[160];

    for (int y = 0; y < s->rows; y++) {
        row_text(s, y, x, text, sizeof(text));
        if (strstr(text, wanted) != NULL)
            return y;
    }
    return -1;
}

static void many_injections(struct snapshot_builder *b)
{
    const struct snapshot *s = snapshot_builder_finish(b);
    const int irq = field_table_find(s->fields, "irq_injections");

    assert_true(irq >= 0);
    snapshot_builder_get(b, 1)->values[irq].rate.value = 1e6;
}

/* An interrupt that is injected is no exit, as insn_emulation is none, however often it happens. */
static void what_is_no_exit_does_not_lead_in_the_pane(void **unused)
{
    const struct page_case c = {"lead", LOAD_BUSY, NULL, one_size, false, many_injections};
    struct stage *st = stage_new(&c, 35, 120);

    (void)unused;
    const int exits = row_of(&st->screen, 70, "EXITS counted by KVM"),
              kind = row_of(&st->screen, 70, "mmio_exits"),
              no_exits = row_of(&st->screen, 70, "No exits, but counted"),
              injected = row_of(&st->screen, 70, "irq_injections            1.0M/s");
    assert_true(exits > 0 && exits < kind && kind < no_exits && no_exits < injected);
    /* The bar of the most usual exit is the share that it has of all of them. */
    char row[60];
    row_text(&st->screen, row_of(&st->screen, 70, "halt_exits"), 107, row, 3);
    assert_string_equal(row, "? ");
    stage_free(st);
}

/* A cause is said once, and what the header says not at all. */
static void the_pane_says_a_cause_once(void **unused)
{
    const struct page_case c = {"causes", LOAD_BUSY, NULL, one_size, false, denied};
    struct stage *st = stage_new(&c, 35, 120);
    const struct vms_layout v = vms_layout_make(35, 120, true);
    int said = 0;
    char text[160];

    (void)unused;
    for (int y = v.pane.y; y < v.pane.y + v.pane.rows; y++) {
        row_text(&st->screen, y, 0, text, 121);
        said += strstr(text, "no permission") != NULL;
    }
    assert_int_equal(said, 1);
    stage_free(st);
}

static void held_back_without_pressure(struct snapshot *s, enum reading_cause cause)
{
    for (size_t i = 0; i < s->vm_count; i++) {
        s->vms[i].load.throttled = (struct figure){.value = 0.5, .state = READING_OK};
        for (int k = 0; k < PRESSURE_COUNT; k++)
            s->vms[i].load.pressure[k] = load_builder_missing(READING_ABSENT, cause);
    }
}

/* Where its cause has no room. */
static void what_is_missing_is_in_the_pane_all_the_same(void **unused)
{
    (void)unused;
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        const struct page_case c = {"room", LOAD_BUSY, NULL, one_size, false, NULL};
        struct stage *st = stage_new(&c, 35, 120);
        char text[160];
        held_back_without_pressure((struct snapshot *)st->model.now, (enum reading_cause)cause);
        stage_draw(st, 35, 120);
        row_text(&st->screen, row_of(&st->screen, 0, "LIMIT "), 0, text, 72);
        assert_non_null(strstr(text, "held back !!50.0%"));
        assert_non_null(
            strstr(text, cause == CAUSE_CGROUP_V1 ? "PSI ?: its cgroup is of version 1 " : "PSI "));
        stage_free(st);
    }
}

/* Counting exits costs the guest: for the pane they are counted where somebody asked for that. */
static void exits_are_counted_for_the_pane_where_that_was_asked_for(void **unused)
{
    const struct page_case c = {"exits", LOAD_BUSY, NULL, one_size, false, NULL};
    struct stage *st = stage_new(&c, 35, 120);
    pid_t pid = -1;

    (void)unused;
    assert_false(ui_exits_wish(&st->state, &pid));
    st->state.exits = true;
    assert_true(ui_exits_wish(&st->state, &pid));
    assert_int_equal(pid, st->state.vms.selected.pid);
    st->state.frozen = true;
    assert_false(ui_exits_wish(&st->state, &pid));
    st->state.frozen = false;
    st->state.vms.has_pane = false;
    assert_false(ui_exits_wish(&st->state, &pid));
    st->state.vms.has_pane = true;
    ui_resize(&st->state, 29, 120);
    assert_false(ui_exits_wish(&st->state, &pid));
    stage_free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_page_looks_as_recorded),
        cmocka_unit_test(without_unicode_nothing_but_ascii_is_drawn),
        cmocka_unit_test(it_is_drawn_whole_at_every_size),
        cmocka_unit_test(the_parts_of_the_page_cover_it_and_do_not_overlap),
        cmocka_unit_test(signs_of_the_strip_say_what_its_colours_say),
        cmocka_unit_test(a_cell_stands_for_the_worst_of_many_vcpus),
        cmocka_unit_test(the_pane_follows_the_selection_and_v_hides_it),
        cmocka_unit_test(wishes_are_for_what_is_shown),
        cmocka_unit_test(what_is_no_exit_does_not_lead_in_the_pane),
        cmocka_unit_test(the_pane_says_a_cause_once),
        cmocka_unit_test(what_is_missing_is_in_the_pane_all_the_same),
        cmocka_unit_test(exits_are_counted_for_the_pane_where_that_was_asked_for),
    };

    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        puts("1..0 # SKIP no C.UTF-8 locale");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
