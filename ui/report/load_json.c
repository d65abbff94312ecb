// SPDX-License-Identifier: MIT
/* Load as keys of JSON. */
#include <stdio.h>

#include "ui/report/report_load.h"

#define KEY_MAX 64

/* Where missing ones are named, and what stands before their names there. */
struct target {
    struct json_doc *doc;
    json_t *object, *missing;
    const char *prefix;
};

static void name_missing(const struct target *t, const char *key, uint8_t state, uint8_t cause)
{
    char name[KEY_MAX];

    /* One sample has no rates: that it has none is no news, unless there is more to say of it. */
    const bool is_no_news = state == READING_WARMUP && cause == CAUSE_NONE;

    if (state == READING_OK || is_no_news || !report_load_is_told(state, cause))
        return;
    snprintf(name, sizeof(name), "%s%s", t->prefix, key);
    json_put_missing(t->doc, t->missing, name, state, cause);
}

static void put_figure(const struct target *t, const char *key, const struct figure *figure)
{
    json_put_figure(t->doc, t->object, key, figure);
    name_missing(t, key, figure->state, figure->cause);
}

static void put_reading(const struct target *t, const char *key, const struct reading *reading)
{
    json_put_reading(t->doc, t->object, key, reading);
    name_missing(t, key, reading->state, reading->cause);
}

static void put_rows(const struct target *t, const struct load_row *rows, const void *load)
{
    for (; rows->name != NULL; rows++)
        put_figure(t, rows->name, report_load_figure(rows, load));
}

/* An object of an object, left out where it would be empty. */
static void end_inner(const struct target *inner, json_t *object, const char *key)
{
    if (json_object_size(inner->object) > 0)
        json_put(inner->doc, object, key, inner->object);
    else
        json_decref(inner->object);
}

static void put_pressure(const struct target *t, const struct figure pressure[PRESSURE_COUNT])
{
    struct target inner = {t->doc, json_object(), t->missing, "pressure."};

    for (int i = 0; i < PRESSURE_COUNT; i++) {
        char key[KEY_MAX];
        snprintf(key, sizeof(key), "%s_ratio", pressure_name((enum pressure)i));
        put_figure(&inner, key, &pressure[i]);
    }
    end_inner(&inner, t->object, "pressure");
}

static void put_roles(const struct target *t, const struct role_load roles[VM_ROLE_COUNT])
{
    json_t *all = json_object();

    for (int i = 0; i < VM_ROLE_COUNT; i++) {
        char prefix[KEY_MAX / 2];
        const char *name = vm_role_name((enum vm_role)i);
        struct target inner = {t->doc, json_object(), t->missing, prefix};
        snprintf(prefix, sizeof(prefix), "roles.%s.", name);
        put_reading(&inner, "threads", &roles[i].threads);
        put_figure(&inner, "cpu_ratio", &roles[i].cpu);
        put_figure(&inner, "wait_ratio", &roles[i].wait);
        end_inner(&inner, all, name);
    }
    end_inner(&(struct target){t->doc, all, NULL, ""}, t->object, "roles");
}

static void put_state(const struct target *t, const char *name, bool is_known, uint8_t cause)
{
    if (is_known)
        json_put(t->doc, t->object, "state", json_string(name));
    else
        name_missing(t, "state", READING_ABSENT, cause);
}

void load_json_vm(struct json_doc *doc, json_t *object, const struct vm_load *l)
{
    const struct target t = {doc, object, json_object_get(object, "missing"), ""};

    put_state(&t, vm_state_name((enum vm_state)l->state), l->state != VM_STATE_UNKNOWN,
              l->state_cause);
    put_rows(&t, report_load_vm, l);
    put_roles(&t, l->roles);
    put_pressure(&t, l->pressure);
}

void load_json_vcpu(struct json_doc *doc, json_t *object, const struct snapshot_vcpu *vcpu)
{
    const struct vcpu_load *l = &vcpu->load;
    const struct target t = {doc, object, json_object_get(object, "missing"), ""};

    put_state(&t, vcpu_state_name((enum vcpu_state)l->state), l->state != VCPU_STATE_UNKNOWN,
              l->state_cause);
    put_rows(&t, report_load_vcpu, l);
    if (l->cpus_allowed != NULL)
        json_put(doc, object, "cpus_allowed", json_string(l->cpus_allowed));
    else
        name_missing(&t, "cpus_allowed", l->cpu_count.state, l->cpu_count.cause);
    put_reading(&t, "cpus_allowed_count", &l->cpu_count);
}

void load_json_host(struct json_doc *doc, json_t *object, const struct host_load *l)
{
    static const struct {
        const char *key;
        size_t offset;
    } sizes[] = {
        {"mem_free_bytes", offsetof(struct host_load, mem_free)},
        {"mem_available_bytes", offsetof(struct host_load, mem_available)},
        {"swap_total_bytes", offsetof(struct host_load, swap_total)},
        {"swap_free_bytes", offsetof(struct host_load, swap_free)},
    };
    json_t *missing = json_object_get(object, "missing"), *own = NULL;

    if (missing == NULL)
        missing = own = json_object();
    const struct target t = {doc, object, missing, ""};
    put_rows(&t, report_load_host, l);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        put_reading(&t, sizes[i].key,
                    (const struct reading *)(const void *)((const char *)l + sizes[i].offset));
    put_pressure(&t, l->pressure);
    if (own != NULL && json_object_size(own) > 0)
        json_put(doc, object, "missing", own);
    else
        json_decref(own);
}
