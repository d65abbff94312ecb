// SPDX-License-Identifier: MIT
/* Forecasts for people. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/text.h"
#include "core/forecast/forecast_times.h"
#include "core/forecast/forecast_words.h"
#include "ui/grid/format.h"
#include "ui/report/report_forecast.h"
#include "ui/report/wrap.h"

#define MS_PER_S      1e3
#define MB            1e6
#define MARGIN_MOST   31.9
#define BAR_COLUMNS   25
#define LABEL_COLUMNS 11
#define NAME_COLUMNS  17 /* of the table */
#define SETTINGS_SIZE 240
#define RANGE_MAX     (2 * FORMAT_MAX + 8)

#define SAME_BYTES                                                                                 \
    "A page that is written with the bytes it has is not seen here, but is sent again."

static int flush_result(FILE *out)
{
    if (fflush(out) != 0)
        return errno != 0 ? -errno : -EIO;
    return ferror(out) ? -EIO : 0;
}

/* What never comes is "never". */
static const char *seconds_text(char out[FORMAT_MAX], double s)
{
    return isfinite(s) ? format_seconds(out, s) : strcpy(out, "never");
}

static const char *bytes_text(char out[FORMAT_MAX], double bytes)
{
    return isfinite(bytes) ? format_bytes(out, bytes) : strcpy(out, "without end");
}

static const char *milliseconds_text(char out[FORMAT_MAX], double ms)
{
    return seconds_text(out, ms / MS_PER_S);
}

/* What is not 0 does not read as 0. */
static const char *count_text(char out[FORMAT_MAX], double count)
{
    if (!isfinite(count))
        return strcpy(out, "without end");
    return count > 0 && count < 0.5 ? strcpy(out, "<1")
                                    : format_exact(out, (uint64_t)llround(count));
}

static const char *about_count_text(char out[FORMAT_MAX], double count)
{
    return isfinite(count) ? format_count(out, count) : strcpy(out, "without end");
}

/* Margins end at 32 and its reciprocal. */
static const char *factor_text(char out[FORMAT_MAX], double factor)
{
    if (factor >= MARGIN_MOST)
        return strcpy(out, "over 32");
    if (factor <= 1 / MARGIN_MOST)
        return strcpy(out, "below 0.03");
    snprintf(out, FORMAT_MAX, factor < 9.95 ? "%.2g" : "%.0f", factor);
    return out;
}

/* "11.9s .. 12.8s": also where both read the same, because it is no exact number. */
static const char *range_text(char out[RANGE_MAX], const struct forecast_range *r,
                              const char *(*text)(char *, double))
{
    char low[FORMAT_MAX], high[FORMAT_MAX];

    text(low, r->low);
    text(high, r->high);
    snprintf(out, RANGE_MAX, "%s .. %s", low, high);
    return out;
}

/* A sentence beside its label. */
static void put_text(const char *label, const char *text, FILE *out)
{
    struct wrap wrap = {.out = out, .at = LABEL_COLUMNS, .indent = LABEL_COLUMNS};

    fprintf(out, "%-*s", LABEL_COLUMNS, label);
    wrap_words(&wrap, text);
    fputc('\n', out);
}

static void put_row(const char *label, const struct forecast_range *r,
                    const char *(*text)(char *, double), FILE *out)
{
    char value[FORMAT_MAX], range[RANGE_MAX];

    fprintf(out, "%-*s%-12s %s\n", LABEL_COLUMNS, label, text(value, r->value),
            range_text(range, r, text));
}

/* A line that gives more than what is sent at most sends the last part faster: without a number of
 * it, it gives no more. */
static void put_downtime(const struct forecast *f, bool has_link, FILE *out)
{
    char value[FORMAT_MAX], range[RANGE_MAX];

    fprintf(out, "%-*s%-12s %s%s\n", LABEL_COLUMNS, "Downtime",
            milliseconds_text(value, f->downtime_ms.value),
            range_text(range, &f->downtime_ms, milliseconds_text),
            has_link ? "" : ", less on a faster line (--link)");
}

/* What does not even end at best has no numbers. */
static void put_numbers(const struct forecast *f, const struct forecast_settings *settings,
                        FILE *out)
{
    if (!isfinite(f->total_s.low)) {
        put_text("Time", "never", out);
        return;
    }
    put_row("Time", &f->total_s, seconds_text, out);
    put_row("Sends", &f->bytes, bytes_text, out);
    put_downtime(f, settings->link_bandwidth > 0, out);
    put_row("Passes", &f->rounds, count_text, out);
}

/* How busy they are decides what that is good for. */
static void put_throttle(const struct forecast *f, const struct forecast_seen *seen, FILE *out)
{
    char line[200], busy[80] = "";

    if (f->throttle <= 0)
        return;
    if (seen->vcpu_busy > 0)
        snprintf(busy, sizeof(busy), "; now they run for %.0f %% of it",
                 fmax(1, seen->vcpu_busy * 100));
    snprintf(line, sizeof(line), "vCPUs are held back for up to %.0f %% of their time%s",
             f->throttle * 100, busy);
    put_text("Throttle", line, out);
}

static void put_margin(const struct forecast *f, FILE *out)
{
    char value[FORMAT_MAX], range[RANGE_MAX], line[200];

    if (f->margin.low >= MARGIN_MOST)
        snprintf(line, sizeof(line), "would still end at 32 times its present write rate");
    else
        snprintf(line, sizeof(line), "would just end at %s times its present write rate (%s)",
                 factor_text(value, f->margin.value), range_text(range, &f->margin, factor_text));
    put_text("Margin", line, out);
}

static void put_remedy(const struct forecast_remedy *r, FILE *out)
{
    static const char *const how[FORECAST_WAY_COUNT] = {
        [FORECAST_WAY_BANDWIDTH] = " (--bandwidth)",
        [FORECAST_WAY_DOWNTIME] = " (--downtime)",
        [FORECAST_WAY_AUTO_CONVERGE] = " (--auto-converge)",
        [FORECAST_WAY_WRITE_LESS] = ": see the margin",
    };
    struct forecast_way_words ways[FORECAST_WAY_COUNT];
    size_t count = forecast_remedy_words(r, ways);

    for (size_t i = 0; i < count; i++) {
        char line[FORECAST_WAY_SIZE + 40];
        snprintf(line, sizeof(line), "%s%s", ways[i].text, how[ways[i].way]);
        put_text(i == 0 ? "To end" : "or", line, out);
    }
}

static void put_reasons(const struct forecast *f, FILE *out)
{
    const char *label = "Because";

    for (size_t i = 0; i < forecast_reason_count; i++) {
        if ((f->reasons & forecast_reason_table[i].reason) == 0)
            continue;
        put_text(label, forecast_reason_table[i].text, out);
        label = "";
    }
}

static bool has_void(const struct forecast_vm *vm, unsigned which)
{
    return vm->is_known && (vm->seen.voids & 1u << which) != 0;
}

static void put_voids(const struct forecast_vm *vm, FILE *out)
{
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if (has_void(vm, i))
            put_text(scan_void_spoils((enum scan_void)i) ? "Void" : "Note",
                     scan_void_text((enum scan_void)i), out);
    for (size_t i = 0; i < vm->note_count; i++)
        put_text("Note", vm->notes[i], out);
}

static void put_bar(double part, double whole, bool unicode, FILE *out)
{
    int full = whole > 0 ? (int)lround(part / whole * BAR_COLUMNS) : 0;

    if (full == 0 && part >= 0.5)
        full = 1; /* what is not 0 is seen */
    for (int i = 0; i < full; i++)
        fputs(unicode ? "\xE2\x96\x88" : "#", out);
}

static void put_curve(const struct dirty_curve *curve, bool unicode, FILE *out)
{
    struct forecast_point points[FORECAST_TIMES_MOST];
    size_t count = forecast_times_table(points, curve);
    double most = count > 0 ? points[count - 1].dirty.pages : 0;
    bool is_guessed = false;

    for (size_t i = 0; i < count; i++) {
        const struct dirty_estimate *d = &points[i].dirty;
        const struct forecast_range range = {d->pages, floor(d->low), ceil(d->high)};
        char time[FORMAT_MAX], pages[FORMAT_MAX], low_high[RANGE_MAX], bytes[FORMAT_MAX];
        fprintf(out, "%-*s%5s%c %11s %5s  %-16s ", LABEL_COLUMNS, i == 0 ? "Dirtied in" : "",
                format_seconds(time, points[i].seconds), d->is_extrapolated ? '~' : ' ',
                count_text(pages, d->pages), format_bytes(bytes, d->pages * FORECAST_PAGE_BYTES),
                range_text(low_high, &range, about_count_text));
        put_bar(d->pages, most, unicode, out);
        fputc('\n', out);
        is_guessed |= d->is_extrapolated;
    }
    put_text("",
             is_guessed ? "pages; ~ is outside of the times that it was looked at. " SAME_BYTES
                        : "pages. " SAME_BYTES,
             out);
}

static void put_pages(const struct forecast_pages *p, FILE *out)
{
    const struct forecast_range zero = {p->zero, floor(p->zero_low), ceil(p->zero_high)};
    char untouched[FORMAT_MAX], resident[FORMAT_MAX], about[FORMAT_MAX], range[RANGE_MAX],
        line[200];

    snprintf(line, sizeof(line), "%s untouched, %s resident, about %s zero (%s)",
             count_text(untouched, p->untouched), count_text(resident, p->resident),
             count_text(about, p->zero), range_text(range, &zero, count_text));
    put_text("Pages", line, out);
}

static void put_cost(const struct scan_cost *c, FILE *out)
{
    char elapsed[FORMAT_MAX], cpu[FORMAT_MAX], bytes[FORMAT_MAX], line[200];

    snprintf(line, sizeof(line),
             "%s, %s CPU, %s of a random sample read; pages looked at are marked accessed",
             format_seconds(elapsed, c->elapsed_s), format_seconds(cpu, c->cpu_s),
             format_bytes(bytes, (double)c->bytes_read));
    put_text("Cost", line, out);
}

static void put_one(const struct forecast_made *made, const struct forecast_vm *vm, FILE *out)
{
    char settings[SETTINGS_SIZE], ram[FORMAT_MAX], looked[FORMAT_MAX];

    if (!vm->is_known)
        return; /* refused before there was anything to tell; who called tells why */
    fprintf(out, "%s (%d, %s)   %s   looked at for %s%s\n", vm->name, (int)vm->vm.pid, vm->vmm,
            format_bytes(ram, vm->ram_bytes), format_seconds(looked, vm->seen.duration_s),
            vm->is_partial ? "   PARTIAL: ended before its time" : "");
    report_forecast_settings(&made->settings, settings, sizeof(settings));
    put_text("Migration", forecast_verdict(&vm->forecast, &vm->seen), out);
    if (forecast_vm_is_usable(vm))
        put_reasons(&vm->forecast, out);
    put_voids(vm, out);
    put_text("By", settings, out);
    if (forecast_vm_is_usable(vm)) {
        put_numbers(&vm->forecast, &made->settings, out);
        put_margin(&vm->forecast, out);
        put_throttle(&vm->forecast, &vm->seen, out);
        if (vm->has_remedy)
            put_remedy(&vm->remedy, out);
        put_pages(&vm->seen.pages, out);
        put_curve(&vm->seen.curve, made->unicode, out);
    }
    put_cost(&vm->cost, out);
}

/* As many columns of a name as there is room for, cut with a mark. */
static void put_name(const char *name, FILE *out)
{
    size_t width = text_width(name), used = 0;

    if (width <= NAME_COLUMNS) {
        fprintf(out, "%s%*s", name, (int)(NAME_COLUMNS - width), "");
        return;
    }
    while (*name != '\0') {
        char one[8];
        uint32_t code;
        size_t bytes = text_decode(name, strlen(name), &code);
        snprintf(one, sizeof(one), "%.*s", (int)bytes, name);
        size_t columns = text_width(one);
        if (bytes == 0 || used + columns > NAME_COLUMNS - 1)
            break;
        fputs(one, out);
        used += columns;
        name += bytes;
    }
    fprintf(out, "~%*s", (int)(NAME_COLUMNS - 1 - used), "");
}

static const char *ends_text(const struct forecast_vm *vm)
{
    static const char *const words[] = {
        [FORECAST_DOES_NOT] = "no",
        [FORECAST_DOES] = "yes",
        [FORECAST_UNSURE] = "unsure",
    };

    if (!vm->is_known)
        return "unknown";
    return vm->seen.is_spoilt ? "void" : words[vm->forecast.converges];
}

static void put_cells(const struct forecast *f, FILE *out)
{
    char value[FORMAT_MAX], bytes[FORMAT_MAX], downtime[FORMAT_MAX], range[RANGE_MAX];
    bool has_end = isfinite(f->total_s.value);

    fprintf(out, " %6s %-16s %5s %6s", has_end ? seconds_text(value, f->total_s.value) : "-",
            has_end ? range_text(range, &f->total_s, seconds_text) : "-",
            has_end ? bytes_text(bytes, f->bytes.value) : "-",
            has_end ? milliseconds_text(downtime, f->downtime_ms.value) : "-");
}

static void put_ranked(const struct forecast_vm *vms, size_t count, FILE *out)
{
    char ram[FORMAT_MAX];

    fprintf(out, "  # %-*s %7s %5s %6s %-16s %5s %6s ENDS\n", NAME_COLUMNS, "NAME", "PID", "RAM",
            "TIME", "FROM .. TO", "SENDS", "DOWN");
    for (size_t i = 0; i < count; i++) {
        const struct forecast_vm *vm = &vms[i];
        if (forecast_vm_is_usable(vm)) /* the others come last, and have none */
            fprintf(out, "%3zu ", i + 1);
        else
            fputs("  - ", out);
        put_name(vm->name, out);
        fprintf(out, " %7d %5s", (int)vm->vm.pid,
                vm->ram_bytes > 0 ? format_bytes(ram, vm->ram_bytes) : "-");
        if (forecast_vm_is_usable(vm))
            put_cells(&vm->forecast, out);
        else
            fprintf(out, " %6s %-16s %5s %6s", "-", "-", "-", "-");
        fprintf(out, " %s\n", ends_text(vm));
    }
}

static void put_remark(const struct forecast_vm *vm, const char *text, FILE *out)
{
    struct wrap wrap = {.out = out, .indent = 2};

    wrap_words(&wrap, vm->name);
    fprintf(out, " (%d):", (int)vm->vm.pid);
    wrap.at += (size_t)snprintf(NULL, 0, " (%d):", (int)vm->vm.pid);
    wrap_words(&wrap, text);
    fputc('\n', out);
}

/* What of one VM of the table is not to be taken as it is. */
static void put_remarks_of(const struct forecast_vm *vm, FILE *out)
{
    char text[sizeof(vm->error.msg) + 20];

    if (!vm->is_known) {
        snprintf(text, sizeof(text), "no forecast: %s", vm->error.msg);
        put_remark(vm, text, out);
    }
    if (vm->is_known && vm->is_partial) {
        snprintf(text, sizeof(text), "looked at for %.1f s only", vm->seen.duration_s);
        put_remark(vm, text, out);
    }
}

/* Is @text a void of it, or one of its notes? */
static bool is_said_of(const struct forecast_vm *vm, const char *text)
{
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        if (has_void(vm, i) && strcmp(scan_void_text((enum scan_void)i), text) == 0)
            return true;
    for (size_t i = 0; i < vm->note_count; i++)
        if (strcmp(vm->notes[i], text) == 0)
            return true;
    return false;
}

static size_t count_said(const char *text, const struct forecast_vm *vms, size_t count)
{
    size_t said = 0;

    for (size_t i = 0; i < count; i++)
        said += is_said_of(&vms[i], text);
    return said;
}

/* Several VMs of a process have one name and one number: they are named once. */
static bool is_named(const char *text, const struct forecast_vm *vms, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (vms[k].vm.pid == vms[i].vm.pid && is_said_of(&vms[k], text))
            return true;
    return false;
}

/* "web (12), db (13): the sentence", once for all that it is true of. */
static void put_shared(const char *text, const struct forecast_vm *vms, size_t count, FILE *out)
{
    struct wrap wrap = {.out = out, .indent = 2};
    size_t said = count_said(text, vms, count);
    bool is_of_all = said == count && count > 2;
    char last[40] = ""; /* word of what it is true of, which a comma or the colon follows */

    if (said == 0)
        return;
    if (is_of_all)
        snprintf(last, sizeof(last), "all %zu VMs", count);
    for (size_t i = 0; i < count && !is_of_all; i++) {
        if (!is_said_of(&vms[i], text) || is_named(text, vms, i))
            continue;
        if (last[0] != '\0')
            wrap_words(&wrap, strcat(last, ","));
        wrap_words(&wrap, vms[i].name);
        snprintf(last, sizeof(last), "(%d)", (int)vms[i].vm.pid);
    }
    wrap_words(&wrap, strcat(last, ":"));
    wrap_words(&wrap, text);
    fputc('\n', out);
}

static void put_remarks(const struct forecast_vm *vms, size_t count, FILE *out)
{
    for (unsigned i = 0; i < SCAN_VOID_COUNT; i++)
        put_shared(scan_void_text((enum scan_void)i), vms, count, out);
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < vms[i].note_count; n++)
            if (count_said(vms[i].notes[n], vms, i) == 0) /* else it was said before */
                put_shared(vms[i].notes[n], vms, count, out);
    for (size_t i = 0; i < count; i++)
        put_remarks_of(&vms[i], out);
}

static void put_all(const struct forecast_made *made, const struct forecast_vm *vms, size_t count,
                    FILE *out)
{
    char settings[SETTINGS_SIZE + FORMAT_MAX + 40], elapsed[FORMAT_MAX], looked[FORMAT_MAX + 40];
    struct wrap head = {.out = out}, foot = {.out = out};

    report_forecast_settings(&made->settings, settings, SETTINGS_SIZE);
    snprintf(looked, sizeof(looked), "; each seen for %s",
             format_seconds(elapsed, made->duration_s));
    strcat(settings, looked);
    wrap_words(&head, settings);
    fputc('\n', out);
    put_ranked(vms, count, out);
    put_remarks(vms, count, out);
    wrap_words(&foot, SAME_BYTES);
    fputc('\n', out);
}

int report_forecast_text(const struct forecast_made *made, const struct forecast_vm *vms,
                         size_t count, FILE *out)
{
    if (made->is_ranked)
        put_all(made, vms, count, out);
    else
        for (size_t i = 0; i < count; i++)
            put_one(made, &vms[i], out);
    return flush_result(out);
}
