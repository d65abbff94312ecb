// SPDX-License-Identifier: MIT
/* `--scan` as a whole: exit status and what is printed, of processes with known memory. */
#include "ui/app/scan_run.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/lib/guest.h"
#include "ui/app/exit_status.h"

#define MIB (1ull << 20)
#define PAGE 4096ull
#define TOO_MANY (RAM_REGIONS_MAX + 10)
#define HANG_S 60 /* a scan that waits for ever ends the test run */

/*
 * At the first read of this many bytes in one piece the test gets a signal; 0 = never. In memory
 * that it shares with the processes that read for it.
 */
static atomic_size_t *signal_at_bytes;
static pid_t test_pid;

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
                         const struct iovec *remote, unsigned long remote_count,
                         unsigned long flags)
{
    if (*signal_at_bytes != 0 && remote[0].iov_len >= *signal_at_bytes) {
        *signal_at_bytes = 0;
        kill(test_pid, SIGTERM);
        usleep(200000); /* the test takes it, and cancels, before the read goes on */
    }
    return syscall(SYS_process_vm_readv, pid, local, local_count, remote, remote_count, flags);
}

struct outcome {
    int status;
    struct error err;
    char *text;
    json_t *json; /* when it was asked for */
};

static void scan(const struct guest *guest, enum scan_mode mode, bool json, struct outcome *ret)
{
    const struct scan_output output = {.name = "vm", .name_raw = "vm", .json = json};
    const struct scan_request request = {.vm = {.pid = guest->pid},
                                         .vmm = "qemu",
                                         .mode = mode,
                                         .estimate_first = mode == SCAN_EXACT,
                                         .idle_priority = true};
    struct rootfs root;
    /* a test gets signals from whoever reads */
    const struct child_config config = {.root = &root, .privileges = PRIVILEGE_OFF};
    struct supervisor supervisor;
    size_t len;
    FILE *out;

    *ret = (struct outcome){0};
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(supervisor_start(&config, &supervisor, NULL), 0);
    out = open_memstream(&ret->text, &len);
    assert_non_null(out);
    alarm(HANG_S);
    ret->status = scan_run(&supervisor, &request, &output, out, &ret->err);
    alarm(0);
    fclose(out);
    supervisor_stop(&supervisor);
    rootfs_close(&root);
    if (json) {
        ret->json = json_loads(ret->text, 0, NULL);
        assert_non_null(ret->json);
    }
}

static void outcome_done(struct outcome *o)
{
    free(o->text);
    json_decref(o->json);
}

static bool warns(const json_t *json, const char *text)
{
    const json_t *warnings = json_object_get(json, "warnings");
    bool found = false;

    for (size_t i = 0; i < json_array_size(warnings); i++)
        found |= strstr(json_string_value(json_array_get(warnings, i)), text) != NULL;
    return found;
}

/* Every other page of one memfd, so that no two mappings are one. */
static void many_regions(struct guest_info *info, const void *arg)
{
    int fd = memfd_create("memory-backend-memfd", MFD_CLOEXEC);

    (void)arg;
    if (fd < 0 || ftruncate(fd, TOO_MANY * 2 * PAGE) < 0)
        info->error = errno;
    for (off_t i = 0; i < TOO_MANY && info->error == 0; i++)
        if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, i * 2 * (off_t)PAGE) ==
            MAP_FAILED)
            info->error = errno;
}

/* A part of the RAM was scanned, and its ratio was that of the VM, with exit status 0. */
static void regions_that_are_cut_at_the_limit_end_in_status_3_without_a_ratio(void **state)
{
    struct guest guest;

    (void)state;
    assert_true(guest_start(&guest, many_regions, NULL));
    for (int estimate = 0; estimate < 2; estimate++) {
        struct outcome o;
        scan(&guest, estimate == 1 ? SCAN_ESTIMATE : SCAN_EXACT, true, &o);
        assert_int_equal(o.status, STATUS_PARTIAL);
        assert_true(warns(o.json, "more than 4096 RAM mappings: the rest is left out"));
        assert_int_equal(json_array_size(json_object_get(o.json, "regions")), RAM_REGIONS_MAX);
        assert_true(json_is_null(json_object_get(o.json, "zero_ratio")));
        assert_true(json_is_null(json_object_get(o.json, "estimate")));
        assert_true(json_is_null(json_object_get(o.json, "wire")));
        outcome_done(&o);
    }
    guest_stop(&guest);
}

/* What residency and sample had told was forgotten: untouched was 0, the wire size not known. */
static void interrupted_scan_tells_what_it_knew_before_it_began_to_read(void **state)
{
    static const struct minivm_range fill = {.bytes = 96 * MIB, .fill = MINIVM_FILL_NONZERO};
    static const struct guest_ram_config config = {.backing = MINIVM_ANON, .bytes = 128 * MIB,
                                                   .ranges = &fill, .range_count = 1};
    struct guest guest;
    struct outcome o;

    (void)state;
    assert_true(guest_start(&guest, guest_ram, &config));
    *signal_at_bytes = 2 * MIB;
    scan(&guest, SCAN_EXACT, true, &o);
    assert_int_equal(o.status, STATUS_DONE);
    assert_string_equal(json_string_value(json_object_get(o.json, "state")), "cancelled");
    const json_t *pages = json_object_get(o.json, "pages");
    uint64_t unread = (uint64_t)json_integer_value(json_object_get(pages, "unread"));
    assert_in_range(unread, 1, 96 * MIB / PAGE);
    assert_int_equal(json_integer_value(json_object_get(pages, "untouched")), 32 * MIB / PAGE);
    assert_int_equal(json_integer_value(json_object_get(pages, "nonzero")),
                     96 * MIB / PAGE - unread);
    assert_true(json_is_null(json_object_get(o.json, "zero_ratio")));
    const json_t *estimate = json_object_get(o.json, "estimate"),
                 *wire = json_object_get(o.json, "wire");
    assert_float_equal(json_real_value(json_object_get(estimate, "zero_ratio")), 0.25, 1e-9);
    assert_int_equal(json_integer_value(json_object_get(wire, "zero_pages")), 32 * MIB / PAGE);
    outcome_done(&o);

    *signal_at_bytes = 2 * MIB;
    scan(&guest, SCAN_EXACT, false, &o);
    assert_non_null(strstr(o.text, "PARTIAL"));
    assert_non_null(strstr(o.text, "  untouched                   8,192 "));
    assert_non_null(strstr(o.text, "Zero about"));
    assert_non_null(strstr(o.text, "On the wire about "));
    outcome_done(&o);
    guest_stop(&guest);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_that_are_cut_at_the_limit_end_in_status_3_without_a_ratio),
        cmocka_unit_test(interrupted_scan_tells_what_it_knew_before_it_began_to_read),
    };

    test_pid = getpid();
    signal_at_bytes = mmap(NULL, sizeof(*signal_at_bytes), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return signal_at_bytes == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
