// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The BPF programs: for each open file of a process, what KVM knows of it.
 *
 * The kernel calls them, and holds the file meanwhile, so a VM or vCPU cannot go away while it is
 * looked at. Most files are none of KVM's: those cost a comparison, once it is known what the files
 * of KVM have in common. The types of vmlinux are found by CO-RE; places of KVM's own come in
 * variables (core/bpf/kvm_iter.h), because its module may be loaded later than these programs, and
 * because who may not do everything cannot ask for the BTF of modules.
 *
 * Source: kernel/bpf/task_iter.c, virt/kvm/kvm_main.c.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/bpf/kernel_types.h"
#include "core/bpf/kvm_iter.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#define ANON_INODE_FS_MAGIC 0x09041934

/* As much of the kernel's types as is needed. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct super_block {
    unsigned long s_magic;
};
struct inode {
    struct super_block *i_sb;
    unsigned long i_ino;
};
struct qstr {
    const unsigned char *name;
};
struct dentry {
    struct qstr d_name;
    struct inode *d_inode;
};
struct path {
    struct dentry *dentry;
};
struct file_operations;
struct file {
    const struct file_operations *f_op;
    void *private_data;
    struct inode *f_inode;
    struct path f_path;
};
struct pid;
struct mm_struct;
struct task_struct {
    int pid, tgid;
    struct mm_struct *mm;
    struct pid *thread_pid;
};
struct seq_file;
struct bpf_iter_meta {
    struct seq_file *seq;
    uint64_t session_id, seq_num;
};
struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    uint32_t fd;
    struct file *file;
};
#pragma clang attribute pop

/* --- what the loader says --------------------------------------------------------------------- */

/* Before the programs are loaded. */
const volatile struct kvm_place places[KVM_PLACE_COUNT] = {{0}};
const volatile struct kvm_ranges ranges[KVM_PIECES_COUNT][KVM_RECORD_KINDS] = {{{{{0}}}}};

/* Any time; what is here must never lead to an address. */
uint32_t wanted;                          /* enum kvm_pieces */
bool pid_is_known;                        /* to who asks: one process is read */
uint64_t deadline_ns;                     /* no more is looked at after it; 0: no end */
int32_t wanted_fd;                        /* of the VM whose slots are asked for */
uint32_t first_slot;                      /* so many are passed over */

/* What the files of KVM have in common, found out by their names; the loader sets them back. */
uint64_t vm_ops, vcpu_ops;

/* Who reads: its pid namespace, and how deep that is. Looked up once in each read. */
uint64_t reader_session, reader_ns;
uint32_t reader_level;

/* Said to the loader, which sets it back: no file is left to be looked at. */
bool is_ended;

/* --- what is found, one at a time ------------------------------------------------------------- */

struct {
    struct kvm_record head;
    uint8_t pieces[KVM_COPY_MAX];
} found;

struct kvm_slots_record found_slots;

/* The number at @place of the structure at @base; 0 where there is none. */
static __noinline uint64_t number_at(const volatile struct kvm_place *place, uint64_t base)
{
    uint64_t bytes = place->bytes;
    uint64_t value = 0;

    /* So that the compiler checks what is used, and not another form of it. */
    barrier_var(bytes);
    if (bytes == 0 || bytes > sizeof(value))
        return 0;
    bpf_probe_read_kernel(&value, (uint32_t)bytes, (const void *)(base + place->offset));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value >>= 64 - 8 * bytes;
#endif
    return value;
}

#define NUMBER(id, base) number_at(&places[KVM_PLACE_##id], base)

/* --- numbers of processes and threads --------------------------------------------------------- */

/* Where the number of @pid at that level is; 0: it has none there. */
static __always_inline uint64_t upid_of(uint64_t pid, uint32_t level)
{
    const volatile struct kvm_place *numbers = &places[KVM_PLACE_PID_NUMBERS];

    uint32_t bytes = numbers->bytes;

    if (pid == 0 || bytes == 0 || NUMBER(PID_LEVEL, pid) < level)
        return 0;
    return pid + numbers->offset + (uint64_t)level * bytes;
}

/* As a number: some verifiers let nobody calculate with a pointer. */
static __always_inline uint64_t pid_of(const struct task_struct *task)
{
    uint64_t pid = 0;

    bpf_core_read(&pid, sizeof(pid), &task->thread_pid);
    return pid;
}

static __always_inline void look_up_reader(uint64_t session)
{
    uint64_t own, upid;

    if (reader_session == session)
        return;
    own = pid_of(bpf_get_current_task_btf());
    reader_session = session;
    reader_level = (uint32_t)NUMBER(PID_LEVEL, own);
    upid = upid_of(own, reader_level);
    reader_ns = upid != 0 ? NUMBER(UPID_NS, upid) : 0;
}

/* The number by which who reads this knows the thread of @pid; 0: it cannot see it. */
static __always_inline int number_for_reader(uint64_t pid)
{
    uint64_t upid = upid_of(pid, reader_level);

    return upid != 0 && NUMBER(UPID_NS, upid) == reader_ns ? (int)NUMBER(UPID_NR, upid) : 0;
}

/* --- which files are KVM's -------------------------------------------------------------------- */

/* enum kvm_record_kind, -1: none of both. */
static __always_inline int kind_of(struct file *file)
{
    uint64_t ops = (uint64_t)file->f_op;
    char name[16] = {0};

    if (vm_ops != 0 && vcpu_ops != 0 && ops != vm_ops && ops != vcpu_ops)
        return -1;
    /* Addresses are those of a module, which may have been loaded anew: the name decides. */
    if (file->f_inode->i_sb->s_magic != ANON_INODE_FS_MAGIC)
        return -1;
    bpf_probe_read_kernel_str(name, sizeof(name), file->f_path.dentry->d_name.name);
    if (name[0] != 'k' || name[1] != 'v' || name[2] != 'm' || name[3] != '-' || name[4] != 'v')
        return -1;
    if (name[5] == 'm' && name[6] == '\0') {
        vm_ops = ops;
        return KVM_RECORD_VM;
    }
    if (name[5] == 'c' && name[6] == 'p' && name[7] == 'u' && name[8] == ':') {
        vcpu_ops = ops;
        return KVM_RECORD_VCPU;
    }
    return -1;
}

/*
 * Which VM it is. One that is made when another has ended likes to get the memory of that, but the
 * directory that KVM makes for it has a number of its own, whether debugfs is mounted or not.
 */
static __always_inline uint32_t birth_of(uint64_t vm)
{
    uint64_t dentry = NUMBER(VM_DEBUGFS, vm), inode = 0, number = 0;

    /* It may be an error in the place of a pointer: then there is nothing to read. */
    if (dentry != 0)
        bpf_core_read(&inode, sizeof(inode), &((const struct dentry *)dentry)->d_inode);
    if (inode != 0)
        bpf_core_read(&number, sizeof(number), &((const struct inode *)inode)->i_ino);
    return (uint32_t)number;
}

/* Copies pieces of @object one behind the other. Returns how many bytes, a multiple of 8. */
static __always_inline uint32_t copy_ranges(enum kvm_record_kind kind, uint64_t object)
{
    uint32_t at = 0, row = wanted;

    if (row >= KVM_PIECES_COUNT)
        return 0;

    for (int i = 0; i < KVM_RANGES_MAX; i++) {
        uint32_t bytes = ranges[row][kind].ranges[i].bytes;
        if (bytes == 0 || bytes > KVM_PIECE_MAX || at > KVM_COPY_MAX - KVM_PIECE_MAX)
            break;
        bpf_probe_read_kernel(&found.pieces[at], bytes,
                              (const void *)(object + ranges[row][kind].ranges[i].offset));
        at += bytes;
    }
    return (at + 7) & ~7u;
}

static __always_inline bool is_late(const struct bpf_iter_meta *meta)
{
    return deadline_ns != 0 && (meta->seq_num & 63) == 0 && bpf_ktime_get_ns() > deadline_ns;
}

SEC("iter/task_file")
int kvm_files(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    uint64_t object;
    uint32_t bytes;

    if (task == NULL || file == NULL) {
        is_ended = true;
        return 0;
    }
    if (is_late(ctx->meta))
        return 1; /* EAGAIN, with this file again */
    int kind = kind_of(file);
    /* A thread with descriptors of its own is nothing that /proc shows as a process. */
    if (kind < 0 || task->pid != task->tgid)
        return 0;
    object = (uint64_t)file->private_data;
    look_up_reader(ctx->meta->session_id);
    found.head.kind = kind;
    found.head.object = object;
    found.head.mm = (uint64_t)task->mm;
    found.head.pid = pid_is_known ? 0 : number_for_reader(pid_of(task));
    found.head.fd = (int32_t)ctx->fd;
    found.head.tid = 0;
    found.head.birth = 0;
    if (kind == KVM_RECORD_VM) {
        found.head.birth = birth_of(object);
        bytes = copy_ranges(KVM_RECORD_VM, object);
    } else {
        found.head.tid = number_for_reader(NUMBER(VCPU_PID, object));
        bytes = copy_ranges(KVM_RECORD_VCPU, object);
    }
    if (bytes > KVM_COPY_MAX)
        return 0;
    found.head.bytes = sizeof(found.head) + bytes;
    bpf_seq_write(ctx->meta->seq, &found, sizeof(found.head) + bytes);
    return 0;
}

/* --- memslots --------------------------------------------------------------------------------- */

/*
 * A walk through all lists of slots of one address space. Not on the stack: verifiers of before
 * Linux 6.7 believe that what stands there is the same in each round, and leave out what would be
 * done where it is not. And not where the loader can write (libbpf maps no section that has nothing
 * but what is static): these are addresses.
 */
static struct {
    uint64_t lists; /* the first of them */
    uint64_t node;  /* where it is; 0: at the beginning of list @next */
    uint64_t node_offset;
    uint32_t next, end;
    uint16_t space;
} walk SEC(".data.walk");

/* One node, or on to the next list. 1 ends it. */
static long walk_slot(uint32_t step, void *unused)
{
    uint64_t slot, next = 0;

    (void)step;
    (void)unused;
    if (walk.node == 0) {
        if (walk.next >= walk.end)
            return 1;
        bpf_probe_read_kernel(&next, sizeof(next), (const void *)(walk.lists + 8ull * walk.next));
        walk.node = next;
        walk.next++;
        return 0;
    }
    slot = walk.node - walk.node_offset;
    if (found_slots.total >= first_slot) {
        uint32_t i = found_slots.count;
        if (i < KVM_SLOTS_AT_ONCE) {
            struct kvm_slot_record *to = &found_slots.slots[i];
            to->gfn = NUMBER(SLOT_GFN, slot);
            to->pages = NUMBER(SLOT_PAGES, slot);
            to->user_start = NUMBER(SLOT_USER, slot);
            to->bitmap = NUMBER(SLOT_BITMAP, slot);
            to->flags = (uint32_t)NUMBER(SLOT_FLAGS, slot);
            to->id = (uint16_t)NUMBER(SLOT_ID, slot);
            to->space = walk.space;
            found_slots.count = i + 1;
        }
    }
    found_slots.total++;
    /* struct hlist_node begins with the next one. */
    bpf_probe_read_kernel(&next, sizeof(next), (const void *)walk.node);
    walk.node = next;
    return 0;
}

#define SPACES_MAX     2
#define WALK_STEPS_MAX (128 + 2 * 32768) /* lists and slots of an address space */

static __always_inline uint64_t slots_of(uint64_t vm, uint32_t space)
{
    uint64_t slots = 0;

    bpf_probe_read_kernel(&slots, sizeof(slots),
                          (const void *)(vm + places[KVM_PLACE_VM_MEMSLOTS].offset + 8ull * space));
    return slots;
}

static __always_inline void walk_space(uint64_t vm, uint32_t space)
{
    uint64_t slots = slots_of(vm, space), generation;

    if (slots == 0)
        return;
    generation = NUMBER(SLOTS_GENERATION, slots);
    found_slots.generations[space] = generation;
    walk.node = 0;
    walk.next = 0;
    walk.lists = slots + places[KVM_PLACE_SLOTS_HASH].offset;
    walk.end = places[KVM_PLACE_SLOTS_HASH].count;
    walk.node_offset =
        places[KVM_PLACE_SLOT_NODE].offset + (NUMBER(SLOTS_NODE_INDEX, slots) & 1) * 16;
    walk.space = (uint16_t)space;
    bpf_loop(WALK_STEPS_MAX, walk_slot, NULL, 0);
    /* Slots of another moment are freed without waiting for us: then what was read is nothing. */
    if (walk.node != 0 || walk.next < walk.end || slots_of(vm, space) != slots ||
        NUMBER(SLOTS_GENERATION, slots) != generation || generation >> 63 != 0)
        found_slots.is_torn = 1;
}

static __always_inline void mark_vm(uint64_t vm, struct kvm_vm_marks *to)
{
    to->vm_type = (uint8_t)NUMBER(VM_TYPE, vm);
    to->has_private_mem = (uint8_t)NUMBER(VM_PRIVATE_MEM, vm);
    to->has_protected_state = (uint8_t)NUMBER(VM_PROTECTED_STATE, vm);
    to->sev_active = (uint8_t)NUMBER(VM_SEV_ACTIVE, vm);
    to->sev_es = (uint8_t)NUMBER(VM_SEV_ES, vm);
    to->sev_features = (uint8_t)NUMBER(VM_SEV_FEATURES, vm);
}

SEC("iter/task_file")
int kvm_slots(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    uint64_t vm;
    uint32_t bytes;

    if (task == NULL || file == NULL) {
        is_ended = true;
        return 0;
    }
    /* The read ends here: those behind it may be very many, and are looked at one by one. */
    if ((int32_t)ctx->fd > wanted_fd) {
        is_ended = true;
        return 1;
    }
    if ((int32_t)ctx->fd != wanted_fd || task->pid != task->tgid || kind_of(file) != KVM_RECORD_VM)
        return 0;
    vm = (uint64_t)file->private_data;
    __builtin_memset(&found_slots, 0, sizeof(found_slots) - sizeof(found_slots.slots));
    found_slots.head.kind = KVM_RECORD_VM;
    found_slots.head.fd = wanted_fd;
    found_slots.head.object = vm;
    found_slots.head.mm = (uint64_t)task->mm;
    found_slots.vm_mm = NUMBER(VM_MM, vm);
    mark_vm(vm, &found_slots.marks);
    for (uint32_t space = 0; space < SPACES_MAX; space++)
        if (space < places[KVM_PLACE_VM_MEMSLOTS].count)
            walk_space(vm, space);
    if (found_slots.count > KVM_SLOTS_AT_ONCE)
        return 0;
    bytes = sizeof(found_slots) - sizeof(found_slots.slots) +
            found_slots.count * sizeof(struct kvm_slot_record);
    found_slots.head.bytes = bytes;
    if (bytes <= sizeof(found_slots))
        bpf_seq_write(ctx->meta->seq, &found_slots, bytes);
    return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
