// SPDX-License-Identifier: MIT
#include "ui/report/report_memory_io.h"

#include <stddef.h>

#define READING(name, unit, member)                                                                \
    {                                                                                              \
        name, unit, offsetof(struct snapshot_vm, member), false, false                             \
    }
#define TOTAL(name, unit, member)                                                                  \
    {                                                                                              \
        name, unit, offsetof(struct snapshot_vm, member), false, true                              \
    }
#define FIGURE(name, unit, member)                                                                 \
    {                                                                                              \
        name, unit, offsetof(struct snapshot_vm, member), true, false                              \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, 0, false, false                                                                \
    }

static const struct memory_io_row memory[] = {
    READING("resident_bytes", "bytes", memory.resident),
    READING("anon_bytes", "bytes", memory.anon),
    READING("file_bytes", "bytes", memory.file),
    READING("shmem_bytes", "bytes", memory.shmem),
    READING("hugetlb_bytes", "bytes", memory.hugetlb),
    READING("swapped_bytes", "bytes", memory.swapped),
    READING("ksm_merged_bytes", "bytes", memory.ksm_merged),
    READING("ksm_zero_bytes", "bytes", memory.ksm_zero),
    READING("balloon_bytes", "bytes", memory.balloon),
    READING("cgroup_current_bytes", "bytes", memory.cgroup_current),
    READING("cgroup_swap_bytes", "bytes", memory.cgroup_swap),
    READING("cgroup_max_bytes", "bytes", memory.cgroup_max),
    READING("cgroup_high_bytes", "bytes", memory.cgroup_high),
    FIGURE("cgroup_limit_ratio", "ratio", memory.cgroup_limit_share),
    READING("looked_pages", "none", memory.looked_pages),
    FIGURE("huge_ratio", "ratio", memory.huge_share),
    FIGURE("thp_ratio", "ratio", memory.thp_share),
    FIGURE("hugetlb_ratio", "ratio", memory.hugetlb_share),
    READING("numa_pages", "none", memory.numa_pages),
    FIGURE("numa_local_ratio", "ratio", memory.numa_local),
    READING("numa_node", "none", memory.numa_node),
    FIGURE("numa_node_ratio", "ratio", memory.numa_node_share),
    END,
};

static const struct memory_io_row io[] = {
    TOTAL("read_bytes", "bytes", io.read.total),
    TOTAL("written_bytes", "bytes", io.written.total),
    FIGURE("read_bytes_per_second", "bytes", io.read.rate),
    FIGURE("written_bytes_per_second", "bytes", io.written.rate),
    READING("devices_found", "none", io.devices_found),
    READING("vhost_nets", "none", io.vhost_nets),
    END,
};

static const struct memory_io_row net[] = {
    FIGURE("in_bytes_per_second", "bytes", io.net[IO_IN_BYTES]),
    FIGURE("in_ops_per_second", "none", io.net[IO_IN_OPS]),
    FIGURE("in_drops_per_second", "none", io.net[IO_IN_DROPS]),
    FIGURE("out_bytes_per_second", "bytes", io.net[IO_OUT_BYTES]),
    FIGURE("out_ops_per_second", "none", io.net[IO_OUT_OPS]),
    FIGURE("out_drops_per_second", "none", io.net[IO_OUT_DROPS]),
    END,
};

static const struct memory_io_row block[] = {
    FIGURE("in_bytes_per_second", "bytes", io.block[IO_IN_BYTES]),
    FIGURE("in_ops_per_second", "none", io.block[IO_IN_OPS]),
    FIGURE("out_bytes_per_second", "bytes", io.block[IO_OUT_BYTES]),
    FIGURE("out_ops_per_second", "none", io.block[IO_OUT_OPS]),
    END,
};

const struct memory_io_group report_memory_io_groups[] = {
    {"memory", memory}, {"io", io}, {"io.net", net}, {"io.block", block}, {NULL, NULL},
};

const struct figure *report_memory_io_figure(const struct memory_io_row *row,
                                             const struct snapshot_vm *vm)
{
    return (const struct figure *)(const void *)((const char *)vm + row->offset);
}

const struct reading *report_memory_io_reading(const struct memory_io_row *row,
                                               const struct snapshot_vm *vm)
{
    return (const struct reading *)(const void *)((const char *)vm + row->offset);
}

bool report_device_has(enum io_device_kind kind, enum io_counter counter)
{
    bool is_drops = counter == IO_IN_DROPS || counter == IO_OUT_DROPS;

    return kind != IO_DEVICE_IMAGE && (io_device_kind_is_net(kind) || !is_drops);
}

const char *report_counter_unit(enum io_counter counter)
{
    return counter == IO_IN_BYTES || counter == IO_OUT_BYTES ? "bytes" : "none";
}
