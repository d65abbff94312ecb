// SPDX-License-Identifier: MIT
// The two lines at the bottom: status or prompt, and the function keys.
#include <stdio.h>
#include <string.h>

#include "core/find/host_fix.h"
#include "core/base/text.h"
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

static void draw_prompt(const struct ui_prompt *p, struct rect r, struct screen *out)
{
    char label[UI_REFUSED_MAX + 4];

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

/* Why something of this VM is missing; the VM-level cause first, it hides more. */
static enum reading_cause vm_cause(const struct snapshot_vm *vm, const char **ret_what)
{
    *ret_what = "VM counters";
    if (vm->vm_cause != CAUSE_NONE)
        return vm->vm_cause;
    *ret_what = "vCPU counters";
    return vm->vcpu_cause;
}

static void draw_cause(const struct host *host, const struct snapshot_vm *vm, struct rect r,
                       struct screen *out)
{
    const char *what;
    char fix[HOST_FIX_MAX];
    enum reading_cause cause = vm_cause(vm, &what);
    int name_width = (int)text_width(vm->name);

    if (name_width > r.cols / 3)
        name_width = r.cols / 3;
    int x = r.x;

    screen_field(out, r, r.y, x, name_width, ALIGN_LEFT, STYLE_STRONG, vm->name);
    x += name_width;
    x += screen_printf(out, r, r.y, x, STYLE_NOTICE, ": some %s are missing: %s. ", what,
                       reading_cause_text(cause));
    screen_field(out, r, r.y, x, r.x + r.cols - x, ALIGN_LEFT, STYLE_NORMAL,
                 host_fix_cause(host, cause, fix));
}

/* The CPU time is that of the process: of its tagged VMs the first counts. */
static bool process_tagged_before(const struct vm_set *tagged, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (tagged->ids[i].pid == tagged->ids[index].pid)
            return true;
    return false;
}

/* What of the command line chooses VMs: ", guest web-07"; "": nothing. */
static void only_text(const struct filter *only, char *out, size_t size)
{
    char name[64];

    *out = '\0';
    if (only->name) {
        text_clean(only->name, strlen(only->name), name, sizeof(name));
        snprintf(out, size, ", guest %s", name);
    } else if (only->pid != 0) {
        snprintf(out, size, ", process %d", (int)only->pid);
    }
}

/* What the filters and tags leave out, so that nobody takes a part for the whole. */
static void draw_selection(const struct ui_model *m, const struct ui_state *st, struct rect r,
                           struct screen *out)
{
    const struct vms_state *vms = &st->vms;
    struct figure exits = {.state = READING_ABSENT}, cpu = exits;
    bool all_exits = true, all_cpu = true; /* else a sum is more than what is shown: ">125" */
    char a[FORMAT_MAX], b[FORMAT_MAX];
    struct column_fields fields;
    int x = r.x;

    if (vms->vm_rows < m->now->vm_count) {
        char only[80];
        only_text(&vms->only, only, sizeof(only));
        x += screen_printf(out, r, r.y, x, STYLE_NOTICE, "%zu of %zu VMs%s%s%s%s  ", vms->vm_rows,
                           m->now->vm_count, only, vms->filter.set ? ", filter " : "",
                           vms->filter.text,
                           *only || vms->filter.set ? "; c clears it" : "");
    }
    if (vms->tagged.count == 0)
        return;
    column_fields_resolve(m->now, m->scans, &fields);
    for (size_t i = 0; i < vms->tagged.count; i++) {
        const struct snapshot_vm *vm = snapshot_find(m->now, &vms->tagged.ids[i]);
        if (!vm)
            continue;
        struct column_value v = column_get(COLUMN_EXITS, &fields, vm, NULL);
        figure_add(&exits, (struct figure){.value = v.number, .state = (uint8_t)v.state});
        all_exits &= v.state == READING_OK;
        all_cpu &= vm->cpu_ratio.state == READING_OK;
        if (!process_tagged_before(&vms->tagged, i))
            figure_add(&cpu, vm->cpu_ratio);
    }
    screen_printf(out, r, r.y, x, STYLE_TAGGED, "%zu tagged: CPU %s%s%s, exits %s%s%s",
                  vms->tagged.count, cpu.state == READING_OK && !all_cpu ? ">" : "",
                  cpu.state == READING_OK ? format_percent(a, cpu.value)
                                          : reading_state_text(cpu.state),
                  cpu.state == READING_OK ? "%" : "",
                  exits.state == READING_OK && !all_exits ? ">" : "",
                  exits.state == READING_OK ? format_count(b, exits.value)
                                            : reading_state_text(exits.state),
                  exits.state == READING_OK ? "/s" : "");
}

/* In the counters of a VM: what is left out, then why something is missing. */
static void draw_detail(const struct ui_model *m, const struct ui_state *st, struct rect r,
                        struct screen *out)
{
    const struct snapshot_vm *vm = detail_vm(st, m);
    const struct counters_state *cs = &st->detail.counters;
    const char *what;

    if (st->screen == SCREEN_COUNTERS && cs->pattern.set)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE, "%zu counters, filter %s; c clears it",
                      cs->counters.count, cs->pattern.text);
    else if (vm && vm_cause(vm, &what) != CAUSE_NONE)
        draw_cause(&m->now->host, vm, r, out);
    else if (st->screen == SCREEN_COUNTERS && cs->counters.hidden_zero > 0)
        screen_printf(out, r, r.y, r.x, STYLE_DIM,
                      "%zu counters that counted nothing are hidden; z shows them",
                      cs->counters.hidden_zero);
}

static void draw_message(const char *message, struct rect r, struct screen *out)
{
    int width = (int)text_width(message);

    screen_field(out, r, r.y, r.x, width < r.cols ? width : r.cols, ALIGN_LEFT, STYLE_NOTICE,
                 message);
}

void view_status(const struct ui_model *m, const struct ui_state *st, struct rect r,
                 struct screen *out)
{
    const struct snapshot_vm *vm = vms_selected(st, m);
    const char *what;

    if (st->prompt.kind != PROMPT_NONE)
        draw_prompt(&st->prompt, r, out);
    else if (st->message[0])
        draw_message(st->message, r, out);
    else if (ui_is_detail(st->screen))
        draw_detail(m, st, r, out);
    else if (st->screen != SCREEN_VMS || !m->now)
        return;
    else if (st->vms.vm_rows < m->now->vm_count || st->vms.tagged.count > 0)
        draw_selection(m, st, r, out);
    else if (!vm && st->vms.follow)
        screen_printf(out, r, r.y, r.x, STYLE_NOTICE,
                      "Waiting for a VM called %s. F stops following", st->vms.selected_name);
    else if (vm && vm_cause(vm, &what) != CAUSE_NONE)
        draw_cause(&m->now->host, vm, r, out);
}

void view_bar(const struct ui_state *st, struct rect r, struct screen *out)
{
    struct bar_item items[BAR_ITEMS_MAX];
    size_t n = layout_bar(st->screen, r.cols, items);

    for (size_t i = 0; i < n; i++) {
        char name[KEY_NAME_MAX];
        int x = r.x + items[i].x;
        x += screen_text(out, r, r.y, x, STYLE_KEY, keys_name(items[i].binding->keys[0], name)) + 1;
        screen_text(out, r, r.y, x, STYLE_KEY_TEXT, items[i].binding->bar);
    }
}
