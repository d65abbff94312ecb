// SPDX-License-Identifier: MIT
// The VM whose drill-down is open, and its tabs.
#include <stdio.h>

#include "core/base/text.h"
#include "ui/grid/format.h"
#include "ui/state/layout.h"
#include "ui/view/view.h"

#define TITLE_MAX 300

/* What is said of the VM beside its name and its state, from all to nothing. */
enum { SAYS_PID = 1, SAYS_VMM = 2, SAYS_VCPUS = 4, SAYS_RAM = 8 };
static const unsigned char levels[] = {SAYS_PID | SAYS_VMM | SAYS_VCPUS | SAYS_RAM,
                                       SAYS_PID | SAYS_VCPUS | SAYS_RAM, SAYS_VCPUS | SAYS_RAM,
                                       SAYS_RAM, 0};

static const char *state_text(const struct ui_state *st)
{
    return !st->detail.ended ? "" : st->vms.follow ? "  ENDED, waiting" : "  ENDED";
}

static void make_title(const struct ui_state *st, const struct snapshot_vm *vm, unsigned says,
                       char out[TITLE_MAX])
{
    const char *migration =
        !st->detail.ended ? vm_migration_text((enum vm_migration)vm->migration) : "";
    char who[64] = "", vcpus[32] = "", ram[FORMAT_MAX] = "";

    if (says & SAYS_PID)
        snprintf(who, sizeof(who), " (%d%s%.32s)", (int)vm->id.pid, says & SAYS_VMM ? ", " : "",
                 says & SAYS_VMM ? vm->vmm : "");
    if (says & SAYS_VCPUS)
        snprintf(vcpus, sizeof(vcpus), "  %zu vCPU%s", vm->vcpu_count,
                 vm->vcpu_count == 1 ? "" : "s");
    if (says & SAYS_RAM && vm->ram_bytes.state == READING_OK)
        format_bytes(ram, (double)vm->ram_bytes.raw);
    snprintf(out, TITLE_MAX, "%s%s%s%s%s%s%s%s", st->detail.name, who, state_text(st),
             migration[0] != '\0' ? "  " : "", migration, vcpus, ram[0] != '\0' ? "  " : "", ram);
}

/* Where there is too little room the name gives way, and not that its VM has ended. */
static void draw_title(const struct ui_state *st, const char *text, struct rect r,
                       struct screen *out)
{
    const enum style style = st->detail.ended ? STYLE_WARNING : STYLE_STRONG;
    const char *state = state_text(st);
    const int state_cols = (int)text_width(state);

    if ((int)text_width(text) <= r.cols || state_cols >= r.cols) {
        screen_field(out, r, r.y, r.x, r.cols, ALIGN_LEFT, style, text);
        return;
    }
    screen_field(out, r, r.y, r.x, r.cols - state_cols, ALIGN_LEFT, style, text);
    screen_text(out, r, r.y, r.x + r.cols - state_cols, style, state);
}

void view_tabs(const struct ui_model *m, const struct ui_state *st, struct rect r,
               struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);
    struct tab_item tabs[TABS_COUNT];
    char text[TITLE_MAX];

    layout_tabs(st->screen, r.cols, tabs);
    int width = tabs[0].x - 2;
    if (vm == NULL)
        snprintf(text, sizeof(text), "%s%s", st->detail.name, state_text(st));
    for (size_t i = 0; vm != NULL && i < sizeof(levels); i++) {
        make_title(st, vm, levels[i], text);
        if ((int)text_width(text) <= width)
            break;
    }
    if (width > 0)
        draw_title(st, text, (struct rect){r.y, r.x, 1, width}, out);
    for (int i = 0; i < TABS_COUNT; i++) {
        const struct tab_item *tab = &tabs[i];
        /* Brackets tell the open one where colours do not. Of the others only the key stands out.
         */
        if (tab->screen == st->screen) {
            screen_printf(out, r, r.y, r.x + tab->x - 1, STYLE_TAB, "[%s]", tab->text);
            continue;
        }
        screen_text(out, r, r.y, r.x + tab->x, STYLE_DIM, tab->text);
        screen_restyle(out, (struct rect){r.y, r.x + tab->x, 1, 1}, STYLE_KEY);
    }
}
