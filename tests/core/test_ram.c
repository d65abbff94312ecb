// SPDX-License-Identifier: MIT
#include "core/ram/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/check_zeropage.h" /* check_random */

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* One mapping of smaps; page size in KiB. */
#define ANON(range, flags) \
    range " rw-p 00000000 00:00 0 \nKernelPageSize:        4 kB\nVmFlags: " flags "\n"
#define NONE(range, flags) \
    range " ---p 00000000 00:00 0 \nKernelPageSize:        4 kB\nVmFlags: " flags "\n"
#define FILE_OF(range, perms, offset, inode, name, kib, flags) \
    range " " perms " " offset " 00:01 " inode "    " name "\nKernelPageSize:     " kib \
          " kB\nVmFlags: " flags "\n"

#define QEMU_BASE                                                                          \
    ANON("5000000-6000000", "rd wr ac")                                                    \
    ANON("7f2a8e800000-7f2a8e801000", "rd wr mr mw me dc ac hg mg")                        \
    NONE("7f2a8e801000-7f2a8e802000", "mr mw me")                                          \
    ANON("7f2a8ec00000-7f2a8fc00000", "rd wr mr mw me dc ac hg mg")                        \
    NONE("7f2a8fc00000-7f2a8fc01000", "mr mw me")                                          \
    ANON("7f2b14ccd000-7f2b354cd000", "rd wr mr mw me ac") /* larger than the guest */

static const char qemu_anon[] = QEMU_BASE ANON("7f2a8fe00000-7f2a9fe00000", "rd wr dc ac hg");

struct select_case {
    const char *name, *text, *vmm;
    size_t count;
    uint64_t bytes;
    uint64_t first_start;
    enum ram_backing backing;
    enum ram_skip skip;
    const char *rule; /* part of it */
    size_t device, alias, uffd;
};

static const struct select_case select_cases[] = {
    {"qemu: every dontfork mapping and no other", qemu_anon, "qemu", 3, 272 * MIB + 4096,
     0x7f2a8fe00000, RAM_ANON, RAM_SKIP_NONE, "dontfork", 0, 0, 0},
    {"qemu: memfd RAM in, display surface out",
     QEMU_BASE FILE_OF("7f3000000000-7f3040000000", "rw-s", "00000000", "5",
                       "/memfd:memory-backend-memfd (deleted)", "4", "rd wr sh dc")
         FILE_OF("7f4000000000-7f4100000000", "rw-s", "00000000", "6",
                 "/memfd:displaysurface (deleted)", "4", "rd wr sh"),
     "qemu", 3, GIB + 16 * MIB + 4096, 0x7f3000000000, RAM_SHMEM, RAM_SKIP_NONE, "dontfork", 0, 0,
     0},
    {"qemu: hugetlbfs",
     QEMU_BASE FILE_OF("7f3000000000-7f3040000000", "rw-s", "00000000", "5",
                       "/dev/hugepages/qemu_back_mem.x (deleted)", "2048", "rd wr sh ht dc"),
     "qemu", 3, GIB + 16 * MIB + 4096, 0x7f3000000000, RAM_HUGETLB, RAM_SKIP_NONE, "dontfork", 0, 0,
     0},
    {"qemu: VFIO BAR is device memory, counted but not in",
     QEMU_BASE FILE_OF("7f3000000000-7f3400000000", "rw-s", "00000000", "5",
                       "anon_inode:[vfio-device]", "4", "rd wr sh io pf dc"),
     "qemu", 2, 16 * MIB + 4096, 0x7f2a8ec00000, RAM_ANON, RAM_SKIP_NONE, "dontfork", 1, 0, 0},
    {"qemu: userfaultfd range is in, but not to be read",
     QEMU_BASE ANON("7f3000000000-7f3040000000", "rd wr dc um"), "qemu", 3, GIB + 16 * MIB + 4096,
     0x7f3000000000, RAM_ANON, RAM_SKIP_UFFD, "dontfork", 0, 0, 1},
    {"qemu: PROT_NONE block is in, but not to be read",
     QEMU_BASE NONE("7f3000000000-7f3040000000", "dc"), "qemu", 3, GIB + 16 * MIB + 4096,
     0x7f3000000000, RAM_ANON, RAM_SKIP_NO_ACCESS, "dontfork", 0, 0, 0},
    {"the same file mapped twice counts once",
     FILE_OF("10000000-20000000", "rw-s", "00000000", "5", "/memfd:crosvm_guest (deleted)", "4",
             "sh") FILE_OF("30000000-40000000", "rw-s", "00000000", "5",
                           "/memfd:crosvm_guest (deleted)", "4", "sh")
         ANON("7f00000000-8f00000000", "rd wr"),
     "crosvm", 1, 256 * MIB, 0x10000000, RAM_SHMEM, RAM_SKIP_NONE, "crosvm", 0, 1, 0},
    {"views of a file below the mapping of all of it count once",
     FILE_OF("10000000-18000000", "rw-s", "00000000", "5", "/memfd:crosvm_guest (deleted)", "4",
             "sh") FILE_OF("20000000-28000000", "rw-s", "08000000", "5",
                           "/memfd:crosvm_guest (deleted)", "4", "sh")
         FILE_OF("30000000-40000000", "rw-s", "00000000", "5", "/memfd:crosvm_guest (deleted)", "4",
                 "sh"),
     "crosvm", 1, 256 * MIB, 0x30000000, RAM_SHMEM, RAM_SKIP_NONE, "crosvm", 0, 2, 0},
    {"two parts of one file are two regions",
     FILE_OF("10000000-20000000", "rw-s", "00000000", "5", "/memfd:ch_ram (deleted)", "4", "sh")
         FILE_OF("30000000-40000000", "rw-s", "10000000", "5", "/memfd:ch_ram (deleted)", "4",
                 "sh"),
     "cloud-hypervisor", 2, 512 * MIB, 0x10000000, RAM_SHMEM, RAM_SKIP_NONE, "cloud", 0, 0, 0},
    {"unknown VMM: largest shared memory",
     ANON("10000000-11000000", "rd wr")
         FILE_OF("30000000-40000000", "rw-s", "00000000", "5", "/dev/shm/x", "4", "rd wr sh"),
     "other", 1, 256 * MIB, 0x30000000, RAM_SHMEM, RAM_SKIP_NONE, "shared", 0, 0, 0},
    {"unknown VMM: anonymous mappings of like size, not the heap",
     "10000000-f0000000 rw-p 00000000 00:00 0    [heap]\nVmFlags: rd wr\n" ANON(
         "100000000-1d0000000", "rd wr") ANON("200000000-204000000", "rd wr")
         ANON("300000000-350000000", "rd wr"),
     "firecracker", 2, 0x120000000, 0x100000000, RAM_ANON, RAM_SKIP_NONE, "anonymous", 0, 0, 0},
    {"a small dontfork buffer of another program is not its RAM",
     ANON("100000000-1d0000000", "rd wr") ANON("200000000-200001000", "rd wr dc"), "other", 1,
     0xd0000000, 0x100000000, RAM_ANON, RAM_SKIP_NONE, "anonymous", 0, 0, 0},
};

static void the_right_mappings_are_guest_ram(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(select_cases); i++) {
        const struct select_case *c = &select_cases[i];
        struct ram_map map;
        struct error err = {0};
        print_message("  %s\n", c->name);
        assert_int_equal(ram_select(c->text, strlen(c->text), c->vmm, NULL, 0, &map, &err), 0);
        assert_int_equal(map.count, c->count);
        assert_int_equal(map.bytes, c->bytes);
        assert_int_equal(map.regions[0].start, c->first_start);
        assert_int_equal(map.regions[0].backing, c->backing);
        assert_int_equal(map.regions[0].skip, c->skip);
        assert_non_null(strstr(map.regions[0].rule, c->rule));
        assert_int_equal(map.device_count, c->device);
        assert_int_equal(map.alias_count, c->alias);
        assert_int_equal(map.uffd_count, c->uffd);
        ram_map_done(&map);
    }
}

/* @count mappings of @pages pages each; mapping i shows its file from page i * @step on. */
static size_t write_views(char *text, size_t count, size_t pages, size_t step)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "%zx-%zx rw-s %zx 00:01 5    /memfd:crosvm_guest\n",
                               0x10000000 + i * pages * 8192,
                               0x10000000 + i * pages * 8192 + pages * 4096, i * step * 4096);
    return len;
}

/* As many as vm.max_map_count lets a process have. Each used to be compared with all others. */
static void one_file_mapped_65000_times_counts_once(void **state)
{
    enum { VIEWS = 65000 };
    static char text[VIEWS * 80];
    struct ram_map map;

    (void)state;
    for (int process = 0; process < 10; process++) {
        size_t len = write_views(text, VIEWS, 512, 0);
        assert_int_equal(ram_select(text, len, "crosvm", NULL, 0, &map, NULL), 0);
        assert_int_equal(map.count, 1);
        assert_int_equal(map.bytes, 2 * MIB);
        assert_int_equal(map.alias_count, VIEWS - 1);
        assert_int_equal(map.regions[0].start, 0x10000000);
        assert_false(map.too_many);
        ram_map_done(&map);
        /* Views that overlap show pages of their own each. */
        len = write_views(text, VIEWS, 2, 1);
        assert_int_equal(ram_select(text, len, "crosvm", NULL, 0, &map, NULL), 0);
        assert_int_equal(map.count, RAM_REGIONS_MAX);
        assert_true(map.too_many);
        ram_map_done(&map);
    }
}

static void a_figure_of_which_a_part_is_missing_is_no_figure(void **state)
{
    enum { BLOCKS = RAM_REGIONS_MAX + 1 };
    static char text[2 * BLOCKS * 80];
    static const char cmdline[] = "qemu\0-m\0004096";

    (void)state;
    size_t len = write_views(text, BLOCKS, 512, 512);
    assert_int_equal(ram_quick_select(text, len, NULL, 0, "crosvm"), 0);
    len = write_views(text, BLOCKS - 1, 512, 512);
    assert_int_equal(ram_quick_select(text, len, NULL, 0, "crosvm"), (BLOCKS - 1) * 2 * MIB);
    /* blocks of QEMU, each with its guard */
    for (size_t blocks = BLOCKS - 1; blocks <= BLOCKS; blocks++) {
        len = 0;
        for (size_t i = 0; i < blocks; i++) {
            unsigned long long at = 0x10000000 + i * 4 * MIB;
            len += (size_t)sprintf(text + len,
                                   "%llx-%llx rw-p 0 00:00 0 \n%llx-%llx ---p 0 00:00 0 \n", at,
                                   at + 2 * MIB, at + 2 * MIB, at + 2 * MIB + 4096);
        }
        uint64_t bytes = ram_quick_select(text, len, cmdline, sizeof(cmdline), "qemu");
        assert_int_equal(bytes, blocks < BLOCKS ? 4096 * MIB : 0);
    }
}

static void views_are_left_out_as_by_comparing_each_with_each(void **state)
{
    enum { VIEWS = 200 };
    static char text[VIEWS * 100];
    uint64_t seed = 11;

    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        struct {
            uint64_t start, offset, bytes, inode;
        } views[VIEWS];
        size_t len = 0, count = 1 + check_random(&seed) % VIEWS, kept = 0;
        for (size_t i = 0; i < count; i++) {
            views[i].start = 0x10000000 + i * 0x1000000;
            views[i].offset = check_random(&seed) % 16 * 4096;
            views[i].bytes = (1 + check_random(&seed) % 16) * 4096;
            views[i].inode = 5 + check_random(&seed) % 3;
            len += (size_t)sprintf(text + len, "%llx-%llx rw-s %llx 00:01 %d /memfd:crosvm_guest\n",
                                   (unsigned long long)views[i].start,
                                   (unsigned long long)(views[i].start + views[i].bytes),
                                   (unsigned long long)views[i].offset, (int)views[i].inode);
        }
        struct ram_map map;
        assert_int_equal(ram_select(text, len, "crosvm", NULL, 0, &map, NULL), 0);
        for (size_t i = 0; i < count; i++) {
            bool covered = false;
            for (size_t k = 0; k < count && !covered; k++) {
                bool inside = views[k].inode == views[i].inode &&
                              views[k].offset <= views[i].offset &&
                              views[i].offset + views[i].bytes <= views[k].offset + views[k].bytes;
                covered = k != i && inside && (views[k].bytes > views[i].bytes || k < i);
            }
            bool found = false;
            for (size_t k = 0; k < map.count; k++)
                found |= map.regions[k].start == views[i].start;
            assert_int_equal(found, !covered);
            kept += !covered;
        }
        assert_int_equal(map.count, kept);
        assert_int_equal(map.alias_count, count - kept);
        ram_map_done(&map);
    }
}

static void no_mapping_that_fits_is_no_data(void **state)
{
    static const char text[] =
        "10000000-f0000000 r-xp 00000000 00:01 9    /bin/x\nVmFlags: rd ex\n";
    struct ram_map map;
    struct error err = {0};

    (void)state;
    assert_int_equal(ram_select(text, strlen(text), "other", NULL, 0, &map, &err), -ENODATA);
    assert_non_null(strstr(err.msg, "--ram"));
    assert_int_equal(ram_select("", 0, "qemu", NULL, 0, &map, &err), -ENODATA);
    assert_int_equal(ram_select("junk", 4, "qemu", NULL, 0, &map, &err), -EBADMSG);
}

static void given_range_is_cut_to_mappings_and_gaps(void **state)
{
    static const char text[] = ANON("10000-30000", "rd wr") NONE("30000-40000", "")
        FILE_OF("50000-90000", "r--s", "00002000", "5", "/x", "4", "rd sh");
    static const struct ram_range given[] = {{0x20000, 0x60000}};
    struct ram_map map;

    (void)state;
    assert_int_equal(ram_select(text, strlen(text), "qemu", given, 1, &map, NULL), 0);
    assert_int_equal(map.count, 4);
    assert_int_equal(map.bytes, 0x40000);
    static const struct { uint64_t start; enum ram_skip skip; } want[] = {
        {0x20000, RAM_SKIP_NONE}, {0x30000, RAM_SKIP_NO_ACCESS}, {0x40000, RAM_SKIP_UNMAPPED},
        {0x50000, RAM_SKIP_NONE}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(map.regions[i].start, want[i].start);
        assert_int_equal(map.regions[i].bytes, 0x10000);
        assert_int_equal(map.regions[i].skip, want[i].skip);
        assert_string_equal(map.regions[i].rule, "given with --ram");
    }
    assert_int_equal(map.regions[3].file_offset, 0x2000);
    ram_map_done(&map);
}

static void given_ranges_must_not_overlap(void **state)
{
    static const struct ram_range given[] = {{0x1000, 0x3000}, {0x2000, 0x4000}};
    struct ram_map map;
    struct error err = {0};

    (void)state;
    assert_int_equal(ram_select(qemu_anon, strlen(qemu_anon), "qemu", given, 2, &map, &err),
                     -EINVAL);
    assert_non_null(strstr(err.msg, "overlap"));
}

static void given_ranges_larger_than_any_guest_are_refused(void **state)
{
    static const struct ram_range most = {0, 1ull << 52}, more = {0, (1ull << 52) + 4096};
    static const struct ram_range all[] = {{0, 1ull << 63}, {1ull << 63, UINT64_MAX - 4095}};
    struct ram_map map;
    struct error err = {0};

    (void)state;
    assert_int_equal(ram_select("", 0, "qemu", &more, 1, &map, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "4 PiB"));
    assert_int_equal(ram_select("", 0, "qemu", all, 2, &map, &err), -EINVAL);
    assert_int_equal(ram_select("", 0, "qemu", &most, 1, &map, &err), 0);
    assert_int_equal(map.bytes, 1ull << 52);
    ram_map_done(&map);
}

static void ranges_are_parsed_strictly(void **state)
{
    static const char *const bad[] = {"", "-", "1000", "1000-", "-1000", "1000-1000", "2000-1000",
                                      "1001-2000", "1000-2001", "1000-2000x", "1000--2000",
                                      "1000-+2000", "g000-h000", "1000-fffffffffffffffff000"};
    struct ram_range range;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(ram_parse_range(bad[i], &range, &err), -EINVAL);
    assert_int_equal(ram_parse_range("7f0000000000-0x7f0000001000", &range, &err), 0);
    assert_int_equal(range.start, 0x7f0000000000);
    assert_int_equal(range.end, 0x7f0000001000);
}

/* maps of QEMU: blocks with their guard page, beside a thread stack and a malloc arena. */
#define BLOCK(range, guard) range " rw-p 00000000 00:00 0 \n" guard " ---p 00000000 00:00 0 \n"
#define VIDEO BLOCK("7f2a8ec00000-7f2a8fc00000", "7f2a8fc00000-7f2a8fc01000")
#define STACK "7f2b14ccc000-7f2b14ccd000 ---p 00000000 00:00 0 \n" \
              "7f2b14ccd000-7f2b354cd000 rw-p 00000000 00:00 0 \n"
#define G16 BLOCK("7f2000000000-7f2400000000", "7f2400000000-7f2400001000")
#define G1A BLOCK("7f2000000000-7f2040000000", "7f2040000000-7f2040001000")
#define G1B BLOCK("7f2100000000-7f2140000000", "7f2140000000-7f2140001000")
#define MEMFD4                                                                                     \
    "7f1fffff3000-7f20ffff3000 rw-s 00000000 00:01 99  /memfd:memory-backend-memfd (deleted)\n"    \
    "7f20ffff3000-7f20ffff4000 ---p 00000000 00:00 0 \n"

#define ARGS(text) (text), sizeof(text)

struct quick_case {
    const char *name, *maps, *cmdline;
    size_t cmdline_len;
    uint64_t bytes;
};

static const struct quick_case quick_cases[] = {
    {"-m 16G", G16 VIDEO STACK,
     ARGS("qemu\0-m\0"
          "16G\0-smp\0"
          "2"),
     16 * GIB},
    {"-m in MiB, without a suffix", G16 VIDEO STACK,
     ARGS("qemu\0-m\0"
          "16384"),
     16 * GIB},
    {"-m with options", G16 VIDEO STACK, ARGS("qemu\0-m\0size=16g,slots=2,maxmem=32G"), 16 * GIB},
    {"no command line: the largest block", G16 VIDEO STACK, NULL, 0, 16 * GIB},
    {"no -m: the largest block", G16 VIDEO STACK,
     ARGS("qemu\0-smp\0"
          "2"),
     16 * GIB},
    {"two NUMA nodes", G1A G1B VIDEO STACK,
     ARGS("qemu\0-m\0"
          "2G"),
     2 * GIB},
    {"one plugged in", G1A G1B VIDEO STACK,
     ARGS("qemu\0-m\0"
          "1G"),
     2 * GIB},
    {"-m of an odd size, rounded up by the backend", G1A VIDEO STACK,
     ARGS("qemu\0-m\0"
          "1047555k"),
     1047555 * 1024ull},
    {"small guest, larger video memory", VIDEO STACK,
     ARGS("qemu\0-m\0"
          "8"),
     8 * MIB},
    {"memfd that does not begin at a huge page", MEMFD4 VIDEO STACK,
     ARGS("qemu\0-m\0"
          "4G"),
     4 * GIB},
    {"the last -m wins", G16 VIDEO,
     ARGS("qemu\0-m\0"
          "1G\0-m\0"
          "16G"),
     16 * GIB},
    {"-m without a value is not read past the end", G16 VIDEO, ARGS("qemu\0-m"), 16 * GIB},
    {"nonsense after -m", G16 VIDEO, ARGS("qemu\0-m\0huge"), 16 * GIB},
};

static void quick_figure_is_main_memory_without_video_and_firmware(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(quick_cases); i++) {
        const struct quick_case *c = &quick_cases[i];
        print_message("  %s\n", c->name);
        assert_int_equal(
            ram_quick_select(c->maps, strlen(c->maps), c->cmdline, c->cmdline_len, "qemu"),
            c->bytes);
    }
}

static void quick_figure_of_other_vmms_follows_the_rules(void **state)
{
    static const char text[] =
        "10000000-20000000 rw-s 00000000 00:01 5    /memfd:ch_ram (deleted)\n"
        "30000000-40000000 rw-s 10000000 00:01 5    /memfd:ch_ram (deleted)\n"
        "7f0000000000-7f0100000000 rw-s 00000000 00:0e 9    anon_inode:[vfio-device]\n";

    (void)state;
    assert_int_equal(ram_quick_select(text, strlen(text), NULL, 0, "cloud-hypervisor"), 512 * MIB);
    assert_int_equal(ram_quick_select("", 0, NULL, 0, "other"), 0);
    assert_int_equal(ram_quick_select("", 0, NULL, 0, "qemu"), 0);
}

static void thread_stacks_beside_a_small_guest_are_no_ram(void **state)
{
    static const char stack[] = "7f1000000000-7f1000001000 ---p 00000000 00:00 0 \n"
                                "7f1000001000-7f1000801000 rw-p 00000000 00:00 0 \n";
    /* Firecracker has a guard on both sides of its memory. */
    static const char guarded[] = "7f1000000000-7f1000001000 ---p 00000000 00:00 0 \n"
                                  "7f1000001000-7f1001001000 rw-p 00000000 00:00 0 \n"
                                  "7f1001001000-7f1001002000 ---p 00000000 00:00 0 \n";
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "%s7f2000000000-7f2001000000 rw-p 00000000 00:00 0 \n", stack);
    assert_int_equal(ram_quick_select(text, strlen(text), NULL, 0, "other"), 16 * MIB);
    assert_int_equal(ram_quick_select(guarded, strlen(guarded), NULL, 0, "firecracker"), 16 * MIB);
    snprintf(text, sizeof(text), "7f0000000000-7f0040000000 rw-p 00000000 00:00 0 \n"
                                 "7f0800000000-7f0800001000 ---p 00000000 00:00 0 \n"
                                 "7f0800001000-7f0820001000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(ram_quick_select(text, strlen(text), NULL, 0, "firecracker"), GIB + 512 * MIB);
}

static void several_vms_in_one_process_have_no_quick_figure(void **state)
{
    struct rootfs root;
    size_t read = 0;

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(ram_quick_bytes(&root, 1, "other", 2, NULL, &read), 0);
    rootfs_close(&root);
}

/* --- regions from maps ------------------------------------------------------------------------ */

#define LIBRARY_DATA "7f2b40001000-7f2b40003000 rw-p 00107000 fe:00 33  /usr/lib/libx.so\n" \
                     "7f2b40003000-7f2b40004000 ---p 00000000 00:00 0 \n"
/* a heap of malloc that is all but full */
#define FULL_ARENA BLOCK("7f2b44000000-7f2b47fff000", "7f2b47fff000-7f2b48000000")
#define VCPU_RUN "7f2b50000000-7f2b50003000 rw-s 00000000 00:0f 7  anon_inode:kvm-vcpu:0\n"
#define BAR "7f2b60000000-7f2b61000000 rw-s 00000000 00:0f 8  anon_inode:[vfio-device]\n"
#define SURFACE \
    "7f2b68000000-7f2b680f0000 rw-s 00000000 00:01 6  /memfd:displaysurface (deleted)\n" \
    "7f2b680f0000-7f2b680f1000 ---p 00000000 00:00 0 \n"
#define NVDIMM "7f2b70000000-7f2b78000000 r--s 00000000 fe:00 9  /var/lib/dimm\n" \
               "7f2b78000000-7f2b78001000 ---p 00000000 00:00 0 \n"

#define GUARD(range) range " ---p 00000000 00:00 0 \n"
/* its guard lies in front, and another thread's behind, by chance at a multiple of 2 MiB */
#define ALIGNED_STACK GUARD("7f2a001ff000-7f2a00200000") \
    BLOCK("7f2a00200000-7f2a00a00000", "7f2a00a00000-7f2a00a01000")
/* the block behind ends where another begins */
#define BLOCK_BEHIND_GUARD BLOCK("7f2a00000000-7f2a001ff000", "7f2a001ff000-7f2a00200000") \
    BLOCK("7f2a00200000-7f2a00a00000", "7f2a00a00000-7f2a00a01000")
/* a DIMM of 1 GiB of which the second page was poisoned and is mapped anew */
#define DIMM_IN_PARTS "7f2800000000-7f2800001000 rw-p 00000000 00:00 0 \n" \
    "7f2800001000-7f2800002000 rw-p 00000000 00:00 0 \n" \
    BLOCK("7f2800002000-7f2840000000", "7f2840000000-7f2840001000")
/* 256 MiB, of parts that are not as large as any DIMM */
#define DIMM_IN_SMALL_PARTS "7f2800000000-7f2806000000 rw-p 00000000 00:00 0 \n" \
    "7f2806000000-7f2806001000 rw-p 00000000 00:00 0 \n" \
    "7f2806001000-7f280a000000 rw-p 00000000 00:00 0 \n" \
    BLOCK("7f280a000000-7f2810000000", "7f2810000000-7f2810001000")
#define FILE_DIMM_IN_PARTS "7f2800003000-7f2801003000 rw-s 00000000 fe:00 9  /var/lib/dimm\n" \
    "7f2801003000-7f2840003000 rw-s 01000000 fe:00 9  /var/lib/dimm\n" \
    GUARD("7f2840003000-7f2840004000")
#define PRIVATE_DIMM "7f2800003000-7f2840003000 rw-p 00000000 fe:00 9  /var/lib/dimm\n" \
    GUARD("7f2840003000-7f2840004000")
#define PRIVATE_ROM_DIMM "7f2800003000-7f2840003000 r--p 00000000 fe:00 9  /var/lib/dimm\n" \
    GUARD("7f2840003000-7f2840004000")
#define OTHER_MEMFD \
    "7f2800003000-7f2801203000 rw-s 00000000 00:01 9  /memfd:vhost-log (deleted)\n" \
    GUARD("7f2801203000-7f2801204000")
#define SHARED_VIDEO \
    "7f2800200000-7f2801200000 rw-s 00000000 00:01 9  /memfd:vga.vram (deleted)\n" \
    GUARD("7f2801200000-7f2801201000")
/* memory of the VMM itself: below the main memory, and of no DIMM's size */
#define MALLOC_BELOW "7f1ff7e00000-7f1ff8000000 rw-p 00000000 00:00 0 \n" \
    "7f1ff8001000-7f2000000000 rw-p 00000000 00:00 0 \n"

struct maps_case {
    const char *name, *maps, *vmm, *cmdline;
    size_t cmdline_len;
    int result;
    size_t count;
    uint64_t bytes;
    const char *rule; /* part of it */
    size_t device;
};

static const struct maps_case maps_cases[] = {
    {"qemu: blocks with guard pages that add up to -m", G16 VIDEO STACK VCPU_RUN, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 2, 16 * GIB + 16 * MIB, "guard page", 0},
    {"qemu: data of libraries and heaps of malloc are no blocks",
     G16 VIDEO LIBRARY_DATA FULL_ARENA, "qemu", ARGS("qemu\0-m\0" "16G"), 0, 2,
     16 * GIB + 16 * MIB, "guard page", 0},
    {"qemu: a memfd, and memory that may only be read", MEMFD4 NVDIMM, "qemu",
     ARGS("qemu\0-m\0" "4G"), 0, 2, 4 * GIB + 128 * MIB, "guard page", 0},
    {"qemu: a display's surface before the guard of a stack is no block", G16 SURFACE, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 1, 16 * GIB, "guard page", 0},
    {"qemu: BARs are device memory", G16 BAR, "qemu", ARGS("qemu\0-m\0" "16G"), 0, 1, 16 * GIB,
     "guard page", 1},
    {"qemu: -m is rounded up", G1A, "qemu", ARGS("qemu\0-m\0" "1023"), 0, 1, GIB, "guard page", 0},
    {"qemu: a block is missing", G1A VIDEO, "qemu", ARGS("qemu\0-m\0" "2G"), -ENODATA, 0, 0, NULL,
     0},
    {"qemu: a stack that is aligned as blocks are is none", G16 ALIGNED_STACK, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 1, 16 * GIB, "guard page", 0},
    {"qemu: a block that begins where another's guard ends", G16 BLOCK_BEHIND_GUARD, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 3, 16 * GIB + 10 * MIB - 4096, "guard page", 0},
    {"qemu: a DIMM may be in parts", G16 DIMM_IN_PARTS, "qemu", ARGS("qemu\0-m\0" "16G"), -ENODATA,
     0, 0, NULL, 0},
    {"qemu: a DIMM may be in small parts", G16 DIMM_IN_SMALL_PARTS, "qemu",
     ARGS("qemu\0-m\0" "16G"), -ENODATA, 0, 0, NULL, 0},
    {"qemu: a memfd before the guard of a stack is no block", G16 OTHER_MEMFD, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 1, 16 * GIB, "guard page", 0},
    {"qemu: a DIMM in parts is not the main memory", DIMM_IN_PARTS G1B, "qemu",
     ARGS("qemu\0-m\0" "1G"), -ENODATA, 0, 0, NULL, 0},
    {"qemu: a DIMM of a file may be in parts", G16 FILE_DIMM_IN_PARTS, "qemu",
     ARGS("qemu\0-m\0" "16G"), -ENODATA, 0, 0, NULL, 0},
    {"qemu: a DIMM may be a private mapping of a file", G16 PRIVATE_DIMM, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 2, 17 * GIB, "guard page", 0},
    {"qemu: what may only be read is a DIMM or a library's", G16 PRIVATE_ROM_DIMM, "qemu",
     ARGS("qemu\0-m\0" "16G"), -ENODATA, 0, 0, NULL, 0},
    {"qemu: all blocks are memfds under aux-ram-share=on", G16 SHARED_VIDEO, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 2, 16 * GIB + 16 * MIB, "guard page", 0},
    {"qemu: memory of its own beside the guest's", MALLOC_BELOW G16, "qemu",
     ARGS("qemu\0-m\0" "16G"), 0, 1, 16 * GIB, "guard page", 0},
    {"qemu: no -m", G1A VIDEO, "qemu", ARGS("qemu\0-smp\0" "2"), -ENODATA, 0, 0, NULL, 0},
    {"qemu: no command line", G1A VIDEO, "qemu", NULL, 0, -ENODATA, 0, 0, NULL, 0},
    {"memfd of a known name",
     "10000000-20000000 rw-s 00000000 00:01 5    /memfd:ch_ram (deleted)\n",
     "cloud-hypervisor", NULL, 0, 0, 1, 256 * MIB, "cloud-hypervisor", 0},
    {"largest anonymous memory may be marked otherwise: uncertain", G1A, "other", NULL, 0, -ENODATA,
     0, 0, NULL, 0},
    {"not maps at all", "nonsense\n", "qemu", ARGS("qemu\0-m\0" "1G"), -EBADMSG, 0, 0, NULL, 0},
};

static void regions_come_from_maps_only_where_that_is_certain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(maps_cases); i++) {
        const struct maps_case *c = &maps_cases[i];
        struct ram_map map;
        print_message("  %s\n", c->name);
        assert_int_equal(ram_select_maps(c->maps, strlen(c->maps), c->cmdline, c->cmdline_len,
                                         c->vmm, NULL, 0, &map), c->result);
        assert_int_equal(map.count, c->count);
        assert_int_equal(map.bytes, c->bytes);
        assert_int_equal(map.device_count, c->device);
        if (c->rule != NULL)
            assert_non_null(strstr(map.regions[0].rule, c->rule));
        ram_map_done(&map);
    }
}

/* Of more blocks than there is place for, some were left out without a word. */
static void too_many_blocks_are_not_certain(void **state)
{
    enum { BLOCKS = RAM_REGIONS_MAX + 10, LINE = 64 };
    char *maps = malloc(BLOCKS * 2 * LINE);
    size_t len = 0;
    struct ram_map map;

    (void)state;
    assert_non_null(maps);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        uint64_t at = 0x7f0000000000 + i * 4 * MIB;
        len += (size_t)snprintf(maps + len, 2 * LINE, "%llx-%llx rw-p 00000000 00:00 0\n"
                                "%llx-%llx ---p 00000000 00:00 0\n",
                                (unsigned long long)at, (unsigned long long)(at + 2 * MIB),
                                (unsigned long long)(at + 2 * MIB),
                                (unsigned long long)(at + 2 * MIB + 4096));
    }
    static const char cmdline[] = "qemu\0-m\0" "2M";
    assert_int_equal(ram_select_maps(maps, len, cmdline, sizeof(cmdline), "qemu", NULL, 0, &map),
                     -ENODATA);
    assert_int_equal(ram_quick_select(maps, len, cmdline, sizeof(cmdline), "qemu"), 0);
    /* with room for all of them it is certain */
    assert_int_equal(ram_select_maps(maps, len / BLOCKS * RAM_REGIONS_MAX, cmdline,
                                     sizeof(cmdline), "qemu", NULL, 0, &map), 0);
    assert_int_equal(map.count, RAM_REGIONS_MAX);
    assert_false(map.too_many);
    ram_map_done(&map);
    free(maps);
}

static void given_range_is_certain_in_maps(void **state)
{
    const struct ram_range range = {0x7f2000001000, 0x7f2000003000};
    struct ram_map map;

    (void)state;
    assert_int_equal(ram_select_maps(G1A, strlen(G1A), NULL, 0, "other", &range, 1, &map), 0);
    assert_int_equal(map.count, 1);
    assert_int_equal(map.regions[0].start, range.start);
    assert_int_equal(map.regions[0].bytes, 8192);
    ram_map_done(&map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_mappings_are_guest_ram),
        cmocka_unit_test(one_file_mapped_65000_times_counts_once),
        cmocka_unit_test(a_figure_of_which_a_part_is_missing_is_no_figure),
        cmocka_unit_test(views_are_left_out_as_by_comparing_each_with_each),
        cmocka_unit_test(no_mapping_that_fits_is_no_data),
        cmocka_unit_test(given_range_is_cut_to_mappings_and_gaps),
        cmocka_unit_test(given_ranges_must_not_overlap),
        cmocka_unit_test(given_ranges_larger_than_any_guest_are_refused),
        cmocka_unit_test(ranges_are_parsed_strictly),
        cmocka_unit_test(quick_figure_is_main_memory_without_video_and_firmware),
        cmocka_unit_test(quick_figure_of_other_vmms_follows_the_rules),
        cmocka_unit_test(thread_stacks_beside_a_small_guest_are_no_ram),
        cmocka_unit_test(several_vms_in_one_process_have_no_quick_figure),
        cmocka_unit_test(regions_come_from_maps_only_where_that_is_certain),
        cmocka_unit_test(too_many_blocks_are_not_certain),
        cmocka_unit_test(given_range_is_certain_in_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
