// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_number.h"
#include "core/scan/scan_internal.h"

/* What a VMM's open files say of its guest's memory. */
struct scan_sign {
    const char *link; /* what the link text begins with */
    const char *confidential;
    bool passthrough, has_device, uffd;
};
static const struct scan_sign signs[] = {
    {.link = "/dev/sev", .confidential = "AMD SEV"},
    {.link = "anon_inode:[kvm-gmem]", .confidential = "guest_memfd"},
    {.link = "anon_inode:[guest_memfd]", .confidential = "guest_memfd"},
    {.link = "/dev/vfio/", .passthrough = true},
    {.link = "/dev/vfio/devices/", .has_device = true}, /* one by itself, since Linux 6.6 */
    {.link = "anon_inode:[vfio-device]", .passthrough = true, .has_device = true},
    {.link = "/dev/iommu", .passthrough = true},
    {.link = "anon_inode:[userfaultfd]", .uffd = true},
};

/* "/dev/vfio/14": the devices of a group, held by who passes one of them on. */
static void inspect_group(const char *link, struct scan_inspection *ret)
{
    static const char *const heads[] = {"/dev/vfio/", "/dev/vfio/noiommu-"};
    int32_t group;

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        size_t len = strlen(heads[i]);
        if (strncmp(link, heads[i], len) != 0 || !parse_whole_id(link + len, &group))
            continue;
        ret->has_device = true;
        ret->vfio_group = group;
    }
}

static void inspect_link(const char *link, struct scan_inspection *ret)
{
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strncmp(link, signs[i].link, strlen(signs[i].link)) != 0)
            continue;
        if (signs[i].confidential != NULL)
            ret->confidential = signs[i].confidential;
        ret->passthrough |= signs[i].passthrough;
        ret->has_device |= signs[i].has_device;
        ret->uffd |= signs[i].uffd;
    }
}

int scan_inspect(const struct rootfs *root, pid_t pid, const atomic_bool *cancel,
                 struct scan_inspection *ret)
{
    char path[64], link[64];
    int code, n = 0;

    *ret = (struct scan_inspection){.vfio_group = -1};
    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &code);
    if (dir == NULL)
        return 0;
    struct dirent *entry;
    while (n == 0 && (entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "proc/%d/fd/%.20s", (int)pid, entry->d_name);
        if (rootfs_readlink(root, path, link, sizeof(link)) > 0) {
            inspect_link(link, ret);
            inspect_group(link, ret);
        }
        if (atomic_load_explicit(cancel, memory_order_relaxed))
            n = -ECANCELED;
    }
    closedir(dir);
    return n;
}
