/* SPDX-License-Identifier: MIT */
/*
 * Estimates and forecasts from one run to the next: a timer starts a process for each record, and
 * what the one before found is still fresh.
 *
 * A text file beside the metrics, "FILE.estimates". First line: what it is and the boot that its
 * times are of; then one VM per line, and forecasts (ui/app/forecasts_lines.h). A line that is no
 * such thing is left out of account, and so is a file of another boot, or one that somebody else
 * may have written.
 */
#ifndef KVMLENS_UI_APP_ESTIMATES_FILE_H
#define KVMLENS_UI_APP_ESTIMATES_FILE_H

#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/model/snapshot.h"
#include "ui/report/estimates.h"
#include "ui/report/kept_forecasts.h"

/*
 * estimates_file_load - adds those of VMs that are in @s; @estimates and @forecasts are empty
 * before; NULL: nobody wants these.
 * Returns 0 also when there is no file; -EEXIST with a sentence when the file is not ours: it must
 * not be written.
 */
int estimates_file_load(struct estimates *estimates, struct kept_forecasts *forecasts,
                        const char *path, const struct rootfs *root, const struct snapshot *s,
                        struct error *err);

/* estimates_file_save - replaces the file as a whole. NULL: there are none. 0 or a negative errno
 * with a sentence. */
int estimates_file_save(const struct estimates *estimates, const struct kept_forecasts *forecasts,
                        const char *path, const struct rootfs *root, struct error *err);

#endif
