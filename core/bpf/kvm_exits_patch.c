// SPDX-License-Identifier: MIT
/*
 * The places of fields, put into the instructions of a program before it is loaded.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "core/bpf/exit_format.h"
#include "core/bpf/kvm_exits_internal.h"

struct wanted {
    enum kvm_exits_event event;
    const char *name;
    bool is_needed;
};

#define EVENT_NAME(id, event, need) [KVM_EXITS_EVENT_##id] = (event),
static const char *const events[] = {KVM_EXITS_EVENTS(EVENT_NAME)};
#undef EVENT_NAME

#define WANTED(id, event, field, need)                                                             \
    [KVM_EXITS_FIELD_##id] = {KVM_EXITS_EVENT_##event, field, need},
static const struct wanted fields[KVM_EXITS_FIELD_COUNT] = {KVM_EXITS_FIELDS(WANTED)};
#undef WANTED

/* A load from a place that stands for a field? */
static bool is_load(const struct bpf_insn *insn)
{
    return BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) == BPF_MEM &&
           insn->off >= KVM_EXITS_PLACE && insn->off < KVM_EXITS_PLACE_OF(KVM_EXITS_FIELD_COUNT);
}

/* -1: no load has that many bytes. */
static int size_code(unsigned bytes)
{
    switch (bytes) {
    case 1:
        return BPF_B;
    case 2:
        return BPF_H;
    case 4:
        return BPF_W;
    case 8:
        return BPF_DW;
    default:
        return -1;
    }
}

/* 0, or -ENOTSUP. */
static int patch(struct bpf_insn *insn, enum kvm_exits_event event,
                 const struct trace_format *format, struct error *err)
{
    const struct wanted *want = &fields[(insn->off - KVM_EXITS_PLACE) / 8];
    const struct trace_field *field = trace_format_field(format, want->name);

    if (want->event != event || (insn->off - KVM_EXITS_PLACE) % 8 != 0)
        return error_set(err, -ENOTSUP, "the program for kvm/%s reads a field of another event",
                         events[event]);
    if (field == NULL && want->is_needed)
        return error_set(err, -ENOTSUP, "the trace event kvm/%s of this kernel has no field %s",
                         events[event], want->name);
    if (field == NULL) {
        insn->code = BPF_ALU64 | BPF_MOV | BPF_K;
        insn->src_reg = 0;
        insn->off = 0;
        insn->imm = 0;
        return 0;
    }
    const int size = size_code(field->bytes);
    if (size < 0 || field->offset % field->bytes != 0)
        return error_set(err, -ENOTSUP,
                         "the field %s of the trace event kvm/%s has %u bytes at %u: that cannot "
                         "be read",
                         want->name, events[event], field->bytes, field->offset);
    insn->code = (uint8_t)(BPF_LDX | BPF_MEM | size);
    insn->off = (int16_t)field->offset;
    return 0;
}

int kvm_exits_patch(struct bpf_program *program, enum kvm_exits_event event,
                    const struct trace_format *format, struct error *err)
{
    const size_t count = bpf_program__insn_cnt(program);
    struct bpf_insn *copy = calloc(count, sizeof(*copy));
    int result = 0;

    if (copy == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    memcpy(copy, bpf_program__insns(program), count * sizeof(*copy));
    for (size_t i = 0; i < count && result == 0; i++)
        if (is_load(&copy[i]))
            result = patch(&copy[i], event, format, err);
    if (result == 0) {
        result = bpf_program__set_insns(program, copy, count);
        if (result < 0)
            error_set(err, result, "out of memory");
    }
    free(copy);
    return result;
}
