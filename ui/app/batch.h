/* SPDX-License-Identifier: MIT */
/*
 * The modes that sample and print without a screen: --once and --log.
 */
#ifndef KVMLENS_UI_APP_BATCH_H
#define KVMLENS_UI_APP_BATCH_H

#include <stdio.h>

#include "core/base/error.h"
#include "core/collect/sample_link.h"
#include "core/model/snapshot.h"
#include "ui/app/options.h"
#include "ui/app/output.h"

/* What a run touches, so that a test can stand in for all of it. */
struct batch_env {
    /* as sample_link_tick */
    int (*tick)(void *ctx, int stop_fd, struct snapshot **ret, struct error *err);
    void *ctx;
    struct output *out; /* records; each is written whole */
    FILE *diag; /* reasons of exit status 3 */
    const struct rootfs *root;     /* for --estimate; may be NULL without, as the next */
    struct supervisor *supervisor; /* of who reads guest memory for it */
};

/*
 * batch_run - --once or --log with the samples of @link, as @opts say.
 *
 * Records go to @out, or where --log-to-file and --output say; SIGHUP opens the log file again.
 * SIGINT and SIGTERM end the run with what it has: a log after its last record, --once with a
 * snapshot of the time so far. A reader that closes the pipe ends it quietly.
 * Blocks those signals and ignores SIGPIPE while it runs; both are as before when it returns.
 * @out: only its descriptor is used, after a flush.
 *
 * Returns an exit status (ui/app/exit_status.h). For STATUS_FAILED and STATUS_USAGE @err has the
 * sentence; for STATUS_PARTIAL the reasons were written to @diag, one per line. Main thread.
 */
int batch_run(struct sample_link *link, const struct rootfs *root, struct supervisor *supervisor,
              const struct options *opts, FILE *out, FILE *diag, struct error *err);

/* batch_run_env - the same with everything it touches given by the caller. */
int batch_run_env(const struct batch_env *env, const struct options *opts, struct error *err);

#endif
