// SPDX-License-Identifier: MIT
#include "tests/lib/fake_bpf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_exits.h"
#include "core/bpf/kvm_layout.h"
#include "core/collect/watch.h"

struct fake_bpf *fake_bpf;

int fake_bpf_begin(void)
{
    if (fake_bpf == NULL)
        fake_bpf = mmap(NULL, sizeof(*fake_bpf), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
    if (fake_bpf == MAP_FAILED)
        return -1;
    *fake_bpf = (struct fake_bpf){.has_kvm = 1};
    return 0;
}

uint64_t fake_bpf_status(pid_t pid, const char *key)
{
    char path[64], line[256];
    uint64_t value = UINT64_MAX;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            value = strtoull(line + strlen(key) + 1, NULL, 16);
    if (in != NULL)
        fclose(in);
    return value;
}

/* --- counters --- */

struct kvm_bpf {
    int kvm;
};

bool kvm_bpf_is_built(void)
{
    return true;
}

int kvm_bpf_open(const struct rootfs *root, struct kvm_bpf **ret, struct error *err)
{
    static struct kvm_bpf bpf;

    *ret = NULL;
    if (!root->live)
        return error_set(err, -ENOTSUP, "a saved tree");
    atomic_fetch_add(&fake_bpf->opens, 1);
    atomic_store(&fake_bpf->pid, getpid());
    atomic_store(&fake_bpf->effective, fake_bpf_status(getpid(), "CapEff"));
    atomic_store(&fake_bpf->permitted, fake_bpf_status(getpid(), "CapPrm"));
    syscall(SYS_bpf, 63L, NULL, 0);
    atomic_store(&fake_bpf->bpf_errno, errno);
    if (atomic_load(&fake_bpf->fails))
        return error_set(err, -EPERM, "the verifier said no: look into the log");
    bpf.kvm = atomic_load(&fake_bpf->kvm);
    *ret = &bpf;
    return 0;
}

bool kvm_bpf_is_stale(const struct kvm_bpf *bpf)
{
    return bpf->kvm != atomic_load(&fake_bpf->kvm);
}

void kvm_bpf_close(struct kvm_bpf *bpf)
{
    if (bpf != NULL)
        atomic_fetch_add(&fake_bpf->closes, 1);
}

const struct kvm_layout *kvm_bpf_layout(struct kvm_bpf *bpf, struct error *err)
{
    static const struct kvm_layout layout;

    if (bpf != NULL && atomic_load(&fake_bpf->has_kvm))
        return &layout;
    if (err != NULL)
        error_set(err, -ENODATA, "kvm is not loaded");
    return NULL;
}

int kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                         void *user, uint64_t *ret_ns)
{
    (void)bpf, (void)pid, (void)wants, (void)fn, (void)user, (void)ret_ns;
    return -ESRCH;
}

void kvm_bpf_forget(struct kvm_bpf *bpf, pid_t pid)
{
    (void)bpf, (void)pid;
}

int kvm_bpf_read_host(struct kvm_bpf *bpf, unsigned wants, uint64_t limit_ns, kvm_bpf_file_fn *fn,
                      void *user)
{
    (void)bpf, (void)wants, (void)limit_ns, (void)fn, (void)user;
    return 0;
}

int kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret)
{
    (void)bpf, (void)pid, (void)vm_fd;
    *ret = (struct kvm_bpf_slots){0};
    return -ENOENT;
}

/* --- exits --- */

struct kvm_exits {
    int unused;
};

int kvm_exits_open(const struct rootfs *root, const struct kvm_exits_config *config,
                   struct kvm_exits **ret, struct error *err)
{
    static struct kvm_exits exits;

    (void)root;
    *ret = NULL;
    atomic_fetch_add(&fake_bpf->exits_opens, 1);
    atomic_store(&fake_bpf->exits_pid, getpid());
    atomic_store(&fake_bpf->exits_effective, fake_bpf_status(getpid(), "CapEff"));
    atomic_store(&fake_bpf->watched_count, config->pids == NULL ? -1 : (int)config->pid_count);
    if (atomic_load(&fake_bpf->exits_ends))
        _exit(1);
    const uint64_t work_ns = (uint64_t)atomic_load(&fake_bpf->exits_work_ms) * 1000000;
    for (const uint64_t from_ns = watch_now_ns(); watch_now_ns() - from_ns < work_ns;)
        ;
    if (atomic_load(&fake_bpf->exits_fails))
        return error_set(err, -EACCES, "tracefs is for root: be root");
    *ret = &exits;
    return 0;
}

void kvm_exits_close(struct kvm_exits *exits)
{
    (void)exits;
}

bool kvm_exits_has(const struct kvm_exits *exits, enum kvm_exits_event event)
{
    (void)exits;
    return event == KVM_EXITS_EVENT_EXIT;
}

const struct exit_names *kvm_exits_names(const struct kvm_exits *exits)
{
    (void)exits;
    return NULL;
}

int kvm_exits_watch(struct kvm_exits *exits, const pid_t *pids, size_t count)
{
    (void)exits;
    atomic_fetch_add(&fake_bpf->watches, 1);
    atomic_store(&fake_bpf->watched, count > 0 ? pids[0] : 0);
    atomic_store(&fake_bpf->watched_count, pids == NULL ? -1 : (int)count);
    return atomic_load(&fake_bpf->watch_fails) ? -ENOSPC : 0;
}

int kvm_exits_read(struct kvm_exits *exits, struct kvm_exits_reading *ret)
{
    (void)exits;
    *ret = (struct kvm_exits_reading){.taken_ns = watch_now_ns()};
    return 0;
}

size_t kvm_exits_forget(struct kvm_exits *exits, const struct kvm_exits_reading *reading,
                        uint32_t tid)
{
    (void)exits, (void)reading, (void)tid;
    return 1;
}

int fake_bpf_setup(void **state)
{
    static struct link_bed bed;

    *state = &bed;
    return fake_bpf_begin() < 0 ? -1 : link_bed_open(&bed);
}

int fake_bpf_teardown(void **state)
{
    link_bed_close(*state);
    return 0;
}

struct bpf_status fake_bpf_take(struct link_bed *bed)
{
    struct snapshot *s = link_bed_take(bed);

    struct bpf_status status = s->bpf;
    snapshot_free(s);
    return status;
}
