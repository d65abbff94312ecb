// SPDX-License-Identifier: MIT
/*
 * What counting exits costs the guest, beside the ways of perf and of kvm_stat: CPU time of a
 * vCPU's thread for a port write that the VMM gets, with nothing and with each of them, in turn.
 *
 *     bench_exits [ROUNDS]
 *
 * A machine whose KVM emulates real mode has no exits. So the events of a port write stand in for
 * them everywhere: kvm_pio for kvm_exit, kvm_userspace_exit for kvm_entry. Our programs for exit
 * and entry are hung on these two, and so are perf's ring and kvm_stat's counters and filters:
 * what is compared is the same two events of the same instruction. Where the exit has a port behind
 * it and goes to the VMM, both events come twice, as themselves too. perf does not look at the last
 * of them. kvm_stat also counts whatever else KVM has events for, which is left out here.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/bpf/exit_format.h"
#include "core/bpf/kvm_exits_internal.h"

#include "core/bpf/kvm_exits_count.skel.h"
#include "core/demo/minivm.h"
#include "tests/lib/exit_rivals.h"

#define WRITES     20000
#define PORT       0x84
#define ROUNDS     21
#define ROUNDS_MAX 1000

/* Numbers that kvm_stat of Linux 6.1 has filters for: of exits, and of exits to user space. */
#define FILTERS_VMX  62
#define FILTERS_SVM  97
#define FILTERS_USER 38

enum kind { NOTHING, OURS, RING, FILTERS };

/* What happens, in the order of the table. */
enum scene {
    EXIT,      /* an exit, and the entry after it */
    PORT_EXIT, /* and between them a port, and a return to the VMM */
    PORT_ONLY, /* these two alone: what there is where real mode is emulated */
    SCENES
};

static const char *const scene_names[SCENES] = {
    "an exit and its entry",
    "the exit of a port write that the VMM gets, and its entry",
    "the events behind such an exit alone, as on a machine that emulates real mode",
};

static const unsigned events_of[SCENES] = {2, 4, 2};

static const struct way {
    const char *name;
    enum scene scene;
    enum kind kind;
    unsigned filters;
} ways[] = {
    {"nothing", EXIT, NOTHING, 0},
    {"kvmlens", EXIT, OURS, 0},
    {"perf's ring", EXIT, RING, 0},
    {"kvm_stat -t, VMX", EXIT, FILTERS, FILTERS_VMX},
    {"kvm_stat -t, SVM", EXIT, FILTERS, FILTERS_SVM},
    {"kvmlens", PORT_EXIT, OURS, 0},
    {"perf's ring", PORT_EXIT, RING, 0},
    {"kvm_stat -t, VMX", PORT_EXIT, FILTERS, FILTERS_VMX},
    {"kvm_stat -t, SVM", PORT_EXIT, FILTERS, FILTERS_SVM},
    {"kvmlens", PORT_ONLY, OURS, 0},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct bench {
    struct rootfs root;
    struct trace_format pio, user;
    struct kvm_exits_count *programs;
    int fds[4]; /* what programs hang on; -1: none */
    struct exit_ring *ring;
    struct exit_filters *filters;
};

/* --- ways ------------------------------------------------------------------------------------- */

/* kvm_pio, with the port in the place of the reason. */
static int as_exit(const struct trace_format *pio, struct trace_format *ret)
{
    *ret = *pio;
    for (size_t i = 0; i < ret->field_count; i++)
        if (strcmp(ret->fields[i].name, "port") == 0) {
            strcpy(ret->fields[i].name, "exit_reason");
            return 0;
        }
    return -ENOENT;
}

static int load(struct bench *b, struct error *err)
{
    static struct trace_format exit;
    struct bpf_program *program;
    int result = trace_format_read(&b->root, "kvm_pio", &b->pio, err);

    if (result == 0)
        result = trace_format_read(&b->root, "kvm_userspace_exit", &b->user, err);
    if (result == 0)
        result = as_exit(&b->pio, &exit);
    if (result < 0)
        return result;
    libbpf_set_print(NULL);
    b->programs = kvm_exits_count__open();
    if (b->programs == NULL)
        return error_set(err, -ENOMEM, "the programs cannot be opened");
    bpf_object__for_each_program(program, b->programs->obj) bpf_program__set_autoload(
        program, program == b->programs->progs.on_exit || program == b->programs->progs.on_entry ||
                     program == b->programs->progs.on_pio || program == b->programs->progs.on_user);
    result = kvm_exits_patch(b->programs->progs.on_exit, KVM_EXITS_EVENT_EXIT, &exit, err);
    if (result == 0)
        result = kvm_exits_patch(b->programs->progs.on_pio, KVM_EXITS_EVENT_PIO, &b->pio, err);
    if (result == 0)
        result = kvm_exits_patch(b->programs->progs.on_user, KVM_EXITS_EVENT_USER, &b->user, err);
    if (result == 0 && (result = kvm_exits_count__load(b->programs)) < 0)
        error_set(err, result, "the programs cannot be loaded: %s", strerror(-result));
    if (result == 0)
        b->programs->bss->is_watching_all = true;
    return result;
}

/* As core/bpf/kvm_exits does. fd or a negative errno. */
static int hang(const struct bpf_program *program, uint32_t event)
{
    struct perf_event_attr attr = {
        .size = sizeof(attr), .type = PERF_TYPE_TRACEPOINT, .config = event, .disabled = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

    if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(program)) < 0)
        return -errno;
    return fd;
}

static int attach_ours(struct bench *b, enum scene scene, struct error *err)
{
    unsigned n = 0;

    if (scene != PORT_ONLY) {
        b->fds[n++] = bpf_raw_tracepoint_open("kvm_userspace_exit",
                                              bpf_program__fd(b->programs->progs.on_entry));
        b->fds[n++] = hang(b->programs->progs.on_exit, b->pio.id);
    }
    if (scene != EXIT) {
        b->fds[n++] = hang(b->programs->progs.on_pio, b->pio.id);
        b->fds[n++] = hang(b->programs->progs.on_user, b->user.id);
    }
    for (unsigned i = 0; i < n; i++)
        if (b->fds[i] < 0)
            return error_set(err, b->fds[i], "cannot attach: %s", strerror(-b->fds[i]));
    return 0;
}

static int attach(struct bench *b, const struct way *way, struct error *err)
{
    const uint32_t events[] = {b->pio.id, b->user.id, b->pio.id};
    const struct exit_filter filters[] = {
        {b->pio.id, "port", way->filters, PORT}, /* one of them is it, as with kvm_stat */
        {b->user.id, NULL, 0, 0},
        {b->pio.id, NULL, 0, 0},
        {b->user.id, "reason", FILTERS_USER, FILTERS_USER - 1},
    };

    switch (way->kind) {
    case OURS:
        return attach_ours(b, way->scene, err);
    case RING:
        return exit_ring_open(events, way->scene == PORT_EXIT ? 3 : 2, &b->ring, err);
    case FILTERS:
        return exit_filters_open(filters, events_of[way->scene], &b->filters, err);
    default:
        return 0;
    }
}

static uint64_t seen_by_ours(const struct bench *b, enum scene scene, pid_t tid)
{
    const struct kvm_exits_key key = {
        .tid = (uint32_t)tid, .kind = EXIT_KEY_PORT_WRITE, .value = PORT};
    struct kvm_exits_thread_value thread = {0};
    struct kvm_exits_key_value value = {0};
    uint64_t exits = 0;

    bpf_map_lookup_elem(bpf_map__fd(b->programs->maps.threads), &tid, &thread);
    bpf_map_lookup_elem(bpf_map__fd(b->programs->maps.keys), &key, &value);
    for (unsigned i = 0; i < KVM_EXITS_NEAR_REASONS; i++)
        if (thread.near_reasons[i] == PORT)
            exits = thread.near[i].timed;
    if (scene == PORT_EXIT && value.events != exits)
        return 0;
    return scene == PORT_ONLY ? value.events : exits;
}

/* How many port writes were seen. */
static uint64_t detach(struct bench *b, const struct way *way, pid_t tid)
{
    uint64_t seen = WRITES;

    if (way->kind == OURS)
        seen = seen_by_ours(b, way->scene, tid);
    if (way->kind == RING)
        seen = exit_ring_close(b->ring) / (way->scene == PORT_EXIT ? 3 : 2);
    if (way->kind == FILTERS)
        seen = exit_filters_close(b->filters);
    b->ring = NULL;
    b->filters = NULL;
    for (size_t i = 0; i < sizeof(b->fds) / sizeof(b->fds[0]); i++) {
        if (b->fds[i] >= 0)
            close(b->fds[i]);
        b->fds[i] = -1;
    }
    return seen;
}

/* --- runs ------------------------------------------------------------------------------------- */

/* The clock of CPU time of a thread of this process (CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED). */
static double cpu_ns(pid_t tid)
{
    struct timespec t = {0};

    clock_gettime((clockid_t)(~(unsigned)tid << 3 | 6), &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ns for each write. */
static int run(struct bench *b, const struct way *way, double *ret, struct error *err)
{
    static const struct minivm_work work = {MINIVM_WORK_PORT_WRITE, WRITES, PORT};
    const struct minivm_config config = {.ram_bytes = 4 << 20,
                                         .vcpus = 1,
                                         .program = MINIVM_WORK,
                                         .works = &work,
                                         .work_count = 1,
                                         .work_times = 1};
    struct minivm *vm;
    int result = minivm_start(&config, &vm, err);

    if (result < 0)
        return result;
    const pid_t tid = minivm_info(vm)->vcpus[0].tid;
    result = attach(b, way, err);
    const double before = cpu_ns(tid);
    minivm_go(vm);
    while (!minivm_did(vm, 0).is_done)
        poll(NULL, 0, 1);
    *ret = (cpu_ns(tid) - before) / WRITES;
    const uint64_t seen = detach(b, way, tid);
    minivm_stop(vm);
    if (result == 0 && seen < WRITES)
        return error_set(err, -EIO, "%s saw %llu of %u port writes", way->name,
                         (unsigned long long)seen, WRITES);
    return result;
}

/*
 * A BPF program of somebody else at the same events can hide them from perf's users (by what it
 * returns): such a run is done again.
 */
static int run_again(struct bench *b, const struct way *way, double *ret, struct error *err)
{
    int result = run(b, way, ret, err);

    for (int i = 0; i < 100 && result == -EIO; i++) {
        poll(NULL, 0, 100);
        result = run(b, way, ret, err);
    }
    return result;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct figure {
    double low, median, high; /* quartiles */
};

/* What a way costs more than nothing did in the same round. */
static struct figure figure_of(double ns[ROUNDS_MAX][WAYS], unsigned rounds, size_t way)
{
    double added[ROUNDS_MAX];

    for (unsigned i = 0; i < rounds; i++)
        added[i] = ns[i][way] - (way == 0 ? 0 : ns[i][0]);
    qsort(added, rounds, sizeof(added[0]), by_size);
    return (struct figure){added[rounds / 4], added[rounds / 2], added[3 * rounds / 4]};
}

static void print(double ns[ROUNDS_MAX][WAYS], unsigned rounds)
{
    const struct figure nothing = figure_of(ns, rounds, 0);
    double ours = 0;

    printf("%u rounds of %u port writes each way; the thread's CPU time for one of them with\n"
           "nothing: %.0f ns (quartiles %.0f .. %.0f). Added to it, in the same round:\n",
           rounds, WRITES, nothing.median, nothing.low, nothing.high);
    for (size_t i = 1; i < WAYS; i++) {
        const struct way *way = &ways[i];
        const struct figure f = figure_of(ns, rounds, i);
        const unsigned events = events_of[way->scene];
        if (i == 1 || way->scene != ways[i - 1].scene)
            printf("%s: %u events\n", scene_names[way->scene], events);
        if (way->kind == OURS)
            ours = f.median;
        printf("  %-18s %+6.0f ns (%+.0f .. %+.0f)", way->name, f.median, f.low, f.high);
        if (way->kind == OURS)
            printf("   %.0f ns for each event\n", f.median / events);
        else
            printf("   kvmlens: %.2f of it\n", ours / f.median);
    }
}

int main(int argc, char **argv)
{
    static double ns[ROUNDS_MAX][WAYS];
    const int wanted = argc > 1 ? atoi(argv[1]) : ROUNDS;
    const unsigned rounds = wanted < 1 ? 1 : wanted > ROUNDS_MAX ? ROUNDS_MAX : (unsigned)wanted;
    struct bench b = {.fds = {-1, -1, -1, -1}};
    struct error err = {0};

    if (rootfs_open(NULL, &b.root, &err) < 0)
        return 1;
    int result = load(&b, &err);
    for (unsigned i = 0; i < rounds && result == 0; i++)
        for (size_t k = 0; k < WAYS && result == 0; k++)
            result = run_again(&b, &ways[(i + k) % WAYS], &ns[i][(i + k) % WAYS], &err);
    if (result < 0)
        printf("skipped: %s\n", err.msg);
    else
        print(ns, rounds);
    kvm_exits_count__destroy(b.programs);
    trace_format_done(&b.pio);
    trace_format_done(&b.user);
    rootfs_close(&b.root);
    return 0;
}
