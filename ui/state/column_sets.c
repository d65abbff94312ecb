// SPDX-License-Identifier: MIT
#include "ui/state/column_sets.h"

#include <errno.h>
#include <string.h>

#define ROW(id, key, name, title, help) [COLUMN_SET_##id] = {name, title, key},
static const struct {
    const char *name, *title;
    char key;
} rows[COLUMN_SET_COUNT] = {COLUMN_SET_LIST(ROW)};

/* Of the overview they are those that are not hidden. */
#define COLUMNS_MAX 24
static const struct {
    enum column_id ids[COLUMNS_MAX];
    size_t count;
} built_in[COLUMN_SET_COUNT] = {
#define COLUMNS_OF(...)                                                                            \
    {                                                                                              \
        {__VA_ARGS__}, sizeof((enum column_id[]){__VA_ARGS__}) / sizeof(enum column_id)            \
    }
    [COLUMN_SET_CPU] =
        COLUMNS_OF(COLUMN_PID, COLUMN_NAME, COLUMN_STATE, COLUMN_VCPUS, COLUMN_CPU, COLUMN_RUN,
                   COLUMN_RDY, COLUMN_RDYMAX, COLUMN_MLMTD, COLUMN_GUEST, COLUMN_HOST, COLUMN_POLL,
                   COLUMN_IOTHR, COLUMN_VHOST, COLUMN_EMUL, COLUMN_MIGTHR, COLUMN_KERN,
                   COLUMN_PSI_CPU, COLUMN_ON_CPU, COLUMN_AFFINITY, COLUMN_UPTIME),
    [COLUMN_SET_EXITS] = COLUMNS_OF(COLUMN_PID, COLUMN_NAME, COLUMN_VCPUS, COLUMN_CPU, COLUMN_EXITS,
                                    COLUMN_TREND, COLUMN_IO, COLUMN_MMIO, COLUMN_HALT, COLUMN_IRQ,
                                    COLUMN_PF_FIXED, COLUMN_POLL, COLUMN_SOURCE),
    [COLUMN_SET_MEMORY] =
        COLUMNS_OF(COLUMN_PID, COLUMN_NAME, COLUMN_STATE, COLUMN_CPU, COLUMN_RAM, COLUMN_RES,
                   COLUMN_PRIV, COLUMN_SHARED, COLUMN_SWAP, COLUMN_KSM, COLUMN_HUGE,
                   COLUMN_HUGE_KIND, COLUMN_NUMA, COLUMN_MEM_LIMIT, COLUMN_OF_LIMIT, COLUMN_PSI_MEM,
                   COLUMN_ZERO, COLUMN_MAPPED, COLUMN_PF_FIXED),
    [COLUMN_SET_IO] =
        COLUMNS_OF(COLUMN_PID, COLUMN_NAME, COLUMN_CPU, COLUMN_READ, COLUMN_WRITE, COLUMN_READ_OPS,
                   COLUMN_WRITE_OPS, COLUMN_RX, COLUMN_TX, COLUMN_RX_PACKETS, COLUMN_TX_PACKETS,
                   COLUMN_RX_DROPS, COLUMN_TX_DROPS, COLUMN_PSI_IO, COLUMN_IOTHR, COLUMN_VHOST,
                   COLUMN_EMUL, COLUMN_IO, COLUMN_MMIO, COLUMN_IRQ),
    [COLUMN_SET_MIGRATION] = COLUMNS_OF(COLUMN_PID, COLUMN_NAME, COLUMN_MIGR, COLUMN_ZERO,
                                        COLUMN_RAM, COLUMN_STATE, COLUMN_CPU, COLUMN_RDY,
                                        COLUMN_RSS, COLUMN_PF_FIXED, COLUMN_MIGTHR, COLUMN_UPTIME),
#undef COLUMNS_OF
};

const char *column_set_name(enum column_set set)
{
    return rows[set].name;
}

const char *column_set_title(enum column_set set)
{
    return rows[set].title;
}

char column_set_key(enum column_set set)
{
    return rows[set].key;
}

int column_set_find(const char *name)
{
    for (int i = 0; i < COLUMN_SET_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -ENOENT;
}

static void make_built_in(enum column_set set, struct column_choice *ret)
{
    if (set == COLUMN_SET_OVERVIEW) {
        column_choice_default(ret);
        return;
    }
    *ret = (struct column_choice){.count = built_in[set].count};
    memcpy(ret->ids, built_in[set].ids, built_in[set].count * sizeof(ret->ids[0]));
}

void column_sets_show(struct column_sets *sets, struct column_choice *columns, enum column_set set)
{
    if (sets->shown == COLUMN_SET_OWN)
        sets->own = *columns;
    sets->shown = set;
    if (set == COLUMN_SET_OWN)
        *columns = sets->own.count > 0 ? sets->own : *columns;
    else if (sets->configured[set].count > 0)
        *columns = sets->configured[set];
    else
        make_built_in(set, columns);
}
