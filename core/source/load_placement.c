// SPDX-License-Identifier: MIT
#include "core/source/load_placement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/pagemap_scan.h"
#include "core/base/parse_io.h"
#include "core/base/parse_load.h"
#include "core/ram/ram.h"

#define PAGE         4096ull
#define WINDOW       (2ull << 20)
#define WINDOW_PAGES (WINDOW / PAGE)
#define NODES_MAX    1024 /* MAX_NUMNODES of a large kernel */
#define LIST_BYTES   4096

/* Resident pages of one window, ascending. */
struct window {
    struct pm_region at[WINDOW_PAGES];
    size_t count;
    uint64_t pages, huge_pages;
};

/* One look at a process. */
struct look {
    struct placement_host *host;
    const struct load_env *env;
    int pagemap;
    bool is_hugetlb; /* what is huge in files is of hugetlbfs */
    uint64_t pages, thp_pages, hugetlb_pages;
    bool hides_thp;
    uint64_t chosen[PLACEMENT_PAGES];
    size_t chosen_count, wanted; /* in each window */
};

/* --- chance ----------------------------------------------------------------------------------- */

/* xorshift64: pages are chosen so that nobody who knows the last look knows the next. */
static uint64_t draw(struct placement_host *host, uint64_t below)
{
    if (host->random == 0 && getrandom(&host->random, sizeof(host->random), GRND_NONBLOCK) < 0)
        host->random = 0;
    if (host->random == 0)
        host->random = 0x9e3779b97f4a7c15ull;
    host->random ^= host->random << 13;
    host->random ^= host->random >> 7;
    host->random ^= host->random << 17;
    return host->random % below;
}

/* --- windows ---------------------------------------------------------------------------------- */

static int scan_window(const struct look *l, uint64_t start, uint64_t end, struct window *ret)
{
    struct pm_scan_arg arg = {
        .size = sizeof(arg),
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)ret->at,
        .vec_len = WINDOW_PAGES,
        .category_inverted = PM_SCAN_PFNZERO,
        .category_mask = PM_SCAN_PRESENT | PM_SCAN_PFNZERO,
        .return_mask = PM_SCAN_HUGE,
    };
    int count = (int)TEMP_FAILURE_RETRY(ioctl(l->pagemap, PM_SCAN_IOCTL, &arg));
    if (count < 0)
        return -errno;
    ret->count = (size_t)count;
    for (size_t i = 0; i < ret->count; i++) {
        const struct pm_region *r = &ret->at[i];
        if (ret->count > WINDOW_PAGES || r->start < start || r->end < r->start || r->end > end)
            return -EIO;
        ret->pages += (r->end - r->start) / PAGE;
        ret->huge_pages += r->categories & PM_SCAN_HUGE ? (r->end - r->start) / PAGE : 0;
    }
    return 0;
}

/* Before Linux 6.7. The zero page cannot be told from others without more rights. */
static int read_window(const struct look *l, uint64_t start, uint64_t end, struct window *ret)
{
    uint64_t entries[WINDOW_PAGES];
    ssize_t got =
        TEMP_FAILURE_RETRY(pread(l->pagemap, entries, (end - start) / PAGE * sizeof(entries[0]),
                                 (off_t)(start / PAGE * sizeof(entries[0]))));
    if (got < 0)
        return -errno;
    for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++) {
        uint64_t at = start + i * PAGE;
        if ((entries[i] & PM_PRESENT) == 0)
            continue;
        ret->at[ret->count++] = (struct pm_region){at, at + PAGE, 0};
        ret->pages++;
    }
    return 0;
}

/* The resident page with that number. */
static uint64_t page_of(const struct window *w, uint64_t number)
{
    for (size_t i = 0; i < w->count; i++) {
        uint64_t pages = (w->at[i].end - w->at[i].start) / PAGE;
        if (number < pages)
            return w->at[i].start + number * PAGE;
        number -= pages;
    }
    return 0;
}

static int look_at_window(struct look *l, bool is_file, uint64_t start, uint64_t end)
{
    struct window w = {.count = 0};
    int result = l->host->without_scan ? -ENOTTY : scan_window(l, start, end, &w);

    if (result == -ENOTTY || result == -EINVAL) {
        l->host->without_scan = l->hides_thp = true;
        w.count = 0;
        w.pages = w.huge_pages = 0;
        result = read_window(l, start, end, &w);
    }
    if (result < 0)
        return result;
    l->pages += w.pages;
    if (is_file && l->is_hugetlb)
        l->hugetlb_pages += l->hides_thp ? w.pages : w.huge_pages;
    else
        l->thp_pages += w.huge_pages;
    for (size_t i = 0; i < l->wanted && w.pages > 0 && l->chosen_count < PLACEMENT_PAGES; i++)
        l->chosen[l->chosen_count++] = page_of(&w, draw(l->host, w.pages));
    return 0;
}

static uint64_t windows_of(const struct ram_region *r)
{
    return (r->start + r->bytes + WINDOW - 1) / WINDOW - r->start / WINDOW;
}

/* The window with that number of all regions. */
static int look_at_number(struct look *l, const struct ram_map *map, uint64_t number)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct ram_region *r = &map->regions[i];
        uint64_t windows = windows_of(r), end = r->start + r->bytes;
        if (number >= windows) {
            number -= windows;
            continue;
        }
        uint64_t from = (r->start / WINDOW + number) * WINDOW, to = from + WINDOW;
        return look_at_window(l, r->inode != 0, from > r->start ? from : r->start,
                              to < end ? to : end);
    }
    return 0;
}

/* All windows of a small VM; of a large one one out of each of as many equal parts. */
static int look_at_map(struct look *l, const struct ram_map *map)
{
    uint64_t windows = 0;
    int result = 0;

    for (size_t i = 0; i < map->count; i++)
        windows += windows_of(&map->regions[i]);
    uint64_t looks = windows < PLACEMENT_WINDOWS ? windows : PLACEMENT_WINDOWS;
    l->wanted = looks != 0 ? PLACEMENT_PAGES / looks : 0;
    for (uint64_t i = 0; i < looks && result == 0; i++) {
        uint64_t from = i * windows / looks, to = (i + 1) * windows / looks;
        result = look_at_number(l, map, from + draw(l->host, to - from));
    }
    return result;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static unsigned count_nodes(const struct load_env *env)
{
    char list[LIST_BYTES];

    if (rootfs_read(env->root, "sys/devices/system/node/online", list, sizeof(list)) <= 0)
        return 0;
    return parse_cpu_list(list);
}

/* The node of a CPU, or -1. */
static int node_of_cpu(const struct load_env *env, int cpu)
{
    char path[64], online[LIST_BYTES], list[LIST_BYTES];

    if (rootfs_read(env->root, "sys/devices/system/node/online", online, sizeof(online)) <= 0)
        return -1;
    for (unsigned node = 0; node < NODES_MAX; node++) {
        if (!parse_list_has_number(online, node))
            continue;
        snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
        if (rootfs_read(env->root, path, list, sizeof(list)) > 0 &&
            parse_list_has_number(list, (unsigned)cpu))
            return (int)node;
    }
    return -1;
}

static int node_of_vcpu(const struct load_env *env, pid_t pid, const struct sample_vcpu *vcpu)
{
    char path[64], text[1024];
    struct proc_thread thread;

    if (vcpu->tid == 0)
        return -1;
    snprintf(path, sizeof(path), "proc/%d/task/%d/stat", (int)pid, (int)vcpu->tid);
    if (rootfs_read(env->root, path, text, sizeof(text)) <= 0 || !parse_proc_thread(text, &thread))
        return -1;
    return node_of_cpu(env, thread.cpu);
}

static void fill(struct reading *gauges, int from, int to, struct reading reading)
{
    for (int g = from; g <= to; g++)
        gauges[g] = reading;
}

void placement_count(const int *nodes, size_t pages, const int *vcpu_nodes, size_t vcpus,
                     struct reading gauges[VM_GAUGE_COUNT])
{
    unsigned on[NODES_MAX] = {0}, most = 0;
    uint64_t told = 0, pairs = 0, local = 0;

    for (size_t i = 0; i < pages; i++) {
        /* One that was given back meanwhile has none. */
        if (nodes[i] < 0 || nodes[i] >= NODES_MAX)
            continue;
        told++;
        on[nodes[i]]++;
        most = on[nodes[i]] > on[most] ? (unsigned)nodes[i] : most;
    }
    for (size_t k = 0; k < vcpus && told > 0; k++) {
        if (vcpu_nodes[k] < 0 || vcpu_nodes[k] >= NODES_MAX)
            continue;
        pairs += told;
        local += on[vcpu_nodes[k]];
    }
    if (told == 0) {
        fill(gauges, VM_NUMA_PAGES, VM_NUMA_NODE_PAGES, reading_of_cause(CAUSE_NO_RESIDENT_RAM));
        return;
    }
    gauges[VM_NUMA_PAGES] = reading_ok(told, SOURCE_PROC);
    gauges[VM_NUMA_NODE] = reading_ok(most, SOURCE_PROC);
    gauges[VM_NUMA_NODE_PAGES] = reading_ok(on[most], SOURCE_PROC);
    fill(gauges, VM_NUMA_PAIRS, VM_NUMA_LOCAL, reading_of_cause(CAUSE_NO_THREAD_ID));
    if (pairs == 0)
        return;
    gauges[VM_NUMA_PAIRS] = reading_ok(pairs, SOURCE_PROC);
    gauges[VM_NUMA_LOCAL] = reading_ok(local, SOURCE_PROC);
}

static void ask_nodes(const struct look *l, const struct sample_vm *sv, struct reading *gauges)
{
    int nodes[PLACEMENT_PAGES];
    int *vcpu_nodes = malloc((sv->vcpu_count + 1) * sizeof(*vcpu_nodes));
    int result = vcpu_nodes == NULL ? -ENOMEM
                                    : rootfs_page_nodes(l->env->root, sv->id.pid, l->chosen,
                                                        l->chosen_count, nodes);

    for (size_t k = 0; k < sv->vcpu_count && result == 0; k++)
        vcpu_nodes[k] = node_of_vcpu(l->env, sv->id.pid, &sv->vcpus[k]);
    if (result == 0)
        placement_count(nodes, l->chosen_count, vcpu_nodes, sv->vcpu_count, gauges);
    else
        fill(gauges, VM_NUMA_PAGES, VM_NUMA_NODE_PAGES,
             reading_of_cause(result == -ENOSYS ? CAUSE_NOT_IN_KERNEL
                                                : reading_cause_of_error(result, CAUSE_NO_PTRACE)));
    free(vcpu_nodes);
}

/* --- a look ----------------------------------------------------------------------------------- */

static void take(const struct look *l, const struct sample_vm *sv, struct reading *gauges)
{
    gauges[VM_LOOKED_PAGES] = reading_ok(l->pages, SOURCE_PROC);
    gauges[VM_LOOKED_HUGETLB_PAGES] = reading_ok(l->hugetlb_pages, SOURCE_PROC);
    gauges[VM_LOOKED_THP_PAGES] = l->hides_thp ? reading_of_cause(CAUSE_NOT_IN_KERNEL)
                                               : reading_ok(l->thp_pages, SOURCE_PROC);
    if (l->host->node_count == 1)
        fill(gauges, VM_NUMA_PAGES, VM_NUMA_NODE_PAGES, reading_of_cause(CAUSE_ONE_NODE));
    else if (l->host->node_count == 0)
        fill(gauges, VM_NUMA_PAGES, VM_NUMA_NODE_PAGES, reading_of_cause(CAUSE_NOT_IN_KERNEL));
    else
        ask_nodes(l, sv, gauges);
}

static bool has_hugetlb(const struct load_env *env, pid_t pid)
{
    char path[64], text[8192];
    uint64_t bytes = 0;

    snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
    if (rootfs_read(env->root, path, text, sizeof(text)) > 0)
        parse_proc_status_bytes(text, "HugetlbPages", &bytes);
    return bytes > 0;
}

/* Why there is nothing; CAUSE_NONE: @gauges has it. */
static enum reading_cause look(struct placement_host *host, const struct load_env *env,
                               const char *vmm, const struct sample_vm *sv, struct reading *gauges)
{
    struct look l = {.host = host, .env = env, .hides_thp = host->without_scan};
    struct ram_map map;
    char path[64];

    beacon_at(env->beacon, sv->id.pid, BEACON_READ_MAPS);
    snprintf(path, sizeof(path), "proc/%d/pagemap", (int)sv->id.pid);
    l.pagemap = rootfs_openat(env->root, path, 0);
    if (l.pagemap < 0) /* a process that has ended is noticed elsewhere */
        return l.pagemap == -ENOENT ? CAUSE_NOT_IN_KERNEL
                                    : reading_cause_of_error(l.pagemap, CAUSE_NO_PTRACE);
    int result = ram_quick_map(env->root, sv->id.pid, vmm, &map);
    if (result == 0) {
        l.is_hugetlb = has_hugetlb(env, sv->id.pid);
        result = look_at_map(&l, &map);
        ram_map_done(&map);
    }
    close(l.pagemap);
    if (result == -ENODATA)
        return CAUSE_NO_RESIDENT_RAM;
    if (result < 0)
        return reading_cause_of_error(result, CAUSE_NO_PTRACE);
    take(&l, sv, gauges);
    return CAUSE_NONE;
}

void placement_begin(struct placement_host *host, const struct load_env *env)
{
    host->spent_ns = 0;
    host->node_count = count_nodes(env);
}

void load_placement(struct placement_host *host, const struct load_env *env,
                    struct vm_placement *kept, const char *vmm, uint64_t (*now_ns)(void),
                    struct sample_vm *sv)
{
    const int first = VM_LOOKED_PAGES, last = VM_NUMA_NODE_PAGES;
    uint64_t now = now_ns();

    if (now >= kept->due_ns && host->spent_ns < PLACEMENT_TICK_NS) {
        struct reading gauges[VM_GAUGE_COUNT];
        enum reading_cause cause = look(host, env, vmm, sv, gauges);
        if (cause != CAUSE_NONE)
            fill(gauges, first, last, reading_of_cause(cause));
        memcpy(kept->gauges, &gauges[first], sizeof(kept->gauges));
        host->spent_ns += now_ns() - now;
        /* Later by a part that is the VM's own: not all of them in one tick. */
        kept->due_ns = now + PLACEMENT_EVERY_NS + vm_spread(&sv->id) % 8 * (PLACEMENT_EVERY_NS / 8);
    }
    if (kept->due_ns == 0)
        fill(sv->gauges, first, last, reading_missing(READING_WARMUP, CAUSE_NONE));
    else
        memcpy(&sv->gauges[first], kept->gauges, sizeof(kept->gauges));
}
