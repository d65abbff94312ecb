// SPDX-License-Identifier: MIT
#include "ui/app/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/privilege/privilege.h"
#include "ui/state/config.h"

#define PLACES_MAX 4

struct places {
    char paths[PLACES_MAX][PATH_MAX];
    struct privilege_place list[PLACES_MAX];
    size_t count;
};

/* A path that is too long can be written no more than it could be opened. */
static void add(struct places *p, const char *file, bool needed)
{
    char *path = p->paths[p->count];

    if (file == NULL || privilege_place_of(file, path, PATH_MAX) < 0)
        return;
    p->list[p->count++] = (struct privilege_place){path, needed};
}

int confine_front(const struct options *opts, struct error *err)
{
    struct places places = {.count = 0};
    char config[PATH_MAX];

    add(&places, opts->output, true);
    add(&places, opts->log_file, true);
    if (opts->mode == MODE_MONITOR) {
        if (config_path(getenv("XDG_CONFIG_HOME"), getenv("HOME"), config, sizeof(config)) == 0)
            add(&places, config, false);
        add(&places, "./export", false); /* w proposes a name there */
    }
    const struct privilege_places writable = {
        .list = places.list, .count = places.count, .saved_tree = opts->sysroot != NULL};
    int result = privilege_enter(ROLE_FRONT, opts->privileges, &writable, err);
    return result < 0 ? result : 0;
}

#define CHILD_FAILED 100 /* exit status; others are gaps */

static int try_in_child(void)
{
    const struct privilege_place here = {".", false};
    const struct privilege_places places = {.list = &here, .count = 1};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int result = privilege_enter(ROLE_FRONT, PRIVILEGE_STRICT, &places, NULL);
        _exit(result < 0 ? CHILD_FAILED : result);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return CHILD_FAILED;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_FAILED;
}

void confine_check(const struct rootfs *root, const struct host *host, struct check_result *ret)
{
    (void)host;
    int gaps = root->live ? try_in_child() : CHILD_FAILED;

    if (gaps == 0) {
        ret->level = CHECK_OK;
        snprintf(ret->finding, sizeof(ret->finding),
                 "what draws and writes gives up all it does not need (--privileges=strict)");
    } else if (gaps == CHILD_FAILED) {
        ret->level = CHECK_UNKNOWN;
        snprintf(ret->finding, sizeof(ret->finding), "whether privileges can be given up %s",
                 root->live ? "could not be tried" : "is not told by a saved tree");
    } else {
        ret->level = CHECK_NOTE;
        snprintf(ret->finding, sizeof(ret->finding), "%s", privilege_gap_text(gaps));
        snprintf(ret->effect, sizeof(ret->effect), "all else of --privileges=strict is in force");
        if (gaps & PRIVILEGE_NO_LANDLOCK)
            snprintf(ret->fix, sizeof(ret->fix),
                     "Linux 5.13 and later have Landlock; the boot option lsm= may leave it out");
    }
}
