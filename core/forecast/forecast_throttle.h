/* SPDX-License-Identifier: MIT */
/*
 * What auto-converge takes from a guest.
 *
 * QEMU lets each vCPU sleep p / (1 - p) * 10 ms, once in every 10 ms / (1 - p) by the clock
 * (migration/cpu-throttle.c of 10.0: cpu_throttle_thread, cpu_throttle_timer_tick; the
 * vCPU is kicked out of KVM_RUN for it, so one that halts sleeps no less). So it may run for a part
 * of 1 - p of the time, at the worst. A guest whose vCPU is busy for a part b of the time, and
 * waits for the clock or for work from outside in the rest, does what it could not do in the sleep
 * right after it. It loses nothing as long as b <= 1 - p, and then what does not fit:
 *
 *     pace = min(1, (1 - p) / b)
 *
 * A guest that waits anew after each piece of work, for an answer or for a while, does not catch
 * up: it is at 1 - p, like one that is always busy. From outside the two look alike, so the truth
 * lies between 1 - p and that, and the pace above is what can be relied on.
 *
 * While KVM logs what is written, each page costs the vCPU a fault when it is written for the first
 * time after its log was cleared (mmu.c: a write to a page that is protected for logging; with PML
 * there is none, but the first machine with it has to be measured yet). So b is that of before plus
 *
 *     pages dirtied per second of the guest * forecast_costs.watched_page_s
 *
 * What a vCPU waits for a CPU of the host is not in b. Much of it is there once for each time that
 * the guest wakes up, and catching up takes one: of 12 guests that waited for 6 to 18 % of the time
 * the forecasts were off by 2.3 % without and 4.8 % with that. But one that is busy for most of its
 * time, or gets less of a CPU than it wants, is held back more than this has it.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_THROTTLE_H
#define KVMLENS_CORE_FORECAST_FORECAST_THROTTLE_H

/*
 * forecast_throttle_pace - how fast the guest's own time goes, 0..1.
 *
 * @throttle: p, 0..0.99. @busy: b, above 0; what is above 1 counts as 1. 0: not known, and then as
 * if it was busy all the time, which is the most that the guest may be slowed down.
 */
double forecast_throttle_pace(double throttle, double busy);

#endif
