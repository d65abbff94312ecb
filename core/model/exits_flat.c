// SPDX-License-Identifier: MIT
#include "core/model/exits_flat.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/exits_flat_internal.h"

/* --- writing ---------------------------------------------------------------------------------- */

static size_t texts_bytes(const struct exits_count *c)
{
    struct flat_texts count = {NULL, 0};

    flat_put_text(&count, c->facts.why);
    for (size_t i = 0; i < c->name_count; i++)
        flat_put_text(&count, c->names[i].name);
    return count.used;
}

static void write_facts(const struct exits_facts *f, struct flat_writer *w,
                        struct flat_texts *texts)
{
    struct flat_exits_head *item = flat_add(w, EXITS_HEAD, sizeof(*item), 1);

    if (item == NULL)
        return;
    *item = (struct flat_exits_head){
        .why = flat_put_text(texts, f->why),
        .began_ns = htole64(f->began_ns),
        .taken_ns = htole64(f->taken_ns),
        .missed = htole64(f->missed),
        .state = htole32(f->state),
        .events = htole32(f->events),
        .pid = (int32_t)htole32((uint32_t)f->pid),
    };
    memcpy(item->lost, f->lost, sizeof(item->lost));
    flat_swap64(item->lost, EXIT_LOST_COUNT);
}

static void write_threads(const struct exits_count *c, struct flat_writer *w)
{
    struct flat_exit_thread *items = flat_add(w, EXITS_THREADS, sizeof(*items), c->thread_count);

    for (size_t i = 0; items != NULL && i < c->thread_count; i++) {
        const struct exits_thread *t = &c->threads[i];
        items[i] = (struct flat_exit_thread){
            .tid = (int32_t)htole32((uint32_t)t->tid),
            .pid = (int32_t)htole32((uint32_t)t->pid),
            .exits = htole64(t->exits),
            .untimed = htole64(t->untimed),
            .guest_ns = htole64(t->guest_ns),
            .open_ns = htole64(t->open_ns),
            .open_isa = htole32(t->open_isa),
            .open_reason = htole32(t->open_reason),
        };
    }
}

static void write_reasons(const struct exits_count *c, struct flat_writer *w)
{
    struct flat_exit_reason *items = flat_add(w, EXITS_REASONS, sizeof(*items), c->reason_count);

    for (size_t i = 0; items != NULL && i < c->reason_count; i++) {
        const struct exits_reason *r = &c->reasons[i];
        items[i] = (struct flat_exit_reason){
            .tid = (int32_t)htole32((uint32_t)r->tid),
            .isa = htole32(r->isa),
            .reason = htole32(r->reason),
            .count = htole64(r->count),
            .timed = htole64(r->timed),
            .total_ns = htole64(r->total_ns),
            .min_ns = htole64(r->min_ns),
            .max_ns = htole64(r->max_ns),
        };
        memcpy(items[i].buckets, r->buckets, sizeof(r->buckets));
        flat_swap64(items[i].buckets, EXIT_BUCKETS);
    }
}

static void write_keys(const struct exits_count *c, struct flat_writer *w)
{
    struct flat_exit_key *items = flat_add(w, EXITS_KEYS, sizeof(*items), c->key_count);

    for (size_t i = 0; items != NULL && i < c->key_count; i++)
        items[i] = (struct flat_exit_key){
            .tid = (int32_t)htole32((uint32_t)c->keys[i].tid),
            .kind = htole32(c->keys[i].kind),
            .value = htole64(c->keys[i].value),
            .events = htole64(c->keys[i].events),
            .count = htole64(c->keys[i].count),
        };
}

static void write_names(const struct exits_count *c, struct flat_writer *w,
                        struct flat_texts *texts)
{
    struct flat_exit_name *items = flat_add(w, EXITS_NAMES, sizeof(*items), c->name_count);

    for (size_t i = 0; items != NULL && i < c->name_count; i++)
        items[i] = (struct flat_exit_name){
            .isa = htole32(c->names[i].isa),
            .reason = htole32(c->names[i].reason),
            .name = flat_put_text(texts, c->names[i].name),
        };
}

size_t exits_flat_write(const struct exits_count *c, void *buffer, size_t size)
{
    struct flat_writer w;
    struct flat_texts texts = {0};

    flat_begin(&w, FLAT_EXITS, buffer, size);
    texts.at = flat_add(&w, EXITS_TEXT, 1, texts_bytes(c));
    write_facts(&c->facts, &w, &texts);
    write_threads(c, &w);
    write_reasons(c, &w);
    write_keys(c, &w);
    write_names(c, &w, &texts);
    return flat_end(&w);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Nothing that a terminal or a file would take for anything else than text. */
static bool copy_text(const char *from, char *to, size_t size)
{
    if (from == NULL || strlen(from) >= size)
        return false;
    for (const char *c = from; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return false;
    strcpy(to, from);
    return true;
}

static bool read_facts(const struct flat_section *text, const struct flat_exits_head *from,
                       struct exits_facts *to)
{
    to->state = (uint8_t)le32toh(from->state);
    to->events = le32toh(from->events);
    to->began_ns = le64toh(from->began_ns);
    to->taken_ns = le64toh(from->taken_ns);
    to->missed = le64toh(from->missed);
    to->pid = (pid_t)(int32_t)le32toh((uint32_t)from->pid);
    for (size_t i = 0; i < EXIT_LOST_COUNT; i++)
        to->lost[i] = le64toh(from->lost[i]);
    return copy_text(flat_text_at(text, from->why), to->why, sizeof(to->why)) &&
           (le32toh(from->state) == EXITS_COUNTED || le32toh(from->state) == EXITS_FAILED) &&
           to->events < 1u << EXITS_EVENT_COUNT && to->pid >= 0 && to->taken_ns >= to->began_ns;
}

static bool read_thread(const struct flat_section *s, size_t i, struct exits_thread *to)
{
    struct flat_exit_thread from;

    flat_item(s, i, &from, sizeof(from));
    *to = (struct exits_thread){
        .tid = (pid_t)le32toh((uint32_t)from.tid),
        .pid = (pid_t)le32toh((uint32_t)from.pid),
        .exits = le64toh(from.exits),
        .untimed = le64toh(from.untimed),
        .guest_ns = le64toh(from.guest_ns),
        .open_ns = le64toh(from.open_ns),
        .open_isa = (uint8_t)le32toh(from.open_isa),
        .open_reason = le32toh(from.open_reason),
    };
    return to->tid > 0 && to->pid > 0 && le32toh(from.open_isa) < EXIT_ISA_COUNT;
}

static bool read_reason(const struct flat_section *s, size_t i, struct exits_reason *to)
{
    struct flat_exit_reason from;

    flat_item(s, i, &from, sizeof(from));
    *to = (struct exits_reason){
        .tid = (pid_t)le32toh((uint32_t)from.tid),
        .isa = (uint8_t)le32toh(from.isa),
        .reason = le32toh(from.reason),
        .count = le64toh(from.count),
        .timed = le64toh(from.timed),
        .total_ns = le64toh(from.total_ns),
        .min_ns = le64toh(from.min_ns),
        .max_ns = le64toh(from.max_ns),
    };
    for (size_t b = 0; b < EXIT_BUCKETS; b++)
        to->buckets[b] = le64toh(from.buckets[b]);
    return to->tid > 0 && le32toh(from.isa) < EXIT_ISA_COUNT;
}

static bool read_key(const struct flat_section *s, size_t i, struct exits_key *to)
{
    struct flat_exit_key from;

    flat_item(s, i, &from, sizeof(from));
    *to = (struct exits_key){
        .tid = (pid_t)le32toh((uint32_t)from.tid),
        .kind = le32toh(from.kind),
        .value = le64toh(from.value),
        .events = le64toh(from.events),
        .count = le64toh(from.count),
    };
    return to->tid > 0 && to->kind < EXIT_KEY_COUNT;
}

static bool read_name(const struct flat_section *s, const struct flat_section *text, size_t i,
                      struct exits_name *to)
{
    struct flat_exit_name from;

    flat_item(s, i, &from, sizeof(from));
    to->isa = (uint8_t)le32toh(from.isa);
    to->reason = le32toh(from.reason);
    return le32toh(from.isa) < EXIT_ISA_COUNT &&
           copy_text(flat_text_at(text, from.name), to->name, sizeof(to->name)) &&
           to->name[0] != '\0';
}

struct sections {
    struct flat_section threads, reasons, keys, names;
};

/* An empty one is there too: a form that was cut does not pass for one with less in it. */
static bool find_sections(const struct flat *flat, struct sections *ret)
{
    *ret = (struct sections){flat_find(flat, EXITS_THREADS), flat_find(flat, EXITS_REASONS),
                             flat_find(flat, EXITS_KEYS), flat_find(flat, EXITS_NAMES)};
    return ret->threads.items != NULL && ret->threads.count <= EXITS_THREADS_MAX &&
           ret->reasons.items != NULL && ret->reasons.count <= EXITS_REASONS_MAX &&
           ret->keys.items != NULL && ret->keys.count <= EXITS_KEYS_MAX &&
           ret->names.items != NULL && ret->names.count <= EXITS_NAMES_MAX;
}

static bool read_rows(const struct sections *s, const struct flat_section *text,
                      struct exits_count *c)
{
    for (size_t i = 0; i < c->thread_count; i++)
        if (!read_thread(&s->threads, i, &c->threads[i]))
            return false;
    for (size_t i = 0; i < c->reason_count; i++)
        if (!read_reason(&s->reasons, i, &c->reasons[i]))
            return false;
    for (size_t i = 0; i < c->key_count; i++)
        if (!read_key(&s->keys, i, &c->keys[i]))
            return false;
    for (size_t i = 0; i < c->name_count; i++)
        if (!read_name(&s->names, text, i, &c->names[i]))
            return false;
    return exits_count_is_ordered(c);
}

int exits_flat_read(void *buffer, size_t size, struct exits_count **ret)
{
    struct flat flat;
    int result = flat_open(buffer, size, FLAT_EXITS, &flat);

    if (result < 0)
        return result;
    const struct flat_section text = flat_find(&flat, EXITS_TEXT);
    const struct flat_section head = flat_find(&flat, EXITS_HEAD);
    struct flat_exits_head facts;
    struct sections s;
    if (head.count != 1 || !find_sections(&flat, &s))
        return -EBADMSG;
    struct exits_count *c =
        exits_count_new(s.threads.count, s.reasons.count, s.keys.count, s.names.count);
    if (c == NULL)
        return -ENOMEM;
    flat_item(&head, 0, &facts, sizeof(facts));
    if (!read_facts(&text, &facts, &c->facts) || !read_rows(&s, &text, c)) {
        free(c);
        return -EBADMSG;
    }
    *ret = c;
    return 0;
}
