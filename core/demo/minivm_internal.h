/* SPDX-License-Identifier: MIT */
/* What the files of a minivm have in common. */
#ifndef KVMLENS_CORE_DEMO_MINIVM_INTERNAL_H
#define KVMLENS_CORE_DEMO_MINIVM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/demo/minivm.h"

struct minivm_vcpu {
    struct minivm *vm;
    unsigned index;
    struct kvm_run *run;
    pthread_t thread;
    bool started;
    atomic_uint_least64_t io_exits, mmio_exits;
    atomic_bool is_done;

    /* WORK; guarded by the VM's lock */
    bool is_halting;     /* wants to be woken */
    unsigned done_count; /* how often it told that it is done */
    uint64_t woken_ns;   /* when it was told last; 0: not yet */
};

struct minivm {
    struct minivm_info info;
    struct minivm_ram ram;
    struct minivm_config config;
    size_t run_bytes;
    struct minivm_vcpu vcpus[MINIVM_VCPUS_MAX];
    pthread_t ticker;
    bool ticker_started;
    atomic_bool stop;

    pthread_mutex_t lock; /* guards ran, failed, error and the tids in info until start
                             returns */
    pthread_cond_t changed;
    unsigned ran, failed;
    bool may_go;        /* WORK */
    struct error error; /* of the first vCPU that failed */
};

/*
 * minivm_run_start - run all vCPUs, and what wakes them; returns when each has run guest code. The
 * threads end with minivm_run_stop, also after an error.
 */
int minivm_run_start(struct minivm *vm, struct error *err);

/* minivm_run_stop - end all threads that were started. Takes some milliseconds. */
void minivm_run_stop(struct minivm *vm);

#endif
