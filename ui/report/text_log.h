/* SPDX-License-Identifier: MIT */
/* A log in the text format: a row per VM and interval. */
#ifndef KVMLENS_UI_REPORT_TEXT_LOG_H
#define KVMLENS_UI_REPORT_TEXT_LOG_H

#include <stdio.h>

#include "core/model/snapshot.h"
#include "ui/report/report.h"

/*
 * text_log - all chosen VMs together where there are several, then each of them. On a terminal,
 * whose columns the report knows, rows have the time without its date and as many counters as there
 * is room for. 0 or -ENOMEM.
 */
int text_log(struct report *r, const struct snapshot *s, FILE *out);

#endif
