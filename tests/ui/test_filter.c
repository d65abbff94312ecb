// SPDX-License-Identifier: MIT
#include "ui/choose/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/two_vms.h"

/* How many of the two VMs @o chooses, and what filter_check says. */
static size_t chosen(const struct filter_choice *o, const struct snapshot *s, int *ret_check,
                     struct error *err)
{
    struct filter f;
    size_t n = 0;

    assert_int_equal(filter_open(o, &f, err), 0);
    for (size_t i = 0; i < s->vm_count; i++)
        n += filter_vm(&f, &s->vms[i]);
    *ret_check = filter_check(&f, s, err);
    filter_close(&f);
    return n;
}

static void vm_argument_is_pid_or_pid_and_fd_or_name(void **state)
{
    static const struct {
        struct filter_choice o;
        size_t count;
        int check;
    } cases[] = {
        {{.vm = NULL}, 2, 0},
        {{.vm = "5164"}, 1, 0},
        {{.vm = "5164:9"}, 1, 0},
        {{.vm = "5164:8"}, 0, -ESRCH},
        {{.vm = "516"}, 0, -ESRCH},
        {{.vm = "51640"}, 0, -ESRCH},
        {{.vm = "vm16"}, 1, 0},
        {{.vm = "vm1"}, 0, -ESRCH},
        {{.vm = "5164:"}, 0, -ESRCH},
        {{.vm = "5164:9x"}, 0, -ESRCH},
        {{.vm = ":9"}, 0, -ESRCH},
        {{.vm = "99999999999999"}, 0, -ESRCH},
        {{.vm = TWO_VMS_HOSTILE}, 1, 0},
        {{.pid = 5201}, 1, 0},
        {{.pid = 5202}, 0, -ESRCH},
        {{.guest = "vm16"}, 1, 0},
        {{.guest = "5164"}, 0, -ESRCH},
    };
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        int check;
        size_t n = chosen(&cases[i].o, s, &check, &err);
        if (n != cases[i].count || check != cases[i].check)
            fail_msg("case %zu: %zu VMs, %d '%s'", i, n, check, err.msg);
        assert_int_equal(check == 0, err.msg[0] == '\0');
    }
    snapshot_free(s);
    two_vms_free(t);
}

static void a_vm_that_may_be_hidden_is_not_said_not_to_be_there(void **state)
{
    static const struct filter_choice choices[] = {
        {.vm = "5165"}, {.vm = "5164:8"}, {.vm = "vm17"}};
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct error err;
    int check;

    (void)state;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        s->hidden_processes = 0;
        chosen(&choices[i], s, &check, &err);
        assert_int_equal(check, -ESRCH);
        assert_null(strstr(err.msg, "hidden"));
        s->hidden_processes = 3;
        chosen(&choices[i], s, &check, &err);
        assert_int_equal(check, -ESRCH);
        assert_non_null(strstr(err.msg, "may be hidden from you, kvmlens --doctor says why"));
    }
    snapshot_free(s);
    two_vms_free(t);
}

static void name_of_two_vms_is_refused_with_a_list(void **state)
{
    struct two_vms *t = two_vms_new();
    struct sample *last = two_vms_sample(t, 1);
    struct filter_choice o = {.guest = "vm16"};
    struct error err;
    int check;

    (void)state;
    last->vms[1].facts.name = last->vms[1].facts.name_raw = "vm16";
    struct snapshot *s = two_vms_second(t);
    assert_int_equal(chosen(&o, s, &check, &err), 2);
    assert_int_equal(check, -ENOTUNIQ);
    assert_non_null(strstr(err.msg, "5164:9, 5201:12"));
    snapshot_free(s);
    two_vms_free(t);
}

static void name_is_found_as_shown_too(void **state)
{
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);
    struct filter_choice o = {.guest = s->vms[1].name};
    int check;

    (void)state;
    assert_int_equal(chosen(&o, s, &check, NULL), 1);
    snapshot_free(s);
    two_vms_free(t);
}

static void fields_are_extended_expressions_that_match_anywhere(void **state)
{
    static const struct {
        const char *regex;
        size_t count;
        int check;
    } cases[] = {
        {NULL, F_COUNT, 0}, {"exits", 1, 0},         {"^halt", 2, 0},  {"^(exits|big)$", 2, 0},
        {"_", 6, 0},        {"nothing", 0, -EINVAL}, {"", F_COUNT, 0}, {"help", 0, -EINVAL},
    };
    struct two_vms *t = two_vms_new();
    struct snapshot *s = two_vms_second(t);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct filter_choice o = {.fields = cases[i].regex};
        struct filter f;
        size_t n = 0;
        assert_int_equal(filter_open(&o, &f, NULL), 0);
        for (size_t k = 0; k < F_COUNT; k++)
            n += filter_field(&f, &two_vms_fields(t)->fields[k]);
        assert_int_equal(n, cases[i].count);
        assert_int_equal(filter_check(&f, s, NULL), cases[i].check);
        filter_close(&f);
    }
    snapshot_free(s);
    two_vms_free(t);
}

static void bad_expression_is_refused_with_its_reason(void **state)
{
    static const char *const bad[] = {"(", "[", "*\\", "a{2,1}", "[[:nope:]]",
                                      "a{1,255}{1,255}{1,255}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct filter_choice o = {.fields = bad[i]};
        struct filter f;
        struct error err;
        assert_int_equal(filter_open(&o, &f, &err), -EINVAL);
        assert_non_null(strstr(err.msg, "--fields"));
        filter_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vm_argument_is_pid_or_pid_and_fd_or_name),
        cmocka_unit_test(a_vm_that_may_be_hidden_is_not_said_not_to_be_there),
        cmocka_unit_test(name_of_two_vms_is_refused_with_a_list),
        cmocka_unit_test(name_is_found_as_shown_too),
        cmocka_unit_test(fields_are_extended_expressions_that_match_anywhere),
        cmocka_unit_test(bad_expression_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
