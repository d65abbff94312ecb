/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine as the host sees it: identity, label, vCPUs, and where its numbers are.
 *
 * A VM is (process, start time of the process, fd of the VM in it); a process may end a VM and make
 * another with the same fd number. The name is a label that may repeat and that its owner chose.
 * Descriptor numbers here are those of the VMM's table, never our own: no KVM object is kept open.
 */
#ifndef KVMLENS_CORE_MODEL_VM_H
#define KVMLENS_CORE_MODEL_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/reading.h"
#include "core/model/vm_io.h"

#define VM_NAME_RAW_MAX 4096 /* bytes kept of a name */
#define VM_VCPUS_MAX 4096    /* KVM_MAX_VCPUS on x86: a bound against a hostile process */
#define CPUS_ALLOWED_MAX                                                                           \
    512 /* bytes of a list of CPUs, the NUL included; a longer one is left out */

struct vm_id {
    pid_t pid;            /* process (thread group) that holds the VM */
    uint64_t start_ticks; /* its start time, /proc/PID/stat field 22; tells reused pids apart */
    int fd;               /* of the VM in that process */
    /* tick that found it; tells VMs made one after the other with one fd number apart */
    uint64_t born;
};

/*
 * vm_spread - a number of the VM's own: what is done to each VM once in so many ticks is spread
 * over them by it, also where one process has thousands. Pure.
 */
static inline unsigned vm_spread(const struct vm_id *id)
{
    /* Descriptors of VMs of one kind are as far apart as their vCPUs are many. */
    return ((unsigned)id->pid + (unsigned)id->fd * 2654435769u) >> 8;
}

bool vm_id_equal(const struct vm_id *a, const struct vm_id *b);

/* vm_id_before - in the order of lists of VMs: (pid, fd). */
bool vm_id_before(const struct vm_id *a, const struct vm_id *b);

/* Is it being migrated away? Known from KVM's memslots only (BPF). */
enum vm_migration {
    VM_MIGRATION_UNKNOWN,
    VM_NOT_LOGGED,
    VM_DIRTY_LOGGED, /* writes to its RAM are noted: by a migration, or a measurement */
    VM_MIGRATING,    /* they are, and a thread of the VMM migrates it */
    VM_MIGRATION_COUNT
};

/* vm_migration_text - "migrating", "dirty-logged"; "" where there is nothing to say. */
const char *vm_migration_text(enum vm_migration migration);

struct vm_vcpu {
    int id;
    pid_t tid;    /* its thread; 0 = not known */
    bool tid_by_name; /* known from the name of the thread, not from debugfs */
    int stats_fd; /* in the VMM; -1 = it keeps none */
    /* on which CPUs its thread may run, "0-3,8"; NULL = not looked up, or too long */
    char *cpus_allowed;
};

/* What is behind a descriptor of its process. */
struct vm_device {
    char *name;   /* cleaned, shorter than IO_NAME_MAX */
    uint8_t kind; /* enum io_device_kind */
    bool is_read_only;
};

struct vm {
    struct vm_id id;
    /* thread that made the VM, first number of its debugfs directory; 0 = not known */
    pid_t creator_tid;
    const char *vmm;         /* "qemu", "firecracker", ..., "other"; static text */
    char *name_raw;          /* as the VMM gave it, may hold any byte but NUL */
    char *name;              /* cleaned by text_clean; never empty */
    char debugfs_dir[32];    /* "1234-9" below the kvm directory of debugfs; "" = has none */
    ino_t debugfs_inode;     /* of that directory; 0 = has none */
    enum reading_cause debugfs_cause; /* why it has none; CAUSE_NONE when it has */
    /* why its descriptors could not be listed; CAUSE_NONE when they were */
    enum reading_cause fds_cause;
    int stats_fd;            /* VM-level, in the VMM; -1 = it keeps none */
    enum reading_cause stats_fd_cause;
    enum reading_cause vcpu_fd_cause; /* why vCPUs have no stats_fd */
    uint64_t ram_tick;       /* of discovery: when ram_bytes was looked up; 0 = not yet */
    uint64_t ram_bytes;      /* guest RAM, see ram_quick_bytes; 0 = not known */
    enum vm_migration migration;
    uint64_t migration_sign; /* when that was looked up; see vm_migration_is_due */
    uint64_t migration_again;   /* tick until which it is looked up in any case */
    struct vm_vcpu *vcpus;   /* ascending id */
    size_t vcpu_count;
    /* counts up when vcpus is replaced: what sources keep per vCPU is void then */
    unsigned vcpus_version;
    /* by kind, then name; none while nobody wishes for them */
    struct vm_device *devices;
    size_t device_count; /* at most IO_DEVICES_MAX */
    /* the same open file as a VM of another process, which stands for both */
    bool is_copy;
    bool twin_checked;       /* see vm_twins_mark */
    /* several VMs in one process: vCPUs were told apart by fd order only */
    bool vcpus_by_fd_order;
    /* vCPUs and their threads as the kernel told (BPF): nothing is guessed */
    bool vcpus_by_kernel;
    /* as the kernel has it (struct kvm_bpf_file: vm, birth), see vm_is_another; 0 = not known */
    uint64_t kernel_vm;
    uint32_t kernel_birth;
    bool process_is_cut; /* its process has more descriptors than are looked at */
    /* a source that gives all counters of it, so that others need not ask; SOURCE_NONE: none does
     */
    enum reading_source counters_by;
    void *source_data[SOURCE_COUNT]; /* private to each source, freed through source_ops.forget */
};

/* Pointers stay valid from tick to tick while the VM lives. Ascending (pid, fd). */
struct vm_list {
    struct vm **vms;
    size_t count;
};

/*
 * vm_is_another - has the kernel another VM where @vm was? @kernel_vm, @birth: as it says now.
 * False where that is not known.
 */
bool vm_is_another(const struct vm *vm, uint64_t kernel_vm, uint32_t birth);

void vm_free(struct vm *vm);

/* vm_devices_list_free - a list of devices, which malloc(3) gave; NULL ok. */
void vm_devices_list_free(struct vm_device *devices, size_t count);

/* vm_vcpus_free - a list of vCPUs, which malloc(3) gave; NULL ok. */
void vm_vcpus_free(struct vm_vcpu *vcpus, size_t count);

#endif
