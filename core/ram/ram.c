// SPDX-License-Identifier: MIT
#include "core/ram/ram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/base/parse_proc.h"

#define MIB (1ull << 20)
#define RAM_ALIGN 4096
/* vm.max_map_count is 65530 by default, a mapping takes about 700 bytes */
#define SMAPS_MAX (256 * MIB)
#define MAPS_MAX (32 * MIB)
#define CMDLINE_MAX (1 * MIB)
#define STATUS_MAX (1 * MIB) /* a process may be in 65536 groups */

/* maps has no page sizes: ask the file system of the file. False: it cannot be asked. */
static bool learn_page_size(const struct rootfs *root, pid_t pid, struct ram_region *region)
{
    char path[96];
    struct statfs fs;

    snprintf(path, sizeof(path), "proc/%d/map_files/%llx-%llx", (int)pid,
             (unsigned long long)region->map_start, (unsigned long long)region->map_end);
    int fd = rootfs_openat(root, path, 0);
    if (fd < 0)
        return false;
    bool known = fstatfs(fd, &fs) == 0;
    close(fd);
    if (known && fs.f_type == HUGETLBFS_MAGIC) {
        region->backing = RAM_HUGETLB;
        region->page_bytes = (uint64_t)fs.f_bsize;
    }
    return known;
}

/* What is to be compared later, when it is asked whether the memory has changed. */
static void note_whole(struct ram_map *map, const char *text, size_t len, size_t given_count)
{
    map->is_given = given_count > 0;
    map->large_bytes = ram_large_bytes(text, len);
}

/* What is asked of ram_find, for the two texts that it may ask. */
struct question {
    const struct rootfs *root;
    pid_t pid;
    const char *vmm;
    const struct ram_range *given;
    size_t given_count;
    const struct ram_slots *slots; /* NULL: by rules */
    const atomic_bool *cancel;
};

static int select_in_maps(const struct question *q, const char *maps, size_t len,
                          const char *cmdline, size_t cmdline_len, struct ram_map *ret)
{
    if (q->slots != NULL)
        return ram_slots_select_maps(maps, len, cmdline, cmdline_len, q->vmm, q->slots, ret);
    return ram_select_maps(maps, len, cmdline, cmdline_len, q->vmm, q->given, q->given_count, ret);
}

static int find_in_maps(const struct question *q, struct ram_map *ret)
{
    char path[64];
    char *maps = NULL, *cmdline = NULL;
    size_t len = 0, cmdline_len = 0;

    *ret = (struct ram_map){0};
    snprintf(path, sizeof(path), "proc/%d/maps", (int)q->pid);
    int n = rootfs_read_until(q->root, path, MAPS_MAX, q->cancel, &maps, &len);
    if (n < 0)
        return n;
    snprintf(path, sizeof(path), "proc/%d/cmdline", (int)q->pid);
    if (rootfs_read_all(q->root, path, CMDLINE_MAX, &cmdline, &cmdline_len) < 0)
        cmdline_len = 0;
    n = select_in_maps(q, maps, len, cmdline, cmdline_len, ret);
    for (size_t i = 0; n == 0 && i < ret->count; i++) {
        struct ram_region *region = &ret->regions[i];
        if (region->inode != 0 && region->skip == RAM_SKIP_NONE &&
            !learn_page_size(q->root, q->pid, region))
            n = -EACCES;
    }
    note_whole(ret, maps, len, q->given_count);
    if (n < 0)
        ram_map_done(ret);
    free(maps);
    free(cmdline);
    return n;
}

static int select_in_smaps(const struct question *q, const char *smaps, size_t len,
                           struct ram_map *ret, struct error *err)
{
    int n = q->slots != NULL ? ram_slots_select(smaps, len, q->vmm, q->slots, ret, err)
                             : ram_select(smaps, len, q->vmm, q->given, q->given_count, ret, err);

    if (n == 0)
        note_whole(ret, smaps, len, q->given_count);
    return n;
}

static int find_in_smaps(const struct question *q, struct ram_map *ret, struct error *err)
{
    char path[64];
    char *text = NULL;
    size_t len = 0;

    *ret = (struct ram_map){0};
    snprintf(path, sizeof(path), "proc/%d/smaps", (int)q->pid);
    int n = rootfs_read_until(q->root, path, SMAPS_MAX, q->cancel, &text, &len);
    if (n == 0 && len == 0) { /* the address space is gone: the process is ending */
        free(text);
        n = -ESRCH;
    }
    if (n == -EACCES || n == -EPERM)
        return error_set(err, n,
                         "the mappings of process %d may not be read: %s (needs the same "
                         "user, or CAP_SYS_PTRACE)",
                         (int)q->pid, strerror(-n));
    if (n == -ENOENT || n == -ESRCH)
        return error_set(err, -ESRCH, "process %d has ended, or is hidden (hidepid of /proc)",
                         (int)q->pid);
    if (n == -ECANCELED)
        return n;
    if (n < 0)
        return error_set(err, n, "cannot read the mappings of process %d: %s", (int)q->pid,
                         strerror(-n));
    n = select_in_smaps(q, text, len, ret, err);
    free(text);
    return n;
}

int ram_find(const struct rootfs *root, pid_t pid, const char *vmm, const struct ram_range *given,
             size_t given_count, const struct ram_slots *slots, enum ram_source source,
             const atomic_bool *cancel, struct ram_map *ret, struct error *err)
{
    const struct question q = {
        .root = root,
        .pid = pid,
        .vmm = vmm,
        .given = given,
        .given_count = given_count,
        .slots = given_count == 0 ? slots : NULL, /* what the user says wins */
        .cancel = cancel,
    };

    /* What goes wrong here is told by smaps, with a sentence. */
    if (source == RAM_FROM_MAPS && find_in_maps(&q, ret) == 0)
        return 0;
    return find_in_smaps(&q, ret, err);
}

uint64_t ram_resident_bytes(const struct rootfs *root, pid_t pid)
{
    char path[64], text[128];
    uint64_t resident;

    snprintf(path, sizeof(path), "proc/%d/statm", (int)pid);
    if (rootfs_read(root, path, text, sizeof(text)) < 0 || !parse_proc_statm(text, &resident))
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t ram_page_table_bytes(const struct rootfs *root, pid_t pid)
{
    char path[64], *text;
    size_t len;
    uint64_t bytes;

    snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
    if (rootfs_read_all(root, path, STATUS_MAX, &text, &len) < 0)
        return 0;
    bool known = parse_proc_status_bytes(text, "VmPTE", &bytes);
    free(text);
    return known ? bytes : 0;
}

void ram_map_done(struct ram_map *map)
{
    free(map->regions);
    *map = (struct ram_map){0};
}

/* Hexadecimal, with or without 0x. As parse_digits. */
static const char *take_address(const char *text, uint64_t *ret)
{
    bool has_prefix = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

    return parse_digits(text + (has_prefix ? 2 : 0), NULL, 16, ret);
}

int ram_parse_range(const char *text, struct ram_range *ret, struct error *err)
{
    struct ram_range range;
    const char *end = take_address(text, &range.start);

    if (end == NULL || *end != '-')
        goto bad;
    end = take_address(end + 1, &range.end);
    if (end == NULL || *end != '\0')
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
        [RAM_SKIP_PRIVATE] = "guest_memfd",
    };
    return texts[skip];
}
