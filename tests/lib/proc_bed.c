// SPDX-License-Identifier: MIT
#include "tests/lib/proc_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static uint64_t clock_ns; /* a sampler asks without a context */

static uint64_t now_ns(void)
{
    return clock_ns;
}

void proc_bed_open(struct proc_bed *bed)
{
    memset(bed, 0, sizeof(*bed));
    clock_ns = SECOND;
    tree_open(&bed->tree);
    tree_text(&bed->tree, "proc/sys/kernel/osrelease", "6.1.0\n");
    tree_process(&bed->tree, 1, "init", "/sbin/init", 1);
    tree_process(&bed->tree, PROC_BED_PID, "qemu", "qemu-system-x86_64|-name|a", 4000);
    tree_fd(&bed->tree, PROC_BED_PID, 9, "anon_inode:kvm-vm");
}

void proc_bed_close(struct proc_bed *bed)
{
    snapshot_free(bed->now);
    sampler_close(bed->sampler);
    tree_close(&bed->tree);
}

const struct snapshot *proc_bed_tick(struct proc_bed *bed, unsigned wishes)
{
    const struct sampler_config config = {
        .root = &bed->tree.root, .sources = SOURCE_BIT(SOURCE_PROC), .now_ns = now_ns};
    struct error err = {0};

    if (bed->sampler == NULL)
        assert_int_equal(sampler_open(&config, &bed->sampler, &err), 0);
    snapshot_free(bed->now);
    bed->now = NULL;
    clock_ns += SECOND;
    sampler_set_load(bed->sampler, wishes);
    assert_int_equal(sampler_tick(bed->sampler, &bed->now, &err), 0);
    assert_true(bed->now->vm_count > 0);
    return bed->now;
}
