// SPDX-License-Identifier: MIT
#include "core/source/load_threads.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/base/parse_proc.h"
#include "core/find/thread_role.h"

#define LOOK_TICKS  32   /* a thread may take another name at any time */
#define THREADS_MAX 4096 /* a process may have very many */
#define CROWD       256  /* of more than these not each change is followed at once */
#define CROWD_TICKS 8

struct thread {
    pid_t tid;
    uint8_t role;    /* enum vm_role */
    bool is_process; /* a kernel thread of its own, not one of the VMM */
    struct kept_file schedstat;
    uint64_t cpu_ns, wait_ns;
};

struct load_threads {
    struct thread *threads; /* ascending tid */
    size_t count;
    uint64_t seen_count;  /* of the process, as it was told when they were listed */
    uint64_t listed_tick; /* 0: not yet */
    bool look_again;      /* a new thread gets its name a little later */
    bool is_cut;          /* there are more than are looked at */
    uint64_t cpu_ns[VM_ROLE_COUNT], wait_ns[VM_ROLE_COUNT]; /* cumulative */
};

struct load_threads *load_threads_new(void)
{
    return calloc(1, sizeof(struct load_threads));
}

void load_threads_free(struct load_threads *t)
{
    for (size_t i = 0; t != NULL && i < t->count; i++)
        kept_drop(&t->threads[i].schedstat);
    if (t != NULL)
        free(t->threads);
    free(t);
}

void helper_list_fill(struct helper_list *list, const struct load_env *env)
{
    size_t max = sizeof(list->at) / sizeof(list->at[0]);
    size_t count = kernel_helpers_find(env->discover, list->at, max);

    list->count = count < max ? count : max;
    list->is_whole = count <= max && kernel_helpers_are_listed(env->discover);
}

/* --- which threads there are ------------------------------------------------------------------ */

struct listing {
    struct thread *at;
    size_t count, cap;
};

static int compare_tid(const void *a, const void *b)
{
    const struct thread *x = a, *y = b;

    return (x->tid > y->tid) - (x->tid < y->tid);
}

static int append(struct listing *l, const struct thread *thread)
{
    if (l->count == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 16;
        struct thread *grown = realloc(l->at, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        l->at = grown;
        l->cap = cap;
    }
    l->at[l->count++] = *thread;
    return 0;
}

/* Is it a vCPU of one of the VMs of its process? */
static bool is_vcpu(const struct vm_list *vms, pid_t pid, pid_t tid)
{
    for (size_t i = 0; vms != NULL && i < vms->count; i++)
        for (size_t k = 0; vms->vms[i]->id.pid == pid && k < vms->vms[i]->vcpu_count; k++)
            if (vms->vms[i]->vcpus[k].tid == tid)
                return true;
    return false;
}

/* 0; or -errno: it has ended, or its name cannot be read, and so is in no role. */
static int role_of(const struct load_env *env, pid_t pid, pid_t tid, enum vm_role *ret)
{
    char path[80], comm[64];

    snprintf(path, sizeof(path), "proc/%d/task/%d/comm", (int)pid, (int)tid);
    ssize_t n = rootfs_read(env->root, path, comm, sizeof(comm));
    if (n < 0)
        return (int)n;
    comm[strcspn(comm, "\n")] = '\0';
    *ret = thread_role(comm);
    return 0;
}

static int list_own(struct load_threads *t, const struct load_env *env, pid_t pid,
                    const struct vm_list *vms, struct listing *ret)
{
    char path[64];
    int result = 0;
    size_t n = 0;

    snprintf(path, sizeof(path), "proc/%d/task", (int)pid);
    DIR *dir = rootfs_opendir(env->root, path, &result);
    if (dir == NULL)
        return result;
    struct dirent *entry;
    while (result == 0 && n < THREADS_MAX && (entry = rootfs_readdir(dir, &result)) != NULL) {
        struct thread thread = {.schedstat = KEPT_NONE};
        if (!parse_whole_id(entry->d_name, &thread.tid))
            continue;
        n++;
        if (is_vcpu(vms, pid, thread.tid))
            continue;
        enum vm_role role = VM_ROLE_EMULATOR;
        result = role_of(env, pid, thread.tid, &role);
        if (result == -ENOENT || result == -ESRCH) { /* ended since */
            result = 0;
            continue;
        }
        if (result < 0)
            break;
        /* A vCPU that is not known to be one of this VM is of another, or not found yet. */
        if (role == VM_ROLE_VCPU)
            continue;
        thread.role = (uint8_t)role;
        result = append(ret, &thread);
    }
    closedir(dir);
    t->is_cut = n == THREADS_MAX;
    return result;
}

static bool has_thread(const struct load_env *env, pid_t pid, pid_t tid)
{
    char path[80];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d/task/%d", (int)pid, (int)tid);
    return rootfs_stat(env->root, path, &st) == 0;
}

/* Which thread of the process asked for a helper stands in its name. */
static int list_helpers(const struct load_env *env, const struct helper_list *helpers, pid_t pid,
                        struct listing *ret)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < helpers->count; i++) {
        const struct kernel_helper *h = &helpers->at[i];
        const struct thread thread = {
            .tid = h->pid, .role = (uint8_t)h->role, .is_process = true, .schedstat = KEPT_NONE};
        if (h->owner == pid || has_thread(env, pid, h->owner))
            result = append(ret, &thread);
    }
    return result;
}

/* Those that were there keep what is known of them. */
static void replace(struct load_threads *t, struct listing *now)
{
    size_t k = 0;
    bool has_new = false;

    if (now->count > 0)
        qsort(now->at, now->count, sizeof(*now->at), compare_tid);
    for (size_t i = 0; i < now->count; i++) {
        struct thread *thread = &now->at[i];
        while (k < t->count && t->threads[k].tid < thread->tid)
            kept_drop(&t->threads[k++].schedstat);
        bool is_old = k < t->count && t->threads[k].tid == thread->tid;
        has_new |= !is_old;
        if (!is_old)
            continue;
        uint8_t role = thread->role;
        *thread = t->threads[k++];
        thread->role = role;
    }
    while (k < t->count)
        kept_drop(&t->threads[k++].schedstat);
    free(t->threads);
    t->threads = now->at;
    t->count = now->count;
    t->look_again = has_new;
}

/* What cannot be listed now stays as it was. */
static int list(struct load_threads *t, const struct load_env *env,
                const struct helper_list *helpers, pid_t pid, uint64_t thread_count,
                const struct vm_list *vms)
{
    struct listing now = {0};
    int result = list_own(t, env, pid, vms, &now);

    if (result == 0)
        result = list_helpers(env, helpers, pid, &now);
    if (result < 0) {
        free(now.at);
        return result;
    }
    replace(t, &now);
    t->seen_count = thread_count;
    t->listed_tick = env->tick;
    return 0;
}

/* --- their time ------------------------------------------------------------------------------- */

/* What it has used since it was last seen; all of it, of one that is new. */
static void count_thread(struct load_threads *t, const struct load_env *env, pid_t pid,
                         struct thread *thread)
{
    char path[80], text[128];
    uint64_t cpu_ns, wait_ns;

    if (thread->is_process)
        snprintf(path, sizeof(path), "proc/%d/schedstat", (int)thread->tid);
    else
        snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", (int)pid, (int)thread->tid);
    ssize_t n = kept_read(env, &thread->schedstat, thread->tid, path, text, sizeof(text));
    if (n <= 0 || !parse_proc_schedstat(text, &cpu_ns, &wait_ns)) {
        t->look_again = true; /* it has ended */
        return;
    }
    if (cpu_ns < thread->cpu_ns || wait_ns < thread->wait_ns)
        thread->cpu_ns = thread->wait_ns = 0; /* the number is another thread's now */
    t->cpu_ns[thread->role] += cpu_ns - thread->cpu_ns;
    t->wait_ns[thread->role] += wait_ns - thread->wait_ns;
    thread->cpu_ns = cpu_ns;
    thread->wait_ns = wait_ns;
}

static const struct {
    enum vm_role role;
    enum vm_gauge cpu_ns, wait_ns, threads;
    bool has_helpers; /* kernel threads may be of it */
} roles[] = {
    {VM_ROLE_IOTHREAD, VM_IOTHREAD_CPU_NS, VM_IOTHREAD_WAIT_NS, VM_IOTHREAD_THREADS, false},
    {VM_ROLE_VHOST, VM_VHOST_CPU_NS, VM_VHOST_WAIT_NS, VM_VHOST_THREADS, true},
    {VM_ROLE_MIGRATION, VM_MIGRATION_CPU_NS, VM_MIGRATION_WAIT_NS, VM_MIGRATION_THREADS, false},
    {VM_ROLE_KERNEL, VM_KERNEL_CPU_NS, VM_KERNEL_WAIT_NS, VM_KERNEL_THREADS, true},
    {VM_ROLE_EMULATOR, VM_EMULATOR_CPU_NS, VM_EMULATOR_WAIT_NS, VM_EMULATOR_THREADS, false},
};

static size_t count_of(const struct load_threads *t, enum vm_role role)
{
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++)
        count += t->threads[i].role == role;
    return count;
}

/*
 * With --pid nobody looks at other processes, and kernel threads are some. Workers of vhost are
 * none of them since Linux 6.4.
 */
static bool may_lack_helpers(const struct load_env *env, const struct helper_list *helpers,
                             enum vm_role role)
{
    return !helpers->is_whole && (role != VM_ROLE_VHOST || host_kernel_is_before(env->host, 6, 4));
}

/* @missing: why nothing is known of any role; READING_OK: it is. */
static void put_roles(const struct load_threads *t, const struct load_env *env,
                      const struct helper_list *helpers, struct reading missing,
                      struct reading gauges[VM_GAUGE_COUNT])
{
    bool all = (env->wishes & LOAD_ROLES) != 0;

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        enum vm_role role = roles[i].role;
        struct reading why = missing;
        if (!all && role != VM_ROLE_MIGRATION)
            continue;
        if (why.state == READING_OK && roles[i].has_helpers && may_lack_helpers(env, helpers, role))
            why = reading_of_cause(CAUSE_NOT_ASKED_FOR);
        bool is_ok = why.state == READING_OK;
        gauges[roles[i].threads] = is_ok ? reading_ok(count_of(t, role), SOURCE_PROC) : why;
        if (!all)
            continue;
        gauges[roles[i].cpu_ns] = is_ok ? reading_ok(t->cpu_ns[role], SOURCE_PROC) : why;
        gauges[roles[i].wait_ns] = is_ok ? reading_ok(t->wait_ns[role], SOURCE_PROC) : why;
    }
}

static bool is_due(const struct load_threads *t, const struct load_env *env, pid_t pid,
                   uint64_t thread_count)
{
    bool has_changed = t->look_again || thread_count == 0 || thread_count != t->seen_count;

    if (t->listed_tick == 0 || load_is_due(env, (unsigned)pid, LOOK_TICKS))
        return true;
    return has_changed && (t->count < CROWD || env->tick - t->listed_tick >= CROWD_TICKS);
}

void load_threads_read(struct load_threads *t, const struct load_env *env,
                       const struct helper_list *helpers, pid_t pid, uint64_t thread_count,
                       const struct vm_list *vms, struct reading gauges[VM_GAUGE_COUNT])
{
    struct reading missing = reading_ok(0, SOURCE_PROC);
    int result = 0;

    beacon_at(env->beacon, pid, BEACON_READ_PROC);
    if (is_due(t, env, pid, thread_count))
        result = list(t, env, helpers, pid, thread_count, vms);
    if (result < 0)
        missing = load_failed(result);
    else if (t->is_cut)
        missing = reading_of_cause(CAUSE_SLOW);
    for (size_t i = 0; i < t->count && (env->wishes & LOAD_ROLES) != 0; i++)
        count_thread(t, env, pid, &t->threads[i]);
    put_roles(t, env, helpers, missing, gauges);
}

void load_add_vcpu_role(struct sample_vm *sv)
{
    uint64_t cpu_ns = 0, wait_ns = 0;
    struct reading missing = reading_ok(0, SOURCE_PROC);

    if (sv->lacks_vcpus || sv->vcpu_count == 0)
        missing = reading_of_cause(CAUSE_NO_THREAD_ID);
    for (size_t k = 0; k < sv->vcpu_count && missing.state == READING_OK; k++) {
        const struct reading *g = sv->vcpus[k].gauges;
        if (g[VCPU_CPU_NS].state != READING_OK)
            missing = g[VCPU_CPU_NS];
        cpu_ns += g[VCPU_CPU_NS].raw;
        wait_ns += g[VCPU_WAIT_NS].raw;
    }
    bool is_ok = missing.state == READING_OK;
    sv->gauges[VM_VCPU_CPU_NS] = is_ok ? reading_ok(cpu_ns, SOURCE_PROC) : missing;
    sv->gauges[VM_VCPU_WAIT_NS] = is_ok ? reading_ok(wait_ns, SOURCE_PROC) : missing;
    sv->gauges[VM_VCPU_THREADS] = is_ok ? reading_ok(sv->vcpu_count, SOURCE_PROC) : missing;
}
