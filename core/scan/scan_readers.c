// SPDX-License-Identifier: MIT
#include "core/scan/scan_readers.h"

int scan_readers_ready(struct scan_readers *readers, const struct rootfs *root, pid_t pid,
                       const struct zeropage_impl *impl, unsigned count)
{
    int result = 0;

    for (unsigned i = 0; i < count && result == 0; i++) {
        if (readers->children[i] == NULL)
            result = read_child_open(root, &readers->children[i]);
        if (result < 0)
            break;
        read_child_aim(readers->children[i], pid, impl);
        result = read_child_start(readers->children[i]);
    }
    return result;
}

void scan_readers_wipe(struct scan_readers *readers)
{
    for (unsigned i = 0; i < SCAN_READERS_MAX; i++)
        if (readers->children[i] != NULL)
            read_child_wipe(readers->children[i]);
}

void scan_readers_done(struct scan_readers *readers)
{
    for (unsigned i = 0; i < SCAN_READERS_MAX; i++)
        read_child_close(readers->children[i]);
    *readers = (struct scan_readers){{NULL}};
}
