// SPDX-License-Identifier: MIT
#include "core/source/sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bpf/kvm_bpf_tick.h"
#include "core/find/discover.h"
#include "core/model/series.h"
#include "core/source/source.h"

#define SEARCH_MOUNTS_TICKS 8 /* a debugfs that is not at its usual place is looked for so often */

struct sampler {
    const struct rootfs *root;
    unsigned sources; /* SOURCE_BIT mask */
    struct host host;
    struct field_table fields;
    struct discover *discover;
    struct source_env env;
    const struct source_ops *const *table;
    struct source *attached[SOURCE_COUNT]; /* NULL: not in use */
    struct series series;
    struct budget budget;
    struct load_wish_set load;
    uint64_t ticks;
    uint64_t began_ns; /* of the tick before; 0 = there was none */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static uint64_t monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* The source of the row @ops, NULL when it is not in use. */
static struct source *source_of(const struct sampler *s, const struct source_ops *ops)
{
    return s->attached[ops->id];
}

static void forget_vm(void *user, struct vm *vm)
{
    const struct sampler *s = user;

    for (size_t i = 0; s->table[i] != NULL; i++)
        if (source_of(s, s->table[i]) != NULL && s->table[i]->forget != NULL)
            s->table[i]->forget(source_of(s, s->table[i]), vm);
}

struct leaving {
    const struct source_ops *ops;
    struct source *source;
};

static void forget_one(void *user, struct vm *vm)
{
    const struct leaving *l = user;

    l->ops->forget(l->source, vm);
}

static void detach(struct sampler *s, const struct source_ops *ops)
{
    struct leaving leaving = {ops, source_of(s, ops)};

    if (ops->forget != NULL)
        discover_forget_all(s->discover, forget_one, &leaving);
    ops->detach(leaving.source);
    s->attached[ops->id] = NULL;
}

/* What is wanted may change from tick to tick. 0 or -ENOMEM. */
static int attach_wanted(struct sampler *s)
{
    int result = 0;

    for (size_t i = 0; result == 0 && s->table[i] != NULL; i++) {
        const struct source_ops *ops = s->table[i];
        bool wanted = (s->sources & SOURCE_BIT(ops->id)) != 0 &&
                      (ops->wanted == NULL || ops->wanted(&s->env));
        if (wanted && source_of(s, ops) == NULL)
            result = ops->attach(&s->env, &s->attached[ops->id]);
        else if (!wanted && source_of(s, ops) != NULL)
            detach(s, ops);
    }
    return result;
}

int sampler_open(const struct sampler_config *config, struct sampler **ret, struct error *err)
{
    struct sampler *s = calloc(1, sizeof(*s));
    struct stat st;

    if (s == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    s->root = config->root;
    s->sources = config->sources;
    s->table = config->table != NULL ? config->table : source_table;
    s->env = (struct source_env){
        .root = s->root,
        .host = &s->host,
        .fields = &s->fields,
        .now_ns = config->now_ns != NULL ? config->now_ns : monotonic_ns,
        .beacon = config->beacon,
        .budget = &s->budget,
        .histograms = !config->no_histograms,
        .load = &s->load,
    };
    s->budget.now_ns = s->env.now_ns;
    int result = rootfs_stat(s->root, "proc", &st);
    if (result < 0) {
        free(s);
        return error_set(err, result, "cannot read /proc: %s", strerror(-result));
    }
    if (config->bpf != NULL)
        s->env.bpf_tick = kvm_bpf_tick_new(&(struct kvm_bpf_tick_config){
            .bpf = config->bpf, .beacon = config->beacon, .now_ns = s->env.now_ns});
    s->series.fields = &s->fields;
    host_read(s->root, &s->host);
    s->discover = discover_new(&(struct discover_config){
        .root = s->root,
        .host = &s->host,
        .beacon = config->beacon,
        .shunned = config->shunned,
        .first_tick = config->first_tick,
        .scope = config->scope,
        .budget = &s->budget,
        .bpf_tick = s->env.bpf_tick,
    });
    s->env.discover = s->discover;
    bool has_all = s->discover != NULL && (config->bpf == NULL || s->env.bpf_tick != NULL);
    result = has_all ? attach_wanted(s) : -ENOMEM;
    if (result < 0) {
        sampler_close(s);
        return error_set(err, result, "out of memory");
    }
    *ret = s;
    return 0;
}

void sampler_close(struct sampler *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; s->table[i] != NULL; i++)
        if (source_of(s, s->table[i]) != NULL)
            detach(s, s->table[i]);
    discover_free(s->discover);
    kvm_bpf_tick_free(s->env.bpf_tick);
    series_done(&s->series);
    field_table_done(&s->fields);
    free(s);
}

void sampler_set_scope(struct sampler *s, const struct sampler_scope *scope)
{
    discover_set_scope(s->discover, scope);
}

void sampler_set_load(struct sampler *s, unsigned wishes)
{
    s->load.all = wishes;
}

void sampler_set_load_one(struct sampler *s, unsigned wishes, pid_t pid, pid_t before)
{
    s->load.one = wishes;
    s->load.pid = pid;
    s->load.before = before;
}

const struct field_table *sampler_fields(const struct sampler *s)
{
    return &s->fields;
}

static const struct reading source_is_off = {.state = READING_ABSENT, .cause = CAUSE_SOURCE_OFF};

/* A source that is asked says why it has no number. */
static void explain_gauge(struct reading *gauge)
{
    if (gauge->state == READING_ABSENT && gauge->cause == CAUSE_NONE)
        *gauge = source_is_off;
}

/* Sources that are used unless they are excluded: BPF only when somebody asks for it. */
static unsigned usual_sources(const struct sampler *s)
{
    return s->env.bpf_tick != NULL ? SOURCES_ALL : SOURCES_ALL & ~SOURCE_BIT(SOURCE_BPF);
}

/*
 * Readings that only an excluded source could have given say so. Where the only one that is not
 * excluded could not be loaded, that is the reason.
 */
static void explain_excluded(const struct sampler *s, struct sample *sample)
{
    const unsigned usual = usual_sources(s), counters = sources_that_give(GIVES_COUNTERS) & usual;
    const bool only_bpf = s->env.bpf_tick == NULL && (s->sources & counters) == 0 &&
                          (s->sources & SOURCE_BIT(SOURCE_BPF)) != 0;
    const struct reading off = only_bpf ? reading_of_cause(CAUSE_BPF_UNUSABLE) : source_is_off;

    if ((s->sources & usual) == usual)
        return;
    for (size_t i = 0; i < sample->vm_count; i++) {
        struct sample_vm *vm = &sample->vms[i];
        if (vm->skipped)
            continue;
        if (only_bpf && vm->entity.cause == CAUSE_NONE)
            vm->entity.cause = CAUSE_BPF_UNUSABLE; /* nothing else can tell which counters it has */
        if ((s->sources & counters) != counters)
            for (size_t f = 0; f < sample->field_count; f++)
                if (vm->entity.readings[f].cause == CAUSE_NONE &&
                    vm->entity.readings[f].state != READING_OK)
                    vm->entity.readings[f] = off;
        for (int g = 0; g < VM_GAUGE_COUNT; g++)
            explain_gauge(&vm->gauges[g]);
        for (size_t k = 0; k < vm->vcpu_count; k++)
            for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
                explain_gauge(&vm->vcpus[k].gauges[g]);
    }
}

/* A VM that ended between discovery and reading left holes: it is gone, not unreadable. */
static void mark_gone(const struct sampler *s, struct sample *sample)
{
    for (size_t i = 0; i < sample->vm_count; i++) {
        struct sample_vm *vm = &sample->vms[i];
        bool holes = false;
        for (size_t k = 0; k < vm->vcpu_count && !holes; k++)
            holes = vm->vcpus[k].gauges[VCPU_CPU_NS].cause == CAUSE_GONE;
        for (size_t f = 0; f < sample->field_count && !holes; f++) {
            holes = vm->entity.readings[f].cause == CAUSE_GONE;
            for (size_t k = 0; k < vm->vcpu_count && !holes; k++)
                holes = vm->vcpus[k].entity.readings[f].cause == CAUSE_GONE;
        }
        if (holes && !discover_is_alive(s->discover, vm->vm))
            vm->gone = true;
    }
}

/* CPU time of this thread since the last call, for a row of costs. */
static void charge(uint64_t *since, uint64_t *cost)
{
    uint64_t now = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    *cost += now - *since;
    *since = now;
}

static void look_at_host(const struct sampler *s, struct sample *sample, uint64_t *cost)
{
    uint64_t since = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; s->table[i] != NULL; i++) {
        const struct source_ops *ops = s->table[i];
        if (source_of(s, ops) == NULL || ops->tick == NULL)
            continue;
        ops->tick(source_of(s, ops), sample);
        charge(&since, &cost[ops->id]);
    }
}

static void read_vm(const struct sampler *s, struct sample *sample, struct sample_vm *vm,
                    uint64_t *cost)
{
    uint64_t since = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; s->table[i] != NULL; i++) {
        const struct source_ops *ops = s->table[i];
        if (source_of(s, ops) == NULL)
            continue;
        if (ops->read != NULL)
            ops->read(source_of(s, ops), sample, vm);
        /* What the vCPUs gave need not be read again as a sum. */
        if (source_gives(ops->id) & GIVES_VCPU_COUNTERS)
            sample_vm_add_vcpu_sums(sample, &s->fields, vm);
        charge(&since, &cost[ops->id]);
    }
}

/*
 * The VMs of one process, @count of them from @vms on, for as long as it may take. Those that are
 * not come to have the first turn in the next tick.
 */
static void read_process(const struct sampler *s, struct sample *sample, struct sample_vm *vms,
                         size_t count, uint64_t *cost)
{
    struct process_time *time = discover_time_of(s->discover, vms[0].id.pid);
    size_t first = 0;
    int next_fd = 0;

    while (time != NULL && first + 1 < count && vms[first].id.fd < time->next_fd)
        first++;
    for (size_t n = 0; n < count; n++) {
        struct sample_vm *vm = &vms[(first + n) % count];
        if (time != NULL && budget_is_over(time, s->budget.limit_ns)) {
            vm->skipped = true;
            vm->skip_cause = CAUSE_SLOW;
            next_fd = next_fd == 0 ? vm->id.fd : next_fd;
            continue;
        }
        uint64_t since = s->env.now_ns();
        read_vm(s, sample, vm, cost);
        if (time != NULL)
            time->spent_ns += s->env.now_ns() - since;
    }
    if (time != NULL)
        time->next_fd = next_fd;
}

static void read_vms(const struct sampler *s, struct sample *sample, uint64_t *cost)
{
    for (size_t i = 0, end; i < sample->vm_count; i = end) {
        for (end = i + 1;
             end < sample->vm_count && sample->vms[end].id.pid == sample->vms[i].id.pid; end++)
            ;
        read_process(s, sample, &sample->vms[i], end - i, cost);
    }
}

static void begin_bpf(const struct sampler *s)
{
    unsigned wants = KVM_BPF_STATS | (s->env.histograms ? KVM_BPF_HISTOGRAMS : 0);
    bool is_source = (s->sources & SOURCE_BIT(SOURCE_BPF)) != 0;

    if (s->env.bpf_tick != NULL)
        kvm_bpf_tick_begin(s->env.bpf_tick, is_source ? wants : 0);
}

static int take(struct sampler *s, struct sample **ret, struct error *err)
{
    uint64_t start = s->env.now_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID),
             cost[SOURCE_COUNT] = {0};
    struct sample *sample = NULL;

    s->budget.before_ns = s->budget.limit_ns;
    s->budget.limit_ns = budget_limit_ns(s->began_ns != 0 ? start - s->began_ns : 0);
    s->began_ns = start;
    if (s->ticks++ > 0)
        host_refresh(s->root, s->ticks % SEARCH_MOUNTS_TICKS == 0, &s->host);
    begin_bpf(s);
    int result = discover_tick(s->discover, forget_vm, s, err);
    const struct vm_list *vms = discover_vms(s->discover);
    if (result == 0 && (result = attach_wanted(s)) < 0)
        error_set(err, result, "out of memory");
    for (size_t i = 0; result == 0 && s->table[i] != NULL; i++) {
        const struct source_ops *ops = s->table[i];
        if (source_of(s, ops) == NULL || ops->discover == NULL)
            continue;
        uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        result = ops->discover(source_of(s, ops), vms);
        cost[ops->id] += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
        if (result < 0)
            error_set(err, result, "out of memory");
    }
    if (result == 0 && (result = sample_new(vms, &s->fields, &sample)) < 0)
        error_set(err, result, "out of memory");
    if (result != 0)
        return result;

    clock_gettime(CLOCK_REALTIME, &sample->wall);
    sample->read_ns = s->env.now_ns();
    sample->self_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    sample->hidden_processes =
        discover_hidden_processes(s->discover, &sample->hidden_pid, &sample->hidden_cause);
    sample->proc_hides = discover_proc_hides(s->discover);
    sample->hidden_vms = discover_hidden_vms(s->discover);
    sample->cut_processes = discover_cut_processes(s->discover);
    sample->host_facts = s->host;
    look_at_host(s, sample, cost);
    read_vms(s, sample, cost);
    explain_excluded(s, sample);
    mark_gone(s, sample);
    uint64_t total = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    for (int i = 0; i < SOURCE_COUNT; i++)
        total -= cost[i];
    cost[SOURCE_NONE] = total;
    memcpy(sample->cost_ns, cost, sizeof(cost));
    sample->duration_ns = s->env.now_ns() - start;
    *ret = sample;
    return 0;
}

int sampler_take(struct sampler *s, struct sample **ret, struct error *err)
{
    int result = take(s, ret, err);

    beacon_at(s->env.beacon, 0, BEACON_NOTHING);
    return result;
}

int sampler_tick(struct sampler *s, struct snapshot **ret, struct error *err)
{
    struct sample *sample;

    int result = sampler_take(s, &sample, err);
    if (result == 0 && (result = series_add(&s->series, sample, ret)) < 0)
        error_set(err, result, "out of memory");
    return result;
}
