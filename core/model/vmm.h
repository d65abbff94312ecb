/* SPDX-License-Identifier: MIT */
/*
 * The VMMs that are known: one row each says how one is recognised, what it calls its VMs and its
 * vCPU threads, and what its guest RAM looks like from outside. Pure, any thread.
 */
#ifndef KVMLENS_CORE_MODEL_VMM_H
#define KVMLENS_CORE_MODEL_VMM_H

#include <stdbool.h>
#include <stddef.h>

#define VMM_PROGRAMS_MAX 6
#define VMM_NAMINGS_MAX  4

/* How the value of a naming option is to be read. */
enum vmm_name_form {
    VMM_NAME_PLAIN,  /* the name itself */
    VMM_NAME_QEMU,   /* comma list, "guest=" or the first item without a key; ",," is a comma */
    VMM_NAME_SOCKET, /* a path, perhaps "path=..."; the file name without .sock or .socket */
};

/* Arrays end with a NULL unless they are full; what a VMM does not have is NULL. */
struct vmm {
    const char *name;                       /* as users see it */
    const char *programs[VMM_PROGRAMS_MAX]; /* file name; a trailing '*' matches the rest */
    struct {
        const char *option; /* without dashes */
        enum vmm_name_form form;
    } namings[VMM_NAMINGS_MAX]; /* best first */
    struct {
        const char *prefix, *suffix; /* the number of the vCPU stands between them; NULL: nothing */
    } vcpu_thread;
    struct {
        const char *mapping; /* how the name of guest RAM begins in /proc/PID/maps */
        const char *rule;    /* what a region chosen by that name is said to be chosen by */
    } ram;
    /*
     * Guest RAM is made of QEMU's blocks: marked dontfork, with a guard page behind each, as much
     * as -m says.
     */
    bool has_ram_blocks;
};

/* Ends with a row without a name. */
extern const struct vmm vmm_table[];

/* Any other: nothing is known of it. */
extern const struct vmm vmm_other;

/* vmm_of_program - the VMM whose program has this file name, @len bytes; NULL: none of them. */
const struct vmm *vmm_of_program(const char *file_name, size_t len);

/* vmm_by_name - the row of that name, or vmm_other. */
const struct vmm *vmm_by_name(const char *name);

#endif
