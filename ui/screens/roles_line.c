// SPDX-License-Identifier: MIT
#include "ui/screens/roles_line.h"

#include <stdio.h>
#include <string.h>

#include "ui/grid/format.h"

#define GAP      2
#define WAIT_MIN 0.001 /* of a CPU: who waits less is not said to wait */

static void role_text(enum vm_role role, const struct role_load *l, char *out, size_t size)
{
    char cpu[FORMAT_MAX], wait[FORMAT_MAX];
    const bool has_cpu = l->cpu.state == READING_OK;
    int n = snprintf(out, size, "%s %d: %s%s", vm_role_name(role), (int)l->threads.raw,
                     has_cpu ? format_percent(cpu, l->cpu.value)
                             : reading_state_text((enum reading_state)l->cpu.state),
                     has_cpu ? "%" : "");

    if (n > 0 && (size_t)n < size && l->wait.state == READING_OK && l->wait.value >= WAIT_MIN)
        snprintf(out + n, size - (size_t)n, ", waits %s%%", format_percent(wait, l->wait.value));
}

void roles_line_put(const struct snapshot_vm *vm, struct rect r, struct screen *out)
{
    static const enum vm_role order[VM_ROLE_COUNT] = {VM_ROLE_VCPU,      VM_ROLE_EMULATOR,
                                                      VM_ROLE_IOTHREAD,  VM_ROLE_VHOST,
                                                      VM_ROLE_MIGRATION, VM_ROLE_KERNEL};
    int x = r.x, y = r.y;

    for (size_t i = 0; i < VM_ROLE_COUNT; i++) {
        const struct role_load *l = &vm->load.roles[order[i]];
        char text[120];
        if (l->threads.state != READING_OK || l->threads.raw == 0)
            continue;
        role_text(order[i], l, text, sizeof(text));
        if (x + (int)strlen(text) > r.x + r.cols) {
            x = r.x;
            y++;
        }
        if (y >= r.y + r.rows || x + (int)strlen(text) > r.x + r.cols)
            break;
        x += screen_text(out, r, y, x, STYLE_NORMAL, text) + GAP;
    }
}

void roles_line_draw(const struct snapshot_vm *vm, struct rect r, struct screen *out)
{
    int x = r.x + screen_text(out, r, r.y, r.x, STYLE_LABEL, "Threads  ");
    const struct reading *first = &vm->load.roles[VM_ROLE_EMULATOR].threads;

    if (first->state != READING_OK) {
        const bool waits = first->cause == CAUSE_NOT_ASKED_FOR;
        x += screen_text(
            out, r, r.y, x, STYLE_MISSING,
            reading_state_text(waits ? READING_WARMUP : (enum reading_state)first->state));
        if (!waits && first->cause != CAUSE_NONE)
            screen_printf(out, r, r.y, x, STYLE_NORMAL, ": %s",
                          reading_cause_text((enum reading_cause)first->cause));
        return;
    }
    roles_line_put(vm, (struct rect){r.y, x, 1, r.x + r.cols - x}, out);
}
