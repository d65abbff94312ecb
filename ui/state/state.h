/* SPDX-License-Identifier: MIT */
/*
 * State: all that the keys change. ui_update() of ui/screens turns a key into a new state and,
 * where the outside is concerned, an action. No terminal, no clock, no I/O.
 */
#ifndef KVMLENS_UI_STATE_STATE_H
#define KVMLENS_UI_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/forecast/forecast_settings.h"
#include "core/model/vm.h"
#include "ui/choose/filter.h"
#include "ui/choose/pattern.h"
#include "ui/grid/keys.h"
#include "ui/grid/prompt.h"
#include "ui/grid/scroll.h"
#include "ui/state/column_sets.h"
#include "ui/state/columns.h"
#include "ui/state/counters.h"
#include "ui/state/exits.h"
#include "ui/state/model.h"
#include "ui/state/name_width.h"
#include "ui/state/scan_wanted.h"
#include "ui/state/vcpus.h"

/* What the caller of ui_update has to do. */
enum ui_action {
    UI_NOTHING,
    UI_QUIT,
    UI_REDRAW,    /* every cell again: the terminal may show something else */
    UI_NEW_DELAY, /* state->delay_s changed */
    UI_SAMPLE_NOW,
    UI_NEW_BASE,  /* totals count from now on */
    UI_NEW_THEME, /* state->theme changed */
    UI_NEW_BPF,   /* state->bpf changed */
    UI_LOOK,      /* look at the memory of state->detail.vm: residency and an estimate */
    UI_SCAN,      /* scan all of it */
    UI_SCAN_CANCEL,
    UI_SCANS,         /* begin or end those that state->scans says */
    UI_LOOKS,         /* looks at what it writes */
    UI_LOOKS_UNASKED, /* likewise, but they give way to what somebody asks for */
    UI_SAVE,          /* keep ui_to_config() */
    UI_EXPORT,        /* write the snapshot to state->export_path */
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

/* What is selected, by identity: it stays the same VM wherever it is sorted to. */
struct vms_selection {
    struct vm_id vm;
    int vcpu;            /* id, -1 = the VM itself */
    char name[128];      /* to find a successor when it ended */
    bool stick_to_first; /* nobody chose yet, or Home was pressed: the first row, whichever it is */
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
    struct column_choice columns; /* that are shown */
    struct column_sets sets;      /* and what else could be */
    int column_shift;
    struct name_width names; /* of the rows that are listed */
    bool has_pane;         /* the selected VM below the table, where there is room */
    bool tree;             /* vCPU rows of all VMs ... */
    struct vm_set toggled; /* ... except of these */
    struct vm_set tagged;
    bool only_tagged;
    struct filter only;    /* of the command line: by the same rule as in its other modes */
    struct pattern filter; /* of names, VMMs and pids */
    struct scroll scroll;  /* row: the selected one */
};

struct counters_state {
    enum counters_order order;
    bool inverted;
    bool hide_zero;
    bool by_guest;
    struct pattern pattern; /* of counters */
    struct pattern guests;
    int vcpu; /* of the open VM: 1 + index of the one that is shown alone; 0: all together */
    int64_t selected; /* id of a counter_row; -1: the first row, whichever it is */
    struct scroll scroll;
};

/* What each tab may use as it likes; zero when another VM is opened. */
struct tab_state {
    struct scroll scroll;
    int choice; /* histograms: 1 + index of the vCPU shown; 0: all together */
};

struct detail_state {
    struct vm_id vm;
    char name[128];
    enum ui_screen from; /* where it was opened: the VMs or the host counters */
    bool ended; /* it is gone; the last numbers stay on the screen */
    struct counters_state counters;
    struct vcpus_state vcpus;
    struct exits_chosen exits;
    bool hist_interval;                  /* histograms are those of the last interval */
    struct tab_state tabs[SCREEN_COUNT]; /* of the tabs among the screens */
};

struct chooser_state {
    struct scroll scroll;
    bool sorting; /* picks the sort column instead of the shown ones */
};

/* What there was before somebody began to type a filter that shows at once what it matches. */
struct filter_before {
    bool is_kept;
    struct pattern pattern;
    struct vms_selection selection;
};

struct ui_state {
    enum ui_screen screen;
    enum ui_screen back; /* where a screen with SCREEN_OVER returns to */
    /* what the help lies over, which may be one with SCREEN_OVER, too */
    enum ui_screen help_over;
    int rows, cols;      /* of the terminal */
    struct vms_state vms;
    struct detail_state detail;
    struct counters_state host;
    struct exits_chosen host_exits;
    struct chooser_state chooser;
    struct scroll help;
    struct ui_prompt prompt;
    struct scan_choice scans;    /* what was answered last on the VMs screen */
    struct filter_before before; /* while a filter is typed */
    char search[UI_PROMPT_MAX]; /* last text searched for */
    char message[200]; /* shown in the status line until the next key; "" = none */
    char export_path[UI_PROMPT_MAX];
    double delay_s;
    bool frozen;
    bool since_creation; /* totals since each VM was created, not since start or reset */
    bool bpf;            /* somebody asked for BPF, and has not taken it back */
    bool exits;          /* exits are to be counted for the pane, too: set from outside */
    size_t theme;        /* index into theme_table */
    struct forecast_settings migration; /* what forecasts are made for */
    long utc_offset_s;   /* of the clock in the header; set from outside */
};

void ui_state_init(struct ui_state *state, int rows, int cols, double delay_s);
void ui_state_done(struct ui_state *state);

/* ui_resize - new size of the terminal. */
void ui_resize(struct ui_state *state, int rows, int cols);

/* ui_open - select this VM and open that tab of its drill-down. */
void ui_open(struct ui_state *state, const struct snapshot_vm *vm, enum ui_screen tab);

/* ui_say - a message for the status line. */
void ui_say(struct ui_state *state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ui_apply_config - what is given in it; ui_to_config - all of it, the rest of @ret stays. */
struct config;
void ui_apply_config(struct ui_state *state, const struct config *config);
void ui_to_config(const struct ui_state *state, struct config *ret);

/* ui_base - the snapshot totals count from, as chosen. */
const struct snapshot *ui_base(const struct ui_state *state, const struct ui_model *model);

/* ui_now_ns - the time, CLOCK_MONOTONIC. Not that of the newest snapshot where there is a clock:
 * frozen, or between slow refreshes, that is older than scans. 0: there is neither. */
uint64_t ui_now_ns(const struct ui_model *model);

/* ui_below - the screen that is shown, or the one that the help or the chooser lies over. */
enum ui_screen ui_below(const struct ui_state *state);

/*
 * ui_exits_wish - are exits to be counted for what is shown, or lies below the help? Counting costs
 * guests, so it is not while the picture is frozen, nor of a VM that ended. *@ret_pid: of this
 * process only; 0: of all. For the pane only where that was asked for.
 */
bool ui_exits_wish(const struct ui_state *state, pid_t *ret_pid);

/* ui_page - rows of the body of a screen, at least 1. */
size_t ui_page(const struct ui_state *state);

/* --- VMs screen: state_vms.c --- */

size_t vms_page(const struct ui_state *state); /* rows of its table, at least 1 */
const struct snapshot_vm *vms_selected(const struct ui_state *state, const struct ui_model *model);
enum ui_action vms_command(struct ui_state *state, const struct ui_model *model,
                           enum ui_command command);
int vms_follow(struct ui_state *state, const struct ui_model *model);
/* vms_selection_get, vms_selection_set - what is selected, to come back to it. */
struct vms_selection vms_selection_get(const struct vms_state *vms);
void vms_selection_set(struct vms_state *vms, const struct vms_selection *selection);
void vms_select_row(struct ui_state *state, const struct ui_model *model, size_t row);
void vms_sort_by(struct vms_state *vms,
                 enum column_id id); /* the same again turns the order round */

/* --- drill-down: state_detail.c --- */

/* detail_vm - the VM whose drill-down is open, in model->detail; NULL when it never was there. */
const struct snapshot_vm *detail_vm(const struct ui_state *state, const struct ui_model *model);

/* detail_is_over - is @screen one of a VM that has ended? Its last numbers stay. */
bool detail_is_over(const struct ui_state *state, enum ui_screen screen);

/* detail_follow - see whether that VM still is there; when it ended and somebody follows it, its
 * successor of the same name takes its place. */
void detail_follow(struct ui_state *state, const struct ui_model *model);

/* counters_page - rows that a table with titles and an explanation shows at a time, at least 1. */
size_t counters_page(const struct ui_state *state);

#endif
