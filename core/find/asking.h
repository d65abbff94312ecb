/* SPDX-License-Identifier: MIT */
/* Of which processes something may be asked, and who wants to know of it. Used by discover only. */
#ifndef KVMLENS_CORE_FIND_ASKING_H
#define KVMLENS_CORE_FIND_ASKING_H

#include <sys/types.h>

#include "core/base/beacon.h"
#include "core/model/shun.h"

struct asking {
    struct beacon *beacon;           /* says which one is looked at; NULL: nobody wants to know */
    const struct shun_list *shunned; /* left alone; may be NULL */
    pid_t only;                      /* all but this one are; 0 = none more */
};

#endif
