/* SPDX-License-Identifier: MIT */
/*
 * What a process may do once it has started: its capabilities, the system calls it may make, the
 * places it may write to. One call in each process, after what needs more is done.
 *
 * The table of roles is in core/privilege/README.md. What is given up cannot be had back.
 */
#ifndef KVMLENS_CORE_PRIVILEGE_PRIVILEGE_H
#define KVMLENS_CORE_PRIVILEGE_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

enum privilege_level {
    PRIVILEGE_STRICT, /* capabilities, system calls and places to write to */
    PRIVILEGE_BASIC,  /* capabilities only; the front end keeps CAP_DAC_OVERRIDE */
    PRIVILEGE_OFF,    /* nothing is changed */
    PRIVILEGE_LEVELS
};

enum privilege_role {
    ROLE_FRONT,      /* terminal, options, reports */
    ROLE_SUPERVISOR, /* starts and ends the others; reads nothing foreign */
    ROLE_COLLECTOR,  /* counters */
    ROLE_SCANNER,    /* guest memory */
    ROLE_COUNTER,    /* exits: reads and cleans the maps of its BPF programs, and nothing else */
    PRIVILEGE_ROLES
};

#define PRIVILEGE_CAP(cap) (UINT64_C(1) << (cap))

/*
 * What a role holds: masks of PRIVILEGE_CAP. A capability that the process does not have is not
 * kept. The bounding set is cut to @permitted where the process has CAP_SETPCAP; nothing stays
 * inheritable or ambient.
 */
struct privilege_row {
    const char *name;
    uint64_t permitted[PRIVILEGE_LEVELS]; /* of PRIVILEGE_OFF: not looked at */
    bool effective;                       /* they are in force, not only there to be handed on */
};

extern const struct privilege_row privilege_table[PRIVILEGE_ROLES];

/* The words of --privileges in the order of enum privilege_level; NULL ends them. */
extern const char *const privilege_words[];

/*
 * Where the front end writes: a directory in which it makes, replaces, writes and removes files
 * (it may be missing: then the nearest directory above it), or something that is there and is no
 * directory, such as a pipe, which it only opens and writes.
 */
struct privilege_place {
    const char *path; /* borrowed during the call */
    bool needed;      /* privilege_enter fails when the capabilities were what made it writable */
};

struct privilege_places {
    const struct privilege_place *list;
    size_t count;
    bool saved_tree; /* all that is read lies in a saved tree, for which core/base/rootfs.c takes
                        openat2: of its flags a filter sees nothing, so else it is refused */
    bool bpf; /* of collector and scanner: programs are loaded. To be asked they need a link and an
                 iterator, so of bpf(2) these two stay; else all of it is refused */
    bool admin; /* of the supervisor: PRIVILEGE_ADMIN_CAP stays permitted, for its children put it
                   in force before they enter their role */
};

/* What it takes to load a BPF program that looks at other processes. */
#define PRIVILEGE_BPF_CAPS (PRIVILEGE_CAP(38 /* CAP_PERFMON */) | PRIVILEGE_CAP(39 /* CAP_BPF */))

/*
 * What it takes beside them to attach programs to trace events: to read tracefs, whose directory is
 * root's, and on kernels like Debian's CAP_SYS_ADMIN to open such an event.
 */
#define PRIVILEGE_TRACEFS_CAP PRIVILEGE_CAP(2 /* CAP_DAC_READ_SEARCH */)
#define PRIVILEGE_ADMIN_CAP   PRIVILEGE_CAP(21 /* CAP_SYS_ADMIN */)

/* What the kernel does not offer, or does not let this process have: bits of a result. */
enum privilege_gap {
    PRIVILEGE_NO_FILTER = 1 << 0,   /* seccomp: system calls are not restricted */
    PRIVILEGE_NO_LANDLOCK = 1 << 1, /* Linux 5.13, built in and switched on: files may be written
                                       wherever the user may */
};

/*
 * privilege_enter - give up all that @role does not need at @level.
 *
 * @writable: of ROLE_FRONT, in strict: where it writes; NULL or none: nowhere. Other roles write
 *            nowhere whatever it says, and take from it whether they read a saved tree, and what
 *            they need for BPF programs.
 *
 * Called once, before the process has a second thread: capabilities and filters are a thread's
 * own. A child inherits the filter of its parent and adds its own, so what the supervisor is
 * allowed includes what its children need. Descriptors that are open stay usable.
 *
 * Returns 0, or PRIVILEGE_* bits of what could not be had, for the caller to say
 * (privilege_gap_text), or a negative errno with a sentence: the process is then half-way, and has
 * to end. -EACCES: a place that is needed can be written only with a capability that goes.
 */
int privilege_enter(enum privilege_role role, enum privilege_level level,
                    const struct privilege_places *writable, struct error *err);

/* privilege_held - PRIVILEGE_CAP mask of what this process has permitted, in force or not. */
uint64_t privilege_held(void);

/*
 * privilege_raise - put those of @caps in force that are permitted; the others stay as they are.
 * For a child of the supervisor, before privilege_enter, which takes them from it again.
 * 0, or a negative errno with a sentence.
 */
int privilege_raise(uint64_t caps, struct error *err);

/* privilege_gap_text - @gaps as a sentence without full stop; "" when there are none. */
const char *privilege_gap_text(int gaps);

/*
 * privilege_place_of - the place for a file that is to be made, replaced or appended to: the
 * directory it is in, or itself where it is there and is neither a file nor a link.
 *
 * @ret: @size bytes. Returns 0, or -ENAMETOOLONG.
 */
int privilege_place_of(const char *file, char *ret, size_t size);

/* privilege_level_find - the level that @word names: 0, or -EINVAL. */
int privilege_level_find(const char *word, enum privilege_level *ret);

#endif
