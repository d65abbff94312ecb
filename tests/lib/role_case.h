/* SPDX-License-Identifier: MIT */
/*
 * A process enters a role of core/privilege, and something is looked at in it. Each case is a
 * process of its own, for nothing that is given up comes back.
 */
#ifndef KVMLENS_TESTS_LIB_ROLE_CASE_H
#define KVMLENS_TESTS_LIB_ROLE_CASE_H

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "core/privilege/privilege.h"

#define ROLE_OTHER_FD 77
#define ROLE_OTHER_BYTE 0x5a
/* The capabilities of the systemd units. */
#define ROLE_OF_UNIT                                                                               \
    (PRIVILEGE_CAP(CAP_SYS_PTRACE) | PRIVILEGE_CAP(CAP_DAC_READ_SEARCH) |                          \
     PRIVILEGE_CAP(CAP_CHECKPOINT_RESTORE))

/* Who the process is before it enters a role. UNIT_USER is as a unit has it, with ambient
 * capabilities; PLAIN_USER has none. */
enum role_user { ROOT, UNIT_USER, PLAIN_USER, USERS };

struct role_case {
    enum privilege_role role;
    enum privilege_level level;
    enum role_user user;
    const struct privilege_places *places;
    const char *private_dir; /* only its owner may look into it */
    pid_t other;    /* a process of root that waits: ROLE_OTHER_FD holds "foreign", and a page */
    void *page;     /* at this address is full of ROLE_OTHER_BYTE */
    pid_t own;      /* such a process too, but of the user of the case */
    bool inherited; /* it is a child of the supervisor */
};

/* Runs in the process. What is wrong goes into @say, a line; "skip: " and why where it could not
 * look; nothing where all was well. */
typedef void role_look(const struct role_case *s, char *say, size_t size);

/* For a role_look: the first thing that is wrong stays. */
#define SAY(...)                                                                                   \
    do {                                                                                           \
        if (say[0] == '\0')                                                                        \
            snprintf(say, size, __VA_ARGS__);                                                      \
    } while (0)
#define REFUSED(call)                                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if ((call) != -1 || errno != EPERM)                                                        \
            SAY("%s: %s, not EPERM", #call, errno == 0 ? "done" : strerror(errno));                \
    } while (0)
#define DONE(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if ((call) < 0)                                                                            \
            SAY("%s: %s", #call, strerror(errno));                                                 \
    } while (0)

/* role_check - a child becomes s->user, enters the role and looks: fails the test with what it
 * says, or prints why it was skipped. */
void role_check(const struct role_case *s, role_look *look);

/* role_check_users - as each user that this process can become; it says so where that is none but
 * itself. */
void role_check_users(struct role_case s, role_look *look);

/* role_look_in_child - a role_look of the supervisor: one of its children takes another role. */
void role_look_in_child(const struct role_case *s, enum privilege_role role, role_look *look,
                        char *say, size_t size);

/* role_is_root - does this process have all that it takes to be the users above? */
bool role_is_root(void);

/* Set-up and tear-down of a group: *state is a struct role_case with s->other and s->page. */
int role_with_other(void **state);
int role_without_other(void **state);

#endif
