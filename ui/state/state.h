/* SPDX-License-Identifier: MIT */
/*
 * State: all that the keys change. ui_update() turns a key into a new state and, where the outside
 * is concerned, an action. No terminal, no clock, no I/O.
 */
#ifndef KVMLENS_UI_STATE_STATE_H
#define KVMLENS_UI_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/vm.h"
#include "ui/state/columns.h"
#include "ui/state/counters.h"
#include "ui/choose/filter.h"
#include "ui/grid/keys.h"
#include "ui/state/model.h"
#include "ui/choose/pattern.h"
#include "ui/grid/prompt.h"
#include "ui/grid/scroll.h"

/* What the caller of ui_update has to do. */
enum ui_action {
    UI_NOTHING,
    UI_QUIT,
    UI_REDRAW,     /* every cell again: the terminal may show something else */
    UI_NEW_DELAY,  /* state->delay_s changed */
    UI_SAMPLE_NOW,
    UI_NEW_BASE,   /* totals count from now on */
    UI_NEW_THEME,  /* state->theme changed */
    UI_LOOK,       /* look at the memory of state->detail.vm: residency and an estimate */
    UI_SCAN,       /* scan all of it */
    UI_SCAN_CANCEL,
    UI_SAVE,       /* keep ui_to_config() */
    UI_EXPORT,     /* write the snapshot to state->export_path */
};

/* A set of VMs. Small: what a person picked by hand. */
#define UI_VM_SET_MAX 256
struct vm_set {
    struct vm_id ids[UI_VM_SET_MAX];
    size_t count;
};
bool vm_set_has(const struct vm_set *set, const struct vm_id *id);
bool vm_set_toggle(struct vm_set *set, const struct vm_id *id); /* false: the set is full */
void vm_set_forget_ended(struct vm_set *set, const struct snapshot *s);

/* A row of the VMs screen: a VM, or one vCPU of it. Indices into the snapshot. */
struct vms_row {
    uint32_t vm;
    int32_t vcpu; /* -1: the VM itself */
};

struct vms_state {
    /* What is selected, by identity: it stays the same VM wherever it is sorted to. */
    struct vm_id selected;
    int selected_vcpu;       /* id, -1 = the VM itself */
    char selected_name[128]; /* to find a successor when it ended */
    bool stick_to_first; /* nobody chose yet, or Home was pressed: the first row, whichever it is */
    bool follow;             /* when the selected VM ends, wait for one of the same name */
    enum column_id sort;
    bool sort_inverted;
    struct column_choice columns;
    int column_shift;
    bool tree;             /* vCPU rows of all VMs ... */
    struct vm_set toggled; /* ... except of these */
    struct vm_set tagged;
    bool only_tagged;
    struct filter only;    /* of the command line: by the same rule as in its other modes */
    struct pattern filter; /* of names, VMMs and pids */
    struct scroll scroll;  /* row: the selected one */
    /* Made by vms_follow from a snapshot and the above. */
    struct vms_row *rows;
    size_t row_count, row_cap;
    size_t vm_rows; /* VMs among them */
};

struct counters_state {
    enum counters_order order;
    bool inverted;
    bool hide_zero;
    bool by_guest;
    struct pattern pattern; /* of counters */
    struct pattern guests;
    int64_t selected; /* id of a counter_row; -1: the first row, whichever it is */
    struct scroll scroll;
    struct counters counters; /* made by counters_follow */
};

struct detail_state {
    struct vm_id vm;
    char name[128];
    enum ui_screen from; /* where it was opened: the VMs or the host counters */
    bool ended; /* it is gone; the last numbers stay on the screen */
    struct counters_state counters;
    struct scroll vcpus, regions, histograms;
    int histogram_vcpu; /* index of the vCPU shown; -1: all together */
};

struct chooser_state {
    struct scroll scroll;
    bool sorting; /* picks the sort column instead of the shown ones */
};

struct ui_state {
    enum ui_screen screen;
    enum ui_screen back; /* where the help, the chooser and the host counters return to */
    int rows, cols;      /* of the terminal */
    struct vms_state vms;
    struct detail_state detail;
    struct counters_state host;
    struct chooser_state chooser;
    struct scroll help;
    struct ui_prompt prompt;
    char search[UI_PROMPT_MAX]; /* last text searched for */
    char message[200]; /* shown in the status line until the next key; "" = none */
    char export_path[UI_PROMPT_MAX];
    double delay_s;
    bool frozen;
    bool since_creation; /* totals since each VM was created, not since start or reset */
    size_t theme;        /* index into theme_table */
    long utc_offset_s;   /* of the clock in the header; set from outside */
};

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s);
void ui_state_done(struct ui_state *state);

/* ui_resize - new size of the terminal. */
void ui_resize(struct ui_state *state, int rows, int cols);

/*
 * ui_follow - a new snapshot (or a new size) is there: rows, selections and scroll positions follow
 * it. 0 or -ENOMEM, the rows then being empty.
 */
int ui_follow(struct ui_state *state, const struct ui_model *model);

/* ui_update - one key or mouse event. The rows are brought up to date. */
enum ui_action ui_update(struct ui_state *state, const struct ui_model *model, struct ui_key key);

/* ui_command - what a key stands for; ui_update finds it in the key table. */
enum ui_action ui_command(struct ui_state *state, const struct ui_model *model,
                          enum ui_command command);

/* ui_prompt_accept - Enter in a prompt: @kind was asked, state->prompt.text is the answer. One that
 * does not do is refused, and the prompt stays open. */
enum ui_action ui_prompt_accept(struct ui_state *state, const struct ui_model *model,
                                enum prompt_kind kind);

/* ui_search - select the next row that contains @text, from the selected one or after it. */
bool ui_search(struct ui_state *state, const struct ui_model *model, const char *text, bool after);

/* ui_mouse - a click or a turn of the wheel. */
enum ui_action ui_mouse(struct ui_state *state, const struct ui_model *model, struct ui_key key);

/* ui_select - start with this VM selected; ui_open - with its drill-down. */
void ui_select(struct ui_state *state, const struct snapshot_vm *vm);
void ui_open(struct ui_state *state, const struct snapshot_vm *vm, enum ui_screen tab);

/* ui_say - a message for the status line. */
void ui_say(struct ui_state *state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ui_apply_config - what is given in it; ui_to_config - all of it, the rest of @ret stays. */
struct config;
void ui_apply_config(struct ui_state *state, const struct config *config);
void ui_to_config(const struct ui_state *state, struct config *ret);

/* ui_base - the snapshot totals count from, as chosen. */
const struct snapshot *ui_base(const struct ui_state *state, const struct ui_model *model);

/* ui_is_detail - is it one of the tabs of a VM? */
bool ui_is_detail(enum ui_screen screen);

/* --- VMs screen: state_vms.c --- */

size_t vms_page(const struct ui_state *state); /* rows visible at a time, at least 1 */
const struct snapshot_vm *vms_selected(const struct ui_state *state, const struct ui_model *model);
enum ui_action vms_command(struct ui_state *state, const struct ui_model *model,
                           enum ui_command command);
int vms_follow(struct ui_state *state, const struct ui_model *model);
void vms_select_row(struct ui_state *state, const struct ui_model *model, size_t row);
void vms_sort_by(struct vms_state *vms,
                 enum column_id id); /* the same again turns the order round */

/* --- drill-down and host counters: state_detail.c --- */

/* detail_vm - the VM whose drill-down is open, in model->detail; NULL when it never was there. */
const struct snapshot_vm *detail_vm(const struct ui_state *state, const struct ui_model *model);

/* counters_of - the table of counters of the screen that is shown, or NULL. */
struct counters_state *counters_of(struct ui_state *state);
size_t counters_page(const struct ui_state *state);
/* counters_row_name - name of the counter or guest of a row */
const char *counters_row_name(const struct counters_state *cs, const struct snapshot *s,
                              size_t row);
void counters_select_row(struct counters_state *cs, size_t row);

/* histogram_lines - lines of the histogram tab: what its view draws and its keys scroll over. */
struct histogram_line {
    const struct field *field;
    int bucket; /* -1: the title */
};
size_t histogram_lines(const struct snapshot *s, const uint64_t *buckets,
                       struct histogram_line *ret, size_t cap);
/* histogram_buckets - of the vCPU chosen, or of the VM. */
const uint64_t *histogram_buckets(const struct ui_state *state, const struct snapshot_vm *vm);
#define HISTOGRAM_LINES_MAX 512

/* ui_memory_entered - the memory of a VM came on the screen: UI_LOOK unless that was done or is
 * under way. Never UI_SCAN: reading all of it is for a person to ask for. */
enum ui_action ui_memory_entered(const struct ui_state *state, const struct ui_model *model);

enum ui_action detail_command(struct ui_state *state, const struct ui_model *model,
                              enum ui_command command);
enum ui_action ui_host_command(struct ui_state *state, const struct ui_model *model,
                            enum ui_command command);
int detail_follow(struct ui_state *state, const struct ui_model *model);
int ui_host_follow(struct ui_state *state, const struct ui_model *model);

/* --- column chooser: state_chooser.c --- */

/* chooser_row - the column of a row: the chosen ones in their order, then the others. */
enum column_id chooser_row(const struct column_choice *choice, size_t row, bool *ret_chosen);
enum ui_action chooser_command(struct ui_state *state, enum ui_command command);

#endif
