// SPDX-License-Identifier: MIT
/* The statsfd source and a VMM that refuses: each try may be a line in the kernel log. */
#include "core/source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/stats_blob.h"
#include "tests/lib/tree.h"

#define PID    500
#define VMS    2
#define NOBODY 65534

static const struct stats_blob_item items[] = {{"exits", 0x000, 0, 1, 0, 25}};

struct bench {
    struct tree tree;
    struct host host;
    struct field_table fields;
    struct vm_vcpu vcpus[VMS];
    struct vm vms[VMS];
    struct vm *list[VMS];
    struct source *source;
    uid_t user;
};

static uint64_t now_ns(void)
{
    return 1000;
}

static void allow(struct bench *b, int vm, bool allowed)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/proc/%d/fd-data/%d", b->tree.path, PID, 11 + 10 * vm);
    assert_int_equal(seteuid(b->user), 0);
    assert_int_equal(chmod(path, allowed ? 0644 : 0), 0);
    if (b->user == 0)
        assert_int_equal(seteuid(NOBODY), 0);
}

static int setup(void **state)
{
    static struct bench b;
    char blob[STATS_BLOB_MAX], path[64];
    size_t size = stats_blob_make("kvm-501/vcpu-0", items, 1, blob);

    memset(&b, 0, sizeof(b));
    tree_open(&b.tree);
    for (int i = 0; i < VMS; i++) {
        int fd = 10 + 10 * i;
        snprintf(path, sizeof(path), "proc/%d/fd-data/%d", PID, fd + 1);
        tree_write(&b.tree, path, blob, size);
        b.vcpus[i] = (struct vm_vcpu){.id = 0, .stats_fd = fd + 1};
        b.vms[i] = (struct vm){.id = {.pid = PID, .start_ticks = 1, .fd = fd},
                               .stats_fd = -1,
                               .vcpus = &b.vcpus[i],
                               .vcpu_count = 1};
        b.list[i] = &b.vms[i];
    }
    struct source_env env = {
        .root = &b.tree.root, .host = &b.host, .fields = &b.fields, .now_ns = now_ns};
    assert_int_equal(source_statsfd.attach(&env, &b.source), 0);
    assert_int_equal(chmod(b.tree.path, 0755), 0);
    b.user = geteuid();
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    assert_int_equal(seteuid(b->user), 0);
    for (int i = 0; i < VMS; i++)
        source_statsfd.forget(b->source, &b->vms[i]);
    source_statsfd.detach(b->source);
    field_table_done(&b->fields);
    tree_close(&b->tree);
    return 0;
}

/* The counter of both VMs, or why there is none. */
static void read_both(struct bench *b, struct reading out[VMS], enum reading_cause causes[VMS])
{
    struct vm_list list = {b->list, VMS};
    struct sample *sample;

    assert_int_equal(source_statsfd.discover(b->source, &list), 0);
    assert_int_equal(sample_new(&list, &b->fields, &sample), 0);
    for (size_t i = 0; i < sample->vm_count; i++)
        source_statsfd.read(b->source, sample, &sample->vms[i]);
    int f = field_table_find(&b->fields, "exits");
    for (int i = 0; i < VMS; i++) {
        const struct sample_entity *e = &sample->vms[i].vcpus[0].entity;
        out[i] = f >= 0 ? e->readings[f] : reading_missing(READING_ABSENT, CAUSE_NONE);
        causes[i] = (enum reading_cause)e->cause;
    }
    sample_free(sample);
}

static void a_process_that_refused_is_asked_again_rarely(void **state)
{
    struct bench *b = *state;
    struct reading r[VMS];
    enum reading_cause causes[VMS];
    int ticks = 0;

    allow(b, 0, false);
    read_both(b, r, causes);
    /* The answer is that of the process: its second VM need not be asked for. */
    for (int i = 0; i < VMS; i++) {
        assert_int_not_equal(r[i].state, READING_OK);
        assert_int_equal(causes[i], CAUSE_NO_PTRACE);
    }
    /* Were it asked at every tick, the very next one would succeed. */
    allow(b, 0, true);
    do {
        read_both(b, r, causes);
        ticks++;
    } while (r[0].state != READING_OK && ticks < 1000);
    assert_in_range(ticks, 32, 128);
    assert_int_equal(r[0].raw, 25);
    assert_int_equal(r[1].raw, 25);
}

static void one_that_begins_to_refuse_is_asked_again_rarely(void **state)
{
    struct bench *b = *state;
    struct reading r[VMS];
    enum reading_cause causes[VMS];
    int ticks = 0;

    read_both(b, r, causes);
    assert_int_equal(r[0].state, READING_OK);
    allow(b, 0, false);
    read_both(b, r, causes);
    assert_int_equal(r[0].state, READING_DENIED);
    assert_int_equal(r[0].cause, CAUSE_NO_PTRACE);
    allow(b, 0, true);
    /* What vCPUs a VM has may change meanwhile. */
    b->vms[0].vcpus_version++;
    do {
        read_both(b, r, causes);
        ticks++;
    } while (r[0].state != READING_OK && ticks < 1000);
    assert_in_range(ticks, 32, 128);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_process_that_refused_is_asked_again_rarely),
        TEST(one_that_begins_to_refuse_is_asked_again_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
