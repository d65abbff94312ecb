// SPDX-License-Identifier: MIT
#include "ui/app/bpf_try.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/bpf/kvm_bpf.h"
#include "core/bpf/kvm_exits.h"

/* Each loads something, and drops it again. 0; or why not, with a sentence. */
typedef int load_fn(const struct rootfs *root, struct error *err);

static int load_counters(const struct rootfs *root, struct error *err)
{
    struct kvm_bpf *bpf = NULL;
    int result = kvm_bpf_open(root, &bpf, err);

    /* That KVM is not loaded yet is no fault of theirs. */
    if (result == 0 && kvm_bpf_layout(bpf, err) == NULL && err->code != -EAGAIN)
        result = err->code;
    kvm_bpf_close(bpf);
    return result;
}

/* Nobody is watched, so no guest notices. */
static int load_exits(const struct rootfs *root, struct error *err)
{
    const pid_t nobody = 0;
    const struct kvm_exits_config config = {.pids = &nobody, .pid_count = 0};
    struct kvm_exits *exits = NULL;
    int result = kvm_exits_open(root, &config, &exits, err);

    kvm_exits_close(exits);
    return result;
}

static _Noreturn void load_and_end(load_fn *load, const struct rootfs *root, int out)
{
    struct error err = {0};
    int result = load(root, &err);

    /* One write of a whole structure into an empty pipe. */
    if (result < 0 && write(out, &err, sizeof(err)) != (ssize_t)sizeof(err))
        _exit(2);
    _exit(result < 0 ? 1 : 0);
}

/* 0; or why not, with a sentence. */
static int load_in_child(load_fn *load, const struct rootfs *root, struct error *err)
{
    int pair[2], status = -1;

    if (pipe(pair) < 0)
        return error_set(err, -errno, "cannot be tried: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        load_and_end(load, root, pair[1]);
    int code = errno;
    close(pair[1]);
    ssize_t n = pid > 0 ? read(pair[0], err, sizeof(*err)) : -1;
    close(pair[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return error_set(err, -code, "cannot be tried: %s", strerror(code));
    if (n == (ssize_t)sizeof(*err) && err->code < 0)
        return err->code;
    return status == 0 ? 0 : error_set(err, -ECHILD, "who tried it ended with %#x", status);
}

void bpf_try(const struct rootfs *root, const struct host *host, struct check_result *ret)
{
    struct error err = {0};
    char text[sizeof(ret->finding)];
    int result = load_in_child(load_counters, root, &err);

    (void)host;
    if (result == 0) {
        snprintf(ret->finding, sizeof(ret->finding),
                 "the BPF programs were loaded for a moment, and can be used here");
        return;
    }
    ret->level = root->live ? CHECK_PROBLEM : CHECK_UNKNOWN;
    snprintf(text, sizeof(text), "BPF is not possible: %.170s", err.msg);
    text_clean(text, strlen(text), ret->finding, sizeof(ret->finding));
    snprintf(ret->effect, sizeof(ret->effect), "--bpf has no effect but exit status 3");
}

void bpf_try_exits(const struct rootfs *root, const struct host *host, struct check_result *ret)
{
    struct error err = {0};
    char text[sizeof(ret->finding)];
    int result = load_in_child(load_exits, root, &err);

    (void)host;
    if (result == 0) {
        snprintf(ret->finding, sizeof(ret->finding),
                 "the programs that count exits were attached for a moment, and can be used here");
        return;
    }
    ret->level = root->live ? CHECK_NOTE : CHECK_UNKNOWN;
    snprintf(text, sizeof(text), "exits cannot be counted: %.170s", err.msg);
    text_clean(text, strlen(text), ret->finding, sizeof(ret->finding));
    snprintf(ret->effect, sizeof(ret->effect), "-t and the tab Exits show none");
}
