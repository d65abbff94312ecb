// SPDX-License-Identifier: MIT
/*
 * Any text as what the kernel tells of threads, cgroups, pressure and the host. Nothing outside of
 * it is read, and a path that leads up is never taken for a plain one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/parse_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void any_cgroups(const char *text)
{
    struct proc_cgroup c;

    for (const char *at = text, *before = NULL; parse_proc_cgroup(&at, &c);) {
        if (at == before || c.path < text || c.path + c.path_length > text + strlen(text))
            abort();
        before = at;
        parse_list_has(c.controllers, c.controllers_length, "cpu");
        char *path = strndup(c.path, c.path_length);
        bool leads_up =
            path != NULL && (strstr(path, "/../") != NULL ||
                             (c.path_length >= 3 && strcmp(path + c.path_length - 3, "/..") == 0));
        if (parse_path_is_plain(c.path, c.path_length) && leads_up)
            abort();
        free(path);
    }
}

static void any_numbers(const char *text)
{
    uint64_t value, loads[3];
    struct proc_thread thread;
    struct proc_cpu cpu;
    enum proc_syscall call;

    if (parse_proc_thread(text, &thread) && thread.cpu < 0)
        abort();
    if (parse_proc_cpu(text, &cpu) && strncmp(text, "cpu ", 4) != 0)
        abort();
    if (parse_proc_syscall(text, &call) && call > PROC_SYSCALL_OTHER)
        abort();
    parse_proc_state(text);
    parse_key_number(text, "throttled_usec", &value);
    if (parse_pressure(text, "some", &value) && value % 1000 != 0)
        abort();
    parse_pressure(text, "full", &value);
    parse_loadavg(text, loads);
    parse_uptime(text, &value);
    parse_cpu_max(text);
    parse_cpu_quota(text);
    if (parse_cpu_list(text) > 1u << 20)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    any_cgroups(text);
    any_numbers(text);
    free(text);
    return 0;
}
