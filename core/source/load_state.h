/* SPDX-License-Identifier: MIT */
/*
 * Load: what the threads of vCPUs do, looked at once in a tick, and where they may run.
 *
 * A vCPU whose guest runs or is halted is in KVM_RUN, and one that somebody paused is not: it
 * sleeps in the VMM. The look that tells this (/proc/PID/task/TID/syscall) needs the right to
 * trace the process; without it only who does not sleep is known.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_STATE_H
#define KVMLENS_CORE_SOURCE_LOAD_STATE_H

#include "core/model/sample.h"
#include "core/source/load_env.h"

/* Files of the thread of a vCPU. */
struct vcpu_files {
    struct kept_file syscall, stat;
};
#define VCPU_FILES_NONE ((struct vcpu_files){KEPT_NONE, KEPT_NONE})

/* vcpu_files_drop - close what is open. */
void vcpu_files_drop(struct vcpu_files *files);

/*
 * load_look - VM_LOOK of @sv, and with LOAD_VCPUS also what is known of each vCPU. Of the VM alone
 * no more threads are asked than needed. @files: of its vCPUs; NULL: nothing is kept. @is_stopped,
 * @is_frozen: its process is.
 */
void load_look(const struct load_env *env, struct vcpu_files *files, bool is_stopped,
               bool is_frozen, struct sample_vm *sv);

/*
 * load_find_affinity - on which CPUs the threads of the vCPUs of @vm may run, before the sample of
 * this tick is laid out. Looked up once in some ticks.
 */
void load_find_affinity(const struct load_env *env, struct vm *vm);

#endif
