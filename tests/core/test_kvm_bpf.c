// SPDX-License-Identifier: MIT
/* The BPF programs on the kernel that runs, with real VMs. */
#include "core/bpf/kvm_bpf.h"

#include <bpf/bpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_bpf_internal.h"
#include "core/bpf/kvm_iter.skel.h"
#include "core/demo/minivm.h"
#include "core/privilege/privilege.h"
#include "tests/lib/bpf_bench.h"
#include "tests/lib/tree.h"

#define FILES_MAX 64

static void start(struct bpf_bench *b, const struct kvm_guest_config *config)
{
    assert_true(guest_start(&b->guest, kvm_guest, config));
}

struct found {
    pid_t pid; /* only of this process; 0: all */
    struct kvm_bpf_file files[FILES_MAX];
    size_t count;
};

static void keep(void *user, const struct kvm_bpf_file *file)
{
    struct found *f = user;

    if (f->count < FILES_MAX && (f->pid == 0 || f->pid == file->pid))
        f->files[f->count++] = *file;
}

static struct found look(struct bpf_bench *b)
{
    struct found f = {0};

    assert_int_equal(kvm_bpf_read_process(b->bpf, b->guest.pid, 0, keep, &f, NULL), 0);
    return f;
}

/* In a child: 0 when all is as it should be, else the number of the line. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1);                                          \
    } while (0)

static void assert_child(pid_t pid)
{
    int status;

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("the child ended with %#x: the line, modulo 256", status);
}

/* --- a kernel that refuses -------------------------------------------------------------------- */

#define VERIFIER_SAYS "R1 invalid mem access 'scalar'"

static struct {
    bool refuses; /* all programs */
    char *log;    /* where what it says belongs */
} kernel;

int __real_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
                                     const struct bpf_object_open_opts *opts);
int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
                                     const struct bpf_object_open_opts *opts);
int __real_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s);

int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s,
                                     const struct bpf_object_open_opts *opts)
{
    kernel.log = opts->kernel_log_buf;
    return __real_bpf_object__open_skeleton(s, opts);
}

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
    if (!kernel.refuses)
        return __real_bpf_object__load_skeleton(s);
    strcpy(kernel.log, VERIFIER_SAYS);
    errno = EACCES;
    return -EACCES;
}

static void what_the_verifier_says_is_in_a_file(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct kvm_bpf *bpf;
    struct error err = {0};
    char log[64] = "";

    kernel.refuses = true;
    assert_int_equal(kvm_bpf_open(&b->root, &bpf, &err), -EACCES);
    kernel.refuses = false;
    assert_null(bpf);
    const char *path = strchr(err.msg, '/');
    assert_non_null(path);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read(fd, log, sizeof(log)), strlen(VERIFIER_SAYS));
    assert_string_equal(log, VERIFIER_SAYS);
    close(fd);
}

/* The child of a supervisor inherits that it may write nowhere. */
static void who_may_write_nowhere_says_who_may(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    pid_t pid = fork();

    if (pid == 0) {
        struct kvm_bpf *bpf;
        struct error err = {0};
        CHECK(privilege_enter(ROLE_SUPERVISOR, PRIVILEGE_STRICT, NULL, &err) >= 0);
        CHECK(privilege_raise(PRIVILEGE_BPF_CAPS, &err) == 0);
        kernel.refuses = true;
        CHECK(kvm_bpf_open(&b->root, &bpf, &err) == -EACCES);
        CHECK(strstr(err.msg, "the kernel refuses the BPF programs (Permission denied)") != NULL);
        CHECK(strstr(err.msg, "kvmlens --doctor --bpf") != NULL);
        _exit(0);
    }
    assert_child(pid);
}

/* --- files ------------------------------------------------------------------------------------ */

static void vms_of_one_process_are_told_apart(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct found f;
    unsigned vcpus[2] = {0, 0};
    uint64_t vms[2] = {0, 0};

    start(b, &(struct kvm_guest_config){.vms = 2, .vcpus = 2, .stats_fds = true});
    f = look(b);
    assert_int_equal(f.count, 6);
    for (size_t i = 0; i < f.count; i++) {
        const struct kvm_bpf_file *file = &f.files[i];
        assert_true(i == 0 || f.files[i - 1].fd < file->fd);
        assert_int_equal(file->pid, b->guest.pid);
        assert_null(file->stat);
        for (int k = 0; k < 2 && file->kind == KVM_BPF_VM; k++)
            if ((uint64_t)file->fd == b->guest.info->extra[k])
                vms[k] = file->vm;
    }
    assert_true(vms[0] != 0 && vms[1] != 0 && vms[0] != vms[1]);
    for (size_t i = 0; i < f.count; i++) {
        const struct kvm_bpf_file *file = &f.files[i];
        if (file->kind == KVM_BPF_VM) {
            assert_true(file->is_own_mm);
            assert_int_equal(file->vm_type, KVM_VM_ORDINARY);
            continue;
        }
        int k = file->vm == vms[0] ? 0 : 1;
        assert_int_equal(file->vm, vms[k]);
        assert_int_equal(file->vcpu_id, vcpus[k]++);
        assert_in_range(file->cpu, 0, 4095);
        if (k == 0 && file->vcpu_id == 0)
            assert_int_equal(file->tid, b->guest.info->extra[2]);
    }
    assert_int_equal(vcpus[0], 2);
    assert_int_equal(vcpus[1], 2);
    guest_stop(&b->guest);
}

/* A new one likes to get the descriptor and the memory of one that has ended. */
static void a_vm_made_anew_is_another(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    uint64_t vms[8];
    uint32_t births[8];
    char path[96];
    struct stat st;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), fds[8];

    assert_true(kvm >= 0);
    b->guest.pid = getpid();
    for (int i = 0; i < 8; i++) {
        fds[i] = ioctl(kvm, KVM_CREATE_VM, 0);
        assert_true(fds[i] >= 0);
        struct found f = look(b);
        assert_int_equal(f.count, 1);
        vms[i] = f.files[0].vm;
        births[i] = f.files[0].birth;
        assert_int_not_equal(births[i], 0);
        snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d", (int)getpid(), fds[i]);
        if (stat(path, &st) == 0)
            assert_int_equal(births[i], st.st_ino);
        close(fds[i]);
        for (int k = 0; k < i; k++)
            assert_false(fds[k] == fds[i] && vms[k] == vms[i] && births[k] == births[i]);
    }
    b->guest.pid = 0;
    close(kvm);
}

static void a_look_at_the_host_finds_the_same(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct found one, all;

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 3});
    one = look(b);
    all = (struct found){.pid = b->guest.pid};
    assert_int_equal(kvm_bpf_read_host(b->bpf, 0, 0, keep, &all), 0);
    assert_int_equal(all.count, 4);
    assert_int_equal(one.count, 4);
    for (size_t i = 0; i < one.count; i++) {
        assert_int_equal(all.files[i].fd, one.files[i].fd);
        assert_int_equal(all.files[i].vm, one.files[i].vm);
        assert_int_equal(all.files[i].tid, one.files[i].tid);
    }
    guest_stop(&b->guest);
}

static void a_look_at_the_host_ends_at_its_limit(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct found f = {0};

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    assert_int_equal(kvm_bpf_read_host(b->bpf, 0, 1, keep, &f), 1);
    assert_int_equal(f.count, 0);
    guest_stop(&b->guest);
}

static void a_process_without_vms_has_none(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){0});
    assert_int_equal(look(b).count, 0);
    /* nor one that is gone, nor is the number kept */
    pid_t pid = b->guest.pid;
    guest_stop(&b->guest);
    b->guest.pid = pid;
    assert_int_equal(look(b).count, 0);
    kvm_bpf_forget(b->bpf, pid);
    assert_int_equal(b->bpf->link_count, 0);
    /* and 0 is not all of them */
    struct found f = {0};
    assert_int_equal(kvm_bpf_read_process(b->bpf, 0, 0, keep, &f, NULL), -EINVAL);
    assert_int_equal(f.count, 0);
}

static void ten_thousand_descriptors_hide_nothing(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 2, .files = 10000});
    struct found f = look(b);
    assert_int_equal(f.count, 3);
    assert_true(f.files[0].fd > 10000);
    guest_stop(&b->guest);
}

/* What is known of KVM's files does not hide them when KVM is loaded anew, at other addresses. */
static void files_are_found_again_when_what_was_learnt_is_wrong(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct found f;

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    assert_int_equal(look(b).count, 2);
    assert_int_not_equal(b->bpf->programs->bss->vm_ops, 0);
    b->bpf->programs->bss->vm_ops = b->bpf->programs->bss->vcpu_ops = 4096;
    f = look(b);
    assert_int_equal(f.count, 2);
    guest_stop(&b->guest);
}

static void a_full_table_of_descriptors_is_told(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        struct found f = {0};
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
        CHECK(kvm_bpf_read_process(b->bpf, b->guest.pid, 0, keep, &f, NULL) == -EMFILE);
        CHECK(kvm_bpf_read_host(b->bpf, 0, 0, keep, &f) == -EMFILE);
        CHECK(f.count == 0);
        _exit(0);
    }
    assert_child(pid);
    guest_stop(&b->guest);
}

/* Where other links need the descriptors, that of a process is not kept. */
static void links_leave_half_of_the_descriptors(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    b->bpf->keep_below = 3;
    assert_int_equal(look(b).count, 2);
    assert_int_equal(b->bpf->link_count, 0);
    b->bpf->keep_below = 1000;
    assert_int_equal(look(b).count, 2);
    assert_int_equal(look(b).count, 2);
    assert_int_equal(b->bpf->link_count, 1);
    guest_stop(&b->guest);
}

/* --- KVM comes and goes ----------------------------------------------------------------------- */

#define MODULES "/modules/" /* of an emulated machine of tests/nested, where nobody else needs it  \
                             */

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void kvm_may_be_loaded_later_and_anew(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct error err = {0};
    struct found f;

    if (access(MODULES "kvm.ko", R_OK) != 0) {
        printf("skipped: kvm is not taken away from a machine that others use\n");
        skip();
    }
    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    assert_int_equal(look(b).count, 2);
    guest_stop(&b->guest);
    run("rmmod kvm_amd && rmmod kvm");
    assert_null(kvm_bpf_layout(b->bpf, &err));
    assert_int_equal(err.code, -EAGAIN);
    assert_false(kvm_bpf_is_stale(b->bpf));
    struct kvm_bpf *early;
    assert_int_equal(kvm_bpf_open(&b->root, &early, &err), 0);
    assert_int_equal(kvm_bpf_read_process(early, getpid(), 0, keep, &f, NULL), -EAGAIN);
    run("insmod " MODULES "kvm.ko && insmod " MODULES "kvm-amd.ko");
    /* What both know, nothing or the KVM of before, is no longer so. */
    assert_true(kvm_bpf_is_stale(early));
    assert_null(kvm_bpf_layout(early, &err));
    assert_int_equal(err.code, -ESTALE);
    kvm_bpf_close(early);
    assert_true(kvm_bpf_is_stale(b->bpf));
    assert_null(kvm_bpf_layout(b->bpf, &err));
    assert_int_equal(kvm_bpf_read_process(b->bpf, getpid(), 0, keep, &f, NULL), -EAGAIN);
    kvm_bpf_close(b->bpf);
    assert_int_equal(kvm_bpf_open(&b->root, &b->bpf, &err), 0);
    assert_false(kvm_bpf_is_stale(b->bpf));
    assert_non_null(kvm_bpf_layout(b->bpf, &err));
    /* Its functions are at other addresses now. */
    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    f = look(b);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.files[1].tid, b->guest.info->extra[2]);
    guest_stop(&b->guest);
}

/* --- memslots --------------------------------------------------------------------------------- */

static void slots_are_those_that_the_vmm_has_set(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct kvm_bpf_slots s;

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    int fd = (int)b->guest.info->extra[0];
    assert_int_equal(kvm_bpf_slots_read(b->bpf, b->guest.pid, fd, &s), 0);
    /* core/demo/minivm.h: 640 KiB, and what is left of 8 MiB from 1 MiB on */
    assert_int_equal(s.count, 2);
    assert_true(s.is_own_mm);
    assert_int_equal(s.vm_type, KVM_VM_ORDINARY);
    assert_int_equal(s.slots[0].gfn, 0);
    assert_int_equal(s.slots[0].pages, 160);
    assert_int_equal(s.slots[1].gfn, 256);
    assert_int_equal(s.slots[1].pages, 2048 - 256);
    assert_int_equal(s.slots[1].user_start - s.slots[0].user_start, 1 << 20);
    assert_false(s.slots[0].is_logged || s.slots[0].is_private);
    kvm_bpf_slots_done(&s);
    assert_int_equal(kvm_bpf_slots_read(b->bpf, b->guest.pid, fd + 1000, &s), -ENOENT);
    assert_int_equal(s.count, 0);
    guest_stop(&b->guest);
}

static uint64_t time_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* A process may have a million: to read the slots of a VM only those before its own are looked at.
 */
static void descriptors_behind_the_vm_cost_nothing(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 15000 ? limit.rlim_max : 15000;
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
        struct kvm_bpf_slots s;
        struct found f = {0};
        int vm = ioctl(open("/dev/kvm", O_RDWR), KVM_CREATE_VM, 0), last = vm;
        CHECK(vm >= 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
        while ((rlim_t)last + 20 < limit.rlim_cur && (last = dup(0)) >= 0)
            ;
        for (int i = 0; i < 10; i++) {
            uint64_t from = time_ns();
            CHECK(kvm_bpf_slots_read(b->bpf, getpid(), vm, &s) == 0);
            uint64_t between = time_ns();
            CHECK(kvm_bpf_read_process(b->bpf, getpid(), 0, keep, &f, NULL) == 0);
            uint64_t to = time_ns();
            kvm_bpf_slots_done(&s);
            least[0] = between - from < least[0] ? between - from : least[0];
            least[1] = to - between < least[1] ? to - between : least[1];
        }
        CHECK(kvm_bpf_slots_read(b->bpf, getpid(), vm + 1, &s) == -ENOENT);
        CHECK(kvm_bpf_slots_read(b->bpf, getpid(), last, &s) == -ENOENT);
        printf("%d descriptors: %llu us for the slots, %llu for all\n", last,
               (unsigned long long)least[0] / 1000, (unsigned long long)least[1] / 1000);
        CHECK(last < 2000 || least[0] < least[1] / 2);
        fflush(stdout);
        _exit(0);
    }
    assert_child(pid);
}

#define MANY 1400 /* more than a record has room for, in both address spaces together */

/* A VM with many slots of one page each, every second of them logged; every third one read-only.
 * Some are of the second address space, where there is one: extra[2]. */
static void many_slots(struct guest_info *info, const void *arg)
{
    (void)arg;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    uint8_t *ram =
        mmap(NULL, MANY * 4096ul, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t second = 0;

    if (vm >= 0 && ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE) > 1)
        second = 10;
    for (uint32_t i = 0; i < MANY && vm >= 0 && info->error == 0; i++) {
        struct kvm_userspace_memory_region r = {
            .slot = i < MANY - second ? i : (1u << 16 | (i - (MANY - second))),
            .flags =
                (i % 2 == 0 ? KVM_MEM_LOG_DIRTY_PAGES : 0) | (i % 3 == 0 ? KVM_MEM_READONLY : 0),
            .guest_phys_addr = 2ull * 4096 * i,
            .memory_size = 4096,
            .userspace_addr = (uintptr_t)ram + 4096ul * i};
        if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) < 0)
            info->error = errno;
    }
    info->extra[0] = (uint64_t)vm;
    info->extra[1] = (uintptr_t)ram;
    info->extra[2] = second;
    if (kvm < 0 || vm < 0)
        info->error = errno;
}

static void many_slots_come_in_parts(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    struct kvm_bpf_slots s;

    assert_true(guest_start(&b->guest, many_slots, NULL));
    assert_int_equal(kvm_bpf_slots_read(b->bpf, b->guest.pid, (int)b->guest.info->extra[0], &s), 0);
    assert_int_equal(s.count, MANY);
    const uint32_t first = MANY - (uint32_t)b->guest.info->extra[2];
    if (first == MANY)
        printf("no slots of a second address space: this KVM has one only\n");
    for (uint32_t i = 0; i < MANY; i++) {
        const struct kvm_bpf_slot *slot = &s.slots[i];
        assert_int_equal(slot->space, i < first ? 0 : 1);
        assert_int_equal(slot->id, i < first ? i : i - first);
        assert_int_equal(slot->gfn, 2 * i);
        assert_int_equal(slot->pages, 1);
        assert_int_equal(slot->user_start, b->guest.info->extra[1] + 4096ul * i);
        assert_int_equal(slot->is_logged, i % 2 == 0);
        assert_int_equal((slot->flags & KVM_MEM_READONLY) != 0, i % 3 == 0);
    }
    kvm_bpf_slots_done(&s);
    guest_stop(&b->guest);
}

#define RESTLESS 900 /* the slot that comes and goes */

static void *come_and_go(void *arg)
{
    const struct guest_info *info = arg;
    struct kvm_userspace_memory_region r = {.slot = RESTLESS,
                                            .guest_phys_addr = 2ull * 4096 * RESTLESS,
                                            .userspace_addr = info->extra[1] + 4096ul * RESTLESS};

    for (;;) {
        r.memory_size = 0;
        ioctl((int)info->extra[0], KVM_SET_USER_MEMORY_REGION, &r);
        r.memory_size = 4096;
        ioctl((int)info->extra[0], KVM_SET_USER_MEMORY_REGION, &r);
        usleep(1000);
    }
    return NULL;
}

static void restless_slots(struct guest_info *info, const void *arg)
{
    pthread_t thread;

    many_slots(info, arg);
    if (info->error == 0)
        info->error = pthread_create(&thread, NULL, come_and_go, info);
}

static void what_is_told_is_of_one_moment(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    unsigned whole = 0, busy = 0;

    assert_true(guest_start(&b->guest, restless_slots, NULL));
    for (int i = 0; i < 200; i++) {
        struct kvm_bpf_slots s;
        int result = kvm_bpf_slots_read(b->bpf, b->guest.pid, (int)b->guest.info->extra[0], &s);
        if (result == 0) {
            assert_true(s.count == MANY || s.count == MANY - 1);
            for (size_t k = 1; k < s.count; k++)
                assert_true(s.slots[k].gfn > s.slots[k - 1].gfn && s.slots[k].pages == 1);
        } else {
            assert_int_equal(result, -EBUSY);
        }
        whole += result == 0;
        busy += result == -EBUSY;
        kvm_bpf_slots_done(&s);
    }
    printf("slots that come and go: %u times of one moment, %u times none\n", whole, busy);
    assert_true(whole > 0);
    guest_stop(&b->guest);
}

/* --- rights ----------------------------------------------------------------------------------- */

static void reading_needs_no_capability(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1});
    pid_t pid = fork();
    if (pid == 0) {
        struct found f = {.pid = b->guest.pid};
        struct kvm_bpf_slots s;
        struct kvm_bpf *another;
        struct error err;
        CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
        capng_clear(CAPNG_SELECT_BOTH);
        CHECK(capng_apply(CAPNG_SELECT_CAPS) == 0);
        CHECK(kvm_bpf_read_process(b->bpf, b->guest.pid, KVM_BPF_STATS, keep, &f, NULL) == 0);
        CHECK(f.count == 2);
        CHECK(kvm_bpf_read_host(b->bpf, 0, 0, keep, &f) == 0);
        CHECK(f.count == 4);
        CHECK(kvm_bpf_slots_read(b->bpf, b->guest.pid, (int)b->guest.info->extra[0], &s) == 0);
        /* but loading does, and says which */
        CHECK(kvm_bpf_open(&b->root, &another, &err) == -EPERM);
        CHECK(strstr(err.msg, "CAP_BPF") != NULL && strstr(err.msg, "CAP_PERFMON") != NULL);
        _exit(0);
    }
    assert_child(pid);
    guest_stop(&b->guest);
}

static void a_saved_tree_has_no_kernel(void **state)
{
    struct tree tree;
    struct kvm_bpf *bpf;
    struct error err = {0};

    (void)state;
    tree_open(&tree);
    assert_int_equal(kvm_bpf_open(&tree.root, &bpf, &err), -ENOTSUP);
    assert_null(bpf);
    assert_true(err.msg[0] != '\0');
    tree_close(&tree);
}

/* Numbers are those of the namespace of who reads, where the VM is one of its own. */
/* Where the programs read stands where nobody can write any more, not even who has them. */
static void nobody_can_change_what_is_read(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);
    const struct bpf_map *const constants = b->bpf->programs->maps.rodata, *const walk =
                                                                               b->bpf->programs
                                                                                   ->maps.data_walk;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct bpf_map_info info;
    uint32_t size = sizeof(info), key = 0;

    memset(&info, 0, sizeof(info));
    assert_int_equal(bpf_obj_get_info_by_fd(bpf_map__fd(walk), &info, &size), 0);
    assert_int_equal(info.map_flags & BPF_F_MMAPABLE, 0);
    assert_ptr_equal(mmap(NULL, page, PROT_READ, MAP_SHARED, bpf_map__fd(walk), 0), MAP_FAILED);
    assert_ptr_equal(
        mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(constants), 0),
        MAP_FAILED);
    assert_int_equal(mprotect(b->bpf->programs->rodata, page, PROT_READ | PROT_WRITE), -1);
    /* Even with the capabilities, and where no filter refuses the call. */
    uint8_t *value = calloc(1, bpf_map__value_size(constants));
    assert_non_null(value);
    assert_int_equal(bpf_map_update_elem(bpf_map__fd(constants), &key, value, 0), -EPERM);
    free(value);
}

static void in_a_pid_namespace_numbers_are_its_own(void **state)
{
    struct bpf_bench *b = bpf_bench_of(state);

    start(b, &(struct kvm_guest_config){.vms = 1, .vcpus = 1}); /* outside */
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(unshare(CLONE_NEWPID) == 0);
        pid_t first = fork();
        if (first == 0) {
            const struct minivm_config config = {
                .ram_bytes = 8 << 20, .vcpus = 1, .program = MINIVM_HALT};
            struct found f = {0};
            struct minivm *vm;
            struct error err;
            CHECK(getpid() == 1);
            CHECK(minivm_start(&config, &vm, &err) == 0);
            CHECK(kvm_bpf_read_host(b->bpf, 0, 0, keep, &f) == 0);
            CHECK(f.count == 2); /* and not that outside */
            CHECK(f.files[0].pid == 1 && f.files[1].pid == 1);
            CHECK(f.files[1].tid == minivm_info(vm)->vcpus[0].tid);
            f.count = 0;
            CHECK(kvm_bpf_read_process(b->bpf, 1, 0, keep, &f, NULL) == 0);
            CHECK(f.count == 2);
            _exit(0);
        }
        int status;
        CHECK(first > 0 && waitpid(first, &status, 0) == first);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 255);
    }
    assert_child(pid);
    guest_stop(&b->guest);
}

/* --- what stays behind ------------------------------------------------------------------------ */

static uint32_t program_id(int fd)
{
    struct bpf_prog_info info = {0};
    uint32_t len = sizeof(info);

    return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

static bool is_loaded(uint32_t id)
{
    int fd = bpf_prog_get_fd_by_id(id);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void nothing_stays_behind_one_that_is_killed(void **state)
{
    int pipes[2];
    uint32_t ids[2] = {0, 0};

    bpf_bench_of(state);
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rootfs root;
        struct kvm_bpf *bpf;
        struct error err;
        struct found f = {0};
        CHECK(rootfs_open(NULL, &root, &err) == 0 && kvm_bpf_open(&root, &bpf, &err) == 0);
        CHECK(kvm_bpf_read_process(bpf, getppid(), 0, keep, &f, NULL) == 0);
        ids[0] = program_id(bpf->files_program);
        ids[1] = program_id(bpf->slots_program);
        CHECK(write(pipes[1], ids, sizeof(ids)) == sizeof(ids));
        for (;;)
            pause();
    }
    assert_int_equal(read(pipes[0], ids, sizeof(ids)), sizeof(ids));
    assert_true(ids[0] != 0 && is_loaded(ids[0]));
    assert_true(ids[1] != 0 && is_loaded(ids[1]));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    /* The kernel lets go of them a moment later. */
    for (int i = 0; i < 300 && (is_loaded(ids[0]) || is_loaded(ids[1])); i++)
        usleep(10000);
    assert_false(is_loaded(ids[0]));
    assert_false(is_loaded(ids[1]));
    close(pipes[0]);
    close(pipes[1]);
}

/* --- kinds of VM ------------------------------------------------------------------------------ */

static void a_guest_is_ordinary_only_where_nothing_says_that_it_is_not(void **state)
{
    static const struct {
        struct kvm_vm_marks marks;
        enum kvm_vm_type type;
    } cases[] = {
        {{.vm_type = 0}, KVM_VM_ORDINARY},
        {{.vm_type = 1, .has_private_mem = 1}, KVM_VM_SW_PROTECTED},
        {{.vm_type = 2}, KVM_VM_SEV},
        {{.vm_type = 3, .has_protected_state = 1}, KVM_VM_SEV_ES},
        {{.vm_type = 4, .has_protected_state = 1, .has_private_mem = 1}, KVM_VM_SNP},
        {{.vm_type = 5, .has_protected_state = 1}, KVM_VM_TDX},
        {{.vm_type = 6}, KVM_VM_PROTECTED},
        {{.vm_type = 200}, KVM_VM_PROTECTED},
        {{.sev_active = 1}, KVM_VM_SEV},
        {{.sev_active = 1, .sev_es = 1}, KVM_VM_SEV_ES},
        {{.sev_active = 1, .sev_es = 1, .sev_features = 1}, KVM_VM_SNP},
        {{.has_protected_state = 1}, KVM_VM_PROTECTED},
        {{.has_private_mem = 1}, KVM_VM_PROTECTED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(kvm_bpf_vm_type(&cases[i].marks), cases[i].type);
    for (int t = KVM_VM_ORDINARY + 1; t < KVM_VM_TYPE_COUNT; t++)
        assert_true(kvm_vm_type_name((enum kvm_vm_type)t)[0] != '\0');
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bpf_bench_setup, bpf_bench_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(what_the_verifier_says_is_in_a_file),
        TEST(who_may_write_nowhere_says_who_may),
        TEST(vms_of_one_process_are_told_apart),
        TEST(a_vm_made_anew_is_another),
        TEST(a_look_at_the_host_finds_the_same),
        TEST(a_look_at_the_host_ends_at_its_limit),
        TEST(a_process_without_vms_has_none),
        TEST(ten_thousand_descriptors_hide_nothing),
        TEST(files_are_found_again_when_what_was_learnt_is_wrong),
        TEST(a_full_table_of_descriptors_is_told),
        TEST(links_leave_half_of_the_descriptors),
        TEST(kvm_may_be_loaded_later_and_anew),
        TEST(slots_are_those_that_the_vmm_has_set),
        TEST(descriptors_behind_the_vm_cost_nothing),
        TEST(many_slots_come_in_parts),
        TEST(what_is_told_is_of_one_moment),
        TEST(reading_needs_no_capability),
        TEST(nobody_can_change_what_is_read),
        TEST(in_a_pid_namespace_numbers_are_its_own),
        TEST(nothing_stays_behind_one_that_is_killed),
        cmocka_unit_test(a_saved_tree_has_no_kernel),
        cmocka_unit_test(a_guest_is_ordinary_only_where_nothing_says_that_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
