// SPDX-License-Identifier: MIT
#include "core/base/parse_io.h"

#include <string.h>

#include "core/base/parse_number.h"

#define SECTOR 512 /* of the kernel's counts, whatever the device has */

static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');

    return end != NULL ? end + 1 : NULL;
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* @text is octal, as printf("0%o") makes it. */
static bool parse_octal(const char *text, unsigned *ret)
{
    unsigned value = 0, digits = 0;

    for (; *text >= '0' && *text <= '7'; text++, digits++) {
        if (value > (~0u >> 3))
            return false;
        value = value << 3 | (unsigned)(*text - '0');
    }
    *ret = value;
    return digits > 0 && *text == '\n';
}

bool parse_fd_info(const char *text, struct fd_info *ret)
{
    static const char flags_key[] = "flags:\t", interface_key[] = "iff:\t";
    struct fd_info info = {0};
    bool has_flags = false;

    for (const char *line = text; line != NULL; line = next_line(line)) {
        if (strncmp(line, flags_key, strlen(flags_key)) == 0)
            has_flags = parse_octal(line + strlen(flags_key), &info.flags);
        if (strncmp(line, interface_key, strlen(interface_key)) != 0)
            continue;
        const char *name = line + strlen(interface_key);
        size_t length = strcspn(name, "\n");
        if (length >= NET_NAME_MAX)
            return false;
        memcpy(info.interface, name, length);
        info.interface[length] = '\0';
    }
    if (has_flags)
        *ret = info;
    return has_flags;
}

/* --- network devices -------------------------------------------------------------------------- */

/* @count numbers, with blanks before each. Returns what follows them, or NULL. */
static const char *parse_numbers(const char *at, uint64_t *ret, size_t count)
{
    for (size_t i = 0; i < count && at != NULL; i++) {
        at += strspn(at, " ");
        at = parse_digits(at, NULL, 10, &ret[i]);
    }
    return at;
}

static bool parse_net_line(const char *line, struct net_device *ret)
{
    enum { BYTES, PACKETS, ERRORS, DROPS, TX = 8, NUMBERS = 16 };
    uint64_t n[NUMBERS];

    line += strspn(line, " ");
    size_t length = strcspn(line, ": \t\n/");
    if (length == 0 || length >= NET_NAME_MAX || line[length] != ':' ||
        parse_numbers(line + length + 1, n, NUMBERS) == NULL)
        return false;
    *ret = (struct net_device){
        .name = line,
        .length = length,
        .rx_bytes = n[BYTES],
        .rx_packets = n[PACKETS],
        .rx_drops = n[DROPS],
        .tx_bytes = n[TX + BYTES],
        .tx_packets = n[TX + PACKETS],
        .tx_drops = n[TX + DROPS],
    };
    return true;
}

bool parse_net_device(const char **at, struct net_device *ret)
{
    while (*at != NULL && **at != '\0') {
        const char *line = *at, *next = next_line(line);
        *at = next != NULL ? next : line + strlen(line);
        if (parse_net_line(line, ret))
            return true;
    }
    return false;
}

/* --- block devices ---------------------------------------------------------------------------- */

bool parse_block_stat(const char *text, struct block_stat *ret)
{
    enum { READS, READ_MERGES, READ_SECTORS, READ_TICKS, WRITES, WRITE_MERGES, WRITE_SECTORS };
    uint64_t n[WRITE_SECTORS + 1];

    if (parse_numbers(text, n, sizeof(n) / sizeof(n[0])) == NULL ||
        n[READ_SECTORS] > UINT64_MAX / SECTOR || n[WRITE_SECTORS] > UINT64_MAX / SECTOR)
        return false;
    *ret = (struct block_stat){
        .reads = n[READS],
        .read_bytes = n[READ_SECTORS] * SECTOR,
        .writes = n[WRITES],
        .written_bytes = n[WRITE_SECTORS] * SECTOR,
    };
    return true;
}

/* --- lists ------------------------------------------------------------------------------------ */

bool parse_list_has_number(const char *list, unsigned number)
{
    uint64_t first, last;

    for (;;) {
        const char *end = parse_digits(list, NULL, 10, &first);
        last = first;
        if (end != NULL && *end == '-')
            end = parse_digits(end + 1, NULL, 10, &last);
        if (end == NULL)
            return false;
        if (first <= number && number <= last)
            return true;
        if (*end != ',')
            return false;
        list = end + 1;
    }
}
