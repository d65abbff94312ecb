// SPDX-License-Identifier: MIT
/*
 * Exits from the kernel to a snapshot: by a collector of its own that has given up its rights, of
 * guests that do known things.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bpf/kvm_exits.h"
#include "core/collect/sample_link.h"
#include "core/collect/watch.h"
#include "core/demo/minivm.h"

#define PROGRAMS_MAX 32
#define PATIENCE_MS  10000

struct bed {
    struct rootfs root;
    struct child_config config;
    struct supervisor supervisor;
    struct sample_link *link;
    struct minivm *vms[2];
};

/* --- processes and their programs ------------------------------------------------------------- */

/* A number of /proc/PID/status; UINT64_MAX: it has ended. */
static uint64_t status_value(pid_t pid, const char *key, int base)
{
    char path[64], line[256];
    uint64_t value = UINT64_MAX;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            value = strtoull(line + strlen(key) + 1, NULL, base);
    if (in != NULL)
        fclose(in);
    return value;
}

/* Children come in the order in which they were forked. */
static size_t children_of(pid_t supervisor, pid_t ret[static 8])
{
    char path[64];
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)supervisor, (int)supervisor);
    FILE *in = fopen(path, "r");
    while (in != NULL && count < 8 && fscanf(in, "%d", &ret[count]) == 1)
        count++;
    if (in != NULL)
        fclose(in);
    return count;
}

/* Where there are @wanted children, those that were killed end soon. */
static pid_t last_child(pid_t supervisor, size_t wanted)
{
    pid_t pids[8];
    size_t count = 0;

    for (int i = 0; i < PATIENCE_MS && count != wanted; i++) {
        count = children_of(supervisor, pids);
        if (count != wanted)
            poll(NULL, 0, 1);
    }
    assert_int_equal(count, wanted);
    return pids[wanted - 1];
}

static pid_t collector_of(pid_t supervisor)
{
    return last_child(supervisor, 1);
}

/* It comes behind the collector. */
static pid_t counter_of(pid_t supervisor)
{
    return last_child(supervisor, 2);
}

struct programs {
    unsigned ids[PROGRAMS_MAX];
    size_t count;
};

static void add_program(struct programs *ret, const char *path)
{
    char line[256];
    unsigned id;
    FILE *in = fopen(path, "r");

    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        if (sscanf(line, "prog_id: %u", &id) == 1 && ret->count < PROGRAMS_MAX)
            ret->ids[ret->count++] = id;
    if (in != NULL)
        fclose(in);
}

/* Programs of a process that look at a descriptor each. */
static struct programs programs_of(pid_t pid)
{
    struct programs found = {.count = 0};
    char path[64];

    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
        add_program(&found, path);
    }
    return found;
}

static size_t alive(const struct programs *programs)
{
    size_t count = 0;

    for (size_t i = 0; i < programs->count; i++) {
        union bpf_attr attr;
        memset(&attr, 0, sizeof(attr));
        attr.prog_id = programs->ids[i];
        int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
        count += fd >= 0 || errno != ENOENT;
        if (fd >= 0)
            close(fd);
    }
    return count;
}

/* Nothing says when the kernel has taken them away. */
static void wait_gone(const struct programs *programs)
{
    for (int i = 0; i < PATIENCE_MS && alive(programs) > 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(alive(programs), 0);
}

/* --- the bed ---------------------------------------------------------------------------------- */

/* In this process alone, so that nothing but this test is looked at. */
static int begin(struct bed *bed)
{
    bed->config = (struct child_config){
        .root = &bed->root, .scope = {.pid = getpid()}, .sources = SOURCE_BIT(SOURCE_PROC)};
    if (rootfs_open(NULL, &bed->root, NULL) < 0 ||
        supervisor_start(&bed->config, &bed->supervisor, NULL) < 0)
        return -1;
    return sample_link_open(&bed->supervisor, &bed->link, NULL);
}

static int setup(void **state)
{
    static struct bed bed;

    memset(&bed, 0, sizeof(bed));
    *state = &bed;
    return begin(&bed);
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    sample_link_close(bed->link);
    supervisor_stop(&bed->supervisor);
    rootfs_close(&bed->root);
    for (size_t i = 0; i < 2; i++)
        minivm_stop(bed->vms[i]);
    return 0;
}

static struct snapshot *take(struct bed *bed)
{
    struct snapshot *s = NULL;
    struct error err = {0};

    alarm(30);
    if (sample_link_tick(bed->link, -1, &s, &err) != 0)
        fail_msg("%s", err.msg);
    alarm(0);
    return s;
}

static void drop(struct snapshot **s)
{
    snapshot_free(*s);
    *s = NULL;
}

static const struct minivm_work works[] = {
    {MINIVM_WORK_PORT_WRITE, 70, 0x84},
    {MINIVM_WORK_PORT_READ, 50, 0x71},
    {MINIVM_WORK_CPUID, 30, 1},
    {MINIVM_WORK_MSR_READ, 20, 0x1b},
    {MINIVM_WORK_MMIO_WRITE, 40, 0xb8004},
    {MINIVM_WORK_MMIO_READ, 11, 0xb9004},
};

static struct minivm *start(unsigned vcpus, unsigned times)
{
    const struct minivm_config config = {
        .ram_bytes = 4 << 20,
        .vcpus = vcpus,
        .program = MINIVM_WORK,
        .works = works,
        .work_count = sizeof(works) / sizeof(works[0]),
        .work_times = times,
    };
    struct minivm *vm;
    struct error err = {0};

    if (minivm_start(&config, &vm, &err) != 0)
        fail_msg("%s", err.msg);
    return vm;
}

static void wait_done(const struct minivm *vm)
{
    const unsigned vcpus = minivm_info(vm)->vcpu_count;

    for (unsigned i = 0; i < vcpus; i++) {
        for (int k = 0; k < 30000 && !minivm_did(vm, i).is_done; k++)
            poll(NULL, 0, 2);
        assert_true(minivm_did(vm, i).is_done);
    }
}

/* From here on exits are counted. False: they cannot be here, which was printed. */
static bool count_exits(struct bed *bed, pid_t pid)
{
    struct exits_facts facts;

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        print_message("skipped: /dev/kvm cannot be used here: %s\n", strerror(errno));
        return false;
    }
    assert_int_equal(sample_link_set_exits(bed->link, true, pid, NULL), 0);
    struct snapshot *s = take(bed);
    assert_non_null(s->exits);
    facts = s->exits->facts;
    drop(&s);
    if (facts.state == EXITS_COUNTED)
        return true;
    assert_int_equal(facts.state, EXITS_FAILED);
    assert_true(facts.why[0] != '\0');
    print_message("skipped: exits cannot be counted here: %s\n", facts.why);
    return false;
}

#define NEED_EXITS(bed, pid)                                                                       \
    do {                                                                                           \
        if (!count_exits(bed, pid))                                                                \
            skip();                                                                                \
    } while (0)

static uint64_t key(const struct exit_group *g, enum exit_key_kind kind, uint64_t value)
{
    for (size_t i = 0; i < g->key_count; i++)
        if (g->keys[i].kind == kind && g->keys[i].value == value)
            return g->keys[i].count;
    return 0;
}

static void check_keys(const struct exit_group *g, unsigned times)
{
    assert_int_equal(key(g, EXIT_KEY_PORT_WRITE, 0x84), 70 * times);
    assert_int_equal(key(g, EXIT_KEY_PORT_READ, 0x71), 50 * times);
    assert_int_equal(key(g, EXIT_KEY_CPUID, 1), 30 * times);
    assert_int_equal(key(g, EXIT_KEY_MSR_READ, 0x1b), 20 * times);
    assert_int_equal(key(g, EXIT_KEY_MMIO_WRITE, 0xb8), 40 * times);
    assert_int_equal(key(g, EXIT_KEY_MMIO_READ, 0xb9), 11 * times);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void who_does_not_ask_has_none(void **state)
{
    struct bed *bed = *state;
    struct snapshot *s = take(bed);

    assert_null(s->exits);
    assert_int_equal(programs_of(collector_of(bed->supervisor.pid)).count, 0);
    drop(&s);
}

/* Two VMs of one process: each vCPU by its thread. */
static void each_vcpu_has_what_its_guest_did(void **state)
{
    struct bed *bed = *state;

    bed->vms[0] = start(2, 3);
    bed->vms[1] = start(1, 7);
    NEED_EXITS(bed, 0);
    minivm_go(bed->vms[0]);
    minivm_go(bed->vms[1]);
    wait_done(bed->vms[0]);
    wait_done(bed->vms[1]);
    struct snapshot *s = take(bed);
    const struct exits *e = s->exits;
    assert_non_null(e);
    assert_int_equal(e->facts.state, EXITS_COUNTED);
    assert_int_equal(e->facts.pid, 0);
    assert_true(e->facts.began_ns > 0 && e->facts.taken_ns > e->facts.began_ns);
    assert_true(e->facts.events & 1u << EXITS_EVENT_EXIT);
    assert_true(e->facts.events & 1u << EXITS_EVENT_PIO);
    for (size_t i = 0; i < EXIT_LOST_COUNT; i++)
        assert_int_equal(e->facts.lost[i], 0);
    assert_true(e->interval_s > 0);
    assert_int_equal(e->vm_count, 2);
    assert_int_equal(e->vcpu_count, 3);
    /* The first VM has the lower descriptor. */
    check_keys(&e->vcpus[0], 3);
    check_keys(&e->vcpus[1], 4);
    check_keys(&e->vcpus[2], 7);
    check_keys(&e->vms[0], 7);
    check_keys(&e->vms[1], 7);
    check_keys(&e->host, 14);
    drop(&s);
}

static void it_holds_what_its_role_does_and_no_more(void **state)
{
    struct bed *bed = *state;

    NEED_EXITS(bed, 0);
    const pid_t pid = counter_of(bed->supervisor.pid);
    assert_int_equal(status_value(pid, "CapPrm", 16), 0);
    assert_int_equal(status_value(pid, "CapEff", 16), 0);
    assert_int_equal(status_value(pid, "Seccomp", 10), bed->config.privileges == 0 ? 2 : 0);
    assert_true(programs_of(pid).count > 0);
    /* The supervisor has nothing in force, and CAP_SYS_ADMIN only where the kernel wants it. */
    assert_int_equal(status_value(bed->supervisor.pid, "CapEff", 16), 0);
    if (!kvm_exits_needs_admin(&bed->root))
        assert_int_equal(status_value(bed->supervisor.pid, "CapPrm", 16) & PRIVILEGE_ADMIN_CAP, 0);
}

static void nothing_stays_when_nobody_asks_any_more(void **state)
{
    struct bed *bed = *state;

    NEED_EXITS(bed, 0);
    const struct programs programs = programs_of(counter_of(bed->supervisor.pid));
    assert_true(programs.count > 0);
    assert_int_equal(alive(&programs), programs.count);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    wait_gone(&programs);
    struct snapshot *s = take(bed);
    assert_null(s->exits);
    drop(&s);
}

/* A front end that looks at exits, in memory that it shares with the test. */
static struct stage {
    atomic_int supervisor;
} * stage;

static void __attribute__((noreturn)) be_front_end(void)
{
    struct bed bed = {.link = NULL};
    struct snapshot *s = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (begin(&bed) < 0 || sample_link_set_exits(bed.link, true, 0, NULL) < 0 ||
        sample_link_tick(bed.link, -1, &s, NULL) < 0)
        _exit(1);
    atomic_store(&stage->supervisor, bed.supervisor.pid);
    for (;;)
        pause();
}

static void nothing_stays_when_the_front_end_is_killed(void **state)
{
    struct bed *bed = *state;

    NEED_EXITS(bed, 0);
    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stage != MAP_FAILED);
    pid_t front = fork();
    if (front == 0)
        be_front_end();
    for (int i = 0; i < PATIENCE_MS && atomic_load(&stage->supervisor) == 0; i++)
        poll(NULL, 0, 1);
    assert_int_not_equal(atomic_load(&stage->supervisor), 0);
    const struct programs programs = programs_of(counter_of(atomic_load(&stage->supervisor)));
    assert_true(programs.count > 0);
    assert_int_equal(alive(&programs), programs.count);
    kill(front, SIGKILL);
    assert_int_equal(waitpid(front, NULL, 0), front);
    wait_gone(&programs);
    munmap(stage, sizeof(*stage));
}

/* Of a process that has no VM nothing is counted, and the collector stays the same. */
static void whose_exits_are_wanted_goes_with_the_tick(void **state)
{
    struct bed *bed = *state;

    bed->vms[0] = start(1, 2);
    NEED_EXITS(bed, 1);
    const pid_t collector = counter_of(bed->supervisor.pid);
    minivm_go(bed->vms[0]);
    wait_done(bed->vms[0]);
    struct snapshot *s = take(bed);
    assert_int_equal(s->exits->facts.pid, 1);
    assert_int_equal(s->exits->host.threads, 0);
    const uint64_t began_ns = s->exits->facts.began_ns;
    drop(&s);
    bed->vms[1] = start(1, 5);
    assert_int_equal(sample_link_set_exits(bed->link, true, getpid(), NULL), 0);
    s = take(bed);
    drop(&s);
    minivm_go(bed->vms[1]);
    wait_done(bed->vms[1]);
    s = take(bed);
    assert_int_equal(s->exits->facts.pid, getpid());
    assert_int_equal(s->exits->facts.began_ns, began_ns);
    check_keys(&s->exits->host, 5);
    drop(&s);
    assert_int_equal(counter_of(bed->supervisor.pid), collector);
}

/* Its threads have ended, and with them what was counted of them. */
static void a_vm_that_has_ended_is_forgotten(void **state)
{
    struct bed *bed = *state;

    bed->vms[0] = start(2, 2);
    NEED_EXITS(bed, 0);
    minivm_go(bed->vms[0]);
    wait_done(bed->vms[0]);
    struct snapshot *s = take(bed);
    assert_int_equal(s->exits->host.threads, 2);
    drop(&s);
    minivm_stop(bed->vms[0]);
    bed->vms[0] = start(2, 4);
    minivm_go(bed->vms[0]);
    wait_done(bed->vms[0]);
    s = take(bed);
    drop(&s);
    s = take(bed);
    assert_int_equal(s->exits->host.threads, 2);
    assert_int_equal(s->exits->strangers, 0);
    check_keys(&s->exits->host, 9);
    drop(&s);
}

/* --- what it costs ---------------------------------------------------------------------------- */

static uint64_t cpu_of_ticks(struct bed *bed, unsigned ticks)
{
    const pid_t collector = counter_of(bed->supervisor.pid);
    const uint64_t before = watch_cpu_ns(collector);

    for (unsigned i = 0; i < ticks; i++) {
        struct snapshot *s = take(bed);
        drop(&s);
    }
    return (watch_cpu_ns(collector) - before) / ticks;
}

/* Printed only: it depends on the machine, and on who else uses it. */
static void the_cost_of_a_tick_is_printed(void **state)
{
    struct bed *bed = *state;
    uint64_t without, with;

    bed->vms[0] = start(50, 1);
    bed->vms[1] = start(50, 1);
    const uint64_t asked_ns = watch_now_ns();
    NEED_EXITS(bed, 0);
    const uint64_t loading_ns = watch_now_ns() - asked_ns;
    minivm_go(bed->vms[0]);
    minivm_go(bed->vms[1]);
    wait_done(bed->vms[0]);
    wait_done(bed->vms[1]);
    with = cpu_of_ticks(bed, 20);
    struct snapshot *s = take(bed);
    assert_int_equal(s->exits->host.threads, 100);
    size_t keys = 0;
    for (size_t i = 0; i < s->exits->vcpu_count; i++)
        keys += s->exits->vcpus[i].key_count;
    assert_true(keys >= 100 * sizeof(works) / sizeof(works[0]));
    drop(&s);
    assert_int_equal(sample_link_set_exits(bed->link, false, 0, NULL), 0);
    s = take(bed);
    drop(&s);
    without = cpu_of_ticks(bed, 20);
    print_message("%.0f ms from the wish to the first sample\n", (double)loading_ns / 1e6);
    print_message("CPU of the collector in a tick, 100 threads, %zu keys: %.2f ms, without exits "
                  "%.2f ms\n",
                  keys, (double)with / 1e6, (double)without / 1e6);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_does_not_ask_has_none),
        CASE(each_vcpu_has_what_its_guest_did),
        CASE(it_holds_what_its_role_does_and_no_more),
        CASE(nothing_stays_when_nobody_asks_any_more),
        CASE(nothing_stays_when_the_front_end_is_killed),
        CASE(whose_exits_are_wanted_goes_with_the_tick),
        CASE(a_vm_that_has_ended_is_forgotten),
        CASE(the_cost_of_a_tick_is_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
