// SPDX-License-Identifier: MIT
/*
 * Cost of a refresh on a full host: VMs of our own, one process each, every vCPU with its stats fd.
 *
 *   bench_refresh [VMS [VCPUS [REFRESHES]]]        100 4 100
 *
 * Once in this process, source beside source, and once as kvmlens does it: by a collector, with all
 * that hands the sample over, and CPU time of all processes together.
 */
#include "core/bpf/kvm_bpf.h"
#include "core/collect/sample_link.h"
#include "core/demo/minivm.h"
#include "core/model/vm_load.h"
#include "core/source/sampler.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void print_machine(void)
{
    struct utsname u;
    char line[256], model[128] = "unknown CPU", date[32];
    time_t now = time(NULL);
    struct tm tm;
    FILE *f = fopen("/proc/cpuinfo", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "model name : %127[^\n]", model) == 1)
            break;
    if (f != NULL)
        fclose(f);
    uname(&u);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
    printf("%s, %ld CPUs, Linux %s, %s\n", model, sysconf(_SC_NPROCESSORS_ONLN), u.release, date);
}

/* The VM of one process; leaves when the benchmark does. */
static void vm_process(int sock, pid_t parent, unsigned vcpus)
{
    const struct minivm_config config = {.ram_bytes = 8 << 20,
                                         .vcpus = vcpus,
                                         .keep_vm_stats_fd = true,
                                         .keep_vcpu_stats_fds = true,
                                         .program = MINIVM_HALT};
    struct minivm *vm;
    struct error err = {0};
    struct pollfd p = {.fd = sock};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    if (minivm_start(&config, &vm, &err) < 0) {
        fprintf(stderr, "bench_refresh: %s\n", err.msg);
        _exit(1);
    }
    if (write(sock, "!", 1) != 1)
        _exit(1);
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static bool start_vms(pid_t *pids, unsigned vms, unsigned vcpus, int *ret_socket)
{
    int pair[2];
    pid_t parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return false;
    for (unsigned i = 0; i < vms; i++) {
        char c;
        pids[i] = fork();
        if (pids[i] == 0) {
            close(pair[0]);
            vm_process(pair[1], parent, vcpus);
        }
        struct pollfd p = {.fd = pair[0], .events = POLLIN};
        if (pids[i] < 0 || poll(&p, 1, 10000) != 1 || read(pair[0], &c, 1) != 1)
            return false;
    }
    close(pair[1]);
    *ret_socket = pair[0];
    return true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static const struct {
    const char *name;
    unsigned sources;
    bool bpf, no_histograms;
    unsigned load; /* enum load_wish */
} modes[] = {
    {"all sources", SOURCES_ALL, false, false, 0},
    {"all sources, state of VMs", SOURCES_ALL, false, false, LOAD_STATE},
    {"all sources, state, the host", SOURCES_ALL, false, false, LOAD_STATE | LOAD_HOST},
    {"all sources, state, all vCPUs", SOURCES_ALL, false, false, LOAD_STATE | LOAD_VCPUS},
    {"all sources, state, roles", SOURCES_ALL, false, false, LOAD_STATE | LOAD_ROLES},
    {"all sources, state, limits", SOURCES_ALL, false, false, LOAD_STATE | LOAD_THROTTLE},
    {"all sources, state, pressure", SOURCES_ALL, false, false, LOAD_STATE | LOAD_PRESSURE},
    {"all sources, state, memory", SOURCES_ALL, false, false, LOAD_STATE | LOAD_MEMORY},
    {"all sources, state, placement", SOURCES_ALL, false, false, LOAD_STATE | LOAD_PLACEMENT},
    {"all sources, state, I/O", SOURCES_ALL, false, false, LOAD_STATE | LOAD_IO},
    {"all sources, all of load", SOURCES_ALL, false, false, LOAD_ALL},
    {"stats fds only", SOURCE_BIT(SOURCE_STATSFD), false, false, 0},
    {"debugfs only", SOURCE_BIT(SOURCE_DEBUGFS), false, false, 0},
    {"bpf only", SOURCE_BIT(SOURCE_BPF), true, false, 0},
    {"bpf only, no histograms", SOURCE_BIT(SOURCE_BPF), true, true, 0},
};

/* NULL, and why, where the programs cannot be loaded. */
static struct kvm_bpf *load_bpf(const struct rootfs *root)
{
    struct kvm_bpf *bpf;
    struct error err = {0};
    double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    if (kvm_bpf_open(root, &bpf, &err) < 0) {
        printf("skipped: BPF cannot be loaded here: %s\n", err.msg);
        return NULL;
    }
    printf("BPF programs loaded in %.1f ms, %.1f ms CPU\n",
           (seconds(CLOCK_MONOTONIC) - start) * 1e3,
           (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e3);
    return bpf;
}

/* Reads of this process so far, of files and of all else; 0 where the kernel does not count them.
 */
static unsigned long long reads_so_far(void)
{
    char line[128];
    unsigned long long reads = 0;
    FILE *f = fopen("/proc/self/io", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "syscr: %llu", &reads) == 1)
            break;
    if (f != NULL)
        fclose(f);
    return reads;
}

static int run_mode(size_t mode, unsigned vms, unsigned vcpus, unsigned refreshes,
                    double *ret_ms)
{
    struct rootfs root;
    struct kvm_bpf *bpf = NULL;
    struct error err = {0};
    struct sampler *sampler;
    struct snapshot *s = NULL;
    double *cpu = calloc(refreshes, sizeof(*cpu));
    double *part[SOURCE_COUNT] = {NULL};
    int r = -1;

    for (size_t k = 0; k < SOURCE_COUNT; k++)
        part[k] = calloc(refreshes, sizeof(double));
    double start = seconds(CLOCK_MONOTONIC);
    if (cpu == NULL || rootfs_open(NULL, &root, &err) < 0)
        goto out;
    if (modes[mode].bpf && (bpf = load_bpf(&root)) == NULL) {
        rootfs_close(&root);
        goto out;
    }
    const struct sampler_config config = {.root = &root,
                                          .sources = modes[mode].sources,
                                          .bpf = bpf,
                                          .no_histograms = modes[mode].no_histograms};
    if (sampler_open(&config, &sampler, &err) < 0)
        goto out;
    sampler_set_load(sampler, modes[mode].load);
    if (sampler_tick(sampler, &s, &err) < 0)
        goto out;
    double first_ms = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
    size_t readable = 0;
    for (size_t i = 0; i < s->vm_count; i++)
        for (size_t k = 0; k < s->vms[i].vcpu_count; k++)
            readable += (source_gives((enum reading_source)s->vms[i].vcpu_source) &
                         GIVES_VCPU_COUNTERS) != 0;
    printf("%s: %zu VMs, %zu vCPUs found, %zu with counters of their own\n", modes[mode].name,
           s->vm_count, s->vcpu_count, readable);
    if (readable < (size_t)vms * vcpus && modes[mode].sources != SOURCE_BIT(SOURCE_DEBUGFS))
        printf("  warning: fewer than there are, the figures below are too low\n");
    snapshot_free(s);
    unsigned long long reads = reads_so_far();
    for (unsigned i = 0; i < refreshes; i++) {
        double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if ((r = sampler_tick(sampler, &s, &err)) < 0)
            break;
        cpu[i] = (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e3;
        for (size_t k = 0; k < SOURCE_COUNT; k++)
            part[k][i] = (double)s->cost_ns[k] * 1e-6;
        snapshot_free(s);
        poll(NULL, 0, 5); /* caches as cold as between ticks, nearly */
    }
    reads = reads_so_far() - reads;
    sampler_close(sampler);
    kvm_bpf_close(bpf);
    rootfs_close(&root);
    if (r < 0)
        goto out;
    *ret_ms = median(cpu, refreshes);
    printf("  first snapshot after %.1f ms; CPU per refresh %.2f ms (median of %u), %llu reads\n"
           "  of it",
           first_ms, *ret_ms, refreshes, reads / refreshes);
    for (size_t k = 0; k < SOURCE_COUNT; k++)
        printf(" %s %.2f ms,", k == SOURCE_NONE ? "discovery" : reading_source_name((uint8_t)k),
               median(part[k], refreshes));
    printf(" CPU time\n");
out:
    if (err.code != 0)
        fprintf(stderr, "bench_refresh: %s\n", err.msg);
    for (size_t k = 0; k < SOURCE_COUNT; k++)
        free(part[k]);
    free(cpu);
    return err.code != 0;
}

/* All sources, through a collector. @alone_ms: what it costs in one process. */
static int run_collected(enum privilege_level level, unsigned load, unsigned refreshes,
                         double alone_ms)
{
    struct rootfs root;
    struct error err = {0};
    struct supervisor supervisor = {.sock = -1};
    struct sample_link *link = NULL;
    struct snapshot *s = NULL;
    double *cpu = calloc(refreshes, sizeof(*cpu));
    double start = seconds(CLOCK_MONOTONIC);

    if (cpu == NULL || rootfs_open(NULL, &root, &err) < 0)
        return 1;
    const struct child_config config = {
        .root = &root, .sources = SOURCES_ALL, .privileges = level};
    int r = supervisor_start(&config, &supervisor, &err);
    if (r == 0)
        r = sample_link_open(&supervisor, &link, &err);
    if (r == 0) {
        sample_link_set_load(link, load);
        r = sample_link_tick(link, -1, &s, &err);
    }
    double first_ms = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
    for (unsigned i = 0; r == 0 && i < refreshes; i++) {
        snapshot_free(s);
        s = NULL;
        poll(NULL, 0, 5);
        r = sample_link_tick(link, -1, &s, &err);
        if (r == 0)
            cpu[i] = s->self_cpu_ratio * s->interval_s * 1e3;
    }
    if (r == 0)
        printf("collector, --privileges %s%s\n"
               "  first snapshot after %.1f ms; CPU per refresh %.2f ms (median of %u), %.2f times "
               "that of one process\n",
               privilege_words[level],
               load == LOAD_STATE ? ", state of VMs"
               : load != 0        ? ", all of load"
                                  : "",
               first_ms, median(cpu, refreshes), refreshes, median(cpu, refreshes) / alone_ms);
    else
        fprintf(stderr, "bench_refresh: %s\n", err.msg);
    snapshot_free(s);
    sample_link_close(link);
    supervisor_stop(&supervisor);
    rootfs_close(&root);
    free(cpu);
    return r < 0;
}

int main(int argc, char **argv)
{
    unsigned vms = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
    unsigned vcpus = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
    unsigned refreshes = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    struct rusage usage;
    double alone_ms = 0;
    int sock, status = 0;

    if (vms == 0 || vcpus == 0 || vcpus > MINIVM_VCPUS_MAX || refreshes == 0) {
        fprintf(stderr, "usage: bench_refresh [VMS [VCPUS [REFRESHES]]]\n");
        return 2;
    }
    pid_t *pids = calloc(vms, sizeof(*pids));
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        printf("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
        free(pids);
        return 0;
    }
    print_machine();
    fflush(stdout);
    if (pids == NULL || !start_vms(pids, vms, vcpus, &sock)) {
        fprintf(stderr, "bench_refresh: cannot start the VMs\n");
        return 1;
    }
    for (size_t i = sizeof(modes) / sizeof(modes[0]); status == 0 && i-- > 0;)
        status = run_mode(i, vms, vcpus, refreshes, &alone_ms);
    /* Beside that of all sources, which was last. */
    for (size_t i = 0; status == 0 && i < PRIVILEGE_LEVELS; i++)
        status = run_collected((enum privilege_level)i, 0, refreshes, alone_ms);
    if (status == 0)
        status = run_collected(PRIVILEGE_STRICT, LOAD_STATE, refreshes, alone_ms);
    if (status == 0)
        status = run_collected(PRIVILEGE_STRICT, LOAD_ALL, refreshes, alone_ms);
    getrusage(RUSAGE_SELF, &usage);
    printf("peak RSS %.1f MiB\n", (double)usage.ru_maxrss / 1024);
    close(sock);
    for (unsigned i = 0; i < vms; i++)
        waitpid(pids[i], NULL, 0);
    free(pids);
    return status;
}
