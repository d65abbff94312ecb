/* SPDX-License-Identifier: MIT */
/*
 * Which devices and files are behind the descriptors of a process. Part of load_devices.
 *
 * Links are text of the kernel's: a path in the process's own name space, which its owner chose.
 * What makes a tap is not its path but that the kernel names an interface of it. Whether something
 * below /dev is a block device is asked of the kernel alone (rootfs_stat_block). A file is taken
 * for an image when it is read, and is neither a directory nor a lock file of a process. Files of a
 * file server are not asked for anything, so their size is not known.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_DEVICE_LINKS_H
#define KVMLENS_CORE_SOURCE_DEVICE_LINKS_H

#include "core/base/beacon.h"
#include "core/base/parse_io.h"
#include "core/base/rootfs.h"
#include "core/model/reading.h"
#include "core/model/vm_io.h"

struct device_link {
    char *name;   /* cleaned */
    uint8_t kind; /* enum io_device_kind */
    bool is_read_only;
    char interface[NET_NAME_MAX]; /* of network devices, as the kernel has it; "" = not known */
    unsigned major, minor;        /* of block devices */
};

struct device_links {
    struct device_link *at; /* by kind, then name; each once */
    size_t count;           /* at most IO_DEVICES_MAX */
    size_t found;           /* of how many */
    unsigned vhost_nets;
};

/* What a link leads to, as far as its text tells. */
enum link_kind {
    LINK_OTHER,
    LINK_TUN, /* if the kernel names an interface */
    LINK_MACVTAP,
    LINK_VHOST_NET,
    LINK_DEVICE, /* below /dev, of some other kind */
    LINK_FILE,   /* if it is open for reading */
};

/* device_link_kind - pure. */
enum link_kind device_link_kind(const char *link);

/*
 * device_links_find - 0, -ENOMEM, or why the descriptors of @pid could not be listed. @ret is set
 * on success only, and ends with device_links_done.
 */
int device_links_find(const struct rootfs *root, struct beacon *beacon, pid_t pid,
                      struct device_links *ret);
void device_links_done(struct device_links *links);

#endif
