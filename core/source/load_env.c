// SPDX-License-Identifier: MIT
#include "core/source/load_env.h"

#include <errno.h>
#include <unistd.h>

void kept_drop(struct kept_file *kept)
{
    if (kept->fd >= 0)
        close(kept->fd);
    *kept = KEPT_NONE;
}

ssize_t kept_read(const struct load_env *env, struct kept_file *kept, pid_t tid, const char *path,
                  char *buf, size_t size)
{
    if (kept != NULL && kept->tid != tid)
        kept_drop(kept);
    int fd = kept != NULL && kept->fd >= 0 ? kept->fd : rootfs_openat(env->root, path, 0);
    buf[0] = '\0';
    if (fd < 0)
        return fd;
    ssize_t n = TEMP_FAILURE_RETRY(pread(fd, buf, size - 1, 0));
    if (n < 0)
        n = -errno;
    else
        buf[n] = '\0';
    if (kept != NULL && n >= 0 && fd < env->keep_below) {
        *kept = (struct kept_file){tid, fd};
        return n;
    }
    close(fd);
    if (kept != NULL)
        *kept = KEPT_NONE;
    return n;
}

struct reading load_failed(int code)
{
    return reading_of_cause(reading_cause_of_error(code, CAUSE_NO_PERMISSION));
}
