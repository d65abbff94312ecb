// SPDX-License-Identifier: MIT
#include "core/model/vm_memory.h"

const char *huge_kind_name(enum huge_kind kind)
{
    static const char *const names[HUGE_KIND_COUNT] = {
        [HUGE_UNKNOWN] = "",        [HUGE_NONE] = "none", [HUGE_THP] = "thp",
        [HUGE_HUGETLB] = "hugetlb", [HUGE_BOTH] = "both",
    };
    return names[kind];
}
