/* SPDX-License-Identifier: MIT */
/*
 * A sample in flat form (core/base/flat.h, FLAT_SAMPLE): how the collector hands it to the front
 * end, and how it can be kept in a file.
 *
 * It stands alone: names of sources, causes and VMMs are in it as words, so that a reader of
 * another version maps them by name. Sections, in any order; items are the structures of
 * sample_flat_internal.h, little-endian, without gaps:
 *
 *   id  items
 *    1  text: bytes. Texts of all other sections are (offset, length) in here, with a NUL behind
 *    2  one head: times, what is hidden, how many columns the matrices have
 *    3  one host: kernel, lockdown, capabilities, where debugfs is
 *    4  sources: texts; a source is a number into this list
 *    5  causes: texts (names of the rows of core/model/causes.h); likewise
 *    6  costs: u64 nanoseconds of CPU time, for each source
 *    7  fields: name, kind, unit, scope, shape: columns of the matrix of readings
 *    8  VMs, ascending (pid, fd)
 *    9  vCPUs of all VMs, in the order of the VMs, ascending id in each
 *   10  gauges of VMs: readings [VM][enum vm_gauge]
 *   11  gauges of vCPUs: readings [vCPU][enum vcpu_gauge]
 *   12  times: u64 [entity][source], monotonic nanoseconds, 0 = not read
 *   13  readings [entity][field]
 *   14  buckets of histograms: u64 [entity][bucket]
 *   15  BPF: its state, what stands in its way, and a sentence
 *   16  gauges of the host: readings [enum host_gauge]; may be missing
 *   17  devices of all VMs, in the order of the VMs; may be missing
 *   18  counts of devices: readings [device][enum io_counter]; missing where devices are
 *
 * Entities are the host, then each VM followed by its vCPUs. A reading is struct reading. Order and
 * values of the enumerations of BPF, devices, gauges, kinds, units, scopes, states and lockdown are
 * part of the form: new ones are added at their end.
 *
 * Exits are not in it: their count has a form of its own (core/model/exits_flat.h).
 *
 * Nothing of it is trusted: a reader gets a sample that keeps all rules of core/model/sample.h, or
 * an error. Names of VMs come as the VMM gave them, and are cleaned by who reads them.
 *
 * Any thread.
 */
#ifndef KVMLENS_CORE_MODEL_SAMPLE_FLAT_H
#define KVMLENS_CORE_MODEL_SAMPLE_FLAT_H

#include <stddef.h>

#include "core/model/field.h"
#include "core/model/sample.h"

/* The host, VMs and vCPUs of one form, and bytes of its readings where these have to be moved: more
 * is not believed, for memory and time of who reads it. */
#define SAMPLE_FLAT_ENTITIES_MAX ((size_t)1 << 18)
#define SAMPLE_FLAT_MATRIX_MAX   ((size_t)1 << 29)
#define SAMPLE_FLAT_DEVICES_MAX  ((size_t)1 << 16)

/*
 * sample_flat_write - @sample into @size bytes at @buffer (aligned to 8; NULL with 0).
 * Returns the bytes that it takes; when these are more, what is in @buffer is of no use.
 */
size_t sample_flat_write(const struct sample *sample, const struct field_table *fields,
                         void *buffer, size_t size);

/*
 * sample_flat_read - the sample in @size bytes at @buffer, which is memory of malloc(3).
 *
 * @fields: fields that it lacks are added. The readings of *@ret lie in the buffer itself where
 * possible, so the buffer belongs to the sample from now on; on failure it is freed.
 * 0; -EBADMSG: not a sample, or one that breaks a rule; -EPROTONOSUPPORT; -ENOMEM.
 */
int sample_flat_read(void *buffer, size_t size, struct field_table *fields, struct sample **ret);

/*
 * The same a slice at a time, for who has something else to do meanwhile.
 *
 * sample_reader_open - @buffer belongs to the reader from now on, also when this fails, and goes
 * back to @home in the end (NULL: free(3)). @fields outlives the reader, and gets no other field
 * meanwhile. Returns as sample_flat_read.
 *
 * sample_reader_step - go on, until @entities VMs and vCPUs are done and the VM that was begun with
 * them. 1: *@ret is the sample; 0: there is more to do; -EBADMSG: it breaks a rule. After 1 and
 * -EBADMSG only sample_reader_close is left to be called.
 */
struct sample_reader;
int sample_reader_open(void *buffer, size_t size, struct spare *home, struct field_table *fields,
                       struct sample_reader **ret);
int sample_reader_step(struct sample_reader *reader, size_t entities, struct sample **ret);
void sample_reader_close(struct sample_reader *reader); /* NULL ok */

#endif
