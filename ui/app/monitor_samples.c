// SPDX-License-Identifier: MIT
// The monitor and its samples: when one is asked for, and what follows when it is there.
#include <errno.h>
#include <sys/timerfd.h>

#include "ui/app/monitor_internal.h"
#include "ui/screens/screens.h"
#include "ui/state/load_wish.h"

uint64_t monitor_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- ticks ------------------------------------------------------------------------------------ */

void monitor_arm(struct monitor *m, uint64_t due_ns)
{
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(due_ns / 1000000000u),
                                           .tv_nsec = (long)(due_ns % 1000000000u)}};

    m->due_ns = due_ns;
    timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* The next tick: one delay after this one was due, but never so soon that sampling leaves no time
 * for keys. */
static void arm_next(struct monitor *m, uint64_t began_ns, double delay_s)
{
    uint64_t end = monitor_now_ns(), took = end - began_ns;
    uint64_t due = m->due_ns + (uint64_t)(delay_s * 1e9);

    monitor_arm(m, due > end + took ? due : end + took);
}

static void release(struct monitor *m, struct snapshot *s)
{
    if (s != m->now && s != m->base && s != m->detail)
        snapshot_free(s);
}

void monitor_replace(struct monitor *m, struct snapshot **place, struct snapshot *s)
{
    struct snapshot *old = *place;

    *place = s;
    if (old != s)
        release(m, old);
}

struct ui_model monitor_model(struct monitor *m)
{
    return (struct ui_model){
        .now = m->now,
        .base = m->base,
        .detail = m->detail,
        .trends = &m->trends,
        .rows = &m->rows,
        .scans = m->queue.supervisor != NULL ? &m->queue.scans : NULL,
        .scan = scan_queue_progress(&m->queue),
        .mono_ns = monitor_now_ns(),
        .scan_looks = scan_queue_is_looking(&m->queue),
        .scan_waiting = scan_queue_is_waiting(&m->queue, &m->state.detail.vm),
        .looks_waiting = scan_queue_looks_wait(&m->queue, &m->state.detail.vm),
        .scan_list = scan_queue_list(&m->queue, &m->state.vms.selected),
        .wait = sample_link_wait(m->link),
    };
}

/* Keep the newest snapshot that has the VM of the drill-down. */
static void update_detail(struct monitor *m)
{
    bool open = screen_list_has(ui_below(&m->state), SCREEN_TAB);

    if (!open)
        monitor_replace(m, &m->detail, NULL);
    else if (m->now != NULL && snapshot_find(m->now, &m->state.detail.vm) != NULL)
        monitor_replace(m, &m->detail, m->now);
    if (open)
        trends_open(&m->trends, &m->state.detail.vm);
    if (ui_below(&m->state) == SCREEN_HOST)
        trends_open_host(&m->trends);
}

void monitor_follow(struct monitor *m)
{
    struct ui_model model;

    update_detail(m);
    if (m->now != NULL) {
        scan_reports_forget_ended(&m->queue.scans, m->now, &m->state.detail.vm);
        scan_queue_forget_ended(&m->queue, m->now);
    }
    model = monitor_model(m);
    ui_follow(&m->state, &model);
    /* Following may have opened the successor of a VM that ended. */
    if (m->detail != NULL && snapshot_find(m->detail, &m->state.detail.vm) == NULL) {
        update_detail(m);
        model = monitor_model(m);
        ui_follow(&m->state, &model);
    }
    m->changed = true;
}

/* --- what is asked for sooner than the next tick --------------------------------------------- */

#define LOAD_HURRIED 2 /* samples: most of it is a rate, which takes two */

/* Who goes through the table with a pane below it does not ask for a sample at each row. */
static void hurry(struct monitor *m, bool at_once)
{
    const uint64_t now = monitor_now_ns(), soon = now + (uint64_t)(FIRST_DELAY_S * 1e9);

    if (m->now == NULL) /* the first two are hurried anyway */
        return;
    m->load_hurried = LOAD_HURRIED;
    if (m->state.frozen)
        return;
    if (at_once) {
        m->due_ns = now;
        monitor_ask(m, m->state.delay_s);
    } else if (m->asked_ns == 0 && soon < m->due_ns) {
        monitor_arm(m, soon);
    }
}

/* Who chose another row waits for its numbers. Where another VM comes first by itself, the next
 * sample may have the next one there: once in the time of a delay. */
static bool is_worth_hurry(struct monitor *m)
{
    const uint64_t now = monitor_now_ns();

    if (m->is_pressed)
        return true;
    if (now - m->turned_ns < (uint64_t)(m->state.delay_s * 1e9))
        return false;
    m->turned_ns = now;
    return true;
}

/* --- exits ------------------------------------------------------------------------------------ */

#define EXITS_HURRIED 4 /* samples in a row that may be hurried: a host may be slow, too */

void monitor_wish(struct monitor *m, bool is_stopped)
{
    struct error err = {0};
    pid_t pid;
    const bool on = ui_exits_wish(&m->state, &pid) && !is_stopped;
    const bool is_turn = on && m->exits && ui_below(&m->state) == SCREEN_VMS; /* another row */

    if (on == m->exits && (!on || pid == m->exits_pid))
        return;
    m->exits = on;
    m->exits_pid = pid;
    m->exits_hurried = on && !is_turn ? EXITS_HURRIED : 0;
    m->changed = true;
    if (sample_link_set_exits(m->link, on, on ? pid : 0, &err) < 0)
        ui_say(&m->state, "%s", err.msg);
    if (is_turn && is_worth_hurry(m))
        hurry(m, false);
    if (!on || is_turn)
        return;
    m->due_ns = monitor_now_ns();
    monitor_ask(m, m->state.delay_s);
}

/* --- load ------------------------------------------------------------------------------------- */

/*
 * The table may be sorted by what changes all the time, and the first row be the selected one: two
 * VMs that take turns there are both read, and neither loses its rates.
 */
void monitor_wish_load(struct monitor *m)
{
    struct load_wish_set wish = load_wish_of(&m->state), was = m->load;
    const uint32_t more = (wish.all & ~was.all) | (wish.one & ~(was.all | was.one));
    const bool is_new = wish.one != 0 && wish.pid != was.pid && wish.pid != was.before;

    if (wish.one != 0)
        wish.before = wish.pid == was.pid ? was.before : was.pid;
    if (wish.all == was.all && wish.one == was.one && wish.pid == was.pid)
        return;
    m->load = wish;
    sample_link_set_load(m->link, wish.all);
    sample_link_set_load_one(m->link, wish.one, wish.pid, wish.before);
    if (more != 0 || (is_new && is_worth_hurry(m)))
        hurry(m, more != 0);
}

/* Until the next tick: the first numbers of exits are waited for, unless there will be none. */
static double next_delay(struct monitor *m, const struct snapshot *s)
{
    const bool has_numbers =
        s->exits != NULL && (s->exits->facts.state == EXITS_FAILED || s->exits->interval_s > 0);

    if (m->load_hurried > 0 && m->next_delay_s > FIRST_DELAY_S) {
        m->load_hurried--;
        return FIRST_DELAY_S;
    }
    if (!m->exits || has_numbers || m->exits_hurried == 0 || m->next_delay_s <= FIRST_DELAY_S)
        return m->next_delay_s;
    m->exits_hurried--;
    return FIRST_DELAY_S;
}

/* A process may have several VMs: then they are listed, for none of them was chosen. */
static int select_vm(struct monitor *m, const struct filter *wanted, struct error *err)
{
    size_t found = 0;
    int result = filter_check(wanted, m->now, err);

    if (result < 0)
        return result;
    for (size_t i = 0; i < m->now->vm_count; i++)
        found += filter_vm(wanted, &m->now->vms[i]);
    if (found > 1) {
        m->state.vms.only = (struct filter){.pid = wanted->pid, .vm_fd = -1};
        return 0;
    }
    ui_open(&m->state, filter_find(wanted, m->now),
            m->wants_exits ? SCREEN_EXITS : SCREEN_COUNTERS);
    monitor_follow(m);
    return 0;
}

/* Who clears the choice of the command line wants to see all VMs: until then it saves the looks. */
static void widen(struct monitor *m)
{
    if (!m->is_narrow || !filter_all_vms(&m->state.vms.only))
        return;
    m->is_narrow = false;
    sample_link_widen(m->link);
}

void monitor_ask(struct monitor *m, double delay_s)
{
    widen(m);
    sample_link_ask(m->link);
    if (m->asked_ns == 0)
        m->asked_ns = monitor_now_ns();
    m->next_delay_s = delay_s;
}

/* What came of a wish for BPF, once. Who had it from the start sees in the header that it is there.
 */
static void tell_bpf(struct monitor *m, const struct snapshot *next)
{
    const struct bpf_status *b = &next->bpf;
    bool is_new = (enum bpf_state)b->state != m->bpf;

    m->bpf = (enum bpf_state)b->state;
    if (!is_new)
        return;
    if (b->state == BPF_FAILED)
        ui_say(&m->state, "No BPF: %s", b->why);
    else if (b->state == BPF_WAITS)
        ui_say(&m->state, "BPF is loaded, and waits: %s", b->why);
    else if (b->state == BPF_LOADED && m->now != NULL)
        ui_say(&m->state, "BPF programs are loaded. A unloads them");
}

static int arrive(struct monitor *m, struct snapshot *next, struct error *err)
{
    const struct filter *select = m->select;
    struct tm local;

    tell_bpf(m, next);
    monitor_replace(m, &m->now, next);
    if (m->base == NULL)
        m->base = next;
    trends_update(&m->trends, next);
    if (localtime_r(&next->wall.tv_sec, &local) != NULL)
        m->state.utc_offset_s = local.tm_gmtoff;
    monitor_follow(m);
    arm_next(m, m->asked_ns, next_delay(m, next));
    m->asked_ns = 0;
    m->select = NULL;
    return select != NULL ? select_vm(m, select, err) : 0;
}

/* Is the sample there that was asked for? Where it is late, the screen says so each second. */
int monitor_look(struct monitor *m, struct error *err)
{
    struct snapshot *next = NULL;
    uint64_t late_s = 0;
    int result = sample_link_look(m->link, &next, err);

    if (result < 0)
        return result;
    /* One that was asked for before the picture was frozen. */
    if (result > 0 && m->state.frozen && m->now != NULL) {
        snapshot_free(next);
        arm_next(m, m->asked_ns, m->next_delay_s);
        m->asked_ns = 0;
    } else if (result > 0) {
        result = arrive(m, next, err);
    }
    if (m->asked_ns != 0)
        late_s = (monitor_now_ns() - m->asked_ns) / 1000000000u;
    m->changed |= late_s != m->late_s;
    m->late_s = late_s;
    return result < 0 ? result : 0;
}
