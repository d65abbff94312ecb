// SPDX-License-Identifier: MIT
/*
 * Loads the programs that count exits and hangs them on KVM's trace events. Reading is in
 * kvm_exits_read.c.
 */
#include "core/bpf/kvm_exits.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bpf/kvm_bpf_host.h"
#include "core/bpf/kvm_exits_count.skel.h"
#include "core/bpf/kvm_exits_internal.h"
#include "core/model/exits.h"

#define ENTRY       KVM_EXITS_EVENT_COUNT /* number of the program at kvm_entry */
#define INIT_PID_NS 0xeffffffcu           /* PROC_PID_INIT_INO */
#define LOG_MAX     (1u << 20)

/* A sample says with the same numbers what is counted. */
#define SAME(id, event, need)                                                                      \
    _Static_assert((int)KVM_EXITS_EVENT_##id == (int)EXITS_EVENT_##id, "the order of events");
KVM_EXITS_EVENTS(SAME)
#undef SAME
_Static_assert((int)KVM_EXITS_EVENT_COUNT == (int)EXITS_EVENT_COUNT, "the number of events");

struct event {
    const char *name;
    bool is_needed;
};

#define EVENT(id, event, need) [KVM_EXITS_EVENT_##id] = {event, need},
static const struct event events[KVM_EXITS_EVENT_COUNT] = {KVM_EXITS_EVENTS(EVENT)};
#undef EVENT

static struct bpf_program *program_of(const struct kvm_exits *exits, unsigned number)
{
    struct bpf_program *const all[KVM_EXITS_PROGRAMS] = {
        [KVM_EXITS_EVENT_EXIT] = exits->programs->progs.on_exit,
        [KVM_EXITS_EVENT_PIO] = exits->programs->progs.on_pio,
        [KVM_EXITS_EVENT_MMIO] = exits->programs->progs.on_mmio,
        [KVM_EXITS_EVENT_MSR] = exits->programs->progs.on_msr,
        [KVM_EXITS_EVENT_CPUID] = exits->programs->progs.on_cpuid,
        [KVM_EXITS_EVENT_HYPERCALL] = exits->programs->progs.on_hypercall,
        [KVM_EXITS_EVENT_USER] = exits->programs->progs.on_user,
        [KVM_EXITS_EVENT_NESTED] = exits->programs->progs.on_nested,
        [ENTRY] = exits->programs->progs.on_entry,
    };

    return all[number];
}

/* --- trace events ----------------------------------------------------------------------------- */

/* All formats; id 0: there is no such event, or it is not wanted. */
static int read_formats(const struct rootfs *root, bool no_keys,
                        struct trace_format formats[static KVM_EXITS_EVENT_COUNT],
                        struct error *err)
{
    struct error own;

    for (unsigned i = 0; i < KVM_EXITS_EVENT_COUNT; i++) {
        if (no_keys && i != KVM_EXITS_EVENT_EXIT)
            continue;
        int result = trace_format_read(root, events[i].name, &formats[i], &own);
        if (result < 0 && (events[i].is_needed || result == -ENOMEM))
            return error_set(err, result, "%s", own.msg);
    }
    return 0;
}

/* 0; what is not needed and cannot be read is not loaded. */
static int prepare(struct kvm_exits *exits, struct trace_format *formats, struct error *err)
{
    for (unsigned i = 0; i < KVM_EXITS_EVENT_COUNT; i++) {
        struct bpf_program *program = program_of(exits, i);
        struct error own;
        int result = formats[i].id == 0 ? -ENOENT : kvm_exits_patch(program, i, &formats[i], &own);
        if (result < 0 && events[i].is_needed)
            return error_set(err, result, "%s", own.msg);
        if (result < 0) {
            bpf_program__set_autoload(program, false);
            formats[i].id = 0;
        }
    }
    const bool is_arm64 = trace_format_field(&formats[KVM_EXITS_EVENT_EXIT], "esr_ec") != NULL;
    if (!is_arm64 && trace_format_field(&formats[KVM_EXITS_EVENT_EXIT], "exit_reason") == NULL)
        return error_set(err, -ENOTSUP,
                         "the trace event kvm/kvm_exit of this kernel has no reason in it that is "
                         "known");
    exits->programs->rodata->is_arm64 = is_arm64;
    return 0;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int load(struct kvm_exits *exits, struct trace_format *formats, const struct host *host,
                struct error *err)
{
    char *log = calloc(1, LOG_MAX);
    struct bpf_object_open_opts opts;

    if (log == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    memset(&opts, 0, sizeof(opts)); /* padding is looked at */
    opts.sz = sizeof(opts);
    opts.kernel_log_buf = log;
    opts.kernel_log_size = LOG_MAX;
    exits->programs = kvm_exits_count__open_opts(&opts);
    int result = exits->programs == NULL ? error_set(err, -ENOMEM, "out of memory")
                                         : prepare(exits, formats, err);
    if (result == 0) {
        result = kvm_exits_count__load(exits->programs);
        if (result < 0)
            kvm_bpf_explain_load(result, log, host, err);
    }
    free(log);
    return result;
}

static int fail_attach(const struct rootfs *root, int result, const char *event, struct error *err)
{
    if ((result == -EACCES || result == -EPERM) && kvm_exits_needs_admin(root))
        return error_set(err, result,
                         "this kernel keeps trace events for CAP_SYS_ADMIN: run as root, or set "
                         "kernel.perf_event_paranoid to 2 (sysctl), with which CAP_PERFMON is "
                         "enough");
    return error_set(err, result, "cannot attach to the trace event kvm/%s: %s", event,
                     strerror(-result));
}

/*
 * One event, on one CPU, of no task in particular: the program then runs wherever it happens. The
 * event itself stays disabled, so that perf does no work for it. fd or a negative errno.
 */
static int attach_classic(uint32_t id, int program)
{
    struct perf_event_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = id;
    attr.disabled = 1;
    const long cpus = sysconf(_SC_NPROCESSORS_CONF);
    int fd = -1;
    errno = ENODEV;
    for (int cpu = 0; fd < 0 && errno == ENODEV && cpu < cpus; cpu++) /* it may be offline */
        fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0) {
        int result = -errno;
        close(fd);
        return result;
    }
    return fd;
}

/* kvm_exit last: an entry without an exit is nothing, what is behind one comes with it. */
static int attach(const struct rootfs *root, struct kvm_exits *exits,
                  const struct trace_format *formats, struct error *err)
{
    exits->program_fds[ENTRY] = bpf_program__fd(program_of(exits, ENTRY));
    int fd = bpf_raw_tracepoint_open("kvm_entry", exits->program_fds[ENTRY]);
    if (fd < 0)
        return fail_attach(root, fd, "kvm_entry", err);
    exits->attached_fds[ENTRY] = fd;
    for (unsigned i = KVM_EXITS_EVENT_COUNT; i-- > 0;) {
        if (formats[i].id == 0)
            continue;
        exits->program_fds[i] = bpf_program__fd(program_of(exits, i));
        fd = attach_classic(formats[i].id, exits->program_fds[i]);
        if (fd < 0)
            return fail_attach(root, fd, events[i].name, err);
        exits->attached_fds[i] = fd;
    }
    return 0;
}

static int check_namespace(const struct rootfs *root, struct error *err)
{
    struct stat st;

    if (root->live && rootfs_stat(root, "proc/self/ns/pid", &st) == 0 && st.st_ino != INIT_PID_NS)
        return error_set(err, -ENOTSUP,
                         "kvmlens runs in a pid namespace of its own, where it cannot tell whose "
                         "exits it sees: run it on the host, or with the host's pid namespace");
    return 0;
}

static int open_all(const struct rootfs *root, const struct kvm_exits_config *config,
                    struct kvm_exits *exits, struct error *err)
{
    struct trace_format formats[KVM_EXITS_EVENT_COUNT] = {0};
    struct host host;

    host_read(root, &host);
    int result = kvm_bpf_check_host(root, &host, false, err);
    if (result == 0)
        result = check_namespace(root, err);
    if (result == 0)
        result = read_formats(root, config->no_keys, formats, err);
    if (result == 0)
        result = load(exits, formats, &host, err);
    if (result == 0) {
        exits->threads_map = bpf_map__fd(exits->programs->maps.threads);
        exits->reasons_map = bpf_map__fd(exits->programs->maps.reasons);
        exits->keys_map = bpf_map__fd(exits->programs->maps.keys);
        exits->watched_map = bpf_map__fd(exits->programs->maps.watched);
        result = kvm_exits_watch(exits, config->pids, config->pid_count);
        if (result < 0)
            error_set(err, result, "cannot say which processes to watch: %s", strerror(-result));
    }
    if (result == 0)
        result = attach(root, exits, formats, err);
    exit_names_take(&formats[KVM_EXITS_EVENT_EXIT], &formats[KVM_EXITS_EVENT_USER], &exits->names);
    for (unsigned i = 0; i < KVM_EXITS_EVENT_COUNT; i++)
        trace_format_done(&formats[i]);
    return result;
}

int kvm_exits_open(const struct rootfs *root, const struct kvm_exits_config *config,
                   struct kvm_exits **ret, struct error *err)
{
    struct kvm_exits *exits = calloc(1, sizeof(*exits));

    *ret = NULL;
    if (exits == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    libbpf_set_print(NULL); /* it would write to the screen */
    for (unsigned i = 0; i < KVM_EXITS_PROGRAMS; i++)
        exits->program_fds[i] = exits->attached_fds[i] = -1;
    int result = open_all(root, config, exits, err);
    if (result < 0)
        kvm_exits_close(exits);
    else
        *ret = exits;
    return result;
}

void kvm_exits_close(struct kvm_exits *exits)
{
    if (exits == NULL)
        return;
    for (unsigned i = 0; i < KVM_EXITS_PROGRAMS; i++)
        if (exits->attached_fds[i] >= 0)
            close(exits->attached_fds[i]);
    kvm_exits_count__destroy(exits->programs);
    exit_names_done(&exits->names);
    free(exits->watched);
    free(exits);
}

bool kvm_exits_has(const struct kvm_exits *exits, enum kvm_exits_event event)
{
    return exits->attached_fds[event] >= 0;
}

const struct exit_names *kvm_exits_names(const struct kvm_exits *exits)
{
    return &exits->names;
}

/* Who stays is watched all the time. */
int kvm_exits_watch(struct kvm_exits *exits, const pid_t *pids, size_t count)
{
    const uint8_t yes = 1;
    pid_t *copy = NULL;

    if (count > KVM_EXITS_WATCHED_MAX)
        return -E2BIG;
    if (pids != NULL && count > 0 && (copy = calloc(count, sizeof(*copy))) == NULL)
        return -ENOMEM;
    if (pids == NULL)
        count = 0;
    if (copy != NULL)
        memcpy(copy, pids, count * sizeof(*copy));
    for (size_t i = 0; i < exits->watched_count; i++) {
        bool stays = false;
        for (size_t k = 0; k < count && !stays; k++)
            stays = copy[k] == exits->watched[i];
        if (!stays)
            bpf_map_delete_elem(exits->watched_map, &exits->watched[i]);
    }
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = bpf_map_update_elem(exits->watched_map, &copy[i], &yes, BPF_ANY);
    free(exits->watched);
    exits->watched = copy;
    exits->watched_count = count;
    exits->programs->bss->is_watching_all = pids == NULL;
    return result;
}
