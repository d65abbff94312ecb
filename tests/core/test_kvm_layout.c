// SPDX-License-Identifier: MIT
/* Layouts out of BTF that is made here: of several kernels' shapes, and of none. */
#include "core/bpf/kvm_layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- making BTF ------------------------------------------------------------------------------- */

/* A member; NULL ends a list. Types are those of struct types. */
struct m {
    const char *name;
    int type;
    unsigned offset; /* bytes */
};

/* Ids of the types that all kernels have. */
struct types {
    int u8, u16, u32, u64, ptr, atomic64, hist, hlist_heads, hlist_nodes, slots_ptrs, upids;
};

static int add_struct(struct btf *b, const char *name, unsigned bytes, const struct m *members)
{
    int id = btf__add_struct(b, name, bytes);

    for (; members->name != NULL; members++)
        assert_int_equal(btf__add_field(b, members->name, members->type, members->offset * 8, 0),
                         0);
    return id;
}

static int add_union(struct btf *b, unsigned bytes, int first, int second, const char *second_name)
{
    int id = btf__add_union(b, NULL, bytes);

    assert_int_equal(btf__add_field(b, NULL, first, 0, 0), 0);
    assert_int_equal(btf__add_field(b, second_name, second, 0, 0), 0);
    return id;
}

static struct types add_types(struct btf *b, unsigned spaces)
{
    struct types t;
    int s64 = btf__add_int(b, "long long", 8, BTF_INT_SIGNED);
    int index = btf__add_int(b, "__ARRAY_SIZE_TYPE__", 4, 0);

    t.u8 = btf__add_int(b, "unsigned char", 1, 0);
    t.u16 = btf__add_int(b, "short", 2, BTF_INT_SIGNED);
    t.u32 = btf__add_typedef(b, "u32", btf__add_int(b, "unsigned int", 4, 0));
    t.u64 = btf__add_typedef(b, "u64", btf__add_int(b, "unsigned long", 8, 0));
    t.ptr = btf__add_ptr(b, 0);
    int counter = add_struct(b, NULL, 8, (struct m[]){{"counter", s64, 0}, {0}});
    t.atomic64 = btf__add_typedef(b, "atomic64_t", counter);
    t.hist = btf__add_array(b, index, t.u64, 32);
    int head = add_struct(b, "hlist_head", 8, (struct m[]){{"first", t.ptr, 0}, {0}});
    int node = add_struct(b, "hlist_node", 16, (struct m[]){{"next", t.ptr, 0}, {0}});
    t.hlist_heads = btf__add_array(b, index, head, 128);
    t.hlist_nodes = btf__add_array(b, index, node, 2);
    t.slots_ptrs = btf__add_array(b, index, t.ptr, spaces);
    int upid = add_struct(b, "upid", 16, (struct m[]){{"nr", t.u32, 0}, {"ns", t.ptr, 8}, {0}});
    t.upids = btf__add_array(b, index, upid, 1);
    add_struct(b, "pid", 112, (struct m[]){{"level", t.u32, 4}, {"numbers", t.upids, 96}, {0}});
    return t;
}

/* What is alike in all shapes below. @vm_arch and @vcpu_arch: 0: none. */
static void add_kvm(struct btf *b, const struct types *t, int vm_stat, int vcpu_stat, int vm_arch,
                    int vcpu_arch)
{
    add_struct(b, "kvm_memslots", 1056,
               (struct m[]){{"generation", t->u64, 0},
                            {"id_hash", t->hlist_heads, 24},
                            {"node_idx", t->u32, 1048},
                            {0}});
    add_struct(b, "kvm_memory_slot", 200,
               (struct m[]){{"id_node", t->hlist_nodes, 0},
                            {"base_gfn", t->u64, 128},
                            {"npages", t->u64, 136},
                            {"dirty_bitmap", t->ptr, 144},
                            {"userspace_addr", t->u64, 160},
                            {"flags", t->u32, 168},
                            {"id", t->u16, 172},
                            {0}});
    add_struct(b, "kvm", 4096,
               (struct m[]){{"mm", t->ptr, 40},
                            {"memslots", t->slots_ptrs, 64},
                            {"stat", vm_stat, 2000},
                            {vm_arch != 0 ? "arch" : NULL, vm_arch, 2400},
                            {0}});
    add_struct(b, "kvm_vcpu", 8192,
               (struct m[]){{"kvm", t->ptr, 0},
                            {"cpu", t->u32, 24},
                            {"vcpu_id", t->u32, 28},
                            {"pid", t->ptr, 104},
                            {"halt_poll_ns", t->u32, 152},
                            {"preempted", t->u8, 299},
                            {"stat", vcpu_stat, 3000},
                            {vcpu_arch != 0 ? "arch" : NULL, vcpu_arch, 4096},
                            {0}});
}

static int add_generic(struct btf *b, const struct types *t)
{
    return add_struct(b, "kvm_vcpu_stat_generic", 304,
                      (struct m[]){{"halt_successful_poll", t->u64, 0},
                                   {"halt_wait_ns", t->u64, 8},
                                   {"halt_wait_hist", t->hist, 16},
                                   {"blocking", t->u64, 272},
                                   {0}});
}

static int add_vm_generic(struct btf *b, const struct types *t)
{
    return add_struct(b, "kvm_vm_stat_generic", 16,
                      (struct m[]){{"remote_tlb_flush", t->u64, 0},
                                   {"remote_tlb_flush_requests", t->u64, 8},
                                   {0}});
}

/* x86 as of 6.1 or, with @vm_type, of 6.12 and later. */
static void add_x86(struct btf *b, bool vm_type)
{
    struct types t = add_types(b, 2);
    int pages = add_struct(b, NULL, 24,
                           (struct m[]){{"pages_4k", t.atomic64, 0},
                                        {"pages_2m", t.atomic64, 8},
                                        {"pages_1g", t.atomic64, 16},
                                        {0}});
    int all_pages = btf__add_array(b, t.u32, t.atomic64, 3);
    int either = add_union(b, 24, pages, all_pages, "pages");
    int vm_stat = btf__add_struct(b, "kvm_vm_stat", 56);

    assert_int_equal(btf__add_field(b, "mmu_unsync", t.u64, 16 * 8, 0), 0);
    assert_int_equal(btf__add_field(b, NULL, either, 24 * 8, 0), 0);
    assert_int_equal(btf__add_field(b, "max_mmu_rmap_size", t.u64, 48 * 8, 0), 0);
    int vm_arch = add_struct(
        b, "kvm_arch", 900,
        (struct m[]){{"n_used_mmu_pages", t.u64, 0}, {vm_type ? "vm_type" : NULL, t.u8, 13}, {0}});
    int vcpu_arch = add_struct(b, "kvm_vcpu_arch", 4000,
                               (struct m[]){{"l1_tsc_offset", t.u64, 2000},
                                            {"tsc_offset", t.u64, 2008},
                                            {"tsc_scaling_ratio", t.u64, 2080},
                                            {0}});
    int vcpu_stat = add_struct(b, "kvm_vcpu_stat", 320,
                               (struct m[]){{"generic", add_generic(b, &t), 0},
                                            {"exits", t.u64, 304},
                                            {"io_exits", t.u64, 312},
                                            {0}});
    add_kvm(b, &t, vm_stat, vcpu_stat, vm_arch, vcpu_arch);
}

static void add_arm64(struct btf *b)
{
    struct types t = add_types(b, 1);
    int vm_generic = add_vm_generic(b, &t);
    int vm_stat = add_struct(b, "kvm_vm_stat", 16, (struct m[]){{"generic", vm_generic, 0}, {0}});
    int generic = add_generic(b, &t);
    int vcpu_stat = add_struct(
        b, "kvm_vcpu_stat", 320,
        (struct m[]){
            {"generic", generic, 0}, {"hvc_exit_stat", t.u64, 304}, {"exits", t.u64, 312}, {0}});
    add_kvm(b, &t, vm_stat, vcpu_stat, 0, 0);
}

/* --- looking ---------------------------------------------------------------------------------- */

static const struct kvm_stat_member *find(const struct kvm_stat_member *members, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static void assert_member(const struct kvm_stat_member *m, unsigned offset, unsigned bytes,
                          unsigned size)
{
    assert_non_null(m);
    assert_int_equal(m->offset, offset);
    assert_int_equal(m->bytes, bytes);
    assert_int_equal(m->size, size);
}

static void assert_place(const struct kvm_layout *l, enum kvm_place_id id, unsigned offset,
                         unsigned bytes, unsigned count)
{
    assert_int_equal(l->places[id].offset, offset);
    assert_int_equal(l->places[id].bytes, bytes);
    assert_int_equal(l->places[id].count, count);
}

static struct kvm_layout read_layout(struct btf *b)
{
    struct kvm_layout l;
    struct error err = {0};

    if (kvm_layout_read(b, &l, &err) < 0)
        fail_msg("%s", err.msg);
    return l;
}

static void x86_of_6_1(void **state)
{
    struct btf *b = btf__new_empty();

    (void)state;
    add_x86(b, false);
    struct kvm_layout l = read_layout(b);
    assert_int_equal(l.vm_count, 5);
    assert_int_equal(l.vm_bytes, 56);
    assert_member(find(l.vm, l.vm_count, "mmu_unsync"), 16, 8, 1);
    assert_member(find(l.vm, l.vm_count, "pages_4k"), 24, 8, 1);
    assert_member(find(l.vm, l.vm_count, "pages_1g"), 40, 8, 1);
    assert_null(find(l.vm, l.vm_count, "pages"));
    assert_int_equal(l.vcpu_count, 6);
    assert_member(find(l.vcpu, l.vcpu_count, "halt_wait_hist"), 16, 8, 32);
    assert_member(find(l.vcpu, l.vcpu_count, "exits"), 304, 8, 1);
    assert_null(find(l.vcpu, l.vcpu_count, "generic"));
    for (size_t i = 1; i < l.vcpu_count; i++)
        assert_true(l.vcpu[i - 1].offset < l.vcpu[i].offset);
    assert_place(&l, KVM_PLACE_VM_STAT, 2000, 56, 1);
    assert_place(&l, KVM_PLACE_VM_MEMSLOTS, 64, 8, 2);
    assert_place(&l, KVM_PLACE_VM_TYPE, 0, 0, 0);
    assert_place(&l, KVM_PLACE_VCPU_TSC_OFFSET, 4096 + 2008, 8, 1);
    assert_place(&l, KVM_PLACE_VCPU_PREEMPTED, 299, 1, 1);
    assert_place(&l, KVM_PLACE_SLOTS_HASH, 24, 8, 128);
    assert_place(&l, KVM_PLACE_SLOT_NODE, 0, 16, 2);
    assert_place(&l, KVM_PLACE_SLOT_ID, 172, 2, 1);
    assert_place(&l, KVM_PLACE_PID_NUMBERS, 96, 16, 1);
    kvm_layout_done(&l);
    btf__free(b);
}

static void later_ones_have_a_type_of_vm(void **state)
{
    struct btf *b = btf__new_empty();

    (void)state;
    add_x86(b, true);
    struct kvm_layout l = read_layout(b);
    assert_place(&l, KVM_PLACE_VM_TYPE, 2413, 1, 1);
    kvm_layout_done(&l);
    btf__free(b);
}

static void arm64_has_one_space_and_no_tsc(void **state)
{
    struct btf *b = btf__new_empty();

    (void)state;
    add_arm64(b);
    struct kvm_layout l = read_layout(b);
    assert_int_equal(l.vm_count, 2);
    assert_member(find(l.vm, l.vm_count, "remote_tlb_flush_requests"), 8, 8, 1);
    assert_member(find(l.vcpu, l.vcpu_count, "hvc_exit_stat"), 304, 8, 1);
    assert_place(&l, KVM_PLACE_VM_MEMSLOTS, 64, 8, 1);
    assert_place(&l, KVM_PLACE_VCPU_TSC_OFFSET, 0, 0, 0);
    kvm_layout_done(&l);
    btf__free(b);
}

/* A member that moved, one of four bytes, one of two, one too long a name for us, a bitfield. */
static void odd_members_are_left_out_and_the_others_stay(void **state)
{
    struct btf *b = btf__new_empty();
    char name[FIELD_NAME_MAX + 1];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct types t = add_types(b, 2);
    int vm_stat = add_struct(b, "kvm_vm_stat", 48,
                             (struct m[]){{"lpages", t.u32, 40}, {"odd", t.u16, 44}, {0}});
    int vcpu_stat = add_struct(
        b, "kvm_vcpu_stat", 48,
        (struct m[]){
            {name, t.u64, 0}, {"exits", t.u64, 40}, {"pointer_to_it", t.u64, KVM_STAT_MAX}, {0}});
    assert_int_equal(btf__add_field(b, "bits", t.u64, 64, 3), 0);
    add_kvm(b, &t, vm_stat, vcpu_stat, 0, 0);
    struct kvm_layout l = read_layout(b);
    assert_int_equal(l.vm_count, 1);
    assert_member(&l.vm[0], 40, 4, 1);
    assert_int_equal(l.vcpu_count, 1);
    assert_member(&l.vcpu[0], 40, 8, 1);
    const uint8_t stat[48] = {[40] = 1, [43] = 2, [44] = 9};
    assert_int_equal(kvm_member_read(&l.vm[0], 0, stat), 0x02000001);
    kvm_layout_done(&l);
    btf__free(b);
}

static void a_module_comes_upon_its_kernel(void **state)
{
    struct btf *base = btf__new_empty();
    struct kvm_layout l;
    struct error err;

    (void)state;
    struct types t = add_types(base, 2);
    /* Some other file of the kernel has a struct of that name, without what it has in the module.
     */
    add_struct(base, "kvm", 8, (struct m[]){{"mm", t.ptr, 0}, {0}});
    struct btf *module = btf__new_empty_split(base);
    add_arm64(module);
    assert_int_equal(kvm_layout_read(base, &l, &err), -EBADMSG);
    l = read_layout(module);
    assert_place(&l, KVM_PLACE_VM_MM, 40, 8, 1);
    assert_int_equal(l.vm_count, 2);
    kvm_layout_done(&l);
    btf__free(module);
    btf__free(base);
}

static void another_module_adds_what_is_missing(void **state)
{
    struct btf *b = btf__new_empty(), *other = btf__new_empty();

    (void)state;
    add_x86(b, false);
    struct types t = add_types(other, 2);
    int sev = add_struct(other, "kvm_sev_info", 32,
                         (struct m[]){{"active", t.u8, 0}, {"es_active", t.u8, 1}, {0}});
    add_struct(other, "kvm_svm", 5000, (struct m[]){{"sev_info", sev, 4200}, {0}});
    struct kvm_layout l = read_layout(b);
    struct kvm_place tsc = l.places[KVM_PLACE_VCPU_TSC_OFFSET];
    kvm_layout_add(other, &l);
    assert_place(&l, KVM_PLACE_VM_SEV_ACTIVE, 4200, 1, 1);
    assert_place(&l, KVM_PLACE_VM_SEV_ES, 4201, 1, 1);
    assert_place(&l, KVM_PLACE_VM_SEV_FEATURES, 0, 0, 0);
    assert_memory_equal(&tsc, &l.places[KVM_PLACE_VCPU_TSC_OFFSET], sizeof(tsc));
    kvm_layout_done(&l);
    btf__free(b);
    btf__free(other);
}

static void without_kvm_it_says_so(void **state)
{
    struct btf *b = btf__new_empty();
    struct kvm_layout l;
    struct error err = {0};

    (void)state;
    add_types(b, 2);
    assert_int_equal(kvm_layout_read(b, &l, &err), -ENODATA);
    assert_non_null(strstr(err.msg, "KVM"));
    btf__free(b);
}

static void without_what_is_needed_it_says_what(void **state)
{
    struct btf *b = btf__new_empty();
    struct kvm_layout l;
    struct error err = {0};

    (void)state;
    struct types t = add_types(b, 2);
    int stat = add_struct(b, "kvm_vm_stat", 8, (struct m[]){{"exits", t.u64, 0}, {0}});
    add_struct(b, "kvm", 80, (struct m[]){{"mm", t.ptr, 0}, {"stat", stat, 8}, {0}});
    add_struct(b, "kvm_vcpu", 80, (struct m[]){{"kvm", t.ptr, 0}, {"stat", stat, 8}, {0}});
    assert_int_equal(kvm_layout_read(b, &l, &err), -EBADMSG);
    assert_non_null(strstr(err.msg, "vcpu_id"));
    btf__free(b);
}

/* --- BTF that nobody would make --------------------------------------------------------------- */

static void types_in_a_circle_end(void **state)
{
    struct btf *b = btf__new_empty();
    struct kvm_layout l;
    struct error err;

    (void)state;
    struct types t = add_types(b, 2);
    int next = (int)btf__type_cnt(b);
    /* Two typedefs of each other, and a struct that is in itself, many times. */
    assert_int_equal(btf__add_typedef(b, "one", next + 1), next);
    assert_int_equal(btf__add_typedef(b, "two", next), next + 1);
    int stat = btf__add_struct(b, "kvm_vm_stat", 8);
    for (int i = 0; i < 100; i++)
        assert_int_equal(btf__add_field(b, NULL, stat, 0, 0), 0);
    assert_int_equal(btf__add_field(b, "exits", next, 0, 0), 0);
    add_kvm(b, &t, stat, stat, stat, next + 1);
    assert_int_equal(kvm_layout_read(b, &l, &err), -EBADMSG);
    btf__free(b);
}

static void no_bytes_of_btf_do_harm(void **state)
{
    struct btf *b = btf__new_empty();
    uint32_t size;
    unsigned refused = 0, read = 0;

    (void)state;
    add_x86(b, true);
    const void *data = btf__raw_data(b, &size);
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    for (uint32_t i = 0; i < size; i++)
        for (int kind = 0; kind < 3; kind++) {
            struct kvm_layout l;
            struct error err = {0};
            memcpy(copy, data, size);
            copy[i] = (uint8_t)(kind == 0 ? 0xff : kind == 1 ? copy[i] + 1 : 0);
            struct btf *bad = btf__new(copy, kind == 2 ? i : size);
            int result = bad != NULL ? kvm_layout_read(bad, &l, &err) : -EINVAL;
            if (result == 0) {
                struct kvm_ranges ranges;
                size_t end;
                kvm_layout_ranges(&l, KVM_RECORD_VCPU, true, true, &ranges, &end);
                kvm_layout_done(&l);
            } else if (bad != NULL)
                assert_true(err.msg[0] != '\0');
            refused += result != 0;
            read += result == 0;
            btf__free(bad);
        }
    assert_true(refused > size);
    assert_true(read > 0);
    free(copy);
    btf__free(b);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static bool covers(const struct kvm_ranges *r, uint32_t offset, uint32_t bytes)
{
    for (int i = 0; i < KVM_RANGES_MAX; i++)
        if (r->ranges[i].offset <= offset &&
            offset + bytes <= r->ranges[i].offset + r->ranges[i].bytes)
            return true;
    return false;
}

static void pieces_have_what_is_wanted_and_not_the_histograms(void **state)
{
    struct btf *b = btf__new_empty();
    struct kvm_ranges few, all;
    size_t few_end, all_end;

    (void)state;
    add_x86(b, true);
    struct kvm_layout l = read_layout(b);
    kvm_layout_ranges(&l, KVM_RECORD_VCPU, true, false, &few, &few_end);
    kvm_layout_ranges(&l, KVM_RECORD_VCPU, true, true, &all, &all_end);
    for (size_t i = 0; i < l.vcpu_count; i++) {
        uint32_t at = 3000 + l.vcpu[i].offset, bytes = 8u * l.vcpu[i].size;
        assert_true(covers(&all, at, bytes));
        assert_int_equal(covers(&few, at, bytes), l.vcpu[i].size == 1);
    }
    assert_true(covers(&few, 0, 8) && covers(&few, 28, 4) && covers(&few, 4096 + 2008, 8));
    assert_int_equal(few_end, 4096 + 2080 + 8);
    assert_int_equal(all_end, few_end);
    kvm_layout_ranges(&l, KVM_RECORD_VM, false, false, &few, &few_end);
    assert_true(covers(&few, 40, 8) && covers(&few, 2413, 1));
    assert_false(covers(&few, 2000, 56));
    kvm_layout_done(&l);
    btf__free(b);
}

static void more_pieces_than_there_may_be_are_joined(void **state)
{
    struct kvm_stat_member members[12];
    struct kvm_layout l = {.vm = members, .vm_count = 12, .vm_bytes = 4096};
    struct kvm_ranges ranges;
    size_t end;

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        members[i] = (struct kvm_stat_member){.offset = 340 * i, .size = 1, .bytes = 8};
    kvm_layout_ranges(&l, KVM_RECORD_VM, true, true, &ranges, &end);
    for (unsigned i = 0; i < 12; i++)
        assert_true(covers(&ranges, 340 * i, 8));
    for (int i = 1; i < KVM_RANGES_MAX && ranges.ranges[i].bytes != 0; i++)
        assert_true(ranges.ranges[i].offset >
                    ranges.ranges[i - 1].offset + ranges.ranges[i - 1].bytes);
    assert_int_equal(end, 340 * 11 + 8);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(x86_of_6_1),
        cmocka_unit_test(later_ones_have_a_type_of_vm),
        cmocka_unit_test(arm64_has_one_space_and_no_tsc),
        cmocka_unit_test(odd_members_are_left_out_and_the_others_stay),
        cmocka_unit_test(a_module_comes_upon_its_kernel),
        cmocka_unit_test(another_module_adds_what_is_missing),
        cmocka_unit_test(without_kvm_it_says_so),
        cmocka_unit_test(without_what_is_needed_it_says_what),
        cmocka_unit_test(types_in_a_circle_end),
        cmocka_unit_test(no_bytes_of_btf_do_harm),
        cmocka_unit_test(pieces_have_what_is_wanted_and_not_the_histograms),
        cmocka_unit_test(more_pieces_than_there_may_be_are_joined),
    };
    libbpf_set_print(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
