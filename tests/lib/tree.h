/* SPDX-License-Identifier: MIT */
/*
 * A small /proc and /sys tree in a temporary directory, for tests of what reads them through a
 * rootfs.
 */
#ifndef KVMLENS_TESTS_LIB_TREE_H
#define KVMLENS_TESTS_LIB_TREE_H

#include <stddef.h>

#include "core/base/rootfs.h"

struct tree {
    char path[64];
    struct rootfs root;
};

/* All of these end the test run with a message when the file system refuses. */
void tree_open(struct tree *tree);
void tree_close(struct tree *tree); /* removes everything */
void tree_write(struct tree *tree, const char *path, const void *data, size_t size);
void tree_text(struct tree *tree, const char *path, const char *text);
void tree_link(struct tree *tree, const char *path, const char *target);
void tree_dir(struct tree *tree, const char *path);
void tree_remove(struct tree *tree, const char *path);

/* tree_process - stat, status, cmdline (arguments split by '|') and an empty fd directory. */
void tree_process(struct tree *tree, int pid, const char *comm, const char *cmdline,
                  unsigned long long start_ticks);

/* tree_fd - proc/PID/fd/FD -> @target. */
void tree_fd(struct tree *tree, int pid, int fd, const char *target);

#endif
