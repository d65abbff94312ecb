// SPDX-License-Identifier: MIT
#include "tests/lib/link_bed.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 20

int link_bed_open(struct link_bed *bed)
{
    *bed = (struct link_bed){.config = {.root = &bed->root, .scope = {.pid = getpid()}}};
    if (rootfs_open(NULL, &bed->root, NULL) < 0 ||
        supervisor_start(&bed->config, &bed->supervisor, NULL) < 0)
        return -1;
    return sample_link_open(&bed->supervisor, &bed->link, NULL);
}

void link_bed_close(struct link_bed *bed)
{
    sample_link_close(bed->link);
    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
}

struct snapshot *link_bed_take(struct link_bed *bed)
{
    struct snapshot *s;

    alarm(PATIENCE_S);
    assert_int_equal(sample_link_tick(bed->link, -1, &s, NULL), 0);
    alarm(0);
    return s;
}

void link_bed_wait_end(pid_t pid)
{
    alarm(PATIENCE_S);
    while (kill(pid, 0) == 0)
        usleep(1000);
    alarm(0);
}

void link_bed_scan(struct scan_link *link)
{
    struct scan_request request = {.vm = {.pid = getpid(), .fd = 9}, .mode = SCAN_EXACT};
    struct scan_report *report;

    assert_int_equal(scan_link_submit(link, &request, NULL), 0);
    alarm(PATIENCE_S);
    while ((report = scan_link_take(link)) == NULL) {
        scan_link_look(link);
        usleep(1000);
    }
    alarm(0);
    scan_report_free(report);
}
