// SPDX-License-Identifier: MIT
/*
 * Any text as /proc/PID/stat, status, statm, schedstat and limits. What the owner of a process
 * chooses, its name, changes nothing of what stands behind it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void any_numbers(const char *text)
{
    uint64_t resident, cpu, wait, soft = 77;

    /* Both are two numbers: what one is to the kernel is nothing to the text. */
    bool has_pair = parse_proc_statm(text, &resident);
    if (parse_proc_schedstat(text, &cpu, &wait) != has_pair || (has_pair && wait != resident))
        abort();
    if (!parse_proc_limit(text, "Max open files", &soft) && soft != 77)
        abort();
}

static void any_text(const char *text)
{
    struct proc_stat stat;
    uint64_t value = 77;

    if (parse_proc_stat(text, &stat) == 0 && memchr(stat.comm, '\0', sizeof(stat.comm)) == NULL)
        abort();
    if (!parse_proc_status(text, "CapEff", 16, &value) && value != 77)
        abort();
    parse_proc_status(text, "Tgid", 10, &value);
    if (parse_proc_status_bytes(text, "VmRSS", &value) && value % 1024 != 0)
        abort();
    any_numbers(text);
}

/* The name is the input, cut where the kernel cuts it. */
static void any_name(const char *name)
{
    char text[200], line[16];
    struct proc_stat stat;
    uint64_t value;

    snprintf(text, sizeof(text), "7 (%.15s) S 1 2 3 0 -1 64 1 0 0 0 5 6 0 0 20 0 3 0 4000 1\n",
             name);
    if (parse_proc_stat(text, &stat) != 0 || strncmp(stat.comm, name, 15) != 0 ||
        stat.flags != 64 || stat.utime != 5 || stat.stime != 6 || stat.start_ticks != 4000)
        abort();
    /* In status the kernel escapes what would end the line. */
    snprintf(line, sizeof(line), "%.15s", name);
    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n')
            *p = '?';
    snprintf(text, sizeof(text), "Name:\t%s\nTgid:\t500\nVmRSS:\t 8 kB\n", line);
    if (!parse_proc_status(text, "Tgid", 10, &value) || value != 500 ||
        !parse_proc_status_bytes(text, "VmRSS", &value) || value != 8192)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    any_text(text);
    any_name(text);
    free(text);
    return 0;
}
