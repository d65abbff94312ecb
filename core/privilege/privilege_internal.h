/* SPDX-License-Identifier: MIT */
/*
 * The steps of privilege_enter() (core/privilege/privilege.h), each in a file of its own.
 */
#ifndef KVMLENS_CORE_PRIVILEGE_PRIVILEGE_INTERNAL_H
#define KVMLENS_CORE_PRIVILEGE_PRIVILEGE_INTERNAL_H

#include "core/privilege/privilege.h"

/*
 * privilege_caps_keep - of the permitted capabilities only those in @keep stay; in force when
 * @effective. 0, or a negative errno with a sentence.
 */
int privilege_caps_keep(uint64_t keep, bool effective, struct error *err);

/* What only some runs need. */
enum privilege_need {
    NEED_WRITE = 1 << 0,      /* of the front end: to open files for writing, rename, remove */
    NEED_SAVED_TREE = 1 << 1, /* of the others: openat2 */
    NEED_BPF = 1 << 2,        /* of collector and scanner: to ask BPF programs that are loaded */
};

/*
 * privilege_calls_restrict - system calls are refused from now on: those named for @role with
 * EPERM, and those that nobody has heard of with ENOSYS, on which a C library falls back.
 *
 * @needs: bits of enum privilege_need.
 * 0, PRIVILEGE_NO_FILTER, or a negative errno with a sentence.
 */
int privilege_calls_restrict(enum privilege_role role, unsigned needs, struct error *err);

/*
 * privilege_places_restrict - files may be written, made and removed in these places only
 * (Landlock). What cannot be reached is left out, for nothing can be written there either.
 *
 * Needs no_new_privs. 0, PRIVILEGE_NO_LANDLOCK, or a negative errno with a sentence.
 */
int privilege_places_restrict(const struct privilege_places *places, struct error *err);

/* privilege_place_writable - may this process, as it is, write there? */
bool privilege_place_writable(const char *path);

/* privilege_place_lost - the sentence for a place that can no longer be written: -EACCES. */
int privilege_place_lost(const char *path, struct error *err);

#endif
