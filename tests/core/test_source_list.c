// SPDX-License-Identifier: MIT
#include "core/model/source_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/source/source.h"

static void each_row_is_found_by_its_name_and_no_other(void **state)
{
    (void)state;
    for (enum reading_source i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++) {
        const char *name = reading_source_name(i);
        assert_int_equal(source_find(name, strlen(name)), i);
        assert_int_equal(source_find(name, strlen(name) - 1), SOURCE_NONE);
        assert_int_equal(source_find("procfs", 6), SOURCE_NONE);
    }
    assert_int_equal(source_find("none", 4), SOURCE_NONE);
    assert_int_equal(source_find("", 0), SOURCE_NONE);
    assert_string_equal(reading_source_name(SOURCE_NONE), "none");
}

static void the_table_has_each_row_in_its_order(void **state)
{
    (void)state;
    for (int i = SOURCE_NONE + 1; i < SOURCE_COUNT; i++)
        assert_int_equal(source_table[i - 1]->id, i);
    assert_null(source_table[SOURCE_COUNT - 1]);
}

static void sets_of_sources_follow_from_what_they_give(void **state)
{
    (void)state;
    assert_int_equal(SOURCES_ALL, SOURCE_BIT(SOURCE_BPF) | SOURCE_BIT(SOURCE_STATSFD) |
                                      SOURCE_BIT(SOURCE_DEBUGFS) | SOURCE_BIT(SOURCE_PROC));
    assert_int_equal(sources_that_give(GIVES_COUNTERS), SOURCE_BIT(SOURCE_BPF) |
                                                            SOURCE_BIT(SOURCE_STATSFD) |
                                                            SOURCE_BIT(SOURCE_DEBUGFS));
    assert_int_equal(sources_that_give(GIVES_VCPU_COUNTERS),
                     SOURCE_BIT(SOURCE_BPF) | SOURCE_BIT(SOURCE_STATSFD));
    assert_int_equal(sources_that_give(GIVES_VCPU_SUMS), SOURCE_BIT(SOURCE_DEBUGFS));
    assert_int_equal(source_gives(SOURCE_NONE), 0);
}

static void two_sources_are_named_best_first_and_those_with_counters_only(void **state)
{
    static const char *const texts[SOURCE_COUNT][SOURCE_COUNT] = {
        [SOURCE_NONE] = {"none", "bpf", "fd", "dbg", "proc"},
        [SOURCE_BPF] = {"bpf", "bpf", "bpf+fd", "bpf+dbg", "bpf"},
        [SOURCE_STATSFD] = {"fd", "bpf+fd", "fd", "fd+dbg", "fd"},
        [SOURCE_DEBUGFS] = {"dbg", "bpf+dbg", "fd+dbg", "dbg", "dbg"},
        [SOURCE_PROC] = {"proc", "bpf", "fd", "dbg", "proc"},
    };
    char text[SOURCE_PAIR_TEXT_MAX];

    (void)state;
    for (int vm = 0; vm < SOURCE_COUNT; vm++)
        for (int vcpu = 0; vcpu < SOURCE_COUNT; vcpu++) {
            source_pair_text((enum reading_source)vm, (enum reading_source)vcpu, text);
            assert_string_equal(text, texts[vm][vcpu]);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found_by_its_name_and_no_other),
        cmocka_unit_test(the_table_has_each_row_in_its_order),
        cmocka_unit_test(sets_of_sources_follow_from_what_they_give),
        cmocka_unit_test(two_sources_are_named_best_first_and_those_with_counters_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
