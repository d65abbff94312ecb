/* SPDX-License-Identifier: MIT */
/*
 * State: all that the keys change. ui_update() turns a key into a new state and, where the outside is
 * concerned, an action. No terminal, no clock, no I/O.
 */
#ifndef KVMLENS_UI_STATE_H
#define KVMLENS_UI_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/snapshot.h"
#include "core/vm.h"
#include "ui/columns.h"
#include "ui/keys.h"

#define UI_DELAY_MIN_S 0.1
#define UI_DELAY_MAX_S 3600.0
#define UI_PROMPT_MAX 200

struct ui_key {
    uint32_t code; /* character or enum key_code */
};

/* What the caller of ui_update has to do. */
enum ui_action {
    UI_NOTHING,
    UI_QUIT,
    UI_REDRAW,     /* every cell again: the terminal may show something else */
    UI_NEW_DELAY,  /* state->delay_s changed */
    UI_SAMPLE_NOW,
};

/* A set of VMs. Small: what a person picked by hand. */
#define UI_VM_SET_MAX 256
struct vm_set {
    struct vm_id ids[UI_VM_SET_MAX];
    size_t count;
};
bool vm_set_has(const struct vm_set *set, const struct vm_id *id);
bool vm_set_toggle(struct vm_set *set, const struct vm_id *id); /* false: the set is full */

/* A row of the VMs screen: a VM, or one vCPU of it. Indices into the snapshot. */
struct vms_row {
    uint32_t vm;
    int32_t vcpu; /* -1: the VM itself */
};

struct vms_state {
    /* What is selected, by identity: it stays the same VM wherever it is sorted to. */
    struct vm_id selected;
    int selected_vcpu;   /* id, -1 = the VM itself */
    bool stick_to_first; /* nobody chose yet, or Home was pressed: the first row, whichever it is */
    enum column_id sort;
    bool sort_inverted;
    struct column_choice columns;
    int column_shift;
    bool tree;             /* vCPU rows of all VMs ... */
    struct vm_set toggled; /* ... except of these */
    size_t top;            /* first row shown */
    /* Made by vms_rows_update from a snapshot and the above. */
    struct vms_row *rows;
    size_t row_count, row_cap;
    size_t selected_row; /* meaningless when row_count is 0 */
};

enum prompt_kind { PROMPT_NONE, PROMPT_DELAY };

struct ui_prompt {
    enum prompt_kind kind;
    char text[UI_PROMPT_MAX]; /* UTF-8 */
    size_t len;
};

struct ui_state {
    enum ui_screen screen;
    int rows, cols; /* of the terminal */
    struct vms_state vms;
    size_t help_top;
    struct ui_prompt prompt;
    char message[160]; /* shown in the status line until the next key; "" = none */
    double delay_s;
    bool frozen;
    long utc_offset_s; /* of the clock in the header; set from outside */
};

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s);
void ui_state_done(struct ui_state *state);

/* ui_resize - new size of the terminal. */
void ui_resize(struct ui_state *state, int rows, int cols);

/*
 * ui_follow - a new snapshot (or a new size) is there: rows, selection and scroll position follow it.
 * 0 or -ENOMEM, the rows then being empty.
 */
int ui_follow(struct ui_state *state, const struct snapshot *s);

/* ui_update - one key. The rows are brought up to date with @s. */
enum ui_action ui_update(struct ui_state *state, const struct snapshot *s, struct ui_key key);

/* ui_select - start with this VM selected. */
void ui_select(struct ui_state *state, const struct vm_id *id);

/* ui_delay_clamp - nearest delay that is allowed */
double ui_delay_clamp(double seconds);

/* vms_page - rows of the VMs screen that are visible at a time; at least 1. */
size_t vms_page(const struct ui_state *state);

/* vms_selected - the selected VM in @s, or NULL. */
const struct snapshot_vm *vms_selected(const struct ui_state *state, const struct snapshot *s);

/* Commands of the VMs screen; called by ui_update only. */
enum ui_action vms_command(struct ui_state *state, const struct snapshot *s, enum ui_command command);
int vms_rows_update(struct ui_state *state, const struct snapshot *s);

#endif
