// SPDX-License-Identifier: MIT
// The two lines at the bottom: what is asked, said or missing, and the function keys.
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/find/host_fix.h"
#include "core/model/bpf_offer.h"
#include "ui/grid/format.h"
#include "ui/state/layout.h"
#include "ui/view/view.h"

#define PROMPT_TEXT_MIN 8 /* columns of the text that a question leaves, however long it is, */
#define PROMPT_TEXT_MAX 24 /* and so many where the text needs them */

/* Columns of the first @bytes of a text. */
static int width_of(const char *text, size_t bytes)
{
    char part[UI_PROMPT_MAX];

    snprintf(part, sizeof(part), "%.*s", (int)bytes, text);
    return (int)text_width(part);
}

/* What is typed in @r; its beginning goes where the cursor would not be seen. */
static void draw_input(const struct ui_prompt *p, struct rect r, struct screen *out)
{
    enum style style = p->selected ? STYLE_SELECTED : STYLE_INPUT;
    int shift = width_of(p->text, p->cursor) + 1 - r.cols, x = r.x;
    size_t from = 0;

    while (from < p->cursor && width_of(p->text, from) < shift)
        from++; /* of a UTF-8 sequence only the first byte has columns, so its others go, too */
    while (from < p->cursor && ((unsigned char)p->text[from] & 0xC0) == 0x80)
        from++;
    int cursor = x + width_of(p->text + from, p->cursor - from);
    int end = x + screen_text(out, r, r.y, x, style, p->text + from);
    if (p->cursor == p->len)
        screen_text(out, r, r.y, cursor, STYLE_SELECTED, " ");
    else
        screen_restyle(out, rect_clip((struct rect){r.y, cursor, 1, 1}, r), STYLE_SELECTED);
    screen_text(out, r, r.y, end + 3, STYLE_DIM,
                p->selected ? "typing replaces it, arrows edit it" : "Enter accepts, Esc leaves");
}

void view_prompt(const struct ui_prompt *p, struct rect r, struct screen *out)
{
    char label[UI_REFUSED_MAX + 4];

    if (prompt_is_choice(p->kind)) {
        screen_field(out, r, r.y, r.x, r.cols, ALIGN_LEFT, STYLE_LABEL,
                     prompt_choice_text(p->kind, r.cols));
        return;
    }
    snprintf(label, sizeof(label), "%s%s", p->refused[0] ? p->refused : prompt_question(p->kind),
             p->refused[0] ? ": " : "");
    int width = (int)text_width(label), need = (int)text_width(p->text) + 1;
    need = need < PROMPT_TEXT_MIN ? PROMPT_TEXT_MIN : need;
    int most = r.cols - (need < PROMPT_TEXT_MAX ? need : PROMPT_TEXT_MAX);
    if (width > most)
        width = most > 0 ? most : 0;
    screen_field(out, r, r.y, r.x, width, ALIGN_LEFT, p->refused[0] ? STYLE_WARNING : STYLE_LABEL,
                 label);
    draw_input(p, rect_clip((struct rect){r.y, r.x + width, 1, r.cols - width}, r), out);
}

/* Lockdown is: it is the same for all VMs. */
static bool is_said_on_top(const struct snapshot *now, const struct snapshot_vm *vm, uint8_t cause)
{
    return now != NULL && host_is_locked_down(&now->host) && vm->stale_cause == CAUSE_NONE &&
           reading_cause_is_lockdown((enum reading_cause)cause);
}

/* Why something of this VM is missing; the VM-level cause first, it hides more. */
static enum reading_cause vm_cause(const struct snapshot *now, const struct snapshot_vm *vm,
                                   const char **ret_what)
{
    *ret_what = "VM counters";
    if (vm->vm_cause != CAUSE_NONE && !is_said_on_top(now, vm, vm->vm_cause))
        return vm->vm_cause;
    *ret_what = "vCPU counters";
    return is_said_on_top(now, vm, vm->vcpu_cause) ? CAUSE_NONE : vm->vcpu_cause;
}

/* ": not read for 3.1s: ". */
static int draw_age(const struct snapshot_vm *vm, struct rect r, int x, struct screen *out)
{
    const char *why = reading_cause_text((enum reading_cause)vm->stale_cause);
    char age[FORMAT_MAX];

    if (vm->stale_s > 0)
        return screen_printf(out, r, r.y, x, STYLE_NOTICE, ": not read for %s: %s. ",
                             format_seconds(age, vm->stale_s), why);
    return screen_printf(out, r, r.y, x, STYLE_NOTICE, ": not read yet: %s. ", why);
}

/* "NAME: mmu_pte_write and 9 more can be read through BPF: press A". */
static void draw_offer(const struct snapshot *now, const struct snapshot_vm *vm,
                       enum reading_cause cause, struct rect r, int x, struct screen *out)
{
    char what[FIELD_NAME_MAX + 24], why[120];

    x += screen_printf(out, r, r.y, x, STYLE_NOTICE, ": %s can be read through BPF: press A",
                       bpf_offer_text(now, vm, what, sizeof(what)));
    snprintf(why, sizeof(why), " (missing: %s)", reading_cause_text(cause));
    if (x + (int)text_width(why) <= r.x + r.cols)
        screen_text(out, r, r.y, x, STYLE_NORMAL, why);
}

bool view_cause(const struct snapshot *now, const struct snapshot_vm *vm, struct rect r,
                struct screen *out)
{
    const char *what;
    char fix[HOST_FIX_MAX];
    enum reading_cause cause = vm != NULL ? vm_cause(now, vm, &what) : CAUSE_NONE;

    if (cause == CAUSE_NONE)
        return false;
    int name_width = (int)text_width(vm->name);

    if (name_width > r.cols / 3)
        name_width = r.cols / 3;
    int x = r.x;

    screen_field(out, r, r.y, x, name_width, ALIGN_LEFT, STYLE_STRONG, vm->name);
    x += name_width;
    if (bpf_offer_is_open(now, vm)) {
        draw_offer(now, vm, cause, r, x, out);
        return true;
    }
    x += vm->stale_cause != CAUSE_NONE
             ? draw_age(vm, r, x, out)
             : screen_printf(out, r, r.y, x, STYLE_NOTICE, ": some %s are missing: %s. ", what,
                             reading_cause_text(cause));
    screen_field(out, r, r.y, x, r.x + r.cols - x, ALIGN_LEFT, STYLE_NORMAL,
                 host_fix_cause(&now->host, cause, fix));
    return true;
}

void view_message(const char *message, struct rect r, struct screen *out)
{
    int width = (int)text_width(message);

    screen_field(out, r, r.y, r.x, width < r.cols ? width : r.cols, ALIGN_LEFT, STYLE_NOTICE,
                 message);
}

void view_bar(const struct ui_state *state, struct rect r, struct screen *out)
{
    struct bar_item items[BAR_ITEMS_MAX];
    size_t n = layout_bar(state->screen, detail_is_over(state, state->screen), r.cols, items);

    for (size_t i = 0; i < n; i++) {
        char name[KEY_NAME_MAX];
        int x = r.x + items[i].x;
        x += screen_text(out, r, r.y, x, STYLE_KEY, keys_name(items[i].binding->keys[0], name)) + 1;
        screen_text(out, r, r.y, x, STYLE_KEY_TEXT, items[i].binding->bar);
    }
}
