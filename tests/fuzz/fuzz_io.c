// SPDX-License-Identifier: MIT
/*
 * Any text as what the kernel tells of descriptors and devices. Nothing outside of it is read, and
 * a name is never longer than there is room for it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct net_device device;
    struct block_stat block;
    struct fd_info info;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (const char *at = text, *before = NULL; parse_net_device(&at, &device); before = at)
        if (at == before || device.length == 0 || device.length >= NET_NAME_MAX ||
            device.name < text || device.name + device.length > text + size)
            abort();
    if (parse_fd_info(text, &info) && strlen(info.interface) >= NET_NAME_MAX)
        abort();
    if (parse_block_stat(text, &block) && block.read_bytes % 512 != 0)
        abort();
    parse_list_has_number(text, 7);
    free(text);
    return 0;
}
