// SPDX-License-Identifier: MIT
/*
 * Text for people: --once has a line for each VM and the counters of all together, or each VM with
 * all its counters where one is chosen; --log has a row per VM and interval.
 */
#include <stdlib.h>
#include <string.h>

#include "core/model/bpf_offer.h"
#include "ui/report/exits_text.h"
#include "ui/report/number.h"
#include "ui/report/report.h"
#include "ui/report/text_counters.h"
#include "ui/report/text_log.h"
#include "ui/report/text_vms.h"
#include "ui/report/wrap.h"

/* Most hosts have no TSC scaling: then there is no column either. */
static bool have_tsc_scaling(const struct snapshot_vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++)
        if (snapshot_tsc_scaling(&vm->vcpus[i]).state == READING_OK)
            return true;
    return false;
}

static void put_tsc_scaling(FILE *out, const struct snapshot_vcpu *vcpu)
{
    struct figure scaling = snapshot_tsc_scaling(vcpu);

    if (scaling.state == READING_OK)
        fprintf(out, " %11.6f", scaling.value);
    else
        fprintf(out, " %11s", reading_state_text((enum reading_state)scaling.state));
}

static size_t index_of(const struct snapshot *s, const struct snapshot_vm *vm)
{
    return (size_t)(vm - s->vms);
}

static void put_vcpus(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    int exits = field_table_find(s->fields, "exits");
    bool scaling = have_tsc_scaling(vm);

    if (vm->vcpu_count == 0)
        return;
    fprintf(out, "  %-5s %7s %7s %7s %10s %21s%s", "vCPU", "TID", "CPU%", "WAIT%", "exits/s",
            "tsc-offset", scaling ? " tsc-scaling" : "");
    exits_text_vcpu(out, s, index_of(s, vm), NULL);
    fputc('\n', out);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        const struct snapshot_vcpu *vcpu = &vm->vcpus[i];
        const struct reading *tsc = &vcpu->gauges[VCPU_TSC_OFFSET];
        char tid[16] = "n/a", cpu[NUMBER_MAX], wait[NUMBER_MAX], rate[NUMBER_MAX] = "n/a",
             offset[NUMBER_MAX];
        if (vcpu->tid > 0)
            snprintf(tid, sizeof(tid), "%d", (int)vcpu->tid);
        number_ratio(&vcpu->cpu_ratio, cpu);
        number_ratio(&vcpu->wait_ratio, wait);
        if (exits >= 0 && (size_t)exits < s->field_count)
            number_rate(&s->fields->fields[exits], &vcpu->values[exits].rate, rate);
        if (tsc->state == READING_OK)
            snprintf(offset, sizeof(offset), "%lld", (long long)(int64_t)tsc->raw);
        else
            snprintf(offset, sizeof(offset), "%s", reading_state_text(tsc->state));
        fprintf(out, "  %-5d %7s %7s %7s %10s %21s", vcpu->id, tid, cpu, wait, rate, offset);
        if (scaling)
            put_tsc_scaling(out, vcpu);
        exits_text_vcpu(out, s, index_of(s, vm), vcpu);
        fputc('\n', out);
    }
}

static void put_source(FILE *out, const struct snapshot *s, const char *what, uint8_t source,
                       uint8_t cause)
{
    fprintf(out, "%s from %s", what, reading_source_name(source));
    /* Lockdown stands in the first line. */
    if (cause != CAUSE_NONE &&
        !(host_is_locked_down(&s->host) && reading_cause_is_lockdown((enum reading_cause)cause)))
        fprintf(out, " (%s)", reading_cause_text(cause));
}

/* Where the numbers are from, or why there are none of now. */
static void put_sources(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    fputs("  ", out);
    if (vm->stale_cause != CAUSE_NONE) {
        fprintf(out, "not read: %s", reading_cause_text((enum reading_cause)vm->stale_cause));
        if (vm->stale_s > 0)
            fprintf(out, "; last read %.3f s before", vm->stale_s);
        fputc('\n', out);
        return;
    }
    put_source(out, s, "VM counters", vm->vm_source, vm->vm_cause);
    put_source(out, s, ", vCPU counters", vm->vcpu_source, vm->vcpu_cause);
    if (snapshot_interval_differs(vm->interval_s, s->interval_s))
        fprintf(out, ", rates over %.3f s", vm->interval_s);
    fputc('\n', out);
}

/* 0 or -ENOMEM. */
static int put_vm(const struct report *r, FILE *out, const struct snapshot *base,
                  const struct snapshot *s, const struct snapshot_vm *vm)
{
    char text[8][NUMBER_MAX + 16], number[NUMBER_MAX];
    struct wrap wrap = {out, 0, 2, 0};

    snprintf(text[0], sizeof(text[0]), "pid %d fd %d", (int)vm->id.pid, vm->id.fd);
    snprintf(text[1], sizeof(text[1]), "vCPUs %zu", vm->vcpu_count);
    number_ratio(&vm->cpu_ratio, number);
    snprintf(text[2], sizeof(text[2]), "CPU %s", number);
    number_ratio(&vm->wait_ratio, number);
    snprintf(text[3], sizeof(text[3]), "wait %s", number);
    number_reading_bytes(&vm->ram_bytes, number);
    snprintf(text[4], sizeof(text[4]), "RAM %s", number);
    number_reading_bytes(&vm->gauges[VM_RSS_BYTES], number);
    snprintf(text[5], sizeof(text[5]), "RSS %s", number);
    number_reading_bytes(&vm->mapped_bytes, number);
    snprintf(text[6], sizeof(text[6]), "mapped %s", number);
    const char *const parts[] = {
        vm->name, text[0], vm->vmm, text[1], text[2],
        text[3],  text[4], text[5], text[6], vm_migration_text((enum vm_migration)vm->migration)};

    fputc('\n', out);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i][0] != '\0' || i == 0)
            wrap_part(&wrap, "  ", parts[i]);
    fputc('\n', out);
    put_sources(out, s, vm);
    put_vcpus(out, s, vm);
    /* The line above has said why there is none. */
    int result = s->host_values == NULL ? text_counters(r, base, s, vm, out) : 0;
    return result < 0 ? result : exits_text_vm(out, s, index_of(s, vm), r->skip_zero);
}

static bool is_bpf_offered(const struct report *r, const struct snapshot *s)
{
    for (size_t i = 0; i < s->vm_count && host_is_locked_down(&s->host); i++)
        if (filter_vm(r->filter, &s->vms[i]) && bpf_offer_is_open(s, &s->vms[i]))
            return true;
    return false;
}

static void put_head(const struct report *r, FILE *out, const struct snapshot *s)
{
    char lockdown[64], vms[64], time[NUMBER_MAX], interval[40];
    struct wrap wrap = {out, 0, 2, 0};

    /* What is missing for lockdown is said here, for all VMs. */
    snprintf(lockdown, sizeof(lockdown), "lockdown %s%s", host_lockdown_name(s->host.lockdown),
             is_bpf_offered(r, s) ? " (--bpf reads what is denied)" : "");
    snprintf(vms, sizeof(vms), "%zu VM%s %zu vCPU%s", s->vm_count, s->vm_count == 1 ? "" : "s",
             s->vcpu_count, s->vcpu_count == 1 ? "" : "s");
    number_time(&s->wall, time);
    snprintf(interval, sizeof(interval), "interval %.3f s", s->interval_s);
    const char *const parts[] = {s->host.name, s->host.kernel, lockdown, vms, time, interval};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) - (s->interval_s > 0 ? 0 : 1); i++)
        wrap_part(&wrap, "  ", parts[i]);
    fputc('\n', out);
}

/* Of all VMs together. 0 or -ENOMEM. */
static int put_all(const struct report *r, FILE *out, const struct snapshot *base,
                   const struct snapshot *s)
{
    if (!filter_all_vms(r->filter) || (s->host_values == NULL && s->vm_count == 0))
        return 0;
    fprintf(out, "\nall VMs together%s\n",
            s->host_values != NULL ? "  totals of the kernel, which does not count each VM" : "");
    return text_counters(r, base, s, NULL, out);
}

static int text_once(const struct report *r, const struct snapshot *base, const struct snapshot *s,
                     FILE *out)
{
    /* Who names a VM wants to know all of it. */
    const bool is_overview = filter_all_vms(r->filter) && !r->verbose;
    int result = 0;

    put_head(r, out, s);
    exits_text_host(out, s);
    if (filter_all_vms(r->filter))
        result = text_vms(r, s, out);
    if (result == 0)
        result = put_all(r, out, base, s);
    if (is_overview)
        return result < 0 ? result : exits_text_all(out, s, r->skip_zero);
    for (size_t i = 0; i < s->vm_count && result == 0; i++)
        if (filter_vm(r->filter, &s->vms[i]))
            result = put_vm(r, out, base, s, &s->vms[i]);
    return result;
}

static int text_record(struct report *r, const struct snapshot *base, const struct snapshot *s,
                       FILE *out)
{
    return r->stream ? text_log(r, s, out) : text_once(r, base, s, out);
}

const struct report_format report_text = {
    .name = "text",
    .magic = "TIME ",
    .record = text_record,
};
