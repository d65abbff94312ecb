// SPDX-License-Identifier: MIT
#include "ui/app/stdio_guard.h"

#include <errno.h>
#include <fcntl.h>

int stdio_guard(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* open(2) takes the lowest free number, which is this one. */
        if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return -errno;
    }
    return 0;
}
