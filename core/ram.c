// SPDX-License-Identifier: MIT
#include "core/ram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)
#define RAM_ALIGN 4096
/* vm.max_map_count is 65530 by default, a mapping takes about 700 bytes */
#define SMAPS_MAX (256 * MIB)

int ram_find(const struct rootfs *root, pid_t pid, const char *vmm, const struct ram_range *given,
             size_t given_count, struct ram_map *ret, struct error *err)
{
    char path[64];
    char *text = NULL;
    size_t len = 0;

    *ret = (struct ram_map){0};
    snprintf(path, sizeof(path), "proc/%d/smaps", (int)pid);
    int n = rootfs_read_all(root, path, SMAPS_MAX, &text, &len);
    if (n == 0 && len == 0) { /* the address space is gone: the process is ending */
        free(text);
        n = -ESRCH;
    }
    if (n == -EACCES || n == -EPERM)
        return error_set(err, n, "the mappings of process %d may not be read: %s (needs the same "
                                 "user, or CAP_SYS_PTRACE)", (int)pid, strerror(-n));
    if (n == -ENOENT || n == -ESRCH)
        return error_set(err, -ESRCH, "process %d has ended, or is hidden (hidepid of /proc)",
                         (int)pid);
    if (n < 0)
        return error_set(err, n, "cannot read the mappings of process %d: %s", (int)pid,
                         strerror(-n));
    n = ram_select(text, len, vmm, given, given_count, ret, err);
    free(text);
    return n;
}

void ram_map_done(struct ram_map *map)
{
    free(map->regions);
    *map = (struct ram_map){0};
}

int ram_parse_range(const char *text, struct ram_range *ret, struct error *err)
{
    char *end;
    struct ram_range range;

    errno = 0;
    range.start = strtoull(text, &end, 16);
    if (end == text || *end != '-' || text[0] == '-' || text[0] == '+')
        goto bad;
    const char *second = end + 1;
    range.end = strtoull(second, &end, 16);
    if (end == second || *end != '\0' || *second == '-' || *second == '+' || errno != 0)
        goto bad;
    if (range.start % RAM_ALIGN != 0 || range.end % RAM_ALIGN != 0 || range.start >= range.end)
        goto bad;
    *ret = range;
    return 0;
bad:
    return error_set(err, -EINVAL, "--ram takes START-END, two hexadecimal addresses that are "
                                   "multiples of 1000, START below END, as in /proc/PID/maps");
}

const char *ram_backing_name(enum ram_backing backing)
{
    static const char *const names[RAM_BACKING_COUNT] = {
        [RAM_ANON] = "anonymous", [RAM_SHMEM] = "shmem", [RAM_HUGETLB] = "hugetlbfs",
        [RAM_FILE] = "file"};
    return names[backing];
}

const char *ram_skip_text(enum ram_skip skip)
{
    static const char *const texts[RAM_SKIP_COUNT] = {
        [RAM_SKIP_NONE] = "",
        [RAM_SKIP_UFFD] = "userfaultfd",
        [RAM_SKIP_NO_ACCESS] = "no access",
        [RAM_SKIP_DEVICE] = "device memory",
        [RAM_SKIP_UNMAPPED] = "not mapped",
    };
    return texts[skip];
}
