// SPDX-License-Identifier: MIT
/*
 * Source: /proc, for what a VM costs the host: CPU time of the process, CPU and run-queue time of
 * each vCPU thread, resident memory, page tables.
 *
 * The files stay open from tick to tick: opening costs more than reading. They hold a number of a
 * process, neither its memory nor anything of KVM, and end with ESRCH when it does.
 *
 * Kernel: proc_pid_schedstat in fs/proc/base.c ("CPU_NS WAIT_NS SLICES"), task_mem in
 * fs/proc/task_mmu.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/parse_proc.h"
#include "core/source/source.h"

/* What a process costs as a whole. */
struct process_cost {
    pid_t pid; /* 0: of none yet in this tick */
    uint64_t time_ns;
    bool gone;
    struct reading gauges[VM_GAUGE_COUNT];
};

struct source {
    struct source_env env;
    int keep_below;
    /* The VMs of one process stand together, and the kernel walks all its threads for its CPU time.
     */
    struct process_cost last;
};

/* A file that is kept open. */
struct kept {
    pid_t tid; /* of the thread that it is of; 0: the process */
    int fd;    /* -1 = none */
};

struct vm_files {
    unsigned version; /* vm.vcpus_version that @threads was made for */
    struct kept status;
    size_t count;
    struct kept threads[];
};

static int proc_attach(const struct source_env *env, struct source **ret)
{
    *ret = calloc(1, sizeof(**ret));
    if (*ret == NULL)
        return -ENOMEM;
    (*ret)->env = *env;
    (*ret)->keep_below = env->root->live ? source_keep_below() : 0;
    return 0;
}

static void proc_detach(struct source *s)
{
    free(s);
}

static void drop(struct kept *kept)
{
    if (kept->fd >= 0)
        close(kept->fd);
    *kept = (struct kept){.fd = -1};
}

static void proc_forget(struct source *s, struct vm *vm)
{
    struct vm_files *files = vm->source_data[SOURCE_PROC];

    (void)s;
    for (size_t i = 0; files != NULL && i < files->count; i++)
        drop(&files->threads[i]);
    if (files != NULL)
        drop(&files->status);
    free(files);
    vm->source_data[SOURCE_PROC] = NULL;
}

/* NULL: no memory; then each file is opened for its own tick. */
static struct vm_files *files_of(struct source *s, struct vm *vm)
{
    struct vm_files *files = vm->source_data[SOURCE_PROC];

    if (files != NULL && files->version == vm->vcpus_version && files->count == vm->vcpu_count)
        return files;
    proc_forget(s, vm);
    files = malloc(sizeof(*files) + vm->vcpu_count * sizeof(files->threads[0]));
    if (files == NULL)
        return NULL;
    files->version = vm->vcpus_version;
    files->count = vm->vcpu_count;
    files->status = (struct kept){.fd = -1};
    for (size_t i = 0; i < files->count; i++)
        files->threads[i] = (struct kept){.fd = -1};
    vm->source_data[SOURCE_PROC] = files;
    return files;
}

/* The file @path of thread @tid, from its start; @kept may be NULL. As rootfs_read. */
static ssize_t read_file(const struct source *s, struct kept *kept, pid_t tid, const char *path,
                         char *buf, size_t size)
{
    if (kept != NULL && kept->tid != tid)
        drop(kept);
    int fd = kept != NULL && kept->fd >= 0 ? kept->fd : rootfs_openat(s->env.root, path, 0);
    buf[0] = '\0';
    if (fd < 0)
        return fd;
    ssize_t n = pread(fd, buf, size - 1, 0);
    if (n < 0)
        n = -errno;
    else
        buf[n] = '\0';
    if (kept != NULL && n >= 0 && fd < s->keep_below) {
        *kept = (struct kept){tid, fd};
        return n;
    }
    close(fd);
    if (kept != NULL)
        *kept = (struct kept){.fd = -1};
    return n;
}

static struct reading failed(int code)
{
    return reading_of_cause(reading_cause_of_error(code, CAUSE_NO_PERMISSION));
}

/* "VmRSS:    1234 kB" of status. */
static struct reading status_bytes(const char *status, const char *key)
{
    uint64_t bytes;

    if (!parse_proc_status_bytes(status, key, &bytes))
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    return reading_ok(bytes, SOURCE_PROC);
}

static void read_process(const struct source *s, struct kept *status, pid_t pid,
                         struct process_cost *ret)
{
    char path[64], buf[8192];
    uint64_t cpu_ns;

    beacon_at(s->env.beacon, pid, BEACON_READ_PROC);
    int result = rootfs_process_cpu_ns(s->env.root, pid, &cpu_ns);
    *ret = (struct process_cost){.pid = pid, .time_ns = s->env.now_ns()};
    ret->gauges[VM_CPU_NS] = result < 0 ? failed(result) : reading_ok(cpu_ns, SOURCE_PROC);
    ret->gone = result == -ESRCH || result == -EINVAL;

    snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
    ssize_t n = read_file(s, status, 0, path, buf, sizeof(buf));
    ret->gone |= n == -ENOENT || n == -ESRCH;
    ret->gauges[VM_RSS_BYTES] = n < 0 ? failed((int)n) : status_bytes(buf, "VmRSS");
    ret->gauges[VM_PAGETABLE_BYTES] = n < 0 ? failed((int)n) : status_bytes(buf, "VmPTE");
}

static void take_process(struct source *s, struct vm_files *files, struct sample_vm *sv)
{
    struct kept *status = files != NULL ? &files->status : NULL;

    if (s->last.pid != sv->id.pid)
        read_process(s, status, sv->id.pid, &s->last);
    else if (status != NULL)
        drop(status); /* one of the process's VMs keeps it open */
    sv->entity.time_ns[SOURCE_PROC] = s->last.time_ns;
    memcpy(sv->gauges, s->last.gauges, sizeof(sv->gauges));
    sv->gone |= s->last.gone;
}

static void read_thread(const struct source *s, struct kept *kept, pid_t pid,
                        struct sample_vcpu *vcpu)
{
    char path[64], buf[128];
    uint64_t cpu_ns, wait_ns;
    struct reading missing = reading_of_cause(CAUSE_NO_THREAD_ID);

    if (vcpu->tid != 0) {
        snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", (int)pid, (int)vcpu->tid);
        ssize_t n = read_file(s, kept, vcpu->tid, path, buf, sizeof(buf));
        vcpu->entity.time_ns[SOURCE_PROC] = s->env.now_ns();
        if (n > 0 && parse_proc_schedstat(buf, &cpu_ns, &wait_ns)) {
            vcpu->gauges[VCPU_CPU_NS] = reading_ok(cpu_ns, SOURCE_PROC);
            vcpu->gauges[VCPU_WAIT_NS] = reading_ok(wait_ns, SOURCE_PROC);
            return;
        }
        missing = n < 0 ? failed((int)n) : reading_of_cause(CAUSE_NOT_IN_KERNEL);
    }
    vcpu->gauges[VCPU_CPU_NS] = missing;
    vcpu->gauges[VCPU_WAIT_NS] = missing;
}

static void proc_tick(struct source *s, struct sample *sample)
{
    (void)sample;
    s->last = (struct process_cost){0};
}

static void proc_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    struct vm_files *files = files_of(s, sv->vm);

    (void)sample;
    take_process(s, files, sv);
    beacon_at(s->env.beacon, sv->id.pid, BEACON_READ_PROC);
    for (size_t k = 0; k < sv->vcpu_count; k++)
        read_thread(s, files != NULL && k < files->count ? &files->threads[k] : NULL, sv->id.pid,
                    &sv->vcpus[k]);
}

const struct source_ops source_proc = {
    .id = SOURCE_PROC,
    .attach = proc_attach,
    .tick = proc_tick,
    .read = proc_read,
    .forget = proc_forget,
    .detach = proc_detach,
};
