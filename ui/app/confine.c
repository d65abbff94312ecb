// SPDX-License-Identifier: MIT
#include "ui/app/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

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
