// SPDX-License-Identifier: MIT
#include "core/privilege/privilege_internal.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static int fail(struct error *err, const char *what)
{
    int code = errno != 0 ? -errno : -EPERM;

    return error_set(err, code,
                     "cannot %s: %s; the system call filter of a unit has to allow capset "
                     "(--privileges=off leaves capabilities as they are)",
                     what, strerror(-code));
}

/* The kernel may know fewer capabilities than we do, or more. */
static bool known(unsigned cap)
{
    return prctl(PR_CAPBSET_READ, (unsigned long)cap, 0, 0, 0) >= 0;
}

/* What a capability that is gone from here can never give back, not even a file that has it. */
static int cut_bounding_set(uint64_t keep, struct error *err)
{
    if (!capng_have_capability(CAPNG_PERMITTED, CAP_SETPCAP))
        return 0; /* without exec and with no_new_privs the set has no effect anyway */
    /* The supervisor's children have it, but not in force. */
    if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_SETPCAP) < 0 ||
        capng_apply(CAPNG_SELECT_CAPS) < 0)
        return fail(err, "raise CAP_SETPCAP");
    for (unsigned cap = 0; cap < 64 && known(cap); cap++)
        if (!(keep & PRIVILEGE_CAP(cap)) && capng_update(CAPNG_DROP, CAPNG_BOUNDING_SET, cap) < 0)
            return fail(err, "cut the bounding set");
    if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
        return fail(err, "cut the bounding set");
    return 0;
}

uint64_t privilege_held(void)
{
    uint64_t held = 0;

    if (capng_get_caps_process() < 0)
        return 0;
    for (unsigned cap = 0; cap < 64 && known(cap); cap++)
        if (capng_have_capability(CAPNG_PERMITTED, cap))
            held |= PRIVILEGE_CAP(cap);
    return held;
}

int privilege_raise(uint64_t caps, struct error *err)
{
    uint64_t have = privilege_held() & caps;

    errno = 0;
    for (unsigned cap = 0; cap < 64; cap++)
        if ((have & PRIVILEGE_CAP(cap)) && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, cap) < 0)
            return fail(err, "choose capabilities");
    if (have != 0 && capng_apply(CAPNG_SELECT_CAPS) < 0)
        return fail(err, "raise capabilities");
    return 0;
}

int privilege_caps_keep(uint64_t keep, bool effective, struct error *err)
{
    errno = 0;
    if (capng_get_caps_process() < 0)
        return fail(err, "read the capabilities of this process");
    int result = cut_bounding_set(keep, err);
    if (result < 0)
        return result;
    uint64_t have = privilege_held();
    capng_clear(CAPNG_SELECT_CAPS);
    for (unsigned cap = 0; cap < 64; cap++)
        if ((have & keep & PRIVILEGE_CAP(cap)) &&
            capng_update(CAPNG_ADD, effective ? CAPNG_PERMITTED | CAPNG_EFFECTIVE : CAPNG_PERMITTED,
                         cap) < 0)
            return fail(err, "choose capabilities");
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return fail(err, "give up capabilities");
    /* Those that are not inheritable are not ambient either; said all the same. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return fail(err, "give up ambient capabilities");
    return 0;
}
