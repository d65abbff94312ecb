// SPDX-License-Identifier: MIT
/* Could exits be counted by who runs this? Nothing is loaded to find out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/bpf/exit_format.h"
#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_exits.h"
#include "core/find/host_check_internal.h"
#include "core/find/host_fix.h"
#include "core/model/bpf_status.h"

static void say_why(struct check_result *r, const char *why, const char *fix)
{
    char finding[sizeof(r->finding)];

    r->level = CHECK_NOTE;
    snprintf(finding, sizeof(finding), "exits cannot be counted: %.160s", why);
    text_clean(finding, strlen(finding), r->finding, sizeof(r->finding));
    snprintf(r->effect, sizeof(r->effect), "-t and the tab Exits show none");
    snprintf(r->fix, sizeof(r->fix), "%.199s", fix);
}

/* What stands in the way of all BPF programs, but for BTF: these find their places elsewhere. */
static bool check_bpf(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    struct host with_btf = *host;
    char fix[HOST_FIX_MAX];

    with_btf.btf = true;
    enum bpf_obstacle obstacle = host_check_bpf_obstacle(root, &with_btf);
    if (obstacle == BPF_POSSIBLE)
        return true;
    say_why(r, bpf_obstacle_text(obstacle),
            obstacle == BPF_NO_CAPS ? host_fix_caps(host, BPF_CAPS, fix)
                                    : bpf_obstacle_fix(obstacle));
    if (obstacle == BPF_SAVED_TREE) {
        r->level = CHECK_UNKNOWN;
        r->effect[0] = '\0';
    }
    return false;
}

static bool check_admin(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    if (!kvm_exits_needs_admin(root) || !host->caps_known ||
        (host->caps & HOST_CAP(CAP_SYS_ADMIN)) != 0)
        return true;
    say_why(r, "this kernel keeps trace events for CAP_SYS_ADMIN (kernel.perf_event_paranoid)",
            "set kernel.perf_event_paranoid to 2 (sysctl), with which CAP_PERFMON is enough, or "
            "run with CAP_SYS_ADMIN");
    return false;
}

static bool check_namespace(const struct rootfs *root, struct check_result *r)
{
    if (!host_check_is_in_namespace(root))
        return true;
    say_why(r, "this is a PID namespace of its own, where nobody can tell whose they are",
            "run in the namespace of the host (docker: --pid=host; kubernetes: hostPID: true)");
    return false;
}

/* KVM is loaded. */
static void say_lack(struct check_result *r, enum trace_lack lack)
{
    static const struct {
        const char *why, *fix;
    } lacks[] = {
        [TRACE_NO_TRACING] = {"this kernel has no tracefs, which the events of KVM are read from",
                              "boot a kernel built with CONFIG_TRACING"},
        [TRACE_NO_TRACEFS] = {"tracefs is not mounted, which the events of KVM are read from",
                              "mount -t tracefs none /sys/kernel/tracing"},
        [TRACE_NO_KVM] = {"the KVM of this kernel has no trace events",
                          "boot a kernel built with CONFIG_TRACING"},
        [TRACE_NO_EVENT] = {"the KVM of this kernel has no trace event kvm_exit",
                            "boot another kernel, as a distributor's"},
    };

    say_why(r, lacks[lack].why, lacks[lack].fix);
}

static bool check_events(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    struct trace_format format;
    struct error err = {0};
    char fix[HOST_FIX_MAX];

    if (!host->kvm_module) {
        say_why(r, "KVM is not loaded, and has no trace events then",
                "modprobe kvm_intel or kvm_amd");
        return false;
    }
    int result = trace_format_read(root, "kvm_exit", &format, &err);
    if (result == 0)
        trace_format_done(&format);
    else if (result == -ENOENT)
        say_lack(r, trace_format_lack(root));
    else if (result == -EACCES || result == -EPERM)
        say_why(r, "tracefs (/sys/kernel/tracing) may not be read",
                host_fix_caps(host, HOST_CAP(CAP_DAC_READ_SEARCH), fix));
    else
        say_why(r, err.msg, "");
    return result == 0;
}

void host_check_exits(const struct rootfs *root, const struct host *host, struct check_result *r)
{
    if (check_bpf(root, host, r) && check_admin(root, host, r) && check_namespace(root, r) &&
        check_events(root, host, r))
        snprintf(r->finding, sizeof(r->finding),
                 "exits can be counted where somebody asks for it (-t, tab Exits)");
}
