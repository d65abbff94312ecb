// SPDX-License-Identifier: MIT
/*
 * What looking at a VM again and again costs, and what it sees. Prints figures, decides nothing.
 *
 *   bench_looks [SECONDS]              guests of our own: 256 MiB and 4 GiB, all of it there, and
 *                                      16 GiB of which an eighth is
 *   bench_looks --vm PID VMM [SECONDS] a running VM: one line of JSON with all pairs of looks, the
 *                                      curve that follows (seconds, pages, low, high), and what
 *                                      else bench_forecast --lines makes a forecast of
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/forecast/dirty_curve.h"
#include "core/forecast/forecast_seen.h"
#include "core/scan/scan.h"
#include "tests/lib/guest.h"
#include "tests/lib/scanning.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct scan_report *look(pid_t pid, const char *vmm, double duration_s)
{
    const struct scan_request request = {
        .vm = {.pid = pid, .fd = -1}, .vmm = vmm, .mode = SCAN_DIRTY, .duration_s = duration_s};
    struct scan_report *report;

    if (scanning_run(&request, &report) < 0)
        fprintf(stderr, "bench_looks: %s\n", report->error.msg);
    return report;
}

static void print_curve(const struct dirty_looks *d)
{
    static const double at[] = {0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30};
    struct dirty_curve curve;

    fputs("], \"curve\": [", stdout);
    if (dirty_curve_fit(&curve, d, NULL) < 0)
        return;
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        struct dirty_estimate e = dirty_curve_at(&curve, at[i]);
        printf("%s[%g, %.1f, %.1f, %.1f]", i > 0 ? ", " : "", at[i], e.pages, e.low, e.high);
    }
    printf("], \"dispersion\": %.2f, \"terms\": [", curve.dispersion);
    for (size_t i = 0; i < curve.middle.term_count; i++) {
        const struct dirty_term *term = &curve.middle.terms[i];
        printf("%s[\"%s\", %.1f, %.4f]", i > 0 ? ", " : "",
               term->kind == DIRTY_TERM_RAMP ? "ramp" : "decay", term->pages, term->per_s);
    }
}

static int look_at_vm(pid_t pid, const char *vmm, double duration_s)
{
    struct scan_report *r = look(pid, vmm, duration_s);
    const struct dirty_looks *d = &r->dirty->looks;
    struct forecast_seen seen = {.duration_s = 0};
    const char *comma = "";

    if (forecast_seen_make(&seen, r, NULL) < 0)
        fprintf(stderr, "bench_looks: nothing to make a forecast of\n");
    printf("{\"untouched\": %.0f, \"resident\": %.0f, \"zero\": %.1f, \"zero_low\": %.1f, "
           "\"zero_high\": %.1f, \"vcpu_busy\": %.4f, \"flags\": %u, ",
           seen.pages.untouched, seen.pages.resident, seen.pages.zero, seen.pages.zero_low,
           seen.pages.zero_high, seen.vcpu_busy, d->flags);
    printf("\"population\": %llu, \"sampled\": %llu, \"looks\": %u, \"duration_s\": %.4f, "
           "\"newly_touched_per_s\": %.2f, \"zero_at_begin\": %llu, \"zero_at_end\": %llu, "
           "\"cpu_s\": %.4f, \"bytes_read\": %llu, \"voids\": [",
           (unsigned long long)d->population, (unsigned long long)d->sampled, r->dirty->look_count,
           d->duration_s, d->newly_touched_per_s, (unsigned long long)d->zero_at_begin,
           (unsigned long long)d->zero_at_end, r->cost.cpu_s,
           (unsigned long long)r->cost.bytes_read);
    for (int i = 0; i < SCAN_VOID_COUNT; i++)
        if (r->dirty->voids & 1u << i) {
            printf("%s\"%s\"", comma, scan_void_name((enum scan_void)i));
            comma = ", ";
        }
    fputs("], \"pairs\": [", stdout);
    for (size_t i = 0; i < d->pair_count; i++) {
        const struct dirty_pair *p = &d->pairs[i];
        printf("%s[%.6f, %.6f, %llu, %llu]", i > 0 ? ", " : "", p->begin_s, p->seconds,
               (unsigned long long)p->sampled, (unsigned long long)p->changed);
    }
    fputs("], \"places\": [", stdout);
    for (int i = 0; i < DIRTY_PLACES; i++)
        printf("%s[%u, %u]", i > 0 ? ", " : "", d->places[i].sampled, d->places[i].changed);
    print_curve(d);
    puts("]}");
    int result = r->state == SCAN_DONE ? 0 : 1;
    scan_report_free(r);
    return result;
}

struct row {
    const char *what;
    enum minivm_backing backing;
    uint64_t bytes, touched;
};
static const struct row rows[] = {
    {"256 MiB", MINIVM_ANON, 256 * MIB, 256 * MIB},
    {"4 GiB", MINIVM_ANON, 4 * GIB, 4 * GIB},
    {"4 GiB, huge pages", MINIVM_ANON_THP, 4 * GIB, 4 * GIB},
    {"4 GiB, memfd", MINIVM_MEMFD, 4 * GIB, 4 * GIB},
    {"16 GiB, an eighth", MINIVM_ANON, 16 * GIB, 2 * GIB},
};

static int measure(const struct row *row, double duration_s)
{
    const struct minivm_range range = {.bytes = row->touched, .fill = MINIVM_FILL_ONE_BYTE};
    const struct guest_ram_config config = {
        .backing = row->backing, .bytes = row->bytes, .ranges = &range, .range_count = 1};
    struct guest guest;

    if (!guest_start(&guest, guest_ram, &config)) {
        printf("%-18s  not made: %s\n", row->what, strerror(guest.info->error));
        return 0;
    }
    long rss = guest_status(guest.pid, "VmRSS:"), tables = guest_status(guest.pid, "VmPTE:");
    struct scan_report *r = look(guest.pid, "qemu", duration_s);
    printf("%-18s %7llu %5u %8.1f %10.0f %9.0f %9.1f %8ld %8ld\n", row->what,
           (unsigned long long)r->dirty->looks.sampled, r->dirty->look_count, r->cost.elapsed_s,
           r->cost.cpu_s * 1e3, r->cost.residency_s * 1e3, (double)r->cost.bytes_read / 1e6,
           guest_status(guest.pid, "VmRSS:") - rss, guest_status(guest.pid, "VmPTE:") - tables);
    fflush(stdout);
    int result = r->state == SCAN_DONE ? 0 : 1;
    scan_report_free(r);
    guest_stop(&guest);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;

    if (argc >= 4 && strcmp(argv[1], "--vm") == 0)
        return look_at_vm((pid_t)atoi(argv[2]), argv[3], argc > 4 ? atof(argv[4]) : 0);
    puts("VM                  sampled looks        s   CPU, ms  count, ms  MB read  RSS, KiB PTE, "
         "KiB");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && result == 0; i++)
        result = measure(&rows[i], argc > 1 ? atof(argv[1]) : 0);
    return result;
}
