// SPDX-License-Identifier: MIT
#include "tests/lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int ok, const char *what, const char *path)
{
    if (ok)
        return;
    fprintf(stderr, "tree: cannot %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void full_path(const struct tree *tree, const char *path, char out[512])
{
    snprintf(out, 512, "%s/%s", tree->path, path);
}

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        must(mkdir(path, 0755) == 0 || errno == EEXIST, "make directory", path);
        *slash = '/';
    }
}

void tree_open(struct tree *tree)
{
    struct error err;

    snprintf(tree->path, sizeof(tree->path), "/tmp/kvmlens-tree-XXXXXX");
    must(mkdtemp(tree->path) != NULL, "make", tree->path);
    must(rootfs_open(tree->path, &tree->root, &err) == 0, "open", tree->path);
    tree_dir(tree, "proc");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void tree_close(struct tree *tree)
{
    rootfs_close(&tree->root);
    nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_remove(struct tree *tree, const char *path)
{
    char full[512];

    full_path(tree, path, full);
    must(nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "remove", full);
}

void tree_write(struct tree *tree, const char *path, const void *data, size_t size)
{
    char full[512];

    full_path(tree, path, full);
    make_parents(full);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "write", full);
    close(fd);
}

void tree_text(struct tree *tree, const char *path, const char *text)
{
    tree_write(tree, path, text, strlen(text));
}

void tree_link(struct tree *tree, const char *path, const char *target)
{
    char full[512];

    full_path(tree, path, full);
    make_parents(full);
    unlink(full);
    must(symlink(target, full) == 0, "link", full);
}

void tree_dir(struct tree *tree, const char *path)
{
    char full[512];

    snprintf(full, sizeof(full), "%s/%s/", tree->path, path);
    make_parents(full);
}

void tree_process(struct tree *tree, int pid, const char *comm, const char *cmdline,
                  unsigned long long start_ticks)
{
    char path[64], text[1024];

    snprintf(path, sizeof(path), "proc/%d/stat", pid);
    snprintf(text, sizeof(text),
             "%d (%s) S 1 %d %d 0 -1 4194560 10 0 0 0 300 200 0 0 20 0 3 0 %llu 1000000 500 "
             "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
             pid, comm, pid, pid, start_ticks);
    tree_text(tree, path, text);
    snprintf(path, sizeof(path), "proc/%d/status", pid);
    snprintf(text, sizeof(text),
             "Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t%d\nPid:\t%d\n"
             "VmRSS:\t    2000 kB\nVmPTE:\t     100 kB\n",
             comm, pid, pid);
    tree_text(tree, path, text);
    snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
    snprintf(text, sizeof(text), "%s", cmdline);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] == '|')
            text[i] = '\0';
    tree_write(tree, path, text, len + 1);
    snprintf(path, sizeof(path), "proc/%d/fd", pid);
    tree_dir(tree, path);
}

void tree_fd(struct tree *tree, int pid, int fd, const char *target)
{
    char path[64];

    snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
    tree_link(tree, path, target);
}
