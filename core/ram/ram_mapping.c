// SPDX-License-Identifier: MIT
#include "core/ram/ram_mapping.h"

#include "core/base/text.h"

bool ram_mapping_is_device(const struct maps_entry *e)
{
    if (e->flags & (MAPS_IO | MAPS_PFNMAP))
        return true;
    if (e->flags & MAPS_HAS_VMFLAGS)
        return false;
    /* maps has no flags: go by the name */
    return parse_maps_name_begins(e, "anon_inode:") ||
           (parse_maps_name_begins(e, "/dev/") && !parse_maps_name_begins(e, "/dev/shm/") &&
            !parse_maps_name_begins(e, "/dev/zero") &&
            !parse_maps_name_begins(e, "/dev/hugepages"));
}

enum ram_backing ram_mapping_backing(const struct maps_entry *e)
{
    if ((e->flags & MAPS_HUGETLB) || e->page_bytes > RAM_PAGE_BYTES ||
        parse_maps_name_begins(e, "/anon_hugepage") || parse_maps_name_begins(e, "/dev/hugepages"))
        return RAM_HUGETLB;
    if (parse_maps_name_begins(e, "/memfd:") || parse_maps_name_begins(e, "/dev/shm/") ||
        parse_maps_name_begins(e, "/SYSV") || parse_maps_name_begins(e, "/dev/zero") ||
        parse_maps_name_begins(e, "[anon_shmem:"))
        return RAM_SHMEM;
    return e->inode == 0 ? RAM_ANON : RAM_FILE;
}

static enum ram_skip skip_of(const struct maps_entry *e)
{
    if (ram_mapping_is_device(e))
        return RAM_SKIP_DEVICE;
    if (!(e->flags & MAPS_READ))
        return RAM_SKIP_NO_ACCESS;
    return (e->flags & MAPS_UFFD) ? RAM_SKIP_UFFD : RAM_SKIP_NONE;
}

struct ram_region ram_mapping_part(const struct maps_entry *e, uint64_t start, uint64_t end,
                                   const char *rule)
{
    struct ram_region region = {
        .start = start,
        .bytes = end - start,
        .map_start = e->start,
        .map_end = e->end,
        .file_offset = e->offset + (start - e->start),
        .inode = e->inode,
        .dev_major = e->dev_major,
        .dev_minor = e->dev_minor,
        .rss_bytes = e->rss_bytes < end - start ? e->rss_bytes : end - start,
        .page_bytes = e->page_bytes != 0 ? e->page_bytes : RAM_PAGE_BYTES,
        .backing = ram_mapping_backing(e),
        .shared = (e->flags & MAPS_SHARED) != 0,
        .skip = skip_of(e),
        .rule = rule,
    };
    text_clean(e->name, e->name_len, region.name, sizeof(region.name));
    return region;
}
