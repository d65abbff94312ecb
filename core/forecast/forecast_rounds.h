/* SPDX-License-Identifier: MIT */
/*
 * The rounds of a pre-copy migration, walked through with expected numbers of pages.
 *
 * QEMU 10.0, and what is made of it here:
 *
 *   - Setup sets all bits of the migration bitmap; sync 1 (ram.c: ram_init_bitmaps).
 *   - Pages are sent ascending by block and page, round and round; the search goes on where it was
 *     when a sync came (ram.c: find_dirty_block). Zero pages are checked, and cost little.
 *   - Before the first page of a chunk of 2^18 pages is sent after a sync, the log of the chunk is
 *     cleared in KVM, of those pages that the sync had found (ram.c:
 *     migration_clear_memory_region_dirty_bitmap; kvm-all.c: kvm_log_clear_one_slot). So a page
 *     that was found is dirty again when it is written after its *chunk* was come to, though its
 *     own turn comes later: what is dirtied again before it is sent is skipped between the sync
 *     and the chunk only. A page that was not found is dirty when it is written after the sync.
 *     For a group with the law F, a sync at s, its chunk cleared at c, and the next sync at e:
 *         found before: F(e - c), or still found if its chunk was not come to
 *         not found:    F(e - s)
 *     Memory is walked through in 64 slices; for guests of more than 64 GiB those are the chunks.
 *     What becomes dirty in the slice where the search is, and lies behind it, waits until it comes
 *     round: a set that is always dirty does not keep it from what comes after.
 *     Where what is written lies comes from the curve. Where that does not know, it matters which
 *     chunk is come to when: memory with content lies together at the beginning, and what is
 *     written is spread evenly over it, or all of it comes first; or it is at the very end.
 *     A group that is written in sequence does not come back to a page before it was at all others:
 *     what was found, and what is still to be sent, is not what is written next.
 *   - Every 100 ms: threshold = bytes sent in them / their time * downtime-limit (migration.c:
 *     migration_update_counters, BUFFER_DELAY). 0 before the first have passed.
 *   - With max-bandwidth what 100 ms may send is sent as fast as the link takes it, then the thread
 *     sleeps until they are over (migration_rate_limit), and looks at what is left only then; or
 *     every 50 ms while it may still send (ram.c: MAX_WAIT). With
 *     multifd of QEMU 10 what its channels have in their hands does not count yet, and goes on top
 *     (multifd.c: multifd_send_thread counts what it has written): packets of 128 pages, so less
 *     where many of them are zero.
 *   - What is left, zero pages too with 4096 bytes each, below the threshold: sync; still below:
 *     stop the guest, sync, send the rest without limit (migration_iteration_run,
 *     migration_completion, ram_save_complete). Nothing left counts as below even before there is
 *     a threshold, and then there is no sync with the guest running.
 *   - auto-converge: at a sync more than 1 s after the last that did this, more dirtied than half
 *     of what was sent, for the second time: vCPUs sleep 20 % of their time, then 10 % more each
 *     time, up to 99 % (ram.c: migration_trigger_throttle, mig_throttle_guest_down). And a sync
 *     after 5 to 10 s without one, but for the first round (cpu-throttle.c). For a guest that is
 *     held back its own time goes slower (forecast_throttle.h): F of that.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_FORECAST_ROUNDS_H
#define KVMLENS_CORE_FORECAST_FORECAST_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/forecast/dirty_curve.h"
#include "core/forecast/forecast_settings.h"

/* Where in memory the pages lie that are written, if the curve does not know. */
enum forecast_layout {
    FORECAST_EVENLY,
    FORECAST_FIRST,
    FORECAST_LAST,
};

/* What one walk begins with. */
struct forecast_walk {
    const struct dirty_mix *mix;
    const struct dirty_curve *curve; /* for the places in it */
    uint8_t layout;                  /* enum forecast_layout */
    double newly_touched_per_s;
    double untouched, zero, nonzero; /* pages; zero: with memory */
    double speed;                    /* of the guest: 2 writes twice as fast */
    double vcpu_busy;                /* at a speed of 1, 0..1; 0: not known (forecast_throttle.h) */
    const struct forecast_settings *settings;
    const struct forecast_costs *costs;
};

struct forecast_course {
    bool converges;
    double bytes, total_s, downtime_s; /* meaningless unless it converges */
    double syncs;                      /* QEMU's dirty-sync-count */
    double first_round_s, longest_round_s;
    double left_pages; /* least that a sync found, or what was sent with the guest stopped */
    double threshold_pages;
    double throttle;      /* at the end */
    double cpu_s, wire_s; /* what all that was sent would take of either alone */
};

/* forecast_rounds_walk - until it converges, or is as far from it as many rounds before. */
void forecast_rounds_walk(const struct forecast_walk *walk, struct forecast_course *ret);

#endif
