/* SPDX-License-Identifier: MIT */
/*
 * Well-known reasons of exits: what they mean, in the words of field_known(), for somebody who has
 * a slow VM before him and no time.
 *
 * Pure, any thread. All texts are constant ASCII. Sources: arch/x86/kvm/{vmx/vmx,svm/svm,svm/avic,
 * svm/sev,lapic,x86}.c, arch/arm64/kvm/handle_exit.c, Documentation/virt/kvm/api.rst.
 */
#ifndef KVMLENS_CORE_MODEL_EXIT_KNOWN_H
#define KVMLENS_CORE_MODEL_EXIT_KNOWN_H

#include <stdint.h>

#include "core/model/exit_kind.h"
#include "core/model/exit_reason.h"

/* Sentences of fewer than 160 characters, none of them empty. */
struct exit_known {
    const char *means;
    const char *causes; /* what is behind it where there are many */
    const char *helps;  /* against it; or that nothing does, or has to */
};

/*
 * exit_known - of a reason as the kernel gives it; of Intel's an entry that failed has sentences of
 * its own, whatever the reason. NULL where there are none. Constant.
 */
const struct exit_known *exit_known(enum exit_isa isa, uint32_t reason);

/* exit_known_kind - of exits of which no more is seen than what is behind them. NULL where it tells
 * nothing about them. Constant. */
const struct exit_known *exit_known_kind(enum exit_key_kind kind);

#endif
