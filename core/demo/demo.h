/* SPDX-License-Identifier: MIT */
/*
 * Demo: two small real VMs in child processes, for as long as the demo is held.
 *
 *   demo-idle   4 GiB of RAM, nearly all never touched, one vCPU, halted
 *   demo-busy   512 MiB, two vCPUs; part of its RAM is non-zero, part written with zeros
 *
 * A child is this program started anew under the name DEMO_ARGV0 (/proc/self/exe), so that it has a
 * command line, a command name and a memory of its own; main() hands over at once:
 *
 *     if (demo_is_child(argc, argv))
 *         return demo_child_main(argc, argv);
 *
 * A child ends when the process that started it ends, however that happens: the kernel kills it
 * (PR_SET_PDEATHSIG), and it leaves by itself when the socket to its parent closes. It is in a
 * process group of its own, so Ctrl-C at the terminal does not reach it.
 */
#ifndef KVMLENS_CORE_DEMO_DEMO_H
#define KVMLENS_CORE_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/demo/minivm.h"

#define DEMO_ARGV0 "kvmlens-demo"
#define DEMO_VMS   2

/* What a demo VM consists of; what a test may expect to see of it. */
struct demo_vm {
    const char *name; /* static; also the command name of its process */
    pid_t pid;
    struct minivm_info info; /* descriptors, threads and addresses are those of that process */
};

struct demo;

/*
 * demo_start - start both VMs; returns when their vCPUs have run.
 *
 * Call it from the main thread: the children end with the thread that started them.
 * Returns 0; else a negative errno with cause and fix in @err, and no child is left. Ends with
 * demo_stop.
 */
int demo_start(struct demo **ret, struct error *err);

/* demo_stop - kill and reap both children. NULL ok. */
void demo_stop(struct demo *demo);

/* demo_vms - DEMO_VMS entries, valid until demo_stop: idle, then busy. */
const struct demo_vm *demo_vms(const struct demo *demo);

bool demo_is_child(int argc, char **argv);

/* demo_child_main - runs one VM until the parent goes; returns the exit status. */
int demo_child_main(int argc, char **argv);

#endif
