/* SPDX-License-Identifier: MIT */
/*
 * Exits for tests: two counts made by hand, and the exits of a snapshot that the program itself
 * derives from them.
 *
 *     struct exits_builder *e = exits_builder_new();
 *     exits_builder_thread(e, 5164, 5165, 600000000);
 *     exits_builder_reason(e, 5165, EXIT_ISA_VMX, 30, "IO_INSTRUCTION", 100, 300, 2000);
 *     exits_builder_key(e, 5165, EXIT_KEY_PORT_WRITE, 0x3f8, 300);
 *     exits_builder_put(e, b);        into the snapshot of the builder @b, which owns it then
 *     exits_builder_free(e);
 *
 * Running out of memory or of room ends the test program.
 */
#ifndef KVMLENS_TESTS_EXITS_BUILDER_H
#define KVMLENS_TESTS_EXITS_BUILDER_H

#include "core/model/exits.h"
#include "tests/lib/snapshot_builder.h"

struct exits_builder;

/* Counted for five seconds up to the first count, and one more to the second; all events are there.
 */
struct exits_builder *exits_builder_new(void);
void exits_builder_free(struct exits_builder *b);

/* exits_builder_facts - of both counts; what is there as the time of the second (taken_ns) is one
 * second later than that of the first. */
struct exits_facts *exits_builder_facts(struct exits_builder *b);

/* exits_builder_no_first - there is only the second count. */
void exits_builder_no_first(struct exits_builder *b);

/* exits_builder_thread - one that was in its guest for so long in the interval. */
void exits_builder_thread(struct exits_builder *b, int pid, int tid, uint64_t guest_ns);

/* exits_builder_reason - @count exits in the interval, and five times as many before. Nine of ten
 * took 0.6 times @average_ns, one took 4.6 times. */
void exits_builder_reason(struct exits_builder *b, int tid, enum exit_isa isa, uint32_t reason,
                          const char *name, uint64_t count, uint64_t average_ns);

/* exits_builder_key - likewise. @name of EXIT_KEY_USER as a collector has it, without KVM_EXIT_;
 * else NULL. */
void exits_builder_key(struct exits_builder *b, int tid, enum exit_key_kind kind, uint64_t value,
                       const char *name, uint64_t count);

/* --- rows as they are: of the first count, or of the second (@later) -------------------------- */

void exits_builder_add_thread(struct exits_builder *b, bool later, const struct exits_thread *row);
/* exits_builder_add_reason - its thread, which was added before, has as many exits more. */
void exits_builder_add_reason(struct exits_builder *b, bool later, const struct exits_reason *row);
void exits_builder_add_key(struct exits_builder *b, bool later, const struct exits_key *row);
/* exits_builder_name - in both; the first name of a reason stays. */
void exits_builder_name(struct exits_builder *b, enum exit_isa isa, uint32_t reason,
                        const char *name);

/* --- what becomes of them --------------------------------------------------------------------- */

/* exits_builder_exits - of the VMs of @s. Ends with free(3), or with the snapshot it is put in. */
struct exits *exits_builder_exits(const struct exits_builder *b, const struct snapshot *s);

/* exits_builder_put - into the snapshot that @to makes. */
void exits_builder_put(const struct exits_builder *b, struct snapshot_builder *to);

/* --- what tests of screens have in common: into a host of snapshot_builder_three_vms ---------- */

/* exits_builder_busy - "db-primary" has eight reasons and halts, "vm16" is idle. */
void exits_builder_busy(struct snapshot_builder *to);

/* exits_builder_unseen - kvm_exit fires for no VM; there are ports, MMIO and exits to user space.
 */
void exits_builder_unseen(struct snapshot_builder *to);

/* exits_builder_put_busy, exits_builder_put_unseen - the same, of three VMs that are there. */
void exits_builder_put_busy(struct snapshot_builder *to);
void exits_builder_put_unseen(struct snapshot_builder *to);

#endif
