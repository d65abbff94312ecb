/* SPDX-License-Identifier: MIT */
/*
 * The system calls of the filters: two tables, for privilege_calls.c.
 */
#ifndef KVMLENS_CORE_PRIVILEGE_PRIVILEGE_CALLS_H
#define KVMLENS_CORE_PRIVILEGE_PRIVILEGE_CALLS_H

#include <stdint.h>

/* When a call is refused. */
enum privilege_when {
    WHEN_ALWAYS,
    WHEN_ALL_BITS, /* all bits of @value are set in the argument */
    WHEN_NO_BITS,  /* no bit of @value is set in the argument */
    WHEN_EQUAL,    /* its lower 32 bits are @value */
    WHEN_NOT,      /* the argument is not @value */
    WHEN_BELOW,    /* the argument is less than @value, unsigned */
    WHEN_ABOVE,    /* it is more */
    WHEN_NOT_SELF, /* the argument is not the process id of this process */
};

struct privilege_refusal {
    const char *call;
    unsigned roles; /* bits of enum privilege_role: in which it is refused */
    enum privilege_when when;
    unsigned argument;
    uint64_t value;
    unsigned unless; /* bits of enum privilege_need: with one of them it is not refused */
};

/* Calls that a program of ours may make at all; NULL ends them. All others give ENOSYS. */
extern const char *const privilege_known_calls[];

/* What is refused with EPERM, known or not; a row without a call ends them. */
extern const struct privilege_refusal privilege_refusals[];

#endif
