/* SPDX-License-Identifier: MIT */
/*
 * What the user wants to see: which VMs, which fields.
 *
 * A choice is a criterion, not a list of VMs: a log that follows a name goes on when the VM of that
 * name is started again.
 */
#ifndef KVMLENS_UI_CHOOSE_FILTER_H
#define KVMLENS_UI_CHOOSE_FILTER_H

#include <regex.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/model/snapshot.h"

/* As it was given on the command line. Strings are borrowed; NULL or 0: not given. */
struct filter_choice {
    const char *vm;     /* pid, pid:fd or name */
    pid_t pid;
    const char *guest;  /* a name, also one that looks like a number */
    const char *fields; /* an extended regular expression */
};

struct filter {
    pid_t pid;        /* 0 = any */
    int vm_fd;        /* -1 = any; only with pid */
    const char *name; /* NULL = any; borrowed */
    bool has_regex;
    regex_t regex;
};

/*
 * filter_open - of pid, guest and vm at most one is given.
 * Returns 0, or -EINVAL with a sentence (exit status 2). Ends with filter_close (NULL ok).
 */
int filter_open(const struct filter_choice *choice, struct filter *ret, struct error *err);
void filter_close(struct filter *filter);

/* filter_vm - is it one of the chosen? A name matches as shown and as the VMM gave it. */
bool filter_vm(const struct filter *filter, const struct snapshot_vm *vm);

/* filter_all_vms - was no choice of VMs made? */
bool filter_all_vms(const struct filter *filter);

/* filter_field - the regular expression matches anywhere in the name; anchor it with ^ and $. */
bool filter_field(const struct filter *filter, const struct field *field);

/*
 * filter_check - does the choice fit this host?
 * 0; -ESRCH with a sentence when VMs were chosen and none is there; -ENOTUNIQ with a sentence that
 * lists them when a name means several VMs; -EINVAL when no field can match. The last two are
 * wrong usage; -ENOENT, which a tick can end with as well, is not.
 */
int filter_check(const struct filter *filter, const struct snapshot *s, struct error *err);

/* filter_no_field - are there fields, but not one that the regular expression matches? */
bool filter_no_field(const struct filter *filter, const struct snapshot *s);

/*
 * filter_find - the first chosen VM of a snapshot, or NULL; for the screen that opens at one VM.
 */
const struct snapshot_vm *filter_find(const struct filter *filter, const struct snapshot *s);

#endif
