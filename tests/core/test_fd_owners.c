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
#define NOBODY ((struct kvm_bpf *)0x10) /* handed on, never looked into */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the kernel is made to say. */
struct said {
    const struct kvm_bpf_file *files;
    size_t count;
    int result;
};

static struct said said; /* the test's, set before each call */

int __wrap_kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants,
                                kvm_bpf_file_fn *fn, void *user, uint64_t *ret_ns);
int __wrap_kvm_bpf_read_process(struct kvm_bpf *bpf, pid_t pid, unsigned wants,
                                kvm_bpf_file_fn *fn, void *user, uint64_t *ret_ns)
{
    (void)ret_ns;
    assert_ptr_equal(bpf, NOBODY);
    assert_int_equal(pid, PID);
    assert_int_equal(wants, 0);
    for (size_t i = 0; i < said.count; i++)
        fn(user, &said.files[i]);
    return said.result;
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
    struct vm a, b;

    (void)state;
    said = (struct said){files, 6, 0};
    fd_owners_tell(NOBODY, PID, &fds);
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
    const struct kvm_bpf_file files[] = {vm_file(5, 0xa0), vcpu_file(6, 0xb0, 0, 9),
                                         vm_file(7, 0xb0)};
    struct proc_fds fds = {.fds = list, .count = 3, .vm_count = 2};
    struct vm vm;

    (void)state;
    said = (struct said){files, 3, 0};
    fd_owners_tell(NOBODY, PID, &fds);
    built(&fds, 0, &vm);
    assert_int_equal(vm.vcpu_count, 0);
    free(vm.vcpus);
}

static void what_changed_between_the_looks_is_not_known(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds = {.fds = list, .count = interleaved(list, files), .vm_count = 2};

    (void)state;
    files[3].vcpu_id = 7; /* closed, and its number given to another vCPU */
    said = (struct said){files, 6, 0};
    fd_owners_tell(NOBODY, PID, &fds);
    assert_int_equal(list[3].vm, 0);
    assert_int_equal(list[4].vm, 0xb0);
    assert_false(fd_owners_are_known(&fds));

    struct vm vm;
    built(&fds, 0, &vm);
    assert_false(vm.vcpus_by_kernel);
    assert_int_equal(vm.vcpu_fd_cause, CAUSE_AMBIGUOUS);
    free(vm.vcpus);
}

static void nothing_is_known_without_bpf(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds = {.fds = list, .count = interleaved(list, files), .vm_count = 2};

    (void)state;
    fd_owners_tell(NULL, PID, &fds);
    assert_false(fd_owners_are_known(&fds));
}

static void hidden_links_are_listed_by_the_kernel(void **state)
{
    struct proc_fd list[6];
    struct kvm_bpf_file files[6];
    struct proc_fds fds;

    (void)state;
    interleaved(list, files);
    said = (struct said){files, 6, 0};
    assert_int_equal(fd_owners_list(NOBODY, PID, &fds), 0);
    assert_int_equal(fds.count, 6);
    assert_int_equal(fds.vm_count, 2);
    assert_int_equal(fds.fds[4].vcpu, 1);
    assert_int_equal(fds.fds[4].tid, 503);
    assert_true(fd_owners_are_known(&fds));
    proc_fds_done(&fds);

    said = (struct said){NULL, 0, -ESRCH};
    assert_int_equal(fd_owners_list(NOBODY, PID, &fds), -ESRCH);
}

static void list_of_a_process_with_very_many_is_cut(void **state)
{
    size_t count = PROC_FDS_VMS_MAX + 10;
    struct kvm_bpf_file *files = calloc(count, sizeof(*files));
    struct proc_fds fds;

    (void)state;
    assert_non_null(files);
    for (size_t i = 0; i < count; i++)
        files[i] = vm_file((int)i, 0x1000 + i);
    said = (struct said){files, count, 0};
    assert_int_equal(fd_owners_list(NOBODY, PID, &fds), 0);
    assert_true(fds.is_cut);
    assert_int_equal(fds.vm_count, PROC_FDS_VMS_MAX);
    proc_fds_done(&fds);
    free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vcpus_of_two_vms_are_told_apart),
        cmocka_unit_test(vm_without_vcpus_takes_none_of_another),
        cmocka_unit_test(what_changed_between_the_looks_is_not_known),
        cmocka_unit_test(nothing_is_known_without_bpf),
        cmocka_unit_test(hidden_links_are_listed_by_the_kernel),
        cmocka_unit_test(list_of_a_process_with_very_many_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
