// SPDX-License-Identifier: MIT
// Golden screens: characters and styles of every screen at three sizes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/golden.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/state.h"
#include "ui/view.h"

/* What a case does to the host before it is drawn, and the keys pressed then. */
struct screen_case {
    const char *name;
    void (*build)(struct snapshot_builder *b);
    const uint32_t *keys; /* 0 ends */
    bool ascii;
    bool base; /* totals count from this very snapshot: all zero */
};

static void build_no_vm(struct snapshot_builder *b)
{
    snapshot_builder_fields_x86(b);
    snapshot_builder_snapshot(b)->host.kvm_module = false;
    snapshot_builder_snapshot(b)->host.debugfs_mounted = false;
    snapshot_builder_snapshot(b)->host.lockdown = LOCKDOWN_INTEGRITY;
}

static void build_one_vm(struct snapshot_builder *b)
{
    snapshot_builder_many_vms(b, 1, 2);
}

static void build_many(struct snapshot_builder *b)
{
    snapshot_builder_many_vms(b, 1000, 4);
}

static void build_warmup(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    s->interval_s = 0;
    for (size_t i = 0; i < s->vm_count; i++) {
        struct snapshot_vm *vm = &s->vms[i];
        vm->cpu_ratio = vm->wait_ratio = (struct rate){.state = READING_WARMUP};
        for (int f = 0; f < 7; f++)
            if (vm->values[f].reading.state == READING_OK)
                snapshot_builder_warmup(b, i, -1, f, 1000);
    }
}

static void build_all_denied(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    s->host.lockdown = LOCKDOWN_INTEGRITY;
    for (size_t i = 0; i < s->vm_count; i++) {
        struct snapshot_vm *vm = &s->vms[i];
        const struct rate denied = {.state = READING_DENIED, .cause = CAUSE_NO_PERMISSION};
        const struct reading none = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
        vm->cpu_ratio = vm->wait_ratio = denied;
        vm->ram_bytes = vm->mapped_bytes = vm->gauges[VM_RSS_BYTES] = none;
        vm->vm_source = vm->vcpu_source = SOURCE_NONE;
        vm->vm_cause = vm->vcpu_cause = CAUSE_NO_PERMISSION;
        for (int f = 0; f < (int)s->field_count; f++)
            snapshot_builder_missing(b, i, -1, f, READING_DENIED, CAUSE_NO_PERMISSION);
    }
}

static void build_tsc_differs(struct snapshot_builder *b)
{
    snapshot_builder_three_vms(b);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    vm->vcpus[2].gauges[VCPU_TSC_OFFSET] = reading_ok((uint64_t)-9553258951, SOURCE_DEBUGFS);
    vm->vcpus[3].gauges[VCPU_GUEST_MODE] = reading_ok(1, SOURCE_DEBUGFS);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        vm->vcpus[i].gauges[VCPU_TSC_SCALING_RATIO] = reading_ok(3ull << 47, SOURCE_DEBUGFS);
        vm->vcpus[i].gauges[VCPU_TSC_SCALING_FRAC_BITS] = reading_ok(48, SOURCE_DEBUGFS);
        vm->vcpus[i].gauges[VCPU_LAPIC_TIMER_ADVANCE_NS] = reading_ok(1000, SOURCE_DEBUGFS);
    }
}

/* Names as core hands them on: cleaned, but wide, long, combined or odd. */
static void build_hostile(struct snapshot_builder *b)
{
    static const char *const names[] = {
        "数据库主节点-上海-零一",
        "e\xcc\x81toile-filante-du-nord-tre\xcc\x80s-loin",
        "?[31mred?[0m",
        "-rf / ; $(reboot)",
        "",
        "ｆｕｌｌｗｉｄｔｈ",
    };

    snapshot_builder_fields_x86(b);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        snapshot_builder_vm(b, 4194304 - 10 + (int)i, 1023, names[i], "cloud-hypervisor", 1);
}

#define KEYS(...) ((const uint32_t[]){__VA_ARGS__, 0})

static const struct screen_case cases[] = {
    {"no-vm", build_no_vm, NULL, false, false},
    {"one-vm", build_one_vm, NULL, false, false},
    {"three-vms", snapshot_builder_three_vms, KEYS('N'), false, false},
    {"three-vms-tree", snapshot_builder_three_vms, KEYS('N', 't', 'j'), false, false},
    {"three-vms-expanded", snapshot_builder_three_vms, KEYS('N', '+', 'j'), false, false},
    {"three-vms-scrolled", snapshot_builder_three_vms,
     KEYS('M', KEYCODE_RIGHT, KEYCODE_RIGHT, KEYCODE_RIGHT), false, false},
    {"three-vms-ascii", snapshot_builder_three_vms, KEYS('N', 't', 'j'), true, false},
    {"many-end", build_many, KEYS('E', KEYCODE_END), false, false},
    {"warmup", build_warmup, NULL, false, false},
    {"all-denied", build_all_denied, NULL, false, false},
    {"hostile-names", build_hostile, NULL, false, false},
    {"help", build_one_vm, KEYS('h'), false, false},
    {"help-end", build_one_vm, KEYS('?', 'G'), false, false},
    {"delay-prompt", build_one_vm, KEYS('d', '2', '.', '5'), false, false},
    {"delay-refused", build_one_vm, KEYS('s', 'x', KEYCODE_ENTER), false, false},
    {"counters", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER), false, false},
    {"counters-all", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, 'z', 'j', 'j'), false, false},
    {"counters-by-name", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, 'o', 'o', 'G'), false, false},
    {"counters-filter", snapshot_builder_three_vms,
     KEYS(KEYCODE_ENTER, 'f', 'e', 'x', 'i', 't', 's', KEYCODE_ENTER), false, false},
    {"counters-filter-typing", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, 'f', '(', 'x'), false, false},
    {"counters-bad-filter", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, 'f', '(', KEYCODE_ENTER), false, false},
    {"counters-reset", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER), false, true},
    {"counters-denied", build_all_denied, KEYS('N', KEYCODE_ENTER, 'z', 'o', 'o'), false, false},
    {"counters-warmup", build_warmup, KEYS('N', KEYCODE_ENTER), false, false},
    {"vcpus", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, '2', 'j'), false, false},
    {"vcpus-differ", build_tsc_differs, KEYS(KEYCODE_ENTER, '2'), false, false},
    {"vcpus-denied", snapshot_builder_three_vms, KEYS('N', 'G', KEYCODE_ENTER, '2'), false, false},
    {"histograms", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, '4'), false, false},
    {"histograms-vcpu", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER, '4', KEYCODE_RIGHT, KEYCODE_RIGHT), false, false},
    {"histograms-missing", snapshot_builder_three_vms, KEYS('N', 'G', KEYCODE_ENTER, '4'), false, false},
    {"ended", snapshot_builder_three_vms, KEYS(KEYCODE_ENTER), false, false},
    {"host", snapshot_builder_three_vms, KEYS('b'), false, false},
    {"host-many", build_many, KEYS('b', 'j'), false, false},
    {"host-by-guest", build_many, KEYS('b', 'b'), false, false},
    {"host-guests-of-counter", snapshot_builder_three_vms, KEYS('b', KEYCODE_ENTER), false, false},
    {"host-one-guest", snapshot_builder_three_vms,
     KEYS('b', 'p', 'v', 'm', '1', '6', KEYCODE_ENTER), false, false},
    {"host-no-vm", build_no_vm, KEYS('b'), false, false},
    {"columns", build_one_vm, KEYS('S', 'j', ' ', KEYCODE_F(8), '+', '+'), false, false},
    {"sort-menu", build_one_vm, KEYS('.', 'j'), false, false},
    {"columns-applied", snapshot_builder_three_vms,
     KEYS('S', ' ', 'j', '+', '+', '+', KEYCODE_F(7), KEYCODE_ESCAPE), false, false},
    {"search", build_many, KEYS('/', '0', '9', '9'), false, false},
    {"search-failed", build_many, KEYS('/', 'x', 'y', KEYCODE_ENTER), false, false},
    {"filter", build_many, KEYS('E', '\\', '0', '.', '7', '$', KEYCODE_ENTER), false, false},
    {"filter-nothing", build_many, KEYS('f', 'z', KEYCODE_ENTER), false, false},
    {"tagged", snapshot_builder_three_vms, KEYS('N', ' ', ' '), false, false},
    {"only-tagged", snapshot_builder_three_vms, KEYS('N', ' ', ' ', 'T'), false, false},
    {"export-prompt", build_one_vm, KEYS('W'), false, false},
    {"frozen", build_one_vm, KEYS('Z'), false, false},
};

static const struct {
    int rows, cols;
} sizes[] = {{24, 80}, {15, 60}, {50, 200}};

static void draw_case(const struct screen_case *c, int rows, int cols, struct screen *out)
{
    struct snapshot_builder *b = snapshot_builder_new();
    struct trends trends;
    struct ui_state state;

    c->build(b);
    const struct snapshot *s = snapshot_builder_finish(b);
    assert_int_equal(trends_init(&trends), 0);
    if (s->vm_count > 0)
        trends_open(&trends, &s->vms[s->vm_count > 1].id);
    for (int i = 0; i < 6; i++)
        trends_update(&trends, s);
    struct snapshot_builder *later = snapshot_builder_new();
    const struct snapshot *without = snapshot_builder_finish(later);
    struct ui_model model = {.now = s, .base = c->base ? s : NULL, .detail = s, .trends = &trends};
    ui_state_init(&state, rows, cols, 1.0);
    state.since_creation = !c->base;
    assert_int_equal(ui_follow(&state, &model), 0);
    for (const uint32_t *k = c->keys; k && *k; k++)
        ui_update(&state, &model, (struct ui_key){.code = *k});

    if (strcmp(c->name, "ended") == 0) { /* the VM goes while its drill-down is open */
        model.now = without;
        assert_int_equal(ui_follow(&state, &model), 0);
    }
    assert_int_equal(screen_init(out, rows, cols, !c->ascii), 0);
    view_draw(&model, &state, out);
    ui_state_done(&state);
    trends_done(&trends);
    snapshot_builder_free(later);
    snapshot_builder_free(b);
}

static void every_screen_looks_as_recorded(void **unused)
{
    int failed = 0;

    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct screen screen;
            char name[128];

            draw_case(&cases[c], sizes[i].rows, sizes[i].cols, &screen);
            char *dump = screen_dump(&screen);
            snprintf(name, sizeof(name), "%s-%dx%d.screen", cases[c].name, sizes[i].cols,
                     sizes[i].rows);
            failed += !golden_check(name, dump);
            free(dump);
            screen_done(&screen);
        }
    assert_int_equal(failed, 0);
}

static void every_size_from_1x1_is_drawn_without_a_stray_cell(void **unused)
{
    /* Out of bounds is what the sanitizers see; here every wide character must be whole. */
    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        if (cases[c].build == build_many)
            continue; /* as many rows as the screen has are drawn anyway */
        for (int rows = 1; rows <= 100; rows += rows < 30 ? 1 : 23)
            for (int cols = 1; cols <= 300; cols += cols < 150 ? (rows % 4 ? 13 : 1) : 47) {
                struct screen screen;

                draw_case(&cases[c], rows, cols, &screen);
                for (int y = 0; y < rows; y++)
                    for (int x = 0; x < cols; x++) {
                        const struct cell *cell = screen_cell(&screen, y, x);
                        if (cell->width == 2)
                            assert_true(x + 1 < cols && cell[1].width == 0);
                        else if (cell->width == 0)
                            assert_true(x > 0 && cell[-1].width == 2);
                    }
                screen_done(&screen);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_looks_as_recorded),
        cmocka_unit_test(every_size_from_1x1_is_drawn_without_a_stray_cell),
    };

    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        puts("1..0 # SKIP no C.UTF-8 locale");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
