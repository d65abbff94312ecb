// SPDX-License-Identifier: MIT
#include "core/find/proc_fds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/base/same_file.h"

static const struct {
    const char *text; /* with a trailing ':' a vCPU id follows */
    enum proc_fd_kind kind;
} links[] = {
    {"anon_inode:kvm-vm", PROC_FD_VM},
    {"anon_inode:kvm-vm-stats", PROC_FD_VM_STATS},
    {"anon_inode:kvm-vcpu:", PROC_FD_VCPU},
    {"anon_inode:kvm-vcpu-stats:", PROC_FD_VCPU_STATS},
};

enum proc_fd_kind proc_fds_parse(const char *link, int *ret_vcpu)
{
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        size_t len = strlen(links[i].text);
        if (links[i].text[len - 1] == ':') {
            if (strncmp(link, links[i].text, len) == 0 && parse_whole_id(link + len, ret_vcpu))
                return links[i].kind;
        } else if (strcmp(link, links[i].text) == 0) {
            return links[i].kind;
        }
    }
    return PROC_FD_OTHER;
}

static int compare_fd(const void *a, const void *b)
{
    const struct proc_fd *x = a, *y = b;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

static int append(struct proc_fds *list, size_t *cap, struct proc_fd fd)
{
    if (list->count == *cap) {
        size_t grown_cap = *cap ? *cap * 2 : 16;
        struct proc_fd *grown = realloc(list->fds, grown_cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        list->fds = grown;
        *cap = grown_cap;
    }
    list->fds[list->count++] = fd;
    list->vm_count += fd.kind == PROC_FD_VM;
    return 0;
}

static bool is_full(const struct proc_fds *list, enum proc_fd_kind kind)
{
    return list->count == PROC_FDS_MAX ||
           (kind == PROC_FD_VM && list->vm_count == PROC_FDS_VMS_MAX);
}

/* The same VM may have two descriptors in its process (dup); the lowest stands for it. */
static int drop_duplicate_vms(const struct rootfs *root, pid_t pid, struct proc_fds *list)
{
    if (list->vm_count < 2)
        return 0;
    struct same_file_ref *refs = malloc(list->vm_count * sizeof(*refs));
    if (refs == NULL)
        return -ENOMEM;
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->fds[i].kind == PROC_FD_VM)
            refs[count++] = (struct same_file_ref){.pid = pid, .fd = list->fds[i].fd, .index = i};
    count = same_file_keep_known(root, refs, count);
    int result = same_file_sort(refs, count, same_file_kcmp, root);
    for (size_t i = 1; result == 0 && i < count; i++)
        if (same_file_kcmp(root, &refs[i - 1], &refs[i]) == 0)
            list->fds[refs[i].index].kind = PROC_FD_OTHER;
    free(refs);
    for (size_t i = 0; i < list->count; i++) {
        if (list->fds[i].kind == PROC_FD_OTHER)
            list->vm_count--;
        else
            list->fds[kept++] = list->fds[i];
    }
    list->count = kept;
    return result;
}

int proc_fds_read(const struct rootfs *root, pid_t pid, struct proc_fds *ret)
{
    struct proc_fds list = {0};
    size_t cap = 0, looked_at = 0;
    char path[64], link[64];
    int result = 0;

    snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
    DIR *dir = rootfs_opendir(root, path, &result);
    if (dir == NULL)
        return result;
    struct dirent *entry;
    while ((entry = rootfs_readdir(dir, &result)) != NULL) {
        struct proc_fd fd = {0};
        ssize_t n;
        if (parse_id(entry->d_name, &fd.fd) == NULL)
            continue;
        if (looked_at++ == PROC_FDS_LOOKED_AT_MAX) {
            list.is_cut = true;
            break;
        }
        n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (n < 0) {
            /* Closed meanwhile is normal. Else it may have been a VM's. */
            if (errno == ENOENT || errno == ESRCH)
                continue;
            result = -errno;
            break;
        }
        link[n] = '\0';
        fd.kind = proc_fds_parse(link, &fd.vcpu);
        if (fd.kind == PROC_FD_OTHER)
            continue;
        if (is_full(&list, fd.kind)) {
            list.is_cut = true;
            break;
        }
        if ((result = append(&list, &cap, fd)) < 0)
            break;
    }
    closedir(dir);
    if (list.count > 0)
        qsort(list.fds, list.count, sizeof(*list.fds), compare_fd);
    if (result == 0)
        result = drop_duplicate_vms(root, pid, &list);
    if (result < 0)
        free(list.fds);
    else
        *ret = list;
    return result;
}

void proc_fds_done(struct proc_fds *fds)
{
    free(fds->fds);
    *fds = (struct proc_fds){0};
}

int proc_fds_is_vm(const struct rootfs *root, pid_t pid, int fd)
{
    char path[64], link[64];
    int vcpu;

    snprintf(path, sizeof(path), "proc/%d/fd/%d", (int)pid, fd);
    ssize_t n = rootfs_readlink(root, path, link, sizeof(link));
    if (n < 0)
        return n == -ENOENT || n == -ESRCH ? 0 : (int)n;
    return proc_fds_parse(link, &vcpu) == PROC_FD_VM;
}
