// SPDX-License-Identifier: MIT
#include "core/model/vm_load.h"

static const struct {
    const char *name, *text;
} vm_states[VM_STATE_COUNT] = {
    [VM_STATE_UNKNOWN] = {"unknown", ""},
    [VM_STATE_RUNNING] = {"running", "running"},
    [VM_STATE_PAUSED] = {"paused", "paused"},
    [VM_STATE_IDLE_OR_PAUSED] = {"idle-or-paused", "idle or paused"},
    [VM_STATE_STOPPED] = {"stopped", "stopped"},
    [VM_STATE_FROZEN] = {"frozen", "frozen"},
    [VM_STATE_MIGRATING] = {"migrating", "migrating"},
    [VM_STATE_ENDED] = {"ended", "ended"},
};

static const struct {
    const char *name, *text;
} vcpu_states[VCPU_STATE_COUNT] = {
    [VCPU_STATE_UNKNOWN] = {"unknown", ""},
    [VCPU_STATE_GUEST] = {"guest", "guest"},
    [VCPU_STATE_HOST] = {"host", "host"},
    [VCPU_STATE_HALTED] = {"halted", "halted"},
    [VCPU_STATE_READY] = {"ready", "ready"},
    [VCPU_STATE_PAUSED] = {"paused", "paused"},
    [VCPU_STATE_BLOCKED] = {"blocked", "blocked"},
    [VCPU_STATE_STOPPED] = {"stopped", "stopped"},
    [VCPU_STATE_NOT_HALTED] = {"not-halted", "not halted"},
};

const char *vm_state_name(enum vm_state state)
{
    return vm_states[state].name;
}

const char *vm_state_text(enum vm_state state)
{
    return vm_states[state].text;
}

const char *vcpu_state_name(enum vcpu_state state)
{
    return vcpu_states[state].name;
}

const char *vcpu_state_text(enum vcpu_state state)
{
    return vcpu_states[state].text;
}

const char *vm_role_name(enum vm_role role)
{
    static const char *const names[VM_ROLE_COUNT] = {
        [VM_ROLE_VCPU] = "vcpu",     [VM_ROLE_IOTHREAD] = "iothread",
        [VM_ROLE_VHOST] = "vhost",   [VM_ROLE_MIGRATION] = "migration",
        [VM_ROLE_KERNEL] = "kernel", [VM_ROLE_EMULATOR] = "emulator",
    };
    return names[role];
}

const char *pressure_name(enum pressure pressure)
{
    static const char *const names[PRESSURE_COUNT] = {
        [PRESSURE_CPU_SOME] = "cpu_some",       [PRESSURE_CPU_FULL] = "cpu_full",
        [PRESSURE_MEMORY_SOME] = "memory_some", [PRESSURE_MEMORY_FULL] = "memory_full",
        [PRESSURE_IO_SOME] = "io_some",         [PRESSURE_IO_FULL] = "io_full",
    };
    return names[pressure];
}
