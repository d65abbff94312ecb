// SPDX-License-Identifier: MIT
#include "core/base/whole_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the record will begin, or -1 when @fd is not a regular file. */
static off_t start_of(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    return fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
}

/* Waits until @fd takes something. 0; -EINTR: it does not, and @stop_fd says to end; or -EIO. */
static int wait_to_write(int fd, int stop_fd)
{
    struct pollfd p[] = {{fd, POLLOUT, 0}, {stop_fd, POLLIN, 0}};

    while (poll(p, 2, -1) < 0)
        if (errno != EINTR) /* that is a stopped and continued process */
            return -EIO;
    return p[0].revents != 0 ? 0 : -EINTR;
}

int whole_write(int fd, const char *text, size_t len)
{
    return whole_write_until(fd, text, len, -1);
}

int whole_write_until(int fd, const char *text, size_t len, int stop_fd)
{
    off_t start = start_of(fd);
    /* A pipe that is ready takes this much without waiting. */
    size_t most = start < 0 && stop_fd >= 0 ? PIPE_BUF : len;
    size_t done = 0;

    while (done < len) {
        int result = start < 0 && stop_fd >= 0 ? wait_to_write(fd, stop_fd) : 0;
        if (result < 0)
            return result;
        ssize_t n = write(fd, text + done, len - done < most ? len - done : most);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            result = wait_to_write(fd, stop_fd);
            if (result < 0)
                return result;
        } else if (errno != EINTR) {
            int code = -errno;
            if (done > 0 && start >= 0 && ftruncate(fd, start) == 0)
                lseek(fd, start, SEEK_SET);
            return code;
        }
    }
    return 0;
}
