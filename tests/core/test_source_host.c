// SPDX-License-Identifier: MIT
/*
 * A source that is asked once in each tick for all VMs, and that comes and goes while the sampler
 * runs: the operations of source.h have room for it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/source/sampler.h"
#include "core/source/source.h"
#include "tests/lib/tree.h"

#define FAKE SOURCE_STATSFD /* whose place it takes */

struct source {
    struct source_env env;
    int field;
    uint64_t looks;
};

static struct {
    bool wanted, fails;
    int attached, kept, looks; /* sources, what they keep per VM, looks at the host */
} world;

static bool fake_wanted(const struct source_env *env)
{
    assert_non_null(env->root);
    return world.wanted;
}

static int fake_attach(const struct source_env *env, struct source **ret)
{
    if (world.fails || (*ret = calloc(1, sizeof(**ret))) == NULL)
        return -ENOMEM;
    (*ret)->env = *env;
    world.attached++;
    return 0;
}

static int fake_discover(struct source *s, const struct vm_list *vms)
{
    const struct field field = {
        .name = "fake", .scope = FIELD_VCPU, .kind = FIELD_CUMULATIVE, .base = 10, .size = 1};

    for (size_t i = 0; i < vms->count; i++)
        if (vms->vms[i]->source_data[FAKE] == NULL) {
            vms->vms[i]->source_data[FAKE] = calloc(1, 1);
            world.kept++;
        }
    s->field = field_table_find(s->env.fields, field.name);
    if (s->field < 0)
        s->field = field_table_add(s->env.fields, &field);
    return s->field == -ENOMEM ? s->field : 0;
}

static void fake_tick(struct source *s, struct sample *sample)
{
    world.looks++;
    s->looks++;
    for (size_t i = 0; i < sample->vm_count; i++)
        for (size_t k = 0; k < sample->vms[i].vcpu_count; k++) {
            struct sample_entity *e = &sample->vms[i].vcpus[k].entity;
            e->readings[s->field] = reading_ok(100 * s->looks, FAKE);
            e->time_ns[FAKE] = s->env.now_ns();
        }
}

static void fake_forget(struct source *s, struct vm *vm)
{
    assert_non_null(s);
    world.kept -= vm->source_data[FAKE] != NULL;
    free(vm->source_data[FAKE]);
    vm->source_data[FAKE] = NULL;
}

static void fake_detach(struct source *s)
{
    assert_int_equal(world.kept, 0);
    world.attached--;
    free(s);
}

static const struct source_ops fake = {
    .id = FAKE,
    .wanted = fake_wanted,
    .attach = fake_attach,
    .discover = fake_discover,
    .tick = fake_tick,
    .forget = fake_forget,
    .detach = fake_detach,
};
static const struct source_ops *const table[] = {&fake, NULL};

static uint64_t clock_of_test(void)
{
    static uint64_t now;

    return now += 1000000;
}

struct bench {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
};

static void add_vm(struct bench *b, int pid)
{
    tree_process(&b->tree, pid, "qemu-system-x86", "qemu-system-x86_64", 4000);
    tree_fd(&b->tree, pid, 9, "anon_inode:kvm-vm");
    tree_fd(&b->tree, pid, 10, "anon_inode:kvm-vcpu:0");
    tree_fd(&b->tree, pid, 12, "anon_inode:kvm-vcpu:1");
}

static int open_with(struct bench *b, unsigned sources)
{
    struct sampler_config config = {
        .root = &b->tree.root, .sources = sources, .now_ns = clock_of_test, .table = table};
    struct error err = {0};

    return sampler_open(&config, &b->sampler, &err);
}

static int setup(void **state)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    memset(&world, 0, sizeof(world));
    tree_open(&b.tree);
    add_vm(&b, 500);
    add_vm(&b, 600);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    snapshot_free(b->now);
    sampler_close(b->sampler);
    assert_int_equal(world.attached, 0);
    tree_close(&b->tree);
    return 0;
}

static const struct snapshot *tick(struct bench *b)
{
    struct error err = {0};

    snapshot_free(b->now);
    b->now = NULL;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), 0);
    return b->now;
}

static struct snapshot_value total(const struct snapshot *s, size_t vm)
{
    return snapshot_vm_value(s, &s->vms[vm], "fake");
}

static void one_look_serves_all_vms_and_their_sums_follow(void **state)
{
    struct bench *b = *state;

    world.wanted = true;
    assert_int_equal(open_with(b, SOURCES_ALL), 0);
    tick(b);
    const struct snapshot *s = tick(b);
    assert_int_equal(world.looks, 2);
    assert_int_equal(s->vm_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(total(s, i).reading.raw, 400);
        assert_int_equal(total(s, i).rate.state, READING_OK);
        assert_true(total(s, i).rate.value > 0);
        assert_int_equal(s->vms[i].vcpu_source, FAKE);
    }
    tree_remove(&b->tree, "proc/600");
    tick(b);
    assert_int_equal(world.kept, 1);
}

static void it_comes_and_goes_while_the_sampler_runs(void **state)
{
    struct bench *b = *state;

    assert_int_equal(open_with(b, SOURCES_ALL), 0);
    tick(b);
    assert_int_equal(world.attached, 0);
    world.wanted = true;
    const struct snapshot *s = tick(b);
    assert_int_equal(world.attached, 1);
    assert_int_equal(total(s, 0).reading.state, READING_OK);
    world.wanted = false;
    s = tick(b);
    assert_int_equal(world.attached, 0);
    assert_int_equal(total(s, 0).reading.state, READING_ABSENT);
    assert_int_equal(world.looks, 1);
    world.wanted = true;
    s = tick(b);
    /* It counts from a new start: there is no rate across the gap. */
    assert_int_equal(total(s, 0).rate.state, READING_WARMUP);
    tick(b);
    assert_int_equal(world.looks, 3);
}

static void one_that_is_excluded_is_not_attached_though_it_is_wanted(void **state)
{
    struct bench *b = *state;

    world.wanted = true;
    assert_int_equal(open_with(b, SOURCES_ALL & ~SOURCE_BIT(FAKE)), 0);
    tick(b);
    assert_int_equal(world.attached, 0);
}

static void without_memory_for_it_the_tick_fails_and_the_next_may_pass(void **state)
{
    struct bench *b = *state;
    struct error err = {0};

    assert_int_equal(open_with(b, SOURCES_ALL), 0);
    world.wanted = world.fails = true;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), -ENOMEM);
    assert_null(b->now);
    world.fails = false;
    tick(b);
    assert_int_equal(world.attached, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(one_look_serves_all_vms_and_their_sums_follow),
        TEST(it_comes_and_goes_while_the_sampler_runs),
        TEST(one_that_is_excluded_is_not_attached_though_it_is_wanted),
        TEST(without_memory_for_it_the_tick_fails_and_the_next_may_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
