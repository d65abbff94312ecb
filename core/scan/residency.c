// SPDX-License-Identifier: MIT
#include "core/scan/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/pagemap_scan.h"

#define PAGE 4096ull

#define REGIONS 512           /* of one PAGEMAP_SCAN call: 12 KiB */
#define MINCORE_PAGES 4096    /* of one mincore call */
/*
 * One scan call ends after so many resident pages, one pagemap read after so many of any kind.
 * Pages are read right after they were found present: this bounds how old that finding can be,
 * about 10 ms. 64 MiB.
 */
#define SCAN_MAX_PAGES 16384
#define ENTRIES SCAN_MAX_PAGES

struct residency {
    const struct rootfs *root;
    int pagemap_fd;
    bool use_scan;
    uint64_t zero_pfn; /* of the shared zero page; 0 = not known (no CAP_SYS_ADMIN) */
    const struct ram_region *region;
    int file_fd;
    bool file_on_disk;    /* absent pages of the file would have to be fetched */
    uint64_t huge_bytes;
    bool hugetlb_hidden;  /* hugetlbfs: the file has pages that are in no page table of this VMM */
    struct pm_region vec[REGIONS];
    uint64_t *entries;    /* [ENTRIES], made when pagemap is read */
    unsigned char core[MINCORE_PAGES];
};

/* Hands out runs, merging neighbours of one kind. */
struct emitter {
    residency_fn *fn;
    void *arg;
    struct residency_run run; /* bytes 0: none yet */
};

static int emit_flush(struct emitter *em)
{
    struct residency_run run = em->run;

    em->run.bytes = 0;
    return run.bytes != 0 ? em->fn(em->arg, &run) : 0;
}

static int emit(struct emitter *em, uint64_t start, uint64_t end, enum residency_kind kind)
{
    if (start >= end)
        return 0;
    if (em->run.bytes != 0 && em->run.kind == kind && em->run.start + em->run.bytes == start) {
        em->run.bytes += end - start;
        return 0;
    }
    int n = emit_flush(em);
    em->run = (struct residency_run){.start = start, .bytes = end - start, .kind = kind};
    return n;
}

/* Our own zero page has the frame number of everybody's. Hidden (0) without CAP_SYS_ADMIN. */
static uint64_t find_zero_pfn(const struct rootfs *root)
{
    uint64_t entry = 0;
    volatile unsigned char *page =
        mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return 0;
    (void)page[0];
    int fd = rootfs_openat(root, "proc/self/pagemap", 0);
    if (fd >= 0) {
        off_t at = (off_t)((uintptr_t)page / PAGE * sizeof(entry));
        if (pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
            entry = 0;
        close(fd);
    }
    munmap((void *)(uintptr_t)page, PAGE);
    return (entry & PM_PRESENT) ? entry & PM_PFN_MASK : 0;
}

int residency_open(const struct rootfs *root, pid_t pid, bool use_scan, struct residency **ret,
                   struct error *err)
{
    char path[64];

    *ret = NULL;
    snprintf(path, sizeof(path), "proc/%d/pagemap", (int)pid);
    int fd = rootfs_openat(root, path, 0);
    if (fd == -EACCES || fd == -EPERM)
        return error_set(err, fd, "the page table of process %d may not be read: %s (needs the "
                                  "same user, or CAP_SYS_PTRACE)", (int)pid, strerror(-fd));
    if (fd == -ENOENT || fd == -ESRCH)
        return error_set(err, -ESRCH, "process %d has ended", (int)pid);
    if (fd < 0)
        return error_set(err, fd, "cannot open the page table of process %d: %s", (int)pid,
                         strerror(-fd));
    struct residency *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        close(fd);
        return error_set(err, -ENOMEM, "out of memory");
    }
    r->root = root;
    r->pagemap_fd = fd;
    r->use_scan = use_scan;
    r->file_fd = -1;
    *ret = r;
    return 0;
}

void residency_close(struct residency *r)
{
    if (r == NULL)
        return;
    close(r->pagemap_fd);
    free(r->entries);
    free(r);
}

bool residency_hides_zero_page(const struct residency *r)
{
    return r->entries != NULL && r->zero_pfn == 0;
}

uint64_t residency_huge_bytes(const struct residency *r)
{
    return r->huge_bytes;
}

/* What the page table says of a part that it does not map, when a file is behind it. */
static int refine_absent(struct residency *r, struct emitter *em, uint64_t start, uint64_t end);

static int emit_table(struct residency *r, struct emitter *em, uint64_t start, uint64_t end,
                      enum residency_kind kind)
{
    if (kind == RESIDENCY_MAPPED && r->region->backing == RAM_HUGETLB)
        r->huge_bytes += end - start;
    if (kind == RESIDENCY_ABSENT && r->file_fd >= 0)
        return refine_absent(r, em, start, end);
    /* A shared page is best read from its file, which a hole punched meanwhile cannot upset. */
    if (kind == RESIDENCY_MAPPED && r->file_fd >= 0 && r->region->shared && !r->file_on_disk)
        kind = RESIDENCY_FILE;
    return emit(em, start, end, kind);
}

static enum residency_kind kind_of_categories(uint64_t categories)
{
    if (categories & PM_SCAN_PFNZERO)
        return RESIDENCY_ZERO;
    return (categories & PM_SCAN_PRESENT) ? RESIDENCY_MAPPED : RESIDENCY_SWAPPED;
}

/* Those of hugetlbfs are counted elsewhere. */
static bool is_huge(const struct residency *r, uint64_t categories)
{
    const uint64_t all = PM_SCAN_PRESENT | PM_SCAN_HUGE | PM_SCAN_PFNZERO;

    return r->region->backing != RAM_HUGETLB &&
           (categories & all) == (PM_SCAN_PRESENT | PM_SCAN_HUGE);
}

/* One PAGEMAP_SCAN call at @start. *@ret_next: where to go on; @start when the kernel has it
 * not. */
static int scan_step(struct residency *r, struct emitter *em, uint64_t start, uint64_t end,
                     uint64_t *ret_next)
{
    struct pm_scan_arg arg = {
        .size = sizeof(arg),
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)r->vec,
        .vec_len = REGIONS,
        .max_pages = SCAN_MAX_PAGES,
        .category_anyof_mask = PM_SCAN_PRESENT | PM_SCAN_SWAPPED,
        .return_mask = PM_SCAN_PRESENT | PM_SCAN_SWAPPED | PM_SCAN_PFNZERO | PM_SCAN_HUGE,
    };
    int n = 0;
    uint64_t at = start;

    int count = (int)TEMP_FAILURE_RETRY(ioctl(r->pagemap_fd, PM_SCAN_IOCTL, &arg));
    if (count < 0) {
        r->use_scan = errno != ENOTTY && errno != EINVAL; /* before 6.7, or the struct has grown */
        *ret_next = start;
        return r->use_scan ? -errno : 0;
    }
    if (arg.walk_end <= start || arg.walk_end > end || count > REGIONS)
        return -EIO;
    for (int i = 0; i < count && n == 0; i++) {
        const struct pm_region *p = &r->vec[i];
        if (p->start < at || p->end < p->start || p->end > end)
            return -EIO;
        n = emit_table(r, em, at, p->start, RESIDENCY_ABSENT);
        if (is_huge(r, p->categories))
            r->huge_bytes += p->end - p->start;
        if (n == 0)
            n = emit_table(r, em, p->start, p->end, kind_of_categories(p->categories));
        at = p->end;
    }
    if (n == 0)
        n = emit_table(r, em, at, arg.walk_end, RESIDENCY_ABSENT);
    *ret_next = arg.walk_end;
    return n;
}

static enum residency_kind kind_of_entry(const struct residency *r, uint64_t entry)
{
    if (entry & PM_SWAP)
        return RESIDENCY_SWAPPED;
    if (!(entry & PM_PRESENT))
        return RESIDENCY_ABSENT;
    /* In private anonymous memory only the huge zero page claims to be a file's. */
    if (r->region->backing == RAM_ANON && (entry & PM_FILE))
        return RESIDENCY_ZERO;
    if (r->zero_pfn != 0 && (entry & PM_PFN_MASK) == r->zero_pfn)
        return RESIDENCY_ZERO;
    return RESIDENCY_MAPPED;
}

static int pagemap_step(struct residency *r, struct emitter *em, uint64_t start, uint64_t end,
                        uint64_t *ret_next)
{
    if (r->entries == NULL) {
        r->entries = malloc(ENTRIES * sizeof(*r->entries));
        if (r->entries == NULL)
            return -ENOMEM;
        r->zero_pfn = find_zero_pfn(r->root);
    }
    uint64_t pages = (end - start) / PAGE;
    if (pages > ENTRIES)
        pages = ENTRIES;
    ssize_t got = TEMP_FAILURE_RETRY(pread(r->pagemap_fd, r->entries, pages * sizeof(*r->entries),
                                           (off_t)(start / PAGE * sizeof(*r->entries))));
    if (got < 0)
        return -errno;
    if (got < (ssize_t)sizeof(*r->entries)) /* the address space is gone */
        return -ESRCH;
    pages = (uint64_t)got / sizeof(*r->entries);
    int n = 0;
    for (uint64_t i = 0; i < pages && n == 0;) {
        enum residency_kind kind = kind_of_entry(r, r->entries[i]);
        uint64_t first = i++;
        while (i < pages && kind_of_entry(r, r->entries[i]) == kind)
            i++;
        n = emit_table(r, em, start + first * PAGE, start + i * PAGE, kind);
    }
    *ret_next = start + pages * PAGE;
    return n;
}

static uint64_t file_offset(const struct residency *r, uint64_t address)
{
    return r->region->file_offset + (address - r->region->start);
}

/*
 * Swapped pages of a memfd are data to SEEK_DATA, but not in core: one page at a time, as SEEK_HOLE
 * would walk on through all that follows.
 */
static int emit_not_in_core(struct residency *r, struct emitter *em, uint64_t start, uint64_t end)
{
    int n = 0;

    for (uint64_t at = start; at < end && n == 0;) {
        off_t data = lseek(r->file_fd, (off_t)file_offset(r, at), SEEK_DATA);
        uint64_t next = end;
        if (data >= 0 && (uint64_t)data - file_offset(r, at) < end - at)
            next = at + ((uint64_t)data - file_offset(r, at)) / PAGE * PAGE;
        n = emit(em, at, next, RESIDENCY_ABSENT);
        if (n == 0 && next < end) {
            n = emit(em, next, next + PAGE, RESIDENCY_SWAPPED);
            next += PAGE;
        }
        at = next;
    }
    return n;
}

/* Part of a file of which something is data: which pages are in memory? */
static int emit_in_core(struct residency *r, struct emitter *em, uint64_t start, uint64_t end)
{
    size_t pages = (size_t)((end - start) / PAGE);
    void *view = mmap(NULL, end - start, PROT_READ, MAP_SHARED, r->file_fd,
                      (off_t)file_offset(r, start));

    if (view == MAP_FAILED)
        return -errno;
    int n = mincore(view, end - start, r->core) < 0 ? -errno : 0;
    munmap(view, end - start);
    for (size_t i = 0; i < pages && n == 0;) {
        size_t first = i;
        bool in_core = r->core[i] & 1;
        while (i < pages && (r->core[i] & 1) == in_core)
            i++;
        if (in_core)
            n = emit(em, start + first * PAGE, start + i * PAGE, RESIDENCY_FILE);
        else
            n = emit_not_in_core(r, em, start + first * PAGE, start + i * PAGE);
    }
    return n;
}

static int refine_absent(struct residency *r, struct emitter *em, uint64_t start, uint64_t end)
{
    int n = 0;

    if (r->region->backing == RAM_HUGETLB) /* calls everything data */
        return emit(em, start, end, r->hugetlb_hidden ? RESIDENCY_MAYBE : RESIDENCY_ABSENT);
    for (uint64_t at = start; at < end && n == 0;) {
        off_t data = lseek(r->file_fd, (off_t)file_offset(r, at), SEEK_DATA);
        if (data < 0 && errno != ENXIO)
            return -errno;
        uint64_t skip = data < 0 ? end - at : ((uint64_t)data - file_offset(r, at)) / PAGE * PAGE;
        if (skip >= end - at)
            return emit(em, at, end, RESIDENCY_ABSENT);
        n = emit(em, at, at + skip, RESIDENCY_ABSENT);
        at += skip;
        uint64_t stop = end - at > MINCORE_PAGES * PAGE ? at + MINCORE_PAGES * PAGE : end;
        if (n == 0 && r->file_on_disk)
            n = emit(em, at, stop, RESIDENCY_SWAPPED);
        else if (n == 0)
            n = emit_in_core(r, em, at, stop);
        at = stop;
    }
    return n;
}

/*
 * PAGEMAP_SCAN of an address space that is gone finds nothing and no fault; pagemap is at its end.
 */
static bool is_gone(const struct residency *r, uint64_t address)
{
    uint64_t entry;
    return pread(r->pagemap_fd, &entry, sizeof(entry),
                 (off_t)(address / PAGE * sizeof(entry))) == 0;
}

int residency_walk(struct residency *r, uint64_t start, uint64_t end, residency_fn *fn, void *arg)
{
    struct emitter em = {.fn = fn, .arg = arg};
    int n = 0;

    for (uint64_t at = start, next = start; at < end && n == 0; at = next) {
        uint64_t stop = end - at > RESIDENCY_CHUNK_MAX ? at + RESIDENCY_CHUNK_MAX : end;
        if (r->use_scan)
            n = scan_step(r, &em, at, stop, &next);
        else
            n = pagemap_step(r, &em, at, stop, &next);
        if (n == 0)
            n = emit_flush(&em);
    }
    return n == 0 && r->use_scan && start < end && is_gone(r, start) ? -ESRCH : n;
}

static int add_mapped(void *arg, const struct residency_run *run)
{
    uint64_t *bytes = arg;

    if (run->kind == RESIDENCY_MAPPED || run->kind == RESIDENCY_FILE)
        *bytes += run->bytes;
    return 0;
}

/* libvirt's memory_backing_dir, for one, may be a tmpfs with any name. */
static bool is_in_memory(int file_fd)
{
    struct statfs fs;
    return file_fd >= 0 && fstatfs(file_fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

int residency_set_region(struct residency *r, const struct ram_region *region, int file_fd)
{
    struct stat st;

    r->region = region;
    r->file_fd = file_fd;
    r->file_on_disk = region->backing == RAM_FILE && !is_in_memory(file_fd);
    r->hugetlb_hidden = false;
    if (file_fd < 0 || region->backing != RAM_HUGETLB || fstat(file_fd, &st) < 0)
        return 0;
    /* One step per huge page, so this is quick: is all that the file has in the page table? */
    uint64_t mapped = 0, huge_bytes = r->huge_bytes;
    int n = 0;
    for (uint64_t at = 0; at < region->bytes && n == 0; at += RESIDENCY_CHUNK_MAX) {
        uint64_t left = region->bytes - at;
        uint64_t len = left < RESIDENCY_CHUNK_MAX ? left : RESIDENCY_CHUNK_MAX;
        n = residency_walk(r, region->start + at, region->start + at + len, add_mapped, &mapped);
    }
    r->huge_bytes = huge_bytes; /* nobody asked for this walk */
    r->hugetlb_hidden = (uint64_t)st.st_blocks * 512 > mapped;
    return n;
}
