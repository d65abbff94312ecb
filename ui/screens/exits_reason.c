// SPDX-License-Identifier: MIT
#include "ui/screens/exits_reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/exit_key_text.h"
#include "ui/grid/format.h"

#define RATE_COLS  8
#define SHARE_COLS 6
#define RANGE_COLS 16
#define COUNT_COLS 12

size_t exits_reason_rows(int rows)
{
    return rows > 2 ? (size_t)rows - 1 : 1;
}

/* --- what is behind it ------------------------------------------------------------------------ */

#define WAY_COLS 5

/* Columns of the table of keys: the name takes what the others leave. */
struct key_plan {
    int name, way, device, rate, share;     /* from the left */
    int name_cols, device_cols, share_cols; /* 0: not shown */
};

static struct key_plan plan_keys(int cols)
{
    struct key_plan p = {.share_cols = cols >= 40 ? SHARE_COLS : 0};
    int rest = cols - WAY_COLS - 1 - RATE_COLS - 1 - (p.share_cols ? SHARE_COLS + 1 : 0);

    p.device_cols = rest >= 34 ? EXIT_KEY_DEVICE_BYTES - 1 : rest >= 24 ? rest - 12 : 0;
    p.name_cols = rest - (p.device_cols ? p.device_cols + 1 : 0);
    p.name_cols = p.name_cols > 20 ? 20 : p.name_cols;
    p.way = p.name_cols + 1;
    p.device = p.way + WAY_COLS + 1;
    p.rate = p.device + (p.device_cols ? p.device_cols + 1 : 0);
    p.share = p.rate + RATE_COLS + 1;
    return p;
}

static void draw_key_titles(struct rect r, int y, struct screen *out)
{
    const struct key_plan p = plan_keys(r.cols);

    screen_fill(out, rect_clip((struct rect){y, r.x, 1, r.cols}, r), STYLE_TITLE);
    screen_field(out, r, y, r.x, p.name_cols, ALIGN_LEFT, STYLE_TITLE, "BEHIND IT");
    screen_field(out, r, y, r.x + p.way, WAY_COLS, ALIGN_LEFT, STYLE_TITLE, "WAY");
    screen_field(out, r, y, r.x + p.device, p.device_cols, ALIGN_LEFT, STYLE_TITLE, "WHAT");
    screen_field(out, r, y, r.x + p.rate, RATE_COLS, ALIGN_RIGHT, STYLE_TITLE, "COUNT/s");
    screen_field(out, r, y, r.x + p.share, p.share_cols, ALIGN_RIGHT, STYLE_TITLE, "%");
}

/* Names of reasons are the matter of whoever has them. */
static const char *key_name(const struct exits_view *v, const struct exit_key_row *k,
                            char out[EXIT_KEY_LABEL_BYTES])
{
    const char *name = NULL;

    for (size_t i = 0; k->kind == EXIT_KEY_NESTED && name == NULL && i < v->group->row_count; i++)
        name = exits_name_of(v->exits, (enum exit_isa)v->group->rows[i].isa, (uint32_t)k->value);
    return exit_key_label((enum exit_key_kind)k->kind, k->value, name, out);
}

static void draw_count(double count, double whole, double seconds, int rate, int share,
                       int share_cols, struct rect r, int y, struct screen *out)
{
    const enum style style = count > 0 ? STYLE_NORMAL : STYLE_DIM;
    char buf[FORMAT_MAX];

    screen_field(out, r, y, r.x + rate, RATE_COLS, ALIGN_RIGHT, style,
                 format_count(buf, seconds > 0 ? count / seconds : 0));
    screen_field(out, r, y, r.x + share, share_cols, ALIGN_RIGHT, style,
                 format_percent(buf, whole > 0 ? count / whole : 0));
}

static void draw_key(const struct exits_view *v, const struct exits_page *page,
                     const struct exits_page_line *line, struct rect r, int y, struct screen *out)
{
    const struct exit_key_row *k = &v->group->keys[line->index];
    const struct key_plan p = plan_keys(r.cols);
    char name[EXIT_KEY_LABEL_BYTES], device[EXIT_KEY_DEVICE_BYTES];

    screen_field(out, r, y, r.x, p.name_cols, ALIGN_LEFT, STYLE_STRONG, key_name(v, k, name));
    screen_field(out, r, y, r.x + p.way, WAY_COLS, ALIGN_LEFT, STYLE_NORMAL,
                 exit_key_way((enum exit_key_kind)k->kind));
    screen_field(out, r, y, r.x + p.device, p.device_cols, ALIGN_LEFT, STYLE_NORMAL,
                 exit_key_device((enum exit_key_kind)k->kind, k->value, device));
    draw_count((double)line->now, (double)page->key_sum, v->exits->interval_s, p.rate, p.share,
               p.share_cols, r, y, out);
}

/* --- times ------------------------------------------------------------------------------------ */

static void draw_time_titles(struct rect r, int y, struct screen *out)
{
    int x = r.x + RANGE_COLS + 1;

    screen_fill(out, rect_clip((struct rect){y, r.x, 1, r.cols}, r), STYLE_TITLE);
    screen_field(out, r, y, r.x, RANGE_COLS, ALIGN_RIGHT, STYLE_TITLE, "TOOK");
    screen_field(out, r, y, x, RATE_COLS, ALIGN_RIGHT, STYLE_TITLE, "NOW/s");
    x += RATE_COLS + 1;
    screen_field(out, r, y, x, COUNT_COLS, ALIGN_RIGHT, STYLE_TITLE, "SINCE START");
    screen_field(out, r, y, x + COUNT_COLS + 1, SHARE_COLS, ALIGN_RIGHT, STYLE_TITLE, "%");
}

static void range_text(size_t bucket, char *out, size_t size)
{
    char a[FORMAT_MAX], b[FORMAT_MAX];

    format_span(a, bucket == 0 ? 0 : (double)(1ull << bucket) / 1e9);
    if (bucket + 1 == EXIT_BUCKETS)
        snprintf(out, size, "%s and more", a);
    else
        snprintf(out, size, "%s .. %s", a, format_span(b, (double)(2ull << bucket) / 1e9));
}

static void draw_bucket(const struct exits_view *v, const struct exit_row *row,
                        const struct exits_page *page, size_t bucket, struct rect r, int y,
                        struct screen *out)
{
    const uint64_t now = row->interval.buckets[bucket], all = row->all.buckets[bucket];
    char text[80], buf[FORMAT_MAX];
    int x = r.x + RANGE_COLS + 1;

    range_text(bucket, text, sizeof(text));
    screen_field(out, r, y, r.x, RANGE_COLS, ALIGN_RIGHT, STYLE_LABEL, text);
    screen_field(
        out, r, y, x, RATE_COLS, ALIGN_RIGHT, now > 0 ? STYLE_NORMAL : STYLE_DIM,
        format_count(buf, v->exits->interval_s > 0 ? (double)now / v->exits->interval_s : 0));
    x += RATE_COLS + 1;
    screen_field(out, r, y, x, COUNT_COLS, ALIGN_RIGHT, all > 0 ? STYLE_NORMAL : STYLE_DIM,
                 format_exact(buf, all));
    x += COUNT_COLS + 1;
    screen_field(
        out, r, y, x, SHARE_COLS, ALIGN_RIGHT, STYLE_DIM,
        format_percent(buf, page->time_sum > 0 ? (double)all / (double)page->time_sum : 0));
    x += SHARE_COLS + 2;
    screen_bar(out, r, y, x, r.x + r.cols - x - 1, STYLE_GRAPH,
               page->time_most > 0 ? (double)all / (double)page->time_most : 0);
}

/* --- who has most of it ----------------------------------------------------------------------- */

static int who_cols(struct rect r)
{
    const int rest = r.cols - RATE_COLS - SHARE_COLS - 2;

    return rest < 36 ? rest : 36;
}

static void draw_who_titles(const struct exits_view *v, struct rect r, int y, struct screen *out)
{
    const int cols = who_cols(r);

    screen_fill(out, rect_clip((struct rect){y, r.x, 1, r.cols}, r), STYLE_TITLE);
    screen_field(out, r, y, r.x, cols, ALIGN_LEFT, STYLE_TITLE,
                 v->vm != NULL ? "vCPUs WITH MOST OF IT" : "VMs WITH MOST OF IT");
    screen_field(out, r, y, r.x + cols + 1, RATE_COLS, ALIGN_RIGHT, STYLE_TITLE, "COUNT/s");
    screen_field(out, r, y, r.x + cols + RATE_COLS + 2, SHARE_COLS, ALIGN_RIGHT, STYLE_TITLE, "%");
}

static void draw_who(const struct exits_view *v, const struct exits_chosen *es,
                     const struct exits_page *page, size_t index, struct rect r, int y,
                     struct screen *out)
{
    const struct exits_view part = v->vm != NULL ? exits_view_vm(v->s, v->vm, (int)index + 1)
                                                 : exits_view_vm(v->s, &v->s->vms[index], 0);
    const struct exit_row *row;
    const int cols = who_cols(r);
    char name[200];

    if (v->vm != NULL)
        snprintf(name, sizeof(name), "vCPU %d", part.vcpu->id);
    else
        snprintf(name, sizeof(name), "%s (%d)", part.vm->name, (int)part.vm->id.pid);
    screen_field(out, r, y, r.x, cols, ALIGN_LEFT, STYLE_STRONG, name);
    draw_count((double)exits_count_of(part.group, &es->open, &row), (double)page->who_sum,
               v->exits->interval_s, cols + 1, cols + RATE_COLS + 2, SHARE_COLS, r, y, out);
}

/* --- all -------------------------------------------------------------------------------------- */

static void draw_text(const struct exits_page_line *line, struct rect r, int y, struct screen *out)
{
    char text[1024];
    const size_t n = line->length < sizeof(text) ? line->length : sizeof(text) - 1;
    int x = r.x;

    memcpy(text, line->text, n);
    text[n] = '\0';
    if (line->label != NULL) {
        screen_text(out, r, y, x, STYLE_LABEL, line->label);
        x += EXITS_PAGE_LABEL_COLS;
    }
    screen_text(out, r, y, x, STYLE_NORMAL, text);
}

static void draw_line(const struct exits_view *v, const struct exits_chosen *es,
                      const struct exits_page *page, const struct exits_page_line *line,
                      struct rect r, int y, struct screen *out)
{
    const struct exit_row *row;

    switch ((enum exits_page_kind)line->kind) {
    case EXITS_PAGE_BLANK:
        break;
    case EXITS_PAGE_TEXT:
        draw_text(line, r, y, out);
        break;
    case EXITS_PAGE_KEY_TITLES:
        draw_key_titles(r, y, out);
        break;
    case EXITS_PAGE_KEY:
        draw_key(v, page, line, r, y, out);
        break;
    case EXITS_PAGE_TIME_TITLES:
        draw_time_titles(r, y, out);
        break;
    case EXITS_PAGE_BUCKET:
        exits_count_of(v->group, &es->open, &row);
        if (row != NULL)
            draw_bucket(v, row, page, line->index, r, y, out);
        break;
    case EXITS_PAGE_WHO_TITLES:
        draw_who_titles(v, r, y, out);
        break;
    case EXITS_PAGE_WHO:
        draw_who(v, es, page, line->index, r, y, out);
        break;
    }
}

static void draw_title(const struct exits_view *v, const struct exits_chosen *es, struct rect r,
                       struct screen *out)
{
    char name[EXITS_NAME_MAX], who[40] = "", number[40] = "", text[240];

    exits_name(v->exits, &es->open, name);
    if (es->open.section == EXITS_WORK || es->open.section == EXITS_WAITING)
        snprintf(number, sizeof(number), " (%s %" PRIu64 ")",
                 exit_isa_name((enum exit_isa)es->open.isa), es->open.value);
    if (v->vcpu != NULL)
        snprintf(who, sizeof(who), ", vCPU %d", v->vcpu->id);
    else
        snprintf(who, sizeof(who), "%s", v->vm != NULL ? ", all vCPUs" : ", all VMs");
    snprintf(text, sizeof(text), "%s%s%s. Esc: all reasons", name, number, who);
    screen_field(out, r, r.y, r.x, r.cols, ALIGN_LEFT, STYLE_TITLE, text);
}

void exits_reason_draw(const struct exits_view *v, const struct exits_chosen *es,
                       const struct exits_page *page, struct rect r, struct screen *out)
{
    const struct rect area = {r.y + 1, r.x, r.rows - 1, r.cols};
    const size_t rows = exits_reason_rows(r.rows);
    const size_t last = page->count > rows ? page->count - rows : 0;
    const size_t top = es->page.top < last ? es->page.top : last;

    draw_title(v, es, (struct rect){r.y, r.x, r.rows > 0, r.cols}, out);
    for (size_t i = 0; i < rows && top + i < page->count; i++)
        draw_line(v, es, page, &page->lines[top + i], rect_clip(area, r), area.y + (int)i, out);
}
