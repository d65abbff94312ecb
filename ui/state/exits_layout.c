// SPDX-License-Identifier: MIT
#include "ui/state/exits_layout.h"

#define HEAD_TWO_FROM 8  /* rows of the body from which the head has two */
#define EXPLAIN_FROM  14 /* and from which the selected reason is explained */
#define EXPLAIN_ROWS  3
#define TABLE_MIN     3 /* that a notice leaves */
#define TREND_MORE    40
#define NAME_MORE     14

static struct rect take(struct rect *rest, int rows)
{
    struct rect part = *rest;

    part.rows = rows < rest->rows ? rows : rest->rows;
    rest->y += part.rows;
    rest->rows -= part.rows;
    return part;
}

struct exits_layout exits_layout(struct rect body, int notice_rows)
{
    struct exits_layout l;
    struct rect rest = body;
    int most;

    l.head = take(&rest, body.rows >= HEAD_TWO_FROM ? 2 : body.rows > 2);
    most = rest.rows - 1 - TABLE_MIN;
    if (notice_rows > most)
        notice_rows = most > 0 ? most : 0;
    l.notice = take(&rest, notice_rows);
    l.titles = take(&rest, rest.rows > 1);
    l.table = take(&rest, rest.rows - (rest.rows >= EXPLAIN_FROM - 3 ? EXPLAIN_ROWS : 0));
    l.explain = rest;
    return l;
}

const struct exits_column exits_columns[EXITS_COLUMN_COUNT] = {
    [EXITS_NAME] = {"REASON", 18, ALIGN_LEFT, 100, EXITS_BY_NAME},
    [EXITS_RATE] = {"COUNT/s", 8, ALIGN_RIGHT, 90, EXITS_BY_COUNT},
    [EXITS_SHARE] = {"%", 5, ALIGN_RIGHT, 60, EXITS_BY_COUNT},
    [EXITS_TIME] = {"TIME%", 6, ALIGN_RIGHT, 95, EXITS_BY_TIME},
    [EXITS_AVG] = {"AVG", 6, ALIGN_RIGHT, 80, EXITS_ORDER_COUNT},
    [EXITS_P50] = {"P50", 6, ALIGN_RIGHT, 40, EXITS_ORDER_COUNT},
    [EXITS_P99] = {"P99", 6, ALIGN_RIGHT, 70, EXITS_ORDER_COUNT},
    [EXITS_MAX] = {"MAX", 6, ALIGN_RIGHT, 50, EXITS_ORDER_COUNT},
    [EXITS_TREND] = {"TREND", 10, ALIGN_LEFT, 30, EXITS_ORDER_COUNT},
};

void exits_plan_columns(int cols, struct exits_plan *p)
{
    int total;

    for (int c = 0; c < EXITS_COLUMN_COUNT; c++)
        p->width[c] = exits_columns[c].width;
    for (;;) {
        int least = EXITS_NAME;
        total = -1;
        for (int c = 0; c < EXITS_COLUMN_COUNT; c++) {
            total += p->width[c] ? p->width[c] + 1 : 0;
            if (p->width[c] && exits_columns[c].keep < exits_columns[least].keep)
                least = c;
        }
        if (total <= cols || least == EXITS_NAME)
            break;
        p->width[least] = 0;
    }
    int spare = cols > total ? cols - total : 0, name = spare < NAME_MORE ? spare : NAME_MORE;
    p->width[EXITS_NAME] += name;
    spare -= name;
    if (p->width[EXITS_TREND])
        p->width[EXITS_TREND] += spare < TREND_MORE ? spare : TREND_MORE;
    for (int c = 0, x = 0; c < EXITS_COLUMN_COUNT; c++) {
        p->x[c] = x;
        x += p->width[c] ? p->width[c] + 1 : 0;
    }
}

enum exits_order exits_order_at(int cols, int x)
{
    struct exits_plan p;

    exits_plan_columns(cols, &p);
    for (int c = 0; c < EXITS_COLUMN_COUNT; c++)
        if (x >= p.x[c] && x < p.x[c] + p.width[c])
            return exits_columns[c].order;
    return EXITS_ORDER_COUNT;
}
