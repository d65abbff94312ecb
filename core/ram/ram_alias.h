/* SPDX-License-Identifier: MIT */
/*
 * Collects the regions of a ram_map, each byte of a file once. A VMM, and whoever wants to hold us
 * up, may map one file as often as vm.max_map_count lets it: n log n in the number of mappings,
 * with memory for twice RAM_REGIONS_MAX. Pure; used by ram_select and ram_slots.
 */
#ifndef KVMLENS_CORE_RAM_RAM_ALIAS_H
#define KVMLENS_CORE_RAM_RAM_ALIAS_H

#include "core/ram/ram.h"

/*
 * ram_alias_add - one more region, in order of addresses. Sums and order of the map are void until
 * ram_alias_settle. 0 or -ENOMEM.
 */
int ram_alias_add(struct ram_map *map, const struct ram_region *region);

/*
 * ram_alias_settle - leaves out every region whose part of a file another one shows as well; of
 * equal ones that with the lowest address stays. At most RAM_REGIONS_MAX remain, the largest;
 * then sums and order are as struct ram_map says.
 */
void ram_alias_settle(struct ram_map *map);

/* ram_alias_is_view - does it show a file that another region may show as well? */
bool ram_alias_is_view(const struct ram_region *r);
bool ram_alias_is_same_file(const struct ram_region *a, const struct ram_region *b);

/* For orders of regions: a number of each; and for qsort(3) the size, then the address. */
int ram_alias_compare(uint64_t a, uint64_t b);

/* ram_alias_compare_files - for qsort: views of one file together, what is no view last. */
int ram_alias_compare_files(const struct ram_region *a, const struct ram_region *b);
int ram_alias_larger_first(const void *left, const void *right);

#endif
