// SPDX-License-Identifier: MIT
#include "ui/screens/load_cause.h"

#include <stdio.h>

#include "core/find/host_fix.h"

/* A number that is only late, or that nobody can have, needs no words. */
static bool can_be_helped(const struct column_value *v)
{
    return !v->blank && (v->state == READING_ABSENT || v->state == READING_DENIED) &&
           v->cause != CAUSE_NONE &&
           reading_cause_nature((enum reading_cause)v->cause) != CAUSE_IS_FACT;
}

bool load_cause_draw(const struct snapshot *now, const struct snapshot_vm *vm,
                     const struct column_plan *plan, bool has_pane, struct rect r,
                     struct screen *out)
{
    const struct column_fields none = {0};
    char fix[HOST_FIX_MAX], text[HOST_FIX_MAX + 300];

    for (size_t i = 0; i < plan->count && vm != NULL; i++) {
        const enum column_id id = plan->slots[i].id;
        if (column_table[id].wish == 0)
            continue;
        const struct column_value v = column_get(id, &none, vm, NULL);
        if (!can_be_helped(&v))
            continue;
        const enum reading_cause cause = (enum reading_cause)v.cause;
        const bool is_of_host = reading_cause_is_of_host(cause);
        if (is_of_host && has_pane)
            continue;
        snprintf(text, sizeof(text), "%s: no %s: %s. %s", is_of_host ? "All VMs" : vm->name,
                 column_table[id].title, reading_cause_text(cause),
                 host_fix_cause(&now->host, cause, fix));
        screen_field(out, r, r.y, r.x, r.cols, ALIGN_LEFT, STYLE_NOTICE, text);
        return true;
    }
    return false;
}
