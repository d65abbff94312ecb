// SPDX-License-Identifier: MIT
#include "core/find/host_fix.h"

#include <stdio.h>
#include <string.h>

#include "core/model/bpf_offer.h"

static const struct {
    int bit;
    const char *name;
} cap_names[] = {
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
    {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
    {HOST_CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE"},
    {HOST_CAP_BPF, "CAP_BPF"},
    {HOST_CAP_PERFMON, "CAP_PERFMON"},
};

const char *host_fix_cap_names(uint64_t caps, char *out)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(cap_names) / sizeof(cap_names[0]); i++) {
        uint64_t bit = HOST_CAP(cap_names[i].bit);
        if ((caps & bit) == 0)
            continue;
        bool last = true;
        for (size_t k = i + 1; k < sizeof(cap_names) / sizeof(cap_names[0]); k++)
            last &= (caps & HOST_CAP(cap_names[k].bit)) == 0;
        len += (size_t)snprintf(out + len, HOST_FIX_NAMES_MAX - len, "%s%s",
                                len == 0 ? ""
                                : last   ? " and "
                                         : ", ",
                                cap_names[i].name);
    }
    return out;
}

const char *host_fix_caps(const struct host *host, uint64_t needed, char *out)
{
    char names[HOST_FIX_NAMES_MAX];
    uint64_t missing = host->caps_known ? needed & ~host->caps : needed;

    host_fix_cap_names(missing != 0 ? missing : needed, names);
    if (missing == 0)
        snprintf(out, HOST_FIX_MAX,
                 "%s %s held: a security module or another user namespace refuses.", names,
                 (needed & (needed - 1)) != 0 ? "are" : "is");
    else if (host->caps_known && host->is_root)
        snprintf(out, HOST_FIX_MAX, "This root lacks %s: let its container or unit keep %s.", names,
                 (missing & (missing - 1)) != 0 ? "them" : "it");
    else
        snprintf(out, HOST_FIX_MAX, "Run as root, or with %s.", names);
    return out;
}

const char *host_fix_cause(const struct host *host, enum reading_cause cause, char *out)
{
    uint64_t needs = reading_cause_needs(cause);

    if (needs != 0 && host->caps_known) {
        uint64_t missing = needs & ~host->caps;
        /* Yama may refuse even who holds it: the general text says so. */
        if (missing != 0 || cause != CAUSE_NO_PTRACE)
            return host_fix_caps(host, needs, out);
        snprintf(out, HOST_FIX_MAX,
                 "CAP_SYS_PTRACE is held: kernel.yama.ptrace_scope=3, another security module or "
                 "another user namespace refuses.");
        return out;
    }
    snprintf(out, HOST_FIX_MAX, "%s", reading_cause_fix(cause));
    return out;
}

const char *host_fix_report(const struct host *host, const struct bpf_status *bpf,
                            enum reading_cause cause, char *out)
{
    char fix[HOST_FIX_MAX];
    bool is_offered = bpf->state == BPF_UNASKED && bpf->obstacle == BPF_POSSIBLE &&
                      bpf_offer_reads(cause);

    host_fix_cause(host, cause, fix);
    snprintf(out, HOST_FIX_REPORT_MAX, "%s%s", is_offered ? "BPF reads it: --bpf. " : "", fix);
    return out;
}
