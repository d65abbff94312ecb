// SPDX-License-Identifier: MIT
/*
 * Two filters. The first knows the calls that a program of ours makes, and answers all others with
 * ENOSYS: a C library that tries a newer call then takes the older one, while EPERM would make it
 * fail, and a call that comes with a later kernel is refused before anybody has heard of it. The
 * second answers with EPERM what a role may not do. The kernel takes the stricter answer, and of
 * two errors that of the filter that came last.
 */
#include "core/privilege/privilege_calls.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "core/privilege/privilege_internal.h"

#define LOWER_HALF UINT64_C(0xffffffff) /* all that the kernel looks at of an int */

/* Refused: a positive number in this architecture. Others are not there. */
static int number_of(const char *call)
{
    return seccomp_syscall_resolve_name(call);
}

static struct scmp_arg_cmp compare(const struct privilege_refusal *row)
{
    struct scmp_arg_cmp cmp = {.arg = row->argument, .op = SCMP_CMP_MASKED_EQ};

    switch (row->when) {
    case WHEN_ALL_BITS:
        cmp.datum_a = cmp.datum_b = row->value;
        break;
    case WHEN_NO_BITS:
        cmp.datum_a = row->value;
        break;
    case WHEN_EQUAL:
        cmp.datum_a = LOWER_HALF;
        cmp.datum_b = row->value;
        break;
    case WHEN_BELOW:
        cmp.op = SCMP_CMP_LT;
        cmp.datum_a = row->value;
        break;
    case WHEN_ABOVE:
        cmp.op = SCMP_CMP_GT;
        cmp.datum_a = row->value;
        break;
    default:
        cmp.op = SCMP_CMP_NE;
        cmp.datum_a = row->when == WHEN_NOT_SELF ? (uint64_t)getpid() : row->value;
        break;
    }
    return cmp;
}

static int refuse(scmp_filter_ctx ctx, const struct privilege_refusal *row)
{
    int number = number_of(row->call);
    struct scmp_arg_cmp cmp = compare(row);

    if (number < 0)
        return 0;
    return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), number,
                                  row->when == WHEN_ALWAYS ? 0 : 1, &cmp);
}

static int add_known(scmp_filter_ctx ctx)
{
    int result = 0;

    for (const char *const *call = privilege_known_calls; *call != NULL && result == 0; call++) {
        int number = number_of(*call);
        if (number >= 0)
            result = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, number, 0, NULL);
    }
    return result;
}

static int add_refusals(scmp_filter_ctx ctx, enum privilege_role role, unsigned needs)
{
    int result = 0;

    for (const struct privilege_refusal *row = privilege_refusals; row->call != NULL && result == 0;
         row++)
        if ((row->roles & 1u << role) && !(row->unless & needs))
            result = refuse(ctx, row);
    return result;
}

/* NULL: no memory. Nothing dies of a refusal, not even a program of another architecture. */
static scmp_filter_ctx new_filter(uint32_t otherwise)
{
    scmp_filter_ctx ctx = seccomp_init(otherwise);

    if (ctx == NULL)
        return NULL;
    if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) < 0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) < 0) {
        seccomp_release(ctx);
        return NULL;
    }
    /* A binary tree instead of a list, and the kernel's own errno: both came with 2.5. */
    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
    return ctx;
}

/* Not built in, or refused by a filter around this process. Also an emulator, which has none. */
static bool is_gap(int code)
{
    return code == -EINVAL || code == -ENOSYS || code == -EPERM || code == -EACCES;
}

int privilege_calls_restrict(enum privilege_role role, unsigned needs, struct error *err)
{
    scmp_filter_ctx known = new_filter(SCMP_ACT_ERRNO(ENOSYS));
    scmp_filter_ctx refused = new_filter(SCMP_ACT_ALLOW);
    int result = known == NULL || refused == NULL ? -ENOMEM : add_known(known);

    if (result == 0)
        result = add_refusals(refused, role, needs);
    bool made = result == 0;
    if (result == 0)
        result = seccomp_load(known);
    if (result == 0)
        result = seccomp_load(refused);
    seccomp_release(known);
    seccomp_release(refused);
    if (result == 0)
        return 0;
    if (made && is_gap(result))
        return PRIVILEGE_NO_FILTER;
    return error_set(err, result, "cannot restrict system calls (seccomp): %s", strerror(-result));
}
