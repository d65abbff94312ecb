// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/scan/scan_internal.h"

/* What a VMM's open files say of its guest's memory. */
struct scan_sign {
    const char *link; /* what the link text begins with */
    const char *confidential;
    bool passthrough, uffd;
};
static const struct scan_sign signs[] = {
    {.link = "/dev/sev", .confidential = "AMD SEV"},
    {.link = "anon_inode:[kvm-gmem]", .confidential = "guest_memfd"},
    {.link = "anon_inode:[guest_memfd]", .confidential = "guest_memfd"},
    {.link = "/dev/vfio/", .passthrough = true},
    {.link = "anon_inode:[vfio-device]", .passthrough = true},
    {.link = "/dev/iommu", .passthrough = true},
    {.link = "anon_inode:[userfaultfd]", .uffd = true},
};

static void inspect_link(const char *link, struct scan_inspection *ret)
{
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strncmp(link, signs[i].link, strlen(signs[i].link)) != 0)
            continue;
        if (signs[i].confidential != NULL)
            ret->confidential = signs[i].confidential;
        ret->passthrough |= signs[i].passthrough;
        ret->uffd |= signs[i].uffd;
    }
}

int scan_inspect(const struct rootfs *root, pid_t pid, const atomic_bool *cancel,
                 struct scan_inspection *ret)
{
    char path[64], link[64];
    int code, n = 0;

    *ret = (struct scan_inspection){0};
    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &code);
    if (dir == NULL)
        return 0;
    struct dirent *entry;
    while (n == 0 && (entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "proc/%d/fd/%.20s", (int)pid, entry->d_name);
        if (rootfs_readlink(root, path, link, sizeof(link)) > 0)
            inspect_link(link, ret);
        if (atomic_load_explicit(cancel, memory_order_relaxed))
            n = -ECANCELED;
    }
    closedir(dir);
    return n;
}
