// SPDX-License-Identifier: MIT
#include "core/source/load_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/parse_load.h"
#include "core/model/vm_load.h"

#define AFFINITY_TICKS 16 /* people pin vCPUs */
#define STATUS_BYTES   8192

void vcpu_files_drop(struct vcpu_files *files)
{
    kept_drop(&files->syscall);
    kept_drop(&files->stat);
}

static uint64_t tick_ns(void)
{
    return 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* --- one look --------------------------------------------------------------------------------- */

static struct reading look_of(enum vcpu_look look)
{
    return reading_ok(look, SOURCE_PROC);
}

/* Where it sleeps, if it does. */
static struct reading read_syscall(const struct load_env *env, struct vcpu_files *files, pid_t pid,
                                   pid_t tid)
{
    static const enum vcpu_look looks[] = {
        [PROC_SYSCALL_RUNNING] = VCPU_LOOK_RUNS,
        [PROC_SYSCALL_KVM_RUN] = VCPU_LOOK_SLEEPS,
        [PROC_SYSCALL_OTHER] = VCPU_LOOK_OUTSIDE,
    };
    char path[80], text[256];
    enum proc_syscall call;

    snprintf(path, sizeof(path), "proc/%d/task/%d/syscall", (int)pid, (int)tid);
    ssize_t n =
        kept_read(env, files != NULL ? &files->syscall : NULL, tid, path, text, sizeof(text));
    if (n < 0) {
        /* Its CPU time was read in this tick: what is missing is the file. */
        enum reading_cause cause = reading_cause_of_error((int)n, CAUSE_NO_PTRACE);
        return reading_of_cause(n == -ENOENT ? CAUSE_NOT_IN_KERNEL : cause);
    }
    return parse_proc_syscall(text, &call) ? look_of(looks[call])
                                           : reading_of_cause(CAUSE_READ_ERROR);
}

/* A look at a vCPU with all that its stat tells: who does not sleep needs no other. */
static struct reading read_stat(const struct load_env *env, struct vcpu_files *files, pid_t pid,
                                struct sample_vcpu *vcpu)
{
    char path[80], text[1024];
    struct proc_thread thread;
    struct reading *g = vcpu->gauges;

    snprintf(path, sizeof(path), "proc/%d/task/%d/stat", (int)pid, (int)vcpu->tid);
    ssize_t n =
        kept_read(env, files != NULL ? &files->stat : NULL, vcpu->tid, path, text, sizeof(text));
    if (n < 0 || !parse_proc_thread(text, &thread)) {
        struct reading missing =
            n < 0 ? load_failed((int)n) : reading_of_cause(CAUSE_NOT_IN_KERNEL);
        g[VCPU_GUEST_NS] = missing;
        if (g[VCPU_HOST_CPU].state != READING_OK)
            g[VCPU_HOST_CPU] = missing;
        return missing;
    }
    g[VCPU_GUEST_NS] = reading_ok(thread.guest_ticks * tick_ns(), SOURCE_PROC);
    if (g[VCPU_HOST_CPU].state != READING_OK) /* BPF is exact */
        g[VCPU_HOST_CPU] = reading_ok((uint64_t)thread.cpu, SOURCE_PROC);
    switch (thread.state) {
    case 'R':
        return look_of(VCPU_LOOK_RUNS);
    case 'T':
    case 't':
        return look_of(VCPU_LOOK_STOPPED);
    case 'D':
        return look_of(VCPU_LOOK_BLOCKED);
    default:
        return read_syscall(env, files, pid, vcpu->tid);
    }
}

static void read_vcpu(const struct load_env *env, struct vcpu_files *files, pid_t pid,
                      struct sample_vcpu *vcpu)
{
    struct reading *g = vcpu->gauges;
    struct reading missing = reading_of_cause(CAUSE_NO_THREAD_ID);

    if (vcpu->tid == 0) {
        g[VCPU_LOOK] = g[VCPU_GUEST_NS] = g[VCPU_CPU_COUNT] = missing;
        if (g[VCPU_HOST_CPU].state != READING_OK)
            g[VCPU_HOST_CPU] = missing;
        return;
    }
    g[VCPU_LOOK] = read_stat(env, files, pid, vcpu);
    unsigned count = vcpu->cpus_allowed != NULL ? parse_cpu_list(vcpu->cpus_allowed) : 0;
    g[VCPU_CPU_COUNT] =
        count > 0 ? reading_ok(count, SOURCE_PROC) : reading_of_cause(CAUSE_READ_ERROR);
}

/* --- of a VM ---------------------------------------------------------------------------------- */

/*
 * One thread in KVM_RUN, or one that does not sleep, and the VM runs. It is paused only if all of
 * them are known to sleep outside.
 */
static struct reading vm_look(const struct load_env *env, struct vcpu_files *files,
                              const struct sample_vm *sv)
{
    bool is_done = (env->wishes & LOAD_VCPUS) != 0;
    struct reading missing = reading_of_cause(CAUSE_NO_THREAD_ID);
    bool all_outside = sv->vcpu_count > 0;

    for (size_t k = 0; k < sv->vcpu_count; k++) {
        const struct sample_vcpu *vcpu = &sv->vcpus[k];
        struct reading look = is_done          ? vcpu->gauges[VCPU_LOOK]
                              : vcpu->tid == 0 ? reading_of_cause(CAUSE_NO_THREAD_ID)
                                               : read_syscall(env, files != NULL ? &files[k] : NULL,
                                                              sv->id.pid, vcpu->tid);
        if (look.state != READING_OK) {
            all_outside = false;
            missing = look;
        } else if (look.raw == VCPU_LOOK_RUNS || look.raw == VCPU_LOOK_SLEEPS ||
                   look.raw == VCPU_LOOK_BLOCKED) {
            return reading_ok(VM_LOOK_RUNS, SOURCE_PROC);
        }
    }
    return all_outside ? reading_ok(VM_LOOK_OUTSIDE, SOURCE_PROC) : missing;
}

void load_look(const struct load_env *env, struct vcpu_files *files, bool is_stopped,
               bool is_frozen, struct sample_vm *sv)
{
    beacon_at(env->beacon, sv->id.pid, BEACON_READ_PROC);
    for (size_t k = 0; k < sv->vcpu_count && (env->wishes & LOAD_VCPUS) != 0; k++)
        read_vcpu(env, files != NULL ? &files[k] : NULL, sv->id.pid, &sv->vcpus[k]);
    if ((env->wishes & LOAD_STATE) == 0)
        return;
    if (is_frozen || is_stopped)
        sv->gauges[VM_LOOK] = reading_ok(is_frozen ? VM_LOOK_FROZEN : VM_LOOK_STOPPED, SOURCE_PROC);
    else
        sv->gauges[VM_LOOK] = vm_look(env, files, sv);
}

/* --- affinity --------------------------------------------------------------------------------- */

/* NULL: not known, or too long to be kept. */
static char *read_affinity(const struct load_env *env, pid_t pid, pid_t tid)
{
    static const char key[] = "\nCpus_allowed_list:\t";
    char path[80], text[STATUS_BYTES];

    snprintf(path, sizeof(path), "proc/%d/task/%d/status", (int)pid, (int)tid);
    ssize_t n = rootfs_read(env->root, path, text, sizeof(text));
    const char *list = n > 0 ? strstr(text, key) : NULL;
    if (list == NULL)
        return NULL;
    list += strlen(key);
    size_t length = strcspn(list, "\n");
    if (list[length] != '\n' || length >= CPUS_ALLOWED_MAX || parse_cpu_list(list) == 0)
        return NULL;
    return strndup(list, length);
}

void load_find_affinity(const struct load_env *env, struct vm *vm)
{
    bool is_due = load_is_due(env, vm_spread(&vm->id), AFFINITY_TICKS);

    beacon_at(env->beacon, vm->id.pid, BEACON_READ_PROC);
    for (size_t k = 0; k < vm->vcpu_count; k++) {
        struct vm_vcpu *vcpu = &vm->vcpus[k];
        if (vcpu->tid == 0 || (!is_due && vcpu->cpus_allowed != NULL))
            continue;
        free(vcpu->cpus_allowed);
        vcpu->cpus_allowed = read_affinity(env, vm->id.pid, vcpu->tid);
    }
}
