/* SPDX-License-Identifier: MIT */
/*
 * Load: what a VM moves: bytes of storage, and what is behind the descriptors of its process: taps,
 * macvtaps, block devices and image files.
 *
 * Nothing that a VMM owns is opened, and no file server is asked: links of /proc/PID/fd, what
 * fdinfo says, and counts of /proc and /sys are all there is. Links are looked through when the
 * number of descriptors changed, and now and then.
 *
 * Kernel: do_io_accounting in fs/proc/base.c, tun_chr_show_fdinfo in drivers/net/tun.c,
 * diskstats in Documentation/block/stat.rst.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_LOAD_DEVICES_H
#define KVMLENS_CORE_SOURCE_LOAD_DEVICES_H

#include "core/model/sample.h"
#include "core/source/load_env.h"
#include "core/source/net_names.h"

struct load_devices; /* those of one process, kept with its first VM */

/* load_devices_new - NULL: no memory. load_devices_free: NULL ok. */
struct load_devices *load_devices_new(void);
void load_devices_free(struct load_devices *devices);

/*
 * load_devices_find - devices of @vm, before the sample of this tick is laid out. 0 or -ENOMEM;
 * then it has none. load_devices_drop: nobody wishes for them any more.
 */
int load_devices_find(struct load_devices *devices, const struct load_env *env, struct vm *vm);
void load_devices_drop(struct vm *vm);

/*
 * load_devices_read - counts of the devices of @sv, VM_DEVICES_FOUND and VM_VHOST_NETS. @devices:
 * NULL, there was no memory for them.
 */
void load_devices_read(struct load_devices *devices, const struct load_env *env,
                       struct net_names *names, uint64_t (*now_ns)(void), struct sample_vm *sv);

/* load_storage - VM_STORAGE_READ_BYTES and ..._WRITTEN_BYTES. @io: stays open; NULL: it does not.
 */
void load_storage(const struct load_env *env, struct kept_file *io, pid_t pid,
                  struct reading gauges[VM_GAUGE_COUNT]);

#endif
