// SPDX-License-Identifier: MIT
/*
 * Any command line: parsing and choosing either work, or fail with a sentence that may be printed.
 * Arguments are separated by NUL.
 */
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/app/options.h"
#include "ui/choose/delay.h"
#include "ui/choose/filter.h"
#include "ui/report/report.h"

#define ARGS_MAX 16
#define SIZE_MAX_TRIED 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct error *err)
{
    if (err->msg[0] == '\0')
        abort();
    for (const unsigned char *p = (const unsigned char *)err->msg; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f)
            abort();
}

static void check_options(struct options *opts)
{
    struct error err = {0};
    struct filter filter;

    if (opts->mode == MODE_HELP || opts->mode == MODE_VERSION)
        return;
    if (opts->delay_s < DELAY_MIN_S || opts->delay_s > DELAY_MAX_S || opts->choice.pid < 0 ||
        report_format_find(opts->format) == NULL)
        abort();
    if (filter_open(&opts->choice, &filter, &err) < 0)
        check_error(&err);
    filter_close(&filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[] = "kvmlens", *argv[ARGS_MAX + 2] = {name};
    struct options opts;
    struct error err = {0};
    int argc = 1;

    if (size > SIZE_MAX_TRIED)
        return 0;
    setlocale(LC_CTYPE, "C.UTF-8");
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    for (char *p = copy; p < copy + size && argc <= ARGS_MAX; p += strlen(p) + 1)
        argv[argc++] = p;
    int r = options_parse(argc, argv, &opts, &err);
    if (r == 0)
        check_options(&opts);
    else if (r == -EINVAL)
        check_error(&err);
    else
        abort();
    free(copy);
    return 0;
}
