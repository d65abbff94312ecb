// SPDX-License-Identifier: MIT
/* What stands in the way of BPF, and where it is offered. */
#include "core/model/bpf_offer.h"
#include "core/model/bpf_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/snapshot_builder.h"

/* --- obstacles --- */

static const struct bpf_conditions ready = {
    .built = true, .live = true, .caps_known = true, .caps = BPF_CAPS};
static const struct host good = {
    .kernel = "6.1.0-28-cloud-amd64", .btf = true, .lockdown = LOCKDOWN_INTEGRITY};

static void a_host_that_has_all_is_told_so(void **state)
{
    struct host host = good;
    struct bpf_conditions c = ready;

    (void)state;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_POSSIBLE);
    host.lockdown = LOCKDOWN_NONE;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_POSSIBLE);
    /* What is not known is no obstacle: who asks will hear. */
    host.lockdown = LOCKDOWN_UNKNOWN;
    host.kernel[0] = '\0';
    c.caps_known = false;
    c.caps = 0;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_POSSIBLE);
}

static void each_obstacle_is_found_alone(void **state)
{
    struct host host = good;
    struct bpf_conditions c = ready;

    (void)state;
    c.built = false;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_NOT_BUILT);
    c = ready;
    c.live = false;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_SAVED_TREE);
    c = ready;
    for (int missing = HOST_CAP_PERFMON; missing <= HOST_CAP_BPF; missing++) {
        c.caps = ~HOST_CAP(missing);
        assert_int_equal(bpf_obstacle_find(&host, &c), BPF_NO_CAPS);
    }
    c = ready;
    host.lockdown = LOCKDOWN_CONFIDENTIALITY;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_LOCKED_DOWN);
    host = good;
    host.btf = false;
    assert_int_equal(bpf_obstacle_find(&host, &c), BPF_NO_BTF);
}

static void kernels_before_6_1_are_too_old(void **state)
{
    static const struct {
        const char *release;
        enum bpf_obstacle obstacle;
    } kernels[] = {
        {"5.10.0-33-amd64", BPF_OLD_KERNEL}, {"5.15.167", BPF_OLD_KERNEL},
        {"6.0.19", BPF_OLD_KERNEL},          {"6.1", BPF_POSSIBLE},
        {"6.12.48+deb13", BPF_POSSIBLE},     {"7.0.0-rc1", BPF_POSSIBLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        struct host host = good;
        strcpy(host.kernel, kernels[i].release);
        assert_int_equal(bpf_obstacle_find(&host, &ready), kernels[i].obstacle);
    }
}

static void each_obstacle_has_its_words(void **state)
{
    (void)state;
    assert_string_equal(bpf_obstacle_text(BPF_POSSIBLE), "");
    assert_string_equal(bpf_obstacle_text(BPF_NOT_LOOKED_AT), "");
    for (int i = BPF_POSSIBLE + 1; i < BPF_OBSTACLE_COUNT; i++) {
        assert_string_not_equal(bpf_obstacle_text((enum bpf_obstacle)i), "");
        if (i != BPF_SAVED_TREE)
            assert_string_not_equal(bpf_obstacle_fix((enum bpf_obstacle)i), "");
        for (int k = BPF_POSSIBLE + 1; k < i; k++)
            assert_string_not_equal(bpf_obstacle_text((enum bpf_obstacle)i),
                                    bpf_obstacle_text((enum bpf_obstacle)k));
    }
}

static void the_ids_are_those_that_machines_know(void **state)
{
    (void)state;
    assert_string_equal(bpf_state_id(BPF_UNASKED), "");
    assert_string_equal(bpf_state_id(BPF_LOADED), "loaded");
    assert_string_equal(bpf_state_id(BPF_WAITS), "waiting");
    assert_string_equal(bpf_state_id(BPF_FAILED), "failed");
}

/* --- offers --- */

enum { EXITS, HIST, PTE_WRITE, FLUSH, FIELDS };

/* A VM with two vCPUs, whose numbers are all there. */
static struct snapshot_builder *vm_with_all(void)
{
    struct snapshot_builder *b = snapshot_builder_new();

    snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "halt_wait_hist", FIELD_VCPU, FIELD_LOG_HIST, FIELD_SECONDS, 8);
    snapshot_builder_field(b, "mmu_pte_write", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "remote_tlb_flush", FIELD_VM, FIELD_CUMULATIVE, FIELD_NONE, 1);
    size_t vm = snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 2);
    for (int f = 0; f < FIELDS; f++)
        for (int vcpu = -1; vcpu < (f < PTE_WRITE ? 2 : 0); vcpu++)
            snapshot_builder_set(b, vm, vcpu, f, 7, 1, SOURCE_STATSFD);
    snapshot_builder_snapshot(b)->bpf.obstacle = BPF_POSSIBLE;
    return b;
}

static void take_away(struct snapshot_builder *b, int vcpu, int field, enum reading_cause cause)
{
    snapshot_builder_missing(b, 0, vcpu, field, READING_DENIED, cause);
}

static void check(struct snapshot_builder *b, bool is_open, const char *text)
{
    const struct snapshot *s = snapshot_builder_finish(b);
    char out[80];

    assert_int_equal(bpf_offer_is_open(s, &s->vms[0]), is_open);
    if (text != NULL)
        assert_string_equal(bpf_offer_text(s, &s->vms[0], out, sizeof(out)), text);
    snapshot_builder_free(b);
}

static void a_vm_that_lacks_nothing_is_offered_nothing(void **state)
{
    (void)state;
    check(vm_with_all(), false, NULL);
}

static void what_lockdown_keeps_away_is_offered_by_its_name(void **state)
{
    struct snapshot_builder *b = vm_with_all();

    (void)state;
    take_away(b, -1, PTE_WRITE, CAUSE_LOCKDOWN_INTEGRITY);
    check(b, true, "mmu_pte_write");
    b = vm_with_all();
    take_away(b, -1, PTE_WRITE, CAUSE_LOCKDOWN_INTEGRITY);
    take_away(b, -1, FLUSH, CAUSE_LOCKDOWN_INTEGRITY);
    take_away(b, -1, EXITS, CAUSE_NO_STATS_FD);
    check(b, true, "mmu_pte_write and 2 more");
}

/* debugfs gives the sum, and nobody each vCPU's own. */
static void what_only_the_vcpus_lack_counts_too(void **state)
{
    struct snapshot_builder *b = vm_with_all();

    (void)state;
    for (int vcpu = 0; vcpu < 2; vcpu++) {
        take_away(b, vcpu, EXITS, CAUSE_NO_STATS_FD);
        take_away(b, vcpu, HIST, CAUSE_NO_STATS_FD);
    }
    take_away(b, -1, HIST, CAUSE_HIST_ONLY_STATSFD);
    check(b, true, "exits and 1 more");
}

static void a_vm_whose_counters_are_not_even_known_is_offered_them(void **state)
{
    struct snapshot_builder *b = snapshot_builder_new();

    (void)state;
    snapshot_builder_vm(b, 5164, 9, "vm16", "qemu", 2);
    snapshot_builder_get(b, 0)->vm_cause = CAUSE_LOCKDOWN;
    snapshot_builder_snapshot(b)->bpf.obstacle = BPF_POSSIBLE;
    check(b, true, "its counters");
}

/* That a process is stuck, or a kernel without the counter, BPF does not change. */
static void what_bpf_does_not_read_is_not_offered(void **state)
{
    struct snapshot_builder *b = vm_with_all();

    (void)state;
    take_away(b, -1, PTE_WRITE, CAUSE_NOT_IN_KERNEL);
    take_away(b, -1, FLUSH, CAUSE_LOCKDOWN_CONFIDENTIALITY);
    take_away(b, -1, EXITS, CAUSE_SOURCE_OFF);
    check(b, false, NULL);
    b = vm_with_all();
    take_away(b, -1, PTE_WRITE, CAUSE_LOCKDOWN_INTEGRITY);
    snapshot_builder_get(b, 0)->stale_cause = CAUSE_STUCK;
    check(b, false, NULL);
}

static void it_is_offered_only_where_it_can_be_had_and_is_not_there(void **state)
{
    (void)state;
    for (int obstacle = 0; obstacle < BPF_OBSTACLE_COUNT; obstacle++)
        for (int now = 0; now < BPF_STATE_COUNT; now++) {
            struct snapshot_builder *b = vm_with_all();
            take_away(b, -1, PTE_WRITE, CAUSE_LOCKDOWN_INTEGRITY);
            snapshot_builder_snapshot(b)->bpf =
                (struct bpf_status){.state = (uint8_t)now, .obstacle = (uint8_t)obstacle};
            check(b, obstacle == BPF_POSSIBLE && now == BPF_UNASKED, NULL);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_has_all_is_told_so),
        cmocka_unit_test(each_obstacle_is_found_alone),
        cmocka_unit_test(kernels_before_6_1_are_too_old),
        cmocka_unit_test(each_obstacle_has_its_words),
        cmocka_unit_test(the_ids_are_those_that_machines_know),
        cmocka_unit_test(a_vm_that_lacks_nothing_is_offered_nothing),
        cmocka_unit_test(what_lockdown_keeps_away_is_offered_by_its_name),
        cmocka_unit_test(what_only_the_vcpus_lack_counts_too),
        cmocka_unit_test(a_vm_whose_counters_are_not_even_known_is_offered_them),
        cmocka_unit_test(what_bpf_does_not_read_is_not_offered),
        cmocka_unit_test(it_is_offered_only_where_it_can_be_had_and_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
