/* SPDX-License-Identifier: MIT */
/*
 * Columns of the VMs screen: one constant table for drawing, sorting, choosing and documentation.
 * Its rows are in column_list.def.
 */
#ifndef KVMLENS_UI_STATE_COLUMNS_H
#define KVMLENS_UI_STATE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/snapshot.h"
#include "ui/grid/mark.h"
#include "ui/grid/screen.h"
#include "ui/state/forecasts.h"
#include "ui/state/scan_reports.h"

enum column_id {
#define COLUMN(id, ...) COLUMN_##id,
#include "ui/state/column_list.def"
#undef COLUMN
    COLUMN_COUNT
};

enum column_kind {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_COUNT_PER_S, /* format_count */
    COLUMN_BYTES,
    COLUMN_BYTES_PER_S, /* format_bytes_per_s */
    COLUMN_PERCENT,     /* the value is a ratio */
    COLUMN_ZERO_SHARE,  /* a ratio that reads 100 only when it is; text "~": an estimate */
    COLUMN_FORECAST,    /* seconds, or nothing but a text that says why there are none */
    COLUMN_SECONDS,
    COLUMN_GRAPH /* drawn from the history; sorts by what it shows */
};

#define COLUMN_SOURCE_MAX (SOURCE_PAIR_TEXT_MAX + 1) /* room for a '!' too */

/* Where the fields are that columns show: resolved once per frame, not once per row. */
struct column_fields {
    int index[COLUMN_COUNT]; /* into snapshot->fields; -1 = this host has none */
    const struct scan_reports *scans; /* NULL: none */
    bool is_locked_down;              /* the kernel is, which is said of the host */
    const struct forecasts *forecasts; /* NULL: none; set by who has them */
    bool is_over; /* the VM has ended: what nobody asked for never comes; set by who knows */
    /* [some are refused][of the VM][of its vCPUs]: what the column of sources says */
    char sources[2][SOURCE_COUNT][SOURCE_COUNT][COLUMN_SOURCE_MAX];
};

/* What a column says about a VM (vcpu NULL) or about one vCPU of it. */
struct column_value {
    double number;
    /* of COLUMN_TEXT; of COLUMN_ZERO_SHARE and COLUMN_FORECAST what stands before the number; of
     * COLUMN_PERCENT ">", in truth it is more; NULL: nothing */
    const char *text;
    unsigned char state, cause; /* enum reading_state, enum reading_cause */
    bool blank;         /* the column has nothing to say about a vCPU */
    size_t per;         /* a sum of so many, marked by their mean; 0: it is of one */
};

struct column {
    const char *name;   /* stable: configuration, --sort */
    const char *title;  /* on the screen */
    const char *unit;   /* documentation */
    const char *origin; /* documentation: where the number comes from */
    int width;          /* columns on the screen, at least */
    int width_good;     /* before it has so many, others that matter little go; 0: no matter */
    int width_max;      /* where there is room to spare */
    enum align align;
    enum column_kind kind;
    int keep;           /* where room is scarce, columns with the smallest go first */
    bool hidden;        /* not shown unless asked for */
    bool descending;    /* natural order of sorting */
    const char *fields[3]; /* of counters: names to look for, in this order; NULL ends */
    uint32_t wish;         /* enum load_wish: what has to be read for it, and for nothing else */
    /* of figures: where they are in struct snapshot_vm and in struct snapshot_vcpu; 0: nowhere */
    size_t vm_figure, vcpu_figure;
    size_t vm_reading; /* of readings: where it is in struct snapshot_vm */
    struct mark_bounds bounds; /* of numbers: how they are marked */
    struct column_value (*get)(const struct column *column, const struct snapshot_vm *vm,
                               const struct snapshot_vcpu *vcpu,
                               const struct column_fields *fields);
    enum style (*style)(const struct column_value *value); /* of one that is known; NULL: usual */
};

extern const struct column column_table[COLUMN_COUNT];

/* column_find - id of that name, or -ENOENT. */
int column_find(const char *name);

/* column_fields_resolve - without forecasts. */
void column_fields_resolve(const struct snapshot *s, const struct scan_reports *scans,
                           struct column_fields *ret);

/* column_mark - how the number of that column is to be seen. MARK_NONE of what is missing. */
enum mark column_mark(enum column_id id, const struct column_value *value);

struct column_value column_get(enum column_id id, const struct column_fields *fields,
                               const struct snapshot_vm *vm, const struct snapshot_vcpu *vcpu);

/* column_sort_number - what to sort by: numbers that read alike, "<0.1", are alike. */
double column_sort_number(enum column_id id, const struct column_value *value);

/* column_text - what stands in the cell; in @buf, or not. column_style - how it looks there.
 * Neither of a value that is blank. */
#define COLUMN_TEXT_MAX 40
const char *column_text(enum column_id id, const struct column_value *value,
                        const struct screen *out, char buf[COLUMN_TEXT_MAX]);
enum style column_style(enum column_id id, const struct column_value *value);

/*
 * column_draw - one value in @width columns, with the texts of missing ones.
 * @style STYLE_NORMAL lets the column choose (zeros dim, long waits warn); any other is used as it
 * is.
 */
void column_draw(enum column_id id, const struct column_value *value, struct screen *out,
                 struct rect clip, int y, int x, int width, enum style style);

/* Which columns stand where. */
struct column_slot {
    enum column_id id;
    int x, width;
};

struct column_plan {
    struct column_slot slots[COLUMN_COUNT];
    size_t count;
    bool more_left, more_right; /* chosen columns that found no room */
};

/* The columns a person chose, in order. */
struct column_choice {
    enum column_id ids[COLUMN_COUNT];
    size_t count;
    unsigned char width[COLUMN_COUNT]; /* by column_id; 0: as wide as it needs and finds room */
};

#define COLUMN_WIDTH_MAX 64

void column_choice_default(struct column_choice *ret);

/* column_choice_row - the column of a row of the chooser: the chosen ones in their order, then the
 * others. */
enum column_id column_choice_row(const struct column_choice *choice, size_t row, bool *ret_chosen);

/*
 * columns_plan - which of the chosen columns are shown in @cols columns, and where. @name_cols:
 * that the longest name takes, and more are better left to others; 0: not known. Pure.
 * @shift 0: those that matter least go where room is scarce. Above: that many are skipped after the
 * name, then as many are shown as fit.
 */
void columns_plan(const struct column_choice *choice, int cols, int shift, int name_cols,
                  struct column_plan *ret);

#endif
