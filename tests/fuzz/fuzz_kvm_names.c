// SPDX-License-Identifier: MIT
/*
 * Any name as a directory of debugfs, as a link of /proc/PID/fd and as that of a thread. A name
 * that is taken is the very one that the number in it is written as, save for leading zeros.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/find/kvm_dirs.h"
#include "core/find/proc_fds.h"
#include "core/find/vcpu_threads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The digits of @name without the zeros in front of each number. */
static void without_zeros(const char *name, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = name; *p != '\0' && n + 1 < size; p++) {
        bool begins = p == name || p[-1] < '0' || p[-1] > '9';
        while (begins && p[0] == '0' && p[1] >= '0' && p[1] <= '9')
            p++;
        out[n++] = *p;
    }
    out[n] = '\0';
}

static void must_equal(const char *name, const char *made)
{
    char shorter[128];

    without_zeros(name, shorter, sizeof(shorter));
    if (strcmp(shorter, made) != 0)
        abort();
}

static void any_link(const char *link)
{
    char made[64];
    int vcpu = -1;

    switch (proc_fds_parse(link, &vcpu)) {
    case PROC_FD_OTHER:
        return;
    case PROC_FD_VM:
        snprintf(made, sizeof(made), "anon_inode:kvm-vm");
        break;
    case PROC_FD_VCPU:
        snprintf(made, sizeof(made), "anon_inode:kvm-vcpu:%d", vcpu);
        break;
    case PROC_FD_VM_STATS:
        snprintf(made, sizeof(made), "anon_inode:kvm-vm-stats");
        break;
    case PROC_FD_VCPU_STATS:
        snprintf(made, sizeof(made), "anon_inode:kvm-vcpu-stats:%d", vcpu);
        break;
    default:
        abort();
    }
    must_equal(link, made);
}

/* A thread's name has the number in it, as its own word. */
static void any_thread(const char *name)
{
    char digits[16];
    int vcpu = vcpu_threads_parse(name);

    if (vcpu < -1 || vcpu > 99999)
        abort();
    snprintf(digits, sizeof(digits), "%d", vcpu);
    if (vcpu >= 0 && strstr(name, digits) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = malloc(size + 1), made[64];
    pid_t tid;
    int fd;

    if (name == NULL)
        return 0;
    memcpy(name, data, size);
    name[size] = '\0';
    if (kvm_dirs_parse(name, &tid, &fd)) {
        snprintf(made, sizeof(made), "%d-%d", (int)tid, fd);
        must_equal(name, made);
    }
    int vcpu = kvm_dirs_parse_vcpu(name);
    if (vcpu >= 0) {
        snprintf(made, sizeof(made), "vcpu%d", vcpu);
        must_equal(name, made);
    }
    any_link(name);
    any_thread(name);
    free(name);
    return 0;
}
