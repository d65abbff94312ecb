// SPDX-License-Identifier: MIT
/* What makes looks at a VM void, and how the VM and the host show it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "core/base/host.h"
#include "core/find/vcpu_threads.h"
#include "core/find/vm_migration.h"
#include "core/scan/scan_looks.h"

#define THREADS_MAX 1024 /* of more it is not asked what they do */
/* Parts of what is there, or of all: less is of no account. */
#define HUGE_SHARE    0.1
#define SWAPPED_SHARE 0.001

struct void_words {
    const char *name, *text;
    bool spoils;
};
#define WORDS(id, name, spoils, sentence) [SCAN_VOID_##id] = {name, sentence, spoils},
static const struct void_words words[SCAN_VOID_COUNT] = {SCAN_VOIDS(WORDS)};
#undef WORDS

const char *scan_void_name(enum scan_void which)
{
    return words[which].name;
}

const char *scan_void_text(enum scan_void which)
{
    return words[which].text;
}

bool scan_void_spoils(enum scan_void which)
{
    return words[which].spoils;
}

void scan_void_set(struct scan_job *job, enum scan_void which)
{
    if (job->report->dirty != NULL)
        job->report->dirty->voids |= 1u << which;
}

static void read_word(const struct rootfs *root, const char *path, char *ret, size_t size)
{
    ssize_t n = rootfs_read(root, path, ret, size);

    ret[n > 0 ? strcspn(ret, "\n") : 0] = '\0';
}

/*
 * Foreign reads take part in NUMA balancing before commit d74943a2f3cd (Linux 6.5): a page that is
 * due moves to the node of who reads it. A reader could be pinned to a node, but a guest has pages
 * on all of them, and the filter of this process forbids sched_setaffinity(2).
 */
int scan_void_numa(const struct rootfs *root, struct error *err)
{
    struct host host = {.cpus = 0};
    char balancing[16], nodes[64];

    read_word(root, "proc/sys/kernel/osrelease", host.kernel, sizeof(host.kernel));
    read_word(root, "proc/sys/kernel/numa_balancing", balancing, sizeof(balancing));
    read_word(root, "sys/devices/system/node/has_memory", nodes, sizeof(nodes));
    if (!host_kernel_is_before(&host, 6, 5) || atoi(balancing) == 0 || strpbrk(nodes, ",-") == NULL)
        return 0;
    return error_set(err, -EOPNOTSUPP,
                     "%s: nodes %s; set kernel.numa_balancing to 0 meanwhile, or use --force",
                     scan_void_text(SCAN_VOID_NUMA), nodes);
}

/* --- what the threads do ---------------------------------------------------------------------- */

/* Of /proc/PID/task/TID/syscall: "running", or the number of a system call and what it was given.
 */
struct thread_look {
    bool runs, in_kvm_run;
};

static void read_comm(const struct rootfs *root, pid_t pid, const char *tid, char *ret, size_t size)
{
    char path[96];

    snprintf(path, sizeof(path), "proc/%d/task/%.20s/comm", (int)pid, tid);
    read_word(root, path, ret, size);
}

/*
 * The kernel's own thread in each VMM that runs a VM since Linux 6.10 (commit d96c77bd4eeb). It was
 * made within KVM_RUN, and looks as if it was still in there.
 */
static bool is_of_kernel(const struct rootfs *root, pid_t pid, const char *tid)
{
    char comm[32];

    read_comm(root, pid, tid, comm, sizeof(comm));
    return strcmp(comm, "kvm-nx-lpage-re") == 0;
}

/* One that is in the guest at every look is known by its name only, if it has one. */
static bool is_vcpu(const struct rootfs *root, pid_t pid, const char *tid,
                    const struct thread_look *look)
{
    char comm[32];

    if (look->in_kvm_run)
        return true;
    read_comm(root, pid, tid, comm, sizeof(comm));
    return vcpu_threads_parse(comm) >= 0;
}

static struct thread_look look_at_thread(const struct rootfs *root, pid_t pid, const char *tid)
{
    char path[96], text[256];
    unsigned long request;
    int number, fd;

    snprintf(path, sizeof(path), "proc/%d/task/%.20s/syscall", (int)pid, tid);
    ssize_t n = rootfs_read(root, path, text, sizeof(text));
    if (n <= 0) /* one that has ended, else it may do anything */
        return (struct thread_look){.runs = n != -ENOENT && n != -ESRCH};
    if (sscanf(text, "%d %x %lx", &number, (unsigned *)&fd, &request) != 3)
        return (struct thread_look){.runs = text[0] == 'r'};
    bool in_kvm_run = number == SYS_ioctl && request == KVM_RUN;
    return (struct thread_look){.in_kvm_run = in_kvm_run && !is_of_kernel(root, pid, tid)};
}

static void look_at_threads(const struct rootfs *root, pid_t pid, struct scan_activity *activity)
{
    struct thread_look all = {.runs = false};
    char path[64];
    int result;
    unsigned count = 0;

    snprintf(path, sizeof(path), "proc/%d/task", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return;
    for (struct dirent *e; count <= THREADS_MAX && (e = rootfs_readdir(dir, &result)) != NULL;) {
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        struct thread_look one = look_at_thread(root, pid, e->d_name);
        all.runs |= one.runs;
        all.in_kvm_run |= one.in_kvm_run;
        if (one.in_kvm_run || one.runs)
            scan_busy_note(&activity->busy, root, pid, (pid_t)atoi(e->d_name),
                           is_vcpu(root, pid, e->d_name, &one));
        count++;
    }
    closedir(dir);
    activity->inside += all.in_kvm_run;
    activity->outside += !all.in_kvm_run && !all.runs && count > 0 && count <= THREADS_MAX;
}

void scan_void_note_activity(const struct scan_job *job, struct scan_activity *activity)
{
    const struct rootfs *root = job->env->root;
    struct proc_stat stat;

    activity->busy.look++;
    beacon_at(job->env->beacon, job->request->vm.pid, BEACON_READ_PROC);
    if (rootfs_process_stat(root, job->request->vm.pid, &stat) == 0 &&
        (stat.state == 'T' || stat.state == 't'))
        activity->stopped++;
    else
        look_at_threads(root, job->request->vm.pid, activity);
}

bool scan_void_is_stopped(const struct scan_activity *activity)
{
    return activity->inside == 0 && activity->outside + activity->stopped >= 2;
}

/* --- what the memory shows -------------------------------------------------------------------- */

/* After a migration the log may stay on, so the thread that does one is the certain sign. */
void scan_void_note_migration(struct scan_job *job)
{
    const struct vm_id *vm = &job->request->vm;
    struct kvm_bpf_slots slots = {0};

    if (vm_migration_has_thread(job->env->root, vm->pid))
        scan_void_set(job, SCAN_VOID_MIGRATING);
    if (job->env->bpf == NULL || vm->fd < 0)
        return;
    beacon_at(job->env->beacon, vm->pid, BEACON_LIST_FDS);
    if (kvm_bpf_slots_read(job->env->bpf, vm->pid, vm->fd, &slots) != 0)
        return;
    if (vm_migration_is_logged(&slots))
        scan_void_set(job, SCAN_VOID_LOGGED);
    kvm_bpf_slots_done(&slots);
}

/* What regions and counts tell, once they are known: also which regions were left in the end. */
static void note_memory(struct scan_job *job)
{
    const struct scan_report *report = job->report;
    double population = (double)report->estimate.population;

    for (size_t i = 0; i < report->region_count; i++)
        if (report->regions[i].ram.skip == RAM_SKIP_UFFD || atomic_load(&job->left[i].is_left))
            scan_void_set(job, SCAN_VOID_UFFD);
    if ((double)report->counts.pages[PAGE_SWAPPED] > SWAPPED_SHARE * (double)report->pages_total)
        scan_void_set(job, SCAN_VOID_SWAPPED);
    if ((double)report->dirty->huge_pages > HUGE_SHARE * population)
        scan_void_set(job, SCAN_VOID_HUGE_PAGES);
}

void scan_void_tell(struct scan_job *job)
{
    struct scan_report *report = job->report;

    if (report->dirty == NULL)
        return;
    if (job->left != NULL)
        note_memory(job);
    for (int i = 0; i < SCAN_VOID_COUNT; i++)
        if ((report->dirty->voids & 1u << i) != 0)
            scan_report_warn(report, "%s", words[i].text);
}
