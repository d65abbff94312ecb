// SPDX-License-Identifier: MIT
#include "ui/state/scan_choice.h"

#include "ui/state/state.h"

enum prompt_kind scan_choice_ask(struct ui_state *state, const struct ui_model *model)
{
    if (model->scans == NULL)
        ui_say(state, "The memory of a VM can be scanned on the live system only");
    else if (model->now == NULL || model->rows->vms.count == 0)
        ui_say(state, "No VM is listed that could be scanned");
    else
        return state->vms.tagged.count > 0 ? PROMPT_SCAN_TAGGED : PROMPT_SCAN;
    return PROMPT_NONE;
}

enum prompt_kind scan_choice_ask_end(struct ui_state *state, const struct ui_model *model,
                                     struct scan_choice *ret)
{
    const struct ui_scans *s = &model->scan_list;

    *ret = (struct scan_choice){SCAN_WHICH_SELECTED, SCAN_WHAT_END};
    if (s->count == 0)
        ui_say(state, "No VM is being scanned");
    else if (s->of_selected == 0)
        return PROMPT_SCAN_END_ALL;
    else if (s->of_selected < s->count)
        return PROMPT_SCAN_END;
    return PROMPT_NONE;
}

struct scan_choice scan_choice_of(enum prompt_kind kind, char answer)
{
    static const struct {
        char answer;
        struct scan_choice choice;
    } answers[] = {
        {'s', {SCAN_WHICH_SELECTED, SCAN_WHAT_EXACT}},  {'t', {SCAN_WHICH_TAGGED, SCAN_WHAT_EXACT}},
        {'a', {SCAN_WHICH_LISTED, SCAN_WHAT_ESTIMATE}}, {'l', {SCAN_WHICH_TAGGED, SCAN_WHAT_LOOKS}},
        {'L', {SCAN_WHICH_LISTED, SCAN_WHAT_LOOKS}},
    };
    struct scan_choice choice = answers[0].choice;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].answer == answer)
            choice = answers[i].choice;
    if (kind == PROMPT_SCAN_END || kind == PROMPT_SCAN_END_ALL)
        choice.what = SCAN_WHAT_END;
    return choice;
}

static const struct snapshot_vm *next_tagged(const struct ui_state *state,
                                             const struct ui_model *model, size_t *at)
{
    const struct snapshot_vm *vm = NULL;

    while (vm == NULL && *at < state->vms.tagged.count)
        vm = snapshot_find(model->now, &state->vms.tagged.ids[(*at)++]);
    return vm;
}

/* The rows of vCPUs are none. */
static const struct snapshot_vm *next_listed(const struct ui_model *model, size_t *at)
{
    const struct vms_rows *rows = &model->rows->vms;

    while (*at < rows->count) {
        const struct vms_row *row = &rows->rows[(*at)++];
        if (row->vcpu < 0)
            return &model->now->vms[row->vm];
    }
    return NULL;
}

const struct snapshot_vm *scan_choice_vm(const struct scan_choice *choice,
                                         const struct ui_state *state, const struct ui_model *model,
                                         size_t *at)
{
    if (model->now == NULL)
        return NULL;
    if (choice->which == SCAN_WHICH_TAGGED)
        return next_tagged(state, model, at);
    if (choice->which == SCAN_WHICH_LISTED)
        return next_listed(model, at);
    return (*at)++ == 0 ? vms_selected(state, model) : NULL;
}
