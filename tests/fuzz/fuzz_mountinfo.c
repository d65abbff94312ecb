// SPDX-License-Identifier: MIT
/* Any text as mountinfo: every mount that is found is whole, and the walk ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), value[8];
    struct proc_mount mount;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (const char *at = text, *before = at; parse_proc_mount(&at, &mount); before = at) {
        if (at <= before || at > text + size || mount.point[0] != '/' || mount.type[0] == '\0' ||
            strpbrk(mount.type, " \n") != NULL || strpbrk(mount.options, " \n") != NULL)
            abort();
        if (parse_proc_mount_option(&mount, "hidepid", value, sizeof(value)) &&
            (value[0] == '\0' || strstr(mount.options, "hidepid=") == NULL))
            abort();
    }
    free(text);
    return 0;
}
