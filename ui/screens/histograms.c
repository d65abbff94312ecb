// SPDX-License-Identifier: MIT
// The histograms of one VM, of all its vCPUs together or of one of them.
#include <stdio.h>

#include "core/base/text.h"
#include "ui/grid/format.h"
#include "ui/screens/object.h"
#include "ui/state/counters.h"

#define LINES_MAX 512

struct line {
    const struct field *field;
    int bucket; /* -1: the title */
};

/* What is drawn, and what the keys scroll over. */
static size_t lines_of(const struct snapshot *s, const uint64_t *buckets, struct line *ret,
                       size_t cap)
{
    size_t n = 0;

    for (size_t f = 0; f < s->field_count; f++) {
        const struct field *field = &s->fields->fields[f];
        size_t first = 0, last = 0;

        if (!field_is_hist(field) || n == cap)
            continue;
        ret[n++] = (struct line){field, -1};
        /* From the first bucket with something in it to the last one. */
        for (size_t i = field->size; i-- > 0;)
            if (buckets[field->bucket_index + i]) {
                first = i;
                last = last ? last : i + 1;
            }
        for (size_t i = first; i < last && n < cap; i++)
            ret[n++] = (struct line){field, (int)i};
    }
    return n;
}

/* The index of the vCPU that was chosen; -1: all together. */
static int chosen_vcpu(const struct ui_state *state, const struct snapshot_vm *vm)
{
    int vcpu = state->detail.tabs[SCREEN_HISTOGRAMS].choice - 1;

    return vcpu >= 0 && (size_t)vcpu < vm->vcpu_count ? vcpu : -1;
}

/* NULL: of the last interval, of which nothing is known. */
static const uint64_t *buckets_of(const struct ui_model *m, const struct ui_state *state,
                                  const struct snapshot_vm *vm)
{
    int vcpu = chosen_vcpu(state, vm);

    if (state->detail.hist_interval)
        return hist_interval_get(&m->rows->hist, vcpu);
    return vcpu >= 0 ? vm->vcpus[vcpu].buckets : vm->buckets;
}

static void range_text(const struct field *f, size_t bucket, char *out, size_t size)
{
    uint64_t low, high;
    char a[FORMAT_MAX], b[FORMAT_MAX];

    field_bucket_range(f, bucket, &low, &high);
    counters_value_text(f, (double)low, a);
    if (high == UINT64_MAX)
        snprintf(out, size, "%s and more", a);
    else
        snprintf(out, size, "%s .. %s", a, counters_value_text(f, (double)high, b));
}

static void draw_histogram_title(const struct field *f, uint64_t sum, const struct reading *reading,
                                 struct rect r, int y, struct screen *out)
{
    const struct field_known *known = field_known(f->name);
    char count[FORMAT_MAX];
    int x = r.x + screen_text(out, r, y, r.x, STYLE_STRONG, f->name);

    if (reading->state == READING_OK)
        x += screen_printf(out, r, y, x, STYLE_NORMAL, "  %s times", format_exact(count, sum));
    else
        x += screen_printf(out, r, y, x, STYLE_MISSING, "  %s%s%s",
                           reading_state_text(reading->state), reading->cause ? ": " : "",
                           reading_cause_text(reading->cause));
    if (known != NULL && known->text != NULL)
        screen_field(out, r, y, x + 2, r.x + r.cols - x - 2, ALIGN_LEFT, STYLE_DIM, known->text);
}

#define RANGE_COLS 18
#define COUNT_COLS 13

static void draw_bucket(const struct field *f, const uint64_t *buckets, int bucket, uint64_t sum,
                        uint64_t largest, struct rect r, int y, struct screen *out)
{
    uint64_t n = buckets[f->bucket_index + (size_t)bucket];
    char text[80], buf[FORMAT_MAX];
    int x = r.x + RANGE_COLS + COUNT_COLS + 9;

    range_text(f, (size_t)bucket, text, sizeof(text));
    screen_field(out, r, y, r.x, RANGE_COLS, ALIGN_RIGHT, STYLE_LABEL, text);
    screen_field(out, r, y, r.x + RANGE_COLS + 1, COUNT_COLS, ALIGN_RIGHT,
                 n ? STYLE_NORMAL : STYLE_DIM, format_exact(buf, n));
    screen_field(out, r, y, r.x + RANGE_COLS + COUNT_COLS + 2, 6, ALIGN_RIGHT, STYLE_DIM,
                 format_percent(buf, sum ? (double)n / (double)sum : 0));
    screen_bar(out, r, y, x, r.x + r.cols - x - 1, STYLE_GRAPH,
               largest ? (double)n / (double)largest : 0);
}

static void bucket_sums(const struct field *f, const uint64_t *buckets, uint64_t *ret_sum,
                        uint64_t *ret_largest)
{
    *ret_sum = *ret_largest = 0;
    for (size_t i = 0; i < f->size; i++) {
        uint64_t n = buckets[f->bucket_index + i];
        *ret_sum += n;
        *ret_largest = n > *ret_largest ? n : *ret_largest;
    }
}

/* Whose they are, and since when. @id: of the vCPU; -1: all together. */
static void draw_title(const struct ui_model *m, const struct ui_state *st, int id, struct rect r,
                       struct screen *out)
{
    char whose[40] = "All vCPUs together", since[60] = "since creation", span[FORMAT_MAX];
    const bool interval = st->detail.hist_interval;

    if (id >= 0)
        snprintf(whose, sizeof(whose), "vCPU %d", id);
    if (interval)
        snprintf(since, sizeof(since), "in the last %s",
                 m->rows->hist.seconds > 0 ? format_seconds(span, m->rows->hist.seconds)
                                           : "interval");
    screen_fill(out, (struct rect){r.y, r.x, 1, r.cols}, STYLE_TITLE);
    screen_printf(out, r, r.y, r.x, STYLE_TITLE, "%s, %s. i: %s. Left, Right: %s", whose, since,
                  interval ? "since creation" : "last interval",
                  id >= 0 ? "another one" : "one vCPU");
}

static void draw(const struct ui_model *m, const struct ui_state *st, const struct layout *l,
                 struct screen *out)
{
    const struct rect r = l->body;
    const struct snapshot_vm *vm = detail_vm(st, m);
    struct line lines[LINES_MAX];
    const struct scroll *scroll = &st->detail.tabs[SCREEN_HISTOGRAMS].scroll;

    if (vm == NULL)
        return;
    int vcpu = chosen_vcpu(st, vm);
    const uint64_t *buckets = buckets_of(m, st, vm);
    const struct snapshot_value *values = vcpu >= 0 ? vm->vcpus[vcpu].values : vm->values;
    size_t count = buckets != NULL ? lines_of(m->detail, buckets, lines, LINES_MAX) : 0;
    struct rect body = {r.y + 1, r.x, r.rows - 1, r.cols};
    size_t page = body.rows > 0 ? (size_t)body.rows : 0, last = count > page ? count - page : 0;
    size_t top = scroll->top < last ? scroll->top : last;

    draw_title(m, st, vcpu < 0 ? -1 : vm->vcpus[vcpu].id, r, out);
    if (buckets == NULL)
        screen_text(out, body, body.y, body.x + 2, STYLE_NOTICE,
                    m->rows->hist.seconds > 0
                        ? "Somebody cleared these counts in the last interval."
                        : "Nothing yet: an interval ends with the next refresh.");
    else if (count == 0)
        screen_text(out, body, body.y, body.x + 2, STYLE_NOTICE,
                    "This kernel counts no histograms.");
    for (size_t i = 0; i < page && top + i < count; i++) {
        const struct line *line = &lines[top + i];
        uint64_t sum, largest;
        bucket_sums(line->field, buckets, &sum, &largest);
        if (line->bucket < 0)
            draw_histogram_title(line->field, sum,
                                 &values[line->field - m->detail->fields->fields].reading, body,
                                 body.y + (int)i, out);
        else
            draw_bucket(line->field, buckets, line->bucket, sum, largest, body, body.y + (int)i,
                        out);
    }
}

static int follow(struct ui_state *state, const struct ui_model *model)
{
    const struct snapshot_vm *vm = detail_vm(state, model);
    struct tab_state *tab = &state->detail.tabs[SCREEN_HISTOGRAMS];

    if (vm != NULL && tab->choice > (int)vm->vcpu_count)
        tab->choice = 0;
    return vm != NULL ? hist_interval_follow(&model->rows->hist, model->detail, vm) : 0;
}

static enum ui_action command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command)
{
    struct tab_state *tab = &state->detail.tabs[SCREEN_HISTOGRAMS];
    struct line lines[LINES_MAX];
    const struct snapshot_vm *vm = detail_vm(state, model);

    if (vm == NULL)
        return UI_NOTHING;
    if (command == COMMAND_SCROLL_LEFT || command == COMMAND_SCROLL_RIGHT) {
        int count = (int)vm->vcpu_count + 1, by = command == COMMAND_SCROLL_LEFT ? count - 1 : 1;
        tab->choice = (tab->choice + by) % count;
    }
    if (command == COMMAND_INTERVAL)
        state->detail.hist_interval = !state->detail.hist_interval;
    const uint64_t *buckets = buckets_of(model, state, vm);
    size_t n = buckets != NULL ? lines_of(model->detail, buckets, lines, LINES_MAX) : 0;
    scroll_text(&tab->scroll, command, n, ui_page(state));
    return UI_NOTHING;
}

const struct screen_object histograms_screen = {
    .draw = draw,
    .follow = follow,
    .command = command,
};
