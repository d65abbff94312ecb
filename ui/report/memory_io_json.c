// SPDX-License-Identifier: MIT
/* Memory and I/O as keys of JSON. */
#include <stdio.h>
#include <string.h>

#include "ui/report/report_load.h"
#include "ui/report/report_memory_io.h"

#define KEY_MAX 80

static void name_missing(struct json_doc *doc, json_t *missing, const char *prefix, const char *key,
                         uint8_t state, uint8_t cause)
{
    char name[KEY_MAX];

    /* One sample has no rates: that it has none is no news. */
    if (state == READING_OK || (state == READING_WARMUP && cause == CAUSE_NONE) ||
        !report_load_is_told(state, cause))
        return;
    snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
    json_put_missing(doc, missing, name, state, cause);
}

static void put_reading(struct json_doc *doc, json_t *object, json_t *missing, const char *prefix,
                        const char *key, const struct reading *r)
{
    json_put_reading(doc, object, key, r);
    name_missing(doc, missing, prefix, key, r->state, r->cause);
}

static void put_figure(struct json_doc *doc, json_t *object, json_t *missing, const char *prefix,
                       const char *key, const struct figure *f)
{
    json_put_figure(doc, object, key, f);
    name_missing(doc, missing, prefix, key, f->state, f->cause);
}

/* An object of an object, left out where it would be empty. */
static void end_inner(struct json_doc *doc, json_t *object, const char *key, json_t *inner)
{
    if (json_object_size(inner) > 0)
        json_put(doc, object, key, inner);
    else
        json_decref(inner);
}

static json_t *put_group(struct json_doc *doc, json_t *missing, const struct memory_io_group *group,
                         const struct snapshot_vm *vm)
{
    json_t *object = json_object();

    for (const struct memory_io_row *row = group->rows; row->name != NULL; row++)
        if (row->is_figure)
            put_figure(doc, object, missing, group->key, row->name,
                       report_memory_io_figure(row, vm));
        else
            put_reading(doc, object, missing, group->key, row->name,
                        report_memory_io_reading(row, vm));
    return object;
}

static json_t *put_device(struct json_doc *doc, const struct io_device *d)
{
    const enum io_device_kind kind = (enum io_device_kind)d->kind;
    json_t *object = json_object(), *missing = json_object();
    char key[KEY_MAX];

    json_put(doc, object, "kind", json_string(io_device_kind_name(kind)));
    json_put(doc, object, "name", json_put_text(d->name));
    if (!io_device_kind_is_net(kind))
        json_put(doc, object, "read_only", json_boolean(d->is_read_only));
    for (int c = 0; c < IO_COUNTER_COUNT; c++) {
        const char *name = io_counter_name((enum io_counter)c);
        if (!report_device_has(kind, (enum io_counter)c))
            continue;
        put_reading(doc, object, missing, "", name, &d->counts[c].total);
        snprintf(key, sizeof(key), "%s_per_second", name);
        json_put_figure(doc, object, key, &d->counts[c].rate);
    }
    end_inner(doc, object, "missing", missing);
    return object;
}

static void put_devices(struct json_doc *doc, json_t *object, json_t *missing,
                        const struct vm_io *io)
{
    if (io->devices_found.state != READING_OK) {
        name_missing(doc, missing, "io", "devices", io->devices_found.state,
                     io->devices_found.cause);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < io->device_count; i++)
        json_put_item(doc, list, put_device(doc, &io->devices[i]));
    json_put(doc, object, "devices", list);
}

void memory_io_json_vm(struct json_doc *doc, json_t *object, const struct snapshot_vm *vm)
{
    json_t *missing = json_object_get(object, "missing"), *memory = NULL, *io = NULL;

    for (const struct memory_io_group *group = report_memory_io_groups; group->key != NULL;
         group++) {
        json_t *inner = put_group(doc, missing, group, vm);
        const char *dot = strchr(group->key, '.');
        if (dot != NULL)
            end_inner(doc, io, dot + 1, inner);
        else if (strcmp(group->key, "io") == 0)
            io = inner;
        else
            memory = inner;
    }
    if (vm->memory.huge_kind != HUGE_UNKNOWN)
        json_put(doc, memory, "huge_kind",
                 json_string(huge_kind_name((enum huge_kind)vm->memory.huge_kind)));
    else
        name_missing(doc, missing, "memory", "huge_kind", vm->memory.huge_share.state,
                     vm->memory.huge_share.cause);
    end_inner(doc, object, "memory", memory);
    put_devices(doc, io, missing, &vm->io);
    end_inner(doc, object, "io", io);
}
