/* SPDX-License-Identifier: MIT */
/*
 * What is to be said of BPF: is it in use, and could it be.
 *
 * Nothing is loaded unless somebody asks. Who might ask wants to know before whether it can be had:
 * that is found out without loading anything. The collector says both with each sample.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_MODEL_BPF_STATUS_H
#define KVMLENS_CORE_MODEL_BPF_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/host.h"

/* Order and values are part of the flat form of a sample: new ones come last. */
enum bpf_state {
    BPF_UNASKED, /* and so nothing is loaded */
    BPF_LOADED,
    BPF_WAITS,   /* loaded; KVM is a module that is not loaded yet */
    BPF_FAILED,  /* it was asked for, and struct bpf_status says why it is not there */
    BPF_STATE_COUNT
};

/* What stands between this host and BPF. Likewise part of the flat form. */
enum bpf_obstacle {
    BPF_NOT_LOOKED_AT, /* nobody knows */
    BPF_POSSIBLE,      /* nothing that is known */
    BPF_NOT_BUILT,     /* this program is a build without it */
    BPF_SAVED_TREE,    /* of which no kernel runs anything (--sysroot) */
    BPF_OLD_KERNEL,    /* before Linux 6.1 an iterator cannot be bound to one process */
    BPF_NO_BTF,        /* the kernel does not tell where its counters lie */
    BPF_LOCKED_DOWN,   /* lockdown=confidentiality; integrity is no obstacle */
    BPF_NO_CAPS,       /* CAP_BPF and CAP_PERFMON are not both there */
    BPF_OBSTACLE_COUNT
};

struct bpf_status {
    uint8_t state;    /* enum bpf_state */
    uint8_t obstacle; /* enum bpf_obstacle */
    char why[300];    /* BPF_FAILED: a sentence with cause and fix; BPF_WAITS: what it waits for */
};

/* What the host does not tell of itself. */
struct bpf_conditions {
    bool built;     /* this program can load BPF programs */
    bool live;      /* what is read is the running kernel, no saved tree */
    bool caps_known;
    uint64_t caps;  /* HOST_CAP mask of what the process that would load them may have */
    uint32_t ignored; /* BPF_OBSTACLE_BIT mask: those that are none to who asks */
};

#define BPF_OBSTACLE_BIT(obstacle) (1u << (obstacle))

/* Both are needed: the kernel takes CAP_SYS_ADMIN for them, but who loads BPF programs has given
 * that up, unless a kernel wants it beside them. */
#define BPF_CAPS (HOST_CAP(HOST_CAP_PERFMON) | HOST_CAP(HOST_CAP_BPF))

/* bpf_obstacle_find - the first of them. What is not known is none. */
enum bpf_obstacle bpf_obstacle_find(const struct host *host,
                                    const struct bpf_conditions *conditions);

/* bpf_obstacle_text - "this kernel has no BTF"; "" where there is no obstacle. Static text. */
const char *bpf_obstacle_text(enum bpf_obstacle obstacle);

/* bpf_obstacle_fix - what helps, without full stop; "" where nothing does. Static text. */
const char *bpf_obstacle_fix(enum bpf_obstacle obstacle);

/* bpf_state_id - for machines, never changes: "loaded", "waiting", "failed"; "" of BPF_UNASKED. */
const char *bpf_state_id(enum bpf_state state);

#endif
