// SPDX-License-Identifier: MIT
#include "core/base/parse_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Fields 4 to 38, then 39 to 43: the CPU is 3, guest time 77. */
#define TO_38                                                                                      \
    "1 5 5 0 -1 64 1 0 0 0 7 8 0 0 20 0 3 0 4000 9 9 18446744073709551615 1 1 1 1 1 0 0 4096 0 0 " \
    "0 0 -1"
#define TO_43 TO_38 " 3 0 0 0 77"

static void a_thread_says_what_it_does_and_where(void **state)
{
    struct proc_thread t;

    (void)state;
    assert_true(parse_proc_thread("7 (CPU 0/KVM) R " TO_43 " 0 1\n", &t));
    assert_int_equal(t.state, 'R');
    assert_int_equal(t.cpu, 3);
    assert_int_equal(t.guest_ticks, 77);
    /* A name that looks like the rest. */
    assert_true(parse_proc_thread("7 (a) S 1 2) t " TO_43 "\n", &t));
    assert_int_equal(t.state, 't');
    assert_false(parse_proc_thread("7 (CPU 0/KVM) R " TO_38 "\n", &t));
    assert_false(parse_proc_thread("7 (CPU 0/KVM) R " TO_43, &t)); /* cut within a number */
    assert_false(parse_proc_thread("", &t));
    assert_int_equal(parse_proc_state("Name:\tState:\tR\nState:\tT (stopped)\n"), 'T');
    assert_int_equal(parse_proc_state("Name:\tx\n"), '\0');
}

static void a_system_call_is_kvm_run_or_not(void **state)
{
    static const struct {
        const char *text;
        enum proc_syscall is;
    } cases[] = {
        {"running\n", PROC_SYSCALL_RUNNING},
        {"16 0x1c 0xae80 0x0 0xffffffffffffff88 0x0 0x0 0x7f1 0x7f2\n", PROC_SYSCALL_KVM_RUN},
        {"29 0x1c 0xae80 0x0 0x0 0x0 0x0 0x7f1 0x7f2\n", PROC_SYSCALL_KVM_RUN},
        {"16 0x1c 0xae81 0x0 0x0 0x0 0x0 0x7f1 0x7f2\n", PROC_SYSCALL_OTHER},
        {"202 0x7f0000 0xae80 0x0 0x0 0x0 0x0 0x7f1 0x7f2\n", PROC_SYSCALL_OTHER},
        {"-1 0x7f1 0x7f2\n", PROC_SYSCALL_OTHER},
    };
    static const char *const wrong[] = {"", "run", "16", "16 28 0xae80", "16 0x1c", "-1", "x"};
    enum proc_syscall is;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(parse_proc_syscall(cases[i].text, &is));
        assert_int_equal(is, cases[i].is);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(parse_proc_syscall(wrong[i], &is));
}

static void cgroups_have_controllers_and_a_path(void **state)
{
    const char *at = "no line\n5:cpu,cpuacct:/machine/a:b\n1:name=systemd:/\n0::/x.slice/\n9:x:y\n";
    struct proc_cgroup c;

    (void)state;
    assert_true(parse_proc_cgroup(&at, &c));
    assert_true(parse_list_has(c.controllers, c.controllers_length, "cpu"));
    assert_true(parse_list_has(c.controllers, c.controllers_length, "cpuacct"));
    assert_false(parse_list_has(c.controllers, c.controllers_length, "cpua"));
    assert_int_equal(c.path_length, strlen("/machine/a:b"));
    assert_memory_equal(c.path, "/machine/a:b", c.path_length);
    assert_true(parse_proc_cgroup(&at, &c));
    assert_true(parse_proc_cgroup(&at, &c));
    assert_int_equal(c.controllers_length, 0);
    assert_memory_equal(c.path, "/x.slice/", c.path_length);
    assert_false(parse_proc_cgroup(&at, &c));
}

static void a_path_leads_nowhere_but_down(void **state)
{
    static const char *const plain[] = {"/", "/a", "/a/..b", "/a/b../c", "/a//b"};
    static const char *const other[] = {"", "a", "/..", "/../x", "/a/../b", "/a/.."};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        assert_true(parse_path_is_plain(plain[i], strlen(plain[i])));
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_false(parse_path_is_plain(other[i], strlen(other[i])));
}

static void limits_and_what_they_took(void **state)
{
    const char *stat = "usage_usec 5\nnr_periods 10\nnr_throttled 4\nthrottled_usec 123\n";
    uint64_t value = 0;

    (void)state;
    assert_true(parse_key_number(stat, "nr_throttled", &value));
    assert_int_equal(value, 4);
    assert_true(parse_key_number(stat, "throttled_usec", &value));
    assert_int_equal(value, 123);
    assert_false(parse_key_number(stat, "throttled", &value));
    assert_false(parse_key_number("a 5", "a", &value)); /* cut */
    assert_true(parse_cpu_max("20000 100000\n"));
    assert_false(parse_cpu_max("max 100000\n"));
    assert_true(parse_cpu_quota("50000\n"));
    assert_false(parse_cpu_quota("-1\n"));
}

static void pressure_has_two_lines_at_most(void **state)
{
    const char *text = "some avg10=0.00 avg60=0.04 avg300=0.00 total=118700745\n"
                       "full avg10=0.00 avg60=0.00 avg300=0.00 total=44\n";
    uint64_t ns;

    (void)state;
    assert_true(parse_pressure(text, "some", &ns));
    assert_int_equal(ns, 118700745000);
    assert_true(parse_pressure(text, "full", &ns));
    assert_int_equal(ns, 44000);
    assert_false(parse_pressure("some avg10=0.00\nfull total=1\n", "some", &ns));
    assert_false(parse_pressure("some avg10=0.00 total=1\n", "full", &ns));
    assert_false(parse_pressure("some total=18446744073709551615\n", "some", &ns));
}

static void the_host_has_a_load_cpu_time_and_an_age(void **state)
{
    uint64_t loads[3], up;
    struct proc_cpu cpu;

    (void)state;
    assert_true(parse_loadavg("1.37 0.05 12.00 1/234 5678\n", loads));
    assert_int_equal(loads[0], 137);
    assert_int_equal(loads[1], 5);
    assert_int_equal(loads[2], 1200);
    assert_false(parse_loadavg("1.3 0.05 12.00 1/234 5678\n", loads));
    assert_false(parse_loadavg("1 0 12\n", loads));
    assert_true(parse_uptime("1234.56 99.00\n", &up));
    assert_int_equal(up, 123456);
    assert_false(parse_uptime("1234\n", &up));
    assert_true(parse_proc_cpu("cpu  1 2 3 40 5 6 7 8 90 10\ncpu0 1\n", &cpu));
    assert_int_equal(cpu.all, 1 + 2 + 3 + 40 + 5 + 6 + 7 + 8);
    assert_int_equal(cpu.idle, 40);
    assert_int_equal(cpu.iowait, 5);
    assert_int_equal(cpu.steal, 8);
    assert_int_equal(cpu.guest, 100);
    assert_false(parse_proc_cpu("cpu  1 2 3\n", &cpu));
    assert_false(parse_proc_cpu("cpu0 1 2 3 40 5 6 7 8 90 10\n", &cpu));
}

static void cpus_of_a_list_are_counted(void **state)
{
    static const struct {
        const char *list;
        unsigned count;
    } cases[] = {{"0\n", 1},  {"0-3,8\n", 5},      {"0-3,8,10-11", 7}, {"", 0},       {"3-1\n", 0},
                 {"0,\n", 0}, {"0-99999999\n", 0}, {"0;1\n", 0},       {"0-3 5\n", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(parse_cpu_list(cases[i].list), cases[i].count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_says_what_it_does_and_where),
        cmocka_unit_test(a_system_call_is_kvm_run_or_not),
        cmocka_unit_test(cgroups_have_controllers_and_a_path),
        cmocka_unit_test(a_path_leads_nowhere_but_down),
        cmocka_unit_test(limits_and_what_they_took),
        cmocka_unit_test(pressure_has_two_lines_at_most),
        cmocka_unit_test(the_host_has_a_load_cpu_time_and_an_age),
        cmocka_unit_test(cpus_of_a_list_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
