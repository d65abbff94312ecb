/* SPDX-License-Identifier: MIT */
/*
 * What the front end may still do once it runs: it draws and writes what it was told to, and
 * nothing of it needs a right that its user lacks.
 */
#ifndef KVMLENS_UI_APP_CONFINE_H
#define KVMLENS_UI_APP_CONFINE_H

#include "core/base/error.h"
#include "core/find/host_check.h"
#include "ui/app/options.h"

/*
 * confine_front - give up what --privileges says, for good; the places that @opts name for output
 * stay writable, and so do, for the monitor, those of its configuration and the working directory.
 * While there is one thread, and after the other processes were started. 0, or a negative errno
 * with a sentence: -EACCES: a place could be written only with a capability that goes.
 */
int confine_front(const struct options *opts, struct error *err);

/*
 * confine_check - can this host hold a front end to that? A check of --doctor, see
 * core/find/host_check.h; tried in a process of its own. Not of a saved tree.
 */
void confine_check(const struct rootfs *root, const struct host *host, struct check_result *ret);

#endif
