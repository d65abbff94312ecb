// SPDX-License-Identifier: MIT
#include "ui/report/exits_json.h"

#include "ui/report/report_exits.h"

/* The words of the kernel, as trace-cmd and perf have them. */
static const char *const event_names[EXITS_EVENT_COUNT] = {
    [EXITS_EVENT_EXIT] = "kvm_exit",           [EXITS_EVENT_PIO] = "kvm_pio",
    [EXITS_EVENT_MMIO] = "kvm_mmio",           [EXITS_EVENT_MSR] = "kvm_msr",
    [EXITS_EVENT_CPUID] = "kvm_cpuid",         [EXITS_EVENT_HYPERCALL] = "kvm_hypercall",
    [EXITS_EVENT_USER] = "kvm_userspace_exit", [EXITS_EVENT_NESTED] = "kvm_nested_vmexit",
};

static json_t *json_lost(struct json_doc *doc, const struct exits_facts *facts)
{
    static const char *const names[EXIT_LOST_COUNT] = {
        [EXIT_LOST_THREADS] = "threads",
        [EXIT_LOST_REASONS] = "reasons",
        [EXIT_LOST_KEYS] = "keys",
    };
    json_t *object = json_object();

    for (size_t i = 0; i < EXIT_LOST_COUNT; i++)
        json_put(doc, object, names[i], json_put_u64(facts->lost[i]));
    return object;
}

void exits_json_host(struct json_doc *doc, json_t *host, const struct snapshot *s)
{
    const struct exits *e = s->exits;
    json_t *object, *events;

    if (e == NULL || e->facts.state == EXITS_UNASKED)
        return;
    object = json_object();
    json_put(doc, host, "exits", object);
    json_put(doc, object, "state",
             json_string(e->facts.state == EXITS_COUNTED ? "counted" : "failed"));
    if (e->facts.why[0] != '\0')
        json_put(doc, object, "why", json_put_text(e->facts.why));
    if (e->facts.state != EXITS_COUNTED)
        return;
    if (e->interval_s > 0)
        json_put(doc, object, "interval_s", json_real(e->interval_s));
    json_put(doc, object, "since_s",
             json_real((double)(e->facts.taken_ns - e->facts.began_ns) / 1e9));
    if (e->facts.pid != 0)
        json_put(doc, object, "pid", json_integer(e->facts.pid));
    events = json_array();
    for (unsigned i = 0; i < EXITS_EVENT_COUNT; i++)
        if ((e->facts.events & 1u << i) != 0)
            json_put_item(doc, events, json_string(event_names[i]));
    json_put(doc, object, "events", events);
    json_put(doc, object, "lost", json_lost(doc, &e->facts));
    json_put(doc, object, "missed", json_put_u64(e->facts.missed));
    json_put(doc, object, "strangers", json_put_u64(e->strangers));
    if (e->interval_s > 0 && e->host.threads > 0)
        json_put(doc, object, "cost_ratio", json_real(exit_group_cost(e, &e->host)));
}

static json_t *json_key(struct json_doc *doc, const struct exits *e, const struct exit_key_row *key)
{
    const enum exit_key_kind kind = (enum exit_key_kind)key->kind;
    json_t *object = json_object();
    const struct figure rate = report_exits_rate(e, key->interval_count);
    char label[EXIT_KEY_LABEL_BYTES], device[EXIT_KEY_DEVICE_BYTES];

    json_put(doc, object, "kind", json_string(exit_key_kind_name(kind)));
    json_put(doc, object, "key", json_put_text(report_exits_label(e, key, label)));
    if (exit_key_way(kind)[0] != '\0')
        json_put(doc, object, "way", json_string(exit_key_way(kind)));
    if (exit_key_device(kind, key->value, device)[0] != '\0')
        json_put(doc, object, "device", json_string(device));
    json_put(doc, object, "count", json_put_u64(key->count));
    json_put_figure(doc, object, "rate", &rate);
    return object;
}

/* The keys whose home is @home. */
static json_t *json_keys(struct json_doc *doc, const struct exits *e,
                         const struct exit_group *group, const size_t homes[EXIT_KEY_COUNT],
                         size_t home)
{
    json_t *array = json_array();

    for (size_t i = 0; i < group->key_count; i++)
        if (homes[group->keys[i].kind] == home)
            json_put_item(doc, array, json_key(doc, e, &group->keys[i]));
    return array;
}

/* Without the zeros behind the last bucket that has something. */
static json_t *json_histogram(struct json_doc *doc, const struct exit_times *times)
{
    json_t *array = json_array();
    size_t count = EXIT_BUCKETS;

    while (count > 0 && times->buckets[count - 1] == 0)
        count--;
    for (size_t i = 0; i < count; i++)
        json_put_item(doc, array, json_put_u64(times->buckets[i]));
    return array;
}

static json_t *json_reason(struct json_doc *doc, const struct exits *e,
                           const struct exit_group *group, const struct exit_row *row)
{
    json_t *object = json_object();
    const struct figure rate = report_exits_rate(e, row->interval.count);
    const struct figure share = report_exits_share(e, group, row->spent_ns);

    json_put(doc, object, "reason", json_put_text(row->name));
    json_put(doc, object, "isa", json_string(exit_isa_name((enum exit_isa)row->isa)));
    if (row->is_halt)
        json_put(doc, object, "halt", json_true());
    json_put(doc, object, "count", json_put_u64(row->all.count));
    json_put_figure(doc, object, "rate", &rate);
    json_put(doc, object, "timed", json_put_u64(row->all.timed));
    if (row->all.timed == 0)
        return object;
    json_put(doc, object, "time_ns", json_put_u64(row->all.total_ns));
    json_put(doc, object, "min_ns", json_put_u64(row->min_ns));
    json_put(doc, object, "max_ns", json_put_u64(row->max_ns));
    json_put_figure(doc, object, "time_ratio", &share);
    json_put(doc, object, "histogram", json_histogram(doc, &row->all));
    return object;
}

void exits_json_group(struct json_doc *doc, json_t *object, const struct snapshot *s,
                      const struct exit_group *group)
{
    const struct exits *e = s->exits;
    size_t homes[EXIT_KEY_COUNT];
    struct exit_row row;
    json_t *reasons;

    if (group == NULL)
        return;
    const struct figure guest = report_exits_share(e, group, group->guest_ns);
    const struct figure halt = report_exits_share(e, group, group->halt_ns);
    json_put_figure(doc, object, "guest_ratio", &guest);
    json_put_figure(doc, object, "halt_ratio", &halt);
    reasons = json_array();
    report_exits_homes(group, homes);
    for (size_t i = 0; i < group->row_count; i++) {
        if (!report_exits_row(group, i, &row))
            continue;
        json_t *reason = json_reason(doc, e, group, &row);
        json_put(doc, reason, "keys", json_keys(doc, e, group, homes, i));
        json_put_item(doc, reasons, reason);
    }
    json_put(doc, object, "exits", reasons);
    json_put(doc, object, "exit_keys", json_keys(doc, e, group, homes, REPORT_EXITS_NO_ROW));
}

void exits_json_seen(struct json_doc *doc, json_t *object, const struct snapshot *s, size_t vm)
{
    if (report_exits_of_vm(s, vm) != NULL)
        json_put(doc, object, "vcpus_seen", json_put_u64(report_exits_seen(s, vm)));
}
