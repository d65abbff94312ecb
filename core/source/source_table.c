// SPDX-License-Identifier: MIT
#include <limits.h>
#include <sys/resource.h>

#include "core/source/source.h"

const struct source_ops *const source_table[] = {&source_statsfd, &source_debugfs, &source_proc,
                                                 NULL};

int source_keep_below(void)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)(limit.rlim_cur / 2);
}
