// SPDX-License-Identifier: MIT
#include "ui/screens/exits_head.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"
#include "ui/grid/mark.h"

#define HEAD_BRIEF  72   /* columns below which the head says less */

/* --- texts ------------------------------------------------------------------------------------ */

struct text {
    char *bytes; /* [EXITS_TEXT_MAX] */
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const int n = vsnprintf(t->bytes + t->length, EXITS_TEXT_MAX - t->length, fmt, args);
    va_end(args);
    t->length += n > 0 ? (size_t)n : 0;
    if (t->length >= EXITS_TEXT_MAX)
        t->length = EXITS_TEXT_MAX - 1;
}

static void put_unseen(struct text *t, const struct exits_view *v)
{
    static const struct {
        enum exits_event event;
        const char *what;
    } events[] = {{EXITS_EVENT_PIO, "ports"},
                  {EXITS_EVENT_MMIO, "MMIO"},
                  {EXITS_EVENT_MSR, "MSRs"},
                  {EXITS_EVENT_CPUID, "CPUID"},
                  {EXITS_EVENT_HYPERCALL, "hypercalls"},
                  {EXITS_EVENT_USER, "exits to user space"}};
    bool is_first = true;

    if (v->exits->facts.events & 1u << EXITS_EVENT_EXIT)
        put(t,
            "kvm_exit does not fire here for %s: vCPUs run on an emulated or paravirtual path. "
            "So no reasons or times, only what is below. ",
            v->vm != NULL ? "this VM" : "any VM");
    else
        put(t, "This kernel has no event for exits, so there are no reasons or times, only what is "
               "below. ");
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (v->exits->facts.events & 1u << events[i].event)
            continue;
        put(t, "%s%s", is_first ? "Not counted here: " : ", ", events[i].what);
        is_first = false;
    }
    if (!is_first)
        put(t, ". ");
}

static void put_lost(struct text *t, const struct exits_facts *f)
{
    static const char *const tables[EXIT_LOST_COUNT] = {[EXIT_LOST_THREADS] = "threads",
                                                        [EXIT_LOST_REASONS] = "reasons",
                                                        [EXIT_LOST_KEYS] = "what is behind exits"};
    char buf[FORMAT_MAX];

    for (int i = 0; i < EXIT_LOST_COUNT; i++)
        if (f->lost[i] > 0)
            put(t, "%s events lost: the table of %s is full. ", format_exact(buf, f->lost[i]),
                tables[i]);
}

char *exits_head_notice(const struct exits_view *v, char out[EXITS_TEXT_MAX])
{
    const struct exits_facts *f = &v->exits->facts;
    const uint64_t outside = exits_outside(v);
    struct text text = {.bytes = out}, *t = &text;
    char buf[FORMAT_MAX];

    out[0] = '\0';
    if (exits_are_unseen(v))
        put_unseen(t, v);
    put_lost(t, f);
    if (f->missed > 0)
        put(t, "%s events missed: the kernel did not show them. ", format_exact(buf, f->missed));
    if (outside > 0)
        put(t, "%s exits/s are of threads not known as vCPUs. ",
            format_count(buf, (double)outside / v->exits->interval_s));
    if (v->vm == NULL && v->exits->strangers > 0)
        put(t, "%zu threads are of no VM that is shown. ", v->exits->strangers);
    return out;
}

/* The rate of exits as KVM counts them, of whom @v is. */
static struct figure counted_exits(const struct exits_view *v)
{
    const int field = v->vm != NULL ? field_table_find(v->s->fields, "exits") : -1;

    if (field < 0 || (size_t)field >= v->s->field_count)
        return (struct figure){.state = READING_ABSENT};
    return v->vcpu != NULL ? v->vcpu->values[field].rate : v->vm->values[field].rate;
}

/*
 * That nothing was seen says that nothing happened only where exits are seen at all: kvm_exit fires
 * here for somebody, or KVM counts none either.
 */
static void put_nothing_seen(struct text *t, const struct exits_view *v)
{
    const struct figure counted = counted_exits(v);
    char buf[FORMAT_MAX];

    put(t, "Nothing was seen of it since the counting began");
    if (counted.state == READING_OK && counted.value > 0)
        put(t,
            ", though KVM counts %s exits/s: kvm_exit does not fire here for it. vCPUs run on an "
            "emulated or paravirtual path. The counters tell what there is: 1.",
            format_count(buf, counted.value));
    else if (v->exits->host.exits > 0 || counted.state == READING_OK)
        put(t, ": no vCPU left its guest. It may be paused, wait in a halt, or run undisturbed.");
    else
        put(t, ", and whether kvm_exit fires on this host is not known yet. It may be paused, wait "
               "in a halt, or run where exits are not seen.");
}

char *exits_head_stage(const struct ui_state *state, const struct exits_view *v,
                       char out[EXITS_TEXT_MAX])
{
    struct text text = {.bytes = out}, *t = &text;
    const bool ended = v->vm != NULL && state->detail.ended;

    out[0] = '\0';
    switch (exits_stage_of(v)) {
    case EXITS_STAGE_BEGINS:
        put(t, ended           ? "The VM ended before its exits were counted."
               : state->frozen ? "Counting starts when the numbers are no longer frozen: Z."
                               : "Counting starts: the programs that count exits are loaded. They "
                                 "go when this is closed.");
        break;
    case EXITS_STAGE_FAILED:
        put(t, "Exits are not counted: %s", v->exits->facts.why);
        break;
    case EXITS_STAGE_ONE_LOOK:
        put(t, ended ? "The VM ended before its exits were counted."
                     : "The first numbers come with the next tick.");
        break;
    case EXITS_STAGE_NO_THREAD:
        if (v->exits->facts.lost[EXIT_LOST_THREADS] > 0) {
            put(t, "Its exits are not known. ");
            put_lost(t, &v->exits->facts);
            break;
        }
        if (ended)
            put(t, "The VM ended, and nothing was seen of it while exits were counted.");
        else
            put_nothing_seen(t, v);
        break;
    case EXITS_STAGE_SHOWN:
        break;
    }
    return out;
}

/* --- the head --------------------------------------------------------------------------------- */

/* What the first rows of the table are a share of, where there is room for it. */
static void draw_share_of(struct rect r, int x, struct screen *out)
{
    static const char *const texts[] = {" (TIME%: of these)", " (TIME% of it)"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (x + (int)strlen(texts[i]) <= r.x + r.cols) {
            screen_text(out, r, r.y, x, STYLE_LABEL, texts[i]);
            return;
        }
}

static int draw_share(const char *label, uint64_t ns, const struct exits_view *v, struct rect r,
                      int x, struct screen *out)
{
    const double all = v->exits->interval_s * 1e9 * (double)v->group->threads;
    char buf[FORMAT_MAX];
    const int from = x;

    x += screen_text(out, r, r.y, x, STYLE_LABEL, label);
    if (exits_are_unseen(v) || !(all > 0))
        x += screen_text(out, r, r.y, x, STYLE_DIM, screen_glyph(out, GLYPH_NOTHING));
    else
        x += screen_printf(out, r, r.y, x, STYLE_NORMAL, "%s%%",
                           format_percent(buf, (double)ns / all));
    return x - from;
}

static int draw_who(const struct exits_view *v, struct rect r, struct screen *out)
{
    const size_t seen = exits_seen(v);

    if (v->vcpu != NULL)
        return screen_printf(out, r, r.y, r.x, STYLE_STRONG, "vCPU %d", v->vcpu->id);
    /* Shares are of the time of these. */
    if (v->vm != NULL && seen < v->vm->vcpu_count)
        return screen_printf(out, r, r.y, r.x, STYLE_STRONG,
                             r.cols < HEAD_BRIEF ? "%zu/%zu vCPUs" : "%zu of %zu vCPUs seen", seen,
                             v->vm->vcpu_count);
    if (v->vm != NULL)
        return screen_printf(out, r, r.y, r.x, STYLE_STRONG, "%zu vCPU%s", v->vm->vcpu_count,
                             v->vm->vcpu_count == 1 ? "" : "s");
    return screen_printf(out, r, r.y, r.x, STYLE_STRONG, "%zu VM%s", v->s->vm_count,
                         v->s->vm_count == 1 ? "" : "s");
}

/* Where the time of its threads goes. */
static void draw_time(const struct exits_view *v, struct rect r, struct screen *out)
{
    const struct exit_group *g = v->group;
    char buf[FORMAT_MAX];
    int x = r.x + draw_who(v, r, out) + 2;

    if (!exits_are_unseen(v))
        x += 2 + screen_printf(out, r, r.y, x, STYLE_NORMAL, "%s%s/s",
                               format_count(buf, (double)g->interval_exits / v->exits->interval_s),
                               r.cols < HEAD_BRIEF ? "" : " exits");
    x += 2 + draw_share("guest ", g->guest_ns, v, r, x, out);
    x += 2 + draw_share("halted ", g->halt_ns, v, r, x, out);
    x += draw_share("exits ", g->work_ns, v, r, x, out);
    if (!exits_are_unseen(v))
        draw_share_of(r, x, out);
}

static void draw_cost(const struct exits_view *v, struct rect r, struct screen *out)
{
    static const char hint[] = "Left, Right: one vCPU";
    /* From which on a person should think about it. */
    static const struct mark_bounds bounds = {0.05, HUGE_VAL};
    const double cost = exit_group_cost(v->exits, v->group);
    const enum mark mark = mark_of(&bounds, cost);
    char share[FORMAT_MAX], rate[FORMAT_MAX];
    const bool is_least = format_percent(share, cost)[0] == '<';
    int x = r.x;

    x += screen_printf(out, r, r.y, x, mark == MARK_NONE ? STYLE_DIM : mark_style(mark),
                       "counting costs %s%s%s%% (%s events/s x %d ns)", mark_text(mark),
                       is_least ? "" : "~", share,
                       format_count(rate, (double)v->group->interval_events / v->exits->interval_s),
                       EXITS_EVENT_NS);
    if (v->vm == NULL || v->vm->vcpu_count < 2 || x + 2 + (int)sizeof(hint) - 1 > r.x + r.cols)
        return;
    screen_field(out, r, r.y, x + 2, r.x + r.cols - x - 2, ALIGN_RIGHT, STYLE_DIM, hint);
}

void exits_head_draw(const struct exits_view *v, struct rect r, struct screen *out)
{
    if (r.rows > 0)
        draw_time(v, (struct rect){r.y, r.x, 1, r.cols}, out);
    if (r.rows > 1)
        draw_cost(v, (struct rect){r.y + 1, r.x, 1, r.cols}, out);
}
