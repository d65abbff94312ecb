/* SPDX-License-Identifier: MIT */
/*
 * A flat form of a sample whose sections were found and fit together, see
 * core/model/sample_flat.h. Its rows are looked through later, a VM at a time.
 */
#ifndef KVMLENS_CORE_MODEL_SAMPLE_FLAT_FORM_H
#define KVMLENS_CORE_MODEL_SAMPLE_FLAT_FORM_H

#include <stdbool.h>

#include "core/model/sample_flat.h"
#include "core/model/sample_flat_internal.h"

#define NAMES_MAX 256 /* sources and causes: their numbers are bytes */

/* What the numbers of the writer are here. */
struct names {
    uint8_t to[NAMES_MAX];
    size_t count;
    bool is_same; /* all as here */
};

struct source_form {
    struct flat flat;
    struct flat_section text, vms, vcpus, fields, devices;
    struct flat_head head;
    struct names sources, causes;
    /* column of the writer: column here */
    int field_to[FIELD_MAX];
    bool fields_are_same;
    size_t entities;
    struct reading *vm_gauges, *vcpu_gauges, *host_gauges, *readings;
    size_t host_gauge_count; /* 0: nobody wrote them */
    struct reading *device_counts;
    size_t device_counters; /* columns of them */
    uint64_t *times, *buckets;
};

/*
 * sample_form_open - find all sections in @size bytes at @buffer, which is borrowed; fields that
 * @fields lacks are added. @ret is zeroed before. Returns as sample_flat_read.
 */
int sample_form_open(void *buffer, size_t size, struct field_table *fields,
                     struct source_form *ret);

/*
 * sample_form_entities, ... - rows of the matrices in the byte order of here, and with the numbers
 * that sources and causes have here; each row once. false: a number in them is out of bounds.
 * @row, @i: the first; these and @count lie within the form.
 */
bool sample_form_entities(const struct source_form *form, size_t row, size_t count);
bool sample_form_vm_gauges(const struct source_form *form, size_t i);
bool sample_form_vcpu_gauges(const struct source_form *form, size_t i, size_t count);

bool sample_form_device_counts(const struct source_form *form, size_t i);

/* sample_form_host_gauges - the same of all gauges of the host, once. */
bool sample_form_host_gauges(const struct source_form *form);

#endif
