// SPDX-License-Identifier: MIT
#include "ui/state/rows.h"

#include <stdlib.h>

void ui_rows_done(struct ui_rows *rows)
{
    free(rows->vms.rows);
    counters_done(&rows->counters);
    counters_done(&rows->host);
    vcpus_rows_done(&rows->vcpus);
    hist_interval_done(&rows->hist);
    exits_rows_done(&rows->exits);
    exits_page_done(&rows->exits_page);
    forecasts_done(&rows->forecasts);
    *rows = (struct ui_rows){0};
}
