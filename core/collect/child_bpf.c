// SPDX-License-Identifier: MIT
/*
 * BPF in a child: loaded before it has looked at anything foreign, with capabilities that it then
 * gives up.
 */
#include <stdio.h>

#include "core/collect/child.h"

void child_load_bpf(const struct child *child, struct child_bpf *ret)
{
    struct error err = {0};

    *ret = (struct child_bpf){
        .conditions = {.built = kvm_bpf_is_built(),
                       .live = child->config->root->live,
                       .caps_known = true,
                       .caps = privilege_held()},
    };
    if (child->order.bpf != 1)
        return;
    /* Whatever seems to stand in its way, the kernel is asked: it has the last word. */
    int result = privilege_raise(PRIVILEGE_BPF_CAPS, &err);
    if (result == 0)
        result = kvm_bpf_open(child->config->root, &ret->bpf, &err);
    if (result == 0)
        return;
    ret->status.state = BPF_FAILED;
    snprintf(ret->status.why, sizeof(ret->status.why), "%s", err.msg);
}

void child_unload_bpf(struct child_bpf *bpf)
{
    kvm_bpf_close(bpf->bpf);
    bpf->bpf = NULL;
}

bool child_bpf_is_stale(const struct child_bpf *bpf)
{
    return bpf->bpf != NULL && kvm_bpf_is_stale(bpf->bpf);
}

struct bpf_status child_bpf_status(struct child_bpf *b, const struct host *host)
{
    struct error err = {0};

    b->status.obstacle = (uint8_t)bpf_obstacle_find(host, &b->conditions);
    if (b->bpf == NULL)
        return b->status;
    bool is_there = kvm_bpf_layout(b->bpf, &err) != NULL;
    b->status.state = is_there ? BPF_LOADED : BPF_WAITS;
    snprintf(b->status.why, sizeof(b->status.why), "%s", err.msg);
    return b->status;
}
