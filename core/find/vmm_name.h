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
 * Understands QEMU (-name X, -name guest=X with doubled commas, --name, -uuid, Proxmox -id),
 * Firecracker (--id), cloud-hypervisor (name of its API socket), crosvm and kvmtool (--name).
 * Returns the VMM: "qemu", "firecracker", "cloud-hypervisor", "crosvm", "kvmtool", "kvmlens", else
 * "other".
 */
const char *vmm_name(const char *comm, const char *cmdline, size_t len, char *ret, size_t size);

#endif
