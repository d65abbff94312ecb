// SPDX-License-Identifier: MIT
/* Any bytes as smaps, and as memslots: names stay inside the text, regions inside their mapping. */
#include <stdint.h>
#include <stdlib.h>

#include "core/ram/parse_maps.h"
#include "core/ram/ram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No byte of the guest twice, and all as ram.h says. */
static void check_slots_map(const struct ram_map *map)
{
    uint64_t end = 0, bytes = 0;

    for (size_t i = 0; i < map->count; i++) {
        const struct ram_region *r = &map->regions[i];
        if (r->bytes == 0 || (r->has_gfn && r->gfn < end) || (!r->has_gfn && r->gfn != 0))
            abort();
        end = r->has_gfn ? r->gfn + r->bytes / 4096 : UINT64_MAX;
        bytes += r->bytes;
    }
    if (bytes != map->bytes || bytes != map->ram_bytes + map->rom_bytes + map->slotless_bytes)
        abort();
}

/* The mappings of the text as slots, with the bytes of the text for all else. */
static void select_slots(const char *text, size_t size, const char *vmm)
{
    struct kvm_bpf_slot slots[64];
    struct ram_slots given = {slots, 0, true};
    struct maps_cursor cursor = parse_maps_begin(text, size);
    struct maps_entry e;
    struct ram_map map;

    while (given.count < 64 && parse_maps_next(&cursor, &e) > 0) {
        size_t at = given.count * 3;
        unsigned char a = at < size ? (unsigned char)text[at] : 0;
        unsigned char b = at + 1 < size ? (unsigned char)text[at + 1] : 0;
        slots[given.count++] = (struct kvm_bpf_slot){.gfn = (uint64_t)a << (b % 64),
                                                     .pages = (e.end - e.start) / 4096 + a % 7,
                                                     .user_start = e.start + b % 5 * 4096,
                                                     .flags = a & 3,
                                                     .space = b & 1,
                                                     .is_private = a == b};
    }
    if (ram_slots_select(text, size, vmm, &given, &map, NULL) < 0)
        return;
    check_slots_map(&map);
    ram_map_done(&map);
}

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
        select_slots(text, size, vmms[i]);
    }
    return 0;
}
