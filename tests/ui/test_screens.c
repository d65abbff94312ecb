// SPDX-License-Identifier: MIT
// Golden screens: characters and styles of every screen at three sizes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/exits_builder.h"
#include "tests/lib/golden.h"
#include "tests/lib/screen_dump.h"
#include "tests/lib/short_run.h"
#include "tests/lib/snapshot_builder.h"
#include "ui/screens/screens.h"
#include "ui/state/layout.h"
#include "ui/state/state.h"

/* What a case does to the host before it is drawn, and the keys pressed then. */
struct screen_case {
    const char *name;
    void (*build)(struct snapshot_builder *b);
    const uint32_t *keys; /* 0 ends */
    bool ascii;
    enum scan_state scan; /* of the VM "db-primary"; 0 with has_scan unset */
    bool has_scan;
    bool look;       /* the scan was a look: no more than an estimate */
    bool slots;      /* memslots are known */
    const struct looks_case *looks; /* at what that VM writes; NULL: there were none */
    size_t waiting;                 /* scans wait for it: of the other two VMs, and of others */
    bool base;       /* totals count from this very snapshot: all zero */
    uint64_t late_s; /* the next sample is late by this */
    struct sample_wait wait;
};

/* Looks that have ended 13 s ago, or are under way. What was seen and what is forecast is made up:
 * the screens are not to change when the model does. */
struct looks_case {
    enum scan_state state; /* of the newest; SCAN_RUNNING: of none */
    double again_s;        /* others are under way, and take so much longer; 0: none are */
    struct dirty_mix low, middle, high;
    double newly_touched_per_s;
    uint32_t voids; /* bit 1 << enum scan_void */
    struct forecast forecast;
    struct forecast_remedy remedy;
};

static void build_no_vm(struct snapshot_builder *b)
{
    snapshot_builder_fields_x86(b);
    snapshot_builder_snapshot(b)->host.kvm_module = false;
    snapshot_builder_snapshot(b)->host.debugfs_mounted = false;
    snapshot_builder_snapshot(b)->host.lockdown = LOCKDOWN_INTEGRITY;
}

static void build_hidden_vms(struct snapshot_builder *b)
{
    snapshot_builder_fields_x86(b);
    snapshot_builder_snapshot(b)->hidden_processes = 59;
    snapshot_builder_snapshot(b)->hidden_cause = CAUSE_NO_PERMISSION;
    snapshot_builder_snapshot(b)->hidden_vms = 2;
    snapshot_builder_snapshot(b)->proc_hides = true;
}

static void build_one_vm(struct snapshot_builder *b)
{
    snapshot_builder_many_vms(b, 1, 2);
}

static void build_many(struct snapshot_builder *b)
{
    snapshot_builder_many_vms(b, 1000, 4);
}

static void build_warmup(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    s->interval_s = 0;
    for (size_t i = 0; i < s->vm_count; i++) {
        struct snapshot_vm *vm = &s->vms[i];
        vm->cpu_ratio = vm->wait_ratio = (struct figure){.state = READING_WARMUP};
        for (int f = 0; f < 7; f++)
            if (vm->values[f].reading.state == READING_OK)
                snapshot_builder_warmup(b, i, -1, f, 1000);
    }
}

static void build_all_denied(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    s->host.lockdown = LOCKDOWN_INTEGRITY;
    for (size_t i = 0; i < s->vm_count; i++) {
        struct snapshot_vm *vm = &s->vms[i];
        const struct figure denied = {.state = READING_DENIED, .cause = CAUSE_NO_PERMISSION};
        const struct reading none = reading_missing(READING_DENIED, CAUSE_NO_PERMISSION);
        vm->cpu_ratio = vm->wait_ratio = denied;
        vm->ram_bytes = vm->mapped_bytes = vm->gauges[VM_RSS_BYTES] = none;
        vm->vm_source = vm->vcpu_source = SOURCE_NONE;
        vm->vm_cause = vm->vcpu_cause = CAUSE_NO_PERMISSION;
        for (int f = 0; f < (int)s->field_count; f++)
            snapshot_builder_missing(b, i, -1, f, READING_DENIED, CAUSE_NO_PERMISSION);
    }
}

/* Linux 4.4: totals only. */
static void build_totals(struct snapshot_builder *b)
{
    struct snapshot *s = snapshot_builder_snapshot(b);
    static const double rates[] = {45200, 1200, 40, 2900, 2100, 310};

    strcpy(s->host.kernel, "4.4.0-210-generic");
    snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "io_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "mmio_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "halt_exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "irq_injections", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    snapshot_builder_field(b, "pf_fixed", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);
    int fields = snapshot_builder_field(b, "largepages", FIELD_VM, FIELD_INSTANT, FIELD_NONE, 1);
    for (size_t i = 0; i < 2; i++) {
        snapshot_builder_vm(b, 500 + 100 * (int)i, 9, i ? "second" : "first", "qemu", 2);
        struct snapshot_vm *vm = snapshot_builder_get(b, i);
        vm->vm_cause = vm->vcpu_cause = CAUSE_HOST_TOTALS;
        vm->cpu_ratio = (struct figure){.value = 0.5, .state = READING_OK};
        for (int f = 0; f <= fields; f++)
            snapshot_builder_missing(b, i, -1, f, READING_ABSENT, CAUSE_HOST_TOTALS);
    }
    for (int f = 0; f < fields; f++)
        snapshot_builder_host(b, f, (uint64_t)(rates[f] * 3600), rates[f]);
    snapshot_builder_host(b, fields, 1234, 0);
}

/* A VM ended in the interval: what it had counted is missing from the totals now. */
static void build_totals_reset(struct snapshot_builder *b)
{
    build_totals(b);
    struct snapshot_value *host = snapshot_builder_snapshot(b)->host_values;
    for (int f = 0; f < 6; f++)
        host[f].rate = (struct figure){.state = READING_RESET};
}

/* Locked down, with what BPF says. */
static void build_bpf(struct snapshot_builder *b, enum bpf_state state, enum bpf_obstacle obstacle)
{
    struct snapshot *s = snapshot_builder_snapshot(b);

    snapshot_builder_three_vms(b);
    s->host.lockdown = LOCKDOWN_INTEGRITY;
    s->bpf = (struct bpf_status){.state = (uint8_t)state, .obstacle = (uint8_t)obstacle};
}

static void build_bpf_possible(struct snapshot_builder *b)
{
    build_bpf(b, BPF_UNASKED, BPF_POSSIBLE);
}

static void build_bpf_no_btf(struct snapshot_builder *b)
{
    build_bpf(b, BPF_UNASKED, BPF_NO_BTF);
}

static void build_bpf_loaded(struct snapshot_builder *b)
{
    build_bpf(b, BPF_LOADED, BPF_POSSIBLE);
}

static void build_bpf_failed(struct snapshot_builder *b)
{
    build_bpf(b, BPF_FAILED, BPF_POSSIBLE);
    strcpy(snapshot_builder_snapshot(b)->bpf.why,
           "the verifier refused it; its log is in /tmp/kvmlens-verifier.log");
}

static void build_tsc_differs(struct snapshot_builder *b)
{
    snapshot_builder_three_vms(b);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    vm->vcpus[2].gauges[VCPU_TSC_OFFSET] = reading_ok((uint64_t)-9553258951, SOURCE_DEBUGFS);
    vm->vcpus[3].gauges[VCPU_GUEST_MODE] = reading_ok(1, SOURCE_DEBUGFS);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        vm->vcpus[i].gauges[VCPU_TSC_SCALING_RATIO] = reading_ok(3ull << 47, SOURCE_DEBUGFS);
        vm->vcpus[i].gauges[VCPU_TSC_SCALING_FRAC_BITS] = reading_ok(48, SOURCE_DEBUGFS);
        vm->vcpus[i].gauges[VCPU_LAPIC_TIMER_ADVANCE_NS] = reading_ok(1000, SOURCE_DEBUGFS);
    }
}

static void build_vcpus_through_bpf(struct snapshot_builder *b)
{
    build_bpf_loaded(b);
    struct snapshot_vm *vm = snapshot_builder_get(b, 1);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        struct reading *g = vm->vcpus[i].gauges;
        g[VCPU_HOST_CPU] = reading_ok(i * 17, SOURCE_BPF);
        g[VCPU_PREEMPTED] = reading_ok(i == 1, SOURCE_BPF);
        g[VCPU_HALT_POLL_WINDOW_NS] = reading_ok(i * 50000, SOURCE_BPF);
        vm->vcpus[i].load.host_cpu = g[VCPU_HOST_CPU];
        vm->vcpus[i].load.cpu_count = reading_missing(READING_ABSENT, CAUSE_NOT_ASKED_FOR);
    }
    vm->vcpus[3].gauges[VCPU_HOST_CPU] = reading_missing(READING_ABSENT, CAUSE_NONE);
}

/* One leaves the host, of one it is only known that its memory is logged. */
static void build_migrating(struct snapshot_builder *b)
{
    snapshot_builder_three_vms(b);
    snapshot_builder_get(b, 0)->migration = VM_DIRTY_LOGGED;
    snapshot_builder_get(b, 1)->migration = VM_MIGRATING;
    snapshot_builder_get(b, 2)->migration = VM_NOT_LOGGED;
}

/* Names as core hands them on: cleaned, but wide, long, combined or odd. */
static void build_hostile(struct snapshot_builder *b)
{
    static const char *const names[] = {
        "数据库主节点-上海-零一",
        "e\xcc\x81toile-filante-du-nord-tre\xcc\x80s-loin",
        "?[31mred?[0m",
        "-rf / ; $(reboot)",
        "",
        "ｆｕｌｌｗｉｄｔｈ",
    };

    snapshot_builder_fields_x86(b);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        snapshot_builder_vm(b, 4194304 - 10 + (int)i, 1023, names[i], "cloud-hypervisor", 1);
}

/* Asked for, and not there yet. */
static void build_exits_failed(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    *exits_builder_facts(e) = (struct exits_facts){
        .state = EXITS_FAILED,
        .why =
            "tracefs is not mounted, which the events of KVM are read from: mount -t tracefs none "
            "/sys/kernel/tracing"};
    exits_builder_put(e, b);
    exits_builder_free(e);
}

/* The others of 64 vCPUs halted before anybody looked. */
static void build_exits_few(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_fields_x86(b);
    snapshot_builder_vm(b, 5201, 7, "db-primary", "qemu", 64);
    for (int tid = 5202; tid < 5202 + 12; tid++) {
        exits_builder_thread(e, 5201, tid, 400000000);
        exits_builder_reason(e, tid, EXIT_ISA_SVM, 0x7b, "io", 1900, 1500);
        exits_builder_reason(e, tid, EXIT_ISA_SVM, 0x78, "hlt", 50, 9000000);
    }
    exits_builder_put(e, b);
    exits_builder_free(e);
}

/* One count, and nothing to compare it with. */
static void build_exits_one_look(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();

    snapshot_builder_three_vms(b);
    exits_builder_thread(e, 5201, 5202, 0);
    exits_builder_no_first(e);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

/* Counted so well that it costs the guest, with tables that are full, and a thread nobody knows. */
static void build_exits_dear(struct snapshot_builder *b)
{
    struct exits_builder *e = exits_builder_new();
    struct exits_facts *facts = exits_builder_facts(e);

    snapshot_builder_three_vms(b);
    facts->lost[EXIT_LOST_KEYS] = 12345;
    facts->missed = 7;
    for (int tid = 5202; tid < 5204; tid++) {
        exits_builder_thread(e, 5201, tid, 500000000);
        exits_builder_reason(e, tid, EXIT_ISA_SVM, 0x7b, "io", 200000, 1500);
        exits_builder_reason(e, tid, EXIT_ISA_SVM, 0x400, "npf", 100, 9000);
        exits_builder_reason(e, tid, EXIT_ISA_SVM, 0x78, "hlt", 0, 0);
        for (uint64_t port = 0; port < 40; port++)
            exits_builder_key(e, tid, EXIT_KEY_PORT_WRITE, 0x60 + port, NULL, 5000);
    }
    exits_builder_thread(e, 5201, 5299, 0);
    exits_builder_reason(e, 5299, EXIT_ISA_SVM, 0x7b, "io", 300, 1500);
    exits_builder_put(e, b);
    exits_builder_free(e);
}

#define MIX(pages, per_s)                                                                          \
    {                                                                                              \
        .terms = {{DIRTY_TERM_DECAY, (pages), (per_s)}}, .term_count = 1                           \
    }
#define BUSY .low = MIX(27000, 0.55), .middle = MIX(30000, 0.6), .high = MIX(36000, 0.65)
#define ENDS                                                                                       \
    .forecast = {.total_s = {3.6, 3.3, 3.7},                                                       \
                 .bytes = {440e6, 401e6, 446e6},                                                   \
                 .downtime_ms = {211, 211, 288},                                                   \
                 .converges = FORECAST_DOES,                                                       \
                 .reasons = FORECAST_MOSTLY_ZERO | FORECAST_EXTRAPOLATED}

static const struct looks_case looks_busy = {
    .state = SCAN_DONE, BUSY, .voids = 1u << SCAN_VOID_HUGE_PAGES, ENDS};
static const struct looks_case looks_again = {
    .state = SCAN_DONE, .again_s = 1.4, BUSY, .newly_touched_per_s = 300, ENDS};
static const struct looks_case looks_first = {.state = SCAN_RUNNING, .again_s = 2.9};
static const struct looks_case looks_refused = {.state = SCAN_REFUSED};
static const struct looks_case looks_void = {
    .state = SCAN_DONE, BUSY, .voids = 1u << SCAN_VOID_VFIO | 1u << SCAN_VOID_STOPPED, ENDS};
static const struct looks_case looks_idle = {
    .state = SCAN_DONE,
    .voids = 1u << SCAN_VOID_STOPPED,
    .forecast = {.total_s = {0.3, 0.3, 0.3},
                 .bytes = {24e6, 24e6, 24e6},
                 .downtime_ms = {3.3, 3.3, 3.3},
                 .converges = FORECAST_DOES,
                 .reasons = FORECAST_QUIET | FORECAST_STOPPED}};
static const struct looks_case looks_endless = {
    .state = SCAN_DONE,
    BUSY,
    .forecast = {.converges = FORECAST_DOES_NOT,
                 .margin = {0.2, 0.1, 0.3},
                 .reasons = FORECAST_TOO_FAST | FORECAST_EXTRAPOLATED},
    .remedy = {.bandwidth = 711.9 * 125e3,
               .downtime_limit_s = 2.3,
               .auto_converge = true,
               .with_auto_converge = {.throttle = 0.9, .total_s = {86, 80, 95}}}};
static const struct looks_case looks_unsure = {
    .state = SCAN_DONE,
    BUSY,
    .forecast = {.total_s = {12, 9, INFINITY},
                 .bytes = {1.4e9, 1.1e9, INFINITY},
                 .downtime_ms = {290, 280, INFINITY},
                 .converges = FORECAST_UNSURE,
                 .reasons = FORECAST_NEAR_LIMIT | FORECAST_BURSTS}};

#define KEYS(...) ((const uint32_t[]){__VA_ARGS__, 0})

/* 1 GiB: 600 MiB untouched in the middle, zeros around it, data at both ends; a second region is
 * not read. */
static struct scan_report *make_report(const struct vm_id *vm, enum scan_state state, bool look)
{
    const uint64_t total = 262144;
    struct scan_report *r = calloc(1, sizeof(*r));

    r->state = state;
    r->phase = SCAN_PHASE_READ;
    r->vm = *vm;
    r->slices = calloc(SCAN_SLICES, sizeof(*r->slices));
    r->slice_count = SCAN_SLICES;
    r->warnings = calloc(SCAN_WARNINGS_MAX, sizeof(*r->warnings));
    if (state == SCAN_REFUSED) {
        r->error.code = -EPERM;
        strcpy(r->error.msg,
               "the memory of process 5201 may not be read (no permission); run as root or with "
               "CAP_SYS_PTRACE");
        return r;
    }
    r->regions = calloc(2, sizeof(*r->regions));
    r->region_count = 2;
    r->regions[0].ram = (struct ram_region){
        .start = 0x7f7d37e00000, .bytes = 1020u << 20, .rule = "QEMU RAM block (dc)"};
    r->regions[1].ram = (struct ram_region){.start = 0x7f7d36c00000,
                                            .bytes = 4u << 20,
                                            .backing = RAM_SHMEM,
                                            .shared = true,
                                            .rule = "named",
                                            .skip = RAM_SKIP_UFFD,
                                            .name = "/memfd:ram"};
    r->pages_total = total;
    r->residency_done = true;
    for (size_t i = 0; i < SCAN_SLICES; i++) {
        uint32_t *pages = r->slices[i].pages;
        bool unread = look || (state != SCAN_DONE && i > SCAN_SLICES / 2);
        enum page_class c = i < 64 || i > 4000     ? PAGE_NONZERO
                            : i > 1000 && i < 3400 ? PAGE_UNTOUCHED
                            : i % 37 == 0          ? PAGE_NONZERO
                                                   : PAGE_ZERO_CONTENT;
        if (unread && c != PAGE_UNTOUCHED)
            c = PAGE_UNREAD;
        if (i >= 4080)
            c = PAGE_UNREADABLE;
        pages[c] = 60;
        pages[i % 50 == 0 ? PAGE_SWAPPED : c] += 4;
        for (int k = 0; k < PAGE_CLASS_COUNT; k++)
            r->counts.pages[k] += pages[k];
    }
    r->estimate = (struct scan_estimate){.valid = true,
                                         .sampled = 16384,
                                         .sampled_zero = 12000,
                                         .population = 108544,
                                         .zero_ratio = 0.8889,
                                         .ci95_low = 0.8862,
                                         .ci95_high = 0.8915};
    r->cost = (struct scan_cost){.elapsed_s = 0.0673,
                                 .cpu_s = 0.06,
                                 .residency_s = 0.0006,
                                 .bytes_read = 423u << 20,
                                 .accel = "avx2",
                                 .threads = 1};
    r->partial = state != SCAN_DONE;
    r->zero_low = 0.61;
    r->zero_high = 0.93;
    if (look) {
        r->mode = SCAN_ESTIMATE;
        r->estimate.bytes_per_s = 1.9e9;
        r->wire = (struct scan_wire){.valid = true,
                                     .zero_pages = 233000,
                                     .normal_pages = 29144,
                                     .bytes = 233000 * 9 + 29144 * 4104ull};
    } else if (state == SCAN_DONE) {
        r->zero_known = true;
        r->zero_ratio = 0.99994;
        r->wire = (struct scan_wire){.valid = true,
                                     .zero_pages = 262128,
                                     .normal_pages = 16,
                                     .bytes = 262128 * 9 + 16 * 4104};
    }
    strcpy(r->warnings[0],
           "4.0M are registered with userfaultfd and were not read; --force reads them");
    r->warning_count = 1;
    return r;
}

/* The same memory as KVM's slots show it: below and above the hole for devices, with video memory
 * in the hole, a ROM, and the VGA window, which no slot has. */
static void tell_slots(struct scan_report *r)
{
    static const struct ram_region regions[] = {
        {.gfn = 0, .bytes = 160u << 12, .has_gfn = true},
        {.gfn = 0xc0, .bytes = 64u << 12, .has_gfn = true, .is_rom = true},
        {.gfn = 0x100, .bytes = 767u << 20, .has_gfn = true},
        {.gfn = 0xfd000, .bytes = 16u << 20, .has_gfn = true},
        {.gfn = 0x100000, .bytes = 240u << 20, .has_gfn = true},
        {.bytes = 32u << 12},
    };
    const size_t count = sizeof(regions) / sizeof(regions[0]);
    uint64_t start = 0x7f7d37e00000;

    free(r->regions);
    r->regions = calloc(count, sizeof(*r->regions));
    r->region_count = count;
    r->has_slots = true;
    for (size_t i = 0; i < count; i++) {
        struct ram_region *ram = &r->regions[i].ram;
        *ram = regions[i];
        ram->start = start;
        ram->rule = ram->has_gfn ? "memslot" : "QEMU RAM block (dontfork)";
        start += ram->bytes;
    }
    r->warning_count = 0;
}

static const struct screen_case cases[] = {
    {.name = "no-vm", .build = build_no_vm, .keys = NULL},
    {.name = "hidden-vms", .build = build_hidden_vms, .keys = NULL},
    {.name = "one-vm", .build = build_one_vm, .keys = NULL},
    {.name = "three-vms", .build = snapshot_builder_three_vms, .keys = KEYS('N')},
    {.name = "three-vms-tree", .build = snapshot_builder_three_vms, .keys = KEYS('N', 't', 'j')},
    {.name = "three-vms-expanded",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', '+', 'j')},
    {.name = "three-vms-scrolled",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('M', KEYCODE_RIGHT, KEYCODE_RIGHT, KEYCODE_RIGHT)},
    {.name = "migrating", .build = build_migrating, .keys = KEYS('N')},
    {.name = "migrating-ascii", .build = build_migrating, .keys = KEYS('N', 't'), .ascii = true},
    {.name = "migrating-detail", .build = build_migrating, .keys = KEYS(KEYCODE_ENTER)},
    {.name = "three-vms-ascii",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', 't', 'j'),
     .ascii = true},
    {.name = "many-end", .build = build_many, .keys = KEYS('E', KEYCODE_END)},
    {.name = "warmup", .build = build_warmup, .keys = NULL},
    {.name = "all-denied", .build = build_all_denied, .keys = NULL},
    {.name = "hostile-names", .build = build_hostile, .keys = NULL},
    {.name = "hostile-names-ascii",
     .build = build_hostile,
     .keys = KEYS('/', 0x6570),
     .ascii = true},
    {.name = "help", .build = build_one_vm, .keys = KEYS('h')},
    {.name = "help-denied", .build = build_all_denied, .keys = KEYS('?')},
    {.name = "help-vcpus", .build = build_one_vm, .keys = KEYS(KEYCODE_ENTER, '2', '?')},
    {.name = "help-end", .build = build_one_vm, .keys = KEYS('?', 'G')},
    {.name = "delay-prompt", .build = build_one_vm, .keys = KEYS('d', '2', '.', '5')},
    {.name = "delay-refused", .build = build_one_vm, .keys = KEYS('s', 'x', KEYCODE_ENTER)},
    {.name = "counters", .build = snapshot_builder_three_vms, .keys = KEYS(KEYCODE_ENTER)},
    {.name = "counters-all",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'z', 'j', 'j')},
    {.name = "counters-by-name",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'o', 'o', 'G')},
    {.name = "counters-filter",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'f', 'e', 'x', 'i', 't', 's', KEYCODE_ENTER)},
    {.name = "counters-filter-typing",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'f', '(', 'x')},
    {.name = "counters-bad-filter",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'f', '(', KEYCODE_ENTER)},
    {.name = "filter-again",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('f', 'v', 'm', '1', '6', KEYCODE_ENTER, 'f')},
    {.name = "filter-edited",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('f', 'v', 'm', '1', '6', KEYCODE_ENTER, 'f', KEYCODE_LEFT, KEYCODE_LEFT)},
    {.name = "counters-reset",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER),
     .base = true},
    {.name = "counters-denied",
     .build = build_all_denied,
     .keys = KEYS('N', KEYCODE_ENTER, 'z', 'o', 'o')},
    {.name = "counters-warmup", .build = build_warmup, .keys = KEYS('N', KEYCODE_ENTER)},
    {.name = "vcpus", .build = snapshot_builder_three_vms, .keys = KEYS(KEYCODE_ENTER, '2', 'j')},
    {.name = "counters-vcpu",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, '2', 'j', KEYCODE_ENTER)},
    {.name = "vcpus-differ", .build = build_tsc_differs, .keys = KEYS(KEYCODE_ENTER, '2')},
    {.name = "vcpus-denied",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, '2')},
    {.name = "memory-not-scanned",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, '3')},
    {.name = "memory-running",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_RUNNING,
     .has_scan = true},
    {.name = "memory-done",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true},
    {.name = "memory-done-ascii",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .ascii = true,
     .scan = SCAN_DONE,
     .has_scan = true},
    {.name = "memory-look",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .look = true},
    {.name = "memory-slots",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .slots = true},
    {.name = "memory-slots-ascii",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .ascii = true,
     .scan = SCAN_DONE,
     .has_scan = true,
     .slots = true},
    {.name = "memory-cancelled",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m', 'j'),
     .scan = SCAN_CANCELLED,
     .has_scan = true},
    {.name = "memory-refused",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_REFUSED,
     .has_scan = true},
    {.name = "forecast",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_busy},
    {.name = "forecast-ascii",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .ascii = true,
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_busy},
    {.name = "forecast-slow-line",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m', '-', '-', '-', '-'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_endless},
    {.name = "forecast-settings",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m', '+', '<', 'M', 'a'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_busy},
    {.name = "forecast-again",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_again},
    {.name = "forecast-first",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_first},
    {.name = "forecast-void",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_void},
    {.name = "forecast-refused",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_refused},
    {.name = "forecast-unsure",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_unsure},
    {.name = "forecast-idle",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('m'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_idle},
    {.name = "forecasts",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('>'),
     .scan = SCAN_DONE,
     .has_scan = true,
     .looks = &looks_busy},
    {.name = "scanned",
     .build = snapshot_builder_three_vms,
     .keys = NULL,
     .scan = SCAN_DONE,
     .has_scan = true},
    {.name = "scanning",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N'),
     .scan = SCAN_RUNNING,
     .has_scan = true},
    {.name = "scans-ask", .build = snapshot_builder_three_vms, .keys = KEYS('R')},
    {.name = "scans-ask-tagged", .build = snapshot_builder_three_vms, .keys = KEYS('N', ' ', 'R')},
    {.name = "scans-waiting",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N'),
     .scan = SCAN_RUNNING,
     .has_scan = true,
     .waiting = 2},
    {.name = "scans-waiting-tagged",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', ' '),
     .scan = SCAN_RUNNING,
     .has_scan = true,
     .waiting = 12},
    {.name = "scans-end",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', 'x'),
     .scan = SCAN_RUNNING,
     .has_scan = true,
     .waiting = 2},
    {.name = "scans-end-others",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', 'G', 'x'),
     .scan = SCAN_RUNNING,
     .has_scan = true},
    {.name = "histograms", .build = snapshot_builder_three_vms, .keys = KEYS(KEYCODE_ENTER, '4')},
    {.name = "histograms-vcpu",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, '4', KEYCODE_RIGHT, KEYCODE_RIGHT)},
    {.name = "histograms-missing",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, '4')},
    {.name = "exits", .build = exits_builder_busy, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-ascii",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5'),
     .ascii = true},
    {.name = "exits-vcpu",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', KEYCODE_RIGHT, KEYCODE_RIGHT, 'o', 'j')},
    {.name = "exits-end", .build = exits_builder_busy, .keys = KEYS(KEYCODE_ENTER, 'e', 'G')},
    {.name = "exits-filter",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', 'f', 'i', 'o', '|', 'h', 'l', 't', KEYCODE_ENTER)},
    {.name = "exits-reason",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', '/', 'm', 's', 'r', KEYCODE_ENTER, KEYCODE_ENTER)},
    {.name = "exits-reason-end",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', '/', 'c', 'p', 'u', KEYCODE_ENTER, KEYCODE_ENTER, 'G')},
    {.name = "exits-reason-ascii",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', KEYCODE_ENTER),
     .ascii = true},
    {.name = "exits-reason-user",
     .build = exits_builder_busy,
     .keys = KEYS(KEYCODE_ENTER, '5', '/', '_', 'i', 'o', KEYCODE_ENTER, KEYCODE_ENTER)},
    {.name = "exits-dear", .build = build_exits_dear, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-few", .build = build_exits_few, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-unseen", .build = exits_builder_unseen, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-unseen-ports",
     .build = exits_builder_unseen,
     .keys = KEYS(KEYCODE_ENTER, '5', KEYCODE_ENTER)},
    {.name = "exits-starting",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-frozen",
     .build = snapshot_builder_three_vms,
     .keys = KEYS(KEYCODE_ENTER, 'Z', '5')},
    {.name = "exits-failed", .build = build_exits_failed, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-one-look", .build = build_exits_one_look, .keys = KEYS(KEYCODE_ENTER, '5')},
    {.name = "exits-no-thread",
     .build = exits_builder_busy,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, '5')},
    {.name = "host-exits", .build = exits_builder_busy, .keys = KEYS('b', 'e')},
    {.name = "host-exits-reason",
     .build = exits_builder_busy,
     .keys = KEYS('b', 'e', 'j', KEYCODE_ENTER, 'G')},
    {.name = "host-exits-starting",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('b', KEYCODE_TAB)},
    {.name = "ended", .build = snapshot_builder_three_vms, .keys = KEYS(KEYCODE_ENTER)},
    {.name = "host", .build = snapshot_builder_three_vms, .keys = KEYS('b')},
    {.name = "host-many", .build = build_many, .keys = KEYS('b', 'j')},
    {.name = "host-by-guest", .build = build_many, .keys = KEYS('b', 'b')},
    {.name = "host-guests-of-counter",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('b', KEYCODE_ENTER)},
    {.name = "host-one-guest",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('b', 'p', 'v', 'm', '1', '6', KEYCODE_ENTER)},
    {.name = "host-totals", .build = build_totals, .keys = KEYS('b', 'G')},
    {.name = "host-totals-reset", .build = build_totals_reset, .keys = KEYS('b')},
    {.name = "host-totals-guests", .build = build_totals, .keys = KEYS('b', KEYCODE_ENTER)},
    {.name = "host-totals-by-guest", .build = build_totals, .keys = KEYS('b', 'b')},
    {.name = "host-totals-one-guest",
     .build = build_totals,
     .keys = KEYS('b', 'p', 'f', 'i', 'r', 's', 't', KEYCODE_ENTER)},
    {.name = "host-totals-vm", .build = build_totals, .keys = KEYS('N', KEYCODE_ENTER, 'z')},
    {.name = "host-no-vm", .build = build_no_vm, .keys = KEYS('b')},
    {.name = "columns", .build = build_one_vm, .keys = KEYS('S', 'j', ' ', KEYCODE_F(8), '+', '+')},
    {.name = "sort-menu", .build = build_one_vm, .keys = KEYS('.', 'j')},
    {.name = "columns-applied",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('S', ' ', 'j', '+', '+', '+', KEYCODE_F(7), KEYCODE_ESCAPE)},
    {.name = "search", .build = build_many, .keys = KEYS('/', '0', '9', '9')},
    {.name = "search-failed", .build = build_many, .keys = KEYS('/', 'x', 'y', KEYCODE_ENTER)},
    {.name = "filter",
     .build = build_many,
     .keys = KEYS('E', '\\', '0', '.', '7', '$', KEYCODE_ENTER)},
    {.name = "filter-nothing", .build = build_many, .keys = KEYS('f', 'z', KEYCODE_ENTER)},
    {.name = "tagged", .build = snapshot_builder_three_vms, .keys = KEYS('N', ' ', ' ')},
    {.name = "tagged-denied",
     .build = snapshot_builder_three_vms,
     .keys = KEYS('N', ' ', ' ', ' ')},
    {.name = "only-tagged", .build = snapshot_builder_three_vms, .keys = KEYS('N', ' ', ' ', 'T')},
    {.name = "export-prompt", .build = build_one_vm, .keys = KEYS('W')},
    {.name = "frozen", .build = build_one_vm, .keys = KEYS('Z')},
    {.name = "bpf-offer", .build = build_bpf_possible, .keys = KEYS('N', 'G')},
    {.name = "bpf-offer-one", .build = build_bpf_possible, .keys = KEYS('N')},
    {.name = "bpf-offer-counter",
     .build = build_bpf_possible,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, 'z')},
    {.name = "bpf-vcpus", .build = build_vcpus_through_bpf, .keys = KEYS(KEYCODE_ENTER, '2')},
    {.name = "bpf-asks", .build = build_bpf_possible, .keys = KEYS('A')},
    {.name = "bpf-left", .build = build_bpf_possible, .keys = KEYS('A', 'n')},
    {.name = "bpf-no-btf", .build = build_bpf_no_btf, .keys = KEYS('N', 'G')},
    {.name = "bpf-no-btf-asked", .build = build_bpf_no_btf, .keys = KEYS('A')},
    {.name = "bpf-no-btf-counter",
     .build = build_bpf_no_btf,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, 'z')},
    {.name = "bpf-loaded", .build = build_bpf_loaded, .keys = KEYS('N')},
    {.name = "bpf-failed-counter",
     .build = build_bpf_failed,
     .keys = KEYS('N', 'G', KEYCODE_ENTER, 'z')},
    {.name = "late",
     .build = build_one_vm,
     .late_s = 3,
     .wait = {.asked = true, .still_ns = 2400000000, .pid = 5134, .step = "reading a descriptor"}},
    {.name = "stuck",
     .build = build_one_vm,
     .wait = {.stuck = 1, .stuck_pid = 5134, .stuck_step = "closing the copy of a descriptor"}},
    {.name = "stuck-two",
     .build = build_one_vm,
     .wait = {.stuck = 2, .stuck_pid = 5134, .stuck_step = "closing the copy of a descriptor"}},
};

static const struct {
    int rows, cols;
} sizes[] = {{24, 80}, {15, 60}, {50, 200}, {35, 120}};

/* A case after its keys, ready to be drawn at any size. */
struct stage {
    struct snapshot_builder *b, *later;
    struct trends trends;
    struct scan_reports scans;
    struct ui_rows rows;
    struct ui_model model;
    struct ui_state state;
    struct screen screen;
};

static struct forecast_seen *make_seen(const struct looks_case *c)
{
    struct forecast_seen *seen = calloc(1, sizeof(*seen));

    seen->pages = (struct forecast_pages){.untouched = 153348, .resident = 108796};
    seen->curve = (struct dirty_curve){.low = c->low,
                                       .middle = c->middle,
                                       .high = c->high,
                                       .population = 108544,
                                       .shortest_s = 0.1,
                                       .longest_s = 3.2,
                                       .newly_touched_per_s = c->newly_touched_per_s};
    seen->voids = c->voids;
    seen->is_spoilt = (c->voids & 1u << SCAN_VOID_VFIO) != 0;
    seen->duration_s = 3.2;
    return seen;
}

static void put_looks(struct stage *st, const struct looks_case *c, const struct snapshot *s)
{
    const struct vm_id *vm = &s->vms[1].id;

    scan_reports_looks_begin(&st->scans, vm, true);
    for (size_t i = 0; i < st->scans.count; i++) {
        struct scan_reports_entry *e = &st->scans.list[i];
        if (c->state == SCAN_DONE)
            e->seen = make_seen(c);
        else if (c->state == SCAN_REFUSED)
            error_set(&e->looks_error, -EPERM, "the memory may not be read");
        e->seen_ns = s->mono_ns - 13000000000;
    }
    st->model.scan_looks = c->again_s > 0;
    if (c->again_s > 0)
        st->model.scan = (struct scan_worker_progress){
            .busy = true, .phase = SCAN_PHASE_LOOKS, .eta_s = c->again_s, .vm = *vm};
}

/* In the place of what was made of it. */
static void put_forecast(struct stage *st, const struct looks_case *c)
{
    for (size_t i = 0; i < st->rows.forecasts.count; i++) {
        struct forecasts_entry *e = &st->rows.forecasts.list[i];
        e->forecast = c->forecast;
        e->remedy = c->remedy;
        e->has_remedy = c->forecast.converges == FORECAST_DOES_NOT;
    }
}

static struct stage *stage_new(const struct screen_case *c, int rows, int cols)
{
    struct stage *st = calloc(1, sizeof(*st));

    st->b = snapshot_builder_new();
    c->build(st->b);
    const struct snapshot *s = snapshot_builder_finish(st->b);
    assert_int_equal(trends_init(&st->trends), 0);
    if (s->vm_count > 0)
        trends_open(&st->trends, &s->vms[s->vm_count > 1].id);
    for (int i = 0; i < 6; i++)
        trends_update(&st->trends, s);
    st->model = (struct ui_model){.scans = &st->scans,
                                  .now = s,
                                  .base = c->base ? s : NULL,
                                  .detail = s,
                                  .trends = &st->trends,
                                  .rows = &st->rows,
                                  .wait = c->wait};
    if (c->late_s > 0) {
        st->model.wait.since_ns = s->mono_ns + 1000000000u;
        st->model.mono_ns = st->model.wait.since_ns + c->late_s * 1000000000u;
    }
    if (c->has_scan) {
        struct scan_report *report = make_report(&s->vms[1].id, c->scan, c->look);
        if (c->slots)
            tell_slots(report);
        scan_reports_put(&st->scans, report, s->mono_ns - 9000000000);
        st->model.scan = (struct scan_worker_progress){.busy = c->scan == SCAN_RUNNING,
                                                       .phase = SCAN_PHASE_READ,
                                                       .done_bytes = 211u << 20,
                                                       .total_bytes = 423u << 20,
                                                       .bytes_per_s = 6.3e9,
                                                       .eta_s = 0.034,
                                                       .vm = s->vms[1].id};
    }
    if (st->model.scan.busy)
        st->model.scan_list.count = 1 + c->waiting;
    if (c->waiting > 0)
        st->model.scan_list = (struct ui_scans){.count = 1 + c->waiting,
                                                .waiting = c->waiting,
                                                .of_selected = 1,
                                                .next = {s->vms[0].id, s->vms[2].id}};
    if (c->looks != NULL)
        put_looks(st, c->looks, s);
    ui_state_init(&st->state, rows, cols, 1.0);
    st->state.since_creation = !c->base;
    assert_int_equal(ui_follow(&st->state, &st->model), 0);
    for (const uint32_t *k = c->keys; k && *k; k++)
        ui_update(&st->state, &st->model, (struct ui_key){.code = *k});
    st->later = snapshot_builder_new();
    if (strcmp(c->name, "ended") == 0) { /* the VM goes while its drill-down is open */
        st->model.now = snapshot_builder_finish(st->later);
        assert_int_equal(ui_follow(&st->state, &st->model), 0);
    }
    if (c->looks != NULL)
        put_forecast(st, c->looks);
    assert_int_equal(screen_init(&st->screen, rows, cols, !c->ascii), 0);
    ui_draw(&st->model, &st->state, &st->screen);
    return st;
}

static void stage_resize(struct stage *st, int rows, int cols)
{
    assert_int_equal(screen_resize(&st->screen, rows, cols), 0);
    ui_resize(&st->state, rows, cols);
    assert_int_equal(ui_follow(&st->state, &st->model), 0);
    ui_draw(&st->model, &st->state, &st->screen);
}

static void stage_free(struct stage *st)
{
    screen_done(&st->screen);
    ui_state_done(&st->state);
    ui_rows_done(&st->rows);
    trends_done(&st->trends);
    scan_reports_done(&st->scans);
    snapshot_builder_free(st->later);
    snapshot_builder_free(st->b);
    free(st);
}

static void every_screen_looks_as_recorded(void **unused)
{
    int failed = 0;

    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct stage *st = stage_new(&cases[c], sizes[i].rows, sizes[i].cols);
            char *dump = screen_dump(&st->screen);
            char name[128];

            snprintf(name, sizeof(name), "%s-%dx%d.screen", cases[c].name, sizes[i].cols,
                     sizes[i].rows);
            failed += !golden_check(name, dump);
            free(dump);
            stage_free(st);
        }
    assert_int_equal(failed, 0);
}

static bool is_bar(const struct screen *s, int y, int x)
{
    const uint8_t style = screen_cell(s, y, x)->style;

    return style == STYLE_TITLE || style == STYLE_SORTED || style == STYLE_SELECTED;
}

/* A bar that ends before the last column looks as if something were cut off there. */
static void bars_reach_from_edge_to_edge(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct stage *st = stage_new(&cases[c], sizes[i].rows, sizes[i].cols);
            for (int y = 0; y < sizes[i].rows; y++)
                if (is_bar(&st->screen, y, 0) && !is_bar(&st->screen, y, sizes[i].cols - 1))
                    fail_msg("%s at %d columns: row %d", cases[c].name, sizes[i].cols, y);
            stage_free(st);
        }
}

/* "1 Counters [2 vCPUs] 3 Memory": what is not open does not look so, and nothing touches. */
static void tabs_stand_apart_and_the_open_one_stands_out(void **unused)
{
    const struct screen_case c = {
        .name = "tabs", .build = build_one_vm, .keys = KEYS(KEYCODE_ENTER, '2')};

    (void)unused;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct stage *st = stage_new(&c, sizes[i].rows, sizes[i].cols);
        struct tab_item tabs[TABS_COUNT];
        const int y = layout_make(sizes[i].rows, sizes[i].cols).titles.y;
        layout_tabs(SCREEN_VCPUS, sizes[i].cols, tabs);
        for (int t = 0; t < TABS_COUNT; t++) {
            const bool open = tabs[t].screen == SCREEN_VCPUS;
            const int last = tabs[t].x + tabs[t].width - 1;
            assert_int_equal(screen_cell(&st->screen, y, tabs[t].x)->style,
                             open ? STYLE_TAB : STYLE_KEY);
            assert_int_equal(screen_cell(&st->screen, y, last)->style, open ? STYLE_TAB
                                                                       : last == tabs[t].x
                                                                           ? STYLE_KEY
                                                                           : STYLE_DIM);
            assert_int_equal(screen_cell(&st->screen, y, tabs[t].x - 1 - open)->code, ' ');
            if (t == TABS_COUNT - 1)
                assert_int_equal(last, sizes[i].cols - 1);
        }
        stage_free(st);
    }
}

static void without_unicode_nothing_but_ascii_is_drawn(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct screen_case ascii = cases[c];
        ascii.ascii = true;
        struct stage *st = stage_new(&ascii, 30, 140);
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 140; x++) {
                const struct cell *cell = screen_cell(&st->screen, y, x);
                if (cell->code < ' ' || cell->code > '~' || cell->width != 1 || cell->combining[0])
                    fail_msg("%s: U+%04X at %d, %d", cases[c].name, (unsigned)cell->code, y, x);
            }
        stage_free(st);
    }
}

static void build_many_vcpus(struct snapshot_builder *b)
{
    snapshot_builder_many_vms(b, 1, 70);
}

/* Whatever the size, wherever the cursor is: it is one row, and the row of its vCPU. */
static void the_cursor_of_the_vcpus_can_be_seen(void **unused)
{
    static const uint32_t moves[] = {KEYCODE_DOWN, KEYCODE_PAGE_DOWN,       KEYCODE_END,
                                     KEYCODE_UP,   KEYCODE_PAGE_UP,         KEYCODE_HOME,
                                     'j',          KEYCODE_MOUSE_WHEEL_DOWN};
    const struct screen_case c = {
        .name = "many-vcpus", .build = build_many_vcpus, .keys = KEYS(KEYCODE_ENTER, '2')};
    struct stage *st = stage_new(&c, 24, 80);

    (void)unused;
    for (int rows = LAYOUT_ROWS_MIN; rows < 90; rows++)
        for (size_t m = 0; m < sizeof(moves) / sizeof(moves[0]); m++) {
            int selected = -1, id = -1;
            ui_update(&st->state, &st->model, (struct ui_key){.code = moves[m], .y = 5});
            stage_resize(st, rows, LAYOUT_COLS_MIN + rows * 2);
            for (int y = 0; y < rows; y++)
                if (screen_cell(&st->screen, y, 3)->style == STYLE_SELECTED) {
                    assert_int_equal(selected, -1);
                    selected = y;
                }
            assert_true(selected >= 0);
            char text[6] = "";
            for (int x = 0; x < 5; x++)
                text[x] = (char)screen_cell(&st->screen, selected, x)->code;
            assert_int_equal(sscanf(text, "%d", &id), 1);
            assert_int_equal(id, st->state.detail.vcpus.scroll.row);
        }
    stage_free(st);
}

/* Frozen, or with a long delay, the newest snapshot is older than the scan. */
static void a_result_ages_while_the_numbers_are_frozen(void **unused)
{
    const struct screen_case c = {.name = "aged",
                                  .build = snapshot_builder_three_vms,
                                  .keys = KEYS('m'),
                                  .scan = SCAN_DONE,
                                  .has_scan = true};
    struct stage *st = stage_new(&c, 24, 80);

    (void)unused;
    st->model.mono_ns = st->model.now->mono_ns + 33000000000u;
    ui_draw(&st->model, &st->state, &st->screen);
    char *dump = screen_dump(&st->screen);
    assert_non_null(strstr(dump, " 42s ago")); /* it was made 9 s before the snapshot */
    free(dump);
    stage_free(st);
}

/* Found late and read at once: the rates are over less than the delay. */
static void build_late(struct snapshot_builder *b)
{
    snapshot_builder_three_vms(b);
    snapshot_builder_snapshot(b)->interval_s = 0.14;
}

/* Read late as well: for each VM the time is another one. */
static void build_late_by_vm(struct snapshot_builder *b)
{
    snapshot_builder_three_vms(b);
    snapshot_builder_snapshot(b)->interval_s = 43.8;
    snapshot_builder_get(b, 0)->interval_s = 43.8;
    snapshot_builder_get(b, 1)->interval_s = 0.14;
}

static void the_header_shows_over_which_time_was_measured(void **unused)
{
    static const struct {
        void (*build)(struct snapshot_builder *b);
        const char *text;
    } seen[] = {{build_late, "1s  over 140ms  12:30:05"},
                {build_late_by_vm, "1s  over 140ms to 44s  12:30:05"}};

    (void)unused;
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        const struct screen_case c = {.name = "late", .build = seen[i].build};
        struct stage *st = stage_new(&c, 24, 80);
        char *dump = screen_dump(&st->screen);
        if (!strstr(dump, seen[i].text))
            fail_msg("'%s' is not in\n%s", seen[i].text, dump);
        free(dump);
        stage_free(st);
    }
}

/* Three VMs in one process that used half a CPU, a fourth whose exits are denied. */
static void build_one_process(struct snapshot_builder *b)
{
    int exits = snapshot_builder_field(b, "exits", FIELD_VCPU, FIELD_CUMULATIVE, FIELD_NONE, 1);

    for (int fd = 5; fd < 9; fd++) {
        size_t vm = snapshot_builder_vm(b, fd < 8 ? 700 : 800, fd, "many", "other", 1);
        snapshot_builder_get(b, vm)->cpu_ratio = (struct figure){.value = 0.5, .state = READING_OK};
        snapshot_builder_missing(b, vm, -1, exits, READING_DENIED, CAUSE_LOCKDOWN_INTEGRITY);
    }
}

static void a_process_with_many_vms_uses_its_cpu_once(void **unused)
{
    const struct screen_case c = {.name = "one-process",
                                  .build = build_one_process,
                                  .keys = KEYS('N', KEYCODE_HOME, ' ', ' ', ' ')};
    struct stage *st = stage_new(&c, 24, 80);
    char *dump = screen_dump(&st->screen);

    (void)unused;
    assert_non_null(strstr(dump, "CPU 100.0%")); /* all of the host */
    assert_non_null(strstr(dump, "3 tagged: CPU 50.0%, exits denied"));
    free(dump);
    stage_free(st);
}

/* Out of bounds is what the sanitizers see; here every wide character must be whole. */
static void check_cells(const struct screen *screen, int rows, int cols)
{
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < cols; x++) {
            const struct cell *cell = screen_cell(screen, y, x);
            if (cell->width == 2)
                assert_true(x + 1 < cols && cell[1].width == 0);
            else if (cell->width == 0)
                assert_true(x > 0 && cell[-1].width == 2);
        }
}

static void every_screen_is_drawn_whole_at_many_sizes(void **unused)
{
    (void)unused;
    if (short_run("each screen at many sizes"))
        skip();
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct stage *st = stage_new(&cases[c], 24, 80);
        for (int rows = 1; rows <= 100; rows += rows < 30 ? 1 : 23)
            for (int cols = 1; cols <= 300; cols += cols > 150 ? 47 : rows % 9 == 6 ? 1 : 17) {
                stage_resize(st, rows, cols);
                check_cells(&st->screen, rows, cols);
            }
        stage_free(st);
    }
}

/* The screens take turns, so that neighbours in size are drawn by different ones. */
static void every_size_from_1x1_to_300x100_is_drawn_whole(void **unused)
{
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    struct stage *stages[CASES];
    size_t turn = 0;

    (void)unused;
    if (short_run("all sizes from 1x1 to 300x100"))
        skip();
    for (size_t c = 0; c < CASES; c++)
        stages[c] = stage_new(&cases[c], 24, 80);
    for (int rows = 1; rows <= 100; rows++)
        for (int cols = 1; cols <= 300; cols++, turn++) {
            struct stage *st = stages[turn % CASES];
            stage_resize(st, rows, cols);
            check_cells(&st->screen, rows, cols);
        }
    for (size_t c = 0; c < CASES; c++)
        stage_free(stages[c]);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Keys, clicks, new snapshots and sizes in any order: every frame is drawn, nothing breaks. */
static void a_long_random_walk_draws_every_frame(void **unused)
{
    static void (*const hosts[])(struct snapshot_builder * b) = {
        snapshot_builder_three_vms, build_no_vm,        build_many,           build_hostile,
        build_all_denied,           build_warmup,       exits_builder_busy,   build_exits_dear,
        exits_builder_unseen,       build_exits_failed, build_exits_one_look, exits_builder_busy};
    enum { HOSTS = sizeof(hosts) / sizeof(hosts[0]) };
    struct snapshot_builder *builders[HOSTS];
    struct ui_model models[HOSTS];
    struct scan_reports scans = {.count = 0};
    struct trends trends;
    struct ui_rows rows = {0};
    struct ui_state state;
    struct screen screen;
    uint32_t random = 20260101;
    size_t host = 0;

    (void)unused;
    assert_int_equal(trends_init(&trends), 0);
    for (size_t i = 0; i < HOSTS; i++) {
        builders[i] = snapshot_builder_new();
        hosts[i](builders[i]);
        const struct snapshot *s = snapshot_builder_finish(builders[i]);
        models[i] = (struct ui_model){
            .now = s, .base = s, .detail = s, .trends = &trends, .scans = &scans, .rows = &rows};
    }
    for (enum scan_state s = SCAN_RUNNING; s <= SCAN_REFUSED; s++)
        if (s != SCAN_FAILED)
            scan_reports_put(&scans, make_report(&models[0].now->vms[s % 3].id, s, false),
                             1000000 * s);
    ui_state_init(&state, 24, 80, 1.0);
    assert_int_equal(screen_init(&screen, 24, 80, true), 0);
    int steps = short_run("most of a long walk") ? 400 : 4000;
    for (int step = 0; step < steps; step++) {
        const struct key_binding *b = &key_table[next_random(&random) % key_count];
        uint32_t keys[] = {b->keys[0],
                           b->keys[0],
                           b->keys[0],
                           'a' + next_random(&random) % 26,
                           KEYCODE_ENTER,
                           KEYCODE_MOUSE_CLICK,
                           KEYCODE_MOUSE_WHEEL_DOWN,
                           KEYCODE_BACKSPACE};
        struct ui_key key = {.code = keys[next_random(&random) % 8],
                             .y = (int)(next_random(&random) % (unsigned)screen.rows),
                             .x = (int)(next_random(&random) % (unsigned)screen.cols)};
        if (next_random(&random) % 50 == 0)
            host = next_random(&random) % HOSTS;
        if (next_random(&random) % 40 == 0) {
            assert_int_equal(screen_resize(&screen, 1 + (int)(next_random(&random) % 60),
                                           1 + (int)(next_random(&random) % 220)),
                             0);
            ui_resize(&state, screen.rows, screen.cols);
        }
        assert_int_equal(ui_follow(&state, &models[host]), 0);
        ui_update(&state, &models[host], key);
        ui_draw(&models[host], &state, &screen);
    }
    screen_done(&screen);
    ui_state_done(&state);
    ui_rows_done(&rows);
    scan_reports_done(&scans);
    trends_done(&trends);
    for (size_t i = 0; i < HOSTS; i++)
        snapshot_builder_free(builders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_looks_as_recorded),
        cmocka_unit_test(bars_reach_from_edge_to_edge),
        cmocka_unit_test(tabs_stand_apart_and_the_open_one_stands_out),
        cmocka_unit_test(without_unicode_nothing_but_ascii_is_drawn),
        cmocka_unit_test(the_cursor_of_the_vcpus_can_be_seen),
        cmocka_unit_test(a_result_ages_while_the_numbers_are_frozen),
        cmocka_unit_test(a_process_with_many_vms_uses_its_cpu_once),
        cmocka_unit_test(the_header_shows_over_which_time_was_measured),
        cmocka_unit_test(a_long_random_walk_draws_every_frame),
        cmocka_unit_test(every_screen_is_drawn_whole_at_many_sizes),
        cmocka_unit_test(every_size_from_1x1_to_300x100_is_drawn_whole),
    };

    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        puts("1..0 # SKIP no C.UTF-8 locale");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
