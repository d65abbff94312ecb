// SPDX-License-Identifier: MIT
#include "core/collect/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS /* Linux 6.16 */
#define SO_PASSRIGHTS 83
#endif

/* Room for the two descriptors, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

static int code_of(void)
{
    return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

int message_send_fds(int fd, const void *message, size_t bytes, const int fds[2])
{
    union control control = {.bytes = {0}};
    struct iovec part = {(void *)message, bytes};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};

    if (fds != NULL && fds[0] >= 0) {
        head.msg_control = control.bytes;
        head.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
    }
    ssize_t n = TEMP_FAILURE_RETRY(sendmsg(fd, &head, MSG_NOSIGNAL));
    return n < 0 ? code_of() : 0;
}

/* Without sendmsg(2), which is refused to all but the supervisor: it can hand descriptors on. */
int message_send(int fd, const void *message, size_t bytes)
{
    ssize_t n = TEMP_FAILURE_RETRY(send(fd, message, bytes, MSG_NOSIGNAL));
    return n < 0 ? code_of() : 0;
}

static void take_fds(struct msghdr *head, int ret_fds[2])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        int fds[2] = {-1, -1};
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), (count < 2 ? count : 2) * sizeof(int));
        if (count == 2) {
            memcpy(ret_fds, fds, sizeof(fds));
            continue;
        }
        for (size_t i = 0; i < count && i < 2; i++)
            close(fds[i]);
    }
}

/* How many bytes there were, @bytes at most. -EBADMSG: more. Else as message_receive_fds. */
static ssize_t receive(int fd, void *ret, size_t bytes, int ret_fds[2])
{
    union control control;
    struct iovec part = {ret, bytes};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};

    /* Else they never become ours, for to close one may take forever. */
    if (ret_fds != NULL) {
        ret_fds[0] = ret_fds[1] = -1;
        head.msg_control = control.bytes;
        head.msg_controllen = sizeof(control.bytes);
    }
    ssize_t n = TEMP_FAILURE_RETRY(recvmsg(fd, &head, MSG_CMSG_CLOEXEC));
    if (n < 0)
        return errno == EAGAIN ? -EAGAIN : code_of();
    if (ret_fds != NULL)
        take_fds(&head, ret_fds);
    if (n == 0)
        return -EPIPE;
    return (head.msg_flags & MSG_TRUNC) == 0 ? n : -EBADMSG;
}

int message_receive_fds(int fd, void *ret, size_t bytes, int ret_fds[2])
{
    ssize_t n = receive(fd, ret, bytes, ret_fds);

    if (n < 0)
        return (int)n;
    return (size_t)n == bytes ? 0 : -EBADMSG;
}

static size_t count_bytes(uint32_t vcpus)
{
    return offsetof(struct message_count, vcpus) + vcpus * sizeof(struct exits_vcpu);
}

int message_send_count(int fd, const struct message_count *message)
{
    return message_send(fd, message, count_bytes(message->count));
}

int message_receive_count(int fd, struct message_count *ret)
{
    ssize_t n = receive(fd, ret, sizeof(*ret), NULL);

    if (n < 0)
        return (int)n;
    return (size_t)n >= count_bytes(0) && ret->count <= EXITS_VCPUS_MAX &&
                   (size_t)n == count_bytes(ret->count)
               ? 0
               : -EBADMSG;
}

void message_refuse_fds(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
}

int message_receive(int fd, void *ret, size_t bytes)
{
    return message_receive_fds(fd, ret, bytes, NULL);
}
