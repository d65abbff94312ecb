// SPDX-License-Identifier: MIT
#include "core/model/field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[FIELD_KIND_COUNT] = {
    [FIELD_CUMULATIVE] = "cumulative",   [FIELD_INSTANT] = "instant",
    [FIELD_PEAK] = "peak",               [FIELD_LINEAR_HIST] = "linear_hist",
    [FIELD_LOG_HIST] = "log_hist",
};

static const char *const unit_names[FIELD_UNIT_COUNT] = {
    [FIELD_NONE] = "none",     [FIELD_BYTES] = "bytes",     [FIELD_SECONDS] = "seconds",
    [FIELD_CYCLES] = "cycles", [FIELD_BOOLEAN] = "boolean",
};

const char *field_kind_name(enum field_kind kind)
{
    return kind_names[kind];
}

const char *field_unit_name(enum field_unit unit)
{
    return unit_names[unit];
}

const char *field_scope_name(enum field_scope scope)
{
    return scope == FIELD_VCPU ? "vcpu" : "vm";
}

bool field_is_hist(const struct field *field)
{
    return field->kind == FIELD_LINEAR_HIST || field->kind == FIELD_LOG_HIST;
}

void field_table_done(struct field_table *table)
{
    free(table->fields);
    *table = (struct field_table){0};
}

static bool is_name(const char *s)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t len = strnlen(s, FIELD_NAME_MAX);

    return len > 0 && len < FIELD_NAME_MAX && strspn(s, allowed) == len && s[0] != '.' &&
           s[0] != '-';
}

static bool is_same(const struct field *a, const struct field *b)
{
    return a->scope == b->scope && a->kind == b->kind && a->unit == b->unit && a->base == b->base &&
           a->exponent == b->exponent && a->size == b->size && a->bucket_size == b->bucket_size &&
           strcmp(a->name, b->name) == 0;
}

int field_table_add(struct field_table *table, const struct field *field)
{
    if (!is_name(field->name) || field->kind >= FIELD_KIND_COUNT ||
        field->unit >= FIELD_UNIT_COUNT || field->size == 0 || field->size > FIELD_BUCKETS_MAX ||
        (field->size > 1 && !field_is_hist(field)))
        return -EINVAL;
    for (size_t i = 0; i < table->count; i++)
        if (is_same(&table->fields[i], field))
            return (int)i;
    if (table->count == FIELD_MAX)
        return -ENOSPC;
    if (table->count == table->cap) {
        size_t cap = table->cap ? table->cap * 2 : 64;
        struct field *grown = realloc(table->fields, cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        table->fields = grown;
        table->cap = cap;
    }
    struct field *added = &table->fields[table->count];
    *added = *field;
    added->bucket_index = 0;
    if (field_is_hist(field)) {
        added->bucket_index = table->bucket_count;
        table->bucket_count += field->size;
    }
    return (int)table->count++;
}

int field_table_find(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->fields[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

void field_bucket_range(const struct field *field, size_t i, uint64_t *ret_low, uint64_t *ret_high)
{
    bool last = i + 1 >= field->size;

    if (field->kind == FIELD_LINEAR_HIST) {
        *ret_low = (uint64_t)field->bucket_size * i;
        *ret_high = last ? UINT64_MAX : (uint64_t)field->bucket_size * (i + 1);
    } else {
        *ret_low = i == 0 ? 0 : i > 64 ? UINT64_MAX : 1ULL << (i - 1);
        *ret_high = last || i > 63 ? UINT64_MAX : 1ULL << i;
    }
}
