/* SPDX-License-Identifier: MIT */
/*
 * Cuts up what the kernel tells of descriptors and of what is behind them: network devices, block
 * devices; and which CPUs and nodes belong together. Pure: text in, numbers out. Any thread.
 *
 * Names of network devices are chosen by others.
 */
#ifndef KVMLENS_CORE_BASE_PARSE_IO_H
#define KVMLENS_CORE_BASE_PARSE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_NAME_MAX 16 /* IFNAMSIZ, the NUL included */

/* What /proc/PID/fdinfo/FD says. */
struct fd_info {
    unsigned flags;               /* of open(2): O_RDONLY, O_DIRECTORY, ... */
    char interface[NET_NAME_MAX]; /* of a tap (tun_chr_show_fdinfo in drivers/net/tun.c); "" = none
                                   */
};

/* parse_fd_info - false: not in that form. A tap that is no device yet has the interface "". */
bool parse_fd_info(const char *text, struct fd_info *ret);

/* A line of /proc/net/dev (dev_seq_printf_stats in net/core/net-procfs.c). */
struct net_device {
    const char *name; /* @length bytes in the text, any but white space, '/' and ':' */
    size_t length;    /* 1 .. NET_NAME_MAX - 1 */
    uint64_t rx_bytes, rx_packets, rx_drops, tx_bytes, tx_packets, tx_drops;
};

/* parse_net_device - the next line of *@at in that form; *@at moves behind it. False: the end. */
bool parse_net_device(const char **at, struct net_device *ret);

/* /sys/dev/block/MAJOR:MINOR/stat, see Documentation/block/stat.rst. */
struct block_stat {
    uint64_t reads, read_bytes, writes, written_bytes;
};

/* parse_block_stat - false: not in that form. */
bool parse_block_stat(const char *text, struct block_stat *ret);

/* parse_list_has_number - is @number in "0-3,8"? Up to the end of a line. */
bool parse_list_has_number(const char *list, unsigned number);

#endif
