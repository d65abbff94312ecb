/* SPDX-License-Identifier: MIT */
/* What a mapping is, and the region that a part of it becomes. Pure; for the rules of core/ram. */
#ifndef KVMLENS_CORE_RAM_RAM_MAPPING_H
#define KVMLENS_CORE_RAM_RAM_MAPPING_H

#include "core/ram/parse_maps.h"
#include "core/ram/ram.h"

#define RAM_PAGE_BYTES 4096

/* ram_mapping_is_device - memory of a device, by its flags, or from maps by its name. */
bool ram_mapping_is_device(const struct maps_entry *e);

enum ram_backing ram_mapping_backing(const struct maps_entry *e);

/* ram_mapping_part - the part [@start, @end) of a mapping. @rule: static text. */
struct ram_region ram_mapping_part(const struct maps_entry *e, uint64_t start, uint64_t end,
                                   const char *rule);

#endif
