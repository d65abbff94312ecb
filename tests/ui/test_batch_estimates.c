// SPDX-License-Identifier: MIT
/*
 * Metrics with estimates, from the first sample to the file, of real processes whose memory is
 * read. What reads it is looked at on its way to the kernel.
 */
#include "ui/app/batch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/guest.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/app/exit_status.h"

#define MIB (1ull << 20)
#define VMS 3
#define TICKS_MAX 16
#define HANG_S 60

/* In memory that the test shares with the processes that read for it. */
static struct seen {
    atomic_int signal_at_read; /* the read that sends SIGTERM; 0 = none */
    atomic_int reads;
    atomic_int pids_read[VMS + 1];
    atomic_int pid_count;
} * seen;
static pid_t test_pid;

/* The test may take the signal, and end what is under way, before the read goes on. */
static void signal_test(void)
{
    kill(test_pid, SIGTERM);
    usleep(200000);
}

static void note_pid(pid_t pid)
{
    for (int i = 0; i < seen->pid_count; i++)
        if (seen->pids_read[i] == pid)
            return;
    seen->pids_read[seen->pid_count++] = pid;
}

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
                         const struct iovec *remote, unsigned long remote_count,
                         unsigned long flags)
{
    note_pid(pid);
    if (++seen->reads == seen->signal_at_read)
        signal_test();
    return syscall(SYS_process_vm_readv, pid, local, local_count, remote, remote_count, flags);
}

struct bed {
    struct guest guests[VMS];
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    char dir[64], path[96];
    struct snapshot_builder *builders[TICKS_MAX]; /* they own the fields of the snapshots */
    size_t ticks;
};

static int by_pid(const void *left, const void *right)
{
    const struct guest *a = left, *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static int setup(void **state)
{
    static const struct minivm_range fill = {.bytes = 32 * MIB, .fill = MINIVM_FILL_NONZERO};
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 64 * MIB,
                                                   .ranges = &fill, .range_count = 1};
    static struct bed bed;

    strcpy(bed.dir, "/tmp/kvmlens-estimates-XXXXXX");
    if (mkdtemp(bed.dir) == NULL || rootfs_open(NULL, &bed.root, NULL) < 0)
        return -1;
    snprintf(bed.path, sizeof(bed.path), "%s/x.prom", bed.dir);
    for (int i = 0; i < VMS; i++)
        if (!guest_start(&bed.guests[i], guest_ram, &config))
            return -1;
    qsort(bed.guests, VMS, sizeof(bed.guests[0]), by_pid);
    /* the test gets signals from whoever reads */
    bed.config = (struct child_config){.root = &bed.root, .privileges = PRIVILEGE_OFF};
    bed.ticks = 0;
    test_pid = getpid();
    if (seen == NULL)
        seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return -1;
    seen->signal_at_read = seen->reads = seen->pid_count = 0;
    if (supervisor_start(&bed.config, &bed.supervisor, NULL) < 0)
        return -1;
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    char command[128];

    for (int i = 0; i < VMS; i++)
        guest_stop(&bed->guests[i]);
    for (size_t i = 0; i < bed->ticks; i++)
        snapshot_builder_free(bed->builders[i]);
    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
    snprintf(command, sizeof(command), "rm -rf %s", bed->dir);
    return system(command);
}

static int tick(void *ctx, int stop_fd, struct snapshot **ret, struct error *err)
{
    struct bed *bed = ctx;
    struct snapshot_builder *b = snapshot_builder_new();
    struct timespec now;

    (void)stop_fd;
    (void)err;
    assert_true(bed->ticks < TICKS_MAX);
    bed->builders[bed->ticks++] = b;
    snapshot_builder_fields_x86(b);
    for (int i = 0; i < VMS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "vm%d", i);
        size_t vm = snapshot_builder_vm(b, bed->guests[i].pid, 9, name, "qemu", 1);
        snapshot_builder_get(b, vm)->id.start_ticks = 0; /* any process of this number */
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    snapshot_builder_snapshot(b)->mono_ns =
        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    *ret = snapshot_builder_take(b);
    return 0;
}

struct result {
    int status;
    char text[65536], diag[4096];
};

static void run(struct bed *bed, enum options_mode mode, unsigned long iterations,
                struct result *ret)
{
    struct options o = {.mode = mode, .format = "prometheus", .delay_s = 0.1, .estimate = true,
                        .iterations = iterations, .output = bed->path};
    struct output out;
    struct error err = {0};
    char *diag = NULL;
    size_t len;
    FILE *mem = open_memstream(&diag, &len);

    memset(ret, 0, sizeof(*ret));
    assert_non_null(mem);
    assert_int_equal(output_replace(&out, bed->path, &err), 0);
    struct batch_env env = {tick, bed, &out, mem, &bed->root, &bed->supervisor};
    alarm(HANG_S);
    ret->status = batch_run_env(&env, &o, &err);
    alarm(0);
    output_close(&out);
    fclose(mem);
    snprintf(ret->diag, sizeof(ret->diag), "%s", diag);
    free(diag);
    FILE *in = fopen(bed->path, "r");
    if (in == NULL)
        return; /* no record was written */
    assert_true(fread(ret->text, 1, sizeof(ret->text) - 1, in) > 0);
    fclose(in);
}

/* Of so many VMs there is a sample of this family, with this value when it is not NULL. */
static int samples(const char *text, const char *family, const char *value)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, family)) != NULL; at++) {
        const char *end = strstr(at, "} ");
        if ((at == text || at[-1] == '\n') && at[strlen(family)] == '{' && end != NULL)
            count += value == NULL || strncmp(end + 2, value, strlen(value)) == 0;
    }
    return count;
}

static void every_vm_is_estimated(void **state)
{
    struct result r;

    run(*state, MODE_ONCE, 0, &r);
    assert_string_equal(r.diag, "");
    assert_int_equal(r.status, STATUS_DONE);
    assert_int_equal(samples(r.text, "kvmlens_vm_zero_ratio", "0.5\n"), VMS);
    assert_int_equal(samples(r.text, "kvmlens_vm_scan_age_seconds", NULL), VMS);
    assert_int_equal(samples(r.text, "kvmlens_vm_scan_failed", "0\n"), VMS);
    assert_int_equal(seen->pid_count, VMS);
}

/* All of them were estimated to the end, deaf to the signal. */
static void signal_ends_the_estimates_and_the_file_is_written(void **state)
{
    static const enum options_mode modes[] = {MODE_ONCE, MODE_LOG};

    for (size_t i = 0; i < 2; i++) {
        struct bed *bed = *state;
        struct result r;
        seen->reads = seen->pid_count = 0;
        unlink(bed->path);
        seen->signal_at_read = 1;
        run(bed, modes[i], 0, &r);
        assert_int_equal(seen->pid_count, 1);
        assert_int_equal(samples(r.text, "kvmlens_vm_vcpus", NULL), VMS);
        assert_int_equal(samples(r.text, "kvmlens_vm_zero_ratio", NULL), 0);
        assert_int_equal(samples(r.text, "kvmlens_vm_scan_failed", NULL), 0);
        assert_int_equal(samples(r.text, "kvmlens_vm_scan_pending", "1\n"), VMS);
        assert_int_equal(r.status, STATUS_PARTIAL);
        assert_non_null(strstr(r.diag, "3 VMs have no estimate yet"));
    }
}

/* A timer starts one process after the other, and each estimated all VMs again. */
static void next_run_keeps_the_estimates_of_the_one_before(void **state)
{
    struct result r;

    run(*state, MODE_ONCE, 0, &r);
    assert_int_equal(seen->pid_count, VMS);
    for (int i = 0; i < 2; i++) {
        seen->reads = seen->pid_count = 0;
        run(*state, MODE_ONCE, 0, &r);
        assert_int_equal(seen->reads, 0);
        assert_int_equal(samples(r.text, "kvmlens_vm_zero_ratio", "0.5\n"), VMS);
        assert_int_equal(samples(r.text, "kvmlens_vm_migration_bytes", NULL), VMS);
        assert_int_equal(samples(r.text, "kvmlens_vm_scan_pending", "0\n"), VMS);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_vm_is_estimated, setup, teardown),
        cmocka_unit_test_setup_teardown(signal_ends_the_estimates_and_the_file_is_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(next_run_keeps_the_estimates_of_the_one_before, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
