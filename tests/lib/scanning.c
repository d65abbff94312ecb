// SPDX-License-Identifier: MIT
#include "tests/lib/scanning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan_request scanning_request(const struct guest *guest)
{
    return (struct scan_request){.vm = {.pid = guest->pid}, .vmm = "qemu", .seed = 1};
}

int scanning_run(const struct scan_request *request, struct scan_report **ret)
{
    struct rootfs root;
    struct scan_progress progress = {.cancel = false};
    struct scan_env env = {.root = &root, .progress = &progress};

    if (rootfs_open(NULL, &root, NULL) < 0) {
        fputs("no root directory\n", stderr);
        abort();
    }
    int n = scan_execute(&env, request, ret);
    rootfs_close(&root);
    if (*ret == NULL) {
        fputs("a scan without a report\n", stderr);
        abort();
    }
    return n;
}

bool scanning_warns(const struct scan_report *report, const char *text)
{
    for (size_t i = 0; i < report->warning_count; i++)
        if (strstr(report->warnings[i], text) != NULL)
            return true;
    return false;
}
