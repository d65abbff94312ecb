// SPDX-License-Identifier: MIT
/* Could BPF programs be loaded by who runs this? Nothing is loaded to find out. */
#include <stdio.h>

#include "core/bpf/kvm_bpf.h"
#include "core/find/host_check_internal.h"
#include "core/find/host_fix.h"
#include "core/model/bpf_status.h"

void host_check_bpf_found(const struct host *host, enum bpf_obstacle obstacle,
                          struct check_result *r)
{
    char fix[HOST_FIX_MAX];

    if (obstacle == BPF_POSSIBLE) {
        snprintf(r->finding, sizeof(r->finding),
                 "BPF programs can be loaded where somebody asks for it (--bpf, A in the monitor)");
        return;
    }
    r->level = obstacle == BPF_SAVED_TREE ? CHECK_UNKNOWN : CHECK_NOTE;
    snprintf(r->finding, sizeof(r->finding), "BPF programs cannot be loaded: %s",
             bpf_obstacle_text(obstacle));
    if (obstacle == BPF_SAVED_TREE)
        return;
    snprintf(r->effect, sizeof(r->effect),
             "--bpf is no way to counters that debugfs and stats descriptors do not give");
    snprintf(r->fix, sizeof(r->fix), "%s",
             obstacle == BPF_NO_CAPS ? host_fix_caps(host, BPF_CAPS, fix)
                                     : bpf_obstacle_fix(obstacle));
}

enum bpf_obstacle host_check_bpf_obstacle(const struct rootfs *root, const struct host *host)
{
    const struct bpf_conditions conditions = {
        .built = kvm_bpf_is_built(),
        .live = root->live,
        .caps_known = host->caps_known,
        .caps = host->caps,
    };

    return bpf_obstacle_find(host, &conditions);
}

void host_check_bpf(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    host_check_bpf_found(host, host_check_bpf_obstacle(root, host), r);
}
