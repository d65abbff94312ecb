// SPDX-License-Identifier: MIT
#include "tests/lib/bpf_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int bpf_bench_setup(void **state)
{
    static struct bpf_bench b;

    memset(&b, 0, sizeof(b));
    b.bpf = kvm_guest_bpf(&b.root);
    *state = b.bpf != NULL ? &b : NULL;
    return 0;
}

int bpf_bench_teardown(void **state)
{
    struct bpf_bench *b = *state;

    if (b == NULL)
        return 0;
    kvm_bpf_close(b->bpf);
    rootfs_close(&b->root);
    return 0;
}

struct bpf_bench *bpf_bench_of(void **state)
{
    if (*state == NULL)
        skip(); /* setup has said why */
    return *state;
}
