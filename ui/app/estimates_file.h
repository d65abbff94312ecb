/* SPDX-License-Identifier: MIT */
/*
 * Estimates from one run to the next: a timer starts a process for each record, and what the one
 * before found is still fresh.
 *
 * A text file beside the metrics, "FILE.estimates". First line: what it is and the boot that its
 * times are of; then one VM per line. A line that is no such thing is left out of account, and so
 * is a file of another boot, or one that somebody else may have written.
 */
#ifndef KVMLENS_UI_APP_ESTIMATES_FILE_H
#define KVMLENS_UI_APP_ESTIMATES_FILE_H

#include "core/base/error.h"
#include "core/base/rootfs.h"
#include "core/model/snapshot.h"
#include "ui/report/estimates.h"

/*
 * estimates_file_load - adds those of VMs that are in @s; @estimates is empty before.
 * Returns 0 also when there is no file; -EEXIST with a sentence when the file is not ours: it must
 * not be written.
 */
int estimates_file_load(struct estimates *estimates, const char *path, const struct rootfs *root,
                        const struct snapshot *s, struct error *err);

/* estimates_file_save - replaces the file as a whole. 0 or a negative errno with a sentence. */
int estimates_file_save(const struct estimates *estimates, const char *path,
                        const struct rootfs *root, struct error *err);

#endif
