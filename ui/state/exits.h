/* SPDX-License-Identifier: MIT */
/*
 * Exits: the rows of the table of exits, of a VM, of one of its vCPUs, or of all VMs together.
 * Pure.
 */
#ifndef KVMLENS_UI_STATE_EXITS_H
#define KVMLENS_UI_STATE_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/exits.h"
#include "core/model/snapshot.h"
#include "ui/choose/pattern.h"
#include "ui/grid/keys.h"
#include "ui/grid/scroll.h"

enum exits_order { EXITS_BY_TIME, EXITS_BY_COUNT, EXITS_BY_NAME, EXITS_ORDER_COUNT };

/* Parts of the table, from top to bottom. */
enum exits_section {
    EXITS_WORK,    /* reasons */
    EXITS_WAITING, /* those of them that are halts */
    EXITS_TO_USER, /* why KVM_RUN returned */
    EXITS_SEEN, /* kinds of what is behind exits, where the exits themselves are not to be seen */
    EXITS_SECTION_COUNT
};

/* What a row is about; the same from snapshot to snapshot. */
struct exits_id {
    uint8_t section; /* enum exits_section */
    uint8_t isa;     /* enum exit_isa; EXITS_TO_USER: EXIT_ISA_USER; EXITS_SEEN: 0 */
    uint64_t value;  /* the reason; EXITS_TO_USER: as of EXIT_KEY_USER; EXITS_SEEN: the kind */
};

bool exits_id_equal(const struct exits_id *a, const struct exits_id *b);

/* What a person chose. */
struct exits_chosen {
    enum exits_order order;
    bool inverted;
    bool hide_zero;
    int vcpu;               /* 1 + index of the vCPU shown; 0: all together */
    struct pattern pattern; /* of names */
    bool has_selected;      /* false: the first row, whichever it is */
    struct exits_id selected;
    struct scroll scroll; /* over the lines, headings included */
    bool is_open;         /* a reason is shown whole */
    struct exits_id open;
    struct scroll page; /* over its lines */
};

/* Whose exits are shown. All borrowed from the snapshot. */
struct exits_view {
    const struct snapshot *s;
    const struct exits *exits;        /* NULL: nobody counts */
    const struct exit_group *group;   /* NULL: nothing is counted of these */
    const struct snapshot_vm *vm;     /* NULL: all VMs */
    const struct snapshot_vcpu *vcpu; /* NULL: all of them */
};

/* exits_view_vm - of one VM; @vcpu: 1 + index of one of its vCPUs, 0 for all. exits_view_host - of
 * all. @s NULL: nobody counts. */
struct exits_view exits_view_vm(const struct snapshot *s, const struct snapshot_vm *vm, int vcpu);
struct exits_view exits_view_host(const struct snapshot *s);

/* How far the counting is. */
enum exits_stage {
    EXITS_STAGE_BEGINS,    /* it was asked for */
    EXITS_STAGE_FAILED,    /* exits->facts.why says why */
    EXITS_STAGE_ONE_LOOK,  /* nothing to compare with yet */
    EXITS_STAGE_NO_THREAD, /* nothing was seen of them since the beginning */
    EXITS_STAGE_SHOWN
};
enum exits_stage exits_stage_of(const struct exits_view *view);

/* exits_are_unseen - things happen that come of exits, but no exit is seen: guests are emulated,
 * or this kernel has no event for exits. */
bool exits_are_unseen(const struct exits_view *view);

/* exits_seen - how many vCPUs of the VM were seen, which is what shares of its time are of; 0 where
 * it is no VM. */
size_t exits_seen(const struct exits_view *view);

/* exits_outside - exits in the interval of threads of the VM that are no vCPU that is known. */
uint64_t exits_outside(const struct exits_view *view);

/* exits_count_of - how often in the interval; @ret_row: the reason, NULL where it has none. */
uint64_t exits_count_of(const struct exit_group *group, const struct exits_id *id,
                        const struct exit_row **ret_row);

/* exits_kind_event - the event that tells of this kind of keys. */
enum exits_event exits_kind_event(enum exit_key_kind kind);

#define EXITS_NAME_MAX EXIT_NAME_BYTES
/* exits_name - "EPT_VIOLATION", "KVM_EXIT_IO", "port writes"; returns @out. */
char *exits_name(const struct exits *exits, const struct exits_id *id, char out[EXITS_NAME_MAX]);

/* exits_known - what it means; NULL where nobody says. */
const struct exit_known *exits_known(const struct exits_id *id);

struct exits_line {
    bool is_heading; /* of its section */
    struct exits_id id;
    const struct exit_row *row; /* borrowed from the snapshot; NULL: it has none */
    uint64_t count;             /* in the interval; of a heading: sum of its section */
    double rate;                /* per second */
    double share;               /* of all exits; of others: of their section. NAN: none */
    double time_share;          /* EXITS_WORK: of all time spent outside of the guest for work;
                                 * EXITS_WAITING: of all time of the threads. NAN: none */
};

struct exits_rows {
    struct exits_line *lines; /* [count] */
    size_t count, cap;
    size_t rows;        /* of the lines: no headings */
    size_t hidden_zero; /* rows left out because nothing happened */
    size_t filtered;    /* rows that the pattern left out */
};

/*
 * exits_collect - fill @ret, reusing its memory, for the snapshot that @view is of. Without
 * an interval there is no row. 0 or -ENOMEM.
 */
int exits_collect(const struct exits_view *view, const struct exits_chosen *state,
                  struct exits_rows *ret);
void exits_rows_done(struct exits_rows *rows);

/* exits_follow - the cursor is on its row, and on no heading. @page: lines that are shown at a
 * time, at least 1. */
void exits_follow(struct exits_chosen *state, const struct exits_rows *rows, size_t page);

/* exits_move - COMMAND_UP .. COMMAND_LAST; false: another command. */
bool exits_move(struct exits_chosen *state, const struct exits_rows *rows, enum ui_command command,
                size_t page);

/* exits_select - the row in that line. */
void exits_select(struct exits_chosen *state, const struct exits_rows *rows, size_t line);

/* exits_search - select the next row whose name contains @text, from the selected one or after it.
 */
bool exits_search(struct exits_chosen *state, const struct exits_rows *rows,
                  const struct exits *exits, const char *text, bool after);

#endif
