// SPDX-License-Identifier: MIT
// The monitor and scans that somebody asked for: how they begin and end, and what is said of it.
#include "ui/app/monitor_internal.h"
#include "ui/state/scan_choice.h"

void monitor_scan(struct monitor *m, enum scan_queue_depth depth)
{
    struct error err = {0};
    int result = scan_queue_request(&m->queue, m->now, &m->state.detail.vm, depth, &err);

    if (depth == SCAN_QUEUE_DIRTY_UNASKED)
        return; /* nobody waits for them: the Memory tab says how they are */
    if (result < 0)
        ui_say(&m->state, depth == SCAN_QUEUE_DIRTY ? "No looks: %s" : "No scan: %s", err.msg);
    else if (result > 0)
        ui_say(&m->state, "%s when that of another VM has ended; x takes it back",
               depth == SCAN_QUEUE_DIRTY ? "The looks begin" : "The scan begins");
}

static void begin(struct monitor *m, const struct scan_choice *choice, const struct ui_model *model)
{
    static const enum scan_queue_depth depths[] = {
        [SCAN_WHAT_EXACT] = SCAN_QUEUE_EXACT,
        [SCAN_WHAT_ESTIMATE] = SCAN_QUEUE_LOOK,
        [SCAN_WHAT_LOOKS] = SCAN_QUEUE_DIRTY,
    };
    const bool is_of_many = choice->which != SCAN_WHICH_SELECTED;
    struct error err = {0};
    const struct snapshot_vm *vm;
    size_t at = 0, count = 0, refused = 0;

    while ((vm = scan_choice_vm(choice, &m->state, model, &at)) != NULL) {
        struct error why = {0};
        int result =
            is_of_many
                ? scan_queue_request_of_many(&m->queue, m->now, &vm->id, depths[choice->what], &why)
                : scan_queue_request(&m->queue, m->now, &vm->id, depths[choice->what], &why);
        count++;
        if (result < 0 && refused++ == 0)
            err = why;
    }
    /* The status line says what is under way, and how many wait: no more is said where all are. */
    if (count == 0)
        ui_say(&m->state, "No scan: the VM has ended");
    else if (refused == 1 && count == 1)
        ui_say(&m->state, "No scan: %s", err.msg);
    else if (refused > 0)
        ui_say(&m->state, "No scan of %zu of %zu VMs: %s", refused, count, err.msg);
}

void monitor_scans(struct monitor *m)
{
    const struct scan_choice *choice = &m->state.scans;
    struct ui_model model = monitor_model(m);

    if (choice->what != SCAN_WHAT_END) {
        begin(m, choice, &model);
    } else if (choice->which == SCAN_WHICH_SELECTED) {
        size_t at = 0;
        const struct snapshot_vm *vm = scan_choice_vm(choice, &m->state, &model, &at);
        if (vm != NULL)
            scan_queue_cancel(&m->queue, &vm->id);
    } else {
        scan_queue_cancel_all(&m->queue);
    }
}
