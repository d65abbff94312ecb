/* SPDX-License-Identifier: MIT */
/*
 * Column sets: what the VMs screen shows for a question, at one key. What a person chose freely is
 * kept beside them and is one more. Pure.
 */
#ifndef KVMLENS_UI_STATE_COLUMN_SETS_H
#define KVMLENS_UI_STATE_COLUMN_SETS_H

#include "ui/grid/column_set_list.h"
#include "ui/state/columns.h"

/* {0} is: nothing chosen, nothing configured, COLUMN_SET_OWN shown. */
struct column_sets {
    enum column_set shown;
    struct column_choice own; /* while another one is shown; count 0: nobody chose any */
    /* what the configuration has in the place of ours; count 0: nothing. Of OWN it is not used */
    struct column_choice configured[COLUMN_SET_COUNT];
};

/* column_set_name - in the configuration: "cpu"; column_set_title - on the screen: "CPU". */
const char *column_set_name(enum column_set set);
const char *column_set_title(enum column_set set);

/* column_set_key - the character that shows it. */
char column_set_key(enum column_set set);

/* column_set_find - the set of that name, or -ENOENT. */
int column_set_find(const char *name);

/*
 * column_sets_show - @columns become those of @set. What was in them is kept where it was the own
 * choice. Where nobody chose any columns yet, the own choice begins with those that are shown.
 */
void column_sets_show(struct column_sets *sets, struct column_choice *columns, enum column_set set);

#endif
