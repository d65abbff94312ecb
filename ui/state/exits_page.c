// SPDX-License-Identifier: MIT
#include "ui/state/exits_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exit_key_text.h"
#include "core/model/exit_known.h"
#include "ui/grid/format.h"
#include "ui/grid/screen.h"

void exits_page_done(struct exits_page *page)
{
    free(page->lines);
    *page = (struct exits_page){0};
}

/* What the parts of a page are made from. */
struct maker {
    const struct exits_view *view;
    const struct exits_id *id;
    const struct exit_row *row; /* NULL: it has none */
    uint64_t count;             /* in the interval */
    int cols;
    struct exits_page *page;
    int result;
};

static void add(struct maker *m, const struct exits_page_line *line)
{
    struct exits_page *p = m->page;

    if (m->result < 0)
        return;
    if (p->count == p->cap) {
        const size_t cap = p->cap > 0 ? 2 * p->cap : 64;
        struct exits_page_line *lines = realloc(p->lines, cap * sizeof(*lines));
        if (lines == NULL) {
            m->result = -ENOMEM;
            return;
        }
        p->lines = lines;
        p->cap = cap;
    }
    p->lines[p->count++] = *line;
}

static void add_kind(struct maker *m, enum exits_page_kind kind, size_t index)
{
    add(m, &(struct exits_page_line){.kind = (uint8_t)kind, .index = index});
}

/* Wrapped at the width of the page, less the column of labels where there is one. */
static void add_text(struct maker *m, const char *label, const char *text)
{
    const int cols = m->cols - (label != NULL ? EXITS_PAGE_LABEL_COLS : 0);
    bool is_first = true;

    while (text != NULL && *text != '\0' && m->result == 0) {
        struct exits_page_line line = {
            .kind = EXITS_PAGE_TEXT, .label = label == NULL || is_first ? label : "", .text = text};
        line.length = screen_wrap(text, cols, &text);
        add(m, &line);
        is_first = false;
    }
}

static void add_blank(struct maker *m)
{
    if (m->page->count > 0)
        add_kind(m, EXITS_PAGE_BLANK, 0);
}

/* --- figures and sentences -------------------------------------------------------------------- */

static size_t put_times(const struct exit_row *row, char *out, size_t size)
{
    char avg[FORMAT_MAX], p50[FORMAT_MAX], p99[FORMAT_MAX], max[FORMAT_MAX];
    const struct exit_times *t = row->interval.timed > 0 ? &row->interval : &row->all;

    if (t->timed == 0)
        return (size_t)snprintf(out, size, " How long they took is not known.");
    return (size_t)snprintf(
        out, size,
        " On average %s; half of them at most %s, 99%% at most %s%s. Longest since the "
        "beginning %s.",
        format_span(avg, (double)t->total_ns / (double)t->timed / 1e9),
        format_span(p50, (double)exit_quantile(t->buckets, 0.5, row->min_ns, row->max_ns) / 1e9),
        format_span(p99, (double)exit_quantile(t->buckets, 0.99, row->min_ns, row->max_ns) / 1e9),
        t == &row->all ? ", since the beginning" : "", format_span(max, (double)row->max_ns / 1e9));
}

static uint64_t user_sum(const struct exit_group *g)
{
    const struct exits_id all = {.section = EXITS_SEEN, .value = EXIT_KEY_USER};
    const struct exit_row *none;

    return exits_count_of(g, &all, &none);
}

static void add_figures(struct maker *m)
{
    const struct exit_group *g = m->view->group;
    const double s = m->view->exits->interval_s;
    const double of_all = s * 1e9 * (double)g->threads;
    char rate[FORMAT_MAX], share[FORMAT_MAX], time[FORMAT_MAX], all[FORMAT_MAX];
    char *out = m->page->figures;
    const size_t size = sizeof(m->page->figures);
    size_t n;

    if (s <= 0)
        return;
    n = (size_t)snprintf(out, size, "%s/s", format_count(rate, (double)m->count / s));
    if (m->row != NULL && g->interval_exits > 0)
        n += (size_t)snprintf(out + n, size - n, ", %s%% of all exits",
                              format_percent(share, (double)m->count / (double)g->interval_exits));
    if (m->id->section == EXITS_TO_USER && m->count > 0)
        n += (size_t)snprintf(out + n, size - n, ", %s%% of those to user space",
                              format_percent(share, (double)m->count / (double)user_sum(g)));
    if (m->row != NULL && !m->row->is_halt && g->work_ns > 0 && of_all > 0)
        n += (size_t)snprintf(out + n, size - n,
                              "; %s%% of the time spent outside of the guest for work, %s%% of "
                              "all time",
                              format_percent(time, (double)m->row->spent_ns / (double)g->work_ns),
                              format_percent(all, (double)m->row->spent_ns / of_all));
    else if (m->row != NULL && m->row->is_halt && of_all > 0)
        n += (size_t)snprintf(out + n, size - n, "; waiting, no work: %s%% of all time",
                              format_percent(time, (double)m->row->spent_ns / of_all));
    n += (size_t)snprintf(out + n, size - n, ".");
    if (m->row != NULL)
        put_times(m->row, out + n, size - n);
    add_text(m, NULL, out);
}

static void add_known(struct maker *m)
{
    const struct exit_known *known = exits_known(m->id);

    if (known == NULL && m->id->section == EXITS_SEEN)
        return;
    add_blank(m);
    if (known == NULL) {
        add_text(m, NULL, "There is no description of this reason.");
        return;
    }
    add_text(m, "Means", known->means);
    add_text(m, "Causes", known->causes);
    add_text(m, "Helps", known->helps);
}

/* Exits of a nested guest go to the guest that runs it, or are done with by the host. */
static void add_nested(struct maker *m)
{
    const struct exit_group *g = m->view->group;
    char rate[FORMAT_MAX];

    for (size_t i = 0; i < g->key_count && m->row != NULL; i++) {
        const struct exit_key_row *k = &g->keys[i];
        if (k->kind != EXIT_KEY_NESTED || k->value != m->id->value ||
            m->view->exits->interval_s <= 0)
            continue;
        snprintf(m->page->nested, sizeof(m->page->nested),
                 "Of these %s/s are of a nested guest (L2).",
                 format_count(rate, (double)k->interval_count / m->view->exits->interval_s));
        add_blank(m);
        add_text(m, NULL, m->page->nested);
    }
}

/* --- what is behind it ------------------------------------------------------------------------ */

static uint32_t kinds_of(const struct exits_id *id)
{
    if (id->section == EXITS_SEEN)
        return EXIT_KEY_BIT(id->value);
    if (id->section == EXITS_TO_USER)
        return 0;
    return exit_reason_kinds((enum exit_isa)id->isa, (uint32_t)id->value);
}

static uint64_t plain(const struct exit_key_row *k)
{
    return exit_key_plain((enum exit_key_kind)k->kind, k->value);
}

static int by_label(const void *pa, const void *pb, void *arg)
{
    const struct exit_key_row *keys = arg;
    const struct exit_key_row *a = &keys[((const struct exits_page_line *)pa)->index];
    const struct exit_key_row *b = &keys[((const struct exits_page_line *)pb)->index];

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (plain(a) > plain(b)) - (plain(a) < plain(b));
}

static int by_count(const void *pa, const void *pb, void *arg)
{
    const struct exits_page_line *a = pa, *b = pb;

    if (a->now != b->now)
        return a->now < b->now ? 1 : -1;
    if (a->all != b->all)
        return a->all < b->all ? 1 : -1;
    return by_label(pa, pb, arg);
}

/* Those with one label are one. Returns how many are left; the most frequent come first. */
static size_t merge(struct exits_page_line *lines, size_t count, struct exit_key_row *keys)
{
    size_t n = 0;

    qsort_r(lines, count, sizeof(*lines), by_label, keys);
    for (size_t i = 0; i < count; i++) {
        if (n > 0 && by_label(&lines[n - 1], &lines[i], keys) == 0) {
            lines[n - 1].now += lines[i].now;
            lines[n - 1].all += lines[i].all;
        } else {
            lines[n++] = lines[i];
        }
    }
    qsort_r(lines, n, sizeof(*lines), by_count, keys);
    return n;
}

static bool are_counted(const struct maker *m, uint32_t mask)
{
    for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++)
        if (mask & EXIT_KEY_BIT(kind) &&
            m->view->exits->facts.events & 1u << exits_kind_event((enum exit_key_kind)kind))
            return true;
    return false;
}

/* Another reason with the same kinds behind it: which event is of which, nobody tells. */
static const struct exit_row *other_reason(const struct maker *m, uint32_t mask)
{
    const struct exit_group *g = m->view->group;

    for (size_t i = 0; i < g->row_count && m->row != NULL; i++) {
        const struct exit_row *r = &g->rows[i];
        if (r != m->row && r->all.count > 0 &&
            exit_reason_kinds((enum exit_isa)r->isa, r->reason) & mask)
            return r;
    }
    return NULL;
}

static void add_key_note(struct maker *m, uint32_t mask, size_t found)
{
    const struct exit_row *other = other_reason(m, mask);
    char *out = m->page->keys;
    const size_t size = sizeof(m->page->keys);

    if (!are_counted(m, mask))
        snprintf(out, size, "What is behind it is not known: this kernel has no event for it.");
    else if (found == 0)
        snprintf(out, size, "Nothing was seen behind it.");
    else if (found > EXITS_PAGE_KEYS_MAX)
        snprintf(out, size, "%zu more are not shown.", found - EXITS_PAGE_KEYS_MAX);
    else if (other != NULL)
        snprintf(out, size, "Some of these may be behind %s: the kernel does not tell them apart.",
                 other->name != NULL ? other->name : "another reason");
    add_text(m, NULL, out);
}

static void add_keys(struct maker *m)
{
    const struct exit_group *g = m->view->group;
    const uint32_t mask = kinds_of(m->id);
    size_t first, found = 0;

    if (mask == 0)
        return;
    add_blank(m);
    add_kind(m, EXITS_PAGE_KEY_TITLES, 0);
    first = m->page->count;
    for (size_t i = 0; i < g->key_count; i++) {
        if (!(mask & EXIT_KEY_BIT(g->keys[i].kind)))
            continue;
        add(m, &(struct exits_page_line){.kind = EXITS_PAGE_KEY,
                                         .index = i,
                                         .now = g->keys[i].interval_count,
                                         .all = g->keys[i].count});
        m->page->key_sum += g->keys[i].interval_count;
        found++;
    }
    if (m->result < 0)
        return;
    if (found > 0)
        found = merge(&m->page->lines[first], found, g->keys);
    else
        first--; /* no titles of nothing */
    m->page->count = first + (found < EXITS_PAGE_KEYS_MAX ? found : EXITS_PAGE_KEYS_MAX);
    add_key_note(m, mask, found);
}

/* --- times ------------------------------------------------------------------------------------ */

static void add_times(struct maker *m)
{
    const uint64_t *buckets = m->row != NULL ? m->row->all.buckets : NULL;
    size_t first = EXIT_BUCKETS, last = 0;

    for (size_t b = 0; buckets != NULL && b < EXIT_BUCKETS; b++) {
        if (buckets[b] == 0)
            continue;
        first = b < first ? b : first;
        last = b;
        m->page->time_sum += buckets[b];
        m->page->time_most = buckets[b] > m->page->time_most ? buckets[b] : m->page->time_most;
    }
    if (first == EXIT_BUCKETS)
        return;
    add_blank(m);
    add_kind(m, EXITS_PAGE_TIME_TITLES, 0);
    for (size_t b = first; b <= last; b++)
        add_kind(m, EXITS_PAGE_BUCKET, b);
}

/* --- who has most of it ----------------------------------------------------------------------- */

struct whose {
    const struct exits_view *view;
    const struct exits_id *id;
};

static uint64_t count_of(const struct exits_view *v, const struct exits_id *id, size_t index)
{
    const struct exit_row *row;
    const struct exits_view part = v->vm != NULL ? exits_view_vm(v->s, v->vm, (int)index + 1)
                                                 : exits_view_vm(v->s, &v->s->vms[index], 0);

    return part.group != NULL ? exits_count_of(part.group, id, &row) : 0;
}

static void add_who(struct maker *m)
{
    const struct exits_view *v = m->view;
    const size_t count = v->vm != NULL ? v->vm->vcpu_count : v->s->vm_count;
    uint64_t most[EXITS_PAGE_WHO_MAX];
    size_t who[EXITS_PAGE_WHO_MAX], n = 0;

    if (v->vcpu != NULL || count < 2)
        return;
    for (size_t i = 0; i < count; i++) {
        const uint64_t c = count_of(v, m->id, i);
        m->page->who_sum += c;
        if (c == 0 || (n == EXITS_PAGE_WHO_MAX && c <= most[n - 1]))
            continue;
        n += n < EXITS_PAGE_WHO_MAX;
        size_t at = n - 1;
        for (; at > 0 && most[at - 1] < c; at--) {
            most[at] = most[at - 1];
            who[at] = who[at - 1];
        }
        most[at] = c;
        who[at] = i;
    }
    if (n == 0)
        return;
    add_blank(m);
    add_kind(m, EXITS_PAGE_WHO_TITLES, 0);
    for (size_t i = 0; i < n; i++)
        add_kind(m, EXITS_PAGE_WHO, who[i]);
}

int exits_page_build(const struct exits_view *view, const struct exits_id *id, int cols,
                     struct exits_page *page)
{
    struct maker m = {.view = view, .id = id, .cols = cols, .page = page};

    *page = (struct exits_page){.lines = page->lines, .cap = page->cap};
    if (view->exits == NULL || view->group == NULL)
        return 0;
    m.count = exits_count_of(view->group, id, &m.row);
    add_figures(&m);
    add_known(&m);
    add_nested(&m);
    add_keys(&m);
    add_times(&m);
    add_who(&m);
    if (m.result < 0)
        page->count = 0;
    return m.result;
}

static bool is_of(const struct exits_page *page, const struct exits_page_key *key)
{
    return page->key.s == key->s && page->key.mono_ns == key->mono_ns &&
           page->key.group == key->group && exits_id_equal(&page->key.id, &key->id) &&
           page->key.cols == key->cols;
}

int exits_page_follow(const struct exits_view *view, const struct exits_id *id, int cols,
                      struct exits_page *page)
{
    const struct exits_page_key key = {
        .s = view->s,
        .mono_ns = view->s != NULL ? view->s->mono_ns : 0,
        .group = view->group,
        .id = *id,
        .cols = cols,
    };

    if (key.group != NULL && is_of(page, &key))
        return 0;
    int result = exits_page_build(view, id, cols, page);
    if (result == 0)
        page->key = key;
    return result;
}
