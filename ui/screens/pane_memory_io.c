// SPDX-License-Identifier: MIT
#include "ui/screens/pane_memory_io.h"

#include "ui/grid/format.h"

#define BAR_COLS  14
#define TEXT_COLS 25 /* that a bar leaves */
#define WIDE_COLS 68 /* from so many on packets are told, too */

/* --- memory ----------------------------------------------------------------------------------- */

/* With pages of hugetlbfs, where these are known. */
static enum column_id resident_column(const struct pane_pen *p)
{
    const struct column_value res = pane_value(p, COLUMN_RES);

    return res.state == READING_OK ? COLUMN_RES : COLUMN_RSS;
}

static void draw_resident(struct pane_pen *p)
{
    const struct reading *ram = &p->vm->ram_bytes;
    const enum column_id column = resident_column(p);
    const struct column_value resident = pane_value(p, column), zero = pane_value(p, COLUMN_ZERO);
    char all[FORMAT_MAX];

    pane_label(p, "MEMORY");
    if (ram->state == READING_OK && resident.state == READING_OK && ram->raw > 0) {
        const int room = p->r.cols - PANE_LABEL_COLS - TEXT_COLS;
        const int bar = room < BAR_COLS ? room : BAR_COLS;
        screen_bar(p->out, p->r, p->y, p->x, bar, STYLE_GRAPH, resident.number / (double)ram->raw);
        p->x += bar > 0 ? bar + 1 : 0;
    }
    pane_put_column(p, "", column);
    pane_put(p, STYLE_LABEL, " resident of ");
    pane_put(p, STYLE_NORMAL,
             ram->state == READING_OK ? format_bytes(all, (double)ram->raw)
                                      : reading_state_text((enum reading_state)ram->state));
    pane_put_cause(p, &resident);
    pane_end_item(p);
    if (zero.state == READING_OK)
        pane_item(p, "zero ", COLUMN_ZERO);
    pane_end_line(p);
}

/* That there is no limit is no lack of a number. */
static void put_limit(struct pane_pen *p)
{
    const struct column_value limit = pane_value(p, COLUMN_MEM_LIMIT);

    pane_put_column(p, "limit ", COLUMN_MEM_LIMIT);
    if (limit.cause == CAUSE_NO_MEMORY_LIMIT) {
        p->part_count = 0;
        pane_put(p, STYLE_DIM, "no limit");
    } else {
        pane_put_cause(p, &limit);
    }
    pane_end_item(p);
    /* Of what may be another limit: that of a cgroup above, which others fill. */
    if (limit.state == READING_OK)
        pane_item(p, "nearest limit ", COLUMN_OF_LIMIT);
}

static void draw_places(struct pane_pen *p)
{
    const struct column_value swap = pane_value(p, COLUMN_SWAP), huge = pane_value(p, COLUMN_HUGE),
                              kind = pane_value(p, COLUMN_HUGE_KIND),
                              numa = pane_value(p, COLUMN_NUMA);

    pane_label(p, "");
    pane_put_column(p, "swap ", COLUMN_SWAP);
    pane_put_cause(p, &swap);
    pane_end_item(p);
    pane_put_column(p, "N%L ", COLUMN_NUMA);
    if (numa.cause != CAUSE_ONE_NODE)
        pane_put_cause(p, &numa);
    pane_end_item(p);
    put_limit(p);
    pane_put_column(p, "huge ", COLUMN_HUGE);
    if (kind.state == READING_OK && huge.number > 0) {
        pane_put(p, STYLE_NORMAL, " ");
        pane_put(p, STYLE_NORMAL, kind.text);
    }
    pane_put_cause(p, &huge);
    pane_end_item(p);
    pane_end_line(p);
}

void pane_memory_draw(struct pane_pen *p)
{
    if (pane_has_row(p))
        draw_resident(p);
    if (pane_has_row(p))
        draw_places(p);
}

/* --- I/O -------------------------------------------------------------------------------------- */

static void draw_storage(struct pane_pen *p)
{
    const struct column_value read = pane_value(p, COLUMN_READ),
                              ops = pane_value(p, COLUMN_READ_OPS);

    pane_label(p, "STORAGE");
    if (read.state == READING_OK) {
        pane_item(p, "read ", COLUMN_READ);
        pane_item(p, "written ", COLUMN_WRITE);
    } else {
        pane_put_column(p, "", COLUMN_READ);
        pane_put_cause(p, &read);
        pane_end_item(p);
    }
    /* Of block devices: images in files are not counted apart. */
    if (ops.state == READING_OK) {
        pane_put_column(p, "reads ", COLUMN_READ_OPS);
        pane_put_column(p, " writes ", COLUMN_WRITE_OPS);
        pane_end_item(p);
    }
    pane_end_line(p);
}

static void put_way(struct pane_pen *p, const char *word, enum column_id bytes,
                    enum column_id packets)
{
    const struct column_value count = pane_value(p, packets);
    char buf[COLUMN_TEXT_MAX];

    pane_put_column(p, word, bytes);
    if (p->r.cols < WIDE_COLS) {
        pane_end_item(p);
        return;
    }
    pane_put(p, STYLE_NORMAL, " ");
    pane_put(p, column_style(packets, &count), column_text(packets, &count, p->out, buf));
    pane_put(p, STYLE_LABEL, count.state == READING_OK ? " pk/s" : "");
    pane_end_item(p);
}

/* Both ways together, marked as those of one way are. */
static void put_drops(struct pane_pen *p)
{
    struct column_value drops = pane_value(p, COLUMN_RX_DROPS),
                        out = pane_value(p, COLUMN_TX_DROPS);

    if (out.state == READING_OK && drops.state == READING_OK)
        drops.number += out.number;
    else if (drops.state == READING_OK)
        drops = out;
    pane_put_value(p, "drops ", COLUMN_RX_DROPS, &drops);
    pane_end_item(p);
}

static void draw_network(struct pane_pen *p)
{
    const struct column_value in = pane_value(p, COLUMN_RX);

    pane_label(p, "NETWORK");
    if (in.state == READING_OK) {
        put_way(p, "in ", COLUMN_RX, COLUMN_RX_PACKETS);
        put_way(p, "out ", COLUMN_TX, COLUMN_TX_PACKETS);
        put_drops(p);
    } else {
        pane_put_column(p, "", COLUMN_RX);
        pane_put_cause(p, &in);
        pane_end_item(p);
    }
    pane_end_line(p);
}

void pane_io_draw(struct pane_pen *p)
{
    if (pane_has_row(p))
        draw_storage(p);
    if (pane_has_row(p))
        draw_network(p);
}
