/* SPDX-License-Identifier: MIT */
/*
 * Shared by what looks at a VM again and again; nobody else includes it.
 *
 *   scan_dirty_run.c  the run: how many pages, when to look, what it may cost
 *   scan_look.c       one look at the sample
 *   scan_pairs.c      what the looks say, pure
 *   scan_places.c     where in memory they say it of, pure
 *   scan_void.c       what else the VM shows that makes it void
 *   scan_busy.c       how busy its vCPUs are
 *   scan_same.c       whether it is still the same VM
 */
#ifndef KVMLENS_CORE_SCAN_SCAN_LOOKS_H
#define KVMLENS_CORE_SCAN_SCAN_LOOKS_H

#include "core/scan/scan_dirty.h"
#include "core/scan/scan_internal.h"

/* Of a page: zero when it was read first, and at the last look; it was read. */
enum { SCAN_ZERO_FIRST = 1 << 0, SCAN_ZERO_LAST = 1 << 1, SCAN_WAS_READ = 1 << 2 };

/*
 * The sample and what the looks saw. What hashes tell of a guest is little, but it is not for a
 * core dump, nor for who gets the memory next.
 */
struct scan_looks {
    struct scan_place *places; /* [count] in the order in which they are looked at */
    size_t count;
    size_t room;       /* pages of a row of the two below */
    unsigned looks;    /* finished */
    uint64_t begin_ns; /* CLOCK_MONOTONIC, of the first one */
    uint64_t seed;     /* of the hashes */
    uint64_t *hash;    /* [looks of the run][room] */
    uint32_t *time_us; /* likewise, since begin_ns, 1 more than it was; 0: not read */
    uint8_t *zero;     /* [room] SCAN_ZERO_FIRST, SCAN_ZERO_LAST, SCAN_WAS_READ */
    void *memory;      /* of the last three */
    size_t memory_bytes;
};

/* --- scan_look.c */

/* Room for @looks of @places, of which @count belong to it from now on. 0 or -ENOMEM. */
int scan_looks_open(struct scan_looks *looks, struct scan_place *places, size_t count,
                    unsigned look_count);
void scan_looks_done(struct scan_looks *looks);

/* Keep the places of these indices only, @count of them, ascending; of the others nothing. */
void scan_looks_keep(struct scan_looks *looks, const uint64_t *indices, size_t count);

/*
 * Choose which @early of the @count places, which ascend in each region, the first looks are at,
 * and put them before the others of their region. They are spread as evenly. 0, -ENOMEM,
 * -ECANCELED.
 */
int scan_looks_choose_early(struct scan_place *places, size_t count, size_t early,
                            struct scan_random *random, const atomic_bool *cancel);

/*
 * Put the places into a random order, in which all looks are at them: some neighbours together,
 * all early ones of a region, and then all others of it. A look takes a while. A guest that writes
 * one page after the other would run ahead of one in the order of addresses, or meet it, and pages
 * that a look comes late to would not be like the others.
 */
void scan_looks_shuffle(struct scan_place *places, size_t count, struct scan_random *random);

/* Look number looks->looks, which is one more afterwards. @only_early: at these places only, others
 * are as not read. 0, -ECANCELED or -errno. */
int scan_look(struct scan_lane *lane, struct scan_looks *looks, bool only_early);

/* --- scan_pairs.c: pure */

/*
 * When to look, in seconds after the first look: 0, and then times that double, the last one being
 * @duration_s and the first of them at most SCAN_DIRTY_FIRST_S. So a half of each is a look too.
 * Returns how many of @ret are used, at least 2.
 */
unsigned scan_pairs_schedule(double duration_s, double ret[DIRTY_LOOKS_MOST]);

/* All pairs, sampled, duration_s and what was zero; the rest of @ret is left alone. */
void scan_pairs_fill(const struct scan_looks *looks, struct dirty_looks *ret);

/*
 * Is one half clearly not like the other? Bits of the looks at the end of such a second half. Only
 * of times that are at least @from_s long as a whole.
 */
uint32_t scan_pairs_load_changed(const struct scan_looks *looks, double from_s);

/* --- scan_places.c: pure */

/*
 * In which order QEMU sends @count regions: RAM blocks by size, the largest first, each from its
 * beginning on. @ret_first: [count] how many pages go before the first of each region. 0 or
 * -ENOMEM.
 */
int scan_places_order(const struct scan_region *regions, size_t count, uint64_t *ret_first);

/*
 * What changed from the first look to the last, by places; nothing before there are two looks.
 * @first: of scan_places_order. @pages_total: of all @regions, above 0.
 */
void scan_places_fill(const struct scan_looks *looks, const struct scan_region *regions,
                      const uint64_t *first, uint64_t pages_total,
                      struct dirty_place ret[DIRTY_PLACES]);

/* --- scan_busy.c */

/* What the scheduler said of a thread, when it was asked first and last. */
struct scan_busy_thread {
    pid_t tid;
    unsigned look, looks;      /* that it was seen at first; how many it was seen at */
    bool is_vcpu;              /* for certain */
    uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC */
    uint64_t begin_cpu_ns, end_cpu_ns;
};

/* Zeroed memory is an empty one. */
struct scan_busy {
    struct scan_busy_thread *threads; /* [room], count of them in use */
    size_t count, room;
    unsigned look; /* that is under way */
    bool is_cut;   /* a thread found no place */
};

/*
 * Ask about a thread that runs, or is in KVM_RUN. @is_vcpu: it is known to run a vCPU; otherwise it
 * is taken for one when it runs at all looks, as a vCPU does that never leaves the guest. One read;
 * nothing where the kernel keeps no account. Its utime would not do: without precise accounting a
 * vCPU that never leaves the guest has none.
 */
void scan_busy_note(struct scan_busy *busy, const struct rootfs *root, pid_t pid, pid_t tid,
                    bool is_vcpu);

/*
 * Which part of the time a vCPU runs that runs at all: sum(b^2) / sum(b) of the parts b that each
 * thread ran, so one that is idle beside one that is busy does not make it less busy. 0: not known,
 * or none ran. Pure.
 */
double scan_busy_share(const struct scan_busy *busy);
void scan_busy_done(struct scan_busy *busy);

/* Are all that were there when it was asked first gone, though others came? A VM has the same
 * vCPUs for its life, but for those that are plugged in and out. */
bool scan_busy_is_replaced(const struct scan_busy *busy, const struct rootfs *root, pid_t pid);

/* --- scan_same.c */

/* Which VM is behind the descriptor. */
struct scan_identity {
    int fd;
    bool is_closed;
    uint64_t vm; /* as struct kvm_bpf_file has them; 0: not known, without BPF */
    uint32_t birth;
};

enum scan_same { SCAN_VM_SAME, SCAN_VM_CLOSED, SCAN_VM_ANOTHER };

/* As it is now. Where nobody tells, it is all 0. */
void scan_identity_read(const struct scan_job *job, struct scan_identity *ret);

/* @has_other_threads: as scan_busy_is_replaced has it; it decides where KVM was not asked. Pure. */
enum scan_same scan_identity_compare(const struct scan_identity *before,
                                     const struct scan_identity *now, bool has_other_threads);

/* --- scan_void.c */

/* What the threads of the VMM did at the looks. */
struct scan_activity {
    struct scan_busy busy; /* of those that run vCPUs */
    unsigned inside;  /* looks at which a vCPU was in KVM_RUN */
    unsigned outside; /* at which no thread was, and none ran */
    unsigned stopped; /* at which a signal held the process */
};
void scan_void_note_activity(const struct scan_job *job, struct scan_activity *activity);
/* nothing ran, as far as could be seen. Pure */
bool scan_void_is_stopped(const struct scan_activity *activity);

/* Is it being migrated, or logged? At the beginning and at the end. */
void scan_void_note_migration(struct scan_job *job);

#endif
