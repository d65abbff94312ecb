// SPDX-License-Identifier: MIT
/*
 * A command line that anybody may give to a process: the name found in it, cleaned, holds nothing
 * that steers a terminal, and cleaning it again changes nothing.
 */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/find/vmm_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char comm[17] = "", name[4096], clean[4096], again[4096];
    size_t comm_len = size < 16 ? size : 16;

    setlocale(LC_CTYPE, "C.UTF-8");
    /* The first bytes are the process name, the rest its arguments. */
    memcpy(comm, data, comm_len);
    vmm_name(comm, (const char *)data + comm_len, size - comm_len, name, sizeof(name));
    if (strlen(name) >= sizeof(name))
        abort();
    size_t len = text_clean(name, strlen(name), clean, sizeof(clean));
    if (len != strlen(clean) || text_width(clean) > len)
        abort();
    for (const unsigned char *p = (const unsigned char *)clean; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            abort();
    text_clean(clean, len, again, sizeof(again));
    if (strcmp(clean, again) != 0)
        abort();
    return 0;
}
