// SPDX-License-Identifier: MIT
// Columns of contention: what is made of core/model/vm_load.h.
#include <string.h>

#include "ui/state/columns_internal.h"

struct column_value columns_missing(enum reading_state state, enum reading_cause cause)
{
    if (state == READING_ABSENT && cause == CAUSE_NOT_ASKED_FOR)
        state = READING_WARMUP;
    return (struct column_value){.state = (unsigned char)state, .cause = (unsigned char)cause};
}

static struct column_value of_text(const char *text)
{
    return (struct column_value){.text = text, .state = READING_OK};
}

struct column_value columns_figure(const struct column *column, const struct snapshot_vm *vm,
                                   const struct snapshot_vcpu *vcpu,
                                   const struct column_fields *fields)
{
    const size_t at = vcpu != NULL ? column->vcpu_figure : column->vm_figure;
    struct figure f;

    (void)fields;
    if (at == 0)
        return (struct column_value){.blank = true};
    memcpy(&f, (vcpu != NULL ? (const char *)vcpu : (const char *)vm) + at, sizeof(f));
    if (f.state != READING_OK)
        return columns_missing((enum reading_state)f.state, (enum reading_cause)f.cause);
    return (struct column_value){.number = f.value, .state = READING_OK};
}

#define ALL_OF_IT 1.01 /* two clocks may differ by less */

struct column_value columns_share_of_time(struct column_value value)
{
    if (value.state != READING_OK || value.blank || value.number <= 1)
        return value;
    value.text = value.number > ALL_OF_IT ? ">" : NULL;
    value.number = 1;
    return value;
}

struct column_value columns_ready(const struct column *column, const struct snapshot_vm *vm,
                                  const struct snapshot_vcpu *vcpu,
                                  const struct column_fields *fields)
{
    return columns_share_of_time(columns_figure(column, vm, vcpu, fields));
}

/* As the table writes them: where there is doubt, a question mark says so in few cells. */
static const char *state_text(const struct snapshot_vm *vm, const struct snapshot_vcpu *vcpu)
{
    if (vcpu != NULL)
        return vcpu_state_text((enum vcpu_state)vcpu->load.state);
    if (vm->load.state == VM_STATE_IDLE_OR_PAUSED)
        return "paused?";
    return vm_state_text((enum vm_state)vm->load.state);
}

struct column_value columns_state(const struct column *column, const struct snapshot_vm *vm,
                                  const struct snapshot_vcpu *vcpu,
                                  const struct column_fields *fields)
{
    const char *text = state_text(vm, vcpu);
    const enum reading_cause cause =
        (enum reading_cause)(vcpu != NULL ? vcpu->load.state_cause : vm->load.state_cause);

    (void)column;
    (void)fields;
    if (text[0] == '\0')
        return columns_missing((enum reading_state)reading_of_cause(cause).state, cause);
    return of_text(text);
}

enum style columns_state_style(const struct column_value *value)
{
    static const struct {
        const char *text;
        enum style style;
    } styles[] = {{"stopped", STYLE_WARNING}, {"frozen", STYLE_WARNING},
                  {"blocked", STYLE_WARNING}, {"paused", STYLE_NOTICE},
                  {"paused?", STYLE_NOTICE},  {"migrating", STYLE_NOTICE},
                  {"ready", STYLE_NOTICE},    {"halted", STYLE_DIM}};

    for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
        if (strcmp(value->text, styles[i].text) == 0)
            return styles[i].style;
    return STYLE_NORMAL;
}

struct column_value columns_host_cpu(const struct column *column, const struct snapshot_vm *vm,
                                     const struct snapshot_vcpu *vcpu,
                                     const struct column_fields *fields)
{
    (void)column;
    (void)vm;
    (void)fields;
    if (vcpu == NULL)
        return (struct column_value){.blank = true};
    const struct reading *r = &vcpu->load.host_cpu;
    if (r->state != READING_OK)
        return columns_missing((enum reading_state)r->state, (enum reading_cause)r->cause);
    return (struct column_value){.number = (double)r->raw, .state = READING_OK};
}

static struct column_value vcpu_affinity(const struct snapshot_vcpu *vcpu)
{
    const struct reading *count = &vcpu->load.cpu_count;

    if (count->state != READING_OK)
        return columns_missing((enum reading_state)count->state, (enum reading_cause)count->cause);
    return of_text(vcpu->load.cpus_allowed != NULL ? vcpu->load.cpus_allowed : "many");
}

struct column_value columns_affinity(const struct column *column, const struct snapshot_vm *vm,
                                     const struct snapshot_vcpu *vcpu,
                                     const struct column_fields *fields)
{
    (void)column;
    (void)fields;
    if (vcpu != NULL)
        return vcpu_affinity(vcpu);
    if (vm->vcpu_count == 0)
        return (struct column_value){.blank = true};
    struct column_value all = vcpu_affinity(&vm->vcpus[0]);
    for (size_t i = 1; i < vm->vcpu_count && all.state == READING_OK; i++) {
        struct column_value one = vcpu_affinity(&vm->vcpus[i]);
        if (one.state != READING_OK)
            return one;
        if (strcmp(one.text, all.text) != 0)
            return of_text("differs");
    }
    return all;
}
