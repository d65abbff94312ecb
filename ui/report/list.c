// SPDX-License-Identifier: MIT
#include "ui/report/list.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "ui/report/json.h"
#include "ui/report/number.h"
#include "ui/report/wrap.h"

#define NAME_COLUMNS   24
#define MEANING_INDENT 4
#define SOURCE_INDENT  22 /* of what there is to say of a source */

static void count(struct list_source *l, const struct reading *reading)
{
    if (reading->state == READING_OK) {
        l->readable += reading->source == l->source;
        return;
    }
    if (reading_cause_source(reading->cause) != l->source)
        return;
    l->refused += reading->state == READING_DENIED;
    if (l->cause == CAUSE_NONE)
        l->cause = reading->cause;
}

/* What keeps BPF from giving anything, where its readings tell nothing of it. */
static enum reading_cause bpf_cause(const struct bpf_status *bpf)
{
    if (bpf->state == BPF_FAILED || (bpf->state == BPF_UNASKED && bpf->obstacle > BPF_POSSIBLE))
        return CAUSE_BPF_UNUSABLE;
    return bpf->state == BPF_UNASKED ? CAUSE_NOT_ASKED_FOR : CAUSE_NONE;
}

struct list_source list_source(const struct snapshot *s, const struct snapshot_vm *vm,
                               enum reading_source source)
{
    struct list_source l = {.source = source};

    for (size_t i = 0; i < s->field_count; i++)
        if (s->fields->fields[i].scope == FIELD_VM)
            count(&l, &vm->values[i].reading);
    for (int i = 0; i < VM_GAUGE_COUNT; i++)
        count(&l, &vm->gauges[i]);
    for (size_t v = 0; v < vm->vcpu_count; v++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[v];
        for (size_t i = 0; i < s->field_count; i++)
            if (s->fields->fields[i].scope == FIELD_VCPU)
                count(&l, &vcpu->values[i].reading);
        for (int i = 0; i < VCPU_GAUGE_COUNT; i++)
            count(&l, &vcpu->gauges[i]);
    }
    bool has_sums = source_gives(source) & GIVES_VCPU_SUMS;
    for (size_t i = 0; i < s->field_count && has_sums; i++)
        if (s->fields->fields[i].scope == FIELD_VCPU)
            count(&l, &vm->values[i].reading);
    if (l.cause == CAUSE_NONE && l.readable == 0) {
        uint8_t causes[] = {vm->vm_cause, vm->vcpu_cause};
        for (size_t i = 0; i < 2; i++)
            if (l.cause == CAUSE_NONE && reading_cause_source(causes[i]) == source)
                l.cause = causes[i];
    }
    if (source == SOURCE_BPF && l.cause == CAUSE_NONE && l.readable == 0)
        l.cause = bpf_cause(&s->bpf);
    return l;
}

static const char *usable_word(const struct list_source *l)
{
    if (l->readable > 0)
        return l->refused > 0 ? "partly" : "usable";
    return l->cause != CAUSE_NONE && l->cause != CAUSE_NOT_ASKED_FOR ? "no" : "not used";
}

/* Of BPF more is known than the cause tells. */
static const char *why_text(const struct list_source *l, const struct bpf_status *bpf)
{
    if (l->cause == CAUSE_NOT_ASKED_FOR && l->source == SOURCE_BPF)
        return "nobody asked for it (--bpf)";
    if (l->cause == CAUSE_BPF_UNUSABLE && bpf->state == BPF_FAILED)
        return bpf->why;
    if (l->cause == CAUSE_BPF_UNUSABLE && bpf->state == BPF_UNASKED)
        return bpf_obstacle_text((enum bpf_obstacle)bpf->obstacle);
    return reading_cause_text(l->cause);
}

static void text_source(const struct list_source *l, const struct bpf_status *bpf, FILE *out)
{
    const char *why = why_text(l, bpf);

    char counts[80];
    int len = 0;
    struct wrap wrap = {out, SOURCE_INDENT, SOURCE_INDENT, 0};

    if (l->readable > 0)
        len = snprintf(counts, sizeof(counts), "%zu number%s%s", l->readable,
                       l->readable == 1 ? "" : "s", l->refused > 0 ? ", " : "");
    if (l->refused > 0)
        len += snprintf(counts + len, sizeof(counts) - (size_t)len, "%zu refused", l->refused);
    if (len > 0)
        snprintf(counts + len, sizeof(counts) - (size_t)len, "%s", why[0] != '\0' ? ":" : "");
    fprintf(out, "    %-8s %-8s%s", reading_source_name(l->source), usable_word(l),
            len > 0 || why[0] != '\0' ? " " : "");
    if (len > 0)
        wrap_words(&wrap, counts);
    wrap_words(&wrap, why);
    fputc('\n', out);
}

static void put_note(FILE *out, const char *label, const char *text)
{
    struct wrap wrap = {out, strlen(label), strlen(label), 0};

    fputs(label, out);
    wrap_words(&wrap, text);
    fputc('\n', out);
}

static void text_vm(const struct snapshot *s, const struct snapshot_vm *vm, FILE *out)
{
    char ram[NUMBER_MAX], rss[NUMBER_MAX];
    size_t width = text_width(vm->name);

    number_reading_bytes(&vm->ram_bytes, ram);
    number_reading_bytes(&vm->gauges[VM_RSS_BYTES], rss);
    fprintf(out, "%8d %4d %s%*s %-16s %5zu %8s %8s\n", (int)vm->id.pid, vm->id.fd, vm->name,
            (int)(width < NAME_COLUMNS ? NAME_COLUMNS - width : 0), "", vm->vmm, vm->vcpu_count,
            ram, rss);
    for (enum reading_source i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++) {
        struct list_source l = list_source(s, vm, i);
        text_source(&l, &s->bpf, out);
    }
    if (vm->vcpus_by_fd_order)
        put_note(out, "    note     ",
                 "several VMs in one process: their vCPUs were told apart by "
                 "the order of descriptors only");
}

static int list_text(const struct snapshot *s, const struct filter *filter, FILE *out)
{
    size_t shown = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        if (!filter_vm(filter, &s->vms[i]))
            continue;
        if (shown++ == 0)
            fprintf(out, "%8s %4s %-*s %-16s %5s %8s %8s\n", "PID", "FD", NAME_COLUMNS, "NAME",
                    "VMM", "vCPUs", "RAM", "RSS");
        text_vm(s, &s->vms[i], out);
    }
    if (shown > 0 && s->host_values != NULL) {
        char text[400];
        snprintf(text, sizeof(text), "%s, which kvmlens -1 prints. %s",
                 reading_cause_text(CAUSE_HOST_TOTALS), reading_cause_fix(CAUSE_HOST_TOTALS));
        put_note(out, "note: ", text);
    }
    if (shown == 0)
        fputs("no VMs found; if VMs are running, kvmlens --doctor says what hides them\n", out);
    return ferror(out) ? -EIO : 0;
}

static json_t *json_sources(struct json_doc *doc, const struct snapshot *s,
                            const struct snapshot_vm *vm)
{
    json_t *object = json_object();

    for (enum reading_source i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++) {
        struct list_source l = list_source(s, vm, i);
        json_t *entry = json_object();
        json_put(doc, entry, "usable", json_boolean(l.readable > 0));
        json_put(doc, entry, "readable", json_integer((json_int_t)l.readable));
        json_put(doc, entry, "refused", json_integer((json_int_t)l.refused));
        if (l.cause != CAUSE_NONE)
            json_put_missing(doc, entry, "cause", READING_ABSENT, l.cause);
        json_put(doc, object, reading_source_name(l.source), entry);
    }
    return object;
}

static int list_json(const struct snapshot *s, const struct filter *filter, FILE *out)
{
    char time[NUMBER_MAX];
    struct json_doc build = {.failed = false}, *doc = &build;
    json_t *record = json_object(), *vms = json_array();

    number_time(&s->wall, time);
    json_put(doc, record, "schema", json_string("kvmlens-list/1"));
    json_put(doc, record, "time", json_string(time));
    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(filter, vm))
            continue;
        json_t *object = json_put_identity(doc, vm);
        json_put(doc, object, "sources", json_sources(doc, s, vm));
        json_put_item(doc, vms, object);
    }
    json_put(doc, record, "vms", vms);
    json_put_causes(doc, record, s);
    char *text = json_put_end(doc, record);
    if (text == NULL)
        return -ENOMEM;
    fprintf(out, "%s\n", text);
    free(text);
    return ferror(out) ? -EIO : 0;
}

int list_run(const struct snapshot *s, const struct filter *filter, bool json, FILE *out)
{
    return json ? list_json(s, filter, out) : list_text(s, filter, out);
}

/* Is it one of a VM that was chosen? One that this kernel has, but not for us, is. */
static bool has_field(const struct snapshot *s, const struct filter *filter, size_t field)
{
    if (filter_all_vms(filter))
        return true;
    for (size_t v = 0; v < s->vm_count; v++) {
        const struct reading *r = &s->vms[v].values[field].reading;
        if (filter_vm(filter, &s->vms[v]) && (r->state != READING_ABSENT || r->cause != CAUSE_NONE))
            return true;
    }
    return false;
}

int list_fields(const struct snapshot *s, const struct filter *filter, FILE *out)
{
    fprintf(out, "%-36s %-5s %-19s %s\n", "FIELD", "SCOPE", "KIND", "UNIT");
    for (size_t i = 0; i < s->field_count; i++) {
        if (!has_field(s, filter, i))
            continue;
        const struct field *f = &s->fields->fields[i];
        const struct field_known *known = field_known(f->name);
        char unit[NUMBER_MAX];
        if (f->exponent != 0)
            snprintf(unit, sizeof(unit), "%s*%d^%d", field_unit_name(f->unit), f->base,
                     f->exponent);
        else
            snprintf(unit, sizeof(unit), "%s", field_unit_name(f->unit));
        fprintf(out, "%-36s %-5s %-19s %s\n", f->name, field_scope_name(f->scope),
                field_kind_name(f->kind), unit);
        if (known == NULL)
            continue;
        struct wrap wrap = {out, MEANING_INDENT, MEANING_INDENT, 0};
        fprintf(out, "%*s", MEANING_INDENT, "");
        wrap_words(&wrap, known->text);
        fputc('\n', out);
    }
    if (s->field_count == 0)
        fputs("no fields: they come from running VMs, and none was found\n", out);
    return ferror(out) ? -EIO : 0;
}
