/* SPDX-License-Identifier: MIT */
/*
 * Scan: how much of a VM's RAM is zero, found out without changing the VM or the host.
 *
 * Residency comes first; only pages that are present and not the kernel's zero page are read.
 * Neither a hole nor a swapped page is ever touched. A page may change right after it was read:
 * the result is a sample in time.
 *
 * Counts are in units of 4 KiB, also under transparent and hugetlbfs huge pages.
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_H
#define KVMLENS_CORE_SCAN_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/zeropage.h"
#include "core/base/beacon.h"
#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/bpf/kvm_bpf.h"
#include "core/model/vm.h"
#include "core/ram/ram.h"
#include "core/scan/scan_dirty.h"

#define SCAN_PAGE_BYTES 4096
#define SCAN_SLICES 4096          /* of the heat map */
#define SCAN_SAMPLE_DEFAULT 16384 /* pages of an estimate */
#define SCAN_SAMPLE_MAX (1u << 24)
#define SCAN_THREADS_MAX 64
#define SCAN_WARNINGS_MAX 16
#define SCAN_WIRE_ZERO_BYTES 9            /* a zero page in QEMU's migration stream */
#define SCAN_WIRE_PAGE_BYTES (4096 + 8)   /* any other page */

enum page_class {
    PAGE_UNTOUCHED,    /* never backed by memory: reads as zero */
    PAGE_ZERO_MAPPED,  /* the kernel's shared zero page */
    PAGE_ZERO_CONTENT, /* has memory of its own, all of it zero: resident for nothing */
    PAGE_NONZERO,
    PAGE_SWAPPED,      /* swapped out, or under migration: not read */
    PAGE_UNREADABLE,   /* userfaultfd, PROT_NONE, read error ... */
    PAGE_UNREAD,       /* present, content not looked at: estimate, or cancelled before */
    PAGE_CLASS_COUNT
};

struct page_counts {
    uint64_t pages[PAGE_CLASS_COUNT];
};

/*
 * Part of the guest's RAM: the regions in report order, laid end to end, cut into slice_count equal
 * parts. Page p of all pages_total is in slice p * slice_count / pages_total.
 */
struct scan_slice {
    uint32_t pages[PAGE_CLASS_COUNT]; /* all 0: not looked at yet */
};

enum scan_mode {
    SCAN_EXACT,
    SCAN_ESTIMATE,
    SCAN_DIRTY, /* an estimate, and how fast memory changes: core/scan/scan_dirty.h */
    SCAN_MODE_COUNT
};

enum scan_phase {
    SCAN_PHASE_REGIONS,
    SCAN_PHASE_RESIDENCY,
    SCAN_PHASE_SAMPLE,
    SCAN_PHASE_READ,
    SCAN_PHASE_LOOKS, /* again and again, until scan_progress.end_ns */
    SCAN_PHASE_COUNT
};

enum scan_state {
    SCAN_RUNNING,   /* an intermediate report */
    SCAN_DONE,
    SCAN_CANCELLED, /* partial: what there was until then */
    /* could not begin: no permission, no regions, confidential guest; error tells */
    SCAN_REFUSED,
    SCAN_FAILED     /* broke off: VM ended, out of memory; error tells; partial */
};

struct scan_request {
    struct vm_id vm;
    const char *vmm;              /* static text, as struct vm has it */
    /* VMs in that process; more than 1 gives a warning where memslots are not known. 0 = 1 */
    size_t process_vms;
    enum scan_mode mode;
    /* SCAN_EXACT: sample before reading all, so that a first answer is there early */
    bool estimate_first;
    /* with estimate_first: read all only where scan_exact_seconds() is at most this, else the
     * report is a SCAN_ESTIMATE; 0 = whatever it takes */
    double exact_limit_s;
    uint64_t sample_pages; /* 0 = SCAN_SAMPLE_DEFAULT, or more of a large VM: SCAN_DIRTY */
    /* per second, all threads together; 0 = no limit. SCAN_DIRTY: over the run */
    uint64_t max_rate_bytes;
    unsigned threads;             /* 0 = 1 */
    double duration_s; /* SCAN_DIRTY: from the first look to the last; 0 = SCAN_DIRTY_DURATION_S */
    double max_cpu;    /* SCAN_DIRTY: seconds of CPU time per second; 0 = SCAN_DIRTY_CPU */
    bool force;                   /* read userfaultfd ranges too */
    /* after its first 50 ms a scan makes way for others: see scan_lane.c */
    bool idle_priority;
    const struct zeropage_impl *accel; /* NULL = the automatic choice */
    uint64_t seed;                /* of the sample; 0 = taken from the kernel */
    struct ram_range ram[RAM_RANGES_MAX];
    size_t ram_count;             /* 0 = find the regions */
};

struct snapshot;
struct snapshot_vm;

/*
 * scan_request_aim - sets which VM is scanned, and what a scan has to know of it: vm, vmm and
 * process_vms. @vm: one of @snapshot. The rest stays. Pure.
 */
void scan_request_aim(struct scan_request *request, const struct snapshot *snapshot,
                      const struct snapshot_vm *vm);

struct scan_region {
    struct ram_region ram;
    /* sum: ram.bytes / 4096, once residency is done. Of a scan that was broken off: what was read,
     * all else is PAGE_UNREAD */
    struct page_counts counts;
};

struct scan_estimate {
    bool valid;
    uint64_t sampled;             /* pages read */
    uint64_t sampled_zero;        /* of them all zero */
    uint64_t population;          /* present pages they were drawn from */
    double zero_ratio;            /* of all RAM, like scan_report.zero_ratio */
    /* Wilson interval, scaled by the exact residency counts; of swapped and unreadable pages none
     * is zero, all are */
    double ci95_low, ci95_high;
    double bytes_per_s;           /* at which the sample was read; 0 = too little to tell */
};

struct scan_wire {
    bool valid; /* false when pages are unreadable, regions are cut or nothing is known yet */
    /* swapped pages count as normal. From the estimate unless scan_report.zero_known */
    uint64_t zero_pages, normal_pages;
    uint64_t bytes;
};

struct scan_cost {
    double elapsed_s, cpu_s;      /* cpu: all threads of the scan, finding regions included */
    double regions_cpu_s;         /* part of cpu_s: finding regions, and looking at them again */
    double residency_s;           /* part of elapsed: finding regions and residency */
    uint64_t bytes_read;
    const char *accel;            /* static text */
    unsigned threads;
};

/* Immutable once handed out. */
struct scan_report {
    enum scan_state state;
    enum scan_phase phase;        /* reached; while SCAN_RUNNING: under way */
    enum scan_mode mode;
    /* counts hold PAGE_UNREAD pages that an exact scan would have read */
    bool partial;
    struct vm_id vm;
    struct error error;           /* of SCAN_REFUSED and SCAN_FAILED */
    size_t region_count;
    /* [region_count], largest first; where memslots are known as the guest sees them */
    struct scan_region *regions;
    bool has_slots;               /* memslots chose them, and told where they are (gfn) */
    bool regions_cut;             /* there are more: what is known is not of all of the RAM */
    uint64_t pages_total;
    struct page_counts counts;    /* sum: pages_total once residency is done */
    bool residency_done;
    /* exact, complete, nothing unreadable, all regions: zero_ratio is valid */
    bool zero_known;
    double zero_ratio;            /* untouched + zero_mapped + zero_content of all pages, 0..1 */
    /* bounds from what is known: unread, swapped, unreadable all nonzero, all zero */
    double zero_low, zero_high;
    struct scan_estimate estimate;
    struct scan_wire wire;
    struct scan_cost cost;
    /* [SCAN_SLICES]; slice i: pages [i * total / SLICES, (i + 1) * total / SLICES) */
    /* SCAN_SLICES, or pages_total when that is less; 0 = no regions */
    size_t slice_count;
    struct scan_slice *slices;    /* [SCAN_SLICES], slice_count of them in use */
    size_t warning_count;
    char (*warnings)[200];        /* one sentence each */
    struct scan_dirty *dirty;     /* of SCAN_DIRTY; else NULL, and where there was no memory */
};

/* Counters that any thread may read while a scan runs. */
struct scan_progress {
    atomic_uint_fast64_t done_bytes;  /* read so far */
    atomic_uint_fast64_t total_bytes; /* present pages to read; 0 = not known yet */
    atomic_uint_fast64_t start_ns;    /* CLOCK_MONOTONIC, reading began; 0 = not yet */
    atomic_uint_fast64_t end_ns;      /* CLOCK_MONOTONIC, when the last look is due; 0 = no looks */
    atomic_int phase;                 /* enum scan_phase */
    atomic_bool cancel;               /* set by anyone; looked at at least every 20 ms */
};

struct scan_readers;

/* What a scan is given to work with. */
struct scan_env {
    const struct rootfs *root;
    struct scan_progress *progress;   /* never NULL */
    /* Called on the scanning thread with an intermediate report that the callee owns now; at
     * most ten times a second and at the end of a phase. NULL: nobody wants them. */
    void (*publish)(void *arg, struct scan_report *report);
    void *publish_arg;
    struct scan_readers *readers; /* of one scan after the other; NULL: made for this one */
    struct beacon *beacon; /* says what is done to the VMM; NULL: nobody wants to know */
    /* for memslots: what is guest RAM, and which guests are confidential, for certain; NULL: by
     * what the process shows. Used on the scanning thread only */
    struct kvm_bpf *bpf;
};

/*
 * scan_execute - do the scan on this thread (and on threads - 1 more of its own).
 *
 * Never fails without a report: *@ret always gets one (scan_report_free), except on -ENOMEM for
 * the report itself.
 * Returns 0 done, -ECANCELED, or the negative errno in the report's error. Blocks at most as
 * long as one read of the VMM's memory takes, beyond a cancel.
 */
int scan_execute(const struct scan_env *env, const struct scan_request *request,
                 struct scan_report **ret);

void scan_report_free(struct scan_report *report); /* NULL ok */

/*
 * scan_exact_seconds - how long reading all present pages would take at the speed at which the
 * sample was read, which is rather less than that of reading them in order. Negative: not known.
 * Pure.
 */
double scan_exact_seconds(const struct scan_report *report);

/*
 * scan_report_spare - a report for when there is no memory for one: small and made beforehand.
 * NULL, or an empty one, to be freed with scan_report_free. scan_report_use_spare makes it that of
 * a scan that could not begin for this reason.
 */
struct scan_report *scan_report_spare(void);
void scan_report_use_spare(struct scan_report *spare, const struct scan_request *request);

/*
 * scan_report_break_off - make the newest intermediate report, or a spare one, that of a scan which
 * will never end: SCAN_FAILED, for that reason.
 */
void scan_report_break_off(struct scan_report *report, const struct scan_request *request,
                           const struct error *why);

/*
 * scan_wilson - 95 % Wilson score interval of a proportion, with the correction for a finite
 * population.
 * @hits of @n drawn from @population (>= n). n = 0 gives 0..1. Pure.
 */
void scan_wilson(uint64_t hits, uint64_t n, uint64_t population, double *ret_low, double *ret_high);

const char *scan_class_name(enum page_class page_class); /* "untouched", ... as in JSON */
const char *scan_state_name(enum scan_state state);
const char *scan_phase_name(enum scan_phase phase);

#endif
