// SPDX-License-Identifier: MIT
// The status line that has no room for all it says, the help that has, and what is said once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/lib/ui_bed.h"
#include "ui/screens/screens.h"

#define ROWS 24
#define COLS 80

static int setup(void **state)
{
    struct ui_bed *f = ui_bed_new();

    snapshot_builder_three_vms(f->b);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    ui_bed_free(*state);
    return 0;
}

/* A row of the screen, without the blanks at its end. */
static const char *row_text(struct ui_bed *f, int y)
{
    static char text[4 * 200];
    size_t len = 0;

    for (int x = 0; x < f->screen.cols; x++)
        len += text_encode(screen_cell(&f->screen, y, x)->code, text + len);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part))
        n++;
    return n;
}

static void set_cause(struct ui_bed *f, enum reading_cause cause)
{
    for (size_t i = 0; i < f->s->vm_count; i++)
        f->s->vms[i].vm_cause = f->s->vms[i].vcpu_cause = (uint8_t)cause;
}

static void a_long_status_line_ends_at_a_word_and_the_help_has_the_rest(void **state)
{
    static const char fix[] = "Run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH.";
    struct ui_bed *f = *state;

    set_cause(f, CAUSE_NO_PERMISSION);
    ui_bed_start(f, ROWS, COLS);
    ui_bed_press(f, 0);
    const char *line = row_text(f, ROWS - 2);
    const char *more = strstr(line, "\u2026 ?: more");
    assert_non_null(more);
    assert_true(text_width(line) <= COLS);
    /* It is cut where a word ends. */
    char shown[200], whole[400];
    snprintf(shown, sizeof(shown), "%.*s", (int)(more - line), line);
    ui_bed_press(f, '?');
    assert_non_null(strstr(f->dump, "\nWhat the status line says"));
    whole[0] = '\0';
    for (int y = 4; row_text(f, y)[0] != '\0'; y++) {
        strcat(whole, whole[0] != '\0' ? " " : "");
        strcat(whole, row_text(f, y) + strspn(row_text(f, y), " "));
    }
    assert_memory_equal(whole, shown, strlen(shown));
    assert_int_equal(whole[strlen(shown)], ' ');
    assert_non_null(strstr(whole, "no permission"));
    assert_true(strlen(whole) > strlen(fix));
    assert_int_equal(whole[strlen(whole) - 1], '.');
}

static void a_message_stays_while_the_help_shows_all_of_it(void **state)
{
    struct ui_bed *f = *state;

    ui_bed_start(f, ROWS, COLS);
    ui_say(&f->state, "Written to a file whose name is long enough to leave no room for what came "
                      "of it, which is all that matters here");
    assert_non_null(strstr(ui_bed_press(f, 0), "?: more"));
    assert_non_null(strstr(ui_bed_press(f, KEYCODE_F(1)), "which is all that"));
    assert_null(strstr(ui_bed_press(f, KEYCODE_ESCAPE), "Written to"));
}

/* The kernel keeps numbers away: that is so for all VMs, and stands at the top. */
static void lockdown_is_said_once(void **state)
{
    struct ui_bed *f = *state;

    set_cause(f, CAUSE_LOCKDOWN_INTEGRITY);
    f->s->host.lockdown = LOCKDOWN_INTEGRITY;
    f->s->vms[0].vm_source = SOURCE_DEBUGFS;
    for (size_t i = 0; i < f->s->vm_count; i++)
        snapshot_builder_missing(f->b, i, -1, 0, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    f->s->bpf.obstacle = BPF_POSSIBLE;
    ui_bed_start(f, ROWS, 140);
    assert_int_equal(count(ui_bed_press(f, 0), "lockdown"), 1);
    assert_non_null(strstr(f->dump, "lockdown integrity, A: BPF reads it"));
    assert_non_null(strstr(row_text(f, 2), "SRC"));
    for (int y = 3; y < 6; y++)
        assert_null(strstr(row_text(f, y), "dbg!"));
    ui_bed_press(f, KEYCODE_ENTER);
    assert_int_equal(count(ui_bed_press(f, '2'), "lockdown"), 1);
    /* What it takes away, and what helps, is for who asks. */
    const bool is_first = strstr(ui_bed_press(f, '?'), "debugfs away:") != NULL;
    assert_true(is_first || strstr(ui_bed_press(f, KEYCODE_PAGE_DOWN), "debugfs away:") != NULL);
}

static void what_has_another_cause_is_said_where_it_is(void **state)
{
    struct ui_bed *f = *state;

    set_cause(f, CAUSE_NO_PERMISSION);
    f->s->host.lockdown = LOCKDOWN_INTEGRITY;
    for (size_t i = 0; i < f->s->vm_count; i++)
        f->s->vms[i].vm_cause = CAUSE_LOCKDOWN_INTEGRITY; /* and the other one stays */
    ui_bed_start(f, ROWS, COLS);
    ui_bed_press(f, 0);
    assert_non_null(strstr(f->dump, "some vCPU counters are missing: no permission"));
    assert_non_null(strstr(f->dump, "lockdown integrity"));
}

/* Nobody could read what the kernel says of it: only the numbers that are refused tell. */
static void lockdown_that_nobody_is_sure_of_is_said_of_the_vm(void **state)
{
    struct ui_bed *f = *state;

    set_cause(f, CAUSE_LOCKDOWN);
    ui_bed_start(f, ROWS, 140);
    assert_non_null(strstr(ui_bed_press(f, 0), "some VM counters are missing: lockdown"));
    assert_non_null(strchr(row_text(f, 4), '!'));
}

static void where_room_is_scarce_lockdown_is_said_in_fewer_words(void **state)
{
    struct ui_bed *f = *state;

    f->s->host.lockdown = LOCKDOWN_INTEGRITY;
    snapshot_builder_missing(f->b, 0, -1, 0, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    f->s->bpf.obstacle = BPF_POSSIBLE;
    ui_bed_start(f, ROWS, 60);
    assert_non_null(strstr(ui_bed_press(f, 0), "  lockdown integrity |"));
}

static void the_help_begins_with_the_screen_it_lies_over(void **state)
{
    struct ui_bed *f = *state;

    ui_bed_start(f, 50, COLS);
    ui_bed_press(f, KEYCODE_ENTER);
    ui_bed_press(f, '2');
    ui_bed_press(f, KEYCODE_F(1));
    assert_non_null(strstr(f->dump, "\nHelp: vCPUs "));
    assert_int_equal(strcmp(row_text(f, 3), "vCPUs"), 0);
    const char *own = strstr(f->dump, "counters of the selected vCPU alone");
    const char *legend = strstr(f->dump, "\nSigns and colours ");
    const char *everywhere = strstr(f->dump, "\nEverywhere ");
    assert_true(own != NULL && own < legend && legend < everywhere);
    assert_non_null(strstr(f->dump, "a clock that differs from that of most other vCPUs"));
    assert_null(strstr(f->dump, "before ZERO%")); /* is on another screen */
    ui_bed_press(f, KEYCODE_PAGE_DOWN);
    assert_non_null(strstr(f->dump, "sort by resident memory")); /* of the VMs screen */
}

/* Side by side where there is room. */
static void the_help_has_columns(void **state)
{
    static const int widths[][2] = {{80, 1}, {120, 2}, {200, 3}};
    struct ui_bed *f = *state;

    for (size_t i = 0; i < 3; i++) {
        ui_bed_start(f, 44, widths[i][0]);
        ui_bed_press(f, '?');
        const int width = widths[i][0] / widths[i][1];
        for (int column = 0; column < widths[i][1]; column++) {
            bool has_keys = false; /* their names stand at the left of each */
            for (int y = 4; y < 38; y++)
                for (int x = column * width; x < column * width + 13; x++)
                    has_keys |= screen_cell(&f->screen, y, x)->style == STYLE_KEY &&
                                screen_cell(&f->screen, y, x)->code != ' ';
            assert_true(has_keys);
        }
        assert_int_equal(strstr(f->dump, "Everywhere") != NULL, widths[i][1] > 1);
        screen_done(&f->screen);
        ui_state_done(&f->state);
        ui_rows_done(&f->rows);
    }
    ui_bed_start(f, ROWS, COLS);
}

/* From the end each key leads up at once, at every size; a page is all that the columns hold. */
static void the_help_goes_up_from_its_end(void **state)
{
    static const int sizes[][2] = {{24, 80}, {15, 60}, {50, 200}};
    struct ui_bed *f = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char end[200];
        size_t first, last, count, again;
        ui_bed_start(f, sizes[i][0], sizes[i][1]);
        ui_bed_press(f, '?');
        snprintf(end, sizeof(end), "%s", strstr(ui_bed_press(f, KEYCODE_END), "Help: "));
        assert_int_equal(
            sscanf(strstr(end, "lines "), "lines %zu-%zu of %zu", &first, &last, &count), 3);
        assert_int_equal(last, count);
        ui_bed_press(f, KEYCODE_UP);
        assert_int_equal(sscanf(strstr(f->dump, "lines "), "lines %zu-", &again), 1);
        assert_int_equal(again, first - 1);
        ui_bed_press(f, KEYCODE_END);
        ui_bed_press(f, KEYCODE_PAGE_UP);
        assert_int_equal(sscanf(strstr(f->dump, "lines "), "lines %zu-%zu", &again, &last), 2);
        assert_true(last == first - 1 || again == 1);
        screen_done(&f->screen);
        ui_state_done(&f->state);
        ui_rows_done(&f->rows);
    }
    ui_bed_start(f, ROWS, COLS);
}

static void of_a_vm_that_ended_nothing_is_offered_that_cannot_be_done(void **state)
{
    struct ui_bed *f = *state;
    struct snapshot_builder *none = snapshot_builder_new();

    ui_bed_start(f, ROWS, COLS);
    ui_bed_press(f, KEYCODE_ENTER);
    assert_non_null(strstr(ui_bed_press(f, '3'), "R Read all"));
    assert_non_null(strstr(f->dump, "L Look"));
    snapshot_builder_fields_x86(none);
    f->model.now = snapshot_builder_finish(none);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_null(strstr(ui_bed_press(f, 0), "Read all"));
    assert_null(strstr(f->dump, "L Look"));
    assert_non_null(strstr(f->dump, " has ended; its last numbers stay. F: wait for its succ"));
    assert_int_equal(ui_update(&f->state, &f->model, (struct ui_key){.code = 'R'}), UI_NOTHING);
    assert_non_null(
        strstr(ui_bed_press(f, 0), "has ended: its last numbers stay, and no new ones come"));
    assert_null(strstr(ui_bed_press(f, '?'), "read all of it"));
    ui_bed_press(f, KEYCODE_ESCAPE);
    ui_bed_press(f, '1');
    assert_int_equal(ui_update(&f->state, &f->model, (struct ui_key){.code = 'r'}), UI_NOTHING);
    ui_bed_press(f, 'F');
    ui_bed_press(f, 'k');
    assert_non_null(strstr(f->dump, "the next VM of its name is waited for"));
    snapshot_builder_free(none);
}

/* Three dots would promise a number with the next sample: there is none. */
static void of_a_vm_that_ended_no_number_is_on_its_way(void **state)
{
    struct ui_bed *f = *state;
    struct snapshot_builder *none = snapshot_builder_new();

    for (size_t i = 0; i < f->s->vm_count; i++) {
        struct snapshot_vm *vm = &f->s->vms[i];
        for (size_t k = 0; k < vm->vcpu_count; k++)
            vm->vcpus[k].load.guest = vm->vcpus[k].load.host =
                (struct figure){.state = READING_ABSENT, .cause = CAUSE_NOT_ASKED_FOR};
        vm->load.roles[VM_ROLE_EMULATOR].threads =
            reading_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);
    }
    ui_bed_start(f, ROWS, 140);
    ui_bed_press(f, KEYCODE_ENTER);
    ui_bed_press(f, '2');
    assert_non_null(strstr(row_text(f, 3), " ..."));
    assert_non_null(strstr(f->dump, "Threads"));
    snapshot_builder_fields_x86(none);
    f->model.now = snapshot_builder_finish(none);
    assert_int_equal(ui_follow(&f->state, &f->model), 0);
    assert_non_null(strstr(ui_bed_press(f, 0), "ENDED"));
    assert_null(strstr(row_text(f, 3), "..."));
    assert_null(strstr(f->dump, "Threads"));
    snapshot_builder_free(none);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_status_line_ends_at_a_word_and_the_help_has_the_rest),
        TEST(a_message_stays_while_the_help_shows_all_of_it),
        TEST(lockdown_is_said_once),
        TEST(what_has_another_cause_is_said_where_it_is),
        TEST(lockdown_that_nobody_is_sure_of_is_said_of_the_vm),
        TEST(where_room_is_scarce_lockdown_is_said_in_fewer_words),
        TEST(the_help_begins_with_the_screen_it_lies_over),
        TEST(the_help_has_columns),
        TEST(the_help_goes_up_from_its_end),
        TEST(of_a_vm_that_ended_nothing_is_offered_that_cannot_be_done),
        TEST(of_a_vm_that_ended_no_number_is_on_its_way),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
