// SPDX-License-Identifier: MIT
/*
 * VMs for the end-to-end tests. Makes them, prints one line of JSON that says what they are, and
 * keeps them until standard input closes. A line "recreate" on standard input ends all VMs, makes
 * them anew in the same thread, so that the kernel sees the same fd numbers, and prints the line
 * again. A line "go" lets guests begin that were told what to do, and prints the line when all have
 * done it.
 */
#include "core/demo/minivm.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <linux/vhost.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <seccomp.h>

#define VMS_MAX    64
#define RANGES_MAX 64

static const char usage_text[] =
    "usage: testvm [OPTION]...\n"
    "  --vms N           VMs in this process (1)\n"
    "  --vcpus N         of each (1)\n"
    "  --ram SIZE        of each, with suffix K, M or G (64M)\n"
    "  --backing KIND    anon, thp, memfd, hugetlb (anon)\n"
    "  --stats WHICH     fds kept: none, vm, vcpu, both (both)\n"
    "  --busy HZ         guests that wake up so often; else they halt\n"
    "  --touch START:SIZE guests that write one byte of each of these pages, then halt; above 1M\n"
    "  --do KIND:N[:ARGUMENT] guests that wait for a line \"go\", do this N times, then halt; may "
    "be\n"
    "                    repeated. The second vCPU does it 2 N times, and so on through all VMs.\n"
    "                    KIND out, in, ins (port), sweep (first port), cpuid (leaf), rdmsr, wrmsr "
    "(MSR), hlt,\n"
    "                    mmio-write, mmio-read (address), hypercall (number)\n"
    "  --thread          made by another thread than the first, which lives as long\n"
    "  --thread-ends     made by another thread, which ends then\n"
    "  --fill KIND:START:SIZE[:OFFSET[:STRIDE]]\n"
    "                    KIND nonzero, onebyte, zero, read or mix; may be repeated\n"
    "  --seed N          of all pseudo-random content\n"
    "  --uffd START:SIZE register this part of the RAM with userfaultfd; missing pages are never "
    "served\n"
    "  --fork            a child that only inherits the descriptors, until it is killed or 60 s\n"
    "  --vhost           a queue of vhost-net, whose worker has nothing to do\n"
    "  --comm NAME       command name of the process\n"
    "  --seccomp         may do nothing any more but run its guests and end\n"
    "  -- WORD...        nothing; for who reads the command line of the process\n";

static const char *const backing_names[] = {"anon", "thp", "memfd", "hugetlb"};
static const char *const fill_names[] = {"none", "nonzero", "onebyte", "zero", "read", "mix"};
static const char *const stats_names[] = {"none", "vm", "vcpu", "both"};

struct setup {
    struct minivm_config config;
    struct minivm_range ranges[RANGES_MAX];
    struct minivm_work works[MINIVM_WORKS_MAX];
    unsigned vms;
    bool fork;
    uint64_t uffd_start, uffd_bytes;
    bool thread, thread_ends, seccomp, vhost;
};

struct bed {
    struct minivm *vms[VMS_MAX];
    int uffds[VMS_MAX];
};

__attribute__((noreturn)) static void usage(const char *what)
{
    fprintf(stderr, "testvm: bad %s\n%s", what, usage_text);
    exit(2);
}

static uint64_t number(const char *text, char **end)
{
    static const char suffixes[] = "KMG";

    errno = 0;
    uint64_t n = strtoull(text, end, 0);
    if (*end == text || errno != 0)
        usage("number");
    const char *suffix = **end != '\0' ? strchr(suffixes, **end) : NULL;
    if (suffix != NULL) {
        n <<= 10 * (suffix - suffixes + 1);
        (*end)++;
    }
    return n;
}

static uint64_t whole_number(const char *text)
{
    char *end;
    uint64_t n = number(text, &end);

    if (*end != '\0')
        usage("number");
    return n;
}

static unsigned word(const char *text, size_t len, const char *const *words, unsigned count,
                     const char *what)
{
    for (unsigned i = 0; i < count; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return i;
    usage(what);
}

/* ":N" repeated, at most @max numbers; returns how many. */
static size_t numbers(const char *text, uint64_t *ret, size_t max)
{
    size_t n = 0;

    while (*text != '\0') {
        char *end;
        if (*text != ':' || n == max)
            usage("range");
        ret[n++] = number(text + 1, &end);
        text = end;
    }
    return n;
}

static void parse_fill(struct setup *s, const char *text)
{
    uint64_t n[4] = {0};
    size_t len = strcspn(text, ":");

    if (s->config.range_count == RANGES_MAX || numbers(text + len, n, 4) < 2)
        usage("range");
    s->ranges[s->config.range_count++] =
        (struct minivm_range){.start = n[0],
                              .bytes = n[1],
                              .fill = (enum minivm_fill)word(text, len, fill_names, 6, "fill"),
                              .offset = (uint32_t)n[2],
                              .stride = (uint32_t)n[3]};
}

static void parse_part(const char *text, uint64_t *ret_start, uint64_t *ret_bytes)
{
    char *end;

    *ret_start = number(text, &end);
    if (*end != ':')
        usage("range");
    *ret_bytes = whole_number(end + 1);
}

static void parse_work(struct setup *s, const char *text)
{
    const size_t len = strcspn(text, ":"), i = s->config.work_count;
    uint64_t n[2] = {0};
    struct minivm_work *work = &s->works[i];

    if (i == MINIVM_WORKS_MAX)
        usage("number of things to do");
    while (work->kind < MINIVM_WORK_KINDS && (strlen(minivm_work_name(work->kind)) != len ||
                                              memcmp(minivm_work_name(work->kind), text, len) != 0))
        work->kind++;
    n[1] = minivm_work_default(work->kind);
    if (numbers(text + len, n, 2) < 1 || n[0] > 1000000000 || n[1] > UINT32_MAX)
        usage("thing to do");
    work->count = (uint32_t)n[0];
    work->argument = (uint32_t)n[1];
    s->config.program = MINIVM_WORK;
    s->config.works = s->works;
    s->config.work_count++;
}

static void parse(int argc, char **argv, struct setup *s)
{
    static const struct option options[] = {
        {"vms", 1, NULL, 'v'},         {"vcpus", 1, NULL, 'c'}, {"ram", 1, NULL, 'r'},
        {"backing", 1, NULL, 'b'},     {"stats", 1, NULL, 's'}, {"busy", 1, NULL, 'h'},
        {"fill", 1, NULL, 'f'},        {"seed", 1, NULL, 'e'},  {"uffd", 1, NULL, 'u'},
        {"comm", 1, NULL, 'n'},        {"touch", 1, NULL, 't'}, {"thread", 0, NULL, 'T'},
        {"thread-ends", 0, NULL, 'E'}, {"fork", 0, NULL, 'k'},  {"seccomp", 0, NULL, 'S'},
        {"do", 1, NULL, 'd'},          {"vhost", 0, NULL, 'V'}, {NULL, 0, NULL, 0},
    };
    unsigned which;
    int c;

    s->config = (struct minivm_config){.ram_bytes = 64 << 20, .vcpus = 1, .seed = 1};
    s->config.keep_vm_stats_fd = s->config.keep_vcpu_stats_fds = true;
    s->vms = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'v':
            s->vms = (unsigned)whole_number(optarg);
            break;
        case 'c':
            s->config.vcpus = (unsigned)whole_number(optarg);
            break;
        case 'r':
            s->config.ram_bytes = whole_number(optarg);
            break;
        case 'b':
            s->config.backing =
                (enum minivm_backing)word(optarg, strlen(optarg), backing_names, 4, "backing");
            break;
        case 's':
            which = word(optarg, strlen(optarg), stats_names, 4, "stats");
            s->config.keep_vm_stats_fd = which & 1;
            s->config.keep_vcpu_stats_fds = which & 2;
            break;
        case 'h':
            s->config.program = MINIVM_BUSY;
            s->config.wake_hz = (unsigned)whole_number(optarg);
            break;
        case 'f':
            parse_fill(s, optarg);
            break;
        case 'e':
            s->config.seed = whole_number(optarg);
            break;
        case 'u':
            parse_part(optarg, &s->uffd_start, &s->uffd_bytes);
            break;
        case 't':
            s->config.program = MINIVM_TOUCH;
            parse_part(optarg, &s->config.touch_start, &s->config.touch_bytes);
            break;
        case 'd':
            parse_work(s, optarg);
            break;
        case 'T':
            s->thread = true;
            break;
        case 'E':
            s->thread = s->thread_ends = true;
            break;
        case 'k':
            s->fork = true;
            break;
        case 'S':
            s->seccomp = true;
            break;
        case 'V':
            s->vhost = true;
            break;
        case 'n':
            prctl(PR_SET_NAME, optarg);
            break;
        default:
            usage("option");
        }
    }
    bool words_follow = strcmp(argv[optind - 1], "--") == 0;
    if ((optind != argc && !words_follow) || s->vms < 1 || s->vms > VMS_MAX)
        usage("argument");
    s->config.ranges = s->ranges;
}

/* As a postcopy target or a lazily restored snapshot: a read of a missing page waits for ever. */
static int register_uffd(const struct minivm_info *info, const struct setup *s)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register reg = {
        .range = {.start = (uintptr_t)info->ram + s->uffd_start, .len = s->uffd_bytes},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0) {
        fprintf(stderr, "testvm: cannot register with userfaultfd: %s\n", strerror(errno));
        exit(1);
    }
    return fd;
}

static void start_all(struct bed *bed, const struct setup *s)
{
    struct error err;

    for (unsigned i = 0; i < s->vms; i++) {
        struct minivm_config config = s->config;
        config.work_times = 1 + i * s->config.vcpus;
        if (minivm_start(&config, &bed->vms[i], &err) < 0) {
            fprintf(stderr, "testvm: %s\n", err.msg);
            exit(1);
        }
        bed->uffds[i] = s->uffd_bytes != 0 ? register_uffd(minivm_info(bed->vms[i]), s) : -1;
    }
}

struct maker {
    struct bed *bed;
    const struct setup *setup;
    sem_t done;
};

static void *maker_main(void *arg)
{
    struct maker *m = arg;

    start_all(m->bed, m->setup);
    sem_post(&m->done);
    /* Only the end of the process ends a thread that stays. */
    for (;;) {
        if (m->setup->thread_ends)
            return NULL;
        pause();
    }
}

/* As start_all, in the thread that the options ask for. A thread that stays ends with the process.
 */
static void start_in_thread(struct bed *bed, const struct setup *s)
{
    struct maker maker = {.bed = bed, .setup = s};
    pthread_t thread;

    if (!s->thread) {
        start_all(bed, s);
        return;
    }
    sem_init(&maker.done, 0, 0);
    if (pthread_create(&thread, NULL, maker_main, &maker) != 0) {
        fprintf(stderr, "testvm: no thread\n");
        exit(1);
    }
    while (sem_wait(&maker.done) < 0)
        ;
    if (s->thread_ends)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
}

static void stop_all(struct bed *bed, const struct setup *s)
{
    for (unsigned i = 0; i < s->vms; i++) {
        if (bed->uffds[i] >= 0)
            close(bed->uffds[i]);
        minivm_stop(bed->vms[i]);
    }
}

static pid_t fork_child(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    alarm(60);
    for (;;)
        pause();
}

/* What a vCPU does, or did. */
static json_t *describe_work(const struct minivm *vm, const struct setup *s, unsigned vm_number,
                             unsigned vcpu)
{
    const struct minivm_did did = minivm_did(vm, vcpu);
    const unsigned times = 1 + vm_number * s->config.vcpus + vcpu;
    json_t *works = json_array();

    for (size_t i = 0; i < s->config.work_count; i++)
        json_array_append_new(works, json_pack("{s:s, s:I, s:I}", "kind",
                                               minivm_work_name(s->works[i].kind), "count",
                                               (json_int_t)s->works[i].count * times, "argument",
                                               (json_int_t)s->works[i].argument));
    return json_pack("{s:b, s:I, s:I, s:o}", "done", (int)did.is_done, "io_exits",
                     (json_int_t)did.io_exits, "mmio_exits", (json_int_t)did.mmio_exits, "works",
                     works);
}

static json_t *describe(const struct minivm *vm, const struct setup *s, unsigned number)
{
    const struct minivm_info *info = minivm_info(vm);
    const struct minivm_pages *p = &info->pages;
    json_t *vcpus = json_array();

    for (unsigned i = 0; i < info->vcpu_count; i++) {
        json_t *vcpu =
            json_pack("{s:i, s:i, s:i, s:i}", "id", (int)i, "fd", info->vcpus[i].fd, "stats_fd",
                      info->vcpus[i].stats_fd, "tid", (int)info->vcpus[i].tid);
        if (s->config.work_count != 0)
            json_object_set_new(vcpu, "work", describe_work(vm, s, number, i));
        json_array_append_new(vcpus, vcpu);
    }
    return json_pack("{s:i, s:i, s:i, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I, s:I}}", "vm_fd",
                     info->vm_fd, "stats_fd", info->stats_fd, "tid", (int)info->creator_tid,
                     "ram_start", (json_int_t)(uintptr_t)info->ram, "ram_bytes",
                     (json_int_t)info->ram_bytes, "vcpus", vcpus, "pages", "total",
                     (json_int_t)p->total, "untouched", (json_int_t)p->untouched, "zero_mapped",
                     (json_int_t)p->zero_mapped, "zero_content", (json_int_t)p->zero_content,
                     "nonzero", (json_int_t)p->nonzero);
}

static void print_all(const struct bed *bed, const struct setup *s, pid_t child)
{
    json_t *vms = json_array();

    for (unsigned i = 0; i < s->vms; i++)
        json_array_append_new(vms, describe(bed->vms[i], s, i));
    json_t *all =
        json_pack("{s:i, s:i, s:o}", "pid", (int)getpid(), "child", (int)child, "vms", vms);
    if (all == NULL || json_dumpf(all, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0)
        exit(1);
    json_decref(all);
}

/* All threads; one may be on its way still: any other system call ends the process. */
static void confine(void)
{
    static const int allowed[] = {
        SCMP_SYS(ioctl),           SCMP_SYS(futex),         SCMP_SYS(read),
        SCMP_SYS(exit_group),      SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
        SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(rseq),
        SCMP_SYS(set_robust_list), SCMP_SYS(rt_sigprocmask)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int result = filter == NULL ? -ENOMEM : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    for (size_t i = 0; result == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (result == 0)
        result = seccomp_load(filter);
    if (result < 0) {
        fprintf(stderr, "testvm: no filter: %s\n", strerror(-result));
        exit(1);
    }
}

static void go(const struct bed *bed, const struct setup *s)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    if (s->config.work_count == 0)
        usage("command: there is nothing to do");
    for (unsigned i = 0; i < s->vms; i++)
        minivm_go(bed->vms[i]);
    for (unsigned i = 0; i < s->vms; i++)
        for (unsigned k = 0; k < s->config.vcpus; k++)
            while (!minivm_did(bed->vms[i], k).is_done)
                nanosleep(&pause, NULL);
    nanosleep(&pause, NULL); /* the last halt */
}

/* The kernel starts a worker for whoever takes it; it stays open as long as this process. */
static void open_vhost(void)
{
    int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, VHOST_SET_OWNER) < 0) {
        fprintf(stderr, "testvm: /dev/vhost-net: %s\n", strerror(errno));
        exit(1);
    }
}

static void wait_confined(void)
{
    char buf[64];

    confine();
    while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
        ;
    _exit(0);
}

int main(int argc, char **argv)
{
    struct setup setup = {0};
    struct bed bed;
    char line[64];

    parse(argc, argv, &setup);
    start_in_thread(&bed, &setup);
    if (setup.vhost)
        open_vhost();
    pid_t child = setup.fork ? fork_child() : 0;
    print_all(&bed, &setup, child);
    if (setup.seccomp)
        wait_confined();
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strcmp(line, "go\n") == 0) {
            go(&bed, &setup);
        } else if (strcmp(line, "recreate\n") == 0) {
            stop_all(&bed, &setup);
            start_in_thread(&bed, &setup);
        } else {
            usage("command");
        }
        print_all(&bed, &setup, child);
    }
    stop_all(&bed, &setup);
    return 0;
}
