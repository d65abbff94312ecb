// SPDX-License-Identifier: MIT
#include "ui/state/columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/state/columns_internal.h"

static struct column_value value_number(double number)
{
    return (struct column_value){.number = number, .state = READING_OK};
}

static struct column_value value_text(const char *text)
{
    return (struct column_value){.text = text, .state = READING_OK};
}

static struct column_value value_reading(struct reading r)
{
    return (struct column_value){.number = (double)r.raw, .state = r.state, .cause = r.cause};
}

static struct column_value value_rate(struct figure r)
{
    return (struct column_value){.number = r.value, .state = r.state, .cause = r.cause};
}

static const struct column_value nothing = {.blank = true};

#define GETTER(name)                                                                               \
    static struct column_value name(const struct column *column, const struct snapshot_vm *vm,     \
                                    const struct snapshot_vcpu *vcpu,                              \
                                    const struct column_fields *fields)
#define UNUSED(column, fields) ((void)(column), (void)(fields))

GETTER(get_pid)
{
    UNUSED(column, fields);
    if (vcpu != NULL && vcpu->tid == 0)
        return (struct column_value){.state = READING_ABSENT, .cause = CAUSE_NO_THREAD_ID};
    return value_number(vcpu != NULL ? vcpu->tid : vm->id.pid);
}

GETTER(get_fd)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_number(vm->id.fd);
}

GETTER(get_name)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_text(vm->name);
}

GETTER(get_vmm)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_text(vm->vmm);
}

GETTER(get_vcpus)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_number((double)vm->vcpu_count);
}

GETTER(get_cpu)
{
    UNUSED(column, fields);
    return value_rate(vcpu != NULL ? vcpu->cpu_ratio : vm->cpu_ratio);
}

GETTER(get_wait)
{
    UNUSED(column, fields);
    if (vcpu != NULL)
        return columns_share_of_time(value_rate(vcpu->wait_ratio));
    struct column_value all = value_rate(vm->wait_ratio);
    all.per = vm->vcpu_count;
    return all;
}

GETTER(get_field)
{
    int field = fields->index[column - column_table];

    if (field < 0)
        return (struct column_value){.state = READING_ABSENT, .cause = CAUSE_NOT_IN_KERNEL};
    const struct snapshot_value *v = vcpu != NULL ? &vcpu->values[field] : &vm->values[field];
    /* A counter that could not be read has no rate; its own state says more than the rate's. */
    if (v->reading.state != READING_OK)
        return value_reading(v->reading);
    return value_rate(v->rate);
}

GETTER(get_ram)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_reading(vm->ram_bytes);
}

GETTER(get_rss)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_reading(vm->gauges[VM_RSS_BYTES]);
}

GETTER(get_mapped)
{
    UNUSED(column, fields);
    return vcpu != NULL ? nothing : value_reading(vm->mapped_bytes);
}

GETTER(get_zero)
{
    UNUSED(column, fields);
    if (vcpu != NULL)
        return nothing;
    const struct scan_reports_entry *e = scan_reports_find(fields->scans, &vm->id);
    if (e != NULL && e->zero_ratio >= 0)
        return (struct column_value){
            .number = e->zero_ratio, .text = e->zero_exact ? "" : "~", .state = READING_OK};
    return (struct column_value){.state = e != NULL && e->running != NULL ? READING_WARMUP
                                                                          : READING_ABSENT};
}

/* What ends stands before what perhaps does, and what does not comes last. */
#define SORT_UNSURE 1e15

GETTER(get_migr)
{
    static const char *const marks[][2] = {[FORECAST_DOES_NOT] = {"!", "~!"},
                                           [FORECAST_DOES] = {"", "~"},
                                           [FORECAST_UNSURE] = {"?", "~?"}};

    UNUSED(column, fields);
    if (vcpu != NULL)
        return nothing;
    const struct scan_reports_entry *e = scan_reports_find(fields->scans, &vm->id);
    const struct forecasts_entry *f =
        fields->forecasts != NULL ? forecasts_find(fields->forecasts, &vm->id) : NULL;
    if (e == NULL || e->seen == NULL || f == NULL)
        return (struct column_value){.state = e != NULL && e->seen != NULL ? READING_WARMUP
                                                                           : READING_ABSENT};
    struct column_value value = {.state = READING_OK, .number = f->forecast.total_s.value};
    value.text = marks[f->forecast.converges][f->is_old];
    if (f->forecast.converges == FORECAST_DOES_NOT)
        value.number = INFINITY;
    else if (f->forecast.converges == FORECAST_UNSURE)
        value.number = f->is_void ? NAN : fmin(SORT_UNSURE + value.number, 2 * SORT_UNSURE);
    return value;
}

static bool is_told(const struct column_fields *fields, uint8_t cause)
{
    return cause != CAUSE_NONE &&
           !(fields->is_locked_down && reading_cause_is_lockdown((enum reading_cause)cause));
}

GETTER(get_source)
{
    /* When a better one was refused, so that numbers are missing; the status line says why. That
     * the kernel is locked down stands at the top. */
    bool refused = is_told(fields, vm->vm_cause) || is_told(fields, vm->vcpu_cause);

    (void)column;
    if (vcpu != NULL)
        return nothing;
    if (vm->stale_cause == CAUSE_STUCK)
        return value_text("stuck!");
    if (vm->stale_cause == CAUSE_SLOW)
        return value_text("slow!");
    return value_text(fields->sources[refused][vm->vm_source][vm->vcpu_source]);
}

static enum style name_style(const struct column_value *value)
{
    (void)value;
    return STYLE_STRONG;
}

static enum style migr_style(const struct column_value *value)
{
    if (strchr(value->text, '!') != NULL)
        return STYLE_WARNING;
    if (strchr(value->text, '?') != NULL)
        return STYLE_NOTICE;
    return value->text[0] != '\0' ? STYLE_DIM : STYLE_NORMAL;
}

static enum style source_style(const struct column_value *value)
{
    return strchr(value->text, '!') != NULL ? STYLE_NOTICE : STYLE_NORMAL;
}

const struct column column_table[COLUMN_COUNT] = {
#define COLUMN(id, ...) [COLUMN_##id] = {__VA_ARGS__},
#include "ui/state/column_list.def"
#undef COLUMN
};

int column_find(const char *name)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (strcmp(column_table[i].name, name) == 0)
            return i;
    return -ENOENT;
}

void column_fields_resolve(const struct snapshot *s, const struct scan_reports *scans,
                           struct column_fields *ret)
{
    ret->scans = scans;
    ret->is_locked_down = host_is_locked_down(&s->host);
    ret->is_over = false;
    ret->forecasts = NULL;
    for (int vm = 0; vm < SOURCE_COUNT; vm++)
        for (int vcpu = 0; vcpu < SOURCE_COUNT; vcpu++) {
            char *text = ret->sources[false][vm][vcpu];
            source_pair_text((enum reading_source)vm, (enum reading_source)vcpu, text);
            stpcpy(stpcpy(ret->sources[true][vm][vcpu], text), "!");
        }
    for (int c = 0; c < COLUMN_COUNT; c++) {
        ret->index[c] = -1;
        for (size_t n = 0; n < 3 && column_table[c].fields[n] != NULL && ret->index[c] < 0; n++)
            for (size_t f = 0; f < s->field_count && ret->index[c] < 0; f++)
                if (strcmp(s->fields->fields[f].name, column_table[c].fields[n]) == 0)
                    ret->index[c] = (int)f;
    }
}

struct column_value column_get(enum column_id id, const struct column_fields *fields,
                               const struct snapshot_vm *vm, const struct snapshot_vcpu *vcpu)
{
    const struct column *column = &column_table[id];

    return column->get(column, vm, vcpu, fields);
}

enum mark column_mark(enum column_id id, const struct column_value *value)
{
    if (value->state != READING_OK || value->blank)
        return MARK_NONE;
    return mark_of(&column_table[id].bounds,
                   value->per > 1 ? value->number / (double)value->per : value->number);
}

static enum style value_style(const struct column *column, const struct column_value *value)
{
    const enum mark mark = column_mark((enum column_id)(column - column_table), value);
    enum style style = column->style != NULL ? column->style(value) : STYLE_NORMAL;

    if (mark != MARK_NONE)
        return mark_style(mark);
    if (style == STYLE_NORMAL && column->kind != COLUMN_TEXT && value->number == 0)
        return STYLE_DIM;
    return style;
}

double column_sort_number(enum column_id id, const struct column_value *value)
{
    const enum column_kind kind = column_table[id].kind;

    if (kind == COLUMN_PERCENT)
        return format_rank(value->number * 100);
    if (kind == COLUMN_BYTES_PER_S)
        return value->number < 1 ? 0 : value->number;
    return kind == COLUMN_COUNT_PER_S ? format_rank(value->number) : value->number;
}

static void format_number(enum column_kind kind, double value, char out[FORMAT_MAX])
{
    static char *(*const formats[])(char *out, double value) = {
        [COLUMN_COUNT_PER_S] = format_count,       [COLUMN_BYTES] = format_bytes,
        [COLUMN_BYTES_PER_S] = format_bytes_per_s, [COLUMN_PERCENT] = format_percent,
        [COLUMN_SECONDS] = format_seconds,         [COLUMN_GRAPH] = format_count};

    if (kind == COLUMN_INTEGER)
        snprintf(out, FORMAT_MAX, "%.0f", value);
    else
        formats[kind](out, value);
}

#define ALL 0.9995 /* reads "100.0" */

const char *column_text(enum column_id id, const struct column_value *value,
                        const struct screen *out, char buf[COLUMN_TEXT_MAX])
{
    const struct column *column = &column_table[id];
    char number[FORMAT_MAX];

    if (value->state == READING_ABSENT)
        return screen_glyph(out, GLYPH_NOTHING);
    if (value->state != READING_OK)
        return reading_state_text(value->state);
    if (column->kind == COLUMN_TEXT)
        return value->text;
    const bool has_mark = column->kind != COLUMN_ZERO_SHARE && column->kind != COLUMN_FORECAST;
    const enum mark mark = has_mark ? column_mark(id, value) : MARK_NONE;
    if (has_mark && value->text != NULL)
        snprintf(number, sizeof(number), "%s%.0f", value->text, value->number * 100);
    else if (column->kind == COLUMN_PERCENT && mark != MARK_NONE && value->number >= ALL)
        snprintf(number, sizeof(number), "%.0f", value->number * 100); /* the mark takes room */
    else if (has_mark)
        format_number(column->kind, value->number, number);
    else if (column->kind == COLUMN_ZERO_SHARE)
        snprintf(number, sizeof(number), "%.1f", floor(value->number * 1000) / 10);
    else if (value->number < SORT_UNSURE)
        format_seconds(number, value->number);
    else
        number[0] = '\0';
    snprintf(buf, COLUMN_TEXT_MAX, "%s%s", has_mark ? mark_text(mark) : value->text, number);
    return buf;
}

enum style column_style(enum column_id id, const struct column_value *value)
{
    if (value->state == READING_OK)
        return value_style(&column_table[id], value);
    return value->state == READING_ABSENT ? STYLE_DIM : STYLE_MISSING;
}

void column_draw(enum column_id id, const struct column_value *value, struct screen *out,
                 struct rect clip, int y, int x, int width, enum style style)
{
    char buf[COLUMN_TEXT_MAX];

    if (value->blank)
        return;
    if (style == STYLE_NORMAL)
        style = column_style(id, value);
    screen_field(out, clip, y, x, width, column_table[id].align, style,
                 column_text(id, value, out, buf));
}

void column_choice_default(struct column_choice *ret)
{
    *ret = (struct column_choice){.count = 0};
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (!column_table[i].hidden)
            ret->ids[ret->count++] = (enum column_id)i;
}

enum column_id column_choice_row(const struct column_choice *choice, size_t row, bool *ret_chosen)
{
    *ret_chosen = row < choice->count;
    if (*ret_chosen)
        return choice->ids[row];
    size_t rest = row - choice->count;
    for (int id = 0; id < COLUMN_COUNT; id++) {
        bool chosen = false;
        for (size_t i = 0; i < choice->count; i++)
            chosen |= choice->ids[i] == (enum column_id)id;
        if (!chosen && rest-- == 0)
            return (enum column_id)id;
    }
    return COLUMN_NAME; /* not reached for row < COLUMN_COUNT */
}

static int total_width(const struct column_plan *plan)
{
    int sum = 0;

    for (size_t i = 0; i < plan->count; i++)
        sum += plan->slots[i].width + (i > 0);
    return sum;
}

static void plan_remove(struct column_plan *plan, size_t at)
{
    plan->count--;
    memmove(&plan->slots[at], &plan->slots[at + 1], (plan->count - at) * sizeof(plan->slots[0]));
}

/* Of @width, what names need: a wider column of them is empty. */
static int needed(enum column_id id, int name_cols, int width)
{
    if (id != COLUMN_NAME || name_cols == 0 || name_cols > width)
        return width;
    return name_cols > column_table[id].width ? name_cols : column_table[id].width;
}

/* Room to spare goes to the columns that can use it, in the order of the table: the name first. */
static void widen(const struct column_choice *choice, int name_cols, struct column_plan *plan,
                  int spare)
{
    for (int id = 0; id < COLUMN_COUNT; id++)
        for (size_t i = 0; i < plan->count && spare > 0; i++) {
            struct column_slot *slot = &plan->slots[i];
            int more =
                needed((enum column_id)id, name_cols, column_table[id].width_max) - slot->width;
            if ((int)slot->id != id || choice->width[id] || more <= 0)
                continue;
            more = more < spare ? more : spare;
            slot->width += more;
            spare -= more;
        }
}

/* How many more columns those that are shown would do well to have. */
static int lack_of_width(const struct column_choice *choice, int name_cols,
                         const struct column_plan *plan)
{
    int lack = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct column_slot *slot = &plan->slots[i];
        const int good = needed(slot->id, name_cols, column_table[slot->id].width_good);
        if (choice->width[slot->id] == 0 && good > slot->width)
            lack += good - slot->width;
    }
    return lack;
}

#define KEEP_FOR_WIDTH 54 /* what is kept less makes room for those that are too narrow */

void columns_plan(const struct column_choice *choice, int cols, int shift, int name_cols,
                  struct column_plan *ret)
{
    *ret = (struct column_plan){0};
    for (size_t i = 0, skip = (size_t)shift; i < choice->count; i++) {
        enum column_id id = choice->ids[i];
        if (skip > 0 && id != COLUMN_NAME && id != COLUMN_PID) {
            skip--;
            ret->more_left = true;
            continue;
        }
        ret->slots[ret->count++] = (struct column_slot){
            .id = id, .width = choice->width[id] ? choice->width[id] : column_table[id].width};
    }
    while (ret->count > 1) {
        size_t least = ret->count - 1;
        for (size_t i = 0; shift == 0 && i < ret->count; i++)
            if (column_table[ret->slots[i].id].keep < column_table[ret->slots[least].id].keep)
                least = i;
        const bool matters_little = column_table[ret->slots[least].id].keep < KEEP_FOR_WIDTH;
        const int good = shift == 0 && matters_little ? lack_of_width(choice, name_cols, ret) : 0;
        if (total_width(ret) + good <= cols)
            break;
        plan_remove(ret, least);
        ret->more_right = true;
    }
    /* The mark that there are more has a place of its own. */
    widen(choice, name_cols, ret, cols - total_width(ret) - 2 * ret->more_right);
    for (size_t i = 0, x = 0; i < ret->count; i++) {
        ret->slots[i].x = (int)x;
        x += (size_t)ret->slots[i].width + 1;
    }
}
