/* SPDX-License-Identifier: MIT */
/* Forecasts as families of metrics. */
#ifndef KVMLENS_UI_REPORT_FORECAST_METRICS_H
#define KVMLENS_UI_REPORT_FORECAST_METRICS_H

#include "core/model/snapshot.h"
#include "ui/report/metrics.h"
#include "ui/report/report.h"

/* forecast_metrics_put - of each chosen VM; @r->forecasts is there. */
void forecast_metrics_put(const struct report *r, struct metrics *m, const struct snapshot *s);

#endif
