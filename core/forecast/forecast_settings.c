// SPDX-License-Identifier: MIT
#include "core/forecast/forecast_settings.h"

static const struct {
    double normal, zero;
} wires[FORECAST_MODE_COUNT][FORECAST_ZERO_COUNT] = {
    [FORECAST_PRECOPY] =
        {
            [FORECAST_ZERO_DEFAULT] = {4104, 9},
            [FORECAST_ZERO_LEGACY] = {4104, 9},
            [FORECAST_ZERO_NONE] = {4104, 4104},
        },
    [FORECAST_MULTIFD] =
        {
            [FORECAST_ZERO_DEFAULT] = {4106.6, 10.6},
            [FORECAST_ZERO_LEGACY] = {4107, 9},
            [FORECAST_ZERO_NONE] = {4107, 4107},
        },
    [FORECAST_MAPPED_RAM] =
        {
            [FORECAST_ZERO_DEFAULT] = {4096, 0},
            [FORECAST_ZERO_LEGACY] = {4096, 0},
            [FORECAST_ZERO_NONE] = {4096, 4096},
        },
};

static const char *const mode_names[FORECAST_MODE_COUNT] = {
    [FORECAST_PRECOPY] = "precopy",
    [FORECAST_MULTIFD] = "multifd",
    [FORECAST_MAPPED_RAM] = "mapped-ram",
};

static const char *const zero_names[FORECAST_ZERO_COUNT] = {
    [FORECAST_ZERO_DEFAULT] = "default",
    [FORECAST_ZERO_LEGACY] = "legacy",
    [FORECAST_ZERO_NONE] = "none",
};

const struct forecast_settings forecast_settings_default = {
    .mode = FORECAST_PRECOPY,
    .zero_detection = FORECAST_ZERO_DEFAULT,
    .channels = 2,
    .bandwidth = 125e6,
    .downtime_limit_s = 0.3,
};

/*
 * (*): read off 52 migrations of two development seeds, guest to guest over the loopback of one
 * machine, whose two CPUs were busy with other work. Other machines have others.
 */
const struct forecast_costs forecast_costs_default = {
    .normal_page_s = 1.4e-6,    /* (*) 3 GB/s */
    .zero_page_s = 0.5e-6,      /* (*) */
    .untouched_page_s = 0.6e-6, /* (*) 0.22e-6 with idle CPUs: 922 ms for 4,198,368 pages */
    .setup_s = 0.007,           /* (*) */
    .stop_s = 0.0015,           /* (*) */
    .late_s = 0.001,            /* not measured */
    .sync_page_s = 2e-9,        /* not measured: 0.5 ms for each GiB */
    .fixed_bytes = 112e3,       /* measured with -nodefaults, QEMU 10.0.2 */
    .quantum_s = 0.1,           /* migration.c: BUFFER_DELAY */
    .packet_bytes = 400e3,      /* (*) of 524288, multifd.h: MULTIFD_PACKET_SIZE */
    .chunk_pages = 262144,      /* migration.h: CLEAR_BITMAP_SHIFT_DEFAULT 18 */
};

const char *forecast_mode_name(enum forecast_mode mode)
{
    return mode_names[mode];
}

const char *forecast_zero_name(enum forecast_zero_detection zero_detection)
{
    return zero_names[zero_detection];
}

double forecast_settings_wire(const struct forecast_settings *settings, bool is_zero)
{
    return is_zero ? wires[settings->mode][settings->zero_detection].zero
                   : wires[settings->mode][settings->zero_detection].normal;
}

bool forecast_settings_is_parallel(const struct forecast_settings *settings)
{
    return settings->mode == FORECAST_MULTIFD && settings->zero_detection == FORECAST_ZERO_DEFAULT;
}
