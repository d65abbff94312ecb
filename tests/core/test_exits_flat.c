// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/flat.h"
#include "core/model/exits_flat.h"
#include "core/model/exits_flat_internal.h"

struct block {
    void *bytes;
    size_t size;
};

/* Two threads, three rows of two reasons, a key for each thread, three names. */
static struct exits_count *some_exits(void)
{
    struct exits_count *c = exits_count_new(2, 3, 2, 3);

    assert_non_null(c);
    c->facts = (struct exits_facts){.state = EXITS_COUNTED,
                                    .events = 1u << EXITS_EVENT_EXIT,
                                    .began_ns = 5,
                                    .taken_ns = 77,
                                    .pid = 5201,
                                    .lost = {1, 2, 3},
                                    .missed = 4};
    c->threads[0] = (struct exits_thread){5207, 5201, 10, 1, 1000, 0, EXIT_ISA_VMX, 0};
    c->threads[1] = (struct exits_thread){5208, 5201, 20, 2, 2000, 9, EXIT_ISA_VMX, 12};
    c->reasons[0] = (struct exits_reason){5207, EXIT_ISA_VMX, 12, 10, 9, 900, 1, 500, {0}};
    c->reasons[1] = (struct exits_reason){5208, EXIT_ISA_VMX, 12, 15, 14, 700, 1, 300, {0}};
    c->reasons[2] = (struct exits_reason){5208, EXIT_ISA_VMX, 30, 5, 5, 70, 2, 30, {0}};
    c->reasons[2].buckets[EXIT_BUCKETS - 1] = 1ull << 63;
    c->keys[0] = (struct exits_key){5207, EXIT_KEY_USER, 2, 3, 3};
    c->keys[1] = (struct exits_key){5208, EXIT_KEY_PORT_WRITE, 0x80, 5, 7};
    c->names[0] = (struct exits_name){EXIT_ISA_VMX, 12, "HLT"};
    c->names[1] = (struct exits_name){EXIT_ISA_VMX, 30, "IO_INSTRUCTION"};
    c->names[2] = (struct exits_name){EXIT_ISA_USER, 2, "IO"};
    assert_true(exits_count_is_ordered(c));
    return c;
}

static struct block write_count(struct exits_count *c)
{
    struct block b = {NULL, exits_flat_write(c, NULL, 0)};

    b.bytes = malloc(b.size);
    assert_non_null(b.bytes);
    assert_int_equal(exits_flat_write(c, b.bytes, b.size), b.size);
    free(c);
    return b;
}

static struct block some_block(void)
{
    return write_count(some_exits());
}

/* Reads a block, which it frees. Nothing in it was changed. */
static int read_back(struct block b, struct exits_count **ret)
{
    void *before = malloc(b.size + 1);

    assert_non_null(before);
    memcpy(before, b.bytes, b.size);
    int result = exits_flat_read(b.bytes, b.size, ret);
    assert_memory_equal(before, b.bytes, b.size);
    free(before);
    free(b.bytes);
    return result;
}

/* Likewise, of the result alone. */
static int result_of(struct block b)
{
    struct exits_count *c = NULL;
    int result = read_back(b, &c);

    assert_int_equal(result == 0, c != NULL);
    free(c);
    return result;
}

/* Frees both. */
static void compare(struct exits_count *a, struct exits_count *b)
{
    assert_memory_equal(&a->facts, &b->facts, sizeof(a->facts));
    assert_int_equal(a->thread_count, b->thread_count);
    assert_int_equal(a->reason_count, b->reason_count);
    assert_int_equal(a->key_count, b->key_count);
    assert_int_equal(a->name_count, b->name_count);
    assert_memory_equal(a->threads, b->threads, a->thread_count * sizeof(*a->threads));
    assert_memory_equal(a->reasons, b->reasons, a->reason_count * sizeof(*a->reasons));
    assert_memory_equal(a->keys, b->keys, a->key_count * sizeof(*a->keys));
    assert_memory_equal(a->names, b->names, a->name_count * sizeof(*a->names));
    free(a);
    free(b);
}

static void a_count_comes_back_as_it_was(void **state)
{
    struct exits_count *c;

    (void)state;
    assert_int_equal(read_back(some_block(), &c), 0);
    compare(some_exits(), c);
}

/* What failed has a sentence and no rows; what was just begun has neither. */
static struct exits_count *no_rows(uint8_t state, const char *why)
{
    struct exits_count *c = exits_count_new(0, 0, 0, 0);

    assert_non_null(c);
    c->facts.state = state;
    strcpy(c->facts.why, why);
    return c;
}

static void a_count_may_have_no_rows(void **state)
{
    static const char why[] = "cannot attach to kvm_exit: no such trace event";
    struct exits_count *c;

    (void)state;
    assert_int_equal(read_back(write_count(no_rows(EXITS_FAILED, why)), &c), 0);
    compare(no_rows(EXITS_FAILED, why), c);
    assert_int_equal(read_back(write_count(no_rows(EXITS_COUNTED, "")), &c), 0);
    compare(no_rows(EXITS_COUNTED, ""), c);
}

static void what_does_not_fit_is_counted(void **state)
{
    struct exits_count *c = some_exits();
    size_t all = exits_flat_write(c, NULL, 0);

    (void)state;
    for (size_t size = 0; size < all; size += 8) {
        void *bytes = malloc(size + 1);
        assert_int_equal(exits_flat_write(c, bytes, size), all);
        free(bytes);
    }
    free(c);
}

/* The section of that id in a block. */
static struct flat_section section_of(const struct block *b, uint32_t id)
{
    struct flat flat;

    assert_int_equal(flat_open(b->bytes, b->size, FLAT_EXITS, &flat), 0);
    struct flat_section s = flat_find(&flat, id);
    assert_non_null(s.items);
    return s;
}

#define HEAD_OF(member)   EXITS_HEAD, 0, offsetof(struct flat_exits_head, member)
#define THREAD(i, member) EXITS_THREADS, i, offsetof(struct flat_exit_thread, member)
#define REASON(i, member) EXITS_REASONS, i, offsetof(struct flat_exit_reason, member)
#define KEY(i, member)    EXITS_KEYS, i, offsetof(struct flat_exit_key, member)
#define NAME(i, member)   EXITS_NAMES, i, offsetof(struct flat_exit_name, member)

/* One number of the form is set to what cannot be. */
static void what_breaks_a_rule_is_no_count(void **state)
{
    static const struct {
        uint32_t id;
        size_t item, offset, bytes;
        uint64_t value; /* little-endian, as the machines that this runs on */
    } wrong[] = {
        {HEAD_OF(state), 4, EXITS_UNASKED},
        {HEAD_OF(state), 4, EXITS_STATE_COUNT},
        {HEAD_OF(state), 4, 256 + EXITS_COUNTED}, /* more than the model has room for */
        {HEAD_OF(events), 4, 1u << EXITS_EVENT_COUNT},
        {HEAD_OF(pid), 4, UINT32_MAX},
        {HEAD_OF(taken_ns), 8, 0}, /* before it began */
        {HEAD_OF(why), 4, UINT32_MAX},
        {HEAD_OF(why.length), 4, 1}, /* its NUL stands elsewhere */
        {THREAD(0, tid), 4, 0},
        {THREAD(0, tid), 4, 5208}, /* twice */
        {THREAD(0, tid), 4, 6000}, /* behind the next */
        {THREAD(0, pid), 4, 0},
        {THREAD(1, pid), 4, UINT32_MAX},
        {THREAD(0, open_isa), 4, EXIT_ISA_COUNT},
        {THREAD(0, open_isa), 4, 256},
        {REASON(0, tid), 4, 0},
        {REASON(0, tid), 4, 6000}, /* behind the next */
        {REASON(0, isa), 4, EXIT_ISA_COUNT},
        {REASON(0, isa), 4, 256 + EXIT_ISA_VMX},
        {REASON(0, reason), 4, 13}, /* without a name */
        {REASON(2, reason), 4, 12}, /* twice */
        {KEY(0, kind), 4, EXIT_KEY_COUNT},
        {KEY(0, tid), 4, 0},
        {KEY(0, tid), 4, 6000}, /* behind the next */
        {NAME(0, isa), 4, 256 + EXIT_ISA_VMX},
        {NAME(0, name), 4, UINT32_MAX},
        {NAME(0, name.length), 4, 0}, /* nothing to be read */
        {NAME(1, reason), 4, 12},     /* twice */
        {EXITS_TEXT, 0, 1, 1, 0x1b},  /* the first name, behind an empty sentence */
        {EXITS_TEXT, 0, 1, 1, 0x7f},
        {EXITS_TEXT, 0, 1, 1, 0xc3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct block b = some_block();
        struct flat_section s = section_of(&b, wrong[i].id);
        memcpy(s.items + wrong[i].item * s.item_bytes + wrong[i].offset, &wrong[i].value,
               wrong[i].bytes);
        if (result_of(b) != -EBADMSG)
            fail_msg("wrong number %zu was taken", i);
    }
}

/* Longer than the model has room for it, though the form is right in itself. */
static void a_text_that_is_too_long_is_refused(void **state)
{
    const size_t sentence = sizeof(((struct exits_facts *)0)->why), name = EXIT_NAME_BYTES;
    const size_t lengths[][2] = {{sentence - 1, 3}, {sentence, 3}, {5, name - 1}, {5, name}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct block b = {calloc(1, 4096), 0};
        struct flat_writer w;
        const uint32_t why = (uint32_t)lengths[i][0], of = (uint32_t)lengths[i][1];
        flat_begin(&w, FLAT_EXITS, b.bytes, 4096);
        char *text = flat_add(&w, EXITS_TEXT, 1, why + of + 2);
        memset(text, 'x', why);
        memset(text + why + 1, 'N', of);
        *(struct flat_exits_head *)flat_add(&w, EXITS_HEAD, sizeof(struct flat_exits_head), 1) =
            (struct flat_exits_head){.why = {0, why}, .state = EXITS_FAILED};
        for (uint32_t id = EXITS_THREADS; id < EXITS_NAMES; id++)
            flat_add(&w, id, 8, 0);
        *(struct flat_exit_name *)flat_add(&w, EXITS_NAMES, sizeof(struct flat_exit_name), 1) =
            (struct flat_exit_name){EXIT_ISA_VMX, 12, {why + 1, of}};
        b.size = flat_end(&w);
        assert_int_equal(result_of(b), i % 2 == 0 ? 0 : -EBADMSG);
    }
}

/* All rows are right, and there may be so many of one kind. */
static int read_crowd(size_t threads, size_t reasons, size_t keys, size_t names)
{
    struct exits_count *c = exits_count_new(threads, reasons, keys, names);

    assert_non_null(c);
    c->facts.state = EXITS_COUNTED;
    for (size_t i = 0; i < threads; i++)
        c->threads[i] = (struct exits_thread){.tid = (pid_t)i + 1, .pid = 1};
    for (size_t i = 0; i < reasons; i++)
        c->reasons[i] = (struct exits_reason){(pid_t)i + 1, EXIT_ISA_VMX, 0, 1, 0, 0, 0, 0, {0}};
    for (size_t i = 0; i < keys; i++)
        c->keys[i] = (struct exits_key){(pid_t)i + 1, EXIT_KEY_USER, 2, 3, 3};
    for (size_t i = 0; i < names; i++)
        c->names[i] = (struct exits_name){EXIT_ISA_VMX, (uint32_t)i, "HLT"};
    assert_true(exits_count_is_ordered(c));
    return result_of(write_count(c));
}

static void more_than_there_can_be_is_no_count(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        const int result = more == 0 ? 0 : -EBADMSG;
        assert_int_equal(read_crowd(EXITS_THREADS_MAX + more, 0, 0, 0), result);
        assert_int_equal(read_crowd(0, EXITS_REASONS_MAX + more, 0, 1), result);
        assert_int_equal(read_crowd(0, 0, EXITS_KEYS_MAX + more, 0), result);
        assert_int_equal(read_crowd(0, 0, 0, EXITS_NAMES_MAX + more), result);
    }
}

static void a_form_of_another_version_is_told_from_a_broken_one(void **state)
{
    struct block b = some_block();

    (void)state;
    ((unsigned char *)b.bytes)[4] = FLAT_VERSION + 1;
    assert_int_equal(result_of(b), -EPROTONOSUPPORT);
    b = some_block();
    ((unsigned char *)b.bytes)[0] = 'X';
    assert_int_equal(result_of(b), -EBADMSG);
    b = some_block();
    ((unsigned char *)b.bytes)[6] = FLAT_SAMPLE;
    assert_int_equal(result_of(b), -EBADMSG);
}

static void a_form_that_was_cut_is_no_count(void **state)
{
    struct block whole = some_block();

    (void)state;
    for (size_t size = 0; size < whole.size; size += 8) {
        struct block b = {malloc(size + 1), size};
        uint64_t bytes = size;
        memcpy(b.bytes, whole.bytes, size);
        /* A file that says itself how short it is. */
        if (size >= FLAT_HEAD_BYTES)
            memcpy((char *)b.bytes + 8, &bytes, sizeof(bytes));
        assert_int_equal(result_of(b), -EBADMSG);
    }
    free(whole.bytes);
}

/* What a later version adds: a section, and members at the end of an item. */
static void what_is_not_known_is_skipped(void **state)
{
    struct block b = some_block(), grown = {malloc(b.size + 4096), 0};
    struct flat_writer w;
    struct exits_count *c;

    (void)state;
    flat_begin(&w, FLAT_EXITS, grown.bytes, b.size + 4096);
    memset(flat_add(&w, 9999, 24, 3), 0xaa, 72);
    for (uint32_t id = EXITS_NAMES; id >= EXITS_TEXT; id--) { /* in any order, too */
        struct flat_section s = section_of(&b, id);
        const size_t longer = id == EXITS_TEXT ? s.item_bytes : s.item_bytes + 16;
        unsigned char *to = flat_add(&w, id, longer, s.count);
        assert_non_null(to);
        for (size_t i = 0; i < s.count; i++) {
            memcpy(to + i * longer, s.items + i * s.item_bytes, s.item_bytes);
            memset(to + i * longer + s.item_bytes, 0xbb, longer - s.item_bytes);
        }
    }
    grown.size = flat_end(&w);
    assert_int_equal(read_back(grown, &c), 0);
    compare(some_exits(), c);
    free(b.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_comes_back_as_it_was),
        cmocka_unit_test(a_count_may_have_no_rows),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(what_breaks_a_rule_is_no_count),
        cmocka_unit_test(a_text_that_is_too_long_is_refused),
        cmocka_unit_test(more_than_there_can_be_is_no_count),
        cmocka_unit_test(a_form_of_another_version_is_told_from_a_broken_one),
        cmocka_unit_test(a_form_that_was_cut_is_no_count),
        cmocka_unit_test(what_is_not_known_is_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
