// SPDX-License-Identifier: MIT
// The rows of the table of exits, the reason that is opened, and what is kept for graphs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/exits_builder.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/exits_head.h"
#include "ui/state/exits.h"
#include "ui/state/exits_page.h"
#include "ui/state/trends.h"

#define BUSY 1 /* of the VMs of the host: pid 5201, eight vCPUs */

struct fixture {
    struct snapshot_builder *b;
    const struct snapshot *s;
    struct exits_chosen chosen;
    struct exits_rows rows;
    struct exits_page page;
    struct exits_view view;
    struct trends trends;
};

static void show(struct fixture *f, void (*build)(struct snapshot_builder *b))
{
    snapshot_builder_free(f->b);
    f->b = snapshot_builder_new();
    build(f->b);
    f->s = snapshot_builder_finish(f->b);
    f->view = exits_view_vm(f->s, &f->s->vms[BUSY], 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(trends_init(&f->trends), 0);
    show(f, exits_builder_busy);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    trends_done(&f->trends);
    pattern_clear(&f->chosen.pattern);
    exits_rows_done(&f->rows);
    exits_page_done(&f->page);
    snapshot_builder_free(f->b);
    free(f);
    return 0;
}

/* "A B | C | D": the names of the rows, a bar for each heading. */
static const char *collected(struct fixture *f)
{
    static char text[2000];
    char name[EXITS_NAME_MAX];

    assert_int_equal(exits_collect(&f->view, &f->chosen, &f->rows), 0);
    text[0] = '\0';
    for (size_t i = 0; i < f->rows.count; i++) {
        if (i > 0)
            strcat(text, " ");
        strcat(text, f->rows.lines[i].is_heading
                         ? "|"
                         : exits_name(f->view.exits, &f->rows.lines[i].id, name));
    }
    return text;
}

static const struct exits_line *line_named(struct fixture *f, const char *wanted)
{
    char name[EXITS_NAME_MAX];

    for (size_t i = 0; i < f->rows.count; i++)
        if (!f->rows.lines[i].is_heading &&
            strcmp(exits_name(f->view.exits, &f->rows.lines[i].id, name), wanted) == 0)
            return &f->rows.lines[i];
    fail_msg("there is no %s", wanted);
    return NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void halts_stand_apart_whatever_the_order(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(collected(f),
                        "EPT_MISCONFIG MSR_WRITE IO_INSTRUCTION EXTERNAL_INTERRUPT EPT_VIOLATION "
                        "PREEMPTION_TIMER CPUID INTERRUPT_WINDOW | HLT | KVM_EXIT_IO "
                        "KVM_EXIT_MMIO EINTR");
    f->chosen.order = EXITS_BY_COUNT;
    assert_string_equal(collected(f),
                        "MSR_WRITE EXTERNAL_INTERRUPT EPT_MISCONFIG IO_INSTRUCTION "
                        "PREEMPTION_TIMER EPT_VIOLATION CPUID INTERRUPT_WINDOW | HLT | "
                        "KVM_EXIT_IO KVM_EXIT_MMIO EINTR");
    f->chosen.order = EXITS_BY_NAME;
    f->chosen.inverted = true;
    assert_string_equal(collected(f),
                        "PREEMPTION_TIMER MSR_WRITE IO_INSTRUCTION INTERRUPT_WINDOW "
                        "EXTERNAL_INTERRUPT EPT_VIOLATION EPT_MISCONFIG CPUID | HLT | "
                        "KVM_EXIT_MMIO KVM_EXIT_IO EINTR");
}

static void shares_of_exits_are_of_all_and_those_of_time_of_work(void **state)
{
    struct fixture *f = *state;
    double exits = 0, time = 0, user = 0;

    collected(f);
    for (size_t i = 0; i < f->rows.count; i++) {
        const struct exits_line *l = &f->rows.lines[i];
        if (l->is_heading)
            continue;
        if (l->id.section == EXITS_TO_USER) {
            user += l->share;
            assert_true(isnan(l->time_share));
            continue;
        }
        exits += l->share;
        time += l->id.section == EXITS_WORK ? l->time_share : 0;
    }
    assert_float_equal(exits, 1, 1e-9);
    assert_float_equal(time, 1, 1e-9);
    assert_float_equal(user, 1, 1e-9);
    /* Two of eight have twice as many: 1900 x 10 writes of MSRs in a second. */
    assert_float_equal(line_named(f, "MSR_WRITE")->rate, 19000, 1e-6);
    /* 60 halts of 3.1 ms on each vCPU: of its second, not of the time of work. */
    assert_float_equal(line_named(f, "HLT")->time_share, 0.186, 1e-3);
}

static void one_vcpu_has_its_own_rows(void **state)
{
    struct fixture *f = *state;

    f->view = exits_view_vm(f->s, &f->s->vms[BUSY], 3);
    assert_int_equal(f->view.vcpu->id, 2);
    collected(f);
    assert_float_equal(line_named(f, "MSR_WRITE")->rate, 1900, 1e-6);
    /* The VM before has two vCPUs, whose groups come first. */
    f->view = exits_view_vm(f->s, &f->s->vms[0], 2);
    assert_string_equal(collected(f), "MSR_WRITE | HLT");
    f->view = exits_view_host(f->s);
    collected(f);
    assert_float_equal(line_named(f, "MSR_WRITE")->rate, 19050, 1e-6);
}

static void the_filter_leaves_headings_of_nothing_out(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(pattern_set(&f->chosen.pattern, "^hlt$|violation", NULL, 0), 0);
    assert_string_equal(collected(f), "EPT_VIOLATION | HLT");
    assert_int_equal(f->rows.rows, 2);
    assert_int_equal(f->rows.filtered, 10);
    assert_int_equal(pattern_set(&f->chosen.pattern, "nothing", NULL, 0), 0);
    assert_string_equal(collected(f), "");
    assert_int_equal(f->rows.filtered, 12);
}

/* A reason that happened before, but not in the interval, and a halt that goes on. */
static void build_quiet(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_thread(e, 5201, 5202, 0);
    exits_builder_reason(e, 5202, EXIT_ISA_SVM, 0x72, "cpuid", 0, 0);
    exits_builder_reason(e, 5202, EXIT_ISA_SVM, 0x400, "npf", 10, 1000);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

static void reasons_that_did_not_happen_are_shown_until_z_hides_them(void **state)
{
    struct fixture *f = *state;

    show(f, build_quiet);
    assert_string_equal(collected(f), "npf cpuid");
    assert_int_equal(f->rows.hidden_zero, 0);
    f->chosen.hide_zero = true;
    assert_string_equal(collected(f), "npf");
    assert_int_equal(f->rows.hidden_zero, 1);
}

static void without_kvm_exit_the_kinds_that_are_seen_are_rows(void **state)
{
    struct fixture *f = *state;

    show(f, exits_builder_unseen);
    assert_true(exits_are_unseen(&f->view));
    assert_string_equal(collected(f), "| port writes MMIO writes port reads CPUID | KVM_EXIT_IO "
                                      "KVM_EXIT_MMIO");
    assert_float_equal(line_named(f, "port writes")->rate, 8 * 1755, 1e-6);
    assert_float_equal(line_named(f, "port writes")->share, 1755 / 2017.0, 1e-6);
    assert_null(line_named(f, "port writes")->row);
}

/* An exit of before the counting may end in it. */
static void build_one_event(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_thread(e, 5201, 5202, 0);
    exits_builder_key(e, 5202, EXIT_KEY_USER, EXIT_KEY_USER_ERRNO | 4, NULL, 0);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

static void a_single_event_does_not_make_exits_unseen(void **state)
{
    struct fixture *f = *state;

    show(f, build_one_event);
    assert_false(exits_are_unseen(&f->view));
    assert_string_equal(collected(f), "| EINTR");
}

static void build_failed(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_facts(e)->state = EXITS_FAILED;
    exits_builder_put(e, b);
    exits_builder_free(e);
}

static void build_one_look(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_thread(e, 5201, 5202, 0);
    exits_builder_no_first(e);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

/* Another VM was looked at. */
static void build_other_pid(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_facts(e)->pid = 5164;
    exits_builder_thread(e, 5164, 5165, 0);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

static void there_are_rows_at_the_last_stage_only(void **state)
{
    static const struct {
        void (*build)(struct snapshot_builder *b);
        enum exits_stage stage;
    } seen[] = {
        {snapshot_builder_three_vms, EXITS_STAGE_BEGINS}, {build_failed, EXITS_STAGE_FAILED},
        {build_one_look, EXITS_STAGE_ONE_LOOK},           {build_other_pid, EXITS_STAGE_BEGINS},
        {exits_builder_busy, EXITS_STAGE_SHOWN},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        show(f, seen[i].build);
        assert_int_equal(exits_stage_of(&f->view), seen[i].stage);
        assert_int_equal(strlen(collected(f)) > 0, seen[i].stage == EXITS_STAGE_SHOWN);
    }
    f->view = exits_view_vm(f->s, &f->s->vms[2], 0);
    assert_int_equal(exits_stage_of(&f->view), EXITS_STAGE_NO_THREAD);
    show(f, build_other_pid);
    f->view = exits_view_host(f->s); /* only one of them was counted */
    assert_int_equal(exits_stage_of(&f->view), EXITS_STAGE_BEGINS);
    f->view = exits_view_vm(f->s, &f->s->vms[0], 0);
    assert_int_equal(exits_stage_of(&f->view), EXITS_STAGE_SHOWN);
}

/* Who was not counted because the table is full is not said to rest. */
static void a_vm_that_found_no_room_is_said_to_be_unknown(void **state)
{
    static const struct ui_state ui, after = {.detail.ended = true};
    struct fixture *f = *state;
    char text[EXITS_TEXT_MAX];

    show(f, exits_builder_busy);
    f->view = exits_view_vm(f->s, &f->s->vms[2], 0);
    assert_non_null(strstr(exits_head_stage(&ui, &f->view, text), "no vCPU left its guest"));
    /* One that has ended is not paused. */
    assert_non_null(strstr(exits_head_stage(&after, &f->view, text), "The VM ended"));
    assert_null(strstr(text, "paused"));
    struct exits full = *f->view.exits;
    full.facts.lost[EXIT_LOST_THREADS] = 2000;
    f->view.exits = &full;
    exits_head_stage(&ui, &f->view, text);
    assert_null(strstr(text, "no vCPU left its guest"));
    assert_non_null(strstr(text, "2,000 events lost: the table of threads is full"));
}

static void build_idle_unseen(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

/* Where kvm_exit fires for nobody, as far as is known, silence proves nothing. */
static void silence_is_no_rest_where_exits_are_not_seen(void **state)
{
    static const struct ui_state ui;
    struct fixture *f = *state;
    char text[EXITS_TEXT_MAX];

    show(f, build_idle_unseen);
    f->view = exits_view_vm(f->s, &f->s->vms[0], 0); /* KVM counts exits of it */
    assert_int_equal(exits_stage_of(&f->view), EXITS_STAGE_NO_THREAD);
    exits_head_stage(&ui, &f->view, text);
    assert_null(strstr(text, "no vCPU left its guest"));
    assert_non_null(strstr(text, "though KVM counts 120 exits/s: kvm_exit does not fire here"));
    f->view = exits_view_vm(f->s, &f->s->vms[2], 0); /* its counters are denied */
    exits_head_stage(&ui, &f->view, text);
    assert_null(strstr(text, "no vCPU left its guest"));
    assert_non_null(strstr(text, "is not known yet"));
    /* A counter that stands still agrees. */
    snapshot_builder_get(f->b, 0)->values[field_table_find(f->s->fields, "exits")].rate.value = 0;
    f->s = snapshot_builder_finish(f->b);
    f->view = exits_view_vm(f->s, &f->s->vms[0], 0);
    assert_non_null(strstr(exits_head_stage(&ui, &f->view, text), "no vCPU left its guest"));
}

static void build_outside(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_thread(e, 5201, 5202, 0);
    exits_builder_reason(e, 5202, EXIT_ISA_SVM, 0x72, "cpuid", 40, 1000);
    exits_builder_thread(e, 5201, 5299, 0);
    exits_builder_reason(e, 5299, EXIT_ISA_SVM, 0x72, "cpuid", 7, 1000);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

static void exits_of_threads_that_are_no_vcpu_are_told(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(exits_outside(&f->view), 0);
    assert_int_equal(exits_seen(&f->view), 8);
    show(f, build_outside);
    assert_int_equal(exits_outside(&f->view), 7);
    assert_int_equal(exits_seen(&f->view), 1); /* the other is not known to be one */
    f->view = exits_view_vm(f->s, &f->s->vms[BUSY], 1);
    assert_int_equal(exits_outside(&f->view), 0);
}

/* --- the cursor ------------------------------------------------------------------------------- */

static void the_cursor_is_never_on_a_heading(void **state)
{
    static const enum ui_command moves[] = {COMMAND_DOWN,      COMMAND_DOWN, COMMAND_UP,
                                            COMMAND_PAGE_DOWN, COMMAND_LAST, COMMAND_PAGE_UP,
                                            COMMAND_UP,        COMMAND_FIRST};
    struct fixture *f = *state;
    uint32_t random = 7;

    for (int unseen = 0; unseen < 2; unseen++) {
        show(f, unseen ? exits_builder_unseen : exits_builder_busy);
        collected(f);
        for (int i = 0; i < 5000; i++) {
            random = random * 1664525u + 1013904223u;
            const size_t page = 1 + (random >> 8) % 9;
            assert_true(exits_move(&f->chosen, &f->rows, moves[(random >> 16) % 8], page));
            exits_follow(&f->chosen, &f->rows, page);
            const struct scroll *s = &f->chosen.scroll;
            assert_true(s->row < f->rows.count && !f->rows.lines[s->row].is_heading);
            assert_true(s->row >= s->top && s->row < s->top + page);
            /* The heading above the first row is seen with it. */
            if (unseen && s->row == 1 && page > 1)
                assert_int_equal(s->top, 0);
        }
    }
}

static void every_row_is_reached_by_down_and_by_up(void **state)
{
    struct fixture *f = *state;
    size_t at = 0;

    collected(f);
    for (size_t i = 1; i < f->rows.rows; i++) {
        exits_move(&f->chosen, &f->rows, COMMAND_DOWN, 5);
        assert_true(f->chosen.scroll.row > at);
        at = f->chosen.scroll.row;
    }
    assert_int_equal(at, f->rows.count - 1);
    for (size_t i = 1; i < f->rows.rows; i++)
        exits_move(&f->chosen, &f->rows, COMMAND_UP, 5);
    assert_int_equal(f->chosen.scroll.row, 0);
}

static void the_selection_stays_on_its_reason(void **state)
{
    struct fixture *f = *state;
    char name[EXITS_NAME_MAX];

    collected(f);
    assert_true(exits_search(&f->chosen, &f->rows, f->view.exits, "cpuid", false));
    for (int order = 0; order < EXITS_ORDER_COUNT; order++) {
        f->chosen.order = (enum exits_order)order;
        collected(f);
        exits_follow(&f->chosen, &f->rows, 5);
        assert_string_equal(
            exits_name(f->view.exits, &f->rows.lines[f->chosen.scroll.row].id, name), "CPUID");
    }
    assert_true(exits_search(&f->chosen, &f->rows, f->view.exits, "io", true));
    assert_false(exits_search(&f->chosen, &f->rows, f->view.exits, "xyzzy", true));
}

/* --- the reason that is open ------------------------------------------------------------------ */

static size_t lines_of(const struct exits_page *page, enum exits_page_kind kind, size_t *ret_first)
{
    size_t n = 0;

    for (size_t i = page->count; i-- > 0;)
        if (page->lines[i].kind == kind) {
            *ret_first = i;
            n++;
        }
    return n;
}

static void build_page(struct fixture *f, uint32_t reason)
{
    const struct exits_id id = {EXITS_WORK, EXIT_ISA_VMX, reason};

    assert_int_equal(exits_page_build(&f->view, &id, 80, &f->page), 0);
}

static void what_is_behind_a_reason_comes_with_the_most_frequent_first(void **state)
{
    struct fixture *f = *state;
    size_t first = 0;

    build_page(f, 30);
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_KEY, &first), 3);
    const uint64_t ports[] = {0x3f8, 0x3fd, 0xcf8}, counts[] = {700, 500, 100};
    for (size_t i = 0; i < 3; i++) {
        const struct exits_page_line *line = &f->page.lines[first + i];
        assert_int_equal(f->view.group->keys[line->index].value, ports[i]);
        assert_int_equal(line->now, counts[i]);
        assert_int_equal(line->all, 6 * counts[i]);
    }
    assert_int_equal(f->page.key_sum, 1300);
}

/* Leaf 1 has no index: what the guest had in ECX tells nothing. */
static void keys_with_one_label_are_one(void **state)
{
    struct fixture *f = *state;
    size_t first = 0;

    build_page(f, 10);
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_KEY, &first), 1);
    assert_int_equal(f->page.lines[first].now, 120);
}

/* How often it is made shows in what was put into the one before. */
static bool is_made_anew(struct fixture *f, uint32_t reason, int cols)
{
    const struct exits_id id = {EXITS_WORK, EXIT_ISA_VMX, reason};

    f->page.time_most = 77;
    assert_int_equal(exits_page_follow(&f->view, &id, cols, &f->page), 0);
    return f->page.time_most != 77;
}

static void a_page_is_made_anew_when_something_changed(void **state)
{
    struct fixture *f = *state;
    struct snapshot later;

    assert_true(is_made_anew(f, 30, 80));
    assert_false(is_made_anew(f, 30, 80));
    assert_true(is_made_anew(f, 30, 100));
    assert_true(is_made_anew(f, 10, 100));
    assert_true(is_made_anew(f, 30, 100));
    f->view = exits_view_vm(f->s, &f->s->vms[BUSY], 1);
    assert_true(is_made_anew(f, 30, 100));
    assert_false(is_made_anew(f, 30, 100));
    later = *f->s; /* and once more, where another one was */
    f->view.s = &later;
    assert_true(is_made_anew(f, 30, 100));
    assert_false(is_made_anew(f, 30, 100));
    later.mono_ns++;
    assert_true(is_made_anew(f, 30, 100));
    f->view.group = NULL;
    assert_true(is_made_anew(f, 30, 100));
    assert_int_equal(f->page.count, 0);
}

static bool page_says(const struct exits_page *page, const char *text)
{
    for (size_t i = 0; i < page->count; i++)
        if (page->lines[i].kind == EXITS_PAGE_TEXT && strstr(page->lines[i].text, text) != NULL)
            return true;
    return false;
}

static void a_page_says_what_is_not_known(void **state)
{
    struct fixture *f = *state;

    build_page(f, 10);
    assert_true(page_says(&f->page, "Of these 60/s are of a nested guest (L2)."));
    build_page(f, 48); /* the kernel tells of MMIO, not of which of the two it was */
    assert_true(page_says(&f->page, "may be behind EPT_MISCONFIG"));
    build_page(f, 30);
    assert_false(page_says(&f->page, "nested"));
    f->s->exits->facts.events &= ~(1u << EXITS_EVENT_PIO);
    build_page(f, 30);
    assert_true(page_says(&f->page, "this kernel has no event for it"));
    build_page(f, 12345);
    assert_true(page_says(&f->page, "no description"));
}

static void a_page_has_the_times_from_the_first_bucket_to_the_last(void **state)
{
    struct fixture *f = *state;
    size_t first = 0;

    build_page(f, 52); /* 660 ns and 5060 ns, 330 and 2530 of two vCPUs */
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_BUCKET, &first), 12 - 8 + 1);
    assert_int_equal(f->page.lines[first].index, 8); /* 256 ns .. */
    assert_int_equal(f->page.time_sum, 6 * 950);
}

static void a_page_says_who_has_most_of_it(void **state)
{
    struct fixture *f = *state;
    size_t first = 0;

    build_page(f, 32);
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_WHO, &first), 8);
    assert_int_equal(f->page.lines[first].index, 0);
    f->view = exits_view_host(f->s);
    build_page(f, 32);
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_WHO, &first), 2);
    assert_int_equal(f->page.lines[first].index, BUSY);
    assert_int_equal(f->page.who_sum, 19050);
    f->view = exits_view_vm(f->s, &f->s->vms[BUSY], 1);
    build_page(f, 32);
    assert_int_equal(lines_of(&f->page, EXITS_PAGE_WHO, &first), 0);
}

/* --- trends ----------------------------------------------------------------------------------- */

static size_t trend_of(struct fixture *f, const struct vm_id *vm, uint32_t reason, int vcpu,
                       float *last)
{
    float values[8];
    const struct trend_exit which = {EXIT_ISA_VMX, false, reason, vcpu};
    size_t n = trends_exit(&f->trends, vm, &which, values, 8);

    *last = n > 0 ? values[n - 1] : NAN;
    return n;
}

static void rates_of_reasons_are_kept_of_the_open_vm_and_of_all(void **state)
{
    struct fixture *f = *state;
    const struct vm_id *busy = &f->s->vms[BUSY].id, *idle = &f->s->vms[0].id;
    float last;

    trends_open(&f->trends, busy);
    for (int i = 0; i < 3; i++)
        trends_update(&f->trends, f->s);
    assert_int_equal(trend_of(f, busy, 32, -1, &last), 3);
    assert_float_equal(last, 19000, 0.1);
    assert_int_equal(trend_of(f, busy, 32, 2, &last), 3);
    assert_float_equal(last, 1900, 0.1);
    assert_int_equal(trend_of(f, NULL, 32, -1, &last), 3);
    assert_float_equal(last, 19050, 0.1);
    assert_int_equal(trend_of(f, idle, 32, -1, &last), 0);
    assert_int_equal(trend_of(f, busy, 31, -1, &last), 0);
    /* Another VM, another graph; another beginning, too. */
    trends_open(&f->trends, idle);
    assert_int_equal(trend_of(f, idle, 32, -1, &last), 0);
    trends_update(&f->trends, f->s);
    assert_int_equal(trend_of(f, idle, 32, -1, &last), 1);
    f->s->exits->facts.began_ns++;
    trends_update(&f->trends, f->s);
    assert_int_equal(trend_of(f, idle, 32, -1, &last), 1);
    assert_int_equal(trend_of(f, NULL, 32, -1, &last), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(halts_stand_apart_whatever_the_order),
        TEST(shares_of_exits_are_of_all_and_those_of_time_of_work),
        TEST(one_vcpu_has_its_own_rows),
        TEST(the_filter_leaves_headings_of_nothing_out),
        TEST(reasons_that_did_not_happen_are_shown_until_z_hides_them),
        TEST(without_kvm_exit_the_kinds_that_are_seen_are_rows),
        TEST(a_single_event_does_not_make_exits_unseen),
        TEST(there_are_rows_at_the_last_stage_only),
        TEST(a_vm_that_found_no_room_is_said_to_be_unknown),
        TEST(silence_is_no_rest_where_exits_are_not_seen),
        TEST(exits_of_threads_that_are_no_vcpu_are_told),
        TEST(the_cursor_is_never_on_a_heading),
        TEST(every_row_is_reached_by_down_and_by_up),
        TEST(the_selection_stays_on_its_reason),
        TEST(what_is_behind_a_reason_comes_with_the_most_frequent_first),
        TEST(keys_with_one_label_are_one),
        TEST(a_page_says_what_is_not_known),
        TEST(a_page_is_made_anew_when_something_changed),
        TEST(a_page_has_the_times_from_the_first_bucket_to_the_last),
        TEST(a_page_says_who_has_most_of_it),
        TEST(rates_of_reasons_are_kept_of_the_open_vm_and_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
