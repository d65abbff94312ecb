// SPDX-License-Identifier: MIT
#include "core/collect/sample_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/collect/adopt.h"
#include "core/collect/exits_link.h"
#include "core/collect/intake.h"
#include "core/collect/stuck_list.h"
#include "core/model/series.h"

#define MS 1000000ull
/*
 * A call that takes so long is given up, as long as the collector uses no CPU time meanwhile. The
 * next ones before the same sample get half of it each: whoever has many such processes shall not
 * make us wait for each of them.
 */
#define PATIENCE_NS     (1000 * MS)
#define PATIENCE_MIN_NS (250 * MS)
/* Without a process to blame it must be the host itself: then nobody is left alone. */
#define PATIENCE_NOBODY_NS (10000 * MS)
/* One that moves all the time and never ends is in the hands of what it looks at. */
#define PATIENCE_IN_ALL_NS (120000 * MS)
#define LIVES_MAX          4 /* collectors in a row that end before they give a sample */
#define START_AGAIN_NS     (500 * MS) /* where the host was short of something */
#define STARTS_MAX         20
#define UNWANTED_MAX       16 /* messages that nobody waits for, after which it is given up */

struct sample_link {
    struct supervisor *supervisor;
    struct child_link child; /* .pid 0: it could not be started, and is again at start_ns */
    uint64_t start_ns;
    unsigned failed_starts; /* in a row */
    struct stuck_list stuck;
    struct field_table fields;
    struct series series;
    struct adopted adopted;
    struct intake intake; /* of the sample that came */
    struct load_wish_set load;
    bool is_whole; /* all VMs are wanted, whatever the collectors were made for */
    struct exits_link exits;
    struct sample *settled; /* waits for its exits; NULL: none does */
    bool is_first; /* the next sample is the first of this collector */
    bool asked;
    uint64_t asked_ns;
    uint64_t started_ns; /* when it was asked of the collector that runs */
    uint32_t number;   /* of what is asked for */
    uint64_t ticks;    /* asked for so far, of all collectors */
    unsigned given_up; /* collectors, since it was asked for */
    unsigned deaths;   /* collectors that ended by themselves, since the last sample */
    struct watch watch; /* of the collector */
};

/* --- a collector ------------------------------------------------------------------------------ */

static int start(struct sample_link *l, pid_t kill_pid, struct error *err)
{
    const struct message_spawn order = {
        .role = CHILD_COLLECTOR, .kill_pid = (uint32_t)kill_pid, .first_tick = l->ticks};
    int result = supervisor_spawn(l->supervisor, &order, &l->child, err);

    l->is_first = true;
    watch_begin(&l->watch, l->child.pid);
    return result;
}

/* VMs of that process in the list, see struct shunned. */
static uint32_t vms_shown(const struct sample *sample, pid_t pid)
{
    uint32_t all = 0, with_dir = 0;

    for (size_t i = 0; sample != NULL && i < sample->vm_count; i++) {
        const struct sample_vm *vm = &sample->vms[i];
        bool is_shown = vm->id.pid == pid && !vm->gone;
        all += is_shown;
        with_dir += is_shown && vm->facts.object != 0;
    }
    return with_dir > 0 ? with_dir : all;
}

static void send_tick(struct sample_link *l)
{
    struct message_tick tick;

    memset(&tick, 0, sizeof(tick));
    tick.number = ++l->number;
    l->started_ns = watch_now_ns();
    tick.whole = l->is_whole;
    tick.load = l->load.all;
    tick.load_one = l->load.one;
    tick.load_pid = l->load.pid;
    tick.load_before = l->load.before;
    stuck_list_shunned(&l->stuck, watch_now_ns(), &tick.shunned);
    for (size_t i = 0; i < tick.shunned.count; i++)
        tick.shunned.processes[i].vms =
            vms_shown(l->series.previous, tick.shunned.processes[i].pid);
    l->ticks++;
    /* A collector that has ended is seen when its socket is read. */
    message_send(l->child.sock, &tick, sizeof(tick));
}

void sample_link_widen(struct sample_link *l)
{
    l->is_whole = true;
}

void sample_link_set_load(struct sample_link *l, unsigned wishes)
{
    l->load.all = wishes;
}

void sample_link_set_load_one(struct sample_link *l, unsigned wishes, pid_t pid, pid_t before)
{
    l->load.one = wishes;
    l->load.pid = pid;
    l->load.before = before;
}

int sample_link_open(struct supervisor *supervisor, struct sample_link **ret, struct error *err)
{
    struct sample_link *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    l->supervisor = supervisor;
    l->series.fields = &l->fields;
    int result = exits_link_open(supervisor, &l->exits);
    result = result < 0 ? error_set(err, result, "out of memory") : start(l, 0, err);
    if (result < 0) {
        sample_link_close(l);
        return result;
    }
    *ret = l;
    return 0;
}

void sample_link_close(struct sample_link *l)
{
    if (l == NULL)
        return;
    child_link_close(&l->child);
    exits_link_close(&l->exits);
    sample_free(l->settled);
    stuck_list_done(&l->stuck);
    intake_end(&l->intake);
    series_done(&l->series);
    adopted_done(&l->adopted);
    field_table_done(&l->fields);
    free(l);
}

int sample_link_fd(const struct sample_link *l)
{
    return l->settled != NULL ? l->exits.child.sock : l->child.sock;
}

void sample_link_ask(struct sample_link *l)
{
    if (l->asked)
        return;
    l->asked = true;
    l->asked_ns = watch_now_ns();
    l->given_up = 0;
    watch_begin(&l->watch, l->child.pid);
    send_tick(l);
}

/* --- one that stands still -------------------------------------------------------------------- */

static pid_t beacon_pid(const struct sample_link *l)
{
    if (l->child.pid == 0)
        return 0;
    int pid = atomic_load_explicit(&l->child.desk.top->beacon.pid, memory_order_relaxed);

    return pid > 0 ? pid : 0;
}

static const char *beacon_step(const struct sample_link *l)
{
    if (l->child.pid == 0)
        return "";
    return beacon_text(atomic_load_explicit(&l->child.desk.top->beacon.step, memory_order_relaxed));
}

static bool is_stuck(const struct sample_link *l)
{
    uint64_t patience = PATIENCE_NS >> (l->given_up < 8 ? l->given_up : 8);

    if (patience < PATIENCE_MIN_NS)
        patience = PATIENCE_MIN_NS;
    return l->watch.still_ns >= (beacon_pid(l) > 0 ? patience : PATIENCE_NOBODY_NS) ||
           watch_now_ns() - l->started_ns >= PATIENCE_IN_ALL_NS;
}

/* Descriptors, memory, processes, or a supervisor that has time: who waits a little may have them.
 */
static bool is_shortage(int code)
{
    return code == -EAGAIN || code == -ENOMEM || code == -EMFILE || code == -ENFILE ||
           code == -ETIMEDOUT;
}

/* 0 also when there is none yet. */
static int start_next(struct sample_link *l, pid_t kill_pid, struct error *err)
{
    int result = start(l, kill_pid, err);

    if (result == 0) {
        l->failed_starts = 0;
        if (l->asked)
            send_tick(l);
    } else if (is_shortage(result) && ++l->failed_starts < STARTS_MAX) {
        l->start_ns = watch_now_ns() + START_AGAIN_NS;
        result = 0;
    }
    return result;
}

/* Another collector, that is asked at once. The process that the old one looked at is left alone.
 */
static int replace(struct sample_link *l, struct error *err)
{
    struct child_link old = l->child;
    pid_t held_by = beacon_pid(l);
    const char *step = beacon_step(l);

    l->given_up++;
    if (held_by > 0)
        stuck_list_add(&l->stuck, held_by, step, old.sock, watch_now_ns());
    else
        close(old.sock);
    old.sock = -1;
    int result = start_next(l, old.pid, err);
    child_link_close(&old);
    return result;
}

/* Another one with other BPF programs, or none; nobody is to blame. */
static int renew(struct sample_link *l, struct error *err)
{
    struct child_link old = l->child;

    /* What is being copied lies on the desk that goes; the new one is asked for it. */
    if (l->intake.from != NULL)
        intake_end(&l->intake);
    l->child = (struct child_link){.sock = -1, .desk = {.fd = -1}};
    int result = start_next(l, old.pid, err);
    child_link_close(&old);
    return result;
}

int sample_link_set_bpf(struct sample_link *l, bool on, struct error *err)
{
    if (l->supervisor->bpf == on)
        return 0;
    l->supervisor->bpf = on;
    return renew(l, err);
}

int sample_link_set_exits(struct sample_link *l, bool on, pid_t pid, struct error *err)
{
    return exits_link_set(&l->exits, on, pid, err);
}

/* It ended by itself: perhaps by what a VMM gave it to read, and then the next one would too. */
static int outlive(struct sample_link *l, struct error *err)
{
    if (++l->deaths >= LIVES_MAX)
        return error_set(err, -ECHILD,
                         "the process that reads the VMs ended %u times before it gave an answer",
                         l->deaths);
    return replace(l, err);
}

/* What it gave is no sample: a VMM may have got hold of it, and the next one may be honest. */
static int distrust(struct sample_link *l, struct error *err)
{
    if (++l->deaths >= LIVES_MAX)
        return error_set(err, -EBADMSG, "the process that reads the VMs gave no valid sample");
    return replace(l, err);
}

/* KVM was loaded after its BPF programs. One that says so again and again is not honest. */
static int refresh(struct sample_link *l, struct error *err)
{
    if (++l->deaths >= LIVES_MAX)
        return error_set(err, -EBADMSG, "KVM is another one each time that BPF was loaded for it");
    return renew(l, err);
}

/* --- a sample --------------------------------------------------------------------------------- */

/* The VMs of processes that are left alone stay in the list, as they were. */
static int keep_stuck(const struct sample_link *l, struct sample *sample)
{
    pid_t pids[SHUN_MAX];

    for (size_t i = 0; i < l->stuck.count; i++)
        pids[i] = l->stuck.items[i].pid;
    if (l->series.previous == NULL || l->stuck.count == 0)
        return 0;
    return sample_keep(l->series.previous, pids, l->stuck.count, CAUSE_STUCK, sample);
}

/* One that is no sample fails by the collector, and no memory by us. */
static int refuse(struct sample_link *l, int result, struct error *err)
{
    return result == -ENOMEM ? error_set(err, result, "out of memory") : distrust(l, err);
}

/* It is all there, and honest. Whose vCPUs there are is known now, and their exits are asked for.
 */
static int settle(struct sample_link *l, struct sample *sample, struct error *err)
{
    adopted_apply(&l->adopted, l->series.previous, l->is_first, sample);
    sample->self_cpu_ns = watch_cpu_ns(getpid()) + watch_cpu_ns(l->supervisor->pid) +
                          watch_cpu_ns(l->child.pid) + watch_cpu_ns(l->exits.child.pid);
    int result = keep_stuck(l, sample);
    if (result < 0) {
        sample_free(sample);
        return error_set(err, result, "out of memory");
    }
    exits_link_ask(&l->exits, sample, l->is_whole);
    l->settled = sample;
    l->is_first = false;
    l->deaths = 0;
    stuck_list_answered(&l->stuck);
    return 0;
}

/* Its exits are there, or nobody asked for any. */
static int add_exits(struct sample_link *l, struct error *err)
{
    struct sample *sample = l->settled;

    if (exits_link_look(&l->exits, &sample->exits) == 0)
        return 0;
    l->settled = NULL;
    int result = series_begin(&l->series, sample);
    return result < 0 ? error_set(err, result, "out of memory") : 0;
}

/* A slice of what is to be done with the sample that came. 1: *@ret is the snapshot of it. */
static int work_up(struct sample_link *l, struct snapshot **ret, struct error *err)
{
    struct sample *sample;

    if (l->series.current != NULL) {
        l->asked = !series_step(&l->series, INTAKE_ENTITIES, ret);
        return !l->asked;
    }
    if (l->settled != NULL)
        return add_exits(l, err);
    int result = intake_step(&l->intake, &sample);
    if (result < 0)
        return refuse(l, result, err);
    if (result == 0)
        return 0;
    result = settle(l, sample, err);
    return result < 0 ? result : add_exits(l, err);
}

/* Is there a sample that came, and not yet a snapshot of it? */
static bool is_working(const struct sample_link *l)
{
    return l->intake.from != NULL || l->settled != NULL || l->series.current != NULL;
}

static int receive(struct sample_link *l, struct error *err)
{
    struct message_sample m;

    for (int i = 0; i < UNWANTED_MAX; i++) {
        int result = message_receive(l->child.sock, &m, sizeof(m));
        if (result == -EAGAIN)
            return 0;
        if (result < 0)
            return outlive(l, err);
        if (!l->asked || m.number != l->number)
            continue; /* nobody waits for it any more */
        l->watch.still_ns = 0;
        if (m.result == 0) {
            int begun =
                intake_begin(&l->intake, &l->child.desk, m.bytes, &l->series.spare, &l->fields);
            return begun < 0 ? refuse(l, begun, err) : 0;
        }
        if (m.result == -ESTALE)
            return refresh(l, err);
        m.error.msg[sizeof(m.error.msg) - 1] = '\0';
        return error_set(err, m.result < 0 ? m.result : -EIO, "%s", m.error.msg);
    }
    return replace(l, err);
}

int sample_link_look(struct sample_link *l, struct snapshot **ret, struct error *err)
{
    stuck_list_look(&l->stuck);
    if (is_working(l))
        return work_up(l, ret, err);
    if (l->child.pid == 0)
        return watch_now_ns() < l->start_ns ? 0 : start_next(l, 0, err);
    int result = receive(l, err);
    if (result != 0 || !l->asked || l->child.pid == 0 || is_working(l))
        return result;
    watch_look(&l->watch, &l->child.desk.top->beacon);
    return is_stuck(l) ? replace(l, err) : 0;
}

int sample_link_tick(struct sample_link *l, int stop_fd, struct snapshot **ret, struct error *err)
{
    int result;

    sample_link_ask(l);
    while ((result = sample_link_look(l, ret, err)) == 0) {
        struct pollfd fds[] = {{.fd = sample_link_fd(l), .events = POLLIN},
                               {.fd = stop_fd, .events = POLLIN}};
        if (poll(fds, 2, sample_link_wait_ms(l)) < 0 && errno != EINTR)
            return error_set(err, -errno, "poll: %s", strerror(errno));
        if (fds[1].revents != 0)
            return error_set(err, -EINTR, "interrupted before the VMs were read");
    }
    return result > 0 ? 0 : result;
}

int sample_link_wait_ms(const struct sample_link *l)
{
    if (l->settled == NULL && is_working(l))
        return 0;
    return l->asked ? WATCH_LOOK_MS : -1;
}

struct sample_wait sample_link_wait(const struct sample_link *l)
{
    struct sample_wait w = {.asked = l->asked,
                            .since_ns = l->asked_ns,
                            .still_ns = l->asked ? l->watch.still_ns : 0,
                            .pid = beacon_pid(l),
                            .step = beacon_step(l),
                            .stuck = l->stuck.count};
    const struct stuck *last = stuck_list_last(&l->stuck);

    if (last != NULL) {
        w.stuck_pid = last->pid;
        w.stuck_step = last->step;
    }
    return w;
}
