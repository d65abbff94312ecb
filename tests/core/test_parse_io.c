// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/base/parse_io.h"

static void a_descriptor_tells_its_flags_and_its_interface(void **state)
{
    struct fd_info info;
    char directory[64]; /* its flag differs between architectures */

    (void)state;
    snprintf(directory, sizeof(directory), "pos:\t0\nflags:\t0%o\nmnt_id:\t27\n",
             (unsigned)O_DIRECTORY);
    assert_true(
        parse_fd_info("pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t105\niff:\tvnet7\n", &info));
    assert_int_equal(info.flags & O_ACCMODE, O_RDWR);
    assert_string_equal(info.interface, "vnet7");
    assert_true(parse_fd_info(directory, &info));
    assert_true((info.flags & O_DIRECTORY) != 0);
    assert_string_equal(info.interface, "");
    /* a tun that is attached to nothing yet */
    assert_true(parse_fd_info("pos:\t0\nflags:\t02\niff:\t\n", &info));
    assert_string_equal(info.interface, "");
    assert_false(parse_fd_info("pos:\t0\n", &info));
    assert_false(parse_fd_info("flags:\t0899\n", &info));
    assert_false(parse_fd_info("flags:\t07777777777777\n", &info));
    assert_false(parse_fd_info("flags:\t02\niff:\tsixteen-is-a-lot\n", &info));
    assert_false(parse_fd_info("", &info));
}

static void network_devices_come_one_after_the_other(void **state)
{
    const char *at =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
        "    lo: 9940728   16849    0    1    0     0          0         0  9940 16 2 3 0 0 0 0\n"
        "broken: 1 2 3\n"
        "  a b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "this-name-is-too-long: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "vnet7:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
    struct net_device d;

    (void)state;
    assert_true(parse_net_device(&at, &d));
    assert_int_equal(d.length, 2);
    assert_memory_equal(d.name, "lo", 2);
    assert_int_equal(d.rx_bytes, 9940728);
    assert_int_equal(d.rx_packets, 16849);
    assert_int_equal(d.rx_drops, 1);
    assert_int_equal(d.tx_bytes, 9940);
    assert_int_equal(d.tx_packets, 16);
    assert_int_equal(d.tx_drops, 3);
    assert_true(parse_net_device(&at, &d));
    assert_memory_equal(d.name, "vnet7", 5);
    assert_int_equal(d.tx_bytes, 9);
    assert_false(parse_net_device(&at, &d));
    assert_false(parse_net_device(&at, &d));
}

static void sectors_are_bytes(void **state)
{
    struct block_stat s;

    (void)state;
    assert_true(
        parse_block_stat("    1095      3    8042      410    22   7     88  9  0 1 2\n", &s));
    assert_int_equal(s.reads, 1095);
    assert_int_equal(s.read_bytes, 8042 * 512);
    assert_int_equal(s.writes, 22);
    assert_int_equal(s.written_bytes, 88 * 512);
    assert_false(parse_block_stat("1 2 3 4 5 6\n", &s));
    assert_false(parse_block_stat("1 2 18446744073709551615 4 5 6 7\n", &s));
    assert_false(parse_block_stat("", &s));
}

static void a_number_is_in_its_list(void **state)
{
    (void)state;
    assert_true(parse_list_has_number("0-3,8\n", 0));
    assert_true(parse_list_has_number("0-3,8\n", 3));
    assert_true(parse_list_has_number("0-3,8\n", 8));
    assert_false(parse_list_has_number("0-3,8\n", 4));
    assert_false(parse_list_has_number("0-3,8\n9", 9));
    assert_false(parse_list_has_number("\n", 0));
    assert_false(parse_list_has_number("-3", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_tells_its_flags_and_its_interface),
        cmocka_unit_test(network_devices_come_one_after_the_other),
        cmocka_unit_test(sectors_are_bytes),
        cmocka_unit_test(a_number_is_in_its_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
