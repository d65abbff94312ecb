// SPDX-License-Identifier: MIT
/* The proc source on a process of our own: what it keeps open, and when it lets go. */
#include "core/source/source.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define VCPUS 2

/* In memory that both processes share. */
struct shared {
    volatile pid_t tids[VCPUS];
    volatile int end_thread; /* index + 1 */
};

struct bench {
    struct rootfs root;
    struct host host;
    struct field_table fields;
    struct shared *shared;
    pid_t pid;
    struct vm_vcpu vcpus[VCPUS];
    struct vm vm;
    struct vm *vms[1];
    struct source *source;
};

static void nap(void)
{
    struct timespec ts = {.tv_nsec = 1000000};
    nanosleep(&ts, NULL);
}

struct vcpu_arg {
    struct shared *shared;
    int index;
};

static void *vcpu_thread(void *arg)
{
    struct vcpu_arg *a = arg;

    a->shared->tids[a->index] = gettid();
    while (a->shared->end_thread != a->index + 1)
        nap();
    return NULL;
}

static void run_vmm(struct shared *shared)
{
    struct vcpu_arg args[VCPUS];
    pthread_t threads[VCPUS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < VCPUS; i++) {
        args[i] = (struct vcpu_arg){shared, i};
        if (pthread_create(&threads[i], NULL, vcpu_thread, &args[i]) != 0)
            _exit(1);
    }
    for (;;)
        pause();
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    b->shared = mmap(NULL, sizeof(*b->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
    assert_ptr_not_equal(b->shared, MAP_FAILED);
    b->pid = fork();
    if (b->pid == 0)
        run_vmm(b->shared);
    assert_true(b->pid > 0);
    assert_int_equal(rootfs_open(NULL, &b->root, NULL), 0);
    b->vm.id.pid = b->pid;
    b->vm.vcpus = b->vcpus;
    b->vm.vcpu_count = VCPUS;
    for (int i = 0; i < VCPUS; i++) {
        while (b->shared->tids[i] == 0)
            nap();
        b->vcpus[i] = (struct vm_vcpu){.id = i, .tid = b->shared->tids[i], .stats_fd = -1};
    }
    b->vms[0] = &b->vm;
    *state = b;
    return 0;
}

static void open_source(struct bench *b)
{
    struct source_env env = {
        .root = &b->root, .host = &b->host, .fields = &b->fields, .now_ns = now_ns};
    assert_int_equal(source_proc.attach(&env, &b->source), 0);
}

static int teardown(void **state)
{
    struct bench *b = *state;

    source_proc.forget(b->source, &b->vm);
    source_proc.detach(b->source);
    kill(b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
    rootfs_close(&b->root);
    munmap(b->shared, sizeof(*b->shared));
    free(b);
    return 0;
}

static struct sample *read_once(struct bench *b)
{
    struct vm_list list = {b->vms, 1};
    struct sample *sample;

    assert_int_equal(sample_new(&list, &b->fields, &sample), 0);
    source_proc.tick(b->source, sample);
    for (size_t i = 0; i < sample->vm_count; i++)
        source_proc.read(b->source, sample, &sample->vms[i]);
    return sample;
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void assert_read(const struct sample *s, int vcpu, enum reading_state state)
{
    assert_int_equal(s->vms[0].vcpus[vcpu].gauges[VCPU_CPU_NS].state, state);
    assert_int_equal(s->vms[0].vcpus[vcpu].gauges[VCPU_WAIT_NS].state, state);
}

static void files_stay_open_between_ticks_and_close_with_the_vm(void **state)
{
    struct bench *b = *state;
    int before = count_fds();

    open_source(b);
    for (int tick = 0; tick < 3; tick++) {
        struct sample *s = read_once(b);
        assert_false(s->vms[0].gone);
        assert_int_equal(s->vms[0].gauges[VM_RSS_BYTES].state, READING_OK);
        for (int i = 0; i < VCPUS; i++)
            assert_read(s, i, READING_OK);
        sample_free(s);
        assert_int_equal(count_fds(), before + 1 + VCPUS);
    }
    source_proc.forget(b->source, &b->vm);
    assert_int_equal(count_fds(), before);
}

static void kept_file_tells_new_figures(void **state)
{
    struct bench *b = *state;
    uint64_t first = 0, last = 0;

    open_source(b);
    /* the thread wakes up a thousand times a second */
    for (int tick = 0; tick < 200 && last <= first; tick++) {
        struct sample *s = read_once(b);
        last = s->vms[0].vcpus[0].gauges[VCPU_CPU_NS].raw;
        first = tick == 0 ? last : first;
        sample_free(s);
        nap();
    }
    assert_true(last > first);
}

static void thread_that_ended_is_gone_and_its_file_closed(void **state)
{
    struct bench *b = *state;
    int before = count_fds();

    open_source(b);
    sample_free(read_once(b));
    b->shared->end_thread = 2;
    for (int tick = 0; tick < 1000; tick++) {
        struct sample *s = read_once(b);
        bool gone = s->vms[0].vcpus[1].gauges[VCPU_CPU_NS].state != READING_OK;
        if (gone) {
            assert_read(s, 0, READING_OK);
            assert_read(s, 1, READING_ABSENT);
            assert_int_equal(s->vms[0].vcpus[1].gauges[VCPU_CPU_NS].cause, CAUSE_GONE);
        }
        sample_free(s);
        if (gone)
            break;
        nap();
        assert_true(tick < 999);
    }
    assert_int_equal(count_fds(), before + 1 + 1);
}

static void process_that_ended_is_gone(void **state)
{
    struct bench *b = *state;
    int before = count_fds();

    open_source(b);
    sample_free(read_once(b));
    kill(b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
    struct sample *s = read_once(b);
    assert_true(s->vms[0].gone);
    assert_read(s, 0, READING_ABSENT);
    sample_free(s);
    assert_int_equal(count_fds(), before);
}

static void vcpu_with_another_thread_is_read_from_that_one(void **state)
{
    struct bench *b = *state;

    open_source(b);
    sample_free(read_once(b));
    b->vcpus[0].tid = b->pid; /* found late, or made anew */
    b->shared->end_thread = 1;
    for (int tick = 0; tick < 300; tick++) {
        struct sample *s = read_once(b);
        assert_read(s, 0, READING_OK);
        sample_free(s);
        nap();
    }
}

static void under_a_low_limit_of_descriptors_nothing_is_kept(void **state)
{
    struct bench *b = *state;
    struct rlimit before, low;
    int count = count_fds();

    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = 8;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    open_source(b);
    setrlimit(RLIMIT_NOFILE, &before);
    struct sample *s = read_once(b);
    for (int i = 0; i < VCPUS; i++)
        assert_read(s, i, READING_OK);
    sample_free(s);
    assert_int_equal(count_fds(), count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(files_stay_open_between_ticks_and_close_with_the_vm),
        TEST(kept_file_tells_new_figures),
        TEST(thread_that_ended_is_gone_and_its_file_closed),
        TEST(process_that_ended_is_gone),
        TEST(vcpu_with_another_thread_is_read_from_that_one),
        TEST(under_a_low_limit_of_descriptors_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
