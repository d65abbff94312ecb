/* SPDX-License-Identifier: MIT */
/*
 * Which mappings of a VMM are the RAM of its guest.
 *
 * The kernel shows memslots to nobody outside, so the answer is found by rules, the first that fits
 * wins, and each region carries the rule that chose it:
 *
 *   given      the user said so (--ram START-END)
 *   dontfork   QEMU calls madvise(MADV_DONTFORK) on every RAM block and on nothing else: VmFlags
 *              "dc"
 *   block      the same blocks by their guard pages, where smaps is not read (ram_blocks.h)
 *   named      memfd, hugetlbfs or shared memory whose name is known to be a VMM's guest RAM
 *   shared     the largest shared memfd, hugetlbfs or shm mapping, and others of the same file
 *   anonymous  the largest private anonymous read-write mapping, and others of like size
 *
 * Device memory that a VMM maps for its guest (VFIO BARs) is left out and counted.
 * Several VMs in one process cannot be told apart: the regions are those of the process.
 */
#ifndef KVMLENS_CORE_RAM_RAM_H
#define KVMLENS_CORE_RAM_RAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/rootfs.h"

#define RAM_REGIONS_MAX 4096 /* KVM allows 32764 memslots; VMMs use a handful of mappings */
#define RAM_RANGES_MAX 64    /* --ram may be given so often */

enum ram_backing {
    RAM_ANON,    /* private anonymous, 4 KiB pages or THP */
    RAM_SHMEM,   /* memfd, /dev/shm, MAP_SHARED|MAP_ANONYMOUS */
    RAM_HUGETLB, /* hugetlbfs or hugetlb memfd, shared */
    RAM_FILE,    /* any other file, or a private mapping of one */
    RAM_BACKING_COUNT
};

/* Why the content of a region is not read at all. */
enum ram_skip {
    RAM_SKIP_NONE,
    RAM_SKIP_UFFD,      /* registered with userfaultfd: a read may wait for ever */
    RAM_SKIP_NO_ACCESS, /* PROT_NONE: the kernel refuses foreign reads */
    RAM_SKIP_DEVICE,    /* VM_IO or VM_PFNMAP (only through --ram) */
    RAM_SKIP_UNMAPPED,  /* --ram over addresses that are not mapped */
    RAM_SKIP_COUNT
};

struct ram_range {
    uint64_t start, end; /* addresses in the VMM, multiples of 4096, start < end */
};

struct ram_region {
    uint64_t start, bytes;   /* within one mapping; multiples of 4096 */
    uint64_t map_start, map_end; /* that mapping, as its name in /proc/PID/map_files */
    uint64_t file_offset;    /* of @start in its file */
    uint64_t inode;          /* 0: anonymous */
    uint32_t dev_major, dev_minor;
    uint64_t rss_bytes;      /* resident when smaps was read; at most bytes. 0 from maps */
    uint64_t page_bytes;     /* 4096, or the size of a huge page of hugetlbfs */
    enum ram_backing backing;
    bool shared;
    enum ram_skip skip;
    const char *rule;        /* static text: why this is taken for guest RAM */
    char name[64];           /* of the mapping, cleaned; "" when it has none */
};

struct ram_map {
    struct ram_region *regions; /* largest first, then ascending address */
    size_t count;
    uint64_t bytes;       /* sum */
    size_t device_count;  /* mappings left out: device memory */
    size_t alias_count;   /* mappings left out: second view of a file range that is in already */
    size_t uffd_count;    /* regions with RAM_SKIP_UFFD */
    bool too_many;        /* RAM_REGIONS_MAX reached: the rest is not in */
    bool is_given;        /* the ranges are the user's */
    uint64_t large_bytes; /* ram_large_bytes when they were found */
};

/* Where ram_find learns of mappings. */
enum ram_source {
    /*
     * All that there is to know. But the kernel walks the page tables for it, a mapping at a time
     * with the VMM's mmap lock held: 10 to 20 ms per GiB of 4 KiB pages, and whoever changes a
     * mapping waits that long.
     */
    RAM_FROM_SMAPS,
    /*
     * No walk and no time. Flags are not in it, so for when no userfaultfd is about, and where
     * the rules are certain without flags: --ram, QEMU's blocks when they add up to what -m
     * says, memfds of a known name. Else ram_find turns to smaps all the same.
     */
    RAM_FROM_MAPS,
};

/*
 * ram_find - the guest RAM of a process. Once per scan, on a worker thread, never per tick.
 *
 * @vmm: "qemu", ..., as struct vm has it. @given, @given_count: --ram ranges; 0 = find them.
 * @cancel: looked at for every 4 KiB of text, so not while the kernel walks one large mapping;
 * NULL = nobody cancels.
 * Returns 0 (no region found is -ENODATA), -ENOENT/-ESRCH process gone, -EACCES/-EPERM, -EFBIG,
 * -ENOMEM, with a sentence in @err, or -ECANCELED. *@ret ends with ram_map_done.
 */
int ram_find(const struct rootfs *root, pid_t pid, const char *vmm, const struct ram_range *given,
             size_t given_count, enum ram_source source, const atomic_bool *cancel,
             struct ram_map *ret, struct error *err);
void ram_map_done(struct ram_map *map);

/*
 * ram_changed - are the regions not where they were any more, or is there large memory that was not
 * there? From maps, without a walk of page tables. False too when that cannot be read.
 * ram_changed_in is the pure part.
 */
bool ram_changed(const struct rootfs *root, pid_t pid, const struct ram_map *map);
bool ram_changed_in(const char *maps, size_t len, const struct ram_map *map);

/* ram_large_bytes - of all writable mappings of 128 MiB or more; the same from maps and smaps. */
uint64_t ram_large_bytes(const char *text, size_t len);

/* ram_resident_bytes - all resident memory of a process, its shared memory included, hugetlbfs
 * not; 0 = not known. */
uint64_t ram_resident_bytes(const struct rootfs *root, pid_t pid);

/* ram_page_table_bytes - page tables of a process, VmPTE of /proc/PID/status; 0 = not known. */
uint64_t ram_page_table_bytes(const struct rootfs *root, pid_t pid);

/* ram_select - the pure part of ram_find: @text is smaps (or maps, then rule dontfork cannot
 * fit). */
int ram_select(const char *text, size_t len, const char *vmm, const struct ram_range *given,
               size_t given_count, struct ram_map *ret, struct error *err);

/*
 * ram_select_maps - the same from maps and the command line (arguments, a NUL after each; may be
 * NULL), where that is certain; -ENODATA where it is not.
 */
int ram_select_maps(const char *maps, size_t len, const char *cmdline, size_t cmdline_len,
                    const char *vmm, const struct ram_range *given, size_t given_count,
                    struct ram_map *ret);

/*
 * ram_quick_bytes - how much RAM the guest has, from /proc/PID/maps and cmdline only: no walk of
 * page tables, about half a millisecond (the kernel takes 1.3 us per line, QEMU has 400). Ask once
 * per VM and then now and again, for memory can be plugged in.
 *
 * Of QEMU: the main memory without video memory, firmware and tables: what -m says, plus every
 * block of 128 MiB or more that is not part of it (memory plugged in later; a device's memory of
 * that size, as of virtio-mem or ivshmem, counts whole). Of other VMMs: what the rules above take.
 * @process_vms: VMs in that process. More than one: 0, for nobody can say whose RAM is whose.
 * @io_read: the bytes that were read are added to it: what the call cost, at some 20 ns each.
 * Returns bytes; 0 = not known (gone, not allowed, nothing found, or more than is looked at).
 */
uint64_t ram_quick_bytes(const struct rootfs *root, pid_t pid, const char *vmm, size_t process_vms,
                         size_t *io_read);

/*
 * ram_quick_select - the pure part. @cmdline: arguments, NUL after each; may be NULL.
 */
uint64_t ram_quick_select(const char *maps, size_t maps_len, const char *cmdline,
                          size_t cmdline_len, const char *vmm);

/* ram_parse_range - "7f00-8f00", hexadecimal with or without 0x, 4 KiB aligned. 0 or -EINVAL
 * with a sentence. */
int ram_parse_range(const char *text, struct ram_range *ret, struct error *err);

/*
 * ram_rule_named - the rule of that text, as struct ram_region has it; a text that says no more
 * than that there is one for a text that is none of them. Static text. Pure.
 */
const char *ram_rule_named(const char *text);

/* "anonymous", "shmem", "hugetlbfs", "file" */
const char *ram_backing_name(enum ram_backing backing);
const char *ram_skip_text(enum ram_skip skip);           /* "userfaultfd", ...; "" for NONE */

#endif
