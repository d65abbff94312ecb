/* SPDX-License-Identifier: MIT */
/*
 * Export: the snapshot on the screen as a file.
 */
#ifndef KVMLENS_UI_APP_EXPORT_H
#define KVMLENS_UI_APP_EXPORT_H

#include "core/base/error.h"
#include "core/model/snapshot.h"

/*
 * export_json - one record of schema kvmlens/1 in a new file, mode 0600.
 *
 * Never over a file that is there and never through a link: the monitor often runs as root.
 * Returns 0 or a negative errno with a sentence; half a file is not left behind.
 */
int export_json(const struct snapshot *s, const char *path, struct error *err);

#endif
