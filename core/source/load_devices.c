// SPDX-License-Identifier: MIT
#include "core/source/load_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_load.h"
#include "core/find/process_list.h"
#include "core/source/device_links.h"

#define FIND_TICKS 16 /* where the kernel does not tell that a descriptor came */
#define SPACE_MAX  32 /* "net:[4026531840]" */

struct load_devices {
    bool is_found;     /* @links and @cause are known */
    uint64_t fd_count; /* as it was then; 0 = not known */
    struct device_links links;
    enum reading_cause cause;               /* why there are none; CAUSE_NONE: there are */
    char space[SPACE_MAX];                  /* network name space; "" = not known */
    struct kept_file stats[IO_DEVICES_MAX]; /* of the block devices among @links */
};

struct load_devices *load_devices_new(void)
{
    struct load_devices *d = calloc(1, sizeof(*d));

    for (size_t i = 0; d != NULL && i < IO_DEVICES_MAX; i++)
        d->stats[i] = KEPT_NONE;
    return d;
}

static void forget(struct load_devices *d)
{
    device_links_done(&d->links);
    for (size_t i = 0; i < IO_DEVICES_MAX; i++)
        kept_drop(&d->stats[i]);
    d->is_found = false;
}

void load_devices_free(struct load_devices *d)
{
    if (d == NULL)
        return;
    forget(d);
    free(d);
}

/* --- which there are -------------------------------------------------------------------------- */

void load_devices_drop(struct vm *vm)
{
    vm_devices_list_free(vm->devices, vm->device_count);
    vm->devices = NULL;
    vm->device_count = 0;
}

static int copy_list(const struct device_links *links, struct vm *vm)
{
    load_devices_drop(vm);
    vm->devices = calloc(links->count + 1, sizeof(*vm->devices));
    for (size_t i = 0; vm->devices != NULL && i < links->count; i++) {
        struct vm_device *device = &vm->devices[i];
        device->kind = links->at[i].kind;
        device->is_read_only = links->at[i].is_read_only;
        device->name = strdup(links->at[i].name);
        if (device->name == NULL)
            break;
        vm->device_count++;
    }
    if (vm->devices != NULL && vm->device_count == links->count)
        return 0;
    load_devices_drop(vm);
    return -ENOMEM;
}

static void read_space(const struct load_env *env, pid_t pid, char ret[SPACE_MAX])
{
    char path[64];

    snprintf(path, sizeof(path), "proc/%d/ns/net", (int)pid);
    if (rootfs_readlink(env->root, path, ret, SPACE_MAX) < 0)
        ret[0] = '\0';
}

int load_devices_find(struct load_devices *d, const struct load_env *env, struct vm *vm)
{
    pid_t pid = vm->id.pid;

    beacon_at(env->beacon, pid, BEACON_LIST_FDS);
    uint64_t count = process_list_fd_count(env->root, pid);
    bool is_due = load_is_due(env, vm_spread(&vm->id), FIND_TICKS);
    if (d->is_found && count == d->fd_count && !is_due)
        return 0;
    forget(d);
    int result = device_links_find(env->root, env->beacon, pid, &d->links);
    if (result == 0)
        result = copy_list(&d->links, vm);
    else
        load_devices_drop(vm);
    if (result == -ENOMEM) {
        forget(d);
        return result;
    }
    d->cause = result < 0 ? reading_cause_of_error(result, CAUSE_NO_PERMISSION) : CAUSE_NONE;
    d->fd_count = count;
    d->is_found = true;
    read_space(env, pid, d->space);
    return 0;
}

/* --- what they count -------------------------------------------------------------------------- */

static void fill(struct sample_device *device, struct reading reading)
{
    for (size_t c = 0; c < IO_COUNTER_COUNT; c++)
        device->counts[c] = reading;
}

/* What a tap received came from the guest; what a macvtap received is for it. */
static void take_net(const struct net_device *from, struct sample_device *to)
{
    bool is_tap = to->kind == IO_DEVICE_TAP;
    enum io_counter rx = is_tap ? IO_OUT_BYTES : IO_IN_BYTES,
                    tx = is_tap ? IO_IN_BYTES : IO_OUT_BYTES;

    to->counts[rx] = reading_ok(from->rx_bytes, SOURCE_PROC);
    to->counts[rx + 1] = reading_ok(from->rx_packets, SOURCE_PROC);
    to->counts[rx + 2] = reading_ok(from->rx_drops, SOURCE_PROC);
    to->counts[tx] = reading_ok(from->tx_bytes, SOURCE_PROC);
    to->counts[tx + 1] = reading_ok(from->tx_packets, SOURCE_PROC);
    to->counts[tx + 2] = reading_ok(from->tx_drops, SOURCE_PROC);
}

static void read_net(const struct load_devices *d, const struct device_link *link,
                     const struct load_env *env, struct net_names *names, uint64_t (*now_ns)(void),
                     pid_t pid, struct sample_device *device)
{
    const struct net_table *table = NULL;
    const struct net_device *found = NULL;

    int result = net_names_of(names, env, pid, d->space, now_ns, &table, &device->time_ns);
    if (result == 0 && link->interface[0] != '\0')
        found = net_table_find(table, link->interface);
    if (found != NULL)
        take_net(found, device);
    else
        fill(device, result < 0 ? load_failed(result) : reading_of_cause(CAUSE_OTHER_NETNS));
}

static void read_block(const struct device_link *link, const struct load_env *env,
                       struct kept_file *kept, struct sample_device *device)
{
    char path[64], text[512];
    struct block_stat stat;

    snprintf(path, sizeof(path), "sys/dev/block/%u:%u/stat", link->major, link->minor);
    ssize_t n = kept_read(env, kept, 0, path, text, sizeof(text));
    if (n < 0 || !parse_block_stat(text, &stat)) {
        fill(device, n < 0 ? load_failed((int)n) : reading_of_cause(CAUSE_NOT_IN_KERNEL));
        return;
    }
    fill(device, reading_of_cause(CAUSE_NOT_IN_KERNEL)); /* nothing is dropped */
    device->counts[IO_IN_BYTES] = reading_ok(stat.read_bytes, SOURCE_PROC);
    device->counts[IO_IN_OPS] = reading_ok(stat.reads, SOURCE_PROC);
    device->counts[IO_OUT_BYTES] = reading_ok(stat.written_bytes, SOURCE_PROC);
    device->counts[IO_OUT_OPS] = reading_ok(stat.writes, SOURCE_PROC);
}

void load_devices_read(struct load_devices *d, const struct load_env *env, struct net_names *names,
                       uint64_t (*now_ns)(void), struct sample_vm *sv)
{
    if (d == NULL || !d->is_found || d->cause != CAUSE_NONE) {
        struct reading missing =
            reading_of_cause(d != NULL && d->is_found ? d->cause : CAUSE_READ_ERROR);
        sv->gauges[VM_DEVICES_FOUND] = sv->gauges[VM_VHOST_NETS] = missing;
        return;
    }
    sv->gauges[VM_DEVICES_FOUND] = reading_ok(d->links.found, SOURCE_PROC);
    sv->gauges[VM_VHOST_NETS] = reading_ok(d->links.vhost_nets, SOURCE_PROC);
    for (size_t i = 0; i < sv->device_count && i < d->links.count; i++) {
        struct sample_device *device = &sv->devices[i];
        device->time_ns = now_ns();
        if (io_device_kind_is_net((enum io_device_kind)device->kind))
            read_net(d, &d->links.at[i], env, names, now_ns, sv->id.pid, device);
        else if (device->kind == IO_DEVICE_BLOCK)
            read_block(&d->links.at[i], env, &d->stats[i], device);
        else
            fill(device, reading_of_cause(CAUSE_FILE_NOT_COUNTED));
    }
}

/* --- storage ---------------------------------------------------------------------------------- */

void load_storage(const struct load_env *env, struct kept_file *io, pid_t pid,
                  struct reading gauges[VM_GAUGE_COUNT])
{
    static const struct {
        enum vm_gauge gauge;
        const char *key;
    } keys[] = {{VM_STORAGE_READ_BYTES, "read_bytes:"}, {VM_STORAGE_WRITTEN_BYTES, "write_bytes:"}};
    char path[64], text[1024];
    uint64_t bytes;

    snprintf(path, sizeof(path), "proc/%d/io", (int)pid);
    ssize_t n = kept_read(env, io, 0, path, text, sizeof(text));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        gauges[keys[i].gauge] = n == -ENOENT ? reading_of_cause(CAUSE_NOT_IN_KERNEL)
                                : n < 0      ? load_failed((int)n)
                                : parse_key_number(text, keys[i].key, &bytes)
                                    ? reading_ok(bytes, SOURCE_PROC)
                                    : reading_of_cause(CAUSE_NOT_IN_KERNEL);
}
