// SPDX-License-Identifier: MIT
#include "core/ram/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ram/ram_spans.h"
#include "tests/lib/check_zeropage.h" /* check_random */

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define PAGE 4096
#define NONE UINT64_MAX /* no gfn */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { ROM = 2, LOGGED = 1 }; /* flags of slots */

/* One mapping of smaps. */
#define ANON(range, flags) range " rw-p 00000000 00:00 0 \nVmFlags: " flags "\n"
#define HOLE(range) range " ---p 00000000 00:00 0 \nVmFlags: mr mw me\n"
#define FILE_OF(range, offset, inode, name, kib, flags)                                            \
    range " rw-s " offset " 00:01 " inode "    " name "\nKernelPageSize:     " kib                \
          " kB\nVmFlags: " flags "\n"

/* What is expected of a region; flags: ROM. */
struct part {
    uint64_t start, bytes, gfn;
    const char *rule; /* begins with */
    uint32_t flags;
    enum ram_skip skip;
};

#define PARTS_IN_CASE 12
struct slots_case {
    const char *name, *vmm;
    bool is_only_vm;
    const char *smaps;
    struct kvm_bpf_slot slots[PARTS_IN_CASE];
    struct part parts[PARTS_IN_CASE];
    uint64_t ram, rom, slotless;
    size_t device, alias, private;
};

#define SLOT(g, p, u, f) {.gfn = (g), .pages = (p), .user_start = (u), .flags = (f)}

/* A PC of QEMU with 4 GiB: the memory is split at 3 GiB, the VGA window has a hole, the BIOS is
 * shown below 1 MiB and at the end of the first 4 GiB. */
#define PC_RAM    0x7f0000000000ull
#define PC_BIOS   0x7f2000000000ull
#define PC_VGA    0x7f3000000000ull
#define PC_OPTION 0x7f4000000000ull
#define PC_SMAPS                                                                                   \
    ANON("7f0000000000-7f0100000000", "rd wr dc")                                                  \
    HOLE("7f0100000000-7f0100001000")                                                              \
    ANON("7f2000000000-7f2000040000", "rd wr dc")                                                  \
    HOLE("7f2000040000-7f2000041000")                                                              \
    ANON("7f3000000000-7f3001000000", "rd wr dc") HOLE("7f3001000000-7f3001001000")                \
    ANON("7f4000000000-7f4000020000", "rd wr dc")                                                  \
    ANON("7f5000000000-7f7000000000", "rd wr ac") /* larger than the guest */
#define PC_SLOTS                                                                                   \
    SLOT(0, 0xa0, PC_RAM, 0),                                                                      \
        SLOT(0xc0, 0x20, PC_RAM + 0xc0000, ROM),                                                   \
        SLOT(0xe0, 0x20, PC_BIOS + 0x20000, ROM),                                                  \
        SLOT(0x100, 0xbff00, PC_RAM + 0x100000, 0),                                                \
        SLOT(0xfd000, 0x1000, PC_VGA, LOGGED),                                                     \
        SLOT(0xfffc0, 0x40, PC_BIOS, ROM),                                                         \
        SLOT(0x100000, 0x40000, PC_RAM + 3 * GIB, 0)

static const struct slots_case cases[] = {
    {.name = "a PC of QEMU: whole blocks, and where the guest sees their parts",
     .vmm = "qemu",
     .is_only_vm = true,
     .smaps = PC_SMAPS,
     .slots = {PC_SLOTS},
     .parts = {{PC_RAM, 0xa0000, 0, "memslot", 0, RAM_SKIP_NONE},
               {PC_RAM + 0xc0000, 0x20000, 0xc0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_BIOS + 0x20000, 0x20000, 0xe0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_RAM + 0x100000, 3 * GIB - MIB, 0x100, "memslot", 0, RAM_SKIP_NONE},
               {PC_VGA, 16 * MIB, 0xfd000, "memslot", 0, RAM_SKIP_NONE},
               {PC_BIOS, 0x20000, 0xfffc0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_RAM + 3 * GIB, GIB, 0x100000, "memslot", 0, RAM_SKIP_NONE},
               {PC_RAM + 0xa0000, 0x20000, NONE, "QEMU RAM block", 0, RAM_SKIP_NONE},
               {PC_RAM + 0xe0000, 0x20000, NONE, "QEMU RAM block", 0, RAM_SKIP_NONE},
               {PC_OPTION, 0x20000, NONE, "QEMU RAM block", 0, RAM_SKIP_NONE}},
     .ram = 4 * GIB - 0x60000 + 16 * MIB,
     .rom = 0x60000,
     .slotless = 0x60000},
    {.name = "another VM in that process: no more than the slots",
     .vmm = "qemu",
     .smaps = PC_SMAPS,
     .slots = {PC_SLOTS},
     .parts = {{PC_RAM, 0xa0000, 0, "memslot", 0, RAM_SKIP_NONE},
               {PC_RAM + 0xc0000, 0x20000, 0xc0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_BIOS + 0x20000, 0x20000, 0xe0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_RAM + 0x100000, 3 * GIB - MIB, 0x100, "memslot", 0, RAM_SKIP_NONE},
               {PC_VGA, 16 * MIB, 0xfd000, "memslot", 0, RAM_SKIP_NONE},
               {PC_BIOS, 0x20000, 0xfffc0, "memslot", ROM, RAM_SKIP_NONE},
               {PC_RAM + 3 * GIB, GIB, 0x100000, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 4 * GIB - 0x60000 + 16 * MIB,
     .rom = 0x60000},
    {.name = "QEMU with two NUMA nodes, a DIMM plugged in, ivshmem and hugetlbfs",
     .vmm = "qemu",
     .is_only_vm = true,
     .smaps = FILE_OF("7f0000000000-7f0040000000", "00000000", "5",
                      "/memfd:memory-backend-memfd (deleted)", "4", "rd wr sh dc")
         FILE_OF("7f1000000000-7f1040000000", "00000000", "6",
                 "/dev/hugepages/qemu_back_mem.x (deleted)", "2048", "rd wr sh ht dc")
             ANON("7f2000000000-7f2020000000", "rd wr dc")
                 FILE_OF("7f3000000000-7f3001000000", "00000000", "7", "/dev/shm/ivshmem", "4",
                         "rd wr sh dc"),
     .slots = {SLOT(0, 0x40000, 0x7f0000000000, 0), SLOT(0x40000, 0x40000, 0x7f1000000000, 0),
               SLOT(0x140000, 0x20000, 0x7f2000000000, 0),
               SLOT(0x800000, 0x1000, 0x7f3000000000, 0)},
     .parts = {{0x7f0000000000, GIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x7f1000000000, GIB, 0x40000, "memslot", 0, RAM_SKIP_NONE},
               {0x7f2000000000, 512 * MIB, 0x140000, "memslot", 0, RAM_SKIP_NONE},
               {0x7f3000000000, 16 * MIB, 0x800000, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 2 * GIB + 528 * MIB},
    {.name = "QEMU's display surface has no slot and is no block",
     .vmm = "qemu",
     .is_only_vm = true,
     .smaps = ANON("7f0000000000-7f0010000000", "rd wr dc")
         FILE_OF("7f4000000000-7f4100000000", "00000000", "6", "/memfd:displaysurface (deleted)",
                 "4", "rd wr sh"),
     .slots = {SLOT(0, 0x10000, 0x7f0000000000, 0)},
     .parts = {{0x7f0000000000, 256 * MIB, 0, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 256 * MIB},
    {.name = "Firecracker: guest memory below and above the gap, beside a larger heap",
     .vmm = "firecracker",
     .is_only_vm = true,
     .smaps = ANON("100000000-1c0000000", "rd wr") ANON("200000000-260000000", "rd wr")
         ANON("300000000-400000000", "rd wr"),
     .slots = {SLOT(0, 0xc0000, 0x100000000, 0), SLOT(0x100000, 0x60000, 0x200000000, 0)},
     .parts = {{0x100000000, 3 * GIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x200000000, 1536 * MIB, 0x100000, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 4 * GIB + 512 * MIB},
    {.name = "slots inside a larger mapping, that continue each other",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-200000000", "rd wr"),
     .slots = {SLOT(0, 0x100, 0x110000000, 0), SLOT(0x100, 0x100, 0x110100000, LOGGED),
               SLOT(0x1000, 0x100, 0x110200000, 0)},
     .parts = {{0x110000000, 2 * MIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x110200000, MIB, 0x1000, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 3 * MIB},
    {.name = "one slot over two mappings and the gap between them",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100100000", "rd wr") ANON("100200000-100400000", "rd wr"),
     .slots = {SLOT(0x100, 0x500, 0x100000000, 0)},
     .parts = {{0x100000000, MIB, 0x100, "memslot", 0, RAM_SKIP_NONE},
               {0x100100000, MIB, 0x200, "memslot", 0, RAM_SKIP_UNMAPPED},
               {0x100200000, 2 * MIB, 0x300, "memslot", 0, RAM_SKIP_NONE},
               {0x100400000, MIB, 0x500, "memslot", 0, RAM_SKIP_UNMAPPED}},
     .ram = 5 * MIB},
    {.name = "two slots of one host range: the writable one, whatever its address",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100400000", "rd wr"),
     .slots = {SLOT(0, 0x300, 0x100000000, ROM), SLOT(0x1000, 0x200, 0x100100000, 0),
               SLOT(0x2000, 0x400, 0x100000000, 0)},
     .parts = {{0x100100000, 2 * MIB, 0x1000, "memslot", 0, RAM_SKIP_NONE},
               {0x100000000, MIB, 0x2000, "memslot", 0, RAM_SKIP_NONE},
               {0x100300000, MIB, 0x2300, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 4 * MIB},
    {.name = "system management mode repeats all, and has a MiB of its own",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100400000", "rd wr"),
     .slots = {SLOT(0, 0x300, 0x100000000, 0),
               {.gfn = 0, .pages = 0x400, .user_start = 0x100000000, .space = 1}},
     .parts = {{0x100000000, 3 * MIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x100300000, MIB, NONE, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 4 * MIB},
    {.name = "guest RAM mapped twice from one memfd, the views overlapping",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = FILE_OF("100000000-100300000", "00000000", "5", "/memfd:a (deleted)", "4", "sh")
         FILE_OF("200000000-200300000", "00200000", "5", "/memfd:a (deleted)", "4", "sh")
             FILE_OF("300000000-300100000", "00000000", "5", "/memfd:a (deleted)", "4", "sh"),
     .slots = {SLOT(0x1000, 0x300, 0x100000000, 0), SLOT(0, 0x300, 0x200000000, 0),
               SLOT(0x2000, 0x100, 0x300000000, 0)},
     .parts = {{0x200000000, 3 * MIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x100000000, 2 * MIB, 0x1000, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 5 * MIB,
     .alias = 1},
    {.name = "a BAR, memory of guest_memfd, a userfaultfd range, and nothing readable",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100100000", "rd wr") ANON("100100000-100200000", "rd wr um")
         HOLE("100200000-100300000")
             FILE_OF("200000000-200100000", "0", "9", "anon_inode:[vfio-device]", "4", "io pf sh"),
     .slots = {{.gfn = 0, .pages = 0x100, .user_start = 0x100000000, .is_private = true},
               SLOT(0x100, 0x200, 0x100100000, 0),
               SLOT(0x400, 0x80, 0x200000000, 0),
               SLOT(0x500, 0x80, 0x200080000, 0)},
     .parts = {{0x100000000, MIB, 0, "memslot", 0, RAM_SKIP_PRIVATE},
               {0x100100000, MIB, 0x100, "memslot", 0, RAM_SKIP_UFFD},
               {0x100200000, MIB, 0x200, "memslot", 0, RAM_SKIP_NO_ACCESS}},
     .ram = 3 * MIB,
     .device = 1,
     .private = 1},
#ifdef __x86_64__
    {.name = "slots that KVM makes for itself are no RAM",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100400000", "rd wr"),
     .slots = {SLOT(0, 0x100, 0x100000000, 0),
               {.gfn = 0xfee00, .pages = 1, .user_start = 0x100300000, .id = 32765}},
     .parts = {{0x100000000, MIB, 0, "memslot", 0, RAM_SKIP_NONE}},
     .ram = MIB},
#endif
    {.name = "two slots of one guest address",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100400000", "rd wr"),
     .slots = {SLOT(0, 0x100, 0x100000000, 0), SLOT(0x80, 0x100, 0x100200000, 0),
               SLOT(0x90, 0x100, 0x100300000, 0), SLOT(0x200, 0x80, 0x100100000, 0)},
     .parts = {{0x100000000, MIB, 0, "memslot", 0, RAM_SKIP_NONE},
               {0x100100000, 512 * 1024, 0x200, "memslot", 0, RAM_SKIP_NONE},
               {0x100200000, MIB, NONE, "memslot", 0, RAM_SKIP_NONE},
               {0x100300000, MIB, NONE, "memslot", 0, RAM_SKIP_NONE}},
     .ram = 3 * MIB + 512 * 1024},
    {.name = "numbers that no kernel gives",
     .vmm = "other",
     .is_only_vm = true,
     .smaps = ANON("100000000-100400000", "rd wr"),
     .slots = {SLOT(0, 0x100, 0x100000000, 0), SLOT(1, UINT64_MAX / PAGE, 0x100200000, 0),
               SLOT(UINT64_MAX - 1, 0x10, 0x100200000, 0), SLOT(2, 0x10, 0x100200001, 0),
               SLOT(3, 0x10, UINT64_MAX - 4095, 0)},
     .parts = {{0x100000000, MIB, 0, "memslot", 0, RAM_SKIP_NONE}},
     .ram = MIB},
};

static size_t count_slots(const struct slots_case *c)
{
    size_t n = 0;

    while (n < PARTS_IN_CASE && c->slots[n].pages > 0)
        n++;
    return n;
}

static size_t count_parts(const struct slots_case *c)
{
    size_t n = 0;

    while (n < PARTS_IN_CASE && c->parts[n].bytes > 0)
        n++;
    return n;
}

static void check_part(const struct ram_region *r, const struct part *p)
{
    assert_int_equal(r->start, p->start);
    assert_int_equal(r->bytes, p->bytes);
    assert_int_equal(r->has_gfn, p->gfn != NONE);
    assert_int_equal(r->has_gfn ? r->gfn : NONE, p->gfn);
    assert_int_equal(r->is_rom, p->flags == ROM);
    assert_int_equal(r->skip, p->skip);
    assert_memory_equal(r->rule, p->rule, strlen(p->rule));
}

static void slots_and_mappings_make_the_map(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct slots_case *c = &cases[i];
        struct ram_slots slots = {c->slots, count_slots(c), c->is_only_vm};
        struct ram_map map;
        struct error err = {0};
        uint64_t bytes = 0;
        print_message("  %s\n", c->name);
        assert_int_equal(ram_slots_select(c->smaps, strlen(c->smaps), c->vmm, &slots, &map, &err),
                         0);
        assert_int_equal(map.count, count_parts(c));
        for (size_t k = 0; k < map.count; k++) {
            check_part(&map.regions[k], &c->parts[k]);
            bytes += c->parts[k].bytes;
        }
        assert_true(map.has_slots);
        assert_int_equal(map.bytes, bytes);
        assert_int_equal(map.ram_bytes, c->ram);
        assert_int_equal(map.rom_bytes, c->rom);
        assert_int_equal(map.slotless_bytes, c->slotless);
        assert_int_equal(map.device_count, c->device);
        assert_int_equal(map.alias_count, c->alias);
        assert_int_equal(map.private_count, c->private);
        map.large_bytes = ram_large_bytes(c->smaps, strlen(c->smaps));
        assert_false(ram_changed_in(c->smaps, strlen(c->smaps), &map));
        ram_map_done(&map);
    }
}

/* The same from maps, where -m says that all blocks were found; else smaps has to be asked. */
static void maps_will_do_where_blocks_are_certain(void **state)
{
    static const char maps[] = "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n"
                               "7f0010000000-7f0010001000 ---p 00000000 00:00 0 \n"
                               "7f3000000000-7f3001000000 rw-p 00000000 00:00 0 \n"
                               "7f3001000000-7f3001001000 ---p 00000000 00:00 0 \n";
    static const char enough[] = "qemu\0-m\0" "256", more[] = "qemu\0-m\0" "512";
    static const struct kvm_bpf_slot slot[] = {SLOT(0, 0x10000, 0x7f0000000000, 0)};
    const struct ram_slots slots = {slot, 1, true}, shared = {slot, 1, false};
    struct ram_map map;

    (void)state;
    assert_int_equal(ram_slots_select_maps(maps, strlen(maps), enough, sizeof(enough), "qemu",
                                           &slots, &map), 0);
    assert_int_equal(map.count, 2);
    assert_int_equal(map.bytes, 272 * MIB);
    assert_int_equal(map.slotless_bytes, 16 * MIB);
    ram_map_done(&map);
    assert_int_equal(ram_slots_select_maps(maps, strlen(maps), more, sizeof(more), "qemu", &slots,
                                           &map), -ENODATA);
    /* Slots alone need no such proof. */
    assert_int_equal(ram_slots_select_maps(maps, strlen(maps), NULL, 0, "crosvm", &slots, &map), 0);
    assert_int_equal(map.bytes, 256 * MIB);
    ram_map_done(&map);
    assert_int_equal(ram_slots_select_maps(maps, strlen(maps), more, sizeof(more), "qemu", &shared,
                                           &map), 0);
    assert_int_equal(map.bytes, 256 * MIB);
    ram_map_done(&map);
}

static void a_vm_without_memory_has_none(void **state)
{
    static const char maps[] = ANON("100000000-200000000", "rd wr dc");
    const struct ram_slots slots = {NULL, 0, false};
    struct ram_map map;
    struct error err = {0};

    (void)state;
    assert_int_equal(ram_slots_select(maps, strlen(maps), "other", &slots, &map, &err), -ENODATA);
    assert_string_equal(err.msg, "KVM knows no memory of this VM yet");
    assert_int_equal(ram_slots_select("rubbish", 7, "other", &slots, &map, &err), -EBADMSG);
    assert_null(map.regions);
}

/* As many slots as KVM allows, all of one page or each beginning in the middle of the one before:
 * each used to be a region of its own, or time with the square of their number. */
static void very_many_slots_are_no_trouble(void **state)
{
    enum { SLOTS = 32764 };
    static const char maps[] = ANON("100000000-200000000", "rd wr");
    struct kvm_bpf_slot *at = calloc(SLOTS, sizeof(*at));
    const struct ram_slots slots = {at, SLOTS, true};
    struct ram_map map;

    (void)state;
    assert_non_null(at);
    for (size_t i = 0; i < SLOTS; i++)
        at[i] = (struct kvm_bpf_slot)SLOT(i * 4, 2, 0x100000000 + (i % 2) * PAGE, 0);
    assert_int_equal(ram_slots_select(maps, strlen(maps), "other", &slots, &map, NULL), 0);
    assert_int_equal(map.bytes, 3 * PAGE);
    ram_map_done(&map);
    for (size_t i = 0; i < SLOTS; i++)
        at[i] = (struct kvm_bpf_slot)SLOT((SLOTS - i) * 4, 4, 0x100000000 + i * 2 * PAGE, 0);
    assert_int_equal(ram_slots_select(maps, strlen(maps), "other", &slots, &map, NULL), 0);
    assert_int_equal(map.count, RAM_REGIONS_MAX);
    assert_true(map.too_many);
    ram_map_done(&map);
    free(at);
}

static void a_change_of_slots_is_seen(void **state)
{
    struct kvm_bpf_slot one[] = {PC_SLOTS}, two[] = {PC_SLOTS};
    struct kvm_bpf_slots a = {.slots = one, .count = ARRAY_LEN(one), .is_own_mm = true};
    struct kvm_bpf_slots b = {.slots = two, .count = ARRAY_LEN(two), .is_own_mm = true};

    (void)state;
    assert_false(ram_slots_differ(&a, &b));
    two[3].flags = LOGGED; /* a migration began */
    two[3].is_logged = true;
    assert_false(ram_slots_differ(&a, &b));
    two[1].flags = 0;
    assert_true(ram_slots_differ(&a, &b));
    two[1] = one[1];
    two[6].user_start += PAGE;
    assert_true(ram_slots_differ(&a, &b));
    two[6] = one[6];
    b.count--;
    assert_true(ram_slots_differ(&a, &b));
}

/* Numbers one by one, as ram_spans_settle does not do it. */
static size_t owner_of(const struct ram_span *spans, size_t count, uint64_t at)
{
    size_t best = count;

    for (size_t i = 0; i < count; i++)
        if (spans[i].start <= at && at < spans[i].end &&
            (best == count || spans[i].rank < spans[best].rank ||
             (spans[i].rank == spans[best].rank && spans[i].of < spans[best].of)))
            best = i;
    return best < count ? spans[best].of : SIZE_MAX;
}

static void each_number_belongs_to_the_best_span(void **state)
{
    enum { SPANS = 12, NUMBERS = 40 };
    uint64_t seed = 14;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct ram_span spans[SPANS], given[SPANS], *pieces;
        size_t count = check_random(&seed) % (SPANS + 1), piece_count;
        size_t is[NUMBERS];
        for (size_t i = 0; i < count; i++) {
            uint64_t start = check_random(&seed) % (NUMBERS - 1);
            uint64_t length = 1 + check_random(&seed) % (NUMBERS - start - 1);
            spans[i] = (struct ram_span){start, start + length, check_random(&seed) % 4, i};
        }
        memcpy(given, spans, sizeof(given));
        assert_int_equal(ram_spans_settle(spans, count, &pieces, &piece_count), 0);
        assert_true(piece_count <= 2 * count);
        memset(is, 0xff, sizeof(is));
        for (size_t i = 0; i < piece_count; i++) {
            assert_true(pieces[i].start < pieces[i].end && pieces[i].end <= NUMBERS);
            assert_true(i == 0 || pieces[i - 1].end <= pieces[i].start);
            for (uint64_t at = pieces[i].start; at < pieces[i].end; at++)
                is[at] = pieces[i].of;
        }
        for (size_t at = 0; at < NUMBERS; at++)
            assert_int_equal(is[at], owner_of(given, count, at));
        free(pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_and_mappings_make_the_map),
        cmocka_unit_test(maps_will_do_where_blocks_are_certain),
        cmocka_unit_test(a_vm_without_memory_has_none),
        cmocka_unit_test(very_many_slots_are_no_trouble),
        cmocka_unit_test(a_change_of_slots_is_seen),
        cmocka_unit_test(each_number_belongs_to_the_best_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
