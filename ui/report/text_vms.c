// SPDX-License-Identifier: MIT
#include "ui/report/text_vms.h"

#include "ui/report/number.h"

struct text_sums text_sums(const struct filter *filter, const struct snapshot *s)
{
    static const struct figure none = {.state = READING_ABSENT};
    struct text_sums sums = {.cpu_ratio = none, .wait_ratio = none, .ram = none, .rss = none};
    pid_t last = 0;

    for (size_t i = 0; i < s->vm_count; i++) {
        const struct snapshot_vm *vm = &s->vms[i];
        if (!filter_vm(filter, vm))
            continue;
        const struct reading *rss = &vm->gauges[VM_RSS_BYTES];
        const bool is_first = vm->id.pid != last; /* of its process, whose figures these are */
        last = vm->id.pid;
        sums.vms++;
        sums.vcpus += vm->vcpu_count;
        figure_add(&sums.wait_ratio, vm->wait_ratio);
        figure_add(&sums.ram, (struct figure){.value = (double)vm->ram_bytes.raw,
                                              .state = vm->ram_bytes.state});
        if (!is_first)
            continue;
        figure_add(&sums.cpu_ratio, vm->cpu_ratio);
        figure_add(&sums.rss, (struct figure){.value = (double)rss->raw, .state = rss->state});
    }
    return sums;
}

struct figure text_sum_rate(const struct filter *filter, const struct snapshot *s, size_t field)
{
    struct figure sum = {.state = READING_ABSENT};

    if (report_host_values(filter, s) != NULL)
        return s->host_values[field].rate;
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(filter, &s->vms[i]))
            figure_add(&sum, s->vms[i].values[field].rate);
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
    struct figure cpu_ratio, wait_ratio, exits, ram, rss;
};

static struct figure figure_of(const struct reading *r)
{
    return (struct figure){.value = (double)r->raw, .state = r->state, .cause = r->cause};
}

static const char *bytes_text(const struct figure *bytes, char buf[NUMBER_MAX])
{
    const struct reading reading = {.raw = (uint64_t)bytes->value, .state = bytes->state};

    number_reading_bytes(&reading, buf);
    return buf;
}

static void put_line(FILE *out, const struct snapshot *s, const struct line *l, const char *name)
{
    const int exits = field_table_find(s->fields, "exits");
    char cpu[NUMBER_MAX], wait[NUMBER_MAX], rate[NUMBER_MAX] = "n/a", ram[NUMBER_MAX],
                                            rss[NUMBER_MAX];

    number_percent(&l->cpu_ratio, cpu);
    number_percent(&l->wait_ratio, wait);
    if (exits >= 0 && (size_t)exits < s->field_count)
        number_rate(&s->fields->fields[exits], &l->exits, rate);
    fprintf(out, "%10s %5zu %7s %7s %11s %7s %7s  %s", l->place, l->vcpus, cpu, wait, rate,
            bytes_text(&l->ram, ram), bytes_text(&l->rss, rss), name);
}

static struct figure exits_of(const struct snapshot *s, const struct snapshot_vm *vm)
{
    const struct snapshot_value exits = snapshot_vm_value(s, vm, "exits");

    return exits.reading.state == READING_OK ? exits.rate : figure_of(&exits.reading);
}

static void put_vm(FILE *out, const struct snapshot *s, const struct snapshot_vm *vm)
{
    char place[24];
    const struct line line = {text_vm_place(s, vm, place),
                              vm->vcpu_count,
                              vm->cpu_ratio,
                              vm->wait_ratio,
                              exits_of(s, vm),
                              figure_of(&vm->ram_bytes),
                              figure_of(&vm->gauges[VM_RSS_BYTES])};
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
    const struct figure none = {.state = READING_ABSENT};
    const struct line line = {"-",
                              sums->vcpus,
                              sums->cpu_ratio,
                              sums->wait_ratio,
                              exits >= 0 && (size_t)exits < s->field_count
                                  ? text_sum_rate(r->filter, s, (size_t)exits)
                                  : none,
                              sums->ram,
                              sums->rss};

    put_line(out, s, &line, TEXT_ALL_VMS);
    fputc('\n', out);
}

void text_vms(const struct report *r, const struct snapshot *s, FILE *out)
{
    const struct text_sums sums = text_sums(r->filter, s);

    if (sums.vms == 0)
        return;
    fprintf(out, "%10s %5s %7s %7s %11s %7s %7s  %s\n", "PID", "vCPUs", "CPU%", "WAIT%", "EXITS/s",
            "RAM", "RSS", "NAME");
    if (sums.vms > 1)
        put_all(out, r, s, &sums);
    for (size_t i = 0; i < s->vm_count; i++)
        if (filter_vm(r->filter, &s->vms[i]))
            put_vm(out, s, &s->vms[i]);
}
