// SPDX-License-Identifier: MIT
#include "ui/report/partial.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text_file.h"
#include "core/find/host_fix.h"
#include "core/find/proc_fds.h"
#include "ui/report/wrap.h"

/* Not where it is a fact about the host or the user's own choice. */
static bool is_failure_to_read(uint8_t cause)
{
    return reading_cause_nature(cause) == CAUSE_IS_PROBLEM;
}

static bool is_failure(const struct reading *reading)
{
    bool missing = reading->state == READING_DENIED || reading->state == READING_STALE ||
                   (reading->state == READING_ABSENT && reading->cause != CAUSE_NONE);

    return missing && is_failure_to_read(reading->cause);
}

/* Processes of the chosen VMs that were not looked at as a whole. */
static size_t count_cut(const struct filter *filter, const struct snapshot *s)
{
    size_t count = 0;
    pid_t last = 0;

    if (filter_all_vms(filter))
        return s->cut_processes;
    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!vm->process_is_cut || vm->id.pid == last || !filter_vm(filter, vm))
            continue;
        last = vm->id.pid;
        count++;
    }
    return count;
}

bool partial_count_bpf(const struct snapshot *s, struct partial *partial)
{
    partial->bpf = s->bpf;
    return s->bpf.state == BPF_FAILED;
}

static bool count_exits(const struct snapshot *s, struct partial *partial)
{
    partial->exits = s->exits != NULL ? s->exits->facts : (struct exits_facts){0};
    return partial->exits.state == EXITS_FAILED;
}

bool partial_count_hidden(const struct filter *filter, const struct snapshot *s,
                          struct partial *partial)
{
    /* Who asked for one VM and got it has all of it. */
    bool all = filter_all_vms(filter);

    partial->host = s->host;
    partial->hidden_processes = all ? s->hidden_processes : 0;
    partial->hidden_pid = all ? s->hidden_pid : 0;
    partial->hidden_cause = s->hidden_cause;
    partial->hidden_vms = all ? s->hidden_vms : 0;
    partial->proc_hides = all && s->proc_hides;
    partial->cut_processes = count_cut(filter, s);
    bool failed = partial_count_bpf(s, partial);
    failed |= count_exits(s, partial);
    return partial->hidden_processes > 0 || partial->hidden_vms > 0 || partial->proc_hides ||
           partial->cut_processes > 0 || failed;
}

static void note_process(const struct snapshot_vm *vm, int cause, struct partial *partial)
{
    if (partial->causes[cause].pid == 0)
        partial->causes[cause].pid = vm->id.pid;
    partial->causes[cause].more_pids |= partial->causes[cause].pid != vm->id.pid;
}

/* A VM of which nothing is known, not even which counters it has. */
static bool count_bare(const struct snapshot_vm *vm, struct partial *partial)
{
    /* Any VM has its VM-level counters in debugfs, so what is wrong there says more than that a
     * VMM keeps no stats fds. */
    uint8_t cause = vm->vm_cause != CAUSE_NONE ? vm->vm_cause : vm->vcpu_cause;

    if (vm->vm_source != SOURCE_NONE || vm->vcpu_source != SOURCE_NONE || cause == CAUSE_NONE ||
        !is_failure_to_read(cause))
        return false;
    partial->causes[cause].bare_vms++;
    note_process(vm, cause, partial);
    return true;
}

bool partial_count_vm(const struct filter *filter, const struct snapshot *s,
                      const struct snapshot_vm *vm, struct partial *partial)
{
    bool seen[CAUSE_COUNT] = {false}, any = false;

    for (size_t f = 0; f < s->field_count; f++) {
        const struct reading *reading = &vm->values[f].reading;
        if (!is_failure(reading) || !filter_field(filter, &s->fields->fields[f]))
            continue;
        any = true;
        partial->causes[reading->cause].fields++;
        partial->unexplained[reading->state] += reading->cause == CAUSE_NONE;
        partial->causes[reading->cause].vms += !seen[reading->cause];
        note_process(vm, reading->cause, partial);
        seen[reading->cause] = true;
    }
    return any || count_bare(vm, partial);
}

static bool count_totals(const struct filter *filter, const struct snapshot *s,
                         struct partial *partial)
{
    bool any = false;

    for (size_t f = 0; f < s->field_count; f++) {
        const struct reading *reading = &s->host_values[f].reading;
        if (!is_failure(reading) || !filter_field(filter, &s->fields->fields[f]))
            continue;
        partial->causes[reading->cause].totals++;
        any = true;
    }
    return any;
}

bool partial_count(const struct filter *filter, const struct snapshot *s, struct partial *partial)
{
    bool any = false;

    memset(partial->unexplained, 0, sizeof(partial->unexplained));
    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        partial->causes[cause].fields = partial->causes[cause].vms =
            partial->causes[cause].bare_vms = partial->causes[cause].totals = 0;
        partial->causes[cause].pid = 0;
        partial->causes[cause].more_pids = false;
    }
    if (s->host_values != NULL && filter_all_vms(filter))
        any = count_totals(filter, s, partial);
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]))
            any |= partial_count_vm(filter, s, &s->vms[i], partial);
    return partial_count_hidden(filter, s, partial) || any;
}

static void tell_hidden(struct partial *partial, FILE *out)
{
    char fix[HOST_FIX_MAX], which[64] = "";

    if (partial->hidden_told ||
        (partial->hidden_processes + partial->hidden_vms + partial->cut_processes == 0 &&
         !partial->proc_hides))
        return;
    partial->hidden_told = true;
    if (partial->hidden_pid != 0)
        snprintf(which, sizeof(which), " (%d%s)", (int)partial->hidden_pid,
                 partial->hidden_processes == 1 ? "" : " and others");
    host_fix_cause(&partial->host, partial->hidden_cause, fix);
    if (partial->hidden_processes > 0)
        fprintf(out, "kvmlens: %zu process%s%s could not be looked into and may have VMs: %s%s%s\n",
                partial->hidden_processes, partial->hidden_processes == 1 ? "" : "es", which,
                reading_cause_text(partial->hidden_cause), fix[0] != '\0' ? ". " : "", fix);
    if (partial->proc_hides)
        fprintf(
            out,
            "kvmlens: /proc hides the processes of other users (hidepid), which may have VMs. %s\n",
            host_fix_caps(&partial->host, HOST_CAP(CAP_SYS_PTRACE), fix));
    if (partial->hidden_vms > 0)
        fprintf(out,
                "kvmlens: %zu VM%s of debugfs belong%s to no process that can be seen from here. "
                "Run in the pid namespace of the host, with a /proc that hides nothing.\n",
                partial->hidden_vms, partial->hidden_vms == 1 ? "" : "s",
                partial->hidden_vms == 1 ? "s" : "");
    if (partial->cut_processes > 0)
        fprintf(out,
                "kvmlens: %zu process%s so many descriptors, VMs or vCPUs that the rest was left "
                "out: at most %d descriptors, %d of them of KVM, and %d VMs of a process are "
                "looked at. VMs may be missing.\n",
                partial->cut_processes, partial->cut_processes == 1 ? " has" : "es have",
                PROC_FDS_LOOKED_AT_MAX, PROC_FDS_MAX, PROC_FDS_VMS_MAX);
}

static void tell_unestimated(struct partial *partial, FILE *out)
{
    size_t vms = partial->unestimated_vms;

    if (vms == 0 || partial->unestimated_told)
        return;
    partial->unestimated_told = true;
    fprintf(out,
            "kvmlens: %zu VM%s no estimate yet: there was no time for %s. A log, or the next run "
            "with the same --output, continues there.\n",
            vms, vms == 1 ? " has" : "s have", vms == 1 ? "it" : "them");
}

static void tell_failed_estimates(struct partial *partial, FILE *out)
{
    size_t vms = partial->failed_estimates;
    int pid = (int)partial->failed_estimate_pid;

    if (vms == 0 || partial->failed_estimates_told)
        return;
    partial->failed_estimates_told = true;
    fprintf(out,
            "kvmlens: the RAM of %zu VM%s (process %d%s) could not be estimated; kvmlens --scan %d "
            "tells why\n",
            vms, vms == 1 ? "" : "s", pid, vms == 1 ? "" : " and others", pid);
}

static void tell_unforecast(struct partial *partial, FILE *out)
{
    size_t vms = partial->unforecast_vms;

    if (vms == 0 || partial->unforecast_told)
        return;
    partial->unforecast_told = true;
    fprintf(out,
            "kvmlens: %zu VM%s no forecast yet: there was no time for %s. A log, or the next run "
            "with the same --output, continues there.\n",
            vms, vms == 1 ? " has" : "s have", vms == 1 ? "it" : "them");
}

static void tell_failed_forecasts(struct partial *partial, FILE *out)
{
    size_t vms = partial->failed_forecasts;
    int pid = (int)partial->failed_forecast_pid;

    if (vms == 0 || partial->failed_forecasts_told)
        return;
    partial->failed_forecasts_told = true;
    fprintf(out,
            "kvmlens: there is no forecast for %zu VM%s (process %d%s); kvmlens --forecast %d "
            "tells why\n",
            vms, vms == 1 ? "" : "s", pid, vms == 1 ? "" : " and others", pid);
}

/* " (process 5164 and others)", where something is missing that is needed for that process. */
static const char *which_processes(const struct partial *partial, int cause, char out[64])
{
    bool is_of_a_process =
        cause == CAUSE_SLOW || cause == CAUSE_STUCK ||
        (reading_cause_needs((enum reading_cause)cause) & HOST_CAP(CAP_SYS_PTRACE)) != 0;

    out[0] = '\0';
    if (is_of_a_process)
        snprintf(out, 64, " (process %d%s)", (int)partial->causes[cause].pid,
                 partial->causes[cause].more_pids ? " and others" : "");
    return out;
}

static void tell_bpf(struct partial *partial, FILE *out)
{
    if (partial->bpf.state != BPF_FAILED || partial->bpf_told)
        return;
    partial->bpf_told = true;
    fprintf(out, "kvmlens: BPF was not loaded: %s\n", partial->bpf.why);
}

static void tell_exits(struct partial *partial, FILE *out)
{
    if (partial->exits.state != EXITS_FAILED || partial->exits_told)
        return;
    partial->exits_told = true;
    fprintf(out, "kvmlens: exits were not counted: %s\n", partial->exits.why);
}

void partial_leave_lockdown(struct partial *partial)
{
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        partial->causes[cause].told |= reading_cause_is_lockdown((enum reading_cause)cause);
}

static void tell_all(struct partial *partial, FILE *out)
{
    char text[HOST_FIX_REPORT_MAX], which[64];

    for (int cause = 0; cause < CAUSE_COUNT; cause++) {
        size_t fields = partial->causes[cause].fields, vms = partial->causes[cause].vms;
        size_t bare = partial->causes[cause].bare_vms, totals = partial->causes[cause].totals;
        const char *why = reading_cause_text((enum reading_cause)cause);
        const char *fix =
            host_fix_report(&partial->host, &partial->bpf, (enum reading_cause)cause, text);
        if (fields + bare + totals == 0 || partial->causes[cause].told)
            continue;
        partial->causes[cause].told = true;
        if (fields > 0)
            fprintf(out, "kvmlens: %zu counter%s of %zu VM%s%s could not be read", fields,
                    fields == 1 ? "" : "s", vms, vms == 1 ? "" : "s",
                    which_processes(partial, cause, which));
        else if (bare > 0)
            fprintf(out, "kvmlens: not one counter of %zu VM%s%s could be read", bare,
                    bare == 1 ? "" : "s", which_processes(partial, cause, which));
        else
            fprintf(out, "kvmlens: %zu total%s of all VMs could not be read", totals,
                    totals == 1 ? "" : "s");
        fprintf(out, ": %s%s%s\n", why[0] != '\0' ? why : "cause not known",
                fix[0] != '\0' ? ". " : "", fix);
    }
    tell_hidden(partial, out);
    tell_bpf(partial, out);
    tell_exits(partial, out);
    tell_unestimated(partial, out);
    tell_failed_estimates(partial, out);
    tell_unforecast(partial, out);
    tell_failed_forecasts(partial, out);
}

/* Lines of a terminal end between words. */
static void put_wrapped(char *text, FILE *out)
{
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        struct wrap wrap = {out, 0, 2, 0};
        *end = '\0';
        wrap_words(&wrap, line);
        fputc('\n', out);
    }
}

void partial_tell(struct partial *partial, FILE *out)
{
    struct text_file file;
    char *text;
    size_t len;

    if (isatty(fileno(out)) != 1 || text_file_open(&file) < 0) {
        tell_all(partial, out);
        return;
    }
    tell_all(partial, file.out);
    if (text_file_close(&file, &text, &len) < 0)
        return;
    put_wrapped(text, out);
    free(text);
}
