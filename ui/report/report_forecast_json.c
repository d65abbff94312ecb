// SPDX-License-Identifier: MIT
/* Forecasts as lines of JSON. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/forecast/forecast_times.h"
#include "core/forecast/forecast_words.h"
#include "ui/report/json.h"
#include "ui/report/number.h"
#include "ui/report/report_forecast.h"

#define MS_PER_S 1e3

/* What never comes has no number. */
static json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Of what is counted: pages, bytes. */
static json_t *json_count(double value)
{
    return isfinite(value) && value >= 0 && value < 0x1p63 ? json_put_u64((uint64_t)value)
                                                           : json_null();
}

/* NAME, NAME_low, NAME_high: counts rounded outwards. NULL: nothing is known. */
static void put_range(struct json_doc *doc, json_t *object, const char *name,
                      const struct forecast_range *range, bool is_count)
{
    const struct forecast_range none = {INFINITY, INFINITY, INFINITY};
    const struct forecast_range *r = range != NULL ? range : &none;
    char key[40];

    json_put(doc, object, name, is_count ? json_count(round(r->value)) : json_number(r->value));
    snprintf(key, sizeof(key), "%s_low", name);
    json_put(doc, object, key, is_count ? json_count(floor(r->low)) : json_number(r->low));
    snprintf(key, sizeof(key), "%s_high", name);
    json_put(doc, object, key, is_count ? json_count(ceil(r->high)) : json_number(r->high));
}

static struct forecast_range range_of(const struct dirty_estimate *e)
{
    return (struct forecast_range){e->pages, e->low, e->high};
}

static json_t *json_settings(struct json_doc *doc, const struct forecast_made *made)
{
    const struct forecast_settings *s = &made->settings;
    json_t *object = json_object();
    double link = s->link_bandwidth > 0 ? s->link_bandwidth : s->bandwidth;

    json_put(doc, object, "mode", json_string(forecast_mode_name((enum forecast_mode)s->mode)));
    json_put(doc, object, "zero_page_detection",
             json_string(forecast_zero_name((enum forecast_zero_detection)s->zero_detection)));
    if (s->mode == FORECAST_MULTIFD)
        json_put(doc, object, "channels", json_integer((json_int_t)s->channels));
    json_put(doc, object, "bandwidth_bytes_per_s", json_count(round(s->bandwidth)));
    json_put(doc, object, "link_bytes_per_s", json_count(round(link)));
    json_put(doc, object, "downtime_limit_ms", json_number(s->downtime_limit_s * MS_PER_S));
    json_put(doc, object, "auto_converge", json_boolean(s->auto_converge));
    json_put(doc, object, "duration_s", json_real(made->duration_s));
    return object;
}

static json_t *json_pages(struct json_doc *doc, const struct forecast_pages *p)
{
    const struct forecast_range zero = {p->zero, p->zero_low, p->zero_high};
    json_t *object = json_object();

    json_put(doc, object, "untouched", json_count(p->untouched));
    json_put(doc, object, "resident", json_count(p->resident));
    put_range(doc, object, "zero", &zero, true);
    return object;
}

static json_t *json_curve(struct json_doc *doc, const struct dirty_curve *curve)
{
    struct forecast_point points[FORECAST_TIMES_MOST];
    size_t count = forecast_times_table(points, curve);
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct dirty_estimate *dirty = &points[i].dirty;
        json_t *point = json_object();
        json_put(doc, point, "seconds", json_real(points[i].seconds));
        json_put(doc, point, "pages", json_count(round(dirty->pages)));
        json_put(doc, point, "low", json_count(floor(dirty->low)));
        json_put(doc, point, "high", json_count(ceil(dirty->high)));
        json_put(doc, point, "extrapolated", json_boolean(dirty->is_extrapolated));
        json_put_item(doc, array, point);
    }
    return array;
}

static json_t *json_dirty(struct json_doc *doc, const struct dirty_curve *curve)
{
    const struct dirty_estimate rate = dirty_curve_rate(curve);
    const struct forecast_range range = range_of(&rate);
    json_t *object = json_object();

    json_put(doc, object, "curve", json_curve(doc, curve));
    put_range(doc, object, "pages_per_s", &range, true);
    return object;
}

static json_t *json_wire(struct json_doc *doc, const struct forecast_made *made,
                         const struct forecast *f)
{
    json_t *object = json_object();

    json_put(doc, object, "mode",
             json_string(forecast_mode_name((enum forecast_mode)made->settings.mode)));
    put_range(doc, object, "bytes", f != NULL ? &f->bytes : NULL, true);
    return object;
}

static json_t *json_converges(const struct forecast *f)
{
    if (f == NULL || f->converges == FORECAST_UNSURE)
        return json_string(forecast_converges_name(FORECAST_UNSURE));
    return json_boolean(f->converges == FORECAST_DOES);
}

/* What would make it end; null: no such setting was found. */
static json_t *json_remedy(struct json_doc *doc, const struct forecast_remedy *r)
{
    json_t *object = json_object();

    json_put(doc, object, "bandwidth_bytes_per_s",
             r->bandwidth > 0 ? json_count(round(r->bandwidth)) : json_null());
    json_put(doc, object, "downtime_limit_ms",
             r->downtime_limit_s > 0 ? json_real(r->downtime_limit_s * MS_PER_S) : json_null());
    json_put(doc, object, "auto_converge", json_boolean(r->auto_converge));
    return object;
}

static json_t *json_reasons(struct json_doc *doc, const struct forecast *f)
{
    json_t *array = json_array();

    for (size_t i = 0; f != NULL && i < forecast_reason_count; i++)
        if ((f->reasons & forecast_reason_table[i].reason) != 0)
            json_put_item(doc, array, json_string(forecast_reason_table[i].name));
    return array;
}

static json_t *json_voids(struct json_doc *doc, uint32_t voids)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if ((voids & 1u << i) != 0)
            json_put_item(doc, array, json_string(scan_void_name((enum scan_void)i)));
    return array;
}

/* Sentences of the names under "reasons" and "void": they may change, the names do not. */
static json_t *json_causes(struct json_doc *doc, const struct forecast *f, uint32_t voids)
{
    json_t *object = json_object();

    for (size_t i = 0; f != NULL && i < forecast_reason_count; i++)
        if ((f->reasons & forecast_reason_table[i].reason) != 0)
            json_put(doc, object, forecast_reason_table[i].name,
                     json_string(forecast_reason_table[i].text));
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if ((voids & 1u << i) != 0)
            json_put(doc, object, scan_void_name((enum scan_void)i),
                     json_string(scan_void_text((enum scan_void)i)));
    return object;
}

static json_t *json_notes(struct json_doc *doc, const struct forecast_vm *vm)
{
    json_t *array = json_array();

    for (size_t i = 0; i < vm->note_count; i++)
        json_put_item(doc, array, json_put_text(vm->notes[i]));
    return array;
}

static json_t *json_cost(struct json_doc *doc, const struct scan_cost *c)
{
    json_t *cost = json_object();

    json_put(doc, cost, "elapsed_s", json_real(c->elapsed_s));
    json_put(doc, cost, "cpu_s", json_real(c->cpu_s));
    json_put(doc, cost, "bytes_read", json_put_u64(c->bytes_read));
    return cost;
}

/* @f: NULL: there is none, or it is void, and then no number is shown that could be taken for
 * one. */
static void put_forecast(struct json_doc *doc, json_t *root, const struct forecast_made *made,
                         const struct forecast *f)
{
    json_put(doc, root, "wire", json_wire(doc, made, f));
    put_range(doc, root, "rounds", f != NULL ? &f->rounds : NULL, true);
    put_range(doc, root, "total_s", f != NULL ? &f->total_s : NULL, false);
    put_range(doc, root, "downtime_ms", f != NULL ? &f->downtime_ms : NULL, false);
    put_range(doc, root, "margin", f != NULL ? &f->margin : NULL, false);
    json_put(doc, root, "throttle", f != NULL ? json_real(f->throttle) : json_null());
    json_put(doc, root, "converges", json_converges(f));
}

static char *line_of(const struct forecast_made *made, const struct forecast_vm *vm, size_t rank)
{
    struct json_doc build = {.failed = false}, *doc = &build;
    json_t *root = json_object();
    const struct forecast *f = forecast_vm_is_usable(vm) ? &vm->forecast : NULL;
    const uint32_t voids = vm->is_known ? vm->seen.voids : 0;
    char time[NUMBER_MAX];

    number_time(&made->wall, time);
    json_put(doc, root, "schema", json_string("kvmlens-forecast/1"));
    json_put(doc, root, "time", json_string(time));
    json_put(doc, root, "pid", json_integer(vm->vm.pid));
    json_put(doc, root, "vm_fd", json_integer(vm->vm.fd));
    json_put(doc, root, "name", json_put_text(vm->name_raw));
    json_put(doc, root, "vmm", json_string(vm->vmm));
    if (made->is_ranked)
        json_put(doc, root, "rank", f != NULL ? json_integer((json_int_t)rank) : json_null());
    json_put(doc, root, "settings", json_settings(doc, made));
    json_put(doc, root, "pages", vm->is_known ? json_pages(doc, &vm->seen.pages) : json_null());
    json_put(doc, root, "dirty", f != NULL ? json_dirty(doc, &vm->seen.curve) : json_null());
    json_put(doc, root, "vcpu_busy",
             f != NULL && vm->seen.vcpu_busy > 0 ? json_real(vm->seen.vcpu_busy) : json_null());
    put_forecast(doc, root, made, f);
    if (vm->has_remedy)
        json_put(doc, root, "would_end", json_remedy(doc, &vm->remedy));
    json_put(doc, root, "verdict",
             vm->is_known ? json_string(forecast_verdict(&vm->forecast, &vm->seen)) : json_null());
    json_put(doc, root, "reasons", json_reasons(doc, f));
    json_put(doc, root, "void", json_voids(doc, voids));
    json_put(doc, root, "causes", json_causes(doc, f, voids));
    json_put(doc, root, "warnings", json_notes(doc, vm));
    json_put(doc, root, "looked_s", vm->is_known ? json_real(vm->seen.duration_s) : json_null());
    json_put(doc, root, "partial", json_boolean(vm->is_partial));
    json_put(doc, root, "cost", json_cost(doc, &vm->cost));
    if (!vm->is_known)
        json_put(doc, root, "error", json_put_text(vm->error.msg));
    return json_put_end(doc, root);
}

int report_forecast_json(const struct forecast_made *made, const struct forecast_vm *vms,
                         size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char *text = line_of(made, &vms[i], i + 1);
        if (text == NULL)
            return -ENOMEM;
        fputs(text, out);
        fputc('\n', out);
        free(text);
    }
    if (fflush(out) != 0)
        return errno != 0 ? -errno : -EIO;
    return ferror(out) ? -EIO : 0;
}
