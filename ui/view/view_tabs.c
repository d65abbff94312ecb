// SPDX-License-Identifier: MIT
// The VM whose drill-down is open, and its tabs.
#include <stdio.h>

#include "ui/grid/format.h"
#include "ui/state/layout.h"
#include "ui/view/view.h"

void view_tabs(const struct ui_model *m, const struct ui_state *st, struct rect r,
               struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);
    struct tab_item tabs[TABS_COUNT];
    char text[300], ram[FORMAT_MAX];

    layout_tabs(st->screen, r.cols, tabs);
    int width = tabs[0].x - 2;
    const char *state = st->detail.ended ? st->vms.follow ? "  ENDED, waiting" : "  ENDED" : "";
    const char *migration =
        vm != NULL && !st->detail.ended ? vm_migration_text((enum vm_migration)vm->migration) : "";
    if (vm != NULL)
        snprintf(text, sizeof(text), "%s (%d, %s)%s%s%s  %zu vCPU%s  %s", st->detail.name,
                 (int)vm->id.pid, vm->vmm, state, migration[0] != '\0' ? "  " : "", migration,
                 vm->vcpu_count, vm->vcpu_count == 1 ? "" : "s",
                 vm->ram_bytes.state == READING_OK ? format_bytes(ram, (double)vm->ram_bytes.raw)
                                                   : "");
    else
        snprintf(text, sizeof(text), "%s%s", st->detail.name, state);
    if (width > 0)
        screen_field(out, r, r.y, r.x, width, ALIGN_LEFT,
                     st->detail.ended ? STYLE_WARNING : STYLE_STRONG, text);
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
