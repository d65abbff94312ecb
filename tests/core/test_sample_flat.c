// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/flat.h"
#include "core/model/sample_flat.h"
#include "core/model/sample_flat_internal.h"
#include "tests/lib/two_vms.h"

struct block {
    void *bytes;
    size_t size;
};

static struct block write_sample(const struct sample *s, const struct field_table *fields)
{
    struct block b = {NULL, sample_flat_write(s, fields, NULL, 0)};

    b.bytes = malloc(b.size);
    assert_non_null(b.bytes);
    assert_int_equal(sample_flat_write(s, fields, b.bytes, b.size), b.size);
    return b;
}

static struct block flat_of(struct two_vms *t)
{
    static struct sample_device devices[3] = {
        {.name = "tap0", .kind = IO_DEVICE_TAP, .time_ns = 77},
        {.name = "/images/a.qcow2", .kind = IO_DEVICE_IMAGE, .is_read_only = true},
        {.name = "/dev/sdb", .kind = IO_DEVICE_BLOCK, .time_ns = 78},
    };
    struct sample *s = two_vms_sample(t, 1);

    devices[0].counts[IO_OUT_OPS] = reading_ok(12, SOURCE_PROC);
    devices[2].counts[IO_IN_BYTES] = reading_of_cause(CAUSE_NO_PERMISSION);

    s->host_facts = (struct host){.name = "web-07",
                                  .kernel = "6.18.44",
                                  .cpus = 2,
                                  .lockdown = LOCKDOWN_INTEGRITY,
                                  .mem_bytes = 1ull << 34,
                                  .debugfs = "sys/kernel/debug/kvm",
                                  .caps = 1ull << 40,
                                  .caps_known = true,
                                  .btf = true};
    s->bpf = (struct bpf_status){
        .state = BPF_FAILED, .obstacle = BPF_NO_CAPS, .why = "CAP_BPF is not held"};
    s->cost_ns[SOURCE_STATSFD] = 12345;
    s->hidden_processes = 3;
    s->hidden_pid = 77;
    s->hidden_cause = CAUSE_NO_PERMISSION;
    s->vms[1].skipped = true;
    s->vms[1].skip_cause = CAUSE_SLOW;
    s->vms[0].facts.migration = VM_MIGRATING;
    s->vms[0].gauges[VM_EMULATOR_THREADS] = reading_ok(3, SOURCE_PROC);
    s->vms[0].vcpus[0].cpus_allowed = "0-3,8";
    s->host_gauges[HOST_LOAD_1] = reading_ok(137, SOURCE_PROC);
    s->vms[0].devices = devices;
    s->vms[0].device_count = 2;
    s->vms[1].devices = &devices[2];
    s->vms[1].device_count = 1;
    s->host_gauges[HOST_IO_FULL_NS] = reading_of_cause(CAUSE_NO_PRESSURE);
    return write_sample(s, two_vms_fields(t));
}

static void compare_entities(const struct sample_entity *a, const struct sample_entity *b,
                             const struct sample *s)
{
    assert_memory_equal(a->time_ns, b->time_ns, sizeof(a->time_ns));
    assert_memory_equal(a->readings, b->readings, s->field_count * sizeof(struct reading));
    assert_memory_equal(a->buckets, b->buckets, s->bucket_count * sizeof(uint64_t));
    assert_int_equal(a->cause, b->cause);
}

static void compare(const struct sample *a, const struct sample *b)
{
    assert_int_equal(a->vm_count, b->vm_count);
    assert_int_equal(a->field_count, b->field_count);
    assert_int_equal(a->bucket_count, b->bucket_count);
    assert_int_equal(a->read_ns, b->read_ns);
    assert_int_equal(a->hidden_processes, b->hidden_processes);
    assert_int_equal(a->hidden_pid, b->hidden_pid);
    assert_int_equal(a->hidden_cause, b->hidden_cause);
    assert_memory_equal(a->cost_ns, b->cost_ns, sizeof(a->cost_ns));
    assert_string_equal(a->host_facts.debugfs, b->host_facts.debugfs);
    assert_int_equal(a->host_facts.lockdown, b->host_facts.lockdown);
    assert_int_equal(a->host_facts.caps, b->host_facts.caps);
    assert_int_equal(a->host_facts.btf, b->host_facts.btf);
    assert_memory_equal(&a->bpf, &b->bpf, sizeof(a->bpf));
    assert_memory_equal(a->host_gauges, b->host_gauges, sizeof(a->host_gauges));
    assert_null(b->exits);
    for (size_t i = 0; i < a->vm_count; i++) {
        const struct sample_vm *x = &a->vms[i], *y = &b->vms[i];
        assert_true(vm_id_equal(&x->id, &y->id));
        assert_string_equal(x->facts.name_raw, y->facts.name_raw);
        assert_string_equal(x->facts.name, y->facts.name);
        assert_string_equal(x->facts.vmm, y->facts.vmm);
        assert_int_equal(x->facts.ram_bytes, y->facts.ram_bytes);
        assert_int_equal(x->facts.migration, y->facts.migration);
        assert_int_equal(x->gone, y->gone);
        assert_int_equal(x->skipped, y->skipped);
        assert_int_equal(x->skip_cause, y->skip_cause);
        assert_int_equal(x->vcpu_count, y->vcpu_count);
        assert_int_equal(x->device_count, y->device_count);
        for (size_t k = 0; k < x->device_count; k++) {
            assert_string_equal(x->devices[k].name, y->devices[k].name);
            assert_int_equal(x->devices[k].kind, y->devices[k].kind);
            assert_int_equal(x->devices[k].is_read_only, y->devices[k].is_read_only);
            assert_int_equal(x->devices[k].time_ns, y->devices[k].time_ns);
            assert_memory_equal(x->devices[k].counts, y->devices[k].counts,
                                sizeof(x->devices[k].counts));
        }
        compare_entities(&x->entity, &y->entity, a);
        assert_memory_equal(x->gauges, y->gauges, sizeof(x->gauges));
        for (size_t k = 0; k < x->vcpu_count; k++) {
            assert_int_equal(x->vcpus[k].id, y->vcpus[k].id);
            assert_int_equal(x->vcpus[k].tid, y->vcpus[k].tid);
            assert_int_equal(x->vcpus[k].cpus_allowed == NULL, y->vcpus[k].cpus_allowed == NULL);
            if (x->vcpus[k].cpus_allowed != NULL)
                assert_string_equal(x->vcpus[k].cpus_allowed, y->vcpus[k].cpus_allowed);
            compare_entities(&x->vcpus[k].entity, &y->vcpus[k].entity, a);
            assert_memory_equal(x->vcpus[k].gauges, y->vcpus[k].gauges, sizeof(x->vcpus[k].gauges));
        }
    }
}

static void a_sample_comes_back_as_it_was(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t);
    struct field_table fields = {0};
    struct sample *s;

    (void)state;
    assert_int_equal(sample_flat_read(b.bytes, b.size, &fields, &s), 0);
    compare(two_vms_sample(t, 1), s);
    assert_int_equal(fields.count, two_vms_fields(t)->count);
    /* No number was copied: it lies in the block still. */
    assert_ptr_equal(s->matrices, b.bytes);
    sample_free(s);
    field_table_done(&fields);
    two_vms_free(t);
}

/* A step does the VM that it began, and no other one. */
static void slices_make_the_same_sample(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t);
    struct field_table fields = {0};
    struct sample_reader *r;
    struct sample *s = NULL;

    (void)state;
    assert_int_equal(sample_reader_open(b.bytes, b.size, NULL, &fields, &r), 0);
    for (size_t left = two_vms_sample(t, 1)->vm_count; left > 1; left--)
        assert_int_equal(sample_reader_step(r, 1, &s), 0);
    assert_null(s);
    assert_int_equal(sample_reader_step(r, 1, &s), 1);
    sample_reader_close(r);
    compare(two_vms_sample(t, 1), s);
    sample_free(s);
    field_table_done(&fields);
    two_vms_free(t);
}

static void a_slice_ends_after_so_many_vms_and_vcpus(void **state)
{
    struct two_vms *t = two_vms_new();
    size_t first = 1 + two_vms_sample(t, 1)->vms[0].vcpu_count;
    struct field_table fields = {0};
    struct sample_reader *r;
    struct sample *s;

    (void)state;
    for (size_t entities = first; entities <= first + 1; entities++) {
        struct block b = flat_of(t);
        assert_int_equal(sample_reader_open(b.bytes, b.size, NULL, &fields, &r), 0);
        assert_int_equal(sample_reader_step(r, entities, &s), entities > first);
        if (entities > first)
            sample_free(s);
        sample_reader_close(r); /* one that was not finished goes with all that it has */
    }
    field_table_done(&fields);
    two_vms_free(t);
}

static void a_buffer_goes_back_to_where_it_came_from(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t);
    struct field_table fields = {0};
    struct spare spare = {0};
    struct sample_reader *r;
    struct sample *s;

    (void)state;
    for (int i = 0; i < 2; i++) {
        void *buffer = spare_take(&spare, SPARE_BYTES_MIN);
        assert_non_null(buffer);
        memcpy(buffer, b.bytes, b.size);
        assert_int_equal(sample_reader_open(buffer, b.size, &spare, &fields, &r), 0);
        if (i == 0)
            assert_int_equal(sample_reader_step(r, SIZE_MAX, &s), 1);
        sample_reader_close(r);
        assert_ptr_equal(spare.blocks[0].memory, i == 0 ? NULL : buffer);
        if (i == 0)
            sample_free(s);
        assert_ptr_equal(spare.blocks[0].memory, buffer);
    }
    spare_done(&spare);
    free(b.bytes);
    field_table_done(&fields);
    two_vms_free(t);
}

/* A collector that took the place of another learns its fields in another order. */
static void fields_of_another_order_find_their_columns(void **state)
{
    struct two_vms *t = two_vms_new();
    const struct field_table *theirs = two_vms_fields(t);
    struct block b = flat_of(t);
    struct field_table ours = {0};
    struct field extra = {.name = "extra", .kind = FIELD_LOG_HIST, .size = 7, .base = 10};
    struct sample *s;

    (void)state;
    assert_int_equal(field_table_add(&ours, &extra), 0);
    for (size_t i = theirs->count; i > 0; i--)
        assert_true(field_table_add(&ours, &theirs->fields[i - 1]) > 0);
    assert_int_equal(sample_flat_read(b.bytes, b.size, &ours, &s), 0);
    assert_int_equal(s->field_count, theirs->count + 1);
    const struct sample *from = two_vms_sample(t, 1);
    for (size_t i = 0; i < theirs->count; i++) {
        size_t at = theirs->count - i;
        const struct field *a = &theirs->fields[i], *z = &ours.fields[at];
        assert_string_equal(a->name, z->name);
        assert_memory_equal(&from->vms[0].entity.readings[i], &s->vms[0].entity.readings[at],
                            sizeof(struct reading));
        if (field_is_hist(a))
            assert_memory_equal(&from->vms[0].vcpus[1].entity.buckets[a->bucket_index],
                                &s->vms[0].vcpus[1].entity.buckets[z->bucket_index],
                                a->size * sizeof(uint64_t));
    }
    assert_int_equal(s->vms[0].entity.readings[0].state, READING_ABSENT);
    sample_free(s);
    field_table_done(&ours);
    two_vms_free(t);
}

/*
 * A collector that took the place of another may know but the first of its fields. Samples of a
 * stream never have fewer columns than those before: who follows counters goes by these.
 */
static void fields_that_the_writer_lacks_have_columns_too(void **state)
{
    struct two_vms *t = two_vms_new();
    const struct field_table *theirs = two_vms_fields(t);
    struct field_table ours = {0};
    struct field extra = {.name = "extra", .kind = FIELD_LOG_HIST, .size = 7, .base = 10};
    struct sample *first, *s;

    (void)state;
    struct block b = flat_of(t);
    assert_int_equal(sample_flat_read(b.bytes, b.size, &ours, &first), 0);
    assert_int_equal(field_table_add(&ours, &extra), theirs->count);
    b = flat_of(t);
    assert_int_equal(sample_flat_read(b.bytes, b.size, &ours, &s), 0);
    assert_int_equal(s->field_count, theirs->count + 1);
    assert_int_equal(s->bucket_count, first->bucket_count + 7);
    assert_int_equal(s->vms[0].entity.readings[theirs->count].state, READING_ABSENT);
    assert_memory_equal(s->vms[1].entity.readings, first->vms[1].entity.readings,
                        theirs->count * sizeof(struct reading));
    assert_memory_equal(s->vms[0].vcpus[1].entity.buckets, first->vms[0].vcpus[1].entity.buckets,
                        first->bucket_count * sizeof(uint64_t));
    sample_free(s);
    sample_free(first);
    field_table_done(&ours);
    two_vms_free(t);
}

/* The section of that id in a block. */
static struct flat_section section_of(const struct block *b, uint32_t id)
{
    struct flat flat;

    assert_int_equal(flat_open(b->bytes, b->size, FLAT_SAMPLE, &flat), 0);
    struct flat_section s = flat_find(&flat, id);
    assert_non_null(s.items);
    return s;
}

/* Reads a changed block, which it frees, with fields of its own. */
static int read_back(struct block *b)
{
    struct field_table fields = {0};
    struct sample *s = NULL;
    int result = sample_flat_read(b->bytes, b->size, &fields, &s);

    sample_free(s);
    field_table_done(&fields);
    return result;
}

static void causes_and_sources_of_another_version_are_mapped_by_name(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t);
    struct flat_section causes = section_of(&b, CAUSE_NAMES);
    struct flat_text *names = (struct flat_text *)causes.items, swapped = names[CAUSE_LOCKDOWN];
    struct field_table fields = {0};
    struct sample *s;

    (void)state;
    /* In the other version the two have each other's number. */
    names[CAUSE_LOCKDOWN] = names[CAUSE_LOCKDOWN_INTEGRITY];
    names[CAUSE_LOCKDOWN_INTEGRITY] = swapped;
    assert_int_equal(sample_flat_read(b.bytes, b.size, &fields, &s), 0);
    const struct reading *was = &two_vms_sample(t, 1)->vms[0].entity.readings[F_PTE_WRITE];
    assert_int_equal(was->cause, CAUSE_LOCKDOWN_INTEGRITY);
    assert_int_equal(s->vms[0].entity.readings[F_PTE_WRITE].cause, CAUSE_LOCKDOWN);
    sample_free(s);
    field_table_done(&fields);
    two_vms_free(t);
}

static void what_breaks_a_rule_is_no_sample(void **state)
{
    /* A number of @bytes bytes at @offset of item 0 or 1 of a section. */
    static const struct {
        enum section id;
        size_t item, offset, bytes;
        uint64_t value;
    } wrong[] = {
        {HEAD, 0, offsetof(struct flat_head, wall_ns), 8, 1000000000},
        {HEAD, 0, offsetof(struct flat_head, wall_s), 8, UINT64_MAX},
        {HEAD, 0, offsetof(struct flat_head, hidden_cause), 4, 255},
        {HEAD, 0, offsetof(struct flat_head, buckets), 4, UINT32_MAX},
        {HEAD, 0, offsetof(struct flat_head, vm_gauges), 4, UINT32_MAX},
        {HOST, 0, offsetof(struct flat_host, kernel), 4, UINT32_MAX},
        {BPF, 0, offsetof(struct flat_bpf, why), 4, UINT32_MAX},
        {BPF, 0, offsetof(struct flat_bpf, state), 4, BPF_STATE_COUNT},
        {BPF, 0, offsetof(struct flat_bpf, obstacle), 4, BPF_OBSTACLE_COUNT},
        {CAUSE_NAMES, 1, 0, 4, UINT32_MAX},
        {CAUSE_NAMES, 1, 4, 4, 3}, /* its NUL stands elsewhere */
        {FIELDS, 0, offsetof(struct flat_field, kind), 1, FIELD_KIND_COUNT},
        {FIELDS, 0, offsetof(struct flat_field, scope), 1, 2},
        {FIELDS, 0, offsetof(struct flat_field, base), 1, 0},
        {FIELDS, F_HIST, offsetof(struct flat_field, bucket_index), 4, 1},
        {VMS, 0, offsetof(struct flat_vm, pid), 4, 0},
        {VMS, 0, offsetof(struct flat_vm, pid), 4, 6000}, /* behind the next */
        {VMS, 0, offsetof(struct flat_vm, fd), 4, UINT32_MAX},
        {VMS, 0, offsetof(struct flat_vm, vcpus), 4, 4},
        {VMS, 1, offsetof(struct flat_vm, vcpus), 4, 0},
        {VMS, 0, offsetof(struct flat_vm, fds_cause), 1, 255},
        {VMS, 0, offsetof(struct flat_vm, migration), 1, VM_MIGRATION_COUNT},
        {VMS, 0, offsetof(struct flat_vm, name_raw), 4, UINT32_MAX},
        {VCPUS, 1, offsetof(struct flat_vcpu, id), 4, 0}, /* twice */
        {VCPUS, 0, offsetof(struct flat_vcpu, cause), 4, 255},
        {VCPUS, 0, offsetof(struct flat_vcpu, cpus_allowed), 4, UINT32_MAX},
        {VCPUS, 0, offsetof(struct flat_vcpu, cpus_allowed), 8, 6ull << 32}, /* "web-07" */
        {HOST_GAUGES, 1, offsetof(struct reading, state), 1, READING_STATE_COUNT},
        {DEVICES, 0, offsetof(struct flat_device, vm), 4, 1}, /* then one of VM 0 */
        {DEVICES, 2, offsetof(struct flat_device, vm), 4, 2}, /* there is none */
        {DEVICES, 0, offsetof(struct flat_device, kind), 1, IO_DEVICE_KIND_COUNT},
        {DEVICES, 0, offsetof(struct flat_device, name), 4, UINT32_MAX},
        {DEVICE_COUNTS, 7, offsetof(struct reading, state), 1, READING_STATE_COUNT},
        {READINGS, 1, offsetof(struct reading, state), 1, READING_STATE_COUNT},
        {READINGS, 1, offsetof(struct reading, source), 1, SOURCE_COUNT},
        {VCPU_GAUGES, 1, offsetof(struct reading, cause), 1, CAUSE_COUNT},
    };
    struct two_vms *t = two_vms_new();

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct block b = flat_of(t);
        struct flat_section s = section_of(&b, wrong[i].id);
        memcpy(s.items + wrong[i].item * s.item_bytes + wrong[i].offset, &wrong[i].value,
               wrong[i].bytes);
        if (read_back(&b) != -EBADMSG)
            fail_msg("wrong number %zu was taken", i);
    }
    two_vms_free(t);
}

/* Of VMs without any number, so that each is a few bytes here and hundreds where it is read. */
static int read_crowd(size_t vms)
{
    size_t size = vms * (sizeof(struct flat_vm) + sizeof(uint64_t)) + 4096;
    struct field_table fields = {0};
    struct flat_writer w;
    struct sample *s = NULL;

    flat_begin(&w, FLAT_SAMPLE, malloc(size), size);
    flat_add(&w, TEXT, 1, 8);
    *(struct flat_head *)flat_add(&w, HEAD, sizeof(struct flat_head), 1) =
        (struct flat_head){.read_ns = htole64(1)};
    flat_add(&w, HOST, sizeof(struct flat_host), 1);
    flat_add(&w, SOURCE_NAMES, sizeof(struct flat_text), 1);
    flat_add(&w, CAUSE_NAMES, sizeof(struct flat_text), 1);
    struct flat_vm *vm = flat_add(&w, VMS, sizeof(*vm), vms);
    for (size_t i = 0; i < vms; i++)
        vm[i].pid = (int32_t)htole32((uint32_t)i + 1);
    flat_add(&w, VM_GAUGES, sizeof(struct reading), 0);
    flat_add(&w, VCPU_GAUGES, sizeof(struct reading), 0);
    flat_add(&w, TIMES, sizeof(uint64_t), 1 + vms);
    flat_add(&w, READINGS, sizeof(struct reading), 0);
    flat_add(&w, BUCKETS, sizeof(uint64_t), 0);
    size_t bytes = flat_end(&w);
    assert_true(bytes <= size);
    int result = sample_flat_read(w.buffer, bytes, &fields, &s);
    sample_free(s);
    field_table_done(&fields);
    return result;
}

static void more_than_there_can_be_is_no_sample(void **state)
{
    (void)state;
    assert_int_equal(read_crowd(1000), 0);
    assert_int_equal(read_crowd(SAMPLE_FLAT_ENTITIES_MAX - 1), 0);
    assert_int_equal(read_crowd(SAMPLE_FLAT_ENTITIES_MAX), -EBADMSG);
}

static void a_form_of_another_version_is_told_from_a_broken_one(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t);

    (void)state;
    ((unsigned char *)b.bytes)[4] = FLAT_VERSION + 1;
    assert_int_equal(read_back(&b), -EPROTONOSUPPORT);
    b = flat_of(t);
    ((unsigned char *)b.bytes)[0] = 'X';
    assert_int_equal(read_back(&b), -EBADMSG);
    two_vms_free(t);
}

static void a_form_that_was_cut_is_no_sample(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block whole = flat_of(t);

    (void)state;
    for (size_t size = 0; size < whole.size; size += 8) {
        struct block b = {malloc(size + 1), size};
        uint64_t bytes = size;
        memcpy(b.bytes, whole.bytes, size);
        /* A file that says itself how short it is. */
        if (size >= FLAT_HEAD_BYTES)
            memcpy((char *)b.bytes + 8, &bytes, sizeof(bytes));
        assert_int_equal(read_back(&b), -EBADMSG);
    }
    free(whole.bytes);
    two_vms_free(t);
}

/* What a later version adds: a section, and members at the end of an item. */
static void what_is_not_known_is_skipped(void **state)
{
    struct two_vms *t = two_vms_new();
    struct block b = flat_of(t), grown = {malloc(b.size + 4096), 0};
    struct flat_writer w;
    struct flat flat;

    (void)state;
    assert_int_equal(flat_open(b.bytes, b.size, FLAT_SAMPLE, &flat), 0);
    flat_begin(&w, FLAT_SAMPLE, grown.bytes, b.size + 4096);
    memset(flat_add(&w, 9999, 24, 3), 0xaa, 72);
    for (uint32_t id = TEXT; id <= DEVICE_COUNTS; id++) {
        struct flat_section s = flat_find(&flat, id);
        size_t longer =
            id == VMS || id == FIELDS || id == HEAD || id == BPF ? s.item_bytes + 16 : s.item_bytes;
        unsigned char *to = flat_add(&w, id, longer, s.count);
        assert_non_null(to);
        for (size_t i = 0; i < s.count; i++) {
            memcpy(to + i * longer, s.items + i * s.item_bytes, s.item_bytes);
            memset(to + i * longer + s.item_bytes, 0xbb, longer - s.item_bytes);
        }
    }
    grown.size = flat_end(&w);
    struct field_table fields = {0};
    struct sample *s;
    assert_int_equal(sample_flat_read(grown.bytes, grown.size, &fields, &s), 0);
    compare(two_vms_sample(t, 1), s);
    sample_free(s);
    field_table_done(&fields);
    free(b.bytes);
    two_vms_free(t);
}

/* Who reads it cleans the names: the writer may be in the hands of a VMM. */
static void a_name_is_cleaned_by_who_reads_it(void **state)
{
    struct two_vms *t = two_vms_new();
    struct sample *from = two_vms_sample(t, 1), *s;
    struct field_table fields = {0};

    (void)state;
    from->vms[0].facts.name = "\x1b[2Jlie";
    struct block b = flat_of(t);
    assert_int_equal(sample_flat_read(b.bytes, b.size, &fields, &s), 0);
    assert_string_equal(s->vms[0].facts.name, "vm16");
    assert_string_equal(s->vms[1].facts.name_raw, TWO_VMS_HOSTILE);
    assert_null(strchr(s->vms[1].facts.name, '\x1b'));
    sample_free(s);
    field_table_done(&fields);
    two_vms_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_comes_back_as_it_was),
        cmocka_unit_test(slices_make_the_same_sample),
        cmocka_unit_test(a_slice_ends_after_so_many_vms_and_vcpus),
        cmocka_unit_test(a_buffer_goes_back_to_where_it_came_from),
        cmocka_unit_test(fields_of_another_order_find_their_columns),
        cmocka_unit_test(fields_that_the_writer_lacks_have_columns_too),
        cmocka_unit_test(causes_and_sources_of_another_version_are_mapped_by_name),
        cmocka_unit_test(what_breaks_a_rule_is_no_sample),
        cmocka_unit_test(more_than_there_can_be_is_no_sample),
        cmocka_unit_test(a_form_of_another_version_is_told_from_a_broken_one),
        cmocka_unit_test(a_form_that_was_cut_is_no_sample),
        cmocka_unit_test(what_is_not_known_is_skipped),
        cmocka_unit_test(a_name_is_cleaned_by_who_reads_it),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
