// SPDX-License-Identifier: MIT
#include "core/base/parse_proc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Fields 4 to 22; field 9 is 4194560, fields 14 and 15 are 7 and 8, field 22 is 4000. */
#define REST "1 500 500 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 3 0 4000"

static void a_command_name_may_look_like_what_follows_it(void **state)
{
    static const struct {
        const char *text, *comm;
    } cases[] = {
        {"500 (qemu) S " REST " 1 2 3\n", "qemu"},
        {"500 () S " REST "\n", ""},
        {"500 (a) R 9 9 9 9 9 9 9 9 9) S " REST " 1\n", "a) R 9 9 9 9 9 9 9 9 9"},
        {"500 (((() S " REST " 1\n", "((("},
        {"500 (a\nb) S " REST " 1\n", "a\nb"},
    };
    struct proc_stat stat;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse_proc_stat(cases[i].text, &stat), 0);
        assert_string_equal(stat.comm, cases[i].comm);
        assert_int_equal(stat.flags, 4194560);
        assert_int_equal(stat.utime, 7);
        assert_int_equal(stat.stime, 8);
        assert_int_equal(stat.start_ticks, 4000);
    }
}

static void a_stat_in_another_form_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "500",
        "500 (qemu",
        "500 (qemu)",
        "500 (qemu) ",
        "500 (qemu) S",
        ")(",
        "500 (qemu) S 1 2 3\n",
        "500 (qemu) S 1 500 500 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 3 0 x\n",
        "500 (qemu) S 1 500 500 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 3 0  4000\n",
        /* cut within the last number */
        ("500 (qemu) S " REST),
        "500 (qemu) S 1 500 500 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 3 0 99999999999999999999 1\n",
    };
    struct proc_stat stat;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(parse_proc_stat(cases[i], &stat), -EBADMSG);
}

static void a_line_of_status_is_found_by_its_key_only(void **state)
{
    /* The kernel writes a newline in a name as \n, so a name cannot begin a line. */
    static const char text[] = "Name:\tTgid: 7\nTgid:\t500\nNSpid:\t1\nPid:\t501\n"
                               "VmRSS:\t    2000 kB\nVmBad:\t 1 MB\n"
                               "VmHuge:\t 18446744073709551615 kB\n"
                               "CapEff:\t000001ffffffffff\nCapBad:\tzz\nHalf:\t12x\nEmpty:";
    uint64_t value = 77;

    (void)state;
    assert_true(parse_proc_status(text, "Tgid", 10, &value));
    assert_int_equal(value, 500);
    assert_true(parse_proc_status(text, "Pid", 10, &value));
    assert_int_equal(value, 501);
    assert_true(parse_proc_status(text, "CapEff", 16, &value));
    assert_true(value == 0x1ffffffffffULL);
    assert_true(parse_proc_status_bytes(text, "VmRSS", &value));
    assert_int_equal(value, 2000 * 1024);
    value = 77;
    assert_false(parse_proc_status(text, "CapBad", 16, &value));
    assert_false(parse_proc_status(text, "Half", 10, &value));
    assert_false(parse_proc_status(text, "Empty", 10, &value));
    assert_false(parse_proc_status(text, "Vm", 10, &value));
    assert_false(parse_proc_status(text, "Name", 10, &value));
    assert_false(parse_proc_status("", "Tgid", 10, &value));
    assert_false(parse_proc_status_bytes(text, "VmBad", &value));
    assert_false(parse_proc_status_bytes(text, "VmHuge", &value));
    assert_int_equal(value, 77);
}

static void pages_of_statm_are_its_second_number(void **state)
{
    static const char *const bad[] = {"", "12", "12 ", "12 x", " 12 7", "12  7", "-1 7", "1 7x 3"};
    uint64_t pages;

    (void)state;
    assert_true(parse_proc_statm("1200 77 3 4 0 5 0\n", &pages));
    assert_int_equal(pages, 77);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(parse_proc_statm(bad[i], &pages));
}

static void times_of_schedstat_are_its_first_two(void **state)
{
    uint64_t cpu, wait;

    (void)state;
    assert_true(parse_proc_schedstat("18446744073709551615 6 7\n", &cpu, &wait));
    assert_true(cpu == UINT64_MAX);
    assert_int_equal(wait, 6);
    /* A kernel without these statistics gives zeros. */
    assert_true(parse_proc_schedstat("0 0 0\n", &cpu, &wait));
    assert_false(parse_proc_schedstat("18446744073709551616 6 7\n", &cpu, &wait));
    assert_false(parse_proc_schedstat("5\n", &cpu, &wait));
    assert_false(parse_proc_schedstat("123456789 98", &cpu, &wait)); /* cut in its last number */
}

static void a_limit_is_a_number_or_none(void **state)
{
    static const char text[] = "Limit                     Soft Limit  Hard Limit  Units\n"
                               "Max open files is no name 3           3           files\n"
                               "Max cpu time              unlimited   unlimited   seconds\n"
                               "Max open files            1024        524288      files\n"
                               "Max open                  x           x\n"
                               "Max end";
    uint64_t soft = 77;

    (void)state;
    assert_true(parse_proc_limit(text, "Max cpu time", &soft));
    assert_true(soft == UINT64_MAX);
    assert_true(parse_proc_limit(strstr(text, "Max cpu"), "Max open files", &soft));
    assert_int_equal(soft, 1024);
    soft = 77;
    assert_false(parse_proc_limit(strstr(text, "Max open  "), "Max open", &soft));
    assert_false(parse_proc_limit(text, "Max end", &soft));
    assert_false(parse_proc_limit(text, "open files", &soft));
    assert_false(parse_proc_limit("", "Max open files", &soft));
    assert_int_equal(soft, 77);
}

static void mounts_are_told_by_their_type_and_not_by_free_text(void **state)
{
    static const char text[] = "22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw,hidepid=2\n"
                               "no mount at all\n"
                               "23 27 0:22 / relative rw - debugfs none rw\n"
                               "24 27 0:23 / /a\\040b\\134c rw - fuse debugfs rw\n"
                               "25 27 0:24 / /x rw shared:1 master:2 - debugfs - rw\n"
                               "26 27 0:25 / /y rw -\n"
                               "27 27 0:25 / /z rw - tmpfs";
    static const char *const points[] = {"/proc", "/a b\\c", "/x", "/z"};
    static const char *const types[] = {"proc", "fuse", "debugfs", "tmpfs"};
    const char *at = text;
    struct proc_mount mount;
    size_t count = 0;

    (void)state;
    while (parse_proc_mount(&at, &mount)) {
        assert_true(count < ARRAY_LEN(points));
        assert_string_equal(mount.point, points[count]);
        assert_string_equal(mount.type, types[count]);
        count++;
    }
    assert_int_equal(count, ARRAY_LEN(points));
}

static void an_option_of_a_mount_is_a_whole_word(void **state)
{
    static const struct {
        const char *options, *value; /* NULL: there is none */
    } cases[] = {
        {"rw,hidepid=2", "2"},
        {"hidepid=invisible,gid=0", "invisible"},
        {"rw,nohidepid=2", NULL},
        {"rw", NULL},
        {"", NULL},
        {"rw,hidepid=", NULL},
        {"rw,hidepid=\x1b[31m", NULL},
        {"rw,hidepid=2\x1b", "2"},
    };
    struct proc_mount mount = {.type = "proc"};
    char value[8];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        strcpy(mount.options, cases[i].options);
        bool found = parse_proc_mount_option(&mount, "hidepid", value, sizeof(value));
        assert_int_equal(found, cases[i].value != NULL);
        if (found)
            assert_true(strncmp(value, cases[i].value, sizeof(value) - 1) == 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_name_may_look_like_what_follows_it),
        cmocka_unit_test(a_stat_in_another_form_is_refused),
        cmocka_unit_test(a_line_of_status_is_found_by_its_key_only),
        cmocka_unit_test(pages_of_statm_are_its_second_number),
        cmocka_unit_test(times_of_schedstat_are_its_first_two),
        cmocka_unit_test(a_limit_is_a_number_or_none),
        cmocka_unit_test(mounts_are_told_by_their_type_and_not_by_free_text),
        cmocka_unit_test(an_option_of_a_mount_is_a_whole_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
