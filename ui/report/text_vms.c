// SPDX-License-Identifier: MIT
#include "ui/report/text_vms.h"

#include <errno.h>
#include <stdlib.h>

#include "ui/report/number.h"

/* What has been added so far is none. */
static const struct text_sum nothing = {.figure = {.state = READING_ABSENT}};

static void add(struct text_sum *sum, struct figure figure, bool is_lacking)
{
    sum->is_short |= is_lacking;
    figure_add(&sum->figure, figure);
}

/* Each VM has one. */
static void add_load(struct text_sum *sum, struct figure figure)
{
    add(sum, figure, figure.state != READING_OK);
}

static struct figure figure_of(const struct reading *r)
{
    return (struct figure){.value = (double)r->raw, .state = r->state, .cause = r->cause};
}

struct text_sums text_sums(const struct filter *filter, const struct snapshot *s)
{
    struct text_sums sums = {
        .cpu_ratio = nothing, .wait_ratio = nothing, .ram = nothing, .rss = nothing};
    pid_t last = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(filter, vm))
            continue;
        const bool is_first = vm->id.pid != last; /* of its process, whose figures these are */
        last = vm->id.pid;
        sums.vms++;
        sums.vcpus += vm->vcpu_count;
        add_load(&sums.wait_ratio, vm->wait_ratio);
        add_load(&sums.ram, figure_of(&vm->ram_bytes));
        if (!is_first)
            continue;
        add_load(&sums.cpu_ratio, vm->cpu_ratio);
        add_load(&sums.rss, figure_of(&vm->gauges[VM_RSS_BYTES]));
    }
    return sums;
}

/* A counter that could not be read has no rate; its own state says more than the rate's. */
static struct figure rate_of(const struct snapshot_value *value)
{
    return value->reading.state == READING_OK ? value->rate : figure_of(&value->reading);
}

struct text_sum text_sum_rate(const struct filter *filter, const struct snapshot *s, size_t field)
{
    struct text_sum sum = nothing;

    if (report_host_values(filter, s) != NULL)
        return (struct text_sum){.figure = s->host_values[field].rate};
    for (size_t i = 0; i < s->vm_count; i++) {
        const struct figure rate = rate_of(&s->vms[i].values[field]);
        if (filter_vm(filter, &s->vms[i]))
            add(&sum, rate, figure_is_lacking(rate.state, rate.cause));
    }
    return sum;
}

const char *text_vm_place(const struct snapshot *s, const struct snapshot_vm *vm, char buf[24])
{
    const size_t i = (size_t)(vm - s->vms);
    const bool has_twins = (i > 0 && s->vms[i - 1].id.pid == vm->id.pid) ||
                           (i + 1 < s->vm_count && s->vms[i + 1].id.pid == vm->id.pid);

    if (has_twins)
        snprintf(buf, 24, "%d:%d", (int)vm->id.pid, vm->id.fd);
    else
        snprintf(buf, 24, "%d", (int)vm->id.pid);
    return buf;
}

/* Cells up to the name. */
struct line {
    const char *place;
    size_t vcpus;
    struct text_sum cpu_ratio, wait_ratio, exits, ram, rss;
};

static const char *percent_text(const struct text_sum *ratio, char buf[NUMBER_MAX])
{
    number_percent(&ratio->figure, buf);
    number_sum(ratio->is_short, ratio->figure.state, buf);
    return buf;
}

static const char *bytes_text(const struct text_sum *bytes, char buf[NUMBER_MAX])
{
    const struct reading reading = {.raw = (uint64_t)bytes->figure.value,
                                    .state = bytes->figure.state};

    number_reading_bytes(&reading, buf);
    number_sum(bytes->is_short, bytes->figure.state, buf);
    return buf;
}

static void put_line(FILE *out, const struct snapshot *s, const struct line *l, const char *name)
{
    const int exits = field_table_find(s->fields, "exits");
    char cpu[NUMBER_MAX], wait[NUMBER_MAX], rate[NUMBER_MAX] = "n/a", ram[NUMBER_MAX],
                                            rss[NUMBER_MAX];

    if (exits >= 0 && (size_t)exits < s->field_count)
        number_rate(&s->fields->fields[exits], &l->exits.figure, rate);
    number_sum(l->exits.is_short, l->exits.figure.state, rate);
    fprintf(out, "%10s %5zu %7s %7s %11s %7s %7s  %s", l->place, l->vcpus,
            percent_text(&l->cpu_ratio, cpu), percent_text(&l->wait_ratio, wait), rate,
            bytes_text(&l->ram, ram), bytes_text(&l->rss, rss), name);
}

static struct text_sum one(struct figure figure)
{
    return (struct text_sum){.figure = figure};
}

static void put_vm(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    const struct snapshot_value exits = snapshot_vm_value(s, vm, "exits");
    char place[24];
    const struct line line = {text_vm_place(s, vm, place),
                              vm->vcpu_count,
                              one(vm->cpu_ratio),
                              one(vm->wait_ratio),
                              one(rate_of(&exits)),
                              one(figure_of(&vm->ram_bytes)),
                              one(figure_of(&vm->gauges[VM_RSS_BYTES]))};
    const char *migration = vm_migration_text((enum vm_migration)vm->migration);

    put_line(out, s, &line, vm->name);
    fprintf(out, "%s%s", migration[0] != '\0' ? "  " : "", migration);
    if (vm->stale_cause != CAUSE_NONE)
        fprintf(out, "  not read: %s", reading_cause_text((enum reading_cause)vm->stale_cause));
    fputc('\n', out);
}

static void put_all(FILE *out, const struct report *r, const struct snapshot *s,
                    const struct text_sums *sums)
{
    const int exits = field_table_find(s->fields, "exits");
    const struct line line = {"-",
                              sums->vcpus,
                              sums->cpu_ratio,
                              sums->wait_ratio,
                              exits >= 0 && (size_t)exits < s->field_count
                                  ? text_sum_rate(r->filter, s, (size_t)exits)
                                  : nothing,
                              sums->ram,
                              sums->rss};

    put_line(out, s, &line, TEXT_ALL_VMS);
    fputc('\n', out);
}

/* Who uses most CPU time stands first, for the first lines are what is seen; who does not tell
 * comes last, and equals stay in their order. */
static int compare_cpu(const void *pa, const void *pb)
{
    const struct snapshot_vm *a = *(const struct snapshot_vm *const *)pa;
    const struct snapshot_vm *b = *(const struct snapshot_vm *const *)pb;
    const bool has_a = a->cpu_ratio.state == READING_OK, has_b = b->cpu_ratio.state == READING_OK;

    if (has_a != has_b)
        return has_a ? -1 : 1;
    if (has_a && a->cpu_ratio.value != b->cpu_ratio.value)
        return a->cpu_ratio.value > b->cpu_ratio.value ? -1 : 1;
    return (a > b) - (a < b);
}

/* The chosen VMs as they are listed, which the caller frees; NULL: no memory. */
static const struct snapshot_vm **sorted(const struct filter *filter, const struct snapshot *s,
                                         size_t *ret_count)
{
    const struct snapshot_vm **vms = malloc((s->vm_count + 1) * sizeof(const struct snapshot_vm *));

    *ret_count = 0;
    for (size_t i = 0; vms != NULL && i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]))
            vms[(*ret_count)++] = &s->vms[i];
    if (vms != NULL)
        qsort(vms, *ret_count, sizeof(const struct snapshot_vm *), compare_cpu);
    return vms;
}

int text_vms(const struct report *r, const struct snapshot *s, FILE *out)
{
    const struct text_sums sums = text_sums(r->filter, s);
    size_t count;

    if (sums.vms == 0)
        return 0;
    const struct snapshot_vm **vms = sorted(r->filter, s, &count);
    if (vms == NULL)
        return -ENOMEM;
    fprintf(out, "%10s %5s %7s %7s %11s %7s %7s  %s\n", "PID", "vCPUs", "CPU%", "WAIT%", "EXITS/s",
            "RAM", "RSS", "NAME");
    if (sums.vms > 1)
        put_all(out, r, s, &sums);
    for (size_t i = 0; i < count; i++)
        put_vm(out, s, vms[i]);
    free(vms);
    return 0;
}
