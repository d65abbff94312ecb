// SPDX-License-Identifier: MIT
#include "ui/screens/scans_line.h"

/* A VM that has just ended still has a scan, for a moment. */
static int draw_vm(const struct ui_model *m, const struct vm_id *id, const char *before,
                   const char *after, struct rect r, int x, struct screen *out)
{
    const struct snapshot_vm *vm = snapshot_find(m->now, id);

    if (vm == NULL)
        return screen_printf(out, r, r.y, x, STYLE_NOTICE, "%sprocess %d%s", before, (int)id->pid,
                             after);
    return screen_printf(out, r, r.y, x, STYLE_NOTICE, "%s%s%s", before, vm->name, after);
}

static int draw_names(const struct ui_model *m, struct rect r, int x, struct screen *out)
{
    const struct ui_scans *s = &m->scan_list;
    const size_t named = s->waiting < UI_SCANS_NAMED ? s->waiting : UI_SCANS_NAMED;
    const int from = x;

    for (size_t i = 0; i < named; i++)
        x += draw_vm(m, &s->next[i], i == 0 ? ". Next: " : ", ", "", r, x, out);
    if (named < s->waiting)
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, ", %zu more", s->waiting - named);
    return x - from;
}

int scans_line_draw(const struct ui_model *m, bool names, struct rect r, struct screen *out)
{
    const struct ui_scans *s = &m->scan_list;
    int x = r.x;

    if (s->count == 0 || m->now == NULL)
        return 0;
    if (m->scan.busy)
        x += draw_vm(m, &m->scan.vm, m->scan_looks ? "Looking at what " : "Scanning ",
                     m->scan_looks ? " writes" : "", r, x, out);
    else
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, "No scanner yet");
    if (s->waiting > 0)
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, ", %zu waiting", s->waiting);
    x += screen_printf(out, r, r.y, x, STYLE_NOTICE, "; x ends %s", s->count > 1 ? "them" : "it");
    if (names && s->waiting > 0)
        x += draw_names(m, r, x, out);
    return x - r.x;
}
