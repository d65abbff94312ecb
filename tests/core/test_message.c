// SPDX-License-Identifier: MIT
#include "core/collect/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int next_fd(void)
{
    int fd = dup(STDIN_FILENO);

    close(fd);
    return fd;
}

static void open_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static void a_message_arrives_whole_or_not_at_all(void **state)
{
    int pair[2], got = 0;
    char small = 1;

    (void)state;
    open_pair(pair);
    assert_int_equal(message_send(pair[1], &(int){7}, sizeof(int)), 0);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), 0);
    assert_int_equal(got, 7);
    assert_int_equal(message_send(pair[1], &small, sizeof(small)), 0);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), -EBADMSG);
    assert_int_equal(message_send(pair[1], (long[]){1, 2}, 2 * sizeof(long)), 0);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), -EBADMSG);
    close(pair[1]);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), -EPIPE);
    assert_int_equal(message_send(pair[0], &got, sizeof(got)), -EPIPE);
    close(pair[0]);
}

static void descriptors_go_only_to_who_asks_for_them(void **state)
{
    const int sent[2] = {STDIN_FILENO, STDOUT_FILENO};
    int pair[2], got = 0, fds[2];

    (void)state;
    open_pair(pair);
    int before = next_fd();
    assert_int_equal(message_send_fds(pair[1], &got, sizeof(got), sent), 0);
    assert_int_equal(message_receive_fds(pair[0], &got, sizeof(got), fds), 0);
    assert_true(fds[0] >= before && fds[1] > fds[0]);
    close_pair(fds);
    assert_int_equal(message_send_fds(pair[1], &got, sizeof(got), sent), 0);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), 0);
    assert_int_equal(next_fd(), before);
    close_pair(pair);
}

static void descriptors_can_be_refused(void **state)
{
    const int sent[2] = {STDIN_FILENO, STDOUT_FILENO};
    int pair[2], got = 0;

    (void)state;
    open_pair(pair);
    message_refuse_fds(pair[0]);
    int result = message_send_fds(pair[1], &got, sizeof(got), sent);
    if (result == 0)
        print_message("this kernel cannot refuse them (before 6.16)\n");
    else
        assert_int_equal(result, -EPERM);
    assert_int_equal(message_send(pair[1], &got, sizeof(got)), 0);
    assert_int_equal(message_receive(pair[0], &got, sizeof(got)), 0);
    close_pair(pair);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_whole_or_not_at_all),
        cmocka_unit_test(descriptors_go_only_to_who_asks_for_them),
        cmocka_unit_test(descriptors_can_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
