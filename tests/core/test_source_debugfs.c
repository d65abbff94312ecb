// SPDX-License-Identifier: MIT
/* The debugfs source with a clock of ours: how old a gauge of a vCPU may be. */
#include "core/source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define VCPUS 3
#define SECOND 1000000000ull

static uint64_t fake_now;

static uint64_t now_ns(void)
{
    return fake_now;
}

struct bench {
    struct tree tree;
    struct host host;
    struct field_table fields;
    struct vm_vcpu vcpus[VCPUS];
    struct vm vm;
    struct vm *vms[1];
    struct source *source;
};

static void write_gauge(struct bench *b, const char *name, const char *text)
{
    char path[400];

    for (int k = 0; k < VCPUS; k++) {
        snprintf(path, sizeof(path), "%s/%s/vcpu%d/%s", b->host.debugfs, b->vm.debugfs_dir, k,
                 name);
        tree_text(&b->tree, path, text);
    }
}

static void begin(struct bench *b, pid_t pid)
{
    struct source_env env = {
        .root = &b->tree.root, .host = &b->host, .fields = &b->fields, .now_ns = now_ns};

    tree_open(&b->tree);
    strcpy(b->host.debugfs, "sys/kernel/debug/kvm");
    b->vm.id.pid = pid;
    snprintf(b->vm.debugfs_dir, sizeof(b->vm.debugfs_dir), "%d-9", (int)pid);
    b->vm.vcpus = b->vcpus;
    b->vm.vcpu_count = VCPUS;
    for (int k = 0; k < VCPUS; k++)
        b->vcpus[k] = (struct vm_vcpu){.id = k, .stats_fd = -1};
    b->vms[0] = &b->vm;
    write_gauge(b, "tsc-offset", "-100\n");
    write_gauge(b, "guest_mode", "0\n");
    fake_now = 1000 * SECOND;
    assert_int_equal(source_debugfs.attach(&env, &b->source), 0);
}

static void end(struct bench *b)
{
    source_debugfs.forget(b->source, &b->vm);
    source_debugfs.detach(b->source);
    field_table_done(&b->fields);
    tree_close(&b->tree);
}

static struct sample *read_once(struct bench *b)
{
    struct vm_list list = {b->vms, 1};
    struct sample *sample;

    assert_int_equal(source_debugfs.discover(b->source, &list), 0);
    assert_int_equal(sample_new(&list, &b->fields, &sample), 0);
    source_debugfs.tick(b->source, sample);
    source_debugfs.read(b->source, sample, &sample->vms[0]);
    return sample;
}

static int64_t gauge(const struct sample *s, int vcpu, enum vcpu_gauge which)
{
    const struct reading *r = &s->vms[0].vcpus[vcpu].gauges[which];

    assert_int_equal(r->state, READING_OK);
    return (int64_t)r->raw;
}

static void tsc_offsets_of_a_vm_are_read_together_and_at_most_five_seconds_old(void **state)
{
    (void)state;
    for (pid_t pid = 500; pid < 505; pid++) {
        struct bench b = {0};
        int seen_after = -1;
        begin(&b, pid);
        sample_free(read_once(&b));
        for (int second = 0; second <= 12; second++, fake_now += SECOND) {
            if (second == 6)
                write_gauge(&b, "tsc-offset", "-200\n");
            struct sample *s = read_once(&b);
            int64_t offset = gauge(s, 0, VCPU_TSC_OFFSET);
            for (int k = 1; k < VCPUS; k++)
                assert_true(gauge(s, k, VCPU_TSC_OFFSET) == offset);
            if (offset == -200 && seen_after < 0)
                seen_after = second - 6;
            sample_free(s);
        }
        assert_in_range(seen_after, 0, 5);
        end(&b);
    }
}

static void guest_mode_is_read_at_every_tick(void **state)
{
    struct bench b = {0};

    (void)state;
    begin(&b, 500);
    for (int tick = 0; tick < 4; tick++, fake_now += SECOND / 10) {
        write_gauge(&b, "guest_mode", tick % 2 ? "1\n" : "0\n");
        struct sample *s = read_once(&b);
        for (int k = 0; k < VCPUS; k++)
            assert_true(gauge(s, k, VCPU_GUEST_MODE) == tick % 2);
        sample_free(s);
    }
    end(&b);
}

static struct reading counter(struct bench *b, const struct sample *s, const char *name)
{
    int f = field_table_find(&b->fields, name);

    if (f < 0 || (size_t)f >= s->field_count)
        return reading_missing(READING_ABSENT, CAUSE_NONE);
    return s->vms[0].entity.readings[f];
}

static void write_counter(struct bench *b, const char *name, const char *text)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/%s/%s", b->host.debugfs, b->vm.debugfs_dir, name);
    tree_text(&b->tree, path, text);
}

static void a_directory_that_was_listed_while_kvm_filled_it_is_listed_again(void **state)
{
    struct bench b = {0};

    (void)state;
    begin(&b, 500);
    write_counter(&b, "exits", "1\n");
    write_counter(&b, "irq_exits", ""); /* stands for a refusal */
    sample_free(read_once(&b));
    write_counter(&b, "pf_fixed", "3\n");
    /* A refusal is remembered: each new try would be a line in the kernel log. */
    write_counter(&b, "irq_exits", "2\n");
    for (int tick = 0; tick < 4; tick++) {
        struct sample *s = read_once(&b);
        assert_int_equal(counter(&b, s, "exits").raw, 1);
        assert_int_equal(counter(&b, s, "irq_exits").state, READING_DENIED);
        assert_int_equal(counter(&b, s, "pf_fixed").state, READING_OK);
        assert_int_equal(counter(&b, s, "pf_fixed").raw, 3);
        sample_free(s);
    }
    /* From then on the names are known. */
    write_counter(&b, "pf_guest", "4\n");
    struct sample *s = read_once(&b);
    assert_int_equal(counter(&b, s, "pf_guest").state, READING_ABSENT);
    sample_free(s);
    end(&b);
}

/* The counters exist, and another limit would let us have them. */
static void numbers_for_which_no_descriptor_is_left_are_denied(void **state)
{
    struct bench b = {0};
    struct rlimit before, low;
    struct sample *sample;
    struct vm_list list = {b.vms, 1};

    (void)state;
    begin(&b, 500);
    write_counter(&b, "exits", "1\n");
    for (int tick = 0; tick < 4; tick++)
        sample_free(read_once(&b));
    assert_int_equal(source_debugfs.discover(b.source, &list), 0);
    assert_int_equal(sample_new(&list, &b.fields, &sample), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    /* 0: not even its directory can be opened; 1: it can, but no file in it. */
    for (int left = 0; left < 2; left++) {
        low = before;
        low.rlim_cur = (rlim_t)(next + left);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        source_debugfs.read(b.source, sample, &sample->vms[0]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(counter(&b, sample, "exits").cause, CAUSE_FD_LIMIT);
        assert_int_equal(counter(&b, sample, "exits").state, READING_DENIED);
    }
    sample_free(sample);
    end(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(tsc_offsets_of_a_vm_are_read_together_and_at_most_five_seconds_old),
        cmocka_unit_test(guest_mode_is_read_at_every_tick),
        cmocka_unit_test(a_directory_that_was_listed_while_kvm_filled_it_is_listed_again),
        cmocka_unit_test(numbers_for_which_no_descriptor_is_left_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
