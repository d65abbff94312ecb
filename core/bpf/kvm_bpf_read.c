// SPDX-License-Identifier: MIT
/*
 * Reads with the programs that kvm_bpf.c has loaded. Of bpf(2) only BPF_LINK_CREATE and
 * BPF_ITER_CREATE are called here, which need no capability.
 *
 * An iterator holds the file that the program looks at, and nothing between two reads of it. It is
 * closed before the read of a process ends.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bpf/kvm_bpf_internal.h"
#include "core/bpf/kvm_iter.skel.h"

#define AGAIN_MAX      1000 /* reads that find nothing: each has looked at a million files */
#define SLOT_TRIES_MAX 20
#define SLOTS_MAX      65536 /* of a VM; KVM_USER_MEM_SLOTS is below 32768 for each address space */
#define MEM_LOGGED     1u    /* KVM_MEM_LOG_DIRTY_PAGES */
#define MEM_PRIVATE    4u    /* KVM_MEM_GUEST_MEMFD */
#define MEM_USER_FLAGS 0xffffu /* those above are KVM's own (KVM_MEMSLOT_INVALID) */
#define SNP_ACTIVE     1u      /* SVM_SEV_FEAT_SNP_ACTIVE */

static uint64_t monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

enum kvm_vm_type kvm_bpf_vm_type(const struct kvm_vm_marks *marks)
{
    /* arch/x86/include/uapi/asm/kvm.h: KVM_X86_DEFAULT_VM, KVM_X86_SW_PROTECTED_VM, ... */
    static const enum kvm_vm_type types[] = {KVM_VM_ORDINARY, KVM_VM_SW_PROTECTED, KVM_VM_SEV,
                                             KVM_VM_SEV_ES,   KVM_VM_SNP,          KVM_VM_TDX};

    if (marks->vm_type >= sizeof(types) / sizeof(types[0]))
        return KVM_VM_PROTECTED;
    if (marks->vm_type != 0)
        return types[marks->vm_type];
    if (marks->sev_active == 1) /* made by KVM_SEV_INIT, which leaves the type as it is */
        return (marks->sev_features & SNP_ACTIVE) != 0 ? KVM_VM_SNP
               : marks->sev_es == 1                    ? KVM_VM_SEV_ES
                                                       : KVM_VM_SEV;
    return marks->has_protected_state != 0 || marks->has_private_mem != 0 ? KVM_VM_PROTECTED
                                                                          : KVM_VM_ORDINARY;
}

/* --- links ------------------------------------------------------------------------------------ */

/* Index of the link of @pid, or where it would stand. */
static size_t link_index(const struct kvm_bpf *bpf, pid_t pid)
{
    size_t low = 0, high = bpf->link_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bpf->links[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* 1: kept; 0: not. */
static bool keep_link(struct kvm_bpf *bpf, size_t at, pid_t pid, int fd)
{
    if (fd >= bpf->keep_below)
        return false;
    if (bpf->link_count == bpf->link_cap) {
        size_t cap = bpf->link_cap ? bpf->link_cap * 2 : 16;
        struct kvm_bpf_link *grown = realloc(bpf->links, cap * sizeof(*grown));
        if (grown == NULL)
            return false;
        bpf->links = grown;
        bpf->link_cap = cap;
    }
    memmove(&bpf->links[at + 1], &bpf->links[at], (bpf->link_count - at) * sizeof(*bpf->links));
    bpf->links[at] = (struct kvm_bpf_link){pid, fd};
    bpf->link_count++;
    return true;
}

void kvm_bpf_forget(struct kvm_bpf *bpf, pid_t pid)
{
    size_t at = link_index(bpf, pid);

    if (at == bpf->link_count || bpf->links[at].pid != pid)
        return;
    close(bpf->links[at].fd);
    bpf->link_count--;
    memmove(&bpf->links[at], &bpf->links[at + 1], (bpf->link_count - at) * sizeof(*bpf->links));
}

int kvm_bpf_link(int program, union bpf_iter_link_info *info)
{
    struct bpf_link_create_opts opts;

    memset(&opts, 0, sizeof(opts)); /* padding is looked at */
    opts.sz = sizeof(opts);
    opts.iter_info = info;
    opts.iter_info_len = sizeof(*info);
    return bpf_link_create(program, 0, BPF_TRACE_ITER, info != NULL ? &opts : NULL);
}

/*
 * A link to one process, or with 0 to all. It is bound to a number in our pid namespace, of the
 * first thread: its descriptors are those that /proc/PID/fd shows. fd or a negative errno.
 */
static int make_link(int program, pid_t pid)
{
    union bpf_iter_link_info info;

    memset(&info, 0, sizeof(info));
    info.task.tid = (uint32_t)pid;
    return kvm_bpf_link(program, pid != 0 ? &info : NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Calls @fn for each record in what one read gave. 0, or -EIO when they do not add up. */
static int hand_out(const uint8_t *at, size_t len, kvm_record_fn *fn, void *user)
{
    while (len > 0) {
        const struct kvm_record *record = (const struct kvm_record *)at;
        if (len < sizeof(*record) || record->bytes < sizeof(*record) || record->bytes > len ||
            record->bytes % 8 != 0)
            return -EIO;
        fn(user, record);
        at += record->bytes;
        len -= record->bytes;
    }
    return 0;
}

/*
 * The program is called once more at the end, and says so: that saves the read that would find
 * nothing. Or it has what it was looking for, and refuses to go on.
 */
static int read_all(struct kvm_bpf *bpf, int fd, uint64_t limit_ns, kvm_record_fn *fn, void *user)
{
    bool *is_ended = &bpf->programs->bss->is_ended;

    *is_ended = false;
    for (int again = 0; again < AGAIN_MAX;) {
        ssize_t n = read(fd, bpf->buffer, bpf->buffer_bytes);
        if (n == 0)
            return 0;
        if (n > 0) {
            int result = hand_out(bpf->buffer, (size_t)n, fn, user);
            if (result < 0 || *(volatile bool *)is_ended)
                return result;
        } else if (errno == EAGAIN && *(volatile bool *)is_ended) {
            return 0;
        } else if (errno == EAGAIN) {
            again++;
        } else if (errno != EINTR) {
            return -errno;
        }
        if (limit_ns != 0 && monotonic_ns() > limit_ns)
            return 1;
    }
    return -EAGAIN;
}

int kvm_bpf_run(struct kvm_bpf *bpf, int program, pid_t pid, bool keep, uint64_t limit_ns,
                kvm_record_fn *fn, void *user)
{
    size_t at = keep ? link_index(bpf, pid) : 0;
    bool kept = keep && at < bpf->link_count && bpf->links[at].pid == pid;
    int link = kept ? bpf->links[at].fd : make_link(program, pid);

    if (link < 0)
        return link;
    int fd = bpf_iter_create(link);
    int result = fd < 0 ? fd : read_all(bpf, fd, limit_ns, fn, user);
    if (fd >= 0)
        close(fd);
    if (!kept && (!keep || !keep_link(bpf, at, pid, link)))
        close(link);
    return result;
}

/* --- files ------------------------------------------------------------------------------------ */

struct files {
    struct kvm_bpf *bpf;
    unsigned wants;
    pid_t pid; /* whose; 0: each record tells */
    kvm_bpf_file_fn *fn;
    void *user;
    size_t count;
};

/* Puts the pieces to where they lie in the kernel's struct. */
static void unpack(const struct kvm_record *record, const struct kvm_ranges *ranges, uint8_t *to)
{
    const uint8_t *from = (const uint8_t *)(record + 1);
    size_t left = record->bytes - sizeof(*record);

    for (int i = 0; i < KVM_RANGES_MAX && ranges->ranges[i].bytes != 0; i++) {
        const struct kvm_range *r = &ranges->ranges[i];
        if (r->bytes > left)
            return;
        memcpy(to + r->offset, from, r->bytes);
        from += r->bytes;
        left -= r->bytes;
    }
}

/* The number at a place of a struct; 0 where the kernel has none. */
static uint64_t number(const struct kvm_bpf *bpf, enum kvm_place_id id, const uint8_t *image)
{
    const struct kvm_place *place = &bpf->layout.places[id];
    const uint8_t *at = image + place->offset;
    uint32_t u32;
    uint64_t u64;

    switch (place->bytes) {
    case 1:
        return *at;
    case sizeof(u32):
        memcpy(&u32, at, sizeof(u32));
        return u32;
    case sizeof(u64):
        memcpy(&u64, at, sizeof(u64));
        return u64;
    default:
        return 0;
    }
}

static bool has(const struct kvm_bpf *bpf, enum kvm_place_id id)
{
    return bpf->layout.places[id].bytes != 0;
}

static void describe_vm(const struct kvm_bpf *bpf, const struct kvm_record *record,
                        const uint8_t *image, struct kvm_bpf_file *file)
{
    const struct kvm_vm_marks marks = {
        .vm_type = (uint8_t)number(bpf, KVM_PLACE_VM_TYPE, image),
        .has_private_mem = (uint8_t)number(bpf, KVM_PLACE_VM_PRIVATE_MEM, image),
        .has_protected_state = (uint8_t)number(bpf, KVM_PLACE_VM_PROTECTED_STATE, image),
        .sev_active = (uint8_t)number(bpf, KVM_PLACE_VM_SEV_ACTIVE, image),
        .sev_es = (uint8_t)number(bpf, KVM_PLACE_VM_SEV_ES, image),
        .sev_features = (uint8_t)number(bpf, KVM_PLACE_VM_SEV_FEATURES, image),
    };

    file->vm = record->object;
    file->birth = record->birth;
    file->is_own_mm = number(bpf, KVM_PLACE_VM_MM, image) == record->mm;
    file->vm_type = (uint8_t)kvm_bpf_vm_type(&marks);
    file->vcpus = has(bpf, KVM_PLACE_VM_VCPUS) ? (int)number(bpf, KVM_PLACE_VM_VCPUS, image) : -1;
    file->logged_slots = has(bpf, KVM_PLACE_VM_LOGGED_SLOTS)
                             ? (int)number(bpf, KVM_PLACE_VM_LOGGED_SLOTS, image)
                             : -1;
    file->stat = image + bpf->layout.places[KVM_PLACE_VM_STAT].offset;
    file->stat_bytes = bpf->layout.vm_bytes;
}

static void describe_vcpu(const struct kvm_bpf *bpf, const struct kvm_record *record,
                          const uint8_t *image, struct kvm_bpf_file *file)
{
    file->vm = number(bpf, KVM_PLACE_VCPU_VM, image);
    file->vcpu_id = (int)number(bpf, KVM_PLACE_VCPU_ID, image);
    file->tid = record->tid;
    if (has(bpf, KVM_PLACE_VCPU_CPU))
        file->cpu = (int)number(bpf, KVM_PLACE_VCPU_CPU, image);
    file->is_preempted = number(bpf, KVM_PLACE_VCPU_PREEMPTED, image) != 0;
    file->halt_poll_ns = number(bpf, KVM_PLACE_VCPU_HALT_POLL_NS, image);
    file->has_tsc = has(bpf, KVM_PLACE_VCPU_TSC_OFFSET);
    file->tsc_offset = (int64_t)number(bpf, KVM_PLACE_VCPU_TSC_OFFSET, image);
    file->l1_tsc_offset = (int64_t)number(bpf, KVM_PLACE_VCPU_L1_TSC_OFFSET, image);
    file->tsc_scaling_ratio = number(bpf, KVM_PLACE_VCPU_TSC_RATIO, image);
    file->stat = image + bpf->layout.places[KVM_PLACE_VCPU_STAT].offset;
    file->stat_bytes = bpf->layout.vcpu_bytes;
}

static void take_file(void *user, const struct kvm_record *record)
{
    struct files *f = user;
    struct kvm_bpf *bpf = f->bpf;
    enum kvm_record_kind kind = record->kind == KVM_RECORD_VCPU ? KVM_RECORD_VCPU : KVM_RECORD_VM;
    uint8_t *image = bpf->images[kind];
    struct kvm_bpf_file file = {
        .kind = kind == KVM_RECORD_VCPU ? KVM_BPF_VCPU : KVM_BPF_VM,
        .pid = f->pid != 0 ? f->pid : record->pid,
        .fd = record->fd,
        .cpu = -1,
    };

    f->count++;
    unpack(record, &bpf->ranges[bpf->wanted][kind], image);
    if (kind == KVM_RECORD_VCPU)
        describe_vcpu(bpf, record, image, &file);
    else
        describe_vm(bpf, record, image, &file);
    if ((f->wants & KVM_BPF_STATS) == 0) {
        file.stat = NULL;
        file.stat_bytes = 0;
    }
    f->fn(f->user, &file);
}

/* What the program is to copy. */
static void want(struct kvm_bpf *bpf, unsigned wants)
{
    unsigned pieces = (wants & KVM_BPF_STATS) == 0        ? KVM_PIECES_NUMBERS
                      : (wants & KVM_BPF_HISTOGRAMS) == 0 ? KVM_PIECES_STATS
                                                          : KVM_PIECES_ALL;

    if (pieces != bpf->wanted)
        for (int kind = 0; kind < KVM_RECORD_KINDS; kind++)
            memset(bpf->images[kind], 0, bpf->image_bytes[kind]);
    bpf->programs->bss->wanted = bpf->wanted = pieces;
}

/* The files are looked for by their names again: KVM may have been loaded anew. */
static bool unlearn(struct kvm_bpf *bpf)
{
    bool known = bpf->programs->bss->vm_ops != 0;

    bpf->programs->bss->vm_ops = 0;
    bpf->programs->bss->vcpu_ops = 0;
    return known;
}

int kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                         void *user, uint64_t *ret_ns)
{
    struct files files = {.bpf = bpf, .wants = wants, .pid = pid, .fn = fn, .user = user};

    if (pid <= 0)
        return -EINVAL;
    if (!bpf->has_layout)
        return -EAGAIN;
    want(bpf, wants);
    bpf->programs->bss->deadline_ns = 0;
    bpf->programs->bss->pid_is_known = true;
    if (ret_ns != NULL)
        *ret_ns = monotonic_ns();
    int result = kvm_bpf_run(bpf, bpf->files_program, pid, true, 0, take_file, &files);
    if (result == 0 && files.count == 0 && unlearn(bpf))
        result = kvm_bpf_run(bpf, bpf->files_program, pid, true, 0, take_file, &files);
    return result;
}

int kvm_bpf_read_host(struct kvm_bpf *bpf, unsigned wants, uint64_t limit_ns, kvm_bpf_file_fn *fn,
                      void *user)
{
    struct files files = {.bpf = bpf, .wants = wants, .fn = fn, .user = user};

    if (!bpf->has_layout)
        return -EAGAIN;
    want(bpf, wants);
    unlearn(bpf);
    bpf->programs->bss->deadline_ns = limit_ns;
    bpf->programs->bss->pid_is_known = false;
    return kvm_bpf_run(bpf, bpf->files_program, 0, false, limit_ns, take_file, &files);
}

/* --- memslots --------------------------------------------------------------------------------- */

struct slots {
    struct kvm_bpf_slots *ret;
    size_t cap;
    bool found, is_torn;
    int result;
    uint32_t total;
    uint64_t vm, generations[2];
};

static void add_slot(struct slots *s, const struct kvm_slot_record *from)
{
    if (s->ret->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct kvm_bpf_slot *grown = realloc(s->ret->slots, cap * sizeof(*grown));
        if (grown == NULL) {
            s->result = -ENOMEM;
            return;
        }
        s->ret->slots = grown;
        s->cap = cap;
    }
    s->ret->slots[s->ret->count++] = (struct kvm_bpf_slot){
        .gfn = from->gfn,
        .pages = from->pages,
        .user_start = from->user_start,
        .flags = from->flags & MEM_USER_FLAGS,
        .id = from->id,
        .space = from->space,
        .is_logged = (from->flags & MEM_LOGGED) != 0 || from->bitmap != 0,
        .is_private = (from->flags & MEM_PRIVATE) != 0,
    };
}

static void take_slots(void *user, const struct kvm_record *record)
{
    const struct kvm_slots_record *r = (const struct kvm_slots_record *)record;
    const size_t head = sizeof(*r) - sizeof(r->slots);
    struct slots *s = user;

    if (record->bytes < head || r->count > KVM_SLOTS_AT_ONCE ||
        record->bytes != head + r->count * sizeof(r->slots[0])) {
        s->result = -EIO;
        return;
    }
    /* Parts of two moments do not fit together. */
    if (s->ret->count > 0 && (r->head.object != s->vm || r->total != s->total ||
                              memcmp(r->generations, s->generations, sizeof(s->generations)) != 0))
        s->is_torn = true;
    s->found = true;
    s->is_torn |= r->is_torn != 0;
    s->vm = r->head.object;
    s->total = r->total;
    memcpy(s->generations, r->generations, sizeof(s->generations));
    s->ret->is_own_mm = r->vm_mm == r->head.mm;
    s->ret->vm_type = (uint8_t)kvm_bpf_vm_type(&r->marks);
    for (uint32_t i = 0; i < r->count && s->result == 0; i++)
        add_slot(s, &r->slots[i]);
}

static int compare_slots(const void *a, const void *b)
{
    const struct kvm_bpf_slot *x = a, *y = b;

    if (x->space != y->space)
        return x->space < y->space ? -1 : 1;
    return (x->gfn > y->gfn) - (x->gfn < y->gfn);
}

/* All parts, once. 0; -EBUSY: they are not of one moment; or an error. */
static int read_slots(struct kvm_bpf *bpf, pid_t pid, struct slots *s)
{
    do {
        size_t before = s->ret->count;
        s->found = false;
        bpf->programs->bss->first_slot = (uint32_t)before;
        int result = kvm_bpf_run(bpf, bpf->slots_program, pid, false, 0, take_slots, s);
        if (result != 0 || s->result < 0)
            return result != 0 ? result : s->result;
        if (!s->found)
            return before > 0 ? -EBUSY : -ENOENT;
        if (s->is_torn || s->total > SLOTS_MAX || (s->ret->count == before && before < s->total))
            return -EBUSY;
    } while (s->ret->count < s->total);
    return 0;
}

int kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret)
{
    int result = -EBUSY;

    *ret = (struct kvm_bpf_slots){0};
    if (pid <= 0)
        return -EINVAL;
    if (!bpf->has_layout)
        return -EAGAIN;
    if (bpf->layout.places[KVM_PLACE_SLOT_NODE].bytes == 0 ||
        bpf->layout.places[KVM_PLACE_SLOTS_HASH].bytes == 0)
        return -ENOTSUP;
    bpf->programs->bss->wanted_fd = vm_fd;
    for (int i = 0; i < SLOT_TRIES_MAX && result == -EBUSY; i++) {
        struct slots s = {.ret = ret};
        kvm_bpf_slots_done(ret);
        result = read_slots(bpf, pid, &s);
        if (result == -ENOENT && i == 0 && unlearn(bpf))
            result = -EBUSY;
    }
    if (result != 0)
        kvm_bpf_slots_done(ret);
    else if (ret->count > 0)
        qsort(ret->slots, ret->count, sizeof(*ret->slots), compare_slots);
    return result;
}
