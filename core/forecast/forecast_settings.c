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
 * From tests/forecast/constants.py with QEMU 10.0.2 and 7.2.22 on an AMD EPYC (Zen 5) with 2 CPUs,
 * where other work took few of them (tests/forecast/README.md has the tables). QEMU to QEMU, the
 * receiver's memory there already. A sender alone takes half of that for zero pages, two CPUs with
 * much else to do twice as much; other machines have others.
 */
const struct forecast_costs forecast_costs_default = {
    .normal_page_s = 1.0e-6,     /* 4 GB/s: 0.73 to 1.35 us */
    .zero_page_s = 0.4e-6,       /* sender alone 0.27 to 0.39 us */
    .untouched_page_s = 0.25e-6, /* 0.21 to 0.27 us; another machine took 922 ms for 4,198,368 */
    .setup_s = 0.007,            /* guest to guest, of the truth tables */
    .stop_s = 0.001,             /* 0.8 to 0.9 ms, with nothing but a PC's devices */
    .late_s = 0.0002,            /* 0.14 to 0.36 ms */
    .sync_page_s = 0.1e-9,       /* 0.07 ms, and 0.01 ms for each GiB or 0.04 ms for 30000 pages */
    .fixed_bytes = 112e3,        /* with -nodefaults */
    .quantum_s = 0.1,            /* migration.c: BUFFER_DELAY */
    .over_bytes = 100e3,         /* 1 MB/s more than max-bandwidth; QEMU 7.2: none */
    .over_multifd_bytes = 520e3, /* a packet, multifd.h: MULTIFD_PACKET_SIZE 524288; as in 7.2 */
    .packet_bytes = 420e3,       /* 10, 14, 22 and 35 MB/s more with 1, 2, 4 and 8 channels; 7.2:
                                    none, it counts what is handed to them, not what they sent */
    .watched_page_s = 2.4e-6,    /* 120 migrations of seeds 1 to 3, where it is 0.1 of the vCPU's
                                    time at most: to 0.03 of that time. No PML there */
    .chunk_pages = 262144,       /* migration.h: CLEAR_BITMAP_SHIFT_DEFAULT 18 */
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
