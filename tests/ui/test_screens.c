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
    {"no-vm", build_no_vm, NULL, false},
    {"one-vm", build_one_vm, NULL, false},
    {"three-vms", snapshot_builder_three_vms, KEYS('N'), false},
    {"three-vms-tree", snapshot_builder_three_vms, KEYS('N', 't', 'j'), false},
    {"three-vms-expanded", snapshot_builder_three_vms, KEYS('N', '+', 'j'), false},
    {"three-vms-scrolled", snapshot_builder_three_vms,
     KEYS('M', KEYCODE_RIGHT, KEYCODE_RIGHT, KEYCODE_RIGHT), false},
    {"three-vms-ascii", snapshot_builder_three_vms, KEYS('N', 't', 'j'), true},
    {"many-end", build_many, KEYS('E', KEYCODE_END), false},
    {"warmup", build_warmup, NULL, false},
    {"all-denied", build_all_denied, NULL, false},
    {"hostile-names", build_hostile, NULL, false},
    {"help", build_one_vm, KEYS('h'), false},
    {"help-end", build_one_vm, KEYS('?', 'G'), false},
    {"delay-prompt", build_one_vm, KEYS('d', '2', '.', '5'), false},
    {"delay-refused", build_one_vm, KEYS('s', 'x', KEYCODE_ENTER), false},
    {"frozen", build_one_vm, KEYS('Z'), false},
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
    for (int i = 0; i < 6; i++)
        trends_update(&trends, s);
    ui_state_init(&state, rows, cols, 1.0);
    assert_int_equal(ui_follow(&state, s), 0);
    for (const uint32_t *k = c->keys; k && *k; k++)
        ui_update(&state, s, (struct ui_key){.code = *k});

    assert_int_equal(screen_init(out, rows, cols, !c->ascii), 0);
    view_draw(&(struct ui_model){.now = s, .trends = &trends}, &state, out);
    ui_state_done(&state);
    trends_done(&trends);
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
