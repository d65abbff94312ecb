// SPDX-License-Identifier: MIT
/* Several VMs in one process, told apart by what the kernel says (made up here). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "core/find/fd_owners.h"
#include "core/find/vm_build.h"

#define PID 4711
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VCPUS_MAX 8

/* What the kernel is made to say: all that kvm_bpf_tick_read gives of a process. */
struct said {
    struct kvm_bpf_process process;
    const struct kvm_bpf_file *vcpus[VCPUS_MAX];
};

static int by_vm_and_id(const void *a, const void *b)
{
    const struct kvm_bpf_file *x = *(const struct kvm_bpf_file *const *)a,
                              *y = *(const struct kvm_bpf_file *const *)b;

    return x->vm != y->vm ? (x->vm > y->vm) - (x->vm < y->vm)
                          : (x->vcpu_id > y->vcpu_id) - (x->vcpu_id < y->vcpu_id);
}

static const struct kvm_bpf_process *say(struct said *said, struct kvm_bpf_file *files,
                                         size_t count)
{
    said->process =
        (struct kvm_bpf_process){.pid = PID, .files = files, .count = count, .vcpus = said->vcpus};
    for (size_t i = 0; i < count; i++)
        if (files[i].kind == KVM_BPF_VCPU) {
            assert_in_range(said->process.vcpu_count, 0, VCPUS_MAX - 1);
            said->vcpus[said->process.vcpu_count++] = &files[i];
        }
    qsort(said->vcpus, said->process.vcpu_count, sizeof(said->vcpus[0]), by_vm_and_id);
    return &said->process;
}

static struct kvm_bpf_file vm_file(int fd, uint64_t vm)
{
    return (struct kvm_bpf_file){.kind = KVM_BPF_VM, .pid = PID, .fd = fd, .vm = vm};
}

static struct kvm_bpf_file vcpu_file(int fd, uint64_t vm, int id, pid_t tid)
{
    return (struct kvm_bpf_file){
        .kind = KVM_BPF_VCPU, .pid = PID, .fd = fd, .vm = vm, .vcpu_id = id, .tid = tid};
}

/* Two VMs made first, then their vCPUs in turns: the order of descriptors tells nothing. */
static size_t interleaved(struct proc_fd fds[6], struct kvm_bpf_file files[6])
{
    static const struct proc_fd links[6] = {
        {.fd = 5, .kind = PROC_FD_VM},
        {.fd = 6, .kind = PROC_FD_VM},
        {.fd = 7, .kind = PROC_FD_VCPU, .vcpu = 0},
        {.fd = 8, .kind = PROC_FD_VCPU, .vcpu = 0},
        {.fd = 9, .kind = PROC_FD_VCPU, .vcpu = 1},
        {.fd = 10, .kind = PROC_FD_VCPU, .vcpu = 2},
    };

    for (size_t i = 0; i < COUNT(links); i++)
        fds[i] = links[i];
    files[0] = vm_file(5, 0xa0);
    files[1] = vm_file(6, 0xb0);
    files[2] = vcpu_file(7, 0xb0, 0, 501);
    files[3] = vcpu_file(8, 0xa0, 0, 502);
    files[4] = vcpu_file(9, 0xb0, 1, 503);
    files[5] = vcpu_file(10, 0xa0, 2, 0); /* has not run yet */
    return COUNT(links);
}

static struct vm *built(const struct proc_fds *fds, size_t at, struct vm *vm)
{
    static const struct rootfs nowhere = {0};
    struct vm_plan plan;

    *vm = (struct vm){.stats_fd = -1};
    assert_int_equal(vm_build_plan(fds, &plan), 0);
    assert_int_equal(vm_build_set_vcpus(&nowhere, "", &plan, at, vm), 0);
    return vm;
}

static void vcpus_of_two_vms_are_told_apart(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds = {.fds = list, .count = interleaved(list, files), .vm_count = 2};
    struct said said;
    struct vm a, b;

    (void)state;
    fd_owners_tell(say(&said, files, 6), &fds);
    assert_true(fd_owners_are_known(&fds));
    built(&fds, 0, &a);
    assert_int_equal(a.vcpu_count, 2);
    assert_int_equal(a.vcpus[0].id, 0);
    assert_int_equal(a.vcpus[0].tid, 502);
    assert_int_equal(a.vcpus[1].id, 2);
    assert_int_equal(a.vcpus[1].tid, 0);
    assert_true(a.vcpus_by_kernel);
    assert_false(a.vcpus_by_fd_order);
    built(&fds, 1, &b);
    assert_int_equal(b.vcpu_count, 2);
    assert_int_equal(b.vcpus[0].tid, 501);
    assert_int_equal(b.vcpus[1].id, 1);
    assert_int_equal(b.vcpus[1].tid, 503);
    free(a.vcpus);
    free(b.vcpus);
}

static void vm_without_vcpus_takes_none_of_another(void **state)
{
    struct proc_fd list[] = {{.fd = 5, .kind = PROC_FD_VM},
                             {.fd = 6, .kind = PROC_FD_VCPU},
                             {.fd = 7, .kind = PROC_FD_VM}};
    struct kvm_bpf_file files[] = {vm_file(5, 0xa0), vcpu_file(6, 0xb0, 0, 9), vm_file(7, 0xb0)};
    struct proc_fds fds = {.fds = list, .count = 3, .vm_count = 2};
    struct said said;
    struct vm vm;

    (void)state;
    fd_owners_tell(say(&said, files, 3), &fds);
    built(&fds, 0, &vm);
    assert_int_equal(vm.vcpu_count, 0);
    free(vm.vcpus);
}

static void what_changed_between_the_looks_is_not_known(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds = {.fds = list, .count = interleaved(list, files), .vm_count = 2};

    struct said said;

    (void)state;
    files[3].vcpu_id = 7; /* closed, and its number given to another vCPU */
    fd_owners_tell(say(&said, files, 6), &fds);
    assert_int_equal(list[3].vm, 0);
    assert_int_equal(list[4].vm, 0xb0);
    assert_false(fd_owners_are_known(&fds));

    struct vm vm;
    built(&fds, 0, &vm);
    assert_false(vm.vcpus_by_kernel);
    assert_int_equal(vm.vcpu_fd_cause, CAUSE_AMBIGUOUS);
    free(vm.vcpus);
}

static void hidden_links_are_listed_by_the_kernel(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds;
    struct said said;

    (void)state;
    interleaved(list, files);
    assert_int_equal(fd_owners_list(say(&said, files, 6), &fds), 0);
    assert_int_equal(fds.count, 6);
    assert_int_equal(fds.vm_count, 2);
    assert_int_equal(fds.fds[4].vcpu, 1);
    assert_int_equal(fds.fds[4].tid, 503);
    assert_true(fd_owners_are_known(&fds));
    proc_fds_done(&fds);
}

static void list_of_a_process_with_very_many_is_cut(void **state)
{
    size_t count = PROC_FDS_VMS_MAX + 10;
    struct kvm_bpf_file *files = calloc(count, sizeof(*files));
    struct proc_fds fds;
    struct said said;

    (void)state;
    assert_non_null(files);
    for (size_t i = 0; i < count; i++)
        files[i] = vm_file((int)i, 0x1000 + i);
    assert_int_equal(fd_owners_list(say(&said, files, count), &fds), 0);
    assert_true(fds.is_cut);
    assert_int_equal(fds.vm_count, PROC_FDS_VMS_MAX);
    proc_fds_done(&fds);
    free(files);
}

/* Both VMs of interleaved(), as the list has them. */
static void list_both(const struct proc_fds *fds, struct vm vms[2])
{
    built(fds, 0, &vms[0]);
    built(fds, 1, &vms[1]);
    vms[0].id.fd = 5;
    vms[0].kernel_vm = 0xa0;
    vms[1].id.fd = 6;
    vms[1].kernel_vm = 0xb0;
}

static void a_process_is_the_same_until_a_vm_or_vcpu_changes(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[8];
    struct proc_fds fds = {.fds = list, .count = interleaved(list, files), .vm_count = 2};
    struct said said;
    struct vm vms[2], *both[2] = {&vms[0], &vms[1]};

    (void)state;
    fd_owners_tell(say(&said, files, 6), &fds);
    list_both(&fds, vms);
    assert_true(fd_owners_are_same(say(&said, files, 6), both, 2));
    assert_false(fd_owners_are_same(say(&said, files, 6), both, 1)); /* a VM is new */
    assert_false(fd_owners_are_same(say(&said, files, 5), both, 2)); /* a vCPU is gone */

    files[6] = vcpu_file(11, 0xa0, 3, 0); /* one is new */
    assert_false(fd_owners_are_same(say(&said, files, 7), both, 2));
    files[6] = vcpu_file(11, 0xa0, 2, 0); /* a second descriptor of one, and of a VM */
    files[7] = vm_file(12, 0xb0);
    assert_true(fd_owners_are_same(say(&said, files, 8), both, 2));
    files[6] = vcpu_file(11, 0xc0, 0, 0); /* of a VM that another process has */
    assert_true(fd_owners_are_same(say(&said, files, 7), both, 2));

    files[1].vm = 0xd0; /* made anew under the same number */
    assert_false(fd_owners_are_same(say(&said, files, 6), both, 2));
    assert_true(fd_owners_have_changed(&said.process, both, 2));
    files[1].vm = 0xb0;
    files[1].birth = 77; /* and in the memory that the other had */
    vms[1].kernel_birth = 76;
    assert_false(fd_owners_are_same(say(&said, files, 6), both, 2));
    assert_true(fd_owners_have_changed(&said.process, both, 2));
    vms[1].kernel_birth = 77;
    assert_true(fd_owners_are_same(say(&said, files, 6), both, 2));
    assert_false(fd_owners_have_changed(&said.process, both, 2));
    files[1].fd = 66; /* gone */
    assert_true(fd_owners_have_changed(say(&said, files, 6), both, 2));
    files[1].fd = 6;
    vms[1].vcpus_by_kernel = false;
    assert_false(fd_owners_are_same(say(&said, files, 6), both, 2));
    vms[1].vcpus_by_kernel = true;
    say(&said, files, 6);
    said.process.result = -EMFILE;
    assert_false(fd_owners_are_same(&said.process, both, 2));
    assert_false(fd_owners_have_changed(&said.process, both, 2)); /* nothing is known */
    free(vms[0].vcpus);
    free(vms[1].vcpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vcpus_of_two_vms_are_told_apart),
        cmocka_unit_test(vm_without_vcpus_takes_none_of_another),
        cmocka_unit_test(what_changed_between_the_looks_is_not_known),
        cmocka_unit_test(a_process_is_the_same_until_a_vm_or_vcpu_changes),
        cmocka_unit_test(hidden_links_are_listed_by_the_kernel),
        cmocka_unit_test(list_of_a_process_with_very_many_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
