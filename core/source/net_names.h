/* SPDX-License-Identifier: MIT */
/*
 * Load: counts of network devices, of each network name space once in a tick, however many VMs are
 * in it: one file has all of them. Part of load_devices.
 *
 * Kernel: dev_seq_show in net/core/net-procfs.c. Nobody enters a name space for it: /proc/PID/net
 * is that of the process.
 *
 * Main thread.
 */
#ifndef KVMLENS_CORE_SOURCE_NET_NAMES_H
#define KVMLENS_CORE_SOURCE_NET_NAMES_H

#include "core/base/parse_io.h"
#include "core/source/load_env.h"

struct net_names;

/* net_names_new - NULL: no memory. net_names_free: NULL ok. */
struct net_names *net_names_new(void);
void net_names_free(struct net_names *names);

/* net_names_begin - before the VMs of a tick: what was read is forgotten. */
void net_names_begin(struct net_names *names);

/* What is known of the network devices of one name space; until the next tick. */
struct net_table;

/*
 * net_names_of - those of process @pid. @space: text of /proc/PID/ns/net, which processes of one
 * name space share; "" = not known. 0 or a negative errno; *@ret_ns: when they were read.
 */
int net_names_of(struct net_names *names, const struct load_env *env, pid_t pid, const char *space,
                 uint64_t (*now_ns)(void), const struct net_table **ret, uint64_t *ret_ns);

/* net_table_find - the device of that name, as the kernel has it, or NULL. */
const struct net_device *net_table_find(const struct net_table *table, const char *name);

#endif
