// SPDX-License-Identifier: MIT
/* The bpf source beside the stats descriptors of the same real VMs, which stand still. */
#include "core/source/source.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_bpf_tick.h"
#include "core/bpf/kvm_layout.h"
#include "core/source/sampler.h"
#include "tests/lib/bpf_bench.h"

#define BPF_ALONE (SOURCE_BIT(SOURCE_BPF) | SOURCE_BIT(SOURCE_PROC))

struct stillness {
    const struct kvm_layout *layout;
    unsigned awake; /* vCPUs */
    uint64_t sum;   /* of all numbers */
};

static void add_up(void *user, const struct kvm_bpf_file *file)
{
    struct stillness *s = user;
    const struct kvm_layout *l = s->layout;

    for (size_t i = 0; i < file->stat_bytes; i++)
        s->sum += file->stat[i] * (i + 1);
    for (size_t i = 0; i < l->vcpu_count && file->kind == KVM_BPF_VCPU; i++)
        if (strcmp(l->vcpu[i].name, "blocking") == 0)
            s->awake += kvm_member_read(&l->vcpu[i], 0, file->stat) == 0;
}

/*
 * Returns when nothing counts any more: all vCPUs have halted, and their threads have left the CPU,
 * which counts too.
 */
static void start(struct bpf_bench *b, const struct kvm_guest_config *config)
{
    uint64_t before = 0;
    int still = 0;

    assert_true(guest_start(&b->guest, kvm_guest, config));
    for (int i = 0; i < 1000 && still < 5; i++) {
        struct stillness s = {.layout = kvm_bpf_layout(b->bpf, NULL)};
        assert_non_null(s.layout);
        assert_int_equal(
            kvm_bpf_read_process(b->bpf, b->guest.pid, KVM_BPF_STATS, add_up, &s, NULL), 0);
        still = s.awake == 0 && s.sum == before ? still + 1 : 0;
        before = s.sum;
        usleep(10000);
    }
    assert_int_equal(still, 5);
}

static struct sampler *open_sampler(struct bpf_bench *b, unsigned sources, bool histograms)
{
    const struct sampler_config config = {.root = &b->root,
                                          .sources = sources,
                                          .bpf = b->bpf,
                                          .no_histograms = !histograms,
                                          .scope = {.pid = b->guest.pid}};
    struct sampler *sampler;
    struct error err;

    assert_int_equal(sampler_open(&config, &sampler, &err), 0);
    return sampler;
}

static struct sample *take(struct sampler *sampler)
{
    struct sample *sample;
    struct error err;

    assert_int_equal(sampler_take(sampler, &sample, &err), 0);
    return sample;
}

/* All that @from says of the entity @of of its fields of @scope is what @is says. How many. */
static unsigned compare(const struct field_table *of_fields, const struct sample_entity *of,
                        const struct field_table *is_fields, const struct sample_entity *is,
                        size_t count, enum field_scope scope)
{
    unsigned same = 0;

    for (size_t f = 0; f < count; f++) {
        const struct field *field = &of_fields->fields[f], *other = NULL;
        if (field->scope != scope || of->readings[f].state != READING_OK)
            continue;
        int k = field_table_find(is_fields, field->name);
        if (k < 0)
            fail_msg("%s is missing", field->name);
        other = &is_fields->fields[k];
        if (is->readings[k].state != READING_OK || is->readings[k].raw != of->readings[f].raw)
            fail_msg("%s: %llu is not %llu (state %d)", field->name,
                     (unsigned long long)is->readings[k].raw,
                     (unsigned long long)of->readings[f].raw, is->readings[k].state);
        if (other->scope != field->scope || other->kind != field->kind ||
            other->unit != field->unit || other->exponent != field->exponent ||
            other->size != field->size)
            fail_msg("%s is another kind of number", field->name);
        if (field_is_hist(field))
            assert_memory_equal(&of->buckets[field->bucket_index],
                                &is->buckets[other->bucket_index], field->size * sizeof(uint64_t));
        same++;
    }
    return same;
}

static bool is_same_entity(const struct sample *s, const struct sample_entity *a,
                           const struct sample_entity *b)
{
    return memcmp(a->readings, b->readings, s->field_count * sizeof(*a->readings)) == 0 &&
           memcmp(a->buckets, b->buckets, s->bucket_count * sizeof(*a->buckets)) == 0;
}

static bool is_same(const struct sample *a, const struct sample *b)
{
    bool same = a->vm_count == b->vm_count && a->field_count == b->field_count;

    for (size_t i = 0; same && i < a->vm_count; i++) {
        const struct sample_vm *x = &a->vms[i], *y = &b->vms[i];
        same = x->vcpu_count == y->vcpu_count && is_same_entity(a, &x->entity, &y->entity);
        for (size_t k = 0; same && k < x->vcpu_count; k++)
            same = is_same_entity(a, &x->vcpus[k].entity, &y->vcpus[k].entity);
    }
    return same;
}

/*
 * A sample of each sampler, between which nothing has counted: a busy host wakes up halted vCPUs
 * now and then.
 */
static void take_both(struct sampler *first, struct sampler *second, struct sample **ret_first,
                      struct sample **ret_second)
{
    for (int i = 0; i < 50; i++) {
        *ret_first = take(first);
        *ret_second = take(second);
        struct sample *again = take(first);
        bool same = is_same(*ret_first, again);
        sample_free(again);
        if (same)
            return;
        sample_free(*ret_first);
        sample_free(*ret_second);
    }
    fail_msg("the VMs never stood still");
}

/* Both samples, of VMs that stand still, have the same numbers. */
static void compare_samples(const struct sampler *of, const struct sample *a,
                            const struct sampler *is, const struct sample *b, size_t vms,
                            size_t vcpus)
{
    const struct field_table *fields = sampler_fields(of), *others = sampler_fields(is);

    assert_int_equal(a->vm_count, vms);
    assert_int_equal(b->vm_count, vms);
    for (size_t i = 0; i < vms; i++) {
        assert_int_equal(a->vms[i].vcpu_count, vcpus);
        assert_int_equal(b->vms[i].vcpu_count, vcpus);
        assert_in_range(
            compare(fields, &a->vms[i].entity, others, &b->vms[i].entity, a->field_count, FIELD_VM),
            5, 100);
        for (size_t k = 0; k < vcpus; k++)
            assert_in_range(compare(fields, &a->vms[i].vcpus[k].entity, others,
                                    &b->vms[i].vcpus[k].entity, a->field_count, FIELD_VCPU),
                            20, 200);
    }
}

static void all_counters_are_those_of_the_stats_descriptors(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 2, .vcpus = 2, .stats_fds = true});
    struct sampler *fds = open_sampler(b, SOURCE_BIT(SOURCE_STATSFD), true),
                   *bpf = open_sampler(b, BPF_ALONE, true);
    struct sample *one, *other;
    take_both(fds, bpf, &one, &other);
    compare_samples(fds, one, bpf, other, 2, 2);
    /* and the other way round: nothing was made up */
    compare_samples(bpf, other, fds, one, 2, 2);
    sample_free(one);
    sample_free(other);
    sampler_close(fds);
    sampler_close(bpf);
    guest_stop(&b->guest);
}

static void without_histograms_all_others_are_read(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    unsigned left_out = 0;

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    struct sampler *all = open_sampler(b, BPF_ALONE, true),
                   *few = open_sampler(b, BPF_ALONE, false);
    struct sample *one, *other;
    take_both(all, few, &one, &other);
    const struct field_table *fields = sampler_fields(all);
    for (size_t f = 0; f < one->field_count; f++) {
        const struct reading *was = &one->vms[0].vcpus[0].entity.readings[f],
                             *is = &other->vms[0].vcpus[0].entity.readings[f];
        if (fields->fields[f].scope != FIELD_VCPU || was->state != READING_OK)
            continue;
        if (field_is_hist(&fields->fields[f])) {
            assert_int_equal(is->state, READING_ABSENT);
            assert_int_equal(is->cause, CAUSE_NOT_ASKED_FOR);
            left_out++;
        } else {
            assert_int_equal(is->state, READING_OK);
            assert_int_equal(is->raw, was->raw);
        }
    }
    assert_in_range(left_out, 1, 10);
    sample_free(one);
    sample_free(other);
    sampler_close(all);
    sampler_close(few);
    guest_stop(&b->guest);
}

static void the_others_leave_alone_what_it_fills(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 2, .stats_fds = true});
    struct sampler *sampler = open_sampler(b, SOURCES_ALL, true);
    for (int tick = 0; tick < 2; tick++) {
        struct sample *s = take(sampler);
        assert_int_equal(s->vm_count, 1);
        const struct sample_vm *vm = &s->vms[0];
        assert_int_equal(vm->vm->counters_by, SOURCE_BPF);
        assert_int_equal(vm->entity.time_ns[SOURCE_STATSFD], 0);
        for (size_t f = 0; f < s->field_count; f++)
            assert_true(vm->entity.readings[f].state != READING_OK ||
                        vm->entity.readings[f].source == SOURCE_BPF);
        for (size_t k = 0; k < vm->vcpu_count; k++) {
            assert_int_equal(vm->vcpus[k].entity.time_ns[SOURCE_STATSFD], 0);
            assert_int_not_equal(vm->vcpus[k].entity.time_ns[SOURCE_BPF], 0);
            assert_int_equal(vm->vcpus[k].gauges[VCPU_TSC_OFFSET].state, READING_OK);
            assert_int_equal(vm->vcpus[k].gauges[VCPU_TSC_OFFSET].source, SOURCE_BPF);
        }
        sample_free(s);
    }
    sampler_close(sampler);
    guest_stop(&b->guest);
}

static void a_descriptor_of_the_name_brings_no_second_field(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1, .stats_fds = true});
    struct sampler *sampler = open_sampler(b, SOURCES_ALL, true);
    sample_free(take(sampler));
    size_t before = sampler_fields(sampler)->count;
    /* What BPF cannot find any more, the descriptors give: the tables meet in one. */
    struct sample *s = take(sampler);
    s->vms[0].vm->counters_by = SOURCE_NONE;
    struct source *statsfd;
    const struct source_env env = {.root = &b->root,
                                   .host = &s->host_facts,
                                   .fields = (struct field_table *)sampler_fields(sampler),
                                   .now_ns = NULL};
    assert_int_equal(source_statsfd.attach(&env, &statsfd), 0);
    const struct vm_list list = {.vms = &s->vms[0].vm, .count = 1};
    assert_int_equal(source_statsfd.discover(statsfd, &list), 0);
    const struct field_table *fields = sampler_fields(sampler);
    for (size_t f = before; f < fields->count; f++)
        fail_msg("%s is there twice", fields->fields[f].name);
    source_statsfd.forget(statsfd, s->vms[0].vm);
    source_statsfd.detach(statsfd);
    sample_free(s);
    sampler_close(sampler);
    guest_stop(&b->guest);
}

/* --- where it fails --------------------------------------------------------------------------- */

/* Its directory says that there is another vCPU, or KVM says how many there are. */
static void a_vcpu_that_is_held_elsewhere_is_missing_and_not_left_out(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 2, .lends = true});
    struct sampler *sampler = open_sampler(b, BPF_ALONE, true);
    for (int tick = 0; tick < 2; tick++) {
        struct sample *s = take(sampler);
        int exits = field_table_find(sampler_fields(sampler), "exits");
        assert_in_range(exits, 0, s->field_count - 1);
        assert_int_equal(s->vm_count, 1);
        const struct sample_vm *vm = &s->vms[0];
        assert_in_range(vm->vcpu_count, 1, 2);
        assert_int_equal(vm->lacks_vcpus, vm->vcpu_count == 1);
        assert_int_equal(vm->vcpus[0].entity.readings[exits].state, READING_OK);
        assert_int_equal(vm->entity.readings[exits].state, READING_ABSENT);
        assert_int_equal(vm->entity.readings[exits].cause, CAUSE_VCPU_ELSEWHERE);
        if (vm->vcpu_count == 2) {
            assert_int_equal(vm->vcpus[1].entity.readings[exits].state, READING_ABSENT);
            assert_int_equal(vm->vcpus[1].entity.readings[exits].cause, CAUSE_VCPU_ELSEWHERE);
        }
        sample_free(s);
    }
    sampler_close(sampler);
    guest_stop(&b->guest);
}

static uint64_t now_ns(void)
{
    return 1000;
}

/* A process with very many descriptors: each read of it takes so long. */
static struct {
    uint64_t now_ns, read_ns;
    unsigned reads;
} slow;

int __real_kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                                void *user, uint64_t *ret_ns);
int __wrap_kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                                void *user, uint64_t *ret_ns);

int __wrap_kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants, kvm_bpf_file_fn *fn,
                                void *user, uint64_t *ret_ns)
{
    slow.now_ns += slow.read_ns;
    slow.reads++;
    return __real_kvm_bpf_read_process(bpf, pid, wants, fn, user, ret_ns);
}

static uint64_t slow_clock(void)
{
    return slow.now_ns;
}

/* Else ten of them would hold up all other VMs, tick by tick, though their own numbers wait. */
static void a_process_that_takes_long_is_read_rarely(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    const struct sampler_config config = {.root = &b->root,
                                          .sources = BPF_ALONE,
                                          .bpf = b->bpf,
                                          .now_ns = slow_clock,
                                          .scope = {.pid = b->guest.pid}};
    struct sampler *sampler;
    struct error err;

    slow.now_ns = 1000000000;
    slow.read_ns = 400000000;
    slow.reads = 0;
    assert_int_equal(sampler_open(&config, &sampler, &err), 0);
    for (int tick = 0; tick < 40; tick++) {
        sample_free(take(sampler));
        slow.now_ns += 100000000;
    }
    slow.read_ns = 0;
    print_message("%u reads in 40 ticks\n", slow.reads);
    assert_in_range(slow.reads, 1, 20);
    sampler_close(sampler);
    guest_stop(&b->guest);
}

static void a_vm_that_it_does_not_find_is_left_to_the_others(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct host host = {0};
    struct field_table fields = {0};
    struct kvm_bpf_tick *reads =
        kvm_bpf_tick_new(&(struct kvm_bpf_tick_config){.bpf = b->bpf, .now_ns = now_ns});
    struct source_env env = {
        .root = &b->root, .host = &host, .fields = &fields, .now_ns = now_ns, .bpf_tick = reads};
    struct source *source;
    struct sample *s;

    start(b, &(struct kvm_guest_config){.vms = 2, .vcpus = 1});
    struct vm_vcpu vcpus[2] = {{.stats_fd = -1}, {.stats_fd = -1}};
    struct vm there = {.id = {.pid = b->guest.pid, .fd = (int)b->guest.info->extra[0]},
                       .vcpus = &vcpus[0],
                       .vcpu_count = 1},
              gone = {.id = {.pid = b->guest.pid, .fd = 3000}, .vcpus = &vcpus[1], .vcpu_count = 1},
              *both[] = {&there, &gone};
    const struct vm_list list = {both, 2};
    assert_true(source_bpf.wanted(&env));
    assert_int_equal(source_bpf.attach(&env, &source), 0);
    for (int tick = 0; tick < 2; tick++) {
        kvm_bpf_tick_begin(reads, KVM_BPF_STATS);
        assert_int_equal(source_bpf.discover(source, &list), 0);
        assert_int_equal(there.counters_by, SOURCE_BPF);
        assert_int_equal(gone.counters_by, tick == 0 ? SOURCE_BPF : SOURCE_NONE);
        assert_int_equal(sample_new(&list, &fields, &s), 0);
        source_bpf.read(source, s, &s->vms[0]);
        source_bpf.read(source, s, &s->vms[1]);
        int exits = field_table_find(&fields, "exits"),
            pages = field_table_find(&fields, "pages_4k");
        assert_true(exits >= 0 && pages >= 0);
        assert_int_equal(s->vms[0].vcpus[0].entity.readings[exits].state, READING_OK);
        assert_int_equal(s->vms[1].vcpus[0].entity.readings[exits].cause, CAUSE_GONE);
        assert_int_equal(s->vms[1].entity.readings[pages].cause, CAUSE_GONE);
        assert_int_equal(gone.counters_by, tick == 0 ? SOURCE_BPF : SOURCE_NONE);
        sample_free(s);
    }
    source_bpf.forget(source, &there);
    source_bpf.forget(source, &gone);
    assert_int_equal(there.counters_by, SOURCE_NONE);
    source_bpf.detach(source);
    kvm_bpf_tick_free(reads);
    field_table_done(&fields);
    guest_stop(&b->guest);
}

static void it_is_not_wanted_unless_it_was_loaded(void **state)
{
    (void)state;
    assert_false(source_bpf.wanted(&(struct source_env){0}));
}

static void a_vm_that_ends_is_gone(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    struct sampler *sampler = open_sampler(b, BPF_ALONE, true);
    struct sample *s = take(sampler);
    assert_int_equal(s->vm_count, 1);
    sample_free(s);
    kill(b->guest.pid, SIGKILL);
    guest_stop(&b->guest);
    s = take(sampler);
    assert_int_equal(s->vm_count, 0);
    sample_free(s);
    sampler_close(sampler);
}

static void alone_and_not_loaded_it_says_so(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct sampler *sampler;
    struct error err;

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1, .stats_fds = true});
    const struct sampler_config config = {.root = &b->root,
                                          .sources = BPF_ALONE | SOURCE_BIT(SOURCE_STATSFD),
                                          .scope = {.pid = b->guest.pid}},
                                alone = {.root = &b->root,
                                         .sources = BPF_ALONE,
                                         .scope = {.pid = b->guest.pid}};
    /* Beside it another gives the numbers. */
    assert_int_equal(sampler_open(&config, &sampler, &err), 0);
    struct sample *s = take(sampler);
    int exits = field_table_find(sampler_fields(sampler), "exits");
    assert_true(exits >= 0);
    assert_int_equal(s->vms[0].entity.readings[exits].source, SOURCE_STATSFD);
    sample_free(s);
    sampler_close(sampler);
    assert_int_equal(sampler_open(&alone, &sampler, &err), 0);
    s = take(sampler);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(s->vms[0].vcpus[0].gauges[VCPU_TSC_OFFSET].cause, CAUSE_SOURCE_OFF);
    sample_free(s);
    sampler_close(sampler);
    guest_stop(&b->guest);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bpf_bench_setup, bpf_bench_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(all_counters_are_those_of_the_stats_descriptors),
        TEST(without_histograms_all_others_are_read),
        TEST(the_others_leave_alone_what_it_fills),
        TEST(a_descriptor_of_the_name_brings_no_second_field),
        TEST(a_vcpu_that_is_held_elsewhere_is_missing_and_not_left_out),
        TEST(a_process_that_takes_long_is_read_rarely),
        TEST(a_vm_that_it_does_not_find_is_left_to_the_others),
        TEST(a_vm_that_ends_is_gone),
        TEST(alone_and_not_loaded_it_says_so),
        cmocka_unit_test(it_is_not_wanted_unless_it_was_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
