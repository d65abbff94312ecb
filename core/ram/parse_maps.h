/* SPDX-License-Identifier: MIT */
/*
 * Parser of /proc/PID/maps and /proc/PID/smaps: text in, one mapping at a time out.
 *
 * Pure and total: any bytes give a mapping, the end or -EBADMSG. Nothing is allocated; names point
 * into the text. Of the smaps lines only page size, resident size and VmFlags are kept.
 *
 * Source: Documentation/filesystems/proc.rst, sections 1.1 (maps, smaps, VmFlags).
 */
#ifndef KVMLENS_CORE_RAM_PARSE_MAPS_H
#define KVMLENS_CORE_RAM_PARSE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum maps_flag {
    MAPS_READ = 1u << 0,
    MAPS_WRITE = 1u << 1,
    MAPS_EXEC = 1u << 2,
    MAPS_SHARED = 1u << 3,
    /* From VmFlags, so in smaps only. */
    MAPS_DONTFORK = 1u << 8,  /* dc: MADV_DONTFORK */
    MAPS_IO = 1u << 9,        /* io: device memory */
    MAPS_PFNMAP = 1u << 10,   /* pf: bare page frames, no struct page */
    MAPS_HUGETLB = 1u << 11,  /* ht: hugetlbfs */
    MAPS_UFFD_MISSING = 1u << 12, /* um */
    MAPS_UFFD_WP = 1u << 13,      /* uw */
    MAPS_UFFD_MINOR = 1u << 14,   /* ui */
    MAPS_MIXED = 1u << 15,    /* mm: page frames and pages mixed */
    MAPS_LOCKED = 1u << 16,   /* lo: mlock */
    MAPS_HAS_VMFLAGS = 1u << 30, /* the line was there: a flag not set means "is not" */
};
#define MAPS_UFFD (MAPS_UFFD_MISSING | MAPS_UFFD_WP | MAPS_UFFD_MINOR)

struct maps_entry {
    uint64_t start, end; /* addresses, start < end */
    uint64_t offset;     /* bytes into the file */
    uint64_t inode;      /* 0: anonymous */
    uint32_t dev_major, dev_minor;
    uint32_t flags;        /* set of enum maps_flag */
    uint64_t page_bytes;   /* KernelPageSize; 0 in maps */
    uint64_t rss_bytes;    /* Rss and hugetlbfs pages; 0 in maps */
    /* as printed (backslash octal for newlines), not NUL-terminated; never NULL */
    const char *name;
    size_t name_len;       /* 0: anonymous without a name */
};

struct maps_cursor {
    const char *at, *end;
};

/* parse_maps_begin - walk over @len bytes at @text, which must stay while names are used. */
struct maps_cursor parse_maps_begin(const char *text, size_t len);

/*
 * parse_maps_next - the next mapping of either file.
 * Returns 1 with *@ret filled, 0 at the end, -EBADMSG at a line that is neither the start of a
 * mapping nor belongs to one, or when addresses do not ascend within the mapping.
 */
int parse_maps_next(struct maps_cursor *cursor, struct maps_entry *ret);

/* parse_maps_name_begins - does the name begin with @text? " (deleted)" at its end is no part. */
bool parse_maps_name_begins(const struct maps_entry *entry, const char *text);

/*
 * parse_maps_is_guard - a few inaccessible pages of no file: QEMU has one behind each RAM block, a
 * thread's stack has one in front. Up to 64 KiB, the largest page of a host and more than glibc's.
 */
bool parse_maps_is_guard(const struct maps_entry *entry);

#endif
