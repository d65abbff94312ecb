// SPDX-License-Identifier: MIT
/*
 * Source: /proc, for what a VM costs the host: CPU time of the process, CPU and run-queue time of
 * each vCPU thread, resident memory, page tables. And where somebody wishes for it, load: what its
 * threads do, what holds them back, where its memory lies, what it moves, and how the host is
 * (load_*.c).
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
#include <time.h>
#include <unistd.h>

#include "core/base/parse_load.h"
#include "core/base/parse_proc.h"
#include "core/model/vm_load.h"
#include "core/source/load_cgroups.h"
#include "core/source/load_devices.h"
#include "core/source/load_host.h"
#include "core/source/load_memory.h"
#include "core/source/load_placement.h"
#include "core/source/load_state.h"
#include "core/source/load_threads.h"
#include "core/source/source.h"

#define NS_PER_S 1000000000ull

/* What a process costs as a whole. */
struct process_cost {
    pid_t pid; /* 0: of none yet in this tick */
    uint64_t time_ns;
    bool gone, is_stopped, is_frozen;
    struct reading gauges[VM_GAUGE_COUNT];
};

struct source {
    struct source_env env;
    struct load_env load;
    struct cgroup_table *cgroups;
    struct load_host host;
    struct helper_list helpers;
    struct placement_host placement;
    struct net_names *nets;
    const struct vm_list *vms; /* of this tick */
    uint64_t boot_ns;          /* now, since the host booted; 0 = not known */
    /* The VMs of one process stand together, and the kernel walks all its threads for its CPU time.
     */
    struct process_cost last;
};

/* What few wish for. */
struct vm_more {
    struct kept_file ksm, io;
    struct vm_placement placement;
    struct load_devices
        *devices; /* NULL: nobody asked for them; of the first VM of a process only */
};

struct vm_files {
    unsigned version; /* vm.vcpus_version that @vcpus was made for */
    struct kept_file status;
    struct load_cgroups *cgroups; /* NULL: nobody asked for them yet */
    struct load_threads *threads; /* likewise; of the first VM of a process only */
    struct vcpu_files *looks;   /* likewise, [count] */
    struct vm_more *more;       /* likewise */
    size_t count;
    struct kept_file vcpus[];
};

static void proc_detach(struct source *s)
{
    load_host_done(&s->host);
    net_names_free(s->nets);
    cgroup_table_free(s->cgroups);
    free(s);
}

static int proc_attach(const struct source_env *env, struct source **ret)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->env = *env;
    s->load = (struct load_env){
        .root = env->root,
        .host = env->host,
        .discover = env->discover,
        .beacon = env->beacon,
        .keep_below = env->root->live ? source_keep_below() : 0,
        .tick = LOAD_FIRST_TICK - 1,
    };
    load_host_init(&s->host);
    s->cgroups = cgroup_table_new();
    s->nets = net_names_new();
    if (s->cgroups == NULL || s->nets == NULL) {
        proc_detach(s);
        return -ENOMEM;
    }
    *ret = s;
    return 0;
}

static void end_more(struct vm_more *more)
{
    if (more == NULL)
        return;
    kept_drop(&more->ksm);
    kept_drop(&more->io);
    load_devices_free(more->devices);
    free(more);
}

static void proc_forget(struct source *s, struct vm *vm)
{
    struct vm_files *files = vm->source_data[SOURCE_PROC];

    (void)s;
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        kept_drop(&files->vcpus[i]);
        if (files->looks != NULL)
            vcpu_files_drop(&files->looks[i]);
    }
    if (files != NULL) {
        kept_drop(&files->status);
        load_cgroups_free(files->cgroups);
        load_threads_free(files->threads);
        free(files->looks);
        end_more(files->more);
    }
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
    files = calloc(1, sizeof(*files) + vm->vcpu_count * sizeof(files->vcpus[0]));
    if (files == NULL)
        return NULL;
    files->version = vm->vcpus_version;
    files->count = vm->vcpu_count;
    files->status = KEPT_NONE;
    for (size_t i = 0; i < files->count; i++)
        files->vcpus[i] = KEPT_NONE;
    vm->source_data[SOURCE_PROC] = files;
    return files;
}

/* "VmRSS:    1234 kB" of status. */
static struct reading status_bytes(const char *status, const char *key)
{
    uint64_t bytes;

    if (!parse_proc_status_bytes(status, key, &bytes))
        return reading_of_cause(CAUSE_NOT_IN_KERNEL);
    return reading_ok(bytes, SOURCE_PROC);
}

static void not_asked_for(struct reading *gauges, int from, int to)
{
    for (int g = from; g < to; g++)
        gauges[g] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
}

/* What is wished for of a VM as a whole needs what its process has open. */
static struct load_cgroups *cgroups_of(const struct source *s, struct vm_files *files)
{
    if (files != NULL && files->cgroups == NULL)
        files->cgroups = load_cgroups_new(s->cgroups, files->count);
    return files != NULL ? files->cgroups : NULL;
}

static struct load_threads *threads_of(struct vm_files *files)
{
    if (files != NULL && files->threads == NULL)
        files->threads = load_threads_new();
    return files != NULL ? files->threads : NULL;
}

/* NULL: nothing is kept. */
static struct vcpu_files *looks_of(struct vm_files *files)
{
    if (files == NULL || files->looks != NULL || files->count == 0)
        return files != NULL ? files->looks : NULL;
    files->looks = malloc(files->count * sizeof(*files->looks));
    for (size_t i = 0; files->looks != NULL && i < files->count; i++)
        files->looks[i] = VCPU_FILES_NONE;
    return files->looks;
}

static struct vm_more *more_of(struct vm_files *files)
{
    if (files == NULL || files->more != NULL)
        return files != NULL ? files->more : NULL;
    files->more = calloc(1, sizeof(*files->more));
    if (files->more != NULL)
        files->more->ksm = files->more->io = KEPT_NONE;
    return files->more;
}

/* What all VMs of the process share of its memory and of what it moves. */
static void read_process_more(const struct source *s, struct vm_files *files, pid_t pid,
                              const char *status, struct reading *gauges)
{
    struct vm_more *more = more_of(files);

    if (s->load.wishes & LOAD_MEMORY)
        load_memory(&s->load, more != NULL ? &more->ksm : NULL, pid, status, gauges);
    if (s->load.wishes & LOAD_IO) {
        load_storage(&s->load, more != NULL ? &more->io : NULL, pid, gauges);
        gauges[VM_DEVICES_FOUND] = gauges[VM_VHOST_NETS] = reading_of_cause(CAUSE_SHARED_PROCESS);
    }
}

/* How the process is, and what all of its VMs share. @status: its status, NULL: not to be read. */
static void read_process_load(const struct source *s, struct vm_files *files,
                              const struct sample_vm *sv, const char *status,
                              struct process_cost *ret)
{
    uint64_t count = 0,
             started_ns = sv->id.start_ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    char state = status != NULL ? parse_proc_state(status) : '\0';

    if (status != NULL)
        parse_proc_status(status, "Threads", 10, &count);
    ret->is_stopped = state == 'T' || state == 't';
    if (s->load.wishes & LOAD_STATE) {
        struct load_cgroups *groups = cgroups_of(s, files);
        ret->is_frozen = groups != NULL && load_cgroups_are_frozen(groups, &s->load, sv);
        ret->gauges[VM_UPTIME_NS] = s->boot_ns >= started_ns && s->boot_ns != 0
                                        ? reading_ok(s->boot_ns - started_ns, SOURCE_PROC)
                                        : reading_of_cause(CAUSE_READ_ERROR);
    }
    if (s->load.wishes & (LOAD_STATE | LOAD_ROLES)) {
        struct load_threads *threads = threads_of(files);
        if (threads != NULL)
            load_threads_read(threads, &s->load, &s->helpers, sv->id.pid, count, s->vms,
                              ret->gauges);
    }
}

static void read_process(const struct source *s, struct vm_files *files, const struct sample_vm *sv,
                         struct process_cost *ret)
{
    char path[64], buf[8192];
    uint64_t cpu_ns;
    pid_t pid = sv->id.pid;

    beacon_at(s->env.beacon, pid, BEACON_READ_PROC);
    int result = rootfs_process_cpu_ns(s->env.root, pid, &cpu_ns);
    *ret = (struct process_cost){.pid = pid, .time_ns = s->env.now_ns()};
    ret->gauges[VM_CPU_NS] = result < 0 ? load_failed(result) : reading_ok(cpu_ns, SOURCE_PROC);
    ret->gone = result == -ESRCH || result == -EINVAL;

    snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
    ssize_t n =
        kept_read(&s->load, files != NULL ? &files->status : NULL, 0, path, buf, sizeof(buf));
    ret->gone |= n == -ENOENT || n == -ESRCH;
    ret->gauges[VM_RSS_BYTES] = n < 0 ? load_failed((int)n) : status_bytes(buf, "VmRSS");
    ret->gauges[VM_PAGETABLE_BYTES] = n < 0 ? load_failed((int)n) : status_bytes(buf, "VmPTE");
    not_asked_for(ret->gauges, VM_UPTIME_NS, VM_GAUGE_COUNT);
    if (s->load.wishes != 0)
        read_process_load(s, files, sv, n < 0 ? NULL : buf, ret);
    if (s->load.wishes & (LOAD_MEMORY | LOAD_IO))
        read_process_more(s, files, pid, n < 0 ? NULL : buf, ret->gauges);
}

static void take_process(struct source *s, struct vm_files *files, struct sample_vm *sv)
{
    if (s->last.pid != sv->id.pid)
        read_process(s, files, sv, &s->last);
    else if (files != NULL)
        kept_drop(&files->status); /* one of the process's VMs keeps it open */
    sv->entity.time_ns[SOURCE_PROC] = s->last.time_ns;
    memcpy(sv->gauges, s->last.gauges, sizeof(sv->gauges));
    sv->gone |= s->last.gone;
}

static void read_thread(const struct source *s, struct kept_file *kept, pid_t pid,
                        struct sample_vcpu *vcpu)
{
    char path[64], buf[128];
    uint64_t cpu_ns, wait_ns;
    struct reading missing = reading_of_cause(CAUSE_NO_THREAD_ID);

    not_asked_for(vcpu->gauges, VCPU_LOOK, VCPU_GAUGE_COUNT);
    if (vcpu->tid != 0) {
        snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", (int)pid, (int)vcpu->tid);
        ssize_t n = kept_read(&s->load, kept, vcpu->tid, path, buf, sizeof(buf));
        vcpu->entity.time_ns[SOURCE_PROC] = s->env.now_ns();
        if (n > 0 && parse_proc_schedstat(buf, &cpu_ns, &wait_ns)) {
            vcpu->gauges[VCPU_CPU_NS] = reading_ok(cpu_ns, SOURCE_PROC);
            vcpu->gauges[VCPU_WAIT_NS] = reading_ok(wait_ns, SOURCE_PROC);
            return;
        }
        missing = n < 0 ? load_failed((int)n) : reading_of_cause(CAUSE_NOT_IN_KERNEL);
    }
    vcpu->gauges[VCPU_CPU_NS] = missing;
    vcpu->gauges[VCPU_WAIT_NS] = missing;
}

/* From here on what is read is of this process; 0: of all, or of the host. */
static void turn_to(struct source *s, pid_t pid)
{
    const struct load_wish_set *wishes = s->env.load;

    s->load.wishes = wishes != NULL ? wishes->all : 0;
    if (wishes != NULL && (pid == 0 || pid == wishes->pid || pid == wishes->before))
        s->load.wishes |= wishes->one;
}

static void begin_tick(struct source *s, const struct vm_list *vms)
{
    turn_to(s, 0);
    s->load.tick++;
    s->vms = vms;
    if (s->load.wishes & (LOAD_STATE | LOAD_THROTTLE | LOAD_PRESSURE | LOAD_MEMORY))
        cgroup_table_begin(s->cgroups, &s->load);
    if (s->load.wishes & LOAD_ROLES)
        helper_list_fill(&s->helpers, &s->load);
    else
        s->helpers.count = 0;
    if (s->load.wishes & LOAD_PLACEMENT)
        placement_begin(&s->placement, &s->load);
    net_names_begin(s->nets);
}

/*
 * Devices of the first VM of each process, before a sample is laid out; those that nobody wishes
 * for any more go. 0 or -ENOMEM.
 */
static int find_devices(struct source *s, const struct vm_list *vms, size_t i)
{
    struct vm *vm = vms->vms[i];
    bool is_first = i == 0 || vms->vms[i - 1]->id.pid != vm->id.pid;
    struct vm_more *more = NULL;

    turn_to(s, vm->id.pid);
    if ((s->load.wishes & LOAD_IO) == 0 || !is_first) {
        const struct vm_files *files = vm->source_data[SOURCE_PROC];
        load_devices_drop(vm);
        if (files != NULL && files->more != NULL && files->more->devices != NULL) {
            load_devices_free(files->more->devices);
            files->more->devices = NULL;
        }
        return 0;
    }
    more = more_of(files_of(s, vm));
    if (more == NULL)
        return -ENOMEM;
    if (more->devices == NULL)
        more->devices = load_devices_new();
    return more->devices != NULL ? load_devices_find(more->devices, &s->load, vm) : -ENOMEM;
}

static int proc_discover(struct source *s, const struct vm_list *vms)
{
    int result = 0;

    begin_tick(s, vms);
    for (size_t i = 0; i < vms->count && result == 0; i++)
        result = find_devices(s, vms, i);
    if (result < 0)
        return result;
    for (size_t i = 0; i < vms->count; i++) {
        turn_to(s, vms->vms[i]->id.pid);
        if (s->load.wishes & LOAD_VCPUS)
            load_find_affinity(&s->load, vms->vms[i]);
    }
    return 0;
}

/* Times of processes are since then. A saved tree has a clock of its own. */
static uint64_t boot_ns(const struct rootfs *root)
{
    struct timespec ts;
    char text[64];
    uint64_t hundredths;

    if (root->live)
        return clock_gettime(CLOCK_BOOTTIME, &ts) == 0
                   ? (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec
                   : 0;
    if (rootfs_read(root, "proc/uptime", text, sizeof(text)) <= 0 ||
        !parse_uptime(text, &hundredths) || hundredths > UINT64_MAX / 10000000)
        return 0;
    return hundredths * 10000000;
}

static void proc_tick(struct source *s, struct sample *sample)
{
    s->last = (struct process_cost){0};
    turn_to(s, 0);
    s->boot_ns = (s->load.wishes & LOAD_STATE) != 0 ? boot_ns(s->env.root) : 0;
    load_host_read(&s->host, &s->load, sample->host_gauges);
    if (s->load.wishes & LOAD_HOST)
        sample->host.time_ns[SOURCE_PROC] = s->env.now_ns();
}

/* What is of this VM alone, after its threads were read. */
static void read_load(struct source *s, struct vm_files *files, struct sample_vm *sv)
{
    struct load_cgroups *groups = NULL;

    if (files != NULL && files->count != sv->vcpu_count)
        files = NULL;
    if (s->load.wishes & (LOAD_STATE | LOAD_VCPUS))
        load_look(&s->load, looks_of(files), s->last.is_stopped, s->last.is_frozen, sv);
    if (s->load.wishes & LOAD_ROLES)
        load_add_vcpu_role(sv);
    if (s->load.wishes & (LOAD_THROTTLE | LOAD_PRESSURE | LOAD_MEMORY))
        groups = cgroups_of(s, files);
    if (groups != NULL)
        load_cgroups_read(groups, &s->load, sv);
}

static void read_more(struct source *s, struct vm_more *more, struct sample_vm *sv)
{
    if (more == NULL)
        return;
    if (s->load.wishes & LOAD_PLACEMENT)
        load_placement(&s->placement, &s->load, &more->placement, sv->facts.vmm, s->env.now_ns, sv);
    if ((s->load.wishes & LOAD_IO) != 0 && more->devices != NULL)
        load_devices_read(more->devices, &s->load, s->nets, s->env.now_ns, sv);
}

static void proc_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    struct vm_files *files = files_of(s, sv->vm);

    (void)sample;
    turn_to(s, sv->id.pid);
    take_process(s, files, sv);
    beacon_at(s->env.beacon, sv->id.pid, BEACON_READ_PROC);
    for (size_t k = 0; k < sv->vcpu_count; k++)
        read_thread(s, files != NULL && k < files->count ? &files->vcpus[k] : NULL, sv->id.pid,
                    &sv->vcpus[k]);
    read_load(s, files, sv);
    if (s->load.wishes & (LOAD_PLACEMENT | LOAD_IO))
        read_more(s, more_of(files), sv);
}

const struct source_ops source_proc = {
    .id = SOURCE_PROC,
    .attach = proc_attach,
    .discover = proc_discover,
    .tick = proc_tick,
    .read = proc_read,
    .forget = proc_forget,
    .detach = proc_detach,
};
