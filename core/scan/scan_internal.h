/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the scan module; nobody else includes it.
 *
 *   scan.c         phases, threads, the report that grows
 *   scan_check.c   what is asked before, and at the end
 *   scan_regions.c which mappings are scanned, and what is to be said of them
 *   scan_slots.c   what KVM says of them
 *   scan_chunks.c  pieces of regions that threads take
 *   scan_lane.c    one scanning thread: which pages are there, and what is done with them
 *   scan_read.c    and their content
 *   scan_left.c    regions that are given up
 *   scan_count.c   pages into counts and heat map
 *   scan_report.c  reports: make, copy, finish, free; the statistics
 *   scan_sample.c  which pages an estimate reads
 *   scan_inspect.c what else the process tells: confidential guest, passed-through devices
 *   scan_looks.h   looks at a sample again and again: scan_dirty_run.c, scan_look.c and others
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_INTERNAL_H
#define KVMLENS_CORE_SCAN_SCAN_INTERNAL_H

#include <pthread.h>

#include "core/scan/read_child.h"
#include "core/scan/residency.h"
#include "core/scan/scan.h"
#include "core/scan/scan_readers.h"

/*
 * 2 MiB, one huge page. By tests/bench/bench_scan.c, CPU time of reading and comparing, against
 * reading alone: 256 KiB 82 %, 512 KiB 84 %, 1 MiB 88 %, 2 MiB in a huge page 94 %, 16 MiB less
 * again (out of the L2 and L3). What lost: two stages (64 bytes of each page first: 450 ns for
 * each segment, more than copying the page), prefetching the buffer's next pages (no effect),
 * comparing from the end backwards (no effect).
 */
#define SCAN_BATCH_PAGES 512
#define SCAN_CHILD_PAGES         READ_CHILD_PAGES_MAX /* in one go: 16 MiB, some milliseconds */
#define SCAN_MAPPED_MIN_PAGES 64 /* fewer are read: a mapping costs more than it saves */
#define SCAN_MAPPER_FAILURES_MAX 8
#define SCAN_POLITE_NICE         10 /* why not SCHED_IDLE: see scan_lane.c */
/* A read is given up after this: when a userfault holds it, and when it is anything else. */
#define SCAN_STUCK_UFFD_MS 1000
#define SCAN_STUCK_MS      5000
#define SCAN_BATCH_BYTES (SCAN_BATCH_PAGES * (size_t)SCAN_PAGE_BYTES)

_Static_assert(SCAN_THREADS_MAX <= SCAN_READERS_MAX, "each lane may have a reader");

/* A piece of a region: what a thread takes at a time. */
struct scan_chunk {
    size_t region;
    uint64_t start, end;  /* addresses */
    uint64_t first_page;  /* of @start, counted over all regions */
};

/*
 * What the residency pass saw in a chunk, so that the sample pass need not look again. Only while
 * it is fresh: a page that has gone since would be mapped anew by the read.
 */
struct scan_seen {
    uint64_t present;             /* pages that can be read */
    uint64_t first;               /* ordinal of the first of them, counted over all chunks */
    uint64_t time_ns;             /* when the look began */
    struct residency_run *runs;   /* of them; NULL: none, or too many to keep */
    size_t run_count;
};
#define SCAN_SEEN_RUNS 256
#define SCAN_SEEN_FRESH_NS 50000000ull

/*
 * A region that is read no more: a read of it through the VMM did not return. It may have become a
 * userfaultfd range after it was looked at, and a VMM may do that to one region after the other.
 */
struct scan_left {
    atomic_bool is_left;
    bool is_uffd;
    char hung_in[64]; /* function of the kernel; "" = not known */
};
#define SCAN_LEFT_MAX 8 /* when so many are left, all that is read through the VMM is */

/* A page of the sample. */
struct scan_place {
    uint64_t address; /* in the VMM; 0: it was gone when it was looked for */
    size_t region;
    bool is_early; /* SCAN_DIRTY: the first looks are at these only */
};

/*
 * A scan under way. @mutex guards report, fresh, last_publish_ns, code and error; the rest is
 * constant while threads run, or atomic.
 */
struct scan_job {
    const struct scan_env *env;
    const struct scan_request *request;
    const struct zeropage_impl *accel;
    struct ram_map map;           /* the regions as they were found */
    struct kvm_bpf_slots slots;   /* of the VM, as they were then */
    bool has_slots;               /* they were read */
    uint64_t page_count;
    uint64_t chunk_bytes;
    size_t chunk_count;
    uint64_t *region_first_page;  /* [region_count] */
    size_t *region_first_chunk;   /* [region_count + 1] */
    atomic_bool *unopened;        /* [region_count] the file behind it could not be opened */
    atomic_bool zero_page_hidden; /* from a lane, see residency_hides_zero_page */
    struct scan_left *left;       /* [region_count] reading it did not end */
    atomic_size_t left_count;     /* of them */
    struct scan_readers *readers;
    struct scan_readers own_readers;
    bool reading;                 /* pass reads content; else residency only */
    uint64_t *sample;             /* ascending ordinals of present pages; NULL: no sample pass */
    uint64_t sample_count;
    /* [sample_count] where the sample is, found out in a sample pass that reads nothing; NULL: it
     * reads */
    struct scan_place *places;
    bool recount; /* the residency pass counts in chunks only, not in the report */
    atomic_uint_fast64_t huge_pages; /* of a residency pass: see struct scan_dirty */
    struct scan_seen *seen;       /* [chunk_count] filled by the residency pass */
    atomic_size_t next_chunk;
    atomic_bool stop;             /* a thread failed: all end */
    atomic_uint_fast64_t rate_next_ns; /* until when all that was read is paid, under --max-rate */
    uint64_t begin_ns;
    double begin_cpu_s; /* CPU time of the scanning thread, then */

    pthread_mutex_t mutex;
    struct scan_report *report;
    struct scan_slice *base;      /* [SCAN_SLICES] heat map of the residency pass, or NULL */
    uint64_t last_publish_ns;
    int code;                     /* first failure */
    struct error error;
};

/* One scanning thread. */
struct scan_lane {
    struct scan_job *job;
    struct residency *residency;
    struct read_child *child;     /* reads through the VMM; NULL: none yet */
    struct read_child *own_child; /* where none was made beforehand */
    struct scan_chunk chunk;
    int file_fd;                  /* behind the chunk's region; -1: read through the VMM */
    /* [SCAN_BATCH_BYTES] of the file: kept out of core dumps, wiped at the end; made when needed */
    void *buf_map; /* twice as large, to align it */
    unsigned char *buf;
    struct iovec segments[READ_CHILD_SEGMENTS_MAX];
    size_t segment_count;
    size_t pages;                 /* in segments */
    uint64_t zero_map[SCAN_CHILD_PAGES / 64];
    uint64_t bad_map[SCAN_CHILD_PAGES / 64];
    /* compares the file of the chunk's region in place; NULL: none made yet */
    struct read_child *mapper;
    unsigned mapper_failures;     /* SCAN_MAPPER_FAILURES_MAX: not tried any more */
    double children_cpu_s;
    struct page_counts counts;    /* of the chunk's region, since the last merge */
    struct scan_slice *slices;    /* [SCAN_SLICES] since the last merge; only low..high are not 0 */
    size_t slice_low, slice_high;
    uint64_t present;             /* pages of the chunk that a reading pass reads */
    /* that they lie in; SIZE_MAX: too many */
    struct residency_run runs[SCAN_SEEN_RUNS];
    size_t run_count;
    uint64_t sample_at;           /* next of job->sample */
    uint64_t sample_end;          /* of the chunk's ordinals */
    uint64_t ordinal;             /* of the next present page of the chunk, in a sample pass */
    uint64_t sampled, sampled_zero;
    uint64_t bytes_read;
    uint64_t unpaid_bytes;        /* read, and not yet booked under --max-rate */
    uint64_t stuck_pages;         /* given up on under --force */
    uint64_t last_merge_ns;
    bool polite;
    double cpu_s;
};

/* scan_lane.c */
int scan_lane_open(struct scan_lane *lane, struct scan_job *job);
/* merges nothing; any state after open or a failed one */
void scan_lane_close(struct scan_lane *lane);
/* takes chunks until none is left; 0, -ECANCELED, -errno */
int scan_lane_run(struct scan_lane *lane);

const struct ram_region *scan_lane_region(const struct scan_lane *lane);
/* open the file behind the region of lane->chunk, and leave the one before */
int scan_lane_enter(struct scan_lane *lane);
/* may what is present in that region be read? */
bool scan_lane_is_readable(const struct scan_lane *lane);
/* adds the lane's counts to the report, when it is time to */
void scan_lane_maybe_merge(struct scan_lane *lane);

/* scan_read.c: 0, -ECANCELED or -errno */
/* gather pages that are in the VMM's page table, and read those that make a load */
int scan_read_vm(struct scan_lane *lane, uint64_t start, uint64_t bytes);
/* read what was gathered */
int scan_read_flush(struct scan_lane *lane);
/* pages of the file behind the region. @zero_class: what pages of zeros are */
int scan_read_file(struct scan_lane *lane, uint64_t start, uint64_t bytes,
                   enum page_class zero_class);
/* of a run of present pages, those that were drawn */
int scan_read_sample(struct scan_lane *lane, const struct residency_run *run, bool from_file);
void scan_read_leave(struct scan_lane *lane); /* the region */
void scan_read_close(struct scan_lane *lane);

/* scan.c: the passes, one after the other */
void scan_job_set_phase(struct scan_job *job, enum scan_phase phase);
/* with one thread only: hand out what there is */
void scan_job_publish(struct scan_job *job);
/* forget what was counted */
void scan_job_forget(struct scan_job *job);
/* run all lanes over all chunks. 0, -ECANCELED or -errno */
int scan_job_pass(struct scan_job *job);
/* count what is there */
int scan_job_residency(struct scan_job *job);
/* what the request says, else a random one */
uint64_t scan_seed(const struct scan_request *request);
/* number what was counted through and draw from it, into job->sample */
int scan_job_draw(struct scan_job *job);

/* scan.c, called by lanes */
bool scan_job_stops(const struct scan_job *job);
void scan_job_merge(struct scan_job *job, struct scan_lane *lane);
uint64_t scan_now_ns(void);
double scan_thread_cpu_s(void); /* of the thread that asks */
/* what the request says, else the automatic choice */
const struct zeropage_impl *scan_accel(const struct scan_request *request);

/* scan_check.c: 0, or -errno with a sentence */
/* of a system that runs? */
int scan_check_request(const struct scan_job *job, struct error *err);
/* is the memory the guest's own secret? */
int scan_check_memory(struct scan_job *job, struct error *err);
/* would looks move the guest's pages? */
int scan_check_numa(struct scan_job *job, struct error *err);
/* is it still the same process? */
int scan_check_process(const struct scan_job *job, struct error *err);

/* scan_regions.c */
/* into job->report, with warnings */
int scan_regions_find(struct scan_job *job, struct error *err);
/* are all regions still mapped as they were? Memory may be plugged, unplugged or mapped anew */
void scan_regions_warn_of_changes(struct scan_job *job);

/* scan_slots.c */
/* into job->slots; without BPF, or when it fails with a warning, there are none. 0 or -ESRCH */
int scan_slots_read(struct scan_job *job, struct error *err);
/* those that say which memory of its process is the VM's; false: none do */
bool scan_slots_ram(const struct scan_job *job, struct ram_slots *ret);
bool scan_slots_changed(const struct scan_job *job);
/* what encrypts the guest's memory, for certain; NULL: nothing that KVM told */
const char *scan_slots_confidential(const struct scan_job *job);

/* scan_chunks.c */
/* cut the regions into chunks; 0 or -ENOMEM */
int scan_chunks_prepare(struct scan_job *job, struct error *err);
/* the next one; false: there is none, or the job stops */
bool scan_chunks_take(struct scan_job *job, struct scan_chunk *ret, size_t *ret_index);

/* note what the lane saw in its chunk; without memory it is looked at again later */
void scan_chunks_note_seen(struct scan_lane *lane, size_t index, uint64_t begin_ns);
void scan_chunks_done(struct scan_job *job);

/* scan_left.c */
/* is anything read through the VMM? */
bool scan_left_any_read(const struct scan_job *job);
/* is it, or are there too many already? */
bool scan_left_is(const struct scan_job *job, size_t region);
/* the read of @child did not return */
void scan_left_add(struct scan_job *job, size_t region, const struct read_child *child);
/*
 * At the end, with one thread: was a region registered with userfaultfd meanwhile? Then what was
 * absent there may be on its way, and is not known to be zero. Asks smaps only where the VMM itself
 * holds a userfaultfd.
 */
void scan_left_look_again(struct scan_job *job);
/* at the end, with one thread: regions are marked, and warnings made */
void scan_left_tell(struct scan_job *job);

/* scan_count.c */
/* add pages of one class at address @start to the counts and the heat map */
void scan_count_run(struct scan_lane *lane, enum page_class page_class, uint64_t start,
                    uint64_t pages);
/* @pages were compared; the first is page @first of the lane's bitmaps and lies at @start */
void scan_count_content(struct scan_lane *lane, uint64_t start, size_t first, size_t pages,
                        enum page_class zero_class);
/* a sample pass counts what it drew and nothing else: the residency pass has counted all */
void scan_count_sample(struct scan_lane *lane, size_t pages);

/* scan_report.c */
struct scan_report *scan_report_new(const struct scan_request *request);
struct scan_report *scan_report_copy(const struct scan_report *report);
int scan_report_set_regions(struct scan_report *report, const struct ram_map *map);
void scan_report_estimate(struct scan_report *report); /* from sampled and the residency counts */
void scan_report_finish(struct scan_report *report); /* what follows from the counts */
void scan_report_warn(struct scan_report *report, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* scan_sample.c */
struct scan_random {
    uint64_t state; /* the seed to begin with: the numbers follow from it */
    uint64_t drawn; /* numbers so far */
};
uint64_t scan_random_next(struct scan_random *random);
/*
 * @n different numbers below @population (>= n), ascending, every choice equally likely. Draws at
 * most @n random numbers; needs a bit for each of @population meanwhile. 0, -ENOMEM, -ECANCELED.
 */
int scan_sample_draw(uint64_t *sample, uint64_t n, uint64_t population,
                     struct scan_random *random, const atomic_bool *cancel);

/*
 * As scan_sample_draw, but one of each of @n stretches of equal length, so that no part of memory
 * has more of the sample than another by chance. Where the first stretch begins is drawn, too: each
 * number is as likely as any other. Draws n + 1 random numbers. 0, -ECANCELED.
 */
int scan_sample_spread(uint64_t *sample, uint64_t n, uint64_t population,
                       struct scan_random *random, const atomic_bool *cancel);

/* scan_inspect.c */
struct scan_inspection {
    /* static text: what encrypts the guest's memory; NULL = nothing seen */
    const char *confidential;
    bool passthrough;         /* VFIO: RAM is pinned */
    bool has_device;          /* and there is a device: a group of them, or one by itself */
    int vfio_group;           /* its number; -1 = not known */
    bool uffd;                /* the process holds a userfaultfd */
};
/* 0, or -ECANCELED: a process may have a million descriptors */
int scan_inspect(const struct rootfs *root, pid_t pid, const atomic_bool *cancel,
                 struct scan_inspection *ret);

/* scan_dirty_run.c */
/* in place of an estimate. 0, -ECANCELED or -errno; what was seen until then is in the report */
int scan_dirty_run(struct scan_job *job);
/* how many pages it draws from @population */
uint64_t scan_dirty_sample(const struct scan_request *request, uint64_t population);

/* scan_void.c */
/* of a report of looks; else nothing happens */
void scan_void_set(struct scan_job *job, enum scan_void which);
/* does reading from outside move pages on this host? 0, or -EOPNOTSUPP with a sentence */
int scan_void_numa(const struct rootfs *root, struct error *err);
/* at the end: a warning of each */
void scan_void_tell(struct scan_job *job);

#endif
