/* SPDX-License-Identifier: MIT */
/*
 * How a VM would be migrated, and what host and QEMU take for it.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_SETTINGS_H
#define KVMLENS_CORE_FORECAST_FORECAST_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#define FORECAST_PAGE_BYTES 4096

enum forecast_mode {
    FORECAST_PRECOPY,
    FORECAST_MULTIFD,
    FORECAST_MAPPED_RAM, /* to a file, each page at its own place; a page sent again is written
                            again */
    FORECAST_MODE_COUNT
};

/* QEMU's zero-page-detection. */
enum forecast_zero_detection {
    FORECAST_ZERO_DEFAULT, /* multifd with FORECAST_MULTIFD, else legacy: as QEMU does since 9.0 */
    FORECAST_ZERO_LEGACY,  /* by the migration thread */
    FORECAST_ZERO_NONE,    /* zero pages are sent like others */
    FORECAST_ZERO_COUNT
};

struct forecast_settings {
    uint8_t mode;            /* enum forecast_mode */
    uint8_t zero_detection;  /* enum forecast_zero_detection */
    unsigned channels;       /* of multifd; 1 or more */
    double bandwidth;        /* bytes per second while the guest runs (max-bandwidth), above 0 */
    double link_bandwidth;   /* likewise while it is stopped, when QEMU lifts max-bandwidth: what
                                the link gives; 0: as bandwidth */
    double downtime_limit_s; /* QEMU's default: 0.3 */
    bool auto_converge;
};

/* What a forecast is made for where nobody says otherwise: precopy over 1 Gbit/s, 300 ms, as QEMU
 * has its other parameters by default. */
extern const struct forecast_settings forecast_settings_default;

/* What host and QEMU take. forecast_costs_default says where its numbers are from. */
struct forecast_costs {
    double normal_page_s;    /* the sender's CPU time for a page that is sent whole */
    double zero_page_s;      /* for one with memory that turns out zero: QEMU's own check */
    double untouched_page_s; /* for one without: a fault for the shared zero page, then the check */
    double setup_s;          /* before the first round */
    double stop_s;      /* of the downtime, whatever is left: stop, devices, start over there */
    double late_s;      /* from the last sync with the guest running until it is stopped */
    double sync_page_s; /* for a sync of the dirty bitmap, per page of RAM */
    double fixed_bytes; /* headers and devices */
    double quantum_s;   /* QEMU looks at what is left, and measures its bandwidth, so often */
    /* What is on its way when max-bandwidth is found to be reached, so that it goes on top each
     * time: of precopy; of multifd, and beside that in each of its channels. */
    double over_bytes, over_multifd_bytes, packet_bytes;
    double watched_page_s; /* the vCPU's CPU time for the first write to a page that is logged */
    double chunk_pages; /* the log of so many pages is cleared at once (clear_bmap_shift) */
};

extern const struct forecast_costs forecast_costs_default;

/* forecast_mode_name - "precopy", ... as in the option and in JSON. Static text. */
const char *forecast_mode_name(enum forecast_mode mode);

/* forecast_zero_name - "default", ... likewise. */
const char *forecast_zero_name(enum forecast_zero_detection zero_detection);

/*
 * forecast_settings_wire - bytes that a page takes on the wire.
 *
 * Measured with QEMU 10.0.2, 512 MiB, over loopback: precopy 9.0 and 4104; multifd, which looks for
 * zero pages itself, 10.6 and 4106.6; multifd with zero-page-detection=legacy 9.0 and 4107, with
 * none 4107 for all; mapped-ram 0 (a hole) and 4096.
 */
double forecast_settings_wire(const struct forecast_settings *settings, bool is_zero);

/* forecast_settings_is_parallel - do the channels of multifd look for zero pages? Else the
 * migration thread does, as with everything but multifd and with legacy. */
bool forecast_settings_is_parallel(const struct forecast_settings *settings);

#endif
