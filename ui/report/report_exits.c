// SPDX-License-Identifier: MIT
#include "ui/report/report_exits.h"

#include <string.h>

const struct exit_group *report_exits_of_vm(const struct snapshot *s, size_t vm)
{
    const struct exits *e = s->exits;

    if (e == NULL || e->facts.state != EXITS_COUNTED || vm >= e->vm_count)
        return NULL;
    return e->facts.pid == 0 || e->facts.pid == s->vms[vm].id.pid ? &e->vms[vm] : NULL;
}

const struct exit_group *report_exits_of_vcpu(const struct snapshot *s, size_t vm, size_t vcpu)
{
    size_t at = vcpu;

    if (report_exits_of_vm(s, vm) == NULL)
        return NULL;
    for (size_t i = 0; i < vm; i++)
        at += s->vms[i].vcpu_count;
    return at < s->exits->vcpu_count ? &s->exits->vcpus[at] : NULL;
}

size_t report_exits_seen(const struct snapshot *s, size_t vm)
{
    const struct exit_group *first = report_exits_of_vcpu(s, vm, 0);

    return first != NULL ? exit_groups_seen(first, s->vms[vm].vcpu_count) : 0;
}

bool report_exits_moved(const struct exit_group *group)
{
    return group != NULL && group->interval_events > 0;
}

static bool same_name(const struct exit_row *a, const struct exit_row *b)
{
    return strcmp(exit_isa_name((enum exit_isa)a->isa), exit_isa_name((enum exit_isa)b->isa)) ==
               0 &&
           strcmp(a->name, b->name) == 0;
}

static void add_times(struct exit_times *to, const struct exit_times *from)
{
    to->count += from->count;
    to->timed += from->timed;
    to->total_ns += from->total_ns;
    for (size_t b = 0; b < EXIT_BUCKETS; b++)
        to->buckets[b] += from->buckets[b];
}

static void add_row(struct exit_row *to, const struct exit_row *from)
{
    if (from->all.timed > 0) {
        to->min_ns = to->all.timed == 0 || from->min_ns < to->min_ns ? from->min_ns : to->min_ns;
        to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
    }
    add_times(&to->all, &from->all);
    add_times(&to->interval, &from->interval);
    to->spent_ns += from->spent_ns;
}

static bool is_first(const struct exit_group *group, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_name(&group->rows[k], &group->rows[i]))
            return false;
    return true;
}

bool report_exits_row(const struct exit_group *group, size_t i, struct exit_row *ret)
{
    if (!is_first(group, i))
        return false;
    *ret = group->rows[i];
    for (size_t k = i + 1; k < group->row_count; k++)
        if (same_name(&group->rows[k], ret))
            add_row(ret, &group->rows[k]);
    return true;
}

void report_exits_homes(const struct exit_group *group, size_t ret[static EXIT_KEY_COUNT])
{
    for (unsigned kind = 0; kind < EXIT_KEY_COUNT; kind++) {
        size_t found = 0;
        ret[kind] = REPORT_EXITS_NO_ROW;
        for (size_t i = 0; i < group->row_count; i++) {
            const struct exit_row *row = &group->rows[i];
            const uint32_t kinds = exit_reason_kinds((enum exit_isa)row->isa, row->reason);
            if ((kinds & EXIT_KEY_BIT(kind)) != 0 && is_first(group, i)) {
                ret[kind] = i;
                found++;
            }
        }
        if (found > 1)
            ret[kind] = REPORT_EXITS_NO_ROW;
    }
}

const char *report_exits_label(const struct exits *exits, const struct exit_key_row *key,
                               char buf[static EXIT_KEY_LABEL_BYTES])
{
    const char *name = NULL;

    if (key->kind == EXIT_KEY_USER)
        name = exits_name_of(exits, EXIT_ISA_USER, (uint32_t)key->value);
    else if (key->kind == EXIT_KEY_NESTED && exits->host.row_count > 0) /* a host has one kind */
        name = exits_name_of(exits, (enum exit_isa)exits->host.rows[0].isa, (uint32_t)key->value);
    return exit_key_label((enum exit_key_kind)key->kind, key->value, name, buf);
}

struct figure report_exits_rate(const struct exits *exits, uint64_t interval_count)
{
    if (exits->interval_s <= 0)
        return (struct figure){.state = READING_WARMUP};
    return (struct figure){.value = (double)interval_count / exits->interval_s,
                           .state = READING_OK};
}

struct figure report_exits_share(const struct exits *exits, const struct exit_group *group,
                                 uint64_t ns)
{
    if (group->threads == 0 || (group->exits == 0 && group->guest_ns == 0))
        return (struct figure){.state = READING_ABSENT};
    if (exits->interval_s <= 0)
        return (struct figure){.state = READING_WARMUP};
    return (struct figure){.value = (double)ns / (exits->interval_s * 1e9 * (double)group->threads),
                           .state = READING_OK};
}
