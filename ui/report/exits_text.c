// SPDX-License-Identifier: MIT
#include "ui/report/exits_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/report/number.h"
#include "ui/report/report_exits.h"
#include "ui/report/wrap.h"

#define NAME_COLUMNS  21
#define COUNT_COLUMNS 9
#define RATE_COLUMNS  8
#define KEYS_SHOWN    10 /* behind a reason, or of a kind that belongs to none */

/* --- the table -------------------------------------------------------------------------------- */

/* A reason, and the kinds of keys that stand with it. */
struct reason {
    struct exit_row row;
    uint32_t kinds;
};

struct table {
    FILE *out;
    const struct exits *exits;
    const struct exit_group *group;
    const struct reason *reasons; /* the most frequent first */
    size_t reason_count;
    size_t vcpus_seen, vcpu_count;
    bool moved_only;
};

/* @share: what the column of time is a share of; NULL: what has no times. */
static void put_titles(const struct table *t, const char *title, const char *share)
{
    fprintf(t->out, "  %-*s %*s %*s %6s", NAME_COLUMNS, title, COUNT_COLUMNS, "COUNT", RATE_COLUMNS,
            "PER S", "%");
    if (share != NULL)
        fprintf(t->out, " %6s %5s %5s %5s %5s", share, "AVG", "P50", "P99", "MAX");
    fputc('\n', t->out);
}

static void put_share(FILE *out, double part, double whole)
{
    const struct figure share = {.value = whole > 0 ? part / whole : 0, .state = READING_OK};
    char buf[NUMBER_MAX] = "-";

    if (whole > 0)
        number_ratio(&share, buf);
    fprintf(out, " %6s", buf);
}

/* @events of the interval are a part of @all: a string instruction is one exit, and many accesses.
 */
static void put_counts(const struct table *t, int indent, const char *name, uint64_t count,
                       uint64_t interval_count, uint64_t events, uint64_t all)
{
    const struct figure rate = report_exits_rate(t->exits, interval_count);
    char number[NUMBER_MAX];
    const int room = NAME_COLUMNS + 2 - indent, len = (int)strlen(name);

    number_figure(&rate, number);
    /* A name that is longer takes the room of the count, which has some to spare, then that of the
     * times: keys have none. */
    fprintf(t->out, "%*s%-*s %*llu %*s", indent, "", room, name,
            len < room                   ? COUNT_COLUMNS
            : len - room < COUNT_COLUMNS ? COUNT_COLUMNS - (len - room)
                                         : 0,
            (unsigned long long)count, RATE_COLUMNS, number);
    put_share(t->out, (double)events, (double)all);
}

static void put_time(FILE *out, bool is_known, double ns)
{
    char buf[FORMAT_MAX];

    fprintf(out, " %5s", is_known ? format_span(buf, ns / 1e9) : "-");
}

/* Those of the interval; the longest one is known since the beginning only. */
static void put_times(FILE *out, const struct exit_row *row, double whole_ns)
{
    const struct exit_times *times = &row->interval;
    const bool is_known = times->timed > 0;

    put_share(out, (double)row->spent_ns, row->all.timed > 0 ? whole_ns : 0);
    put_time(out, is_known, is_known ? (double)times->total_ns / (double)times->timed : 0);
    put_time(out, is_known, (double)exit_quantile(times->buckets, 0.5, row->min_ns, row->max_ns));
    put_time(out, is_known, (double)exit_quantile(times->buckets, 0.99, row->min_ns, row->max_ns));
    put_time(out, row->all.timed > 0, (double)row->max_ns);
}

/* --- what is behind exits --------------------------------------------------------------------- */

static bool is_before(const struct exit_key_row *a, const struct exit_key_row *b)
{
    if (a->interval_count != b->interval_count)
        return a->interval_count > b->interval_count;
    return a->count > b->count;
}

static bool is_key_shown(const struct table *t, const struct exit_key_row *key, uint32_t kinds)
{
    return (kinds & EXIT_KEY_BIT(key->kind)) != 0 && (!t->moved_only || key->interval_count > 0);
}

#define KEY_NAME_BYTES (EXIT_KEY_LABEL_BYTES + EXIT_KEY_DEVICE_BYTES + 40)

/* "port out 0x80 (POST code, I/O delay)", "KVM_EXIT_IO" */
static void key_name(const struct exits *e, const struct exit_key_row *key,
                     char buf[static KEY_NAME_BYTES])
{
    const enum exit_key_kind kind = (enum exit_key_kind)key->kind;
    char label[EXIT_KEY_LABEL_BYTES], device[EXIT_KEY_DEVICE_BYTES];

    report_exits_label(e, key, label);
    if (kind == EXIT_KEY_USER) {
        const bool failed = (key->value & EXIT_KEY_USER_ERRNO) != 0;
        snprintf(buf, KEY_NAME_BYTES, "%s%s", failed ? "" : "KVM_EXIT_", label);
        return;
    }
    const char *way = exit_key_way(kind);
    int len = snprintf(buf, KEY_NAME_BYTES, "%s %s%s%s", exit_key_kind_name(kind), way,
                       way[0] != '\0' ? " " : "", label);
    if (exit_key_device(kind, key->value, device)[0] != '\0')
        snprintf(buf + len, KEY_NAME_BYTES - (size_t)len, " (%s)", device);
}

/* Those of @kinds that there were most of in the interval. */
static void put_keys(const struct table *t, int indent, uint32_t kinds, uint64_t all)
{
    const struct exit_key_row *top[KEYS_SHOWN];
    size_t count = 0, others = 0;

    for (size_t i = 0; i < t->group->key_count; i++) {
        const struct exit_key_row *key = &t->group->keys[i];
        if (!is_key_shown(t, key, kinds))
            continue;
        if (count == KEYS_SHOWN) {
            others++;
            if (!is_before(key, top[count - 1]))
                continue;
            count--;
        }
        size_t at = count++;
        for (; at > 0 && is_before(key, top[at - 1]); at--)
            top[at] = top[at - 1];
        top[at] = key;
    }
    for (size_t i = 0; i < count; i++) {
        char name[KEY_NAME_BYTES];
        key_name(t->exits, top[i], name);
        put_counts(t, indent, name, top[i]->count, top[i]->interval_count, top[i]->interval_events,
                   all);
        fputc('\n', t->out);
    }
    if (others > 0)
        fprintf(t->out, "%*sand %zu more\n", indent, "", others);
}

/* Those that stand with no reason: each kind is a sum of its own. */
static void put_other_keys(const struct table *t, const char *title, uint32_t kinds)
{
    bool any = false;

    for (size_t i = 0; i < t->group->key_count; i++)
        any |= is_key_shown(t, &t->group->keys[i], kinds);
    if (!any)
        return;
    put_titles(t, title, NULL);
    for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++) {
        uint64_t all = 0;
        for (size_t i = 0; i < t->group->key_count; i++)
            if (t->group->keys[i].kind == kind)
                all += t->group->keys[i].interval_events;
        put_keys(t, 2, kinds & EXIT_KEY_BIT(kind), all);
    }
}

/* --- a VM ------------------------------------------------------------------------------------- */

static bool is_shown(const struct table *t, const struct exit_row *row)
{
    return !t->moved_only || row->interval.count > 0 || row->spent_ns > 0;
}

/* The reasons that are halts, or those that are not. */
static void put_reasons(const struct table *t, bool halts, const char *title, const char *share,
                        double whole_ns)
{
    bool any = false;

    for (size_t i = 0; i < t->reason_count; i++) {
        const struct exit_row *row = &t->reasons[i].row;
        if (row->is_halt != halts || !is_shown(t, row))
            continue;
        if (!any)
            put_titles(t, title, share);
        any = true;
        put_counts(t, 2, row->name, row->all.count, row->interval.count, row->interval.count,
                   t->group->interval_exits);
        put_times(t->out, row, whole_ns);
        fputc('\n', t->out);
        put_keys(t, 4, t->reasons[i].kinds, row->interval.count);
    }
}

/* A phrase of the sentence that @wrap writes. */
__attribute__((format(printf, 2, 3))) static void put_phrase(struct wrap *wrap, const char *format,
                                                             ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    wrap_words(wrap, text);
}

static void put_shares(const struct table *t)
{
    const struct figure guest = report_exits_share(t->exits, t->group, t->group->guest_ns);
    const struct figure halt = report_exits_share(t->exits, t->group, t->group->halt_ns);
    const struct figure work = report_exits_share(t->exits, t->group, t->group->work_ns);
    const struct figure cost = {.value = exit_group_cost(t->exits, t->group), .state = READING_OK};
    const bool has_shares = guest.state == READING_OK;
    const bool has_cost = t->exits->interval_s > 0 && t->group->threads > 0;
    struct wrap wrap = {t->out, 2, 4, 0};
    char buf[4][NUMBER_MAX];

    fputs("  ", t->out);
    put_phrase(&wrap, "exits counted for %.3f s%s",
               (double)(t->exits->facts.taken_ns - t->exits->facts.began_ns) / 1e9,
               t->exits->interval_s > 0 ? "," : "");
    if (t->exits->interval_s > 0)
        put_phrase(&wrap, "rates over %.3f s%s", t->exits->interval_s,
                   has_shares || has_cost ? ";" : "");
    if (has_shares) {
        /* They are of the time of those that were seen. */
        if (t->vcpus_seen < t->vcpu_count)
            put_phrase(&wrap, "%zu of %zu vCPUs seen;", t->vcpus_seen, t->vcpu_count);
        number_ratio(&guest, buf[0]);
        number_ratio(&halt, buf[1]);
        number_ratio(&work, buf[2]);
        put_phrase(&wrap, "in the guest %s, halted %s, exits %s%s", buf[0], buf[1], buf[2],
                   has_cost ? ";" : "");
    }
    if (has_cost) {
        number_ratio(&cost, buf[3]);
        put_phrase(&wrap, "counting takes %s, estimated", buf[3]);
    }
    fputc('\n', t->out);
    if (t->exits->host.exits == 0 && t->exits->host.events > 0)
        fputs("  no reasons: KVM reports no exits on this host, as where it emulates its guests\n",
              t->out);
}

static int by_rate(const void *a, const void *b)
{
    const struct exit_row *x = &((const struct reason *)a)->row;
    const struct exit_row *y = &((const struct reason *)b)->row;

    if (x->interval.count != y->interval.count)
        return x->interval.count < y->interval.count ? 1 : -1;
    if (x->all.count != y->all.count)
        return x->all.count < y->all.count ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* *@ret_others: kinds that stand with none of them. The caller frees it. NULL when memory is out.
 */
static struct reason *sorted_reasons(const struct exit_group *group, size_t *ret_count,
                                     uint32_t *ret_others)
{
    struct reason *reasons = calloc(group->row_count + 1, sizeof(*reasons));
    size_t homes[EXIT_KEY_COUNT], count = 0;

    if (reasons == NULL)
        return NULL;
    *ret_others = 0;
    report_exits_homes(group, homes);
    for (size_t i = 0; i < group->row_count; i++) {
        if (!report_exits_row(group, i, &reasons[count].row))
            continue;
        for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++)
            reasons[count].kinds |= homes[kind] == i ? EXIT_KEY_BIT(kind) : 0;
        count++;
    }
    for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++)
        *ret_others |= homes[kind] == REPORT_EXITS_NO_ROW ? EXIT_KEY_BIT(kind) : 0;
    qsort(reasons, count, sizeof(*reasons), by_rate);
    *ret_count = count;
    return reasons;
}

/* 0 or -ENOMEM. */
static int put_group(struct table *t, const struct exit_group *group)
{
    struct reason *reasons;
    uint32_t others;

    t->group = group;
    t->reasons = reasons = sorted_reasons(group, &t->reason_count, &others);
    if (reasons == NULL)
        return -ENOMEM;
    put_shares(t);
    put_reasons(t, false, "EXIT REASON", "TIME%", (double)group->work_ns);
    put_reasons(t, true, "WAITING, of all time", "TIME%",
                t->exits->interval_s * 1e9 * (double)group->threads);
    put_other_keys(t, "TO USER SPACE", others & EXIT_KEY_BIT(EXIT_KEY_USER));
    put_other_keys(t, "BEHIND EXITS, by kind", others & ~EXIT_KEY_BIT(EXIT_KEY_USER));
    free(reasons);
    return 0;
}

int exits_text_vm(FILE *out, const struct snapshot *s, size_t vm, bool moved_only)
{
    struct table t = {.out = out, .exits = s->exits, .moved_only = moved_only};
    const struct exit_group *group = report_exits_of_vm(s, vm);

    if (group == NULL || (moved_only && !report_exits_moved(group)))
        return 0;
    t.vcpus_seen = report_exits_seen(s, vm);
    t.vcpu_count = s->vms[vm].vcpu_count;
    return put_group(&t, group);
}

int exits_text_all(FILE *out, const struct snapshot *s, bool moved_only)
{
    struct table t = {.out = out, .exits = s->exits, .moved_only = moved_only};

    if (s->exits == NULL || s->exits->facts.state != EXITS_COUNTED)
        return 0;
    return put_group(&t, &s->exits->host);
}

void exits_text_vcpu(FILE *out, const struct snapshot *s, size_t vm,
                     const struct snapshot_vcpu *vcpu)
{
    const struct exit_group *group;
    char guest[NUMBER_MAX] = "GUEST%", halt[NUMBER_MAX] = "HALT%";

    if (report_exits_of_vm(s, vm) == NULL)
        return;
    if (vcpu != NULL) {
        group = report_exits_of_vcpu(s, vm, (size_t)(vcpu - s->vms[vm].vcpus));
        if (group == NULL)
            return;
        const struct figure in = report_exits_share(s->exits, group, group->guest_ns);
        const struct figure out_of = report_exits_share(s->exits, group, group->halt_ns);
        number_ratio(&in, guest);
        number_ratio(&out_of, halt);
    }
    fprintf(out, " %7s %6s", guest, halt);
}

void exits_text_host(FILE *out, const struct snapshot *s)
{
    const struct exits *e = s->exits;
    uint64_t lost = 0;

    if (e == NULL)
        return;
    if (e->facts.state == EXITS_FAILED)
        fprintf(out, "exits are not counted: %s\n", e->facts.why);
    for (size_t i = 0; i < EXIT_LOST_COUNT; i++)
        lost += e->facts.lost[i];
    lost += e->facts.missed;
    if (lost > 0)
        fprintf(out, "%llu events of exits are in no number, for lack of room or unseen\n",
                (unsigned long long)lost);
}
