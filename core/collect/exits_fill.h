/* SPDX-License-Identifier: MIT */
/*
 * From what the BPF programs counted to the count of a sample. Pure, any thread.
 */
#ifndef KVMLENS_CORE_COLLECT_EXITS_FILL_H
#define KVMLENS_CORE_COLLECT_EXITS_FILL_H

#include "core/bpf/exit_names.h"
#include "core/bpf/kvm_exits.h"
#include "core/collect/exits_threads.h"
#include "core/model/exits.h"

/*
 * exits_fill - all rows of @reading whose thread is in it and is not past by @threads, in the order
 * that struct exits_count has, and the names of all reasons in them. What a thread is in the middle
 * of goes until @reading->taken_ns. Of the facts only taken_ns, lost and missed are set.
 * @names: NULL: those of our table. NULL when memory is out. Ends with free(3).
 */
struct exits_count *exits_fill(const struct kvm_exits_reading *reading,
                               const struct exits_threads *threads, const struct exit_names *names);

#endif
