/* SPDX-License-Identifier: MIT */
/* The tables behind exit_key_device(). */
#ifndef KVMLENS_CORE_MODEL_EXIT_KEY_INTERNAL_H
#define KVMLENS_CORE_MODEL_EXIT_KEY_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

struct exit_key_range {
    uint64_t first, last; /* both belong to it */
    const char *text;     /* "#" at its end: the number within the range, decimal */
};

struct exit_key_ranges {
    const struct exit_key_range *rows; /* ascending, none overlaps another */
    size_t count;
};

/* Constant. Of MMIO by number of the 4 KiB page, of CPUID by leaf. */
extern const struct exit_key_ranges exit_key_ports, exit_key_pages, exit_key_msrs, exit_key_leaves,
    exit_key_hypercalls;

#endif
