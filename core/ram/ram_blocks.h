/* SPDX-License-Identifier: MIT */
/*
 * QEMU's RAM blocks as /proc/PID/maps shows them, and what its command line says of them.
 *
 * maps does not show MADV_DONTFORK, the sure sign of a block. But qemu_ram_mmap() begins every
 * anonymous block at a multiple of 2 MiB and leaves one inaccessible guard page behind every block;
 * stacks of threads and coroutines have theirs in front. Compared with smaps for 57 kinds of
 * machine (NUMA nodes, memfd, files, DIMMs, virtio-mem, NVDIMM, ivshmem, microvm, 1500 threads) of
 * QEMU 7.2 and 10: the same blocks.
 *
 * Pure. Source: QEMU util/mmap-alloc.c, util/oslib-posix.c, system/physmem.c.
 */
#ifndef KVMLENS_CORE_RAM_RAM_BLOCKS_H
#define KVMLENS_CORE_RAM_RAM_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAM_BLOCKS_MAX 4096

struct ram_block {
    uint64_t start, end; /* addresses */
    bool anon;
};

struct ram_blocks {
    struct ram_block *at; /* ascending address */
    size_t count;
    /* there is memory as large as a DIMM that may be, but need not be, a block or a part of one */
    bool is_loose;
    bool too_many; /* RAM_BLOCKS_MAX reached: the rest is not in */
};

/*
 * ram_blocks_find - the blocks of a QEMU process. @maps: text of maps or smaps.
 * 0, -EBADMSG or -ENOMEM. *@ret ends with ram_blocks_done, in any case.
 */
int ram_blocks_find(const char *maps, size_t len, struct ram_blocks *ret);
void ram_blocks_done(struct ram_blocks *blocks);

/* ram_blocks_has - is a mapping that begins at @start one of them? */
bool ram_blocks_has(const struct ram_blocks *blocks, uint64_t start);

/*
 * ram_blocks_configured - what -m says, in bytes; 0 = the command line does not say.
 * @cmdline: arguments, a NUL after each; may be NULL.
 */
uint64_t ram_blocks_configured(const char *cmdline, size_t len);

/*
 * ram_blocks_main - the bytes of the blocks that -m is made up of, and those of others in
 * *@ret_other that are large enough to be memory, not firmware or that of a display.
 * The first equals @configured when all of the main memory was found, or is a little more where
 * huge pages round it up. @configured 0: the largest block is taken for the main memory.
 */
uint64_t ram_blocks_main(const struct ram_blocks *blocks, uint64_t configured,
                         uint64_t *ret_other);

#endif
