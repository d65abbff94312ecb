// SPDX-License-Identifier: MIT
/* Kernels of before 4.7, whose debugfs has totals of all VMs together and no directories of VMs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/source/sampler.h"
#include "core/source/source.h"
#include "tests/lib/tree.h"

#define KVM "sys/kernel/debug/kvm/"

struct bench {
    struct tree tree;
    struct sampler *sampler;
    struct snapshot *now;
    int watch; /* inotify, of the total "exits" */
};

static void kernel(struct bench *b, const char *release)
{
    tree_text(&b->tree, "proc/sys/kernel/osrelease", release);
}

static void vm(struct bench *b, int pid)
{
    tree_process(&b->tree, pid, "qemu-system-x86", "qemu-system-x86_64", 4000);
    tree_fd(&b->tree, pid, 9, "anon_inode:kvm-vm");
    tree_fd(&b->tree, pid, 10, "anon_inode:kvm-vcpu:0");
}

static int setup(void **state)
{
    static struct bench b;
    char path[128];

    memset(&b, 0, sizeof(b));
    tree_open(&b.tree);
    kernel(&b, "4.4.0-210-generic\n");
    tree_process(&b.tree, 1, "init", "/sbin/init", 1);
    tree_text(&b.tree, KVM "exits", "1000\n");
    tree_text(&b.tree, KVM "largepages", "7\n");
    tree_text(&b.tree, KVM "unheard_of", "3\n");
    snprintf(path, sizeof(path), "%s/" KVM "exits", b.tree.path);
    b.watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(b.watch, path, IN_OPEN | IN_ACCESS) >= 0);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    close(b->watch);
    snapshot_free(b->now);
    sampler_close(b->sampler);
    tree_close(&b->tree);
    return 0;
}

/* On a busy machine a process would be taken for one that takes long, and left for later. */
static uint64_t unhurried(void)
{
    static uint64_t now = 1000000;

    return now += 10000;
}

static const struct snapshot *tick(struct bench *b)
{
    struct error err = {0};
    struct sampler_config config = {
        .root = &b->tree.root, .sources = SOURCES_ALL, .now_ns = unhurried};

    if (b->sampler == NULL)
        assert_int_equal(sampler_open(&config, &b->sampler, &err), 0);
    snapshot_free(b->now);
    b->now = NULL;
    assert_int_equal(sampler_tick(b->sampler, &b->now, &err), 0);
    return b->now;
}

/* Since the call before. */
static bool was_opened(struct bench *b)
{
    char events[1024];

    return read(b->watch, events, sizeof(events)) > 0;
}

static void an_old_kernel_gives_totals_of_all_vms(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    vm(b, 600);
    const struct snapshot *s = tick(b);
    assert_non_null(s->host_values);
    assert_true(was_opened(b));
    struct snapshot_value exits = snapshot_host_value(s, "exits");
    assert_int_equal(exits.reading.state, READING_OK);
    assert_int_equal(exits.reading.source, SOURCE_DEBUGFS);
    assert_int_equal(exits.reading.raw, 1000);
    assert_int_equal(exits.rate.state, READING_WARMUP);
    /* Each VM says why it has none. */
    for (size_t i = 0; i < 2; i++) {
        struct snapshot_value v = snapshot_vm_value(s, &s->vms[i], "exits");
        assert_int_equal(v.reading.state, READING_ABSENT);
        assert_int_equal(v.reading.cause, CAUSE_HOST_TOTALS);
        assert_int_equal(s->vms[i].vm_source, SOURCE_NONE);
        assert_int_equal(s->vms[i].vm_cause, CAUSE_HOST_TOTALS);
        assert_int_equal(s->vms[i].vcpus[0].gauges[VCPU_TSC_OFFSET].cause, CAUSE_HOST_TOTALS);
    }
    tree_text(&b->tree, KVM "exits", "5000000000\n");
    s = tick(b);
    exits = snapshot_host_value(s, "exits");
    assert_int_equal(exits.rate.state, READING_OK);
    assert_true(exits.rate.value > 0);
    assert_int_equal(exits.reading.raw, 5000000000);
}

/* All files of such a kernel have mode 0444, which tells of a gauge on others. */
static void the_kind_of_a_total_comes_from_its_name(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    b->tree.root.live = true;
    struct host host = {.kernel = "4.4.0", .debugfs = "sys/kernel/debug/kvm"};
    struct field_table fields = {0};
    struct source_env env = {.root = &b->tree.root, .host = &host, .fields = &fields};
    struct source *source;
    struct vm one = {.id = {500, 4000, 9, 1}};
    struct vm *list[] = {&one};
    const struct vm_list vms = {list, 1};
    char path[128];
    static const char *const names[] = {"exits", "largepages", "unheard_of"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/" KVM "%s", b->tree.path, names[i]);
        assert_int_equal(chmod(path, 0444), 0);
    }
    assert_int_equal(source_debugfs.attach(&env, &source), 0);
    assert_int_equal(source_debugfs.discover(source, &vms), 0);
    assert_int_equal(fields.count, 3);
    assert_int_equal(fields.fields[field_table_find(&fields, "exits")].kind, FIELD_CUMULATIVE);
    assert_int_equal(fields.fields[field_table_find(&fields, "unheard_of")].kind, FIELD_CUMULATIVE);
    assert_int_equal(fields.fields[field_table_find(&fields, "largepages")].kind, FIELD_INSTANT);
    /* Of a VM's directory the mode does tell. */
    tree_text(&b->tree, KVM "500-9/of_a_vm", "1\n");
    snprintf(path, sizeof(path), "%s/" KVM "500-9/of_a_vm", b->tree.path);
    assert_int_equal(chmod(path, 0444), 0);
    snprintf(one.debugfs_dir, sizeof(one.debugfs_dir), "500-9");
    assert_int_equal(source_debugfs.discover(source, &vms), 0);
    assert_int_equal(fields.fields[field_table_find(&fields, "of_a_vm")].kind, FIELD_INSTANT);
    source_debugfs.detach(source);
    field_table_done(&fields);
    b->tree.root.live = false;
}

static void a_total_that_falls_is_a_reset(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    tick(b);
    tree_text(&b->tree, KVM "exits", "999\n");
    tree_text(&b->tree, KVM "largepages", "6\n");
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_host_value(s, "exits").reading.raw, 999);
    assert_int_equal(snapshot_host_value(s, "exits").rate.state, READING_RESET);
    assert_int_equal(snapshot_host_value(s, "largepages").reading.raw, 6);
    assert_int_equal(snapshot_host_value(s, "largepages").rate.state, READING_ABSENT);
}

/* What the others counted may hide that the total lost its share: the difference is no growth. */
static void a_total_has_no_rate_over_the_end_of_a_vm(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    vm(b, 600);
    tick(b);
    tree_remove(&b->tree, "proc/500/fd/9");
    tree_text(&b->tree, KVM "exits", "1500\n");
    const struct snapshot *s = tick(b);
    assert_int_equal(s->vm_count, 1);
    assert_int_equal(snapshot_host_value(s, "exits").rate.state, READING_RESET);
    tree_text(&b->tree, KVM "exits", "1600\n");
    assert_int_equal(snapshot_host_value(tick(b), "exits").rate.state, READING_OK);
    /* A new one brings what it counted itself. */
    vm(b, 700);
    tree_text(&b->tree, KVM "exits", "1700\n");
    assert_int_equal(snapshot_host_value(tick(b), "exits").rate.state, READING_OK);
}

static void totals_since_a_moment_hold_while_its_vms_live(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    tick(b);
    struct snapshot *base = b->now;
    b->now = NULL;
    vm(b, 600);
    tree_text(&b->tree, KVM "exits", "1200\n");
    tree_text(&b->tree, KVM "largepages", "9\n");
    const struct snapshot *s = tick(b);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    size_t large = (size_t)field_table_find(s->fields, "largepages");
    assert_int_equal(snapshot_host_total(base, s, exits).raw, 200);
    assert_int_equal(snapshot_host_total(NULL, s, exits).raw, 1200);
    assert_int_equal(snapshot_host_total(base, s, large).raw, 9);
    tree_text(&b->tree, KVM "exits", "900\n");
    s = tick(b);
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    tree_remove(&b->tree, "proc/500/fd/9");
    tree_text(&b->tree, KVM "exits", "1900\n");
    s = tick(b);
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    assert_int_equal(snapshot_host_total(NULL, s, exits).raw, 1900);
    snapshot_free(base);
}

/* The share that it counted since then went with it, and the others' growth hides that. */
static void a_vm_that_came_and_went_leaves_no_total_since_before(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    tick(b);
    struct snapshot *base = b->now;
    b->now = NULL;
    vm(b, 600);
    tree_text(&b->tree, KVM "exits", "1200\n");
    tick(b);
    tree_remove(&b->tree, "proc/600/fd/9");
    tree_text(&b->tree, KVM "exits", "1300\n");
    tick(b);
    tree_text(&b->tree, KVM "exits", "1400\n");
    const struct snapshot *s = tick(b);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    assert_int_equal(snapshot_host_value(s, "exits").rate.state, READING_OK);
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    assert_int_equal(snapshot_host_total(s, s, exits).raw, 0);
    snapshot_free(base);
}

/* A vCPU's part, of 32 bits, began again at 0; later growth must not hide it. */
static void a_total_that_fell_on_the_way_stays_unknown(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    tree_text(&b->tree, KVM "halt_exits", "5\n");
    tick(b);
    struct snapshot *base = b->now;
    b->now = NULL;
    tree_text(&b->tree, KVM "exits", "900\n");
    tick(b);
    tree_text(&b->tree, KVM "exits", "1500\n");
    tree_text(&b->tree, KVM "halt_exits", "7\n");
    tick(b);
    const struct snapshot *s = tick(b);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    size_t halts = (size_t)field_table_find(s->fields, "halt_exits");
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    assert_int_equal(snapshot_host_total(base, s, halts).raw, 2);
    base->host_values[halts].reading.raw = 8; /* whatever happened: no growth below zero */
    assert_int_equal(snapshot_host_total(base, s, halts).state, READING_RESET);
    assert_int_equal(snapshot_host_total(NULL, s, exits).raw, 1500);
    snapshot_free(base);
}

/* Of a VM that could not be seen the total held its share already. */
static void a_host_that_may_hide_vms_is_no_host_without_vms(void **state)
{
    struct bench *b = *state;
    tick(b);
    struct snapshot *base = b->now;
    b->now = NULL;
    vm(b, 500);
    const struct snapshot *s = tick(b);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    base->hidden_processes = 1;
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    base->hidden_processes = 0;
    base->proc_hides = true;
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    snapshot_free(base);
}

static void totals_of_a_host_without_vms_count_from_the_first_vm(void **state)
{
    struct bench *b = *state;
    tick(b);
    struct snapshot *base = b->now;
    b->now = NULL;
    assert_null(base->host_values);
    assert_false(was_opened(b));
    assert_int_equal(snapshot_host_value(base, "exits").reading.state, READING_ABSENT);
    vm(b, 500);
    const struct snapshot *s = tick(b);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    assert_int_equal(snapshot_host_total(base, s, exits).raw, 1000);
    tree_remove(&b->tree, "proc/500/fd/9");
    vm(b, 600);
    s = tick(b);
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    snapshot_free(base);
}

/* Each of these files walks all VMs under a global lock. */
static void totals_are_not_even_opened_where_the_kernel_may_count_each_vm(void **state)
{
    struct bench *b = *state;
    static const char *const modern[] = {"4.7.0\n", "4.10.0\n",  "5.10.0-8-amd64\n", "6.1.0\n",
                                         "10.0\n",  "nonsense\n", ""};
    vm(b, 500);
    for (size_t i = 0; i < sizeof(modern) / sizeof(modern[0]); i++) {
        kernel(b, modern[i]);
        const struct snapshot *s = tick(b);
        assert_null(s->host_values);
        assert_false(was_opened(b));
        assert_int_equal(s->field_count, 0);
        assert_int_equal(s->vms[0].vm_cause, CAUSE_NO_VM_DIR);
        sampler_close(b->sampler);
        b->sampler = NULL;
    }
    /* The other direction: the watch does see what is opened. */
    static const char *const old[] = {"4.6.7\n", "4.4.0-210-generic\n", "3.10.0-1160.el7\n",
                                      "2.6.32\n"};
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        kernel(b, old[i]);
        assert_non_null(tick(b)->host_values);
        assert_true(was_opened(b));
        sampler_close(b->sampler);
        b->sampler = NULL;
    }
}

static void an_old_kernel_with_directories_is_read_like_a_new_one(void **state)
{
    struct bench *b = *state;
    kernel(b, "3.10.0-1160.el7.x86_64\n");
    vm(b, 500);
    vm(b, 600); /* "duplicate directory": has none, the other one has */
    tree_text(&b->tree, KVM "500-9/exits", "10\n");
    const struct snapshot *s = tick(b);
    assert_null(s->host_values);
    assert_false(was_opened(b));
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 10);
    assert_int_equal(snapshot_vm_value(s, &s->vms[1], "exits").reading.cause, CAUSE_NO_VM_DIR);
    /* A directory whose process cannot be seen is one as well. */
    tree_remove(&b->tree, KVM "500-9/exits");
    tree_remove(&b->tree, KVM "500-9");
    tree_dir(&b->tree, KVM "4242-5");
    assert_null(tick(b)->host_values);
    assert_false(was_opened(b));
}

/* One listing of files stands for all VMs: it must be made anew. */
static void directories_that_come_and_go_change_what_is_read(void **state)
{
    struct bench *b = *state;
    kernel(b, "3.10.0-1160.el7.x86_64\n");
    vm(b, 500);
    tick(b);
    assert_true(was_opened(b));
    struct snapshot *base = b->now;
    b->now = NULL;
    tree_text(&b->tree, KVM "500-9/exits", "10\n");
    tree_text(&b->tree, KVM "500-9/of_a_vm", "11\n");
    const struct snapshot *s = tick(b);
    assert_null(s->host_values);
    assert_false(was_opened(b));
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "exits").reading.raw, 10);
    assert_int_equal(snapshot_vm_value(s, &s->vms[0], "of_a_vm").reading.raw, 11);
    tree_remove(&b->tree, KVM "500-9/exits");
    tree_remove(&b->tree, KVM "500-9/of_a_vm");
    tree_remove(&b->tree, KVM "500-9");
    tree_text(&b->tree, KVM "exits", "900\n");
    s = tick(b);
    assert_int_equal(snapshot_host_value(s, "exits").reading.raw, 900);
    assert_int_equal(snapshot_host_value(s, "exits").rate.state, READING_WARMUP);
    assert_int_equal(snapshot_host_value(s, "of_a_vm").reading.state, READING_ABSENT);
    size_t exits = (size_t)field_table_find(s->fields, "exits");
    assert_int_equal(snapshot_host_total(base, s, exits).state, READING_RESET);
    snapshot_free(base);
}

/* Its directory may have gone with it: the empty listing proves nothing. */
static void a_vm_that_ended_meanwhile_proves_nothing(void **state)
{
    struct bench *b = *state;
    struct host host = {.kernel = "4.4.0", .debugfs = "sys/kernel/debug/kvm"};
    struct field_table fields = {0};
    struct source_env env = {.root = &b->tree.root, .host = &host, .fields = &fields};
    struct source *source;
    struct vm ended = {.id = {500, 4000, 9, 1}};
    struct vm *list[] = {&ended};
    const struct vm_list vms = {list, 1};
    assert_int_equal(source_debugfs.attach(&env, &source), 0);
    assert_int_equal(source_debugfs.discover(source, &vms), 0);
    assert_int_equal(fields.count, 0);
    vm(b, 500);
    assert_int_equal(source_debugfs.discover(source, &vms), 0);
    assert_int_equal(fields.count, 3);
    /* Nor does it when totals were read before. */
    struct sample *sample;
    tree_remove(&b->tree, "proc/500/fd/9");
    assert_int_equal(source_debugfs.discover(source, &vms), 0);
    assert_int_equal(sample_new(&vms, &fields, &sample), 0);
    source_debugfs.tick(source, sample);
    source_debugfs.read(source, sample, &sample->vms[0]);
    assert_false(sample->has_host);
    assert_false(was_opened(b));
    sample_free(sample);
    source_debugfs.detach(source);
    field_table_done(&fields);
}

static void without_debugfs_there_are_no_totals(void **state)
{
    struct bench *b = *state;
    struct error err = {0};
    struct sampler_config config = {
        .root = &b->tree.root, .sources = SOURCE_BIT(SOURCE_STATSFD) | SOURCE_BIT(SOURCE_PROC)};
    vm(b, 500);
    assert_int_equal(sampler_open(&config, &b->sampler, &err), 0);
    assert_null(tick(b)->host_values);
    assert_false(was_opened(b));
}

static void a_damaged_total_is_missing_not_zero(void **state)
{
    struct bench *b = *state;
    vm(b, 500);
    tree_text(&b->tree, KVM "exits", "12x\n");
    tree_text(&b->tree, KVM "largepages", "");
    const struct snapshot *s = tick(b);
    assert_int_equal(snapshot_host_value(s, "exits").reading.cause, CAUSE_READ_ERROR);
    assert_int_equal(snapshot_host_value(s, "exits").rate.state, READING_ABSENT);
    assert_int_equal(snapshot_host_value(s, "largepages").reading.state, READING_DENIED);
    assert_int_equal(snapshot_host_value(s, "unheard_of").reading.raw, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_old_kernel_gives_totals_of_all_vms),
        TEST(the_kind_of_a_total_comes_from_its_name),
        TEST(a_total_that_falls_is_a_reset),
        TEST(a_total_has_no_rate_over_the_end_of_a_vm),
        TEST(totals_since_a_moment_hold_while_its_vms_live),
        TEST(a_vm_that_came_and_went_leaves_no_total_since_before),
        TEST(a_total_that_fell_on_the_way_stays_unknown),
        TEST(a_host_that_may_hide_vms_is_no_host_without_vms),
        TEST(totals_of_a_host_without_vms_count_from_the_first_vm),
        TEST(totals_are_not_even_opened_where_the_kernel_may_count_each_vm),
        TEST(an_old_kernel_with_directories_is_read_like_a_new_one),
        TEST(directories_that_come_and_go_change_what_is_read),
        TEST(a_vm_that_ended_meanwhile_proves_nothing),
        TEST(without_debugfs_there_are_no_totals),
        TEST(a_damaged_total_is_missing_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
