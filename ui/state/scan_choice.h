/* SPDX-License-Identifier: MIT */
/*
 * Scan choice: which VMs somebody wants scanned, and how, as it is asked on the VMs screen. Pure.
 */
#ifndef KVMLENS_UI_STATE_SCAN_CHOICE_H
#define KVMLENS_UI_STATE_SCAN_CHOICE_H

#include <stddef.h>

#include "ui/grid/prompt.h"
#include "ui/state/model.h"
#include "ui/state/scan_wanted.h"

struct ui_state;

/*
 * scan_choice_ask - what is to be asked when somebody wants scans. PROMPT_NONE: nothing, there is a
 * message that says why.
 */
enum prompt_kind scan_choice_ask(struct ui_state *state, const struct ui_model *model);

/*
 * scan_choice_ask_end - the same, when somebody wants scans to end. *@ret: where nothing needs to
 * be asked, what is to end. PROMPT_NONE without a message: that.
 */
enum prompt_kind scan_choice_ask_end(struct ui_state *state, const struct ui_model *model,
                                     struct scan_choice *ret);

/* scan_choice_of - what @answer to @kind means; both as prompt_key has accepted them. */
struct scan_choice scan_choice_of(enum prompt_kind kind, char answer);

/*
 * scan_choice_vm - one after the other, the VMs that are chosen: *@at begins as 0. NULL: there are
 * no more. Those that have ended are left out. Valid as long as the model's snapshot.
 */
const struct snapshot_vm *scan_choice_vm(const struct scan_choice *choice,
                                         const struct ui_state *state, const struct ui_model *model,
                                         size_t *at);

#endif
