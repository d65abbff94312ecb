// SPDX-License-Identifier: MIT
/*
 * Reads BTF, trusting no number in it: ids, names and sizes are looked at before they are used.
 */
#include "core/bpf/kvm_layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX   512    /* of one struct of counters */
#define NESTED_MAX    8      /* structs in structs */
#define MODIFIERS_MAX 32     /* typedefs of typedefs */
#define STEPS_MAX     100000 /* members looked at: nothing real has so many in one struct */
#define KEPT_GAP      64     /* pieces that are so close are copied as one; bytes */

/* --- types ------------------------------------------------------------------------------------ */

static const char *name_at(const struct btf *btf, uint32_t offset)
{
    const char *name = btf__name_by_offset(btf, offset);

    return name != NULL ? name : "";
}

/* What is behind typedefs and qualifiers; NULL: nothing valid. */
static const struct btf_type *plain_type(const struct btf *btf, uint32_t id)
{
    const struct btf_type *t = btf__type_by_id(btf, id);

    for (int i = 0; t != NULL && (btf_is_mod(t) || btf_is_typedef(t)); i++)
        t = i < MODIFIERS_MAX ? btf__type_by_id(btf, t->type) : NULL;
    return t;
}

static bool is_atomic(const struct btf *btf, const struct btf_type *t)
{
    return btf_is_struct(t) && btf_vlen(t) == 1 &&
           strcmp(name_at(btf, btf_members(t)->name_off), "counter") == 0;
}

/* Bytes of a number or of a pointer; 0: it is none. */
static uint32_t number_bytes(const struct btf *btf, const struct btf_type *t)
{
    if (t == NULL)
        return 0;
    if (is_atomic(btf, t))
        t = plain_type(btf, btf_members(t)->type);
    if (t == NULL)
        return 0;
    if (btf_is_ptr(t))
        return 8;
    return btf_is_int(t) || btf_is_any_enum(t) ? t->size : 0;
}

struct member {
    uint32_t offset; /* bytes */
    uint32_t type;
};

struct search {
    const char *name;
    size_t name_len;
    uint32_t steps; /* so far */
};

/* The member of @t, also of an anonymous struct or union in it. */
static bool find_member(const struct btf *btf, const struct btf_type *t, struct search *search,
                        int depth, struct member *ret)
{
    for (uint32_t i = 0; i < btf_vlen(t) && search->steps++ < STEPS_MAX; i++) {
        const struct btf_member *m = &btf_members(t)[i];
        const char *own = name_at(btf, m->name_off);
        uint32_t bits = btf_member_bit_offset(t, i);
        if (btf_member_bitfield_size(t, i) != 0 || bits % 8 != 0)
            continue;
        if (own[0] != '\0' && strlen(own) == search->name_len &&
            memcmp(own, search->name, search->name_len) == 0) {
            *ret = (struct member){bits / 8, m->type};
            return true;
        }
        const struct btf_type *inner = own[0] == '\0' ? plain_type(btf, m->type) : NULL;
        if (inner != NULL && btf_is_composite(inner) && depth < NESTED_MAX &&
            find_member(btf, inner, search, depth + 1, ret)) {
            ret->offset += bits / 8;
            return true;
        }
    }
    return false;
}

/* "arch.tsc_offset" of the struct @t. */
static bool find_path(const struct btf *btf, const struct btf_type *t, const char *path,
                      struct member *ret)
{
    uint32_t base = 0;

    for (;;) {
        size_t len = strcspn(path, ".");
        struct search search = {path, len, 0};
        if (t == NULL || !btf_is_composite(t) || !find_member(btf, t, &search, 0, ret))
            return false;
        ret->offset += base;
        if (path[len] == '\0')
            return true;
        base = ret->offset;
        path += len + 1;
        t = plain_type(btf, ret->type);
    }
}

/* --- places ----------------------------------------------------------------------------------- */

#define ROW(id, structure, member, need) [KVM_PLACE_##id] = {structure, member, need},
static const struct {
    const char *structure, *member;
    bool is_needed;
} rows[KVM_PLACE_COUNT] = {KVM_PLACES(ROW)};

static bool place_of(const struct btf *btf, const struct btf_type *structure, const char *path,
                     struct kvm_place *ret)
{
    struct member m;
    uint32_t bytes, count = 1;

    if (structure == NULL || !find_path(btf, structure, path, &m))
        return false;
    const struct btf_type *t = plain_type(btf, m.type);
    if (t != NULL && btf_is_array(t)) {
        count = btf_array(t)->nelems;
        t = plain_type(btf, btf_array(t)->type);
    }
    if (t == NULL)
        return false;
    bytes = number_bytes(btf, t);
    if (bytes == 0 && btf_is_composite(t))
        bytes = t->size;
    if (bytes == 0 || bytes > UINT16_MAX || count > UINT16_MAX)
        return false;
    *ret = (struct kvm_place){m.offset, (uint16_t)bytes, (uint16_t)count};
    return true;
}

/*
 * The structs of all rows, in one walk: there are 100,000 types. A module that was built apart from
 * its kernel has its own, which come behind those of the kernel and win.
 */
static void find_structures(const struct btf *btf, const struct btf_type *ret[KVM_PLACE_COUNT])
{
    const struct btf *base = btf__base_btf(btf);
    uint32_t own = base != NULL ? btf__type_cnt(base) : 0, end = btf__type_cnt(btf);
    uint32_t ids[KVM_PLACE_COUNT] = {0};

    for (uint32_t id = 1; id < end; id++) {
        const struct btf_type *t = btf__type_by_id(btf, id);
        if (t == NULL || !btf_is_struct(t) || btf_vlen(t) == 0)
            continue;
        const char *name = name_at(btf, t->name_off);
        if (name[0] != 'k' && name[0] != 'p' && name[0] != 'u')
            continue;
        for (int i = 0; i < KVM_PLACE_COUNT; i++)
            if (strcmp(name, rows[i].structure) == 0 &&
                (ids[i] == 0 || (ids[i] < own && id >= own)))
                ids[i] = id;
    }
    for (int i = 0; i < KVM_PLACE_COUNT; i++)
        ret[i] = ids[i] != 0 ? btf__type_by_id(btf, ids[i]) : NULL;
}

void kvm_layout_add(const struct btf *btf, struct kvm_layout *layout)
{
    const struct btf_type *structures[KVM_PLACE_COUNT];

    find_structures(btf, structures);
    for (int i = 0; i < KVM_PLACE_COUNT; i++)
        if (layout->places[i].bytes == 0)
            place_of(btf, structures[i], rows[i].member, &layout->places[i]);
}

/* --- counters --------------------------------------------------------------------------------- */

struct list {
    struct kvm_stat_member *members;
    size_t count;
    uint32_t steps; /* members looked at */
};

static void add_member(struct list *list, const char *name, uint32_t offset, uint32_t bytes,
                       uint32_t size)
{
    size_t len = strlen(name);

    /* Of another shape, or longer than our names: left out, the others stay. */
    if (list->count == MEMBERS_MAX || len == 0 || len >= FIELD_NAME_MAX ||
        (bytes != 4 && bytes != 8) || size == 0 || size > FIELD_BUCKETS_MAX ||
        offset > KVM_STAT_MAX || offset + bytes * size > KVM_STAT_MAX)
        return;
    struct kvm_stat_member *m = &list->members[list->count++];
    *m =
        (struct kvm_stat_member){.offset = offset, .size = (uint16_t)size, .bytes = (uint8_t)bytes};
    memcpy(m->name, name, len + 1);
}

/* Of a union only its struct: pages_4k, pages_2m, pages_1g and not pages[3] (arch/x86). */
static bool is_other_view(const struct btf *btf, const struct btf_type *t, uint32_t i)
{
    uint32_t chosen = 0;

    if (!btf_is_union(t))
        return false;
    for (uint32_t k = btf_vlen(t); k-- > 0;) {
        const struct btf_type *inner = plain_type(btf, btf_members(t)[k].type);
        if (inner != NULL && btf_is_struct(inner) && !is_atomic(btf, inner))
            chosen = k;
    }
    return i != chosen;
}

/* The numbers in @t, those of structs in it without the name of that struct ("generic"). */
static void collect(const struct btf *btf, const struct btf_type *t, uint32_t base, int depth,
                    struct list *list)
{
    for (uint32_t i = 0; i < btf_vlen(t) && list->steps++ < STEPS_MAX; i++) {
        const struct btf_member *m = &btf_members(t)[i];
        const struct btf_type *inner = plain_type(btf, m->type);
        uint32_t bits = btf_member_bit_offset(t, i), size = 1;
        if (inner == NULL || btf_member_bitfield_size(t, i) != 0 || bits % 8 != 0 ||
            is_other_view(btf, t, i))
            continue;
        uint32_t offset = base + bits / 8;
        if (btf_is_composite(inner) && !is_atomic(btf, inner)) {
            if (depth < NESTED_MAX && offset <= KVM_STAT_MAX)
                collect(btf, inner, offset, depth + 1, list);
            continue;
        }
        if (btf_is_array(inner)) {
            size = btf_array(inner)->nelems;
            inner = plain_type(btf, btf_array(inner)->type);
        }
        add_member(list, name_at(btf, m->name_off), offset, number_bytes(btf, inner), size);
    }
}

static int compare_offsets(const void *a, const void *b)
{
    const struct kvm_stat_member *x = a, *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The counters in member "stat" of @structure. 0, -EBADMSG or -ENOMEM. */
static int read_stat(const struct btf *btf, const struct btf_type *structure,
                     struct kvm_stat_member **ret, size_t *ret_count, size_t *ret_bytes)
{
    struct member m;

    if (structure == NULL || !find_path(btf, structure, "stat", &m))
        return -EBADMSG;
    const struct btf_type *t = plain_type(btf, m.type);
    if (t == NULL || !btf_is_composite(t))
        return -EBADMSG;
    struct list list = {.members = calloc(MEMBERS_MAX, sizeof(*list.members))};
    if (list.members == NULL)
        return -ENOMEM;
    collect(btf, t, 0, 0, &list);
    int result = list.count == 0 ? -EBADMSG : 0;
    if (result == 0 && (*ret = calloc(list.count, sizeof(**ret))) == NULL)
        result = -ENOMEM;
    if (result == 0) {
        qsort(list.members, list.count, sizeof(*list.members), compare_offsets);
        memcpy(*ret, list.members, list.count * sizeof(**ret));
        *ret_count = list.count;
        *ret_bytes = t->size < KVM_STAT_MAX ? t->size : KVM_STAT_MAX;
    }
    free(list.members);
    return result;
}

int kvm_layout_read(const struct btf *btf, struct kvm_layout *ret, struct error *err)
{
    const struct btf_type *structures[KVM_PLACE_COUNT];
    int result;

    *ret = (struct kvm_layout){0};
    find_structures(btf, structures);
    if (structures[KVM_PLACE_VM_STAT] == NULL && structures[KVM_PLACE_VCPU_STAT] == NULL)
        return error_set(err, -ENODATA, "the BTF of this kernel tells nothing of KVM");
    result =
        read_stat(btf, structures[KVM_PLACE_VM_STAT], &ret->vm, &ret->vm_count, &ret->vm_bytes);
    if (result == 0)
        result = read_stat(btf, structures[KVM_PLACE_VCPU_STAT], &ret->vcpu, &ret->vcpu_count,
                           &ret->vcpu_bytes);
    if (result == -ENOMEM)
        error_set(err, result, "out of memory");
    else if (result < 0)
        error_set(err, result, "the BTF of this kernel has no counters of KVM");
    for (int i = 0; i < KVM_PLACE_COUNT && result == 0; i++)
        if (!place_of(btf, structures[i], rows[i].member, &ret->places[i]) && rows[i].is_needed)
            result = error_set(err, -EBADMSG, "the BTF of this kernel has no %s of struct %s",
                               rows[i].member, rows[i].structure);
    if (result < 0)
        kvm_layout_done(ret);
    return result;
}

void kvm_layout_done(struct kvm_layout *layout)
{
    free(layout->vm);
    free(layout->vcpu);
    *layout = (struct kvm_layout){0};
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* Pieces while they are put together: one more than there may be. */
struct pieces {
    struct kvm_range ranges[KVM_RANGES_MAX + 1];
    size_t count;
};

static uint32_t end_of(const struct kvm_range *r)
{
    return r->offset + r->bytes;
}

/* The two pieces with the least between them become one. */
static void join_closest(struct pieces *p)
{
    size_t best = 0;
    uint32_t best_gap = UINT32_MAX;

    for (size_t i = 0; i + 1 < p->count; i++) {
        uint32_t gap = p->ranges[i + 1].offset - end_of(&p->ranges[i]);
        if (gap < best_gap) {
            best = i;
            best_gap = gap;
        }
    }
    p->ranges[best].bytes = end_of(&p->ranges[best + 1]) - p->ranges[best].offset;
    p->count--;
    memmove(&p->ranges[best + 1], &p->ranges[best + 2],
            (p->count - best - 1) * sizeof(p->ranges[0]));
}

/* @offset is not before that of the piece before. */
static void add_piece(struct pieces *p, uint32_t offset, uint32_t bytes)
{
    struct kvm_range *last = p->count > 0 ? &p->ranges[p->count - 1] : NULL;

    if (last != NULL && offset <= end_of(last) + KEPT_GAP) {
        if (offset + bytes > end_of(last))
            last->bytes = offset + bytes - last->offset;
        return;
    }
    p->ranges[p->count++] = (struct kvm_range){offset, bytes};
    if (p->count == KVM_RANGES_MAX + 1)
        join_closest(p);
}

static int compare_ranges(const void *a, const void *b)
{
    const struct kvm_range *x = a, *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Numbers that are read beside the counters. */
static const enum kvm_place_id vm_numbers[] = {
    KVM_PLACE_VM_MM,           KVM_PLACE_VM_VCPUS,       KVM_PLACE_VM_TYPE,
    KVM_PLACE_VM_LOGGED_SLOTS, KVM_PLACE_VM_PRIVATE_MEM, KVM_PLACE_VM_PROTECTED_STATE,
    KVM_PLACE_VM_SEV_ACTIVE,   KVM_PLACE_VM_SEV_ES,      KVM_PLACE_VM_SEV_FEATURES,
};
static const enum kvm_place_id vcpu_numbers[] = {
    KVM_PLACE_VCPU_VM,
    KVM_PLACE_VCPU_ID,
    KVM_PLACE_VCPU_CPU,
    KVM_PLACE_VCPU_PREEMPTED,
    KVM_PLACE_VCPU_HALT_POLL_NS,
    KVM_PLACE_VCPU_TSC_OFFSET,
    KVM_PLACE_VCPU_L1_TSC_OFFSET,
    KVM_PLACE_VCPU_TSC_RATIO,
};
#define NUMBERS_MAX 9

void kvm_layout_ranges(const struct kvm_layout *layout, enum kvm_record_kind kind, bool stats,
                       bool histograms, struct kvm_ranges *ret, size_t *ret_end)
{
    bool is_vm = kind == KVM_RECORD_VM;
    const enum kvm_place_id *ids = is_vm ? vm_numbers : vcpu_numbers;
    size_t id_count =
        is_vm ? sizeof(vm_numbers) / sizeof(*ids) : sizeof(vcpu_numbers) / sizeof(*ids);
    const struct kvm_stat_member *members = is_vm ? layout->vm : layout->vcpu;
    size_t member_count = is_vm ? layout->vm_count : layout->vcpu_count;
    uint32_t stat = layout->places[is_vm ? KVM_PLACE_VM_STAT : KVM_PLACE_VCPU_STAT].offset;
    struct kvm_range wanted[NUMBERS_MAX + MEMBERS_MAX];
    struct pieces pieces = {.count = 0};
    size_t n = 0;

    for (size_t i = 0; i < id_count; i++) {
        const struct kvm_place *place = &layout->places[ids[i]];
        if (place->bytes != 0)
            wanted[n++] = (struct kvm_range){place->offset, place->bytes};
    }
    for (size_t i = 0; i < member_count && stats; i++)
        if (members[i].size == 1 || histograms)
            wanted[n++] = (struct kvm_range){stat + members[i].offset,
                                             (uint32_t)members[i].bytes * members[i].size};
    qsort(wanted, n, sizeof(*wanted), compare_ranges);
    for (size_t i = 0; i < n; i++)
        add_piece(&pieces, wanted[i].offset, wanted[i].bytes);
    *ret = (struct kvm_ranges){0};
    memcpy(ret->ranges, pieces.ranges, pieces.count * sizeof(pieces.ranges[0]));
    *ret_end = pieces.count > 0 ? end_of(&pieces.ranges[pieces.count - 1]) : 0;
}
