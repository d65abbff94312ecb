/* SPDX-License-Identifier: MIT */
/*
 * What is waited for while the next sample is not there. Plain data.
 */
#ifndef KVMLENS_CORE_MODEL_SAMPLE_WAIT_H
#define KVMLENS_CORE_MODEL_SAMPLE_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sample_wait {
    bool asked;        /* for a sample that is not there yet */
    uint64_t since_ns; /* CLOCK_MONOTONIC, when it was asked for */
    uint64_t still_ns; /* for so long whoever makes it stands still in one call; 0: it does not */
    pid_t pid;         /* whose process the call is about; 0: nobody's, or not known */
    const char *step;  /* what it does; static text, "" when not known */
    size_t stuck;      /* processes that are left alone, for a call on each did not return */
    pid_t stuck_pid;   /* the latest of them; 0: none */
    const char *stuck_step;
};

#endif
