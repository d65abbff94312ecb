// SPDX-License-Identifier: MIT
#include "ui/whole_write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the record will begin, or -1 when @fd is no regular file. */
static off_t start_of(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    return fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
}

int whole_write(int fd, const char *text, size_t len)
{
    off_t start = start_of(fd);
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(fd, text + done, len - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {fd, POLLOUT, 0};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            int code = -errno;
            if (done > 0 && start >= 0 && ftruncate(fd, start) == 0)
                lseek(fd, start, SEEK_SET);
            return code;
        }
    }
    return 0;
}
