// SPDX-License-Identifier: MIT
#include "ui/report/exits_csv.h"

#include <stdio.h>

#include "ui/report/report_exits.h"

static void put_ratio(const struct csv_row *row, const char *name, struct figure ratio)
{
    csv_begin(row, name, -1, field_kind_name(FIELD_INSTANT), "ratio", 0);
    csv_figure(row->out, &ratio);
    fputc(',', row->out);
    csv_end(row, ratio.state, ratio.cause);
}

/* @exponent of the unit. */
static void put_counter(const struct csv_row *row, const char *name, enum field_unit unit,
                        int exponent, uint64_t count, struct figure rate)
{
    csv_begin(row, name, -1, field_kind_name(FIELD_CUMULATIVE), field_unit_name(unit), exponent);
    fprintf(row->out, "%llu,", (unsigned long long)count);
    csv_figure(row->out, &rate);
    csv_end(row, rate.state, rate.cause);
}

static void put_reason(const struct csv_row *row, const struct exits *e,
                       const struct exit_row *reason)
{
    char name[EXIT_NAME_BYTES + 20];

    snprintf(name, sizeof(name), "exit:%s", reason->name);
    put_counter(row, name, FIELD_NONE, 0, reason->all.count,
                report_exits_rate(e, reason->interval.count));
    if (reason->all.timed == 0)
        return;
    snprintf(name, sizeof(name), "exit_time:%s", reason->name);
    put_counter(row, name, FIELD_SECONDS, -9, reason->all.total_ns,
                report_exits_rate(e, reason->interval.total_ns));
}

static void put_key(const struct csv_row *row, const struct exits *e,
                    const struct exit_key_row *key)
{
    const enum exit_key_kind kind = (enum exit_key_kind)key->kind;
    const char *way = exit_key_way(kind);
    char label[EXIT_KEY_LABEL_BYTES], name[EXIT_KEY_LABEL_BYTES + 40];

    snprintf(name, sizeof(name), "exit_key:%s:%s%s%s", exit_key_kind_name(kind),
             report_exits_label(e, key, label), way[0] != '\0' ? ":" : "", way);
    put_counter(row, name, FIELD_NONE, 0, key->count, report_exits_rate(e, key->interval_count));
}

void exits_csv_group(const struct csv_row *row, const struct snapshot *s,
                     const struct exit_group *group)
{
    const struct exits *e = s->exits;
    struct exit_row reason;

    if (group == NULL)
        return;
    put_ratio(row, "guest_ratio", report_exits_share(e, group, group->guest_ns));
    put_ratio(row, "halt_ratio", report_exits_share(e, group, group->halt_ns));
    for (size_t i = 0; i < group->row_count; i++)
        if (report_exits_row(group, i, &reason))
            put_reason(row, e, &reason);
    for (size_t i = 0; i < group->key_count; i++)
        put_key(row, e, &group->keys[i]);
}
