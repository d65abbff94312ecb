/* SPDX-License-Identifier: MIT */
/*
 * What the kernel itself tells of its VMs, through BPF iterators over open files.
 *
 * A program of ours is run by the kernel for each open file of a process. Of those that are a VM or
 * a vCPU it copies what was asked for, and nothing is held between two reads: neither the VMM nor
 * its guest takes part in it. It works under lockdown=integrity, for VMMs under seccomp, and for
 * those that keep no stats descriptor. While it looks at a file it holds it, so it can delay the
 * end of a VM by microseconds.
 *
 * Offsets of the kernel's structures come from its BTF (kvm_layout.h), so one object serves all
 * kernels from 6.1 on. They are constants of the programs, which nobody can change: so these are of
 * the KVM that is there when they are loaded (kvm_bpf_is_stale). The programs are gone with the
 * last descriptor, that is with the process.
 *
 * CAP_BPF and CAP_PERFMON are needed by kvm_bpf_open only. One thread at a time.
 *
 * Source: kernel/bpf/task_iter.c, include/linux/kvm_host.h, Documentation/bpf/bpf_iterators.rst.
 */
#ifndef KVMLENS_CORE_BPF_KVM_BPF_H
#define KVMLENS_CORE_BPF_KVM_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"

struct kvm_bpf;
struct kvm_layout;

/* kvm_bpf_is_built - is there something behind these functions, or was BPF left out? Any thread. */
bool kvm_bpf_is_built(void);

/*
 * kvm_bpf_open - load the programs. KVM need not be there yet.
 *
 * @root: for BTF and /proc; a saved tree has no kernel that could run anything: -ENOTSUP. Borrowed.
 * Returns 0, or with a sentence that names cause and fix: -ENOSYS (built without BPF, or a kernel
 * without), -ENODATA (no BTF), -EPERM (a capability or lockdown=confidentiality), -ENOMEM, or what
 * the verifier said, whose log is then in a file that the sentence names; who can write no file
 * gets a sentence that names who can.
 */
int kvm_bpf_open(const struct rootfs *root, struct kvm_bpf **ret, struct error *err);
void kvm_bpf_close(struct kvm_bpf *bpf); /* NULL ok */

/*
 * kvm_bpf_layout - the members of kvm_vm_stat and kvm_vcpu_stat of the kernel that runs. NULL while
 * KVM is a module that is not loaded, and for good when it was loaded later than the programs. With
 * a sentence in @err (which may be NULL) why not.
 */
const struct kvm_layout *kvm_bpf_layout(struct kvm_bpf *bpf, struct error *err);

/* kvm_bpf_is_stale - KVM was loaded, or loaded anew, since kvm_bpf_open: only who opens again, with
 * capabilities, can read it. */
bool kvm_bpf_is_stale(const struct kvm_bpf *bpf);

enum kvm_bpf_kind { KVM_BPF_VM, KVM_BPF_VCPU };

/* What is copied beside which file it is; bits. */
enum kvm_bpf_want {
    KVM_BPF_STATS = 1 << 0,      /* counters */
    KVM_BPF_HISTOGRAMS = 1 << 1, /* and with them the histograms */
};

/* One open file of KVM. Numbers of processes and threads are those of our own pid namespace. */
struct kvm_bpf_file {
    enum kvm_bpf_kind kind;
    pid_t pid;
    int fd;
    /* tells VMs of one kernel apart while they live; of a vCPU that of its VM. Never shown */
    uint64_t vm;
    /* of a VM: with @vm it tells VMs apart that live one after the other, too; 0: not known (the
     * kernel has no debugfs, or found no place for its directory). Never shown */
    uint32_t birth;
    bool is_own_mm; /* of a VM: its guest's memory is that of this process (kvm->mm) */
    uint8_t vm_type; /* enum kvm_vm_type, of a VM; what the kernel does not tell is 0 */
    /* of a VM: how many vCPUs it has, whoever holds them; -1: the kernel does not say */
    int vcpus;
    /* of a VM: how many of its slots are logged, video memory among them (x86, Linux 6.2); -1: the
     * kernel does not count them */
    int logged_slots;
    int vcpu_id;    /* of a vCPU, as all below */
    pid_t tid;      /* of its thread; 0: none has run it yet, or not in our namespace */
    int cpu;        /* host CPU that it runs on or ran on last; -1: none yet */
    bool is_preempted; /* its thread lost the CPU while the guest ran */
    bool has_tsc;      /* x86: the four below are there */
    int64_t tsc_offset, l1_tsc_offset;
    uint64_t tsc_scaling_ratio;
    uint64_t halt_poll_ns; /* how long it polls now before it sleeps */
    /* the kernel's kvm_vm_stat or kvm_vcpu_stat, as it is; NULL: not asked for. Without
     * KVM_BPF_HISTOGRAMS the places of histograms are 0 */
    const uint8_t *stat;
    size_t stat_bytes;
};

/* Confidential guests: their memory is not for reading. */
enum kvm_vm_type {
    KVM_VM_ORDINARY,
    KVM_VM_SEV,
    KVM_VM_SEV_ES,
    KVM_VM_SNP,
    KVM_VM_TDX,
    KVM_VM_SW_PROTECTED, /* memory of guest_memfd that the host may read */
    KVM_VM_PROTECTED,    /* some other kind, newer than this program */
    KVM_VM_TYPE_COUNT
};

/* kvm_vm_type_name - "AMD SEV-SNP"; "" of KVM_VM_ORDINARY. */
const char *kvm_vm_type_name(enum kvm_vm_type type);

/* kvm_bpf_file_fn - @file is borrowed during the call. */
typedef void kvm_bpf_file_fn(void *user, const struct kvm_bpf_file *file);

/*
 * kvm_bpf_read_process - @fn for each open file of KVM of process @pid, ascending descriptor.
 * @wants: bits of enum kvm_bpf_want; 0: which there are. @ret_ns: monotonic, when it was read; may
 * be NULL. What is needed to ask again is kept until kvm_bpf_forget, nothing of KVM.
 * 0, also when there are none or the process is gone; -EAGAIN: KVM is not there (kvm_bpf_layout);
 * -EMFILE; -ENOMEM; ...
 */
int kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                         void *user, uint64_t *ret_ns);
void kvm_bpf_forget(struct kvm_bpf *bpf, pid_t pid);

/*
 * kvm_bpf_read_host - the same of all processes of our pid namespace: 0.25 us for each open file of
 * the host, so rarely. @limit_ns: no more is read after that time; 0: all. 1: the limit ended it.
 */
int kvm_bpf_read_host(struct kvm_bpf *bpf, unsigned wants, uint64_t limit_ns, kvm_bpf_file_fn *fn,
                      void *user);

/* A memslot: guest physical memory that KVM maps to memory of the VMM. */
struct kvm_bpf_slot {
    uint64_t gfn;        /* of its first page, in 4 KiB pages */
    uint64_t pages;
    uint64_t user_start; /* address in the VMM; multiple of 4096 */
    uint32_t flags;      /* KVM_MEM_* of linux/kvm.h */
    uint16_t id;
    uint16_t space;      /* 0; 1: what x86 system management mode sees */
    bool is_logged;      /* has a bitmap of dirty pages: who writes to it is noted */
    bool is_private;     /* of guest_memfd */
};

struct kvm_bpf_slots {
    struct kvm_bpf_slot *slots; /* ascending (space, gfn) */
    size_t count;
    bool is_own_mm; /* as in kvm_bpf_file: else user_start is an address of another process */
    uint8_t vm_type;
};

/*
 * kvm_bpf_slots_read - the memslots of the VM with descriptor @vm_fd in process @pid, all of one
 * moment: read again when they changed meanwhile. 0, -ENOENT: no such VM; -EBUSY: they never stood
 * still; -ENOTSUP: this kernel keeps them in another way; or as kvm_bpf_read_process. @ret ends
 * with kvm_bpf_slots_done.
 */
int kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret);
void kvm_bpf_slots_done(struct kvm_bpf_slots *slots);

#endif
