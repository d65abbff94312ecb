/* SPDX-License-Identifier: MIT */
/*
 * What all formats say about exits: whose they are, which rows there are, and which key stands with
 * which reason. Pure.
 */
#ifndef KVMLENS_UI_REPORT_REPORT_EXITS_H
#define KVMLENS_UI_REPORT_REPORT_EXITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/exit_key_text.h"
#include "core/model/snapshot.h"

/*
 * report_exits_of_vm, report_exits_of_vcpu - the exits of s->vms[@vm], or of a vCPU of it. NULL:
 * nothing is known of them, because nobody asked, they could not be counted, or its process is not
 * watched.
 */
const struct exit_group *report_exits_of_vm(const struct snapshot *s, size_t vm);
const struct exit_group *report_exits_of_vcpu(const struct snapshot *s, size_t vm, size_t vcpu);

/*
 * report_exits_seen - how many vCPUs of s->vms[@vm] were seen, which is what shares of its time are
 * of. A vCPU that began to wait before counting did is not. 0 where nothing is known.
 */
size_t report_exits_seen(const struct snapshot *s, size_t vm);

/* report_exits_moved - did anything of it happen in the interval? NULL ok: no. */
bool report_exits_moved(const struct exit_group *group);

/*
 * report_exits_row - row @i, and in it all others of its name: the kernel keeps flags in the
 * numbers of reasons, which have no name. False: an earlier row has it in.
 */
bool report_exits_row(const struct exit_group *group, size_t i, struct exit_row *ret);

#define REPORT_EXITS_NO_ROW SIZE_MAX

/*
 * report_exits_homes - of each kind of key the number of the row that it is behind: the only one it
 * can be behind. REPORT_EXITS_NO_ROW: there is none, or there are several, and nothing tells which.
 */
void report_exits_homes(const struct exit_group *group, size_t ret[static EXIT_KEY_COUNT]);

/* report_exits_label - exit_key_label with the names of @exits. */
const char *report_exits_label(const struct exits *exits, const struct exit_key_row *key,
                               char buf[static EXIT_KEY_LABEL_BYTES]);

/* report_exits_rate - per second; READING_WARMUP where there is no interval yet. */
struct figure report_exits_rate(const struct exits *exits, uint64_t interval_count);

/*
 * report_exits_share - what part @ns are of the time of its threads in the interval: 0 to 1.
 * READING_WARMUP where there is no interval yet, READING_ABSENT where it was not seen to enter a
 * guest or leave it: then not even nothing is known.
 */
struct figure report_exits_share(const struct exits *exits, const struct exit_group *group,
                                 uint64_t ns);

#endif
