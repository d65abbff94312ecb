/* SPDX-License-Identifier: MIT */
/*
 * The per-VM directories of debugfs: TID-FD, TID the thread that created the VM
 * (kvm_create_vm_debugfs in virt/kvm/kvm_main.c). Listing them works under lockdown as well. Main
 * thread.
 */
#ifndef KVMLENS_CORE_FIND_KVM_DIRS_H
#define KVMLENS_CORE_FIND_KVM_DIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/rootfs.h"
#include "core/find/asking.h"

struct kvm_dir {
    pid_t tid;
    int fd;
    ino_t inode; /* a VM made anew under the same name has another */
    pid_t pid;   /* process of the thread; 0 = the thread is gone or not visible from here */
    bool seen_before; /* in the listing of the tick before as well */
};

struct kvm_dirs {
    struct kvm_dir *dirs; /* ascending (pid, fd) */
    size_t count;
};

/* kvm_dirs_parse - "1234-9" -> 1234, 9; false for any other name. Pure. */
bool kvm_dirs_parse(const char *name, pid_t *ret_tid, int *ret_fd);

/* kvm_dirs_parse_vcpu - "vcpu12" in such a directory -> 12; -1 for any other name. Pure. */
int kvm_dirs_parse_vcpu(const char *name);

/*
 * kvm_dirs_read - list @path (of host.debugfs).
 * @before: the listing of the tick before; threads it knew are not looked up again. May be NULL.
 * @asking: of a process that is left alone it is only found out that a thread is its own; where but
 * one is looked at, the threads of others stand for themselves. NULL: nothing more is needed than
 * the listing, and all are of process 0.
 * 0; -EACCES and the like when the directory cannot be opened or listed to its end; -ENOMEM.
 */
int kvm_dirs_read(const struct rootfs *root, const char *path, const struct kvm_dirs *before,
                  const struct asking *asking, struct kvm_dirs *ret);

/*
 * kvm_dirs_orphan - directories of processes that ended belong to nobody from now on: the VM may
 * live on in a child that inherited it. @lives: asked for each process, with @user.
 */
void kvm_dirs_orphan(struct kvm_dirs *dirs, bool (*lives)(const void *user, pid_t pid),
                     const void *user);
void kvm_dirs_done(struct kvm_dirs *dirs);

/* kvm_dirs_find - the directory of VM fd @fd in process @pid, or NULL. */
const struct kvm_dir *kvm_dirs_find(const struct kvm_dirs *dirs, pid_t pid, int fd);

/* kvm_dirs_of - those of a process: *@ret_count of them, from the one returned on. */
const struct kvm_dir *kvm_dirs_of(const struct kvm_dirs *dirs, pid_t pid, size_t *ret_count);

/*
 * kvm_dirs_orphan_of - the directory that belongs to no process and has this fd; NULL when there is
 * none, or more than one.
 */
const struct kvm_dir *kvm_dirs_orphan_of(const struct kvm_dirs *dirs, int fd);

#endif
