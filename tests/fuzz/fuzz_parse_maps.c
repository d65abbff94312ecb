// SPDX-License-Identifier: MIT
/* Any bytes as smaps: names stay inside the text, regions stay inside their mapping. */
#include <stdint.h>
#include <stdlib.h>

#include "core/ram/parse_maps.h"
#include "core/ram/ram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const vmms[] = {"qemu", "other"};
    const char *text = (const char *)data;
    struct maps_cursor cursor = parse_maps_begin(text, size);
    struct maps_entry e;

    while (parse_maps_next(&cursor, &e) > 0) {
        if (e.start >= e.end || e.name < text || e.name + e.name_len > text + size)
            abort();
    }
    for (size_t i = 0; i < sizeof(vmms) / sizeof(vmms[0]); i++) {
        struct ram_map map;
        if (ram_select(text, size, vmms[i], NULL, 0, &map, NULL) == 0) {
            for (size_t k = 0; k < map.count; k++) {
                if (map.regions[k].bytes == 0 || map.regions[k].rule == NULL)
                    abort();
            }
            ram_map_done(&map);
        }
        ram_quick_select(text, size, text, size, vmms[i]);
    }
    return 0;
}
