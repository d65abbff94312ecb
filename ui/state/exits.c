// SPDX-License-Identifier: MIT
#include "ui/state/exits.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exit_key_text.h"
#include "core/model/exit_known.h"

bool exits_id_equal(const struct exits_id *a, const struct exits_id *b)
{
    return a->section == b->section && a->isa == b->isa && a->value == b->value;
}

/* --- whose ------------------------------------------------------------------------------------ */

struct exits_view exits_view_vm(const struct snapshot *s, const struct snapshot_vm *vm, int vcpu)
{
    struct exits_view view = {.s = s, .vm = vm};
    size_t first = 0;

    if (s == NULL || vm == NULL)
        return view;
    const size_t index = (size_t)(vm - s->vms);
    if (vcpu > 0 && (size_t)vcpu <= vm->vcpu_count)
        view.vcpu = &vm->vcpus[vcpu - 1];
    view.exits = s->exits;
    if (view.exits == NULL || index >= view.exits->vm_count)
        return view;
    for (size_t i = 0; i < index && view.vcpu != NULL; i++)
        first += s->vms[i].vcpu_count;
    view.group =
        view.vcpu != NULL ? &view.exits->vcpus[first + (size_t)vcpu - 1] : &view.exits->vms[index];
    return view;
}

struct exits_view exits_view_host(const struct snapshot *s)
{
    struct exits_view view = {.s = s};

    if (s == NULL || s->exits == NULL)
        return view;
    view.exits = s->exits;
    view.group = &s->exits->host;
    return view;
}

enum exits_stage exits_stage_of(const struct exits_view *v)
{
    if (v->exits == NULL || v->exits->facts.state == EXITS_UNASKED)
        return EXITS_STAGE_BEGINS;
    if (v->exits->facts.state == EXITS_FAILED)
        return EXITS_STAGE_FAILED;
    /* Others were counted, or only one of them. */
    const pid_t pid = v->exits->facts.pid;
    if (v->group == NULL || (pid != 0 && (v->vm == NULL || v->vm->id.pid != pid)))
        return EXITS_STAGE_BEGINS;
    if (v->exits->interval_s <= 0)
        return EXITS_STAGE_ONE_LOOK;
    return v->group->threads == 0 ? EXITS_STAGE_NO_THREAD : EXITS_STAGE_SHOWN;
}

/* Some events may come of exits that were there before the counting began: so many for a thread. */
#define EVENTS_OF_BEFORE 4

bool exits_are_unseen(const struct exits_view *v)
{
    const struct exit_group *g = v->group;

    return g != NULL && g->exits == 0 && g->events > EVENTS_OF_BEFORE * (uint64_t)g->threads;
}

size_t exits_seen(const struct exits_view *v)
{
    const size_t count = v->vm != NULL ? v->vm->vcpu_count : 0;

    if (v->group == NULL || v->vcpu != NULL || count == 0)
        return count;
    return exit_groups_seen(exits_view_vm(v->s, v->vm, 1).group, count);
}

uint64_t exits_outside(const struct exits_view *v)
{
    uint64_t known = 0;

    if (v->group == NULL || v->vm == NULL || v->vcpu != NULL || v->vm->vcpu_count == 0)
        return 0;
    const struct exit_group *vcpus = exits_view_vm(v->s, v->vm, 1).group;
    for (size_t i = 0; vcpus != NULL && i < v->vm->vcpu_count; i++)
        known += vcpus[i].interval_exits;
    return v->group->interval_exits > known ? v->group->interval_exits - known : 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum exits_event event;
} kinds[EXIT_KEY_COUNT] = {
    [EXIT_KEY_PORT_READ] = {"port reads", EXITS_EVENT_PIO},
    [EXIT_KEY_PORT_WRITE] = {"port writes", EXITS_EVENT_PIO},
    [EXIT_KEY_MMIO_READ] = {"MMIO reads", EXITS_EVENT_MMIO},
    [EXIT_KEY_MMIO_WRITE] = {"MMIO writes", EXITS_EVENT_MMIO},
    [EXIT_KEY_MSR_READ] = {"MSR reads", EXITS_EVENT_MSR},
    [EXIT_KEY_MSR_WRITE] = {"MSR writes", EXITS_EVENT_MSR},
    [EXIT_KEY_CPUID] = {"CPUID", EXITS_EVENT_CPUID},
    [EXIT_KEY_HYPERCALL] = {"hypercalls", EXITS_EVENT_HYPERCALL},
    [EXIT_KEY_USER] = {"to user space", EXITS_EVENT_USER},
    [EXIT_KEY_NESTED] = {"of nested guests", EXITS_EVENT_NESTED},
};

enum exits_event exits_kind_event(enum exit_key_kind kind)
{
    return kinds[kind].event;
}

char *exits_name(const struct exits *exits, const struct exits_id *id, char out[EXITS_NAME_MAX])
{
    const bool is_user = id->section == EXITS_TO_USER;
    const bool is_errno = is_user && id->value & EXIT_KEY_USER_ERRNO;
    const char *name = NULL;

    if (id->section == EXITS_SEEN)
        name = kinds[id->value].name;
    else if (!is_errno)
        name = exits_name_of(exits, (enum exit_isa)id->isa, (uint32_t)id->value);
    if (is_user && name != NULL && name[0] != '\0')
        snprintf(out, EXITS_NAME_MAX, "KVM_EXIT_%s", name);
    else if (is_user)
        exit_key_label(EXIT_KEY_USER, id->value, name, out);
    else if (name != NULL)
        snprintf(out, EXITS_NAME_MAX, "%s", name);
    else
        snprintf(out, EXITS_NAME_MAX, "reason %" PRIu64, id->value);
    return out;
}

const struct exit_known *exits_known(const struct exits_id *id)
{
    if (id->section == EXITS_SEEN)
        return exit_known_kind((enum exit_key_kind)id->value);
    return id->value <= UINT32_MAX ? exit_known((enum exit_isa)id->isa, (uint32_t)id->value) : NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

void exits_rows_done(struct exits_rows *rows)
{
    free(rows->lines);
    *rows = (struct exits_rows){0};
}

static int reserve(struct exits_rows *rows, size_t count)
{
    if (count <= rows->cap)
        return 0;
    struct exits_line *lines = realloc(rows->lines, count * sizeof(*lines));
    if (lines == NULL)
        return -ENOMEM;
    rows->lines = lines;
    rows->cap = count;
    return 0;
}

uint64_t exits_count_of(const struct exit_group *g, const struct exits_id *id,
                        const struct exit_row **ret_row)
{
    uint64_t sum = 0;

    *ret_row = NULL;
    if (id->section == EXITS_WORK || id->section == EXITS_WAITING) {
        for (size_t i = 0; i < g->row_count; i++)
            if (g->rows[i].isa == id->isa && g->rows[i].reason == id->value) {
                *ret_row = &g->rows[i];
                return g->rows[i].interval.count;
            }
        return 0;
    }
    for (size_t i = 0; i < g->key_count; i++) {
        const struct exit_key_row *k = &g->keys[i];
        if (id->section == EXITS_SEEN ? k->kind == id->value
                                      : k->kind == EXIT_KEY_USER && k->value == id->value)
            sum += k->interval_count;
    }
    return sum;
}

/* What a new line needs to know of the whole. */
struct work {
    const struct exits_view *view;
    const struct exits_chosen *state;
    struct exits_rows *rows;
    size_t heading; /* the line before the rows of this section */
    bool has_heading;
};

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void begin_section(struct work *w, enum exits_section section)
{
    struct exits_rows *rows = w->rows;

    w->heading = rows->count;
    w->has_heading = section != EXITS_WORK; /* which is below the titles */
    if (w->has_heading)
        rows->lines[rows->count++] = (struct exits_line){.is_heading = true,
                                                         .id = {.section = (uint8_t)section},
                                                         .share = NAN,
                                                         .time_share = NAN};
}

static void add_line(struct work *w, const struct exits_line *line)
{
    struct exits_rows *rows = w->rows;
    char name[EXITS_NAME_MAX];
    const bool is_zero = line->count == 0 && (line->row == NULL || line->row->spent_ns == 0);

    if (w->has_heading)
        rows->lines[w->heading].count += line->count;
    if (!pattern_match(&w->state->pattern, exits_name(w->view->exits, &line->id, name)))
        rows->filtered++;
    else if (is_zero && w->state->hide_zero)
        rows->hidden_zero++;
    else
        rows->lines[rows->count++] = *line;
}

static void add_row(struct work *w, const struct exit_row *row)
{
    const struct exits *e = w->view->exits;
    const struct exit_group *g = w->view->group;
    const double whole =
        row->is_halt ? e->interval_s * 1e9 * (double)g->threads : (double)g->work_ns;
    const struct exits_line line = {
        .id = {row->is_halt ? EXITS_WAITING : EXITS_WORK, row->isa, row->reason},
        .row = row,
        .count = row->interval.count,
        .rate = (double)row->interval.count / e->interval_s,
        .share = ratio((double)row->interval.count, (double)g->interval_exits),
        .time_share = ratio((double)row->spent_ns, whole),
    };

    add_line(w, &line);
}

static void add_count(struct work *w, struct exits_id id, uint64_t count)
{
    const struct exits_line line = {.id = id,
                                    .count = count,
                                    .rate = (double)count / w->view->exits->interval_s,
                                    .time_share = NAN};

    add_line(w, &line);
}

struct sorting {
    const struct exits *exits;
    const struct exits_chosen *state;
};

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct sorting *s = arg;
    const struct exits_line *a = pa, *b = pb;
    char x[EXITS_NAME_MAX], y[EXITS_NAME_MAX];
    int result = 0;

    if (s->state->order == EXITS_BY_TIME && a->row != NULL && b->row != NULL)
        result = (a->row->spent_ns < b->row->spent_ns) - (a->row->spent_ns > b->row->spent_ns);
    if (result == 0 && s->state->order != EXITS_BY_NAME)
        result = (a->count < b->count) - (a->count > b->count);
    if (result == 0)
        result = strcmp(exits_name(s->exits, &a->id, x), exits_name(s->exits, &b->id, y));
    if (result == 0)
        result = (a->id.value > b->id.value) - (a->id.value < b->id.value);
    return s->state->inverted ? -result : result;
}

/* Shares of those that have no exits to be a share of, the order, and no heading of nothing. */
static void end_section(struct work *w)
{
    struct exits_rows *rows = w->rows;
    struct exits_line *lines = &rows->lines[w->heading + w->has_heading];
    const size_t count = rows->count - w->heading - w->has_heading;
    struct sorting sorting = {w->view->exits, w->state};

    if (count == 0) {
        rows->count = w->heading;
        return;
    }
    if (w->has_heading) {
        struct exits_line *heading = &rows->lines[w->heading];
        heading->rate = (double)heading->count / w->view->exits->interval_s;
        for (size_t i = 0; i < count; i++)
            if (lines[i].row == NULL)
                lines[i].share = ratio((double)lines[i].count, (double)heading->count);
    }
    rows->rows += count;
    qsort_r(lines, count, sizeof(*lines), compare, &sorting);
}

/* Those that were seen since the beginning. Exits to user space have a section of their own, and
 * those of a nested guest a reason. */
static void collect_seen(struct work *w)
{
    const struct exit_group *g = w->view->group;
    uint64_t counts[EXIT_KEY_COUNT] = {0};
    uint32_t seen = 0;

    for (size_t i = 0; i < g->key_count; i++) {
        counts[g->keys[i].kind] += g->keys[i].interval_count;
        seen |= EXIT_KEY_BIT(g->keys[i].kind);
    }
    for (unsigned kind = 0; kind < EXIT_KEY_USER; kind++)
        if (seen & EXIT_KEY_BIT(kind))
            add_count(w, (struct exits_id){.section = EXITS_SEEN, .value = kind}, counts[kind]);
}

static void collect(struct work *w)
{
    const struct exit_group *g = w->view->group;

    begin_section(w, EXITS_WORK);
    for (size_t i = 0; i < g->row_count; i++)
        if (!g->rows[i].is_halt)
            add_row(w, &g->rows[i]);
    end_section(w);
    begin_section(w, EXITS_WAITING);
    for (size_t i = 0; i < g->row_count; i++)
        if (g->rows[i].is_halt)
            add_row(w, &g->rows[i]);
    end_section(w);
    begin_section(w, EXITS_SEEN);
    if (exits_are_unseen(w->view))
        collect_seen(w);
    end_section(w);
    begin_section(w, EXITS_TO_USER);
    for (size_t i = 0; i < g->key_count; i++)
        if (g->keys[i].kind == EXIT_KEY_USER)
            add_count(w, (struct exits_id){EXITS_TO_USER, EXIT_ISA_USER, g->keys[i].value},
                      g->keys[i].interval_count);
    end_section(w);
}

int exits_collect(const struct exits_view *view, const struct exits_chosen *state,
                  struct exits_rows *rows)
{
    struct work work = {.view = view, .state = state, .rows = rows};
    size_t user = 0;

    rows->count = rows->rows = rows->hidden_zero = rows->filtered = 0;
    if (exits_stage_of(view) != EXITS_STAGE_SHOWN)
        return 0;
    for (size_t i = 0; i < view->group->key_count; i++)
        user += view->group->keys[i].kind == EXIT_KEY_USER;
    if (reserve(rows, view->group->row_count + user + EXIT_KEY_COUNT + EXITS_SECTION_COUNT) < 0)
        return -ENOMEM;
    collect(&work);
    return 0;
}

/* --- the cursor ------------------------------------------------------------------------------- */

/* From @line on, a line that is no heading: in the direction @by, else in the other. */
static size_t row_near(const struct exits_rows *rows, size_t line, int by)
{
    size_t at = line;

    while (at < rows->count && rows->lines[at].is_heading)
        at += (size_t)by; /* beyond 0 it is more than there are */
    return at < rows->count || by > 0 ? at : row_near(rows, line, 1);
}

/* Headings above the first row are shown with it. */
static void show_top(struct exits_chosen *st, const struct exits_rows *rows, size_t page)
{
    const size_t first = row_near(rows, 0, 1);

    if (st->scroll.row == first && first < page)
        st->scroll.top = 0;
}

void exits_select(struct exits_chosen *st, const struct exits_rows *rows, size_t line)
{
    st->scroll.row = line;
    st->has_selected = line < rows->count;
    if (st->has_selected)
        st->selected = rows->lines[line].id;
}

void exits_follow(struct exits_chosen *st, const struct exits_rows *rows, size_t page)
{
    if (!st->has_selected)
        st->scroll.row = 0;
    for (size_t i = 0; st->has_selected && i < rows->count; i++)
        if (!rows->lines[i].is_heading && exits_id_equal(&rows->lines[i].id, &st->selected))
            st->scroll.row = i;
    if (st->scroll.row >= rows->count)
        st->scroll.row = rows->count > 0 ? rows->count - 1 : 0;
    st->scroll.row = row_near(rows, st->scroll.row, 1);
    scroll_fit(&st->scroll, rows->count, page);
    show_top(st, rows, page);
}

bool exits_move(struct exits_chosen *st, const struct exits_rows *rows, enum ui_command command,
                size_t page)
{
    const size_t was = st->scroll.row;

    if (command == COMMAND_FIRST) {
        st->has_selected = false;
        st->scroll = (struct scroll){0};
        exits_follow(st, rows, page);
        return true;
    }
    if (!scroll_command(&st->scroll, command, rows->count, page))
        return false;
    exits_select(st, rows, row_near(rows, st->scroll.row, st->scroll.row < was ? -1 : 1));
    scroll_fit(&st->scroll, rows->count, page);
    show_top(st, rows, page);
    return true;
}

bool exits_search(struct exits_chosen *st, const struct exits_rows *rows, const struct exits *exits,
                  const char *text, bool after)
{
    char name[EXITS_NAME_MAX];

    for (size_t i = 0; i < rows->count; i++) {
        const size_t line = (st->scroll.row + after + i) % rows->count;
        if (rows->lines[line].is_heading ||
            !pattern_contains(exits_name(exits, &rows->lines[line].id, name), text))
            continue;
        exits_select(st, rows, line);
        return true;
    }
    return false;
}
