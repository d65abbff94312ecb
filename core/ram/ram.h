/* SPDX-License-Identifier: MIT */
/*
 * Which mappings of a VMM are the RAM of its guest.
 *
 * The kernel shows memslots to nobody outside, but through BPF. So the answer is found by rules,
 * the first that fits wins, and each region carries the rule that chose it:
 *
 *   given      the user said so (--ram START-END)
 *   memslot    KVM itself says so, where BPF is loaded
 *   dontfork   QEMU calls madvise(MADV_DONTFORK) on every RAM block and on nothing else: VmFlags
 *              "dc"
 *   block      the same blocks by their guard pages, where smaps is not read (ram_blocks.h)
 *   named      memfd, hugetlbfs or shared memory whose name is known to be a VMM's guest RAM
 *   shared     the largest shared memfd, hugetlbfs or shm mapping, and others of the same file
 *   anonymous  the largest private anonymous read-write mapping, and others of like size
 *
 * Device memory that a VMM maps for its guest (VFIO BARs) is left out and counted.
 * Several VMs in one process cannot be told apart but by their memslots: else the regions are those
 * of the process.
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
#include "core/bpf/kvm_bpf.h"

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
    RAM_SKIP_UNMAPPED,  /* --ram, or a memslot, over addresses that are not mapped */
    RAM_SKIP_PRIVATE,   /* a memslot of guest_memfd: what is mapped is but the shared half */
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
    /* where the guest sees it, in 4 KiB pages. Not known without memslots; and there are parts of a
     * RAM block that no slot shows, or only one for system management mode */
    bool has_gfn;
    bool is_rom; /* the guest may not write to it; false also when not known */
    uint64_t gfn;
    const char *rule;        /* static text: why this is taken for guest RAM */
    char name[64];           /* of the mapping, cleaned; "" when it has none */
};

struct ram_map {
    /* largest first, then ascending address; with slots in the guest's order, those that have no
     * gfn last */
    struct ram_region *regions;
    size_t count;
    uint64_t bytes;       /* sum */
    size_t device_count;  /* mappings left out: device memory */
    size_t alias_count;   /* mappings left out: second view of a file range that is in already */
    size_t uffd_count;    /* regions with RAM_SKIP_UFFD */
    bool too_many;        /* RAM_REGIONS_MAX reached: the rest is not in */
    bool is_given;        /* the ranges are the user's */
    bool has_slots;       /* found by memslots: the four below are known */
    uint64_t ram_bytes;   /* what the guest can write to */
    uint64_t rom_bytes;   /* and what it can only read */
    uint64_t slotless_bytes; /* of RAM blocks: no slot shows them now */
    size_t private_count;    /* regions with RAM_SKIP_PRIVATE */
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

/* What KVM says of a VM's memory. */
struct ram_slots {
    const struct kvm_bpf_slot *at; /* of its own process's memory */
    size_t count;
    /* the VM is the only one in its process: what a QEMU has beside is this VM's too */
    bool is_only_vm;
};

/*
 * ram_find - the guest RAM of a process. Once per scan, on a worker thread, never per tick.
 *
 * @vmm: "qemu", ..., as struct vm has it. @given, @given_count: --ram ranges; 0 = find them.
 * @slots: NULL = not known, so it is that of all VMs of the process.
 * @cancel: looked at for every 4 KiB of text, so not while the kernel walks one large mapping;
 * NULL = nobody cancels.
 * Returns 0 (no region found is -ENODATA), -ENOENT/-ESRCH process gone, -EACCES/-EPERM, -EFBIG,
 * -ENOMEM, with a sentence in @err, or -ECANCELED. *@ret ends with ram_map_done.
 */
int ram_find(const struct rootfs *root, pid_t pid, const char *vmm, const struct ram_range *given,
             size_t given_count, const struct ram_slots *slots, enum ram_source source,
             const atomic_bool *cancel, struct ram_map *ret, struct error *err);
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
 * Guest RAM by KVM's memslots, for every VMM and certain: slots say which addresses of the VMM the
 * guest sees, and where, and maps say what is mapped there. A slot may span several mappings or be
 * a part of a larger one, so a region is a part of one mapping that lies in one slot.
 *
 * Each byte counts once. Where slots show one page of the VMM twice, or one page of a file through
 * two mappings, it belongs to the slot of the guest's main address space before that of system
 * management mode, to a writable one before a read-only one, then to the lowest guest address.
 *
 * Slots are what the guest reaches at this moment, and not all that the VMM has for it. Behind the
 * VGA window, or an option ROM that is not mapped yet, QEMU keeps memory that no slot shows, and a
 * migration sends it all the same. So of a QEMU the map is its RAM blocks, as the other rules find
 * them, whole, and all slots: a part of a block without a slot has no gfn and keeps the rule that
 * chose its block. In that way slots stay exact (ram_bytes, rom_bytes, gfn), and so does what a
 * migration sends (bytes).
 *
 * Left out: device memory (counted), and slots of KVM itself. Memory of guest_memfd is in, as not
 * to be read; a slot over addresses that are not mapped likewise.
 */
extern const char ram_rule_memslot[];

/*
 * ram_slots_select - @smaps: text of smaps; or of maps, then nothing of flags is known, and QEMU's
 * blocks are not.
 * 0, -ENODATA: no slot has memory, -EBADMSG or -ENOMEM, with a sentence. Ends with ram_map_done.
 */
int ram_slots_select(const char *smaps, size_t len, const char *vmm, const struct ram_slots *slots,
                     struct ram_map *ret, struct error *err);

/*
 * ram_slots_select_maps - the same from maps and the command line, as ram_select_maps: -ENODATA
 * also where QEMU's blocks are not certain.
 */
int ram_slots_select_maps(const char *maps, size_t len, const char *cmdline, size_t cmdline_len,
                          const char *vmm, const struct ram_slots *slots, struct ram_map *ret);

/*
 * ram_slots_differ - is other memory of the VMM the guest's now, or elsewhere for the guest? Dirty
 * logging, which a migration turns on, is no difference.
 */
bool ram_slots_differ(const struct kvm_bpf_slots *a, const struct kvm_bpf_slots *b);

/*
 * ram_quick_bytes - how much RAM the guest has, from /proc/PID/maps and cmdline only: no walk of
 * page tables, about half a millisecond (the kernel takes 1.3 us per line, QEMU has 400). Ask once
 * per VM and then now and again, for memory can be plugged in.
 *
 * Of QEMU: the main memory without video memory, firmware and tables: what -m says, plus every
 * block of 128 MiB or more that is not part of it (memory plugged in later; a device's memory of
 * that size, as of virtio-mem or ivshmem, counts whole). Of other VMMs: what the rules above take.
 * @process_vms: VMs in that process. More than one: 0, for nobody can say whose RAM is whose, but
 * @slots, NULL: not known. They also win over rules: what the guest can write to, each byte once.
 * @io_read: the bytes that were read are added to it: what the call cost, at some 20 ns each.
 * Returns bytes; 0 = not known (gone, not allowed, nothing found, or more than is looked at).
 */
uint64_t ram_quick_bytes(const struct rootfs *root, pid_t pid, const char *vmm, size_t process_vms,
                         const struct ram_slots *slots, size_t *io_read);

/*
 * ram_quick_map - where the guest's RAM lies, from the same two files. Where maps leave it open the
 * rules take what is most likely it, so this is for figures that a few pages more or less do not
 * change: never for a scan. Of memory in files it is not known whether these are of hugetlbfs.
 * 0; -ENODATA: nothing was found; or what opening and reading said. Ends with ram_map_done.
 */
int ram_quick_map(const struct rootfs *root, pid_t pid, const char *vmm, struct ram_map *ret);

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

/* ram_rule_is_block - does that rule take QEMU's RAM blocks, all of them and whole? Pure. */
bool ram_rule_is_block(const char *rule);

/* "anonymous", "shmem", "hugetlbfs", "file" */
const char *ram_backing_name(enum ram_backing backing);
const char *ram_skip_text(enum ram_skip skip);           /* "userfaultfd", ...; "" for NONE */

#endif
