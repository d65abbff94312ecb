// SPDX-License-Identifier: MIT
// The two lines at the bottom: status or prompt, and the function keys.
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "ui/view.h"

static const char *const prompts[] = {
    [PROMPT_DELAY] = "Seconds between two refreshes (0.1 to 3600): ",
};

static void draw_prompt(const struct ui_prompt *p, struct rect r, struct screen *out)
{
    int x = r.x + screen_text(out, r, r.y, r.x, STYLE_LABEL, prompts[p->kind]);

    x += screen_text(out, r, r.y, x, STYLE_INPUT, p->text);
    screen_text(out, r, r.y, x, STYLE_SELECTED, " ");
    screen_text(out, r, r.y, x + 3, STYLE_DIM, "Enter accepts, Esc leaves");
}

/* Why something of this VM is missing; the VM-level cause first, it hides more. */
static enum reading_cause vm_cause(const struct snapshot_vm *vm, const char **ret_what)
{
    *ret_what = "VM counters";
    if (vm->vm_cause != CAUSE_NONE)
        return vm->vm_cause;
    *ret_what = "vCPU counters";
    return vm->vcpu_cause;
}

static void draw_cause(const struct snapshot_vm *vm, struct rect r, struct screen *out)
{
    const char *what;
    enum reading_cause cause = vm_cause(vm, &what);
    int name_width = (int)text_width(vm->name);

    if (name_width > r.cols / 3)
        name_width = r.cols / 3;
    int x = r.x;

    screen_field(out, r, r.y, x, name_width, ALIGN_LEFT, STYLE_STRONG, vm->name);
    x += name_width;
    x += screen_printf(out, r, r.y, x, STYLE_NOTICE, ": some %s are missing: %s. ", what,
                       reading_cause_text(cause));
    screen_field(out, r, r.y, x, r.x + r.cols - x, ALIGN_LEFT, STYLE_NORMAL, reading_cause_fix(cause));
}

void view_status(const struct ui_model *m, const struct ui_state *st, struct rect r, struct screen *out)
{
    const struct snapshot_vm *vm = vms_selected(st, m->now);
    const char *what;

    if (st->prompt.kind != PROMPT_NONE)
        draw_prompt(&st->prompt, r, out);
    else if (st->message[0])
        screen_text(out, r, r.y, r.x, STYLE_NOTICE, st->message);
    else if (st->screen == SCREEN_VMS && vm && vm_cause(vm, &what) != CAUSE_NONE)
        draw_cause(vm, r, out);
}

void view_bar(const struct ui_state *st, struct rect r, struct screen *out)
{
    int x = r.x;

    for (size_t i = 0; i < key_count; i++) {
        const struct key_binding *b = &key_table[i];
        char name[KEY_NAME_MAX];

        if (!b->bar || !(b->screens & SCREEN_BIT(st->screen)))
            continue;
        keys_name(b->keys[0], name);
        int width = (int)(strlen(name) + strlen(b->bar)) + 1;
        if (x + width > r.x + r.cols)
            break;
        x += screen_text(out, r, r.y, x, STYLE_KEY, name) + 1;
        x += screen_text(out, r, r.y, x, STYLE_KEY_TEXT, b->bar) + 1;
    }
}
