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

/* Those marked (*) wait for real migrations: tests/bench has what will measure them. */
const struct forecast_costs forecast_costs_default = {
    .normal_page_s = 2.0e-6, /* (*) about 2 GB/s through one socket */
    .zero_page_s = 0.5e-6,   /* (*) 4096 bytes at about 8 GB/s: not in any cache */
    .untouched_page_s =
        0.22e-6,           /* 922 ms for the 4,198,368 zero pages of a VM of 16 GiB, QEMU 10 */
    .setup_s = 0.02,       /* (*) */
    .stop_s = 0.02,        /* (*) */
    .late_s = 0.002,       /* (*) */
    .sync_page_s = 2e-9,   /* (*) 0.5 ms for each GiB */
    .fixed_bytes = 112e3,  /* measured with -nodefaults, QEMU 10.0.2 */
    .quantum_s = 0.1,      /* migration.c: BUFFER_DELAY */
    .chunk_pages = 262144, /* migration.h: CLEAR_BITMAP_SHIFT_DEFAULT 18 */
};

double forecast_settings_wire(const struct forecast_settings *settings, bool is_zero)
{
    return is_zero ? wires[settings->mode][settings->zero_detection].zero
                   : wires[settings->mode][settings->zero_detection].normal;
}

bool forecast_settings_is_parallel(const struct forecast_settings *settings)
{
    return settings->mode == FORECAST_MULTIFD && settings->zero_detection == FORECAST_ZERO_DEFAULT;
}
