// SPDX-License-Identifier: MIT
#include "ui/app/forecasts_lines.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HEAD_MAX 200
#define RANGE    " %lf %lf %lf"
#define RANGES   5

/* What two forecasts have in common that are of use to the same reader. */
static void head(const struct kept_forecasts *f, char buf[HEAD_MAX])
{
    const struct forecast_settings *s = &f->settings;

    snprintf(buf, HEAD_MAX, "forecasts %d %d %u %.17g %.17g %.17g %d %.17g\n", s->mode,
             s->zero_detection, s->channels, s->bandwidth, s->link_bandwidth, s->downtime_limit_s,
             s->auto_converge, f->look.duration_s);
}

/* INFINITY is a number here: it does not end. */
static bool is_range(const struct forecast_range *r)
{
    return r->low >= 0 && r->value >= r->low && r->high >= r->value;
}

static bool parse(const char *line, uint64_t now_ns, struct kept_forecast *ret)
{
    struct kept_forecast f = {.failed = false};
    struct forecast_range *const ranges[RANGES] = {&f.dirty_pages_per_s, &f.bytes, &f.total_s,
                                                   &f.downtime_s, &f.margin};
    int failed, converges, shared, end = 0, len = 0;

    if (sscanf(line, "F %d %" SCNu64 " %d %" SCNu64 " %" SCNu64 " %d %d %lf%n", &f.vm.pid,
               &f.vm.start_ticks, &f.vm.fd, &f.tried_ns, &f.taken_ns, &failed, &converges,
               &f.looked_s, &end) != 8)
        return false;
    for (size_t i = 0; i < RANGES; i++) {
        struct forecast_range *r = ranges[i];
        len = 0;
        if (sscanf(line + end, RANGE "%n", &r->value, &r->low, &r->high, &len) != 3 || !is_range(r))
            return false;
        end += len;
    }
    len = 0;
    if (sscanf(line + end, " %d%n", &shared, &len) != 1)
        return false;
    if (line[end + len] != '\n' || converges < FORECAST_DOES_NOT || converges > FORECAST_UNSURE)
        return false;
    f.failed = failed != 0;
    f.is_shared = shared != 0;
    f.converges = (uint8_t)converges;
    *ret = f;
    return f.tried_ns <= now_ns && f.taken_ns <= now_ns && f.looked_s >= 0 &&
           isfinite(f.dirty_pages_per_s.high);
}

void forecasts_lines_read(struct forecasts_reader *reader, const char *line,
                          const struct snapshot *s)
{
    struct kept_forecasts *f = reader->forecasts;
    struct kept_forecast found;
    char ours[HEAD_MAX];

    head(f, ours);
    if (strncmp(line, "forecasts ", strlen("forecasts ")) == 0)
        reader->is_for_ours = strcmp(line, ours) == 0;
    if (!reader->is_for_ours || !parse(line, s->mono_ns, &found))
        return;
    const struct snapshot_vm *vm = snapshot_find_kept(s, &found.vm);
    bool is_next = vm != NULL && f->count < s->vm_count &&
                   (f->count == 0 || vm_id_before(&f->items[f->count - 1].vm, &vm->id));
    if (!is_next)
        return;
    found.vm = vm->id;
    f->items[f->count++] = found;
}

void forecasts_lines_print(const struct kept_forecasts *f, FILE *out)
{
    char ours[HEAD_MAX];

    if (f->count == 0)
        return;
    head(f, ours);
    fputs(ours, out);
    for (size_t i = 0; i < f->count; i++) {
        const struct kept_forecast *at = &f->items[i];
        const struct forecast_range *const ranges[RANGES] = {
            &at->dirty_pages_per_s, &at->bytes, &at->total_s, &at->downtime_s, &at->margin};
        fprintf(out, "F %d %" PRIu64 " %d %" PRIu64 " %" PRIu64 " %d %d %.9g", at->vm.pid,
                at->vm.start_ticks, at->vm.fd, at->tried_ns, at->taken_ns, at->failed,
                at->converges, at->looked_s);
        for (size_t r = 0; r < RANGES; r++)
            fprintf(out, " %.9g %.9g %.9g", ranges[r]->value, ranges[r]->low, ranges[r]->high);
        fprintf(out, " %d\n", at->is_shared);
    }
}
