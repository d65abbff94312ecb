// SPDX-License-Identifier: MIT
#include "tests/lib/qemu_rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_SYNCS 150
#define GIVE_UP_S     400.0

enum { UNTOUCHED, ZERO, NORMAL };

struct machine {
    const struct qemu_guest *guest;
    const struct forecast_settings *settings;
    const struct forecast_costs *costs;
    uint32_t pages;
    uint8_t *kind;               /* of each page */
    uint8_t *log, *found, *bmap; /* KVM's log, what QEMU copied of it, what is to be sent */
    uint8_t *to_clear;           /* of each chunk */
    uint32_t *set;               /* pages of the working set */
    uint32_t set_pages, next;    /* next: of the sequence */
    uint64_t random;
    double written, phase; /* guest time up to which it has written */
    double now, guest_time, throttle;
    uint32_t dirty, cursor;
    double bytes, quantum_bytes, quantum_begin, threshold, syncs;
    double period_begin, period_bytes, period_dirty, forced_at, forced_syncs;
    int hits;
};

static uint32_t pick(struct machine *m, uint32_t n)
{
    return (uint32_t)(truth_random(&m->random) * n);
}

static void write_page(struct machine *m, uint32_t i)
{
    m->log[m->set[i]] = 1;
}

/* The guest writes what it would have written by now. */
static void catch_up(struct machine *m)
{
    const struct truth *truth = &m->guest->truth;
    double from = m->written, to = m->guest_time, rate = truth->writes_per_s;

    if (m->set_pages == 0 || truth->pattern == TRUTH_IDLE)
        return;
    uint64_t first = (uint64_t)(from * rate), last = (uint64_t)(to * rate);
    m->written = to;
    for (uint64_t i = first; i < last; i++) {
        switch ((enum truth_pattern)truth->pattern) {
        case TRUTH_UNIFORM:
            write_page(m, pick(m, m->set_pages));
            break;
        case TRUTH_HOT: {
            uint32_t hot = m->set_pages / 10;
            write_page(m, truth_random(&m->random) < 0.9 ? pick(m, hot)
                                                         : hot + pick(m, m->set_pages - hot));
            break;
        }
        case TRUTH_SEQUENTIAL:
            write_page(m, m->next);
            m->next = (m->next + 1) % m->set_pages;
            break;
        case TRUTH_BURSTS: { /* four times as many in a quarter of the time */
            double at = fmod((double)i / rate + m->phase, truth->burst_s) / truth->burst_s;
            if (at < 0.25) {
                for (int j = 0; j < 4; j++)
                    write_page(m, pick(m, m->set_pages));
            }
            break;
        }
        case TRUTH_IDLE:
        case TRUTH_PATTERN_COUNT:
            break;
        }
    }
}

static void pass(struct machine *m, double seconds)
{
    m->now += seconds;
    m->guest_time += seconds * (1 - m->throttle);
}

static void sync(struct machine *m)
{
    pass(m, m->costs->sync_page_s * m->pages);
    catch_up(m);
    m->syncs++;
    for (const uint8_t *log = m->log; (log = memchr(log, 1, (size_t)(m->log + m->pages - log)));
         log++) {
        size_t i = (size_t)(log - m->log);
        m->found[i] = 1;
        if (!m->bmap[i]) {
            m->bmap[i] = 1;
            m->dirty++;
            m->period_dirty++;
        }
    }
    memset(m->to_clear, 1, m->pages / (uint32_t)m->costs->chunk_pages + 1);
    if (m->now <= m->period_begin + 1)
        return;
    if (m->settings->auto_converge && m->period_dirty * 4096 > 0.5 * (m->bytes - m->period_bytes) &&
        ++m->hits >= 2) {
        m->hits = 0;
        m->throttle = m->throttle <= 0 ? 0.2 : fmin(0.99, m->throttle + 0.1);
    }
    m->period_begin = m->now;
    m->period_dirty = 0;
    m->period_bytes = m->bytes;
}

/* False: there is none. */
static bool send_next(struct machine *m, double link)
{
    if (m->dirty == 0)
        return false;
    const uint8_t *next = memchr(m->bmap + m->cursor, 1, m->pages - m->cursor);
    if (next == NULL) /* round and round */
        next = memchr(m->bmap, 1, m->pages);
    m->cursor = (uint32_t)(next - m->bmap);
    uint32_t chunk_pages = (uint32_t)m->costs->chunk_pages, chunk = m->cursor / chunk_pages;
    if (m->to_clear[chunk]) {
        m->to_clear[chunk] = 0;
        catch_up(m);
        for (uint32_t i = chunk * chunk_pages; i < (chunk + 1) * chunk_pages && i < m->pages; i++) {
            if (m->found[i])
                m->log[i] = m->found[i] = 0;
        }
    }
    m->bmap[m->cursor] = 0;
    m->dirty--;
    uint8_t kind = m->kind[m->cursor];
    double bytes = kind == NORMAL ? 4104 : 9;
    double cpu = kind == NORMAL ? m->costs->normal_page_s
                 : kind == ZERO ? m->costs->zero_page_s
                                : m->costs->untouched_page_s;
    m->bytes += bytes;
    m->quantum_bytes += bytes;
    pass(m, fmax(bytes / link, cpu));
    return true;
}

static void update_counters(struct machine *m)
{
    if (m->now < m->quantum_begin + m->costs->quantum_s)
        return;
    m->threshold = m->quantum_bytes / (m->now - m->quantum_begin) * m->settings->downtime_limit_s;
    m->quantum_begin = m->now;
    m->quantum_bytes = 0;
}

static void iterate(struct machine *m, double link)
{
    double begin = m->now, budget = m->settings->bandwidth * m->costs->quantum_s;

    for (int i = 0; m->quantum_bytes < budget; i++) {
        if (!send_next(m, link) || ((i & 63) == 0 && m->now - begin > 0.05))
            break;
    }
    update_counters(m);
    if (m->quantum_bytes >= budget) {
        pass(m, m->quantum_begin + m->costs->quantum_s - m->now);
        m->now = m->quantum_begin + m->costs->quantum_s; /* to the bit */
        update_counters(m);
    }
    if (m->settings->auto_converge && m->now > m->forced_at + 5) {
        if (m->syncs > 1 && m->syncs <= m->forced_syncs)
            sync(m);
        m->forced_syncs = m->syncs;
        m->forced_at += 5;
    }
}

static void begin(struct machine *m)
{
    uint32_t resident = m->guest->zero + m->guest->nonzero, normal = 0;
    uint32_t *list;

    m->pages = resident + m->guest->untouched;
    m->kind = calloc(m->pages, 1);
    m->log = malloc(m->pages);
    m->found = malloc(m->pages);
    m->bmap = malloc(m->pages);
    m->to_clear = malloc(m->pages / (uint32_t)m->costs->chunk_pages + 1);
    m->set = list = malloc((resident + 1) * sizeof(*m->set));
    if (m->kind == NULL || m->log == NULL || m->found == NULL || m->bmap == NULL ||
        m->to_clear == NULL || m->set == NULL)
        abort();
    memset(m->log, 1, m->pages);
    memset(m->found, 1, m->pages);
    memset(m->bmap, 1, m->pages);
    memset(m->to_clear, 1, m->pages / (uint32_t)m->costs->chunk_pages + 1);
    m->dirty = m->pages;
    for (uint32_t i = 0, left = m->guest->nonzero; i < resident; i++) { /* which are not zero */
        bool is_normal = m->guest->is_zero_first ? i >= m->guest->zero
                                                 : truth_random(&m->random) * (resident - i) < left;
        m->kind[i] = is_normal ? NORMAL : ZERO;
        left -= is_normal;
        if (is_normal)
            list[normal++] = i;
    }
    m->set_pages = (uint32_t)m->guest->truth.working_set;
    for (uint32_t i = 0; m->guest->is_scattered && i < m->set_pages; i++) {
        uint32_t other = i + pick(m, normal - i), page = list[i];
        list[i] = list[other];
        list[other] = page;
    }
    m->phase = truth_random(&m->random) * m->guest->truth.burst_s;
    m->next = pick(m, m->set_pages);
    m->syncs = 1;
}

void qemu_rounds_run(struct qemu_outcome *ret, const struct qemu_guest *guest,
                     const struct forecast_settings *settings, const struct forecast_costs *costs,
                     uint64_t seed)
{
    struct machine m = {.guest = guest, .settings = settings, .costs = costs, .random = seed};
    double link = fmax(settings->link_bandwidth, settings->bandwidth), stopped;

    begin(&m);
    memset(ret, 0, sizeof(*ret));
    for (;;) {
        if (m.dirty * 4096.0 < m.threshold)
            sync(&m);
        if (m.dirty == 0 || m.dirty * 4096.0 < m.threshold) {
            ret->converges = true;
            break;
        }
        if (m.syncs > GIVE_UP_SYNCS || m.now > GIVE_UP_S)
            break;
        iterate(&m, link);
    }
    pass(&m, costs->late_s);
    stopped = m.now;
    sync(&m);
    while (send_next(&m, link))
        continue;
    ret->downtime_s = m.now - stopped + costs->stop_s + costs->fixed_bytes / link;
    ret->total_s = costs->setup_s + stopped + ret->downtime_s;
    ret->bytes = m.bytes + costs->fixed_bytes;
    ret->syncs = m.syncs;
    ret->throttle = m.throttle;
    free(m.kind);
    free(m.log);
    free(m.found);
    free(m.bmap);
    free(m.to_clear);
    free(m.set);
}
