// SPDX-License-Identifier: MIT
/*
 * A scan report in flat form as a scanner in the hands of a VMM might give it: what is taken can be
 * shown in every format and written again. The same bytes as a request to scan, too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/cpu.h"
#include "core/scan/scan_flat.h"
#include "core/scan/scan_request_wire.h"
#include "ui/report/report_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of all stands in the head: it is made right, else nothing would ever be looked at. */
static struct scan_report *read_bytes(const void *data, size_t size)
{
    uint64_t bytes = size / 8 * 8;
    struct scan_report *report = NULL;
    char *copy = malloc(size + 8);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    if (size >= 16)
        memcpy(copy + 8, &bytes, sizeof(bytes));
    if (scan_flat_read(copy, (size_t)bytes, &report) != 0)
        report = NULL;
    free(copy);
    return report;
}

static void show(const struct scan_report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL || report_scan_text(report, "vm", "qemu", true, out) < 0 ||
        report_scan_json(report, "vm", out) < 0 || fclose(out) != 0)
        abort();
    free(text);
}

static void decode_request(const uint8_t *data, size_t size)
{
    struct scan_request_wire wire = {.pid = 0}, again;
    struct scan_request request, second;

    memcpy(&wire, data, size < sizeof(wire) ? size : sizeof(wire));
    if (scan_request_decode(&wire, cpu_detect(), &request) != 0)
        return;
    scan_request_encode(&request, &again);
    if (scan_request_decode(&again, cpu_detect(), &second) != 0 ||
        second.ram_count != request.ram_count || second.accel != request.accel ||
        !(second.duration_s >= 0) || second.duration_s != request.duration_s)
        abort();
}

/* What is made of looks relies on these. */
static void check_looks(const struct scan_report *a, const struct scan_report *b)
{
    if ((a->dirty == NULL) != (b->dirty == NULL))
        abort();
    if (a->dirty == NULL)
        return;
    const struct dirty_looks *d = &a->dirty->looks;
    if (d->pair_count > DIRTY_PAIRS_MOST || d->pair_count != b->dirty->looks.pair_count ||
        d->sampled > d->population || d->population > a->pages_total)
        abort();
    for (size_t i = 0; i < d->pair_count; i++)
        if (!(d->pairs[i].seconds > 0) || d->pairs[i].changed > d->pairs[i].sampled)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan_report *report = read_bytes(data, size);

    decode_request(data, size);
    if (report == NULL)
        return 0;
    show(report);
    size_t bytes = scan_flat_write(report, NULL, 0);
    void *copy = malloc(bytes);
    if (copy == NULL || bytes > SCAN_FLAT_BYTES_MAX ||
        scan_flat_write(report, copy, bytes) != bytes)
        abort();
    struct scan_report *second = read_bytes(copy, bytes);
    if (second == NULL || second->region_count != report->region_count ||
        second->pages_total != report->pages_total)
        abort();
    check_looks(report, second);
    scan_report_free(second);
    scan_report_free(report);
    free(copy);
    return 0;
}
