/* SPDX-License-Identifier: MIT */
/* Exits as rows of the long form of CSV: numbers as all others, in the same columns. */
#ifndef KVMLENS_UI_REPORT_EXITS_CSV_H
#define KVMLENS_UI_REPORT_EXITS_CSV_H

#include "core/model/snapshot.h"
#include "ui/report/csv.h"

/*
 * exits_csv_group - the rows of what @row is about: guest_ratio, halt_ratio, exit:REASON,
 * exit_time:REASON and exit_key:KIND:KEY. None where @group is NULL (report_exits_of_vm).
 */
void exits_csv_group(const struct csv_row *row, const struct snapshot *s,
                     const struct exit_group *group);

#endif
