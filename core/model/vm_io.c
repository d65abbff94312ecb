// SPDX-License-Identifier: MIT
#include "core/model/vm_io.h"

static const struct {
    const char *name;
    bool is_net;
} kinds[IO_DEVICE_KIND_COUNT] = {
    [IO_DEVICE_TAP] = {"tap", true},
    [IO_DEVICE_MACVTAP] = {"macvtap", true},
    [IO_DEVICE_BLOCK] = {"block", false},
    [IO_DEVICE_IMAGE] = {"image", false},
};

const char *io_device_kind_name(enum io_device_kind kind)
{
    return kinds[kind].name;
}

bool io_device_kind_is_net(enum io_device_kind kind)
{
    return kinds[kind].is_net;
}

const char *io_counter_name(enum io_counter counter)
{
    static const char *const names[IO_COUNTER_COUNT] = {
        [IO_IN_BYTES] = "in_bytes",   [IO_IN_OPS] = "in_ops",   [IO_IN_DROPS] = "in_drops",
        [IO_OUT_BYTES] = "out_bytes", [IO_OUT_OPS] = "out_ops", [IO_OUT_DROPS] = "out_drops",
    };
    return names[counter];
}
