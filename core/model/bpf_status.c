// SPDX-License-Identifier: MIT
#include "core/model/bpf_status.h"

#include <stddef.h>

/* task.pid of an iterator's link, Linux 6.1 (kernel/bpf/task_iter.c, bpf_iter_attach_task). */
#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1

static const struct {
    const char *text, *fix;
} obstacles[BPF_OBSTACLE_COUNT] = {
    [BPF_NOT_LOOKED_AT] = {"", ""},
    [BPF_POSSIBLE] = {"", ""},
    [BPF_NOT_BUILT] =
        {"kvmlens was built without BPF",
         "build it without BPF=no, where clang, bpftool, libbpf-dev and libelf-dev are installed"},
    [BPF_SAVED_TREE] = {"a saved tree has no kernel that could run BPF programs", ""},
    [BPF_OLD_KERNEL] = {"BPF needs Linux 6.1 or later", "boot a later kernel"},
    [BPF_NO_BTF] = {"this kernel has no BTF (/sys/kernel/btf/vmlinux)",
                    "boot a kernel built with CONFIG_DEBUG_INFO_BTF, as distributors' are"},
    [BPF_LOCKED_DOWN] = {"lockdown=confidentiality forbids BPF programs to read kernel memory",
                         "boot with lockdown=integrity or without lockdown"},
    [BPF_NO_CAPS] = {"CAP_BPF and CAP_PERFMON are not held",
                     "run as root, or give both; the manual says how for the systemd units"},
};

enum bpf_obstacle bpf_obstacle_find(const struct host *host, const struct bpf_conditions *c)
{
    const struct {
        bool is_there;
        enum bpf_obstacle which;
    } all[] = {
        {!c->built, BPF_NOT_BUILT},
        {!c->live, BPF_SAVED_TREE},
        {host_kernel_is_before(host, KERNEL_MAJOR, KERNEL_MINOR), BPF_OLD_KERNEL},
        {!host->btf, BPF_NO_BTF},
        {host->lockdown == LOCKDOWN_CONFIDENTIALITY, BPF_LOCKED_DOWN},
        {c->caps_known && (BPF_CAPS & ~c->caps) != 0, BPF_NO_CAPS},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].is_there && (c->ignored & BPF_OBSTACLE_BIT(all[i].which)) == 0)
            return all[i].which;
    return BPF_POSSIBLE;
}

const char *bpf_obstacle_text(enum bpf_obstacle obstacle)
{
    return obstacles[obstacle].text;
}

const char *bpf_obstacle_fix(enum bpf_obstacle obstacle)
{
    return obstacles[obstacle].fix;
}

const char *bpf_state_id(enum bpf_state state)
{
    static const char *const ids[BPF_STATE_COUNT] = {
        [BPF_UNASKED] = "",
        [BPF_LOADED] = "loaded",
        [BPF_WAITS] = "waiting",
        [BPF_FAILED] = "failed",
    };

    return ids[state];
}
