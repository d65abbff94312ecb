// SPDX-License-Identifier: MIT
#include <limits.h>
#include <sys/resource.h>

#include "core/source/source.h"

#define ROW(id, name, brief, gives) &source_##name,
const struct source_ops *const source_table[] = {SOURCES(ROW) NULL};

int source_keep_below(void)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)(limit.rlim_cur / 2);
}
