/* SPDX-License-Identifier: MIT */
/*
 * Which VMM a process is and what it calls its VM, from its command line. Pure, any thread.
 */
#ifndef KVMLENS_CORE_FIND_VMM_NAME_H
#define KVMLENS_CORE_FIND_VMM_NAME_H

#include <stddef.h>

/*
 * vmm_name - name of the VM, as given: any byte but NUL, not cleaned.
 *
 * @comm:    name of the process, the fall-back for a VM without a name
 * @cmdline: @len bytes of /proc/PID/cmdline, arguments end with NUL (the last may lack it)
 * @ret:     NUL-terminated, cut at @size - 1; empty only when @comm is
 *
 * Understands the options of the VMMs of core/model/vmm.h, with one dash or two. Returns the name
 * of the VMM there, else "other".
 */
const char *vmm_name(const char *comm, const char *cmdline, size_t len, char *ret, size_t size);

#endif
