// SPDX-License-Identifier: MIT
/* Memory and I/O as metrics. */
#include <stddef.h>

#include "ui/report/metrics_subject.h"
#include "ui/report/report_memory_io.h"

/* --- numbers of a VM -------------------------------------------------------------------------- */

struct sized {
    enum vm_gauge gauge;
    const char *label; /* its kind, where several are in one family; else NULL */
};

static void put_sized(struct metrics_family *f, const struct metrics_subject *subject,
                      const struct sized *sized)
{
    const struct reading *r = &subject->vm->gauges[sized->gauge];
    struct metrics_labels l = metrics_labels_of(subject);

    if (sized->label != NULL)
        l = metrics_labels_with(l, "kind", sized->label);
    if (r->state == READING_OK)
        metrics_int(f, l.at, r->raw);
}

static void put_kinds(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    static const struct sized kinds[] = {
        {VM_RSS_ANON_BYTES, "anon"},     {VM_RSS_FILE_BYTES, "file"},
        {VM_RSS_SHMEM_BYTES, "shmem"},   {VM_HUGETLB_BYTES, "hugetlb"},
        {VM_SWAP_BYTES, "swapped"},      {VM_KSM_MERGED_BYTES, "ksm_merged"},
        {VM_KSM_ZERO_BYTES, "ksm_zero"},
    };

    (void)arg;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        put_sized(f, subject, &kinds[i]);
}

static void put_plain(struct metrics_family *f, const struct metrics_subject *subject,
                      const void *arg)
{
    put_sized(f, subject, &(struct sized){*(const enum vm_gauge *)arg, NULL});
}

static void put_shares(struct metrics_family *f, const struct metrics_subject *subject,
                       const void *arg)
{
    const struct vm_memory *m = &subject->vm->memory;
    const struct {
        const struct figure *share;
        const char *kind;
    } shares[] = {{&m->thp_share, "thp"}, {&m->hugetlb_share, "hugetlb"}};

    (void)arg;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct metrics_labels l = metrics_labels_of(subject);
        l = metrics_labels_with(l, "kind", shares[i].kind);
        if (shares[i].share->state == READING_OK)
            metrics_real(f, l.at, shares[i].share->value);
    }
}

/* @arg: where in the snapshot of a VM. */
static void put_figure(struct metrics_family *f, const struct metrics_subject *subject,
                       const void *arg)
{
    const struct figure *figure =
        (const struct figure *)(const void *)((const char *)subject->vm + *(const size_t *)arg);

    if (figure->state == READING_OK)
        metrics_real(f, subject->labels, figure->value);
}

/* --- devices ---------------------------------------------------------------------------------- */

/* @arg: the counter into the guest; that out of it has the same place in the other half. */
static void put_devices(struct metrics_family *f, const struct metrics_subject *subject,
                        const void *arg)
{
    const struct vm_io *io = &subject->vm->io;
    const int in = *(const enum io_counter *)arg, out = in + IO_OUT_BYTES - IO_IN_BYTES;

    for (size_t i = 0; i < io->device_count; i++) {
        const struct io_device *d = &io->devices[i];
        const enum io_device_kind kind = (enum io_device_kind)d->kind;
        if (!report_device_has(kind, (enum io_counter)in))
            continue;
        for (int c = in; c <= out; c += out - in) {
            struct metrics_labels l = metrics_labels_of(subject);
            l = metrics_labels_with(l, "kind", io_device_kind_name(kind));
            l = metrics_labels_with(l, "device", d->name);
            l = metrics_labels_with(l, "direction", c == in ? "in" : "out");
            if (d->counts[c].total.state == READING_OK)
                metrics_int(f, l.at, d->counts[c].total.raw);
        }
    }
}

/* --- all families ----------------------------------------------------------------------------- */

typedef void put_fn(struct metrics_family *f, const struct metrics_subject *subject,
                    const void *arg);

static const enum vm_gauge cgroup_current = VM_CGROUP_BYTES, cgroup_swap = VM_CGROUP_SWAP_BYTES,
                           cgroup_max = VM_CGROUP_MAX_BYTES, cgroup_high = VM_CGROUP_HIGH_BYTES,
                           storage_read = VM_STORAGE_READ_BYTES,
                           storage_written = VM_STORAGE_WRITTEN_BYTES, vhost_nets = VM_VHOST_NETS;
static const size_t limit_share = offsetof(struct snapshot_vm, memory.cgroup_limit_share),
                    numa_local = offsetof(struct snapshot_vm, memory.numa_local);
static const enum io_counter bytes = IO_IN_BYTES, ops = IO_IN_OPS, drops = IO_IN_DROPS;

static const struct {
    const char *stem, *unit, *help;
    enum metrics_type type;
    put_fn *put;
    const void *arg;
} families[] = {
    {"vm_memory", "bytes", "Memory of the VMM process by kind; kinds overlap", METRICS_GAUGE,
     put_kinds, NULL},
    {"vm_cgroup_memory", "bytes", "Memory of the VM's cgroup", METRICS_GAUGE, put_plain,
     &cgroup_current},
    {"vm_cgroup_swap", "bytes", "Swap space of the VM's cgroup", METRICS_GAUGE, put_plain,
     &cgroup_swap},
    {"vm_cgroup_memory_max", "bytes", "Limit on memory of the VM's cgroups", METRICS_GAUGE,
     put_plain, &cgroup_max},
    {"vm_cgroup_memory_high", "bytes", "Limit above which the VM's cgroups are slowed down",
     METRICS_GAUGE, put_plain, &cgroup_high},
    {"vm_cgroup_memory_limit_ratio", NULL,
     "How near to a limit on memory: of the VM's cgroups the nearest", METRICS_GAUGE, put_figure,
     &limit_share},
    {"vm_huge_pages_ratio", NULL, "Share of resident guest RAM in huge pages, sampled",
     METRICS_GAUGE, put_shares, NULL},
    {"vm_numa_local_ratio", NULL, "Share of guest RAM on the nodes where the vCPUs run, sampled",
     METRICS_GAUGE, put_figure, &numa_local},
    {"vm_storage_read", "bytes", "Bytes that the VMM had storage read", METRICS_COUNTER, put_plain,
     &storage_read},
    {"vm_storage_written", "bytes", "Bytes that the VMM had storage write", METRICS_COUNTER,
     put_plain, &storage_written},
    {"vm_vhost_net_queues", NULL, "Queues of which the kernel moves packets", METRICS_GAUGE,
     put_plain, &vhost_nets},
    {"vm_device", "bytes", "Bytes that the guest received or read, and sent or wrote",
     METRICS_COUNTER, put_devices, &bytes},
    {"vm_device_operations", NULL, "Packets, reads and writes of the guest's devices",
     METRICS_COUNTER, put_devices, &ops},
    {"vm_device_drops", NULL, "Packets that were dropped", METRICS_COUNTER, put_devices, &drops},
};

void memory_io_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct metrics_family f = metrics_family(m, families[i].type, families[i].stem,
                                                 families[i].unit, families[i].help);
        metrics_each(r->filter, s, false, families[i].put, &f, families[i].arg);
    }
}
