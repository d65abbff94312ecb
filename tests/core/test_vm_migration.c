// SPDX-License-Identifier: MIT
/*
 * Whether a VM is being migrated away. What the kernel would say through BPF is said here in its
 * place; the threads are those of a saved tree.
 */
#include "core/find/vm_migration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tree.h"

#define SLOTS_MAX 4

static struct {
    int result;
    struct kvm_bpf_slot at[SLOTS_MAX];
    size_t count;
} told;

int __wrap_kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret);
int __wrap_kvm_bpf_slots_read(struct kvm_bpf *bpf, pid_t pid, int vm_fd, struct kvm_bpf_slots *ret)
{
    (void)bpf;
    assert_int_equal(pid, 500);
    assert_int_equal(vm_fd, 9);
    *ret = (struct kvm_bpf_slots){.is_own_mm = true};
    if (told.result < 0)
        return told.result;
    ret->slots = calloc(SLOTS_MAX, sizeof(*ret->slots));
    assert_non_null(ret->slots);
    memcpy(ret->slots, told.at, sizeof(told.at));
    ret->count = told.count;
    return 0;
}

struct logged_case {
    const char *name;
    struct kvm_bpf_slot slots[SLOTS_MAX];
    size_t count;
    bool is_logged;
};
/* As QEMU 10 has them: RAM below and above the hole, video memory, the BIOS. */
#define RAM(flags_)  {.gfn = 0x100000, .pages = 0x40000, .flags = (flags_)}
#define VGA(flags_)  {.gfn = 0xfd000, .pages = 0x1000, .flags = (flags_), .is_logged = true}
#define BIOS(flags_) {.gfn = 0xfffc0, .pages = 0x40, .flags = (flags_)}
static const struct logged_case logged_cases[] = {
    {"video memory is logged at all times", {RAM(0), VGA(1), BIOS(2)}, 3, false},
    {"a migration logs all", {RAM(1), VGA(1), BIOS(3)}, 3, true},
    {"a log without the flag", {{.pages = 0x40000, .is_logged = true}, VGA(1)}, 2, true},
    {"of a large ROM nobody writes", {RAM(0), {.pages = 0x80000, .flags = 3}}, 2, false},
    {"what only SMM sees is no sign", {RAM(0), {.pages = 0x80000, .flags = 1, .space = 1}}, 2,
     false},
    {"no memory at all", {BIOS(2)}, 0, false},
};

static void the_largest_writable_slot_tells(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(logged_cases) / sizeof(logged_cases[0]); i++) {
        struct kvm_bpf_slot copy[SLOTS_MAX];
        struct kvm_bpf_slots slots = {.slots = copy, .count = logged_cases[i].count};
        print_message("  %s\n", logged_cases[i].name);
        memcpy(copy, logged_cases[i].slots, sizeof(copy));
        assert_int_equal(vm_migration_is_logged(&slots), logged_cases[i].is_logged);
    }
}

/* As seen in QEMU 7.2 and 10 with -name debug-threads=on. */
static void threads_of_migrations_are_known_by_name(void **state)
{
    static const char *const others[] = {"CPU 0/KVM",    "IO mon_iothread", "qemu-system-x86",
                                         "mig/dst/main", "mig/src/send_0",  "multifdsend_0",
                                         "migrat",       ""};

    (void)state;
    assert_true(vm_migration_is_thread("mig/src/main"));
    assert_true(vm_migration_is_thread("live_migration"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(vm_migration_is_thread(others[i]));
}

static struct vm_migration_bench {
    struct tree tree;
    struct vm vm;
    uint64_t tick;
} bench;

/* Looked up again because the slots are logged, or the threads are others. */
static enum vm_migration next_tick(void)
{
    vm_migration_tick(&bench.tree.root, NULL, ++bench.tick, -1, &bench.vm);
    return bench.vm.migration;
}

static void a_logged_vm_migrates_while_the_thread_is_there(void **state)
{
    (void)state;
    memset(&told, 0, sizeof(told));
    told.at[told.count++] = (struct kvm_bpf_slot)RAM(0);
    bench.vm = (struct vm){.id = {.pid = 500, .fd = 9}};
    tree_open(&bench.tree);
    tree_text(&bench.tree, "proc/500/task/500/comm", "qemu-system-x86\n");
    assert_int_equal(next_tick(), VM_NOT_LOGGED);
    tree_text(&bench.tree, "proc/500/task/507/comm", "mig/src/main\n");
    assert_int_equal(next_tick(), VM_NOT_LOGGED); /* a name alone is no sign */
    told.at[0].flags = 1;
    assert_int_equal(next_tick(), VM_MIGRATING); /* the thread is older than the log */
    told.result = -EBUSY;
    assert_int_equal(next_tick(), VM_MIGRATING);
    told.result = 0;
    tree_remove(&bench.tree, "proc/500/task/507"); /* until the VM runs again slots stay so */
    assert_int_equal(next_tick(), VM_DIRTY_LOGGED);
    told.at[0].flags = 0;
    assert_int_equal(next_tick(), VM_NOT_LOGGED);
    tree_text(&bench.tree, "proc/500/task/508/comm", "worker\n");
    told.result = -EPERM;
    assert_int_equal(next_tick(), VM_MIGRATION_UNKNOWN);
    tree_close(&bench.tree);
}

static void slots_are_read_when_threads_change_while_logged_and_now_and_then(void **state)
{
    (void)state;
    for (int pid = 1; pid < 2000; pid += 7) {
        struct vm vm = {
            .id = {.pid = pid, .fd = 9}, .migration = VM_NOT_LOGGED, .migration_sign = 5};
        unsigned times = 0;
        for (uint64_t tick = 10; tick < 26; tick++)
            times += vm_migration_is_due(&vm, tick, false, 5);
        assert_int_equal(times, 2);
        for (uint64_t tick = 10; tick < 18; tick++) {
            assert_true(vm_migration_is_due(&vm, tick, false, 6));
            assert_true(vm_migration_is_due(&vm, tick, false, 4));
            vm.migration_again = tick;
            assert_true(vm_migration_is_due(&vm, tick, false, 5));
            vm.migration_again = 0;
            for (int m = 0; m < VM_MIGRATION_COUNT; m++) {
                vm.migration = (enum vm_migration)m;
                assert_true(m == VM_NOT_LOGGED || vm_migration_is_due(&vm, tick, false, 5));
            }
            vm.migration = VM_NOT_LOGGED;
        }
    }
}

/* The kernel counts them: then threads do not matter. */
static void where_logged_slots_are_counted_a_new_count_is_the_sign(void **state)
{
    struct tree tree;
    struct vm vm = {.id = {.pid = 500, .fd = 9}};

    (void)state;
    memset(&told, 0, sizeof(told));
    told.at[told.count++] = (struct kvm_bpf_slot)RAM(0);
    tree_open(&tree);
    tree_text(&tree, "proc/500/task/507/comm", "mig/src/main\n");
    vm_migration_tick(&tree.root, NULL, 1, 1, &vm); /* video memory */
    assert_int_equal(vm.migration, VM_NOT_LOGGED);
    told.at[0].flags = 1;
    unsigned times = 0;
    for (uint64_t tick = 64; tick < 128; tick++)
        times += vm_migration_is_due(&vm, tick, true, 1);
    assert_int_equal(times, 1);
    vm_migration_tick(&tree.root, NULL, 2, 2, &vm);
    assert_int_equal(vm.migration, VM_MIGRATING);
    tree_remove(&tree, "proc/500/task/507"); /* the count stays as it is */
    vm_migration_tick(&tree.root, NULL, 3, 2, &vm);
    assert_int_equal(vm.migration, VM_DIRTY_LOGGED);
    told.at[0].flags = 0;
    vm_migration_tick(&tree.root, NULL, 4, 1, &vm);
    assert_int_equal(vm.migration, VM_NOT_LOGGED);
    tree_close(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_writable_slot_tells),
        cmocka_unit_test(threads_of_migrations_are_known_by_name),
        cmocka_unit_test(a_logged_vm_migrates_while_the_thread_is_there),
        cmocka_unit_test(where_logged_slots_are_counted_a_new_count_is_the_sign),
        cmocka_unit_test(slots_are_read_when_threads_change_while_logged_and_now_and_then),
    };
    return cmocka_run_group_tests_name("vm_migration", tests, NULL, NULL);
}
