/* SPDX-License-Identifier: MIT */
/*
 * Parts of tests/vm/hostile.c: neighbours that a monitor must survive.
 *
 * Each part is a process of its own. It makes what it is named for, says so with one line of JSON
 * on standard output, and stays until standard input closes or SIGTERM comes. A part that cannot be
 * had on this machine ends with HOSTILE_CANNOT and one line on standard error that says why.
 */
#ifndef KVMLENS_TESTS_VM_HOSTILE_H
#define KVMLENS_TESTS_VM_HOSTILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTILE_CANNOT 77 /* exit status: this machine cannot, as in automake's tests */

/* A VM that never runs: descriptors only, no thread, no RAM. */
struct bare_vm {
    int vm_fd;
    int stats_fd; /* of the VM; -1: not kept */
    unsigned vcpu_count;
    struct bare_vcpu {
        int fd;
        int stats_fd; /* -1: not kept */
    } * vcpus;
};

/* Ends the process: with exit status 1 and the text, followed by what errno says when it is set. */
__attribute__((noreturn, format(printf, 1, 2))) void hostile_fail(const char *format, ...);

/* As hostile_fail, with exit status HOSTILE_CANNOT. */
__attribute__((noreturn, format(printf, 1, 2))) void hostile_cannot(const char *format, ...);

/* /dev/kvm, or the end of the process. */
int bare_kvm_open(void);

/*
 * bare_vm_make - a VM with @vcpus vCPUs, in @vm; with stats descriptors when @keep_stats.
 *
 * The descriptors of a VM follow each other, as QEMU's do: its own, then those of each vCPU.
 * Returns 0 or -errno with all descriptors of this VM closed.
 */
int bare_vm_make(int kvm, unsigned vcpus, bool keep_stats, struct bare_vm *vm);

/* Blocks SIGTERM, SIGINT and SIGHUP, before threads are made: hostile_wait takes them. */
void hostile_block_signals(void);

/*
 * hostile_command - the next line of standard input, without its end, in @line.
 *
 * Waits for it. False when standard input closes or one of those signals comes: time to end.
 */
bool hostile_command(char *line, size_t size);

/*
 * bare_vm_start_threads - one for each vCPU, that enters KVM_RUN once, adds 1 to @done, and sleeps
 * until the process ends.
 *
 * debugfs names it from then on. Returns how many were started or -errno.
 */
int bare_vm_start_threads(int kvm, const struct bare_vm *vm, atomic_int *done);

/* Until @done is @count. */
void bare_vm_wait_threads(const atomic_int *done, int count);

/* Whole number in @min..@max, or the end of the process with a word about @what. */
uint64_t hostile_number(const char *text, uint64_t min, uint64_t max, const char *what);

/* The parts. @argv holds what follows the name; the result is the exit status. */
int hostile_crowd(int argc, char **argv);
int hostile_fuse(int argc, char **argv);
int hostile_hidden(int argc, char **argv);
int hostile_uffd(int argc, char **argv);
int hostile_vfork(int argc, char **argv);

#endif
