// SPDX-License-Identifier: MIT
#include "core/model/source_list.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define ROW(id, name, brief, gives) [SOURCE_##id] = {#name, brief, gives},
static const struct {
    const char *name;
    char brief[SOURCE_BRIEF_MAX];
    unsigned gives;
} rows[SOURCE_COUNT] = {[SOURCE_NONE] = {"none", "none", 0}, SOURCES(ROW)};

static_assert(SOURCE_PAIR_TEXT_MAX >= 2 * SOURCE_BRIEF_MAX, "two brief names and a plus");

const char *reading_source_name(enum reading_source source)
{
    return rows[source].name;
}

unsigned source_gives(enum reading_source source)
{
    return rows[source].gives;
}

enum reading_source source_find(const char *name, size_t len)
{
    for (enum reading_source i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return i;
    return SOURCE_NONE;
}

unsigned sources_that_give(unsigned gives)
{
    unsigned set = 0;

    for (unsigned i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++)
        set |= rows[i].gives & gives ? SOURCE_BIT(i) : 0;
    return set;
}

bool sources_count_alike(enum reading_source a, enum reading_source b)
{
    return a == b || (rows[a].gives & rows[b].gives & GIVES_VCPU_COUNTERS) != 0;
}

static bool has_counters(enum reading_source source)
{
    return (rows[source].gives & GIVES_COUNTERS) != 0;
}

void source_pair_text(enum reading_source vm, enum reading_source vcpu,
                      char ret[SOURCE_PAIR_TEXT_MAX])
{
    enum reading_source best = vm < vcpu ? vm : vcpu, other = vm < vcpu ? vcpu : vm;
    bool both = best != other && has_counters(best) && has_counters(other);

    if (best == SOURCE_NONE || (!has_counters(best) && has_counters(other)))
        best = other;
    char *end = stpcpy(ret, rows[best].brief);
    if (both)
        stpcpy(stpcpy(end, "+"), rows[other].brief);
}
