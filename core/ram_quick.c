// SPDX-License-Identifier: MIT
/*
 * The cheap figure of a guest's RAM: from maps, which needs no walk of the page tables.
 *
 * maps does not show MADV_DONTFORK. But qemu_ram_mmap() ends every RAM block with one
 * inaccessible guard page, which thread stacks have in front, and the command line says how
 * large the main memory is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse_maps.h"
#include "core/ram.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define MAPS_MAX (32 * MIB)
#define CMDLINE_MAX (1 * MIB)
#define BLOCK_ALIGN (2 * MIB)   /* of anonymous blocks: so that they can have huge pages */
#define GUARD_MAX 65536         /* one host page, 4 KiB on x86 */
/* smaller blocks beside the main memory are video memory and firmware */
#define HOTPLUG_MIN (128 * MIB)
#define BLOCKS_MAX 512

struct quick_block {
    uint64_t bytes;
    bool anon;
};

struct quick_blocks {
    struct quick_block at[BLOCKS_MAX];
    size_t count;
};

static bool is_guard(const struct maps_entry *e)
{
    return (e->flags & (MAPS_READ | MAPS_WRITE | MAPS_EXEC)) == 0 && e->inode == 0 &&
           e->end - e->start <= GUARD_MAX;
}

static bool may_be_block(const struct maps_entry *e)
{
    return (e->flags & (MAPS_READ | MAPS_WRITE | MAPS_EXEC)) == (MAPS_READ | MAPS_WRITE) &&
           (e->name_len == 0 || e->name[0] != '[' || parse_maps_name_begins(e, "[anon"));
}

static void add_block(struct quick_blocks *blocks, const struct maps_entry *block)
{
    bool anon = block->inode == 0;

    if (block->end == 0 || (anon && block->start % BLOCK_ALIGN != 0) || blocks->count == BLOCKS_MAX)
        return;
    blocks->at[blocks->count++] = (struct quick_block){block->end - block->start, anon};
}

static int larger_first(const void *left, const void *right)
{
    const struct quick_block *a = left, *b = right;
    return a->bytes < b->bytes ? 1 : a->bytes > b->bytes ? -1 : 0;
}

static void find_blocks(const char *maps, size_t len, struct quick_blocks *ret)
{
    struct maps_cursor cursor = parse_maps_begin(maps, len);
    struct maps_entry e, block = {.end = 0};

    ret->count = 0;
    while (parse_maps_next(&cursor, &e) > 0) {
        if (block.end == e.start && is_guard(&e)) {
            add_block(ret, &block);
            block.end = 0;
        } else {
            block = e;
            if (!may_be_block(&e))
                block.end = 0;
        }
    }
    qsort(ret->at, ret->count, sizeof(ret->at[0]), larger_first);
}

/* "16G", "1.5g", "512" (MiB), as QEMU reads sizes. 0 = no size. */
static uint64_t parse_size(const char *text)
{
    static const char suffixes[] = "bkmgtpe";
    char *end;
    double value = strtod(text, &end);
    double unit = (double)MIB;

    if (end == text || !(value > 0))
        return 0;
    if (*end != '\0' && *end != ',') {
        const char *at = strchr(suffixes, *end | 0x20);
        if (at == NULL || (end[1] != '\0' && end[1] != ','))
            return 0;
        unit = (double)(1ull << (10 * (at - suffixes)));
    }
    value *= unit;
    return value < 9e18 ? (uint64_t)value : 0;
}

/* The value of "size=" in a list of options, or its first, nameless one. */
static uint64_t parse_memory_option(const char *value)
{
    const char *size = strstr(value, "size=");

    if (size != NULL && (size == value || size[-1] == ','))
        return parse_size(size + strlen("size="));
    return parse_size(value);
}

/* What -m says; the last one wins. 0 = there is none. */
static uint64_t configured_bytes(const char *cmdline, size_t len)
{
    uint64_t bytes = 0;
    const char *end = cmdline + len;

    for (const char *arg = cmdline; cmdline != NULL && arg < end;) {
        const char *stop = memchr(arg, '\0', (size_t)(end - arg));
        if (stop == NULL || stop + 1 >= end)
            break;
        const char *next = stop + 1;
        if (memchr(next, '\0', (size_t)(end - next)) == NULL)
            break;
        if (strcmp(arg, "-m") == 0 || strcmp(arg, "--m") == 0)
            bytes = parse_memory_option(next);
        arg = next;
    }
    return bytes;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* -m is made up of the largest blocks that fit in it; huge pages may have rounded them up. */
static uint64_t qemu_bytes(const struct quick_blocks *blocks, uint64_t configured)
{
    uint64_t main_bytes = 0, other_bytes = 0;

    for (size_t i = 0; i < blocks->count; i++) {
        const struct quick_block *b = &blocks->at[i];
        uint64_t left = configured > main_bytes ? configured - main_bytes : 0;
        bool fits = left > 0 && b->bytes <= round_up(left, b->anon ? 2 * MIB : GIB);
        bool is_main = configured == 0 ? i == 0 : fits;
        if (is_main)
            main_bytes += b->bytes;
        else if (b->bytes >= HOTPLUG_MIN)
            other_bytes += b->bytes;
    }
    return (configured != 0 ? configured : main_bytes) + other_bytes;
}

uint64_t ram_quick_select(const char *maps, size_t maps_len, const char *cmdline,
                          size_t cmdline_len, const char *vmm)
{
    if (strcmp(vmm, "qemu") == 0) {
        struct quick_blocks *blocks = malloc(sizeof(*blocks));
        if (blocks == NULL)
            return 0;
        find_blocks(maps, maps_len, blocks);
        uint64_t bytes = qemu_bytes(blocks, configured_bytes(cmdline, cmdline_len));
        free(blocks);
        return bytes;
    }
    struct ram_map map;
    if (ram_select(maps, maps_len, vmm, NULL, 0, &map, NULL) < 0)
        return 0;
    uint64_t bytes = map.bytes;
    ram_map_done(&map);
    return bytes;
}

uint64_t ram_quick_bytes(const struct rootfs *root, pid_t pid, const char *vmm, size_t process_vms)
{
    char path[64];
    char *maps = NULL, *cmdline = NULL;
    size_t maps_len = 0, cmdline_len = 0;
    uint64_t bytes = 0;

    if (process_vms > 1)
        return 0;
    snprintf(path, sizeof(path), "proc/%d/maps", (int)pid);
    if (rootfs_read_all(root, path, MAPS_MAX, &maps, &maps_len) < 0 || maps_len == 0)
        goto out;
    snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
    if (rootfs_read_all(root, path, CMDLINE_MAX, &cmdline, &cmdline_len) < 0)
        cmdline_len = 0;
    bytes = ram_quick_select(maps, maps_len, cmdline, cmdline_len, vmm);
out:
    free(maps);
    free(cmdline);
    return bytes;
}
