/* SPDX-License-Identifier: MIT */
/*
 * What could not be read, and why: the reasons behind exit status 3.
 *
 * A number that this kernel does not have, or that the user excluded, is not a failure. A process
 * that may hide VMs is one, and so is BPF that was asked for and could not be loaded, or exits that
 * were and could not be counted.
 */
#ifndef KVMLENS_UI_REPORT_PARTIAL_H
#define KVMLENS_UI_REPORT_PARTIAL_H

#include <stdbool.h>
#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/choose/filter.h"

/* Per cause: how many fields of how many VMs. Zeroed memory is an empty one. */
struct partial {
    struct {
        size_t fields, vms;
        size_t totals; /* of all VMs together, where the kernel counts none apart */
        size_t bare_vms; /* of which not even the names of the counters are known */
        pid_t pid; /* of one of these VMs, 0 = of none */
        bool more_pids; /* there are other processes beside that */
        bool told;
    } causes[CAUSE_COUNT];
    /* Those fields of causes[CAUSE_NONE] by their state, which is all that is known of them. */
    size_t unexplained[READING_STATE_COUNT];
    size_t hidden_processes, hidden_vms, cut_processes;
    bool proc_hides;
    pid_t hidden_pid; /* one of the hidden processes, 0 = of none is known */
    enum reading_cause hidden_cause; /* why that one could not be looked into */
    bool hidden_told;
    size_t unestimated_vms; /* set by who takes estimates: for lack of time */
    bool unestimated_told;
    size_t failed_estimates; /* set by who takes estimates: VMs that could not be estimated */
    pid_t failed_estimate_pid;
    bool failed_estimates_told;
    size_t unforecast_vms, failed_forecasts; /* likewise of who makes forecasts */
    pid_t failed_forecast_pid;
    bool unforecast_told, failed_forecasts_told;
    struct bpf_status bpf;
    bool bpf_told;
    struct exits_facts exits; /* EXITS_UNASKED too */
    bool exits_told;
    struct host host; /* what we may do decides what helps */
};

/*
 * partial_count - counts anew, from the chosen VMs and fields of a snapshot; what was told stays.
 * True when anything failed.
 */
bool partial_count(const struct filter *filter, const struct snapshot *s, struct partial *partial);

/* partial_count_hidden - the part of it that is about no numbers: some VMs may hide from us, and
 * BPF or exits may have failed. */
bool partial_count_hidden(const struct filter *filter, const struct snapshot *s,
                          struct partial *partial);

/* partial_count_vm - adds those of one VM. True when anything failed. */
bool partial_count_vm(const struct filter *filter, const struct snapshot *s,
                      const struct snapshot_vm *vm, struct partial *partial);

/* partial_count_bpf - of that BPF alone. */
bool partial_count_bpf(const struct snapshot *s, struct partial *partial);

/* partial_leave_lockdown - what is missing for lockdown is said elsewhere: partial_tell does not.
 */
void partial_leave_lockdown(struct partial *partial);

/* partial_tell - one line per cause not told before: what is missing, the cause, what helps. */
void partial_tell(struct partial *partial, FILE *out);

#endif
