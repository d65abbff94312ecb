// SPDX-License-Identifier: MIT
#include "core/model/reading.h"

#include <errno.h>

#include "core/base/host.h"

static const struct {
    const char *name, *text, *meaning;
} states[READING_STATE_COUNT] = {
    [READING_ABSENT] = {"absent", "n/a", "this host has no such number"},
    [READING_OK] = {"ok", "", ""},
    [READING_WARMUP] = {"warmup", "...", "a rate needs a second sample"},
    [READING_RESET] = {"reset", "reset", "the counter fell since the sample before: no rate"},
    [READING_DENIED] = {"denied", "denied", "it may not be read"},
    [READING_STALE] = {"stale", "stale", "it could be read before, but not now"},
};

/* clang-format off */
static const struct {
    const char *id, *text, *fix;
    enum cause_nature nature;
    enum reading_state state;
    enum reading_source source;
    uint64_t needs;
} causes[CAUSE_COUNT] = {
    [CAUSE_NONE] = {.id = "", .text = "", .fix = ""},
#define CAUSE(name, id, text, fix, nature, state, needs, source)                                   \
    [CAUSE_##name] = {id, text, fix, CAUSE_IS_##nature, READING_##state, source, needs},
    CAUSES(CAUSE)
#undef CAUSE
};
/* clang-format on */

struct reading reading_of_cause(enum reading_cause cause)
{
    return reading_missing(causes[cause].state, cause);
}

enum reading_cause reading_cause_of_error(int code, enum reading_cause refused)
{
    switch (code) {
    case -EPERM:
    case -EACCES:
        return refused;
    case -EMFILE:
    case -ENFILE:
        return CAUSE_FD_LIMIT;
    case -ENOENT:
    case -ESRCH:
        return CAUSE_GONE;
    default:
        return CAUSE_READ_ERROR;
    }
}

const char *reading_state_text(enum reading_state state)
{
    return states[state].text;
}

const char *reading_state_name(enum reading_state state)
{
    return states[state].name;
}

const char *reading_state_meaning(enum reading_state state)
{
    return states[state].meaning;
}

const char *reading_cause_id(enum reading_cause cause)
{
    return causes[cause].id;
}

const char *reading_missing_id(enum reading_state state, enum reading_cause cause)
{
    if (state == READING_OK)
        return "";
    return cause != CAUSE_NONE ? reading_cause_id(cause) : reading_state_name(state);
}

const char *reading_cause_text(enum reading_cause cause)
{
    return causes[cause].text;
}

const char *reading_cause_fix(enum reading_cause cause)
{
    return causes[cause].fix;
}

bool reading_cause_is_lockdown(enum reading_cause cause)
{
    return cause == CAUSE_LOCKDOWN || cause == CAUSE_LOCKDOWN_INTEGRITY ||
           cause == CAUSE_LOCKDOWN_CONFIDENTIALITY;
}

bool reading_cause_is_of_host(enum reading_cause cause)
{
    return cause == CAUSE_NO_CGROUP || reading_cause_is_lockdown(cause);
}

enum cause_nature reading_cause_nature(enum reading_cause cause)
{
    return causes[cause].nature;
}

uint64_t reading_cause_needs(enum reading_cause cause)
{
    return causes[cause].needs;
}

enum reading_source reading_cause_source(enum reading_cause cause)
{
    return causes[cause].source;
}
