/* SPDX-License-Identifier: MIT */
/*
 * Exits as metrics: reasons, and what all are of. What is behind them is left out: a guest can make
 * up as many ports and addresses as it likes, and each would be a series for ever.
 */
#ifndef KVMLENS_UI_REPORT_EXITS_METRICS_H
#define KVMLENS_UI_REPORT_EXITS_METRICS_H

#include "core/model/snapshot.h"
#include "ui/report/metrics.h"
#include "ui/report/report.h"

/*
 * exits_metrics_put - all families; none where nobody asked for exits. Totals in a stream only:
 * one record counts from its own beginning, and the next would be no continuation. It has rates
 * instead. Histograms where @r has them asked for: some forty series of each reason.
 */
void exits_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s);

#endif
