// SPDX-License-Identifier: MIT
/* The cheap figure of a guest's RAM: from maps, which needs no walk of the page tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/model/vmm.h"
#include "core/ram/ram.h"
#include "core/ram/ram_blocks.h"

#define MIB (1ull << 20)
#define MAPS_MAX (32 * MIB)
#define CMDLINE_MAX (1 * MIB)

static uint64_t block_bytes(const char *maps, size_t maps_len, const char *cmdline,
                            size_t cmdline_len)
{
    struct ram_blocks blocks;
    uint64_t bytes = 0;

    if (ram_blocks_find(maps, maps_len, &blocks) == 0 && !blocks.too_many) {
        uint64_t configured = ram_blocks_configured(cmdline, cmdline_len), other;
        uint64_t main_bytes = ram_blocks_main(&blocks, configured, &other);
        bytes = (configured != 0 ? configured : main_bytes) + other;
    }
    ram_blocks_done(&blocks);
    return bytes;
}

uint64_t ram_quick_select(const char *maps, size_t maps_len, const char *cmdline,
                          size_t cmdline_len, const char *vmm)
{
    if (vmm_by_name(vmm)->has_ram_blocks)
        return block_bytes(maps, maps_len, cmdline, cmdline_len);
    struct ram_map map;
    if (ram_select(maps, maps_len, vmm, NULL, 0, &map, NULL) < 0)
        return 0;
    uint64_t bytes = map.too_many ? 0 : map.bytes;
    ram_map_done(&map);
    return bytes;
}

/* What a QEMU was given is more telling than what of it has a slot now. */
static bool is_by_slots(const char *vmm, const struct ram_slots *slots)
{
    return slots != NULL && !(slots->is_only_vm && vmm_by_name(vmm)->has_ram_blocks);
}

static uint64_t slots_bytes(const char *maps, size_t maps_len, const struct ram_slots *slots)
{
    struct ram_map map;

    if (ram_slots_select(maps, maps_len, "other", slots, &map, NULL) < 0)
        return 0;
    uint64_t bytes = map.too_many ? 0 : map.ram_bytes;
    ram_map_done(&map);
    return bytes;
}

uint64_t ram_quick_bytes(const struct rootfs *root, pid_t pid, const char *vmm, size_t process_vms,
                         const struct ram_slots *slots, size_t *io_read)
{
    char path[64];
    char *maps = NULL, *cmdline = NULL;
    size_t maps_len = 0, cmdline_len = 0;
    uint64_t bytes = 0;

    if (process_vms > 1 && slots == NULL)
        return 0;
    snprintf(path, sizeof(path), "proc/%d/maps", (int)pid);
    if (rootfs_read_all(root, path, MAPS_MAX, &maps, &maps_len) < 0 || maps_len == 0)
        goto out;
    snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
    if (rootfs_read_all(root, path, CMDLINE_MAX, &cmdline, &cmdline_len) < 0)
        cmdline_len = 0;
    *io_read += maps_len + cmdline_len;
    bytes = is_by_slots(vmm, slots) ? slots_bytes(maps, maps_len, slots)
                                    : ram_quick_select(maps, maps_len, cmdline, cmdline_len, vmm);
out:
    free(maps);
    free(cmdline);
    return bytes;
}

int ram_quick_map(const struct rootfs *root, pid_t pid, const char *vmm, struct ram_map *ret)
{
    char path[64];
    char *maps = NULL, *cmdline = NULL;
    size_t maps_len = 0, cmdline_len = 0;

    *ret = (struct ram_map){0};
    snprintf(path, sizeof(path), "proc/%d/maps", (int)pid);
    int result = rootfs_read_all(root, path, MAPS_MAX, &maps, &maps_len);
    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
    if (rootfs_read_all(root, path, CMDLINE_MAX, &cmdline, &cmdline_len) < 0)
        cmdline_len = 0;
    result = ram_select_maps(maps, maps_len, cmdline, cmdline_len, vmm, NULL, 0, ret);
    if (result == -ENODATA)
        result = ram_select(maps, maps_len, vmm, NULL, 0, ret, NULL);
    free(maps);
    free(cmdline);
    return result;
}
