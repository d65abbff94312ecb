// SPDX-License-Identifier: MIT
/*
 * A guest that dirties its memory as it is told to, and keeps count of it. It is all that runs
 * there: no BIOS, no kernel, one vCPU, user mode. The rate is held by the TSC: between writes it
 * halts, and what is due when it wakes up is done at once.
 */
#include "dirtier.h"

#include <stdbool.h>

#define PAGE_BYTES 4096
#define FOUR_GIB   0x100000000
#define BATCH      1024  /* writes between two looks at the clock and the orders */
#define SLEEP_US   1000  /* between two batches */
#define IDLE_US    50000 /* where there is nothing to do */
#define FORGIVE_US 100000
#define FILLED     0x8000000000000000
#define TRIALS     16
#define TRIAL      20000 /* loops: about 10 us */
#define APIC       0xfee00000

struct kvm_clock {
    uint32_t version, pad;
    uint64_t tsc, system_ns;
    uint32_t mul;
    int8_t shift;
};

struct gate {
    uint16_t low, selector, kind, middle;
    uint32_t high, zero;
};

struct course {
    struct dirtier_orders orders;
    uint64_t start_tsc;
    uint64_t done; /* of what was due since then; with what was dropped */
    uint64_t next; /* sequential: number of the page in the set */
    uint64_t random;
    uint64_t work_loops; /* after each write */
};

extern const char dirtier_tick[], dirtier_sleep[];
void dirtier_main(void);

static volatile struct dirtier_report *const report = (struct dirtier_report *)DIRTIER_REPORT;

/* The compiler may ask for it. */
void *memcpy(void *to, const void *from, unsigned long bytes);
void *memcpy(void *to, const void *from, unsigned long bytes)
{
    void *at = to;

    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

static uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* a * b / c, which must fit. */
static uint64_t scaled(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low, high;

    __asm__("mulq %3\n\tdivq %4" : "=&a"(low), "=&d"(high) : "0"(a), "r"(b), "r"(c) : "cc");
    return low;
}

static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* A random number below @n, which is less than 2^32. */
static uint64_t below(struct course *c, uint64_t n)
{
    c->random = mixed(c->random);
    return ((c->random >> 32) * n) >> 32;
}

static volatile uint64_t *page_at(const struct dirtier_orders *o, uint64_t page)
{
    uint64_t address = page * PAGE_BYTES;

    if (address >= o->below_4g)
        address += FOUR_GIB - o->below_4g;
    return (volatile uint64_t *)address;
}

static void set_gate(unsigned vector, const char *handler)
{
    const uint64_t address = (uint64_t)handler;

    ((volatile struct gate *)DIRTIER_IDT)[vector] =
        (struct gate){.low = (uint16_t)address,
                      .selector = 56,
                      .kind = 0x8e00,
                      .middle = (uint16_t)(address >> 16)};
}

static void apic_write(unsigned at, uint32_t value)
{
    *(volatile uint32_t *)(APIC + (uint64_t)at) = value;
}

static void prepare_sleep(void)
{
    set_gate(DIRTIER_TICK, dirtier_tick);
    set_gate(DIRTIER_SLEEP, dirtier_sleep);
    apic_write(0xf0, 0x1ff);         /* on */
    apic_write(0x320, DIRTIER_TICK); /* timer: once */
    apic_write(0x3e0, 0xb);          /* its clock as it is: 1 GHz in KVM */
}

static void sleep_us(uint32_t us)
{
    report->sleeps++;
    apic_write(0x380, us * 1000);
    __asm__ volatile("ud2" : : : "memory");
}

/* The host writes its scale when it runs the vCPU. */
static uint64_t clock_hz(void)
{
    const volatile struct kvm_clock *clock = (struct kvm_clock *)DIRTIER_CLOCK;

    while (clock->version == 0 || (clock->version & 1) != 0 || clock->mul == 0)
        ;
    /* ns = ticks * 2^shift * mul / 2^32 */
    const uint64_t hz = scaled(1000000000, 1ull << 32, clock->mul);
    return clock->shift < 0 ? hz << -clock->shift : hz >> clock->shift;
}

static void fill_page(volatile uint64_t *page, uint64_t seed)
{
    for (unsigned i = 0; i < PAGE_BYTES / sizeof(*page); i++)
        page[i] = mixed(seed + i) | FILLED;
}

static void fill(const struct dirtier_orders *o)
{
    const uint64_t start = rdtsc();

    for (uint64_t page = o->fill_first; page < o->fill_first + o->fill_pages; page++) {
        const uint64_t lot = mixed(o->seed ^ page << 16), share = lot & 0xffff;
        if (share < o->fill_nonzero) {
            fill_page(page_at(o, page), lot);
            report->filled_nonzero++;
        } else if (share < o->fill_nonzero + o->fill_zero) {
            *page_at(o, page) = 0;
            report->filled_zero++;
        }
    }
    report->fill_us = scaled(rdtsc() - start, 1000000, report->hz);
}

static void prefill(const struct dirtier_orders *o)
{
    for (uint64_t i = 0; o->set_prefill != 0 && i < o->set_pages; i++)
        *page_at(o, o->set_first + i * o->set_stride) = mixed(i) | FILLED;
}

/* Work that takes the time of the vCPU, and not that of the clock: it does not go on while the vCPU
 * is held back. */
static void spin(uint64_t loops)
{
    for (; loops > 0; loops--)
        __asm__ volatile("" : "+r"(loops));
}

/* How many loops that is: by the fastest of some trials, which nothing came between. */
static uint64_t loops_of(uint64_t ns)
{
    uint64_t least = ~0ull;

    for (int i = 0; i < TRIALS; i++) {
        const uint64_t start = rdtsc();
        spin(TRIAL);
        const uint64_t ticks = rdtsc() - start;
        if (ticks < least)
            least = ticks;
    }
    return scaled(scaled(ns, report->hz, 1000000000), TRIAL, least > 0 ? least : 1);
}

/* Number of the page in the set that is written next. */
static uint64_t choose(struct course *c)
{
    const struct dirtier_orders *o = &c->orders;

    if (o->pattern == DIRTIER_SEQUENTIAL) {
        const uint64_t page = c->next++;
        if (c->next == o->set_pages) {
            c->next = 0;
            report->laps++;
        }
        return page;
    }
    if (o->pattern == DIRTIER_HOT) {
        if (below(c, 1 << 16) < o->hot_share)
            return below(c, o->hot_pages);
        return o->hot_pages + below(c, o->set_pages - o->hot_pages);
    }
    return below(c, o->set_pages);
}

static void write_pages(struct course *c, uint64_t count)
{
    const struct dirtier_orders *o = &c->orders;

    for (; count > 0; count--) {
        const uint64_t number = report->writes + 1;
        *page_at(o, o->set_first + choose(c) * o->set_stride) = number;
        report->writes = number;
        spin(c->work_loops);
    }
}

/* Writes that were due since the orders came. */
static uint64_t due(const struct course *c, uint64_t now)
{
    const struct dirtier_orders *o = &c->orders;
    uint64_t us = scaled(now - c->start_tsc, 1000000, report->hz);

    if (o->off_us != 0) {
        const uint64_t period = o->on_us + o->off_us, part = us % period;
        us = us / period * o->on_us + (part < o->on_us ? part : o->on_us);
    }
    return scaled(us, o->rate, 1000000);
}

static void take_orders(struct course *c)
{
    c->orders = *(const struct dirtier_orders *)DIRTIER_ORDERS;
    c->random = c->orders.seed;
    c->next = 0;
    c->done = 0;
    c->work_loops = c->orders.work_ns != 0 ? loops_of(c->orders.work_ns) : 0;
    c->start_tsc = rdtsc();
    report->most_late_us = 0;
    report->generation = c->orders.generation;
}

/* What is due, or a part of it where that is much. False: nothing was. */
static bool work(struct course *c)
{
    const struct dirtier_orders *o = &c->orders;
    const uint64_t all = due(c, rdtsc());
    uint64_t behind = all - c->done;

    if (o->pattern == DIRTIER_IDLE || o->rate == 0 || behind == 0)
        return false;
    const uint64_t late = scaled(behind - 1, 1000000, o->rate);
    const uint64_t forgive_us = o->forgive_us != 0 ? o->forgive_us : FORGIVE_US;
    if (late > report->most_late_us)
        report->most_late_us = late;
    if (late > forgive_us) {
        const uint64_t left_out = behind - scaled(forgive_us, o->rate, 1000000);
        report->dropped += left_out;
        c->done += left_out;
        behind -= left_out;
    }
    if (behind > BATCH)
        behind = BATCH;
    write_pages(c, behind);
    c->done += behind;
    return behind == BATCH;
}

void dirtier_main(void)
{
    const volatile struct dirtier_orders *orders = (struct dirtier_orders *)DIRTIER_ORDERS;
    static struct course course;

    prepare_sleep();
    while (orders->magic != DIRTIER_MAGIC)
        sleep_us(SLEEP_US);
    report->hz = orders->hz != 0 ? orders->hz : clock_hz();
    report->magic = DIRTIER_MAGIC;
    take_orders(&course);
    fill(&course.orders);
    prefill(&course.orders);
    course.start_tsc = rdtsc();
    report->ready = 1;
    for (;;) {
        if (orders->generation != course.orders.generation) {
            take_orders(&course);
            prefill(&course.orders);
            course.start_tsc = rdtsc();
        }
        const bool more = work(&course);
        report->tsc = rdtsc();
        if (!more)
            sleep_us(course.orders.pattern == DIRTIER_IDLE ? IDLE_US : SLEEP_US);
    }
}
