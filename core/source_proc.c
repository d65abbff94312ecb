// SPDX-License-Identifier: MIT
/*
 * Source: /proc, for what a VM costs the host: CPU time of the process, CPU and run-queue time of
 * each vCPU thread, resident memory, page tables.
 *
 * Kernel: proc_pid_schedstat in fs/proc/base.c ("CPU_NS WAIT_NS SLICES"), task_mem in
 * fs/proc/task_mmu.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/source.h"

struct source {
    struct source_env env;
};

static int proc_open(const struct source_env *env, struct source **ret)
{
    *ret = calloc(1, sizeof(**ret));
    if (*ret == NULL)
        return -ENOMEM;
    (*ret)->env = *env;
    return 0;
}

static void proc_close(struct source *s)
{
    free(s);
}

static void proc_forget(struct source *s, struct vm *vm)
{
    (void)s;
    (void)vm;
}

static int proc_prepare(struct source *s, const struct vm_list *vms)
{
    (void)s;
    (void)vms;
    return 0;
}

static struct reading failed(int code)
{
    if (code == -EACCES || code == -EPERM)
        return reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
    if (code == -EMFILE || code == -ENFILE)
        return reading_missing(READING_DENIED, CAUSE_FD_LIMIT);
    return reading_missing(READING_ABSENT, code == -ENOENT || code == -ESRCH ? CAUSE_GONE
                                                                             : CAUSE_READ_ERROR);
}

/* "VmRSS:    1234 kB" of status. */
static struct reading status_bytes(const char *status, const char *key)
{
    char pattern[24];
    uint64_t kib;

    snprintf(pattern, sizeof(pattern), "\n%s:", key);
    const char *line = strstr(status, pattern);
    if (line == NULL || sscanf(line + strlen(pattern), "%" SCNu64 " kB", &kib) != 1)
        return reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL);
    return reading_ok(kib * 1024, SOURCE_PROC);
}

static void read_process(const struct source *s, struct sample_vm *sv)
{
    char path[64], buf[8192];
    uint64_t cpu_ns;

    int result = rootfs_process_cpu_ns(s->env.root, sv->id.pid, &cpu_ns);
    sv->entity.time_ns[SOURCE_PROC] = s->env.now_ns();
    sv->gauges[VM_CPU_NS] = result < 0 ? failed(result) : reading_ok(cpu_ns, SOURCE_PROC);
    if (result == -ESRCH || result == -EINVAL)
        sv->gone = true;

    snprintf(path, sizeof(path), "proc/%d/status", (int)sv->id.pid);
    ssize_t n = rootfs_read(s->env.root, path, buf, sizeof(buf));
    if (n == -ENOENT || n == -ESRCH)
        sv->gone = true;
    sv->gauges[VM_RSS_BYTES] = n < 0 ? failed((int)n) : status_bytes(buf, "VmRSS");
    sv->gauges[VM_PAGETABLE_BYTES] = n < 0 ? failed((int)n) : status_bytes(buf, "VmPTE");
}

static void read_thread(const struct source *s, int task_dir, struct sample_vcpu *vcpu)
{
    char path[32], buf[128];
    uint64_t cpu_ns, wait_ns;
    struct reading missing = reading_missing(READING_ABSENT, CAUSE_NO_THREAD_ID);

    if (vcpu->tid != 0) {
        snprintf(path, sizeof(path), "%d/schedstat", (int)vcpu->tid);
        ssize_t n = task_dir < 0 ? task_dir : rootfs_read_in(task_dir, path, buf, sizeof(buf));
        vcpu->entity.time_ns[SOURCE_PROC] = s->env.now_ns();
        if (n > 0 && sscanf(buf, "%" SCNu64 " %" SCNu64, &cpu_ns, &wait_ns) == 2) {
            vcpu->gauges[VCPU_CPU_NS] = reading_ok(cpu_ns, SOURCE_PROC);
            vcpu->gauges[VCPU_WAIT_NS] = reading_ok(wait_ns, SOURCE_PROC);
            return;
        }
        missing = n < 0 ? failed((int)n) : reading_missing(READING_ABSENT, CAUSE_NOT_IN_KERNEL);
    }
    vcpu->gauges[VCPU_CPU_NS] = missing;
    vcpu->gauges[VCPU_WAIT_NS] = missing;
}

static void proc_read(struct source *s, struct sample *sample)
{
    for (size_t i = 0; i < sample->vm_count; i++) {
        struct sample_vm *sv = &sample->vms[i];
        read_process(s, sv);
        char path[32];
        snprintf(path, sizeof(path), "proc/%d/task", (int)sv->id.pid);
        int task_dir = rootfs_openat(s->env.root, path, O_PATH | O_DIRECTORY);
        for (size_t k = 0; k < sv->vcpu_count; k++)
            read_thread(s, task_dir, &sv->vcpus[k]);
        if (task_dir >= 0)
            close(task_dir);
    }
}

const struct source_ops source_proc = {
    .id = SOURCE_PROC,
    .open = proc_open,
    .prepare = proc_prepare,
    .read = proc_read,
    .forget = proc_forget,
    .close = proc_close,
};
