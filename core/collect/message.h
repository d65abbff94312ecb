/* SPDX-License-Identifier: MIT */
/*
 * Messages between our processes, over SOCK_SEQPACKET pairs that were made before: whole or not at
 * all, and the end of a process ends its socket.
 *
 *   supervisor -> front end   hello, once
 *   front end -> supervisor   spawn (a child of a role), kill (a child)
 *   supervisor -> front end   spawned, with two descriptors: the child's socket, its desk
 *   front end -> collector    tick
 *   collector -> front end    sample
 *   front end -> counter      count: of whom
 *   counter -> front end      sample: a count of exits
 *   front end -> scanner      scan: begin, cancel, the next report
 *   scanner -> front end      report
 *
 * A message is read into a structure of its size, and one of another size is no message. What comes
 * from a child is trusted no more than what lies on its desk.
 */
#ifndef KVMLENS_CORE_COLLECT_MESSAGE_H
#define KVMLENS_CORE_COLLECT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/model/shun.h"
#include "core/scan/scan_request_wire.h"

enum child_role { CHILD_COLLECTOR, CHILD_SCANNER, CHILD_COUNTER, CHILD_ROLE_COUNT };

#define CHILD_NONE UINT32_MAX /* a role: one is killed, none is spawned, nothing is answered */

/* The first thing that the supervisor says. */
struct message_hello {
    int32_t result; /* 0, or the negative errno of @error: it ends then */
    struct error error;
};

struct message_spawn {
    uint32_t role;       /* enum child_role */
    uint32_t kill_pid;   /* a child that is killed first; 0: none */
    uint64_t first_tick; /* of a collector: its ticks are counted from here */
    uint32_t number;     /* comes back in the answer; supervisor_spawn gives it */
    uint32_t bpf;        /* 1: it reads with BPF programs, which it loads first; likewise */
};

struct message_spawned {
    uint32_t number;
    int32_t result; /* 0 or a negative errno; then there are no descriptors */
    int32_t pid;
};

struct message_tick {
    uint32_t number; /* comes back in the answer */
    uint32_t whole;  /* 1: the scope that the collector was made for does not matter any more */
    /* enum load_wish: what is to be read beside the counters, of all and of one process */
    uint32_t load, load_one;
    int32_t load_pid, load_before;
    uint32_t unused;
    struct shun_list shunned;
};

/* A vCPU of the newest sample. */
struct exits_vcpu {
    int32_t tid; /* 0: not known; then it is there for its process */
    int32_t pid;
    uint32_t vm; /* stands for its struct vm_id: another VM has another one, but for odd chances */
};

#define EXITS_VCPUS_MAX 8192 /* the BPF programs have no room for more threads */

/* Exits are counted, of @pid alone or of all; where the scope of the command line is narrow and
 * not @whole, of the processes of @vcpus. */
struct message_count {
    uint32_t number; /* comes back in the answer */
    uint32_t whole;
    int32_t pid;
    uint32_t is_cut; /* there are more than these */
    uint32_t count;
    struct exits_vcpu vcpus[EXITS_VCPUS_MAX]; /* [count] go over the socket */
};

/* Of a collector and of a counter. */
struct message_sample {
    uint32_t number;
    int32_t result; /* 0, or the negative errno of @error. -ESTALE: ask another collector, for this
                       one has BPF programs for a KVM that is not there any more,
                       or could not attach them before there was one */
    uint64_t bytes; /* of the form on the desk */
    struct error error;
};

enum scan_order {
    SCAN_ORDER_BEGIN,  /* @request, as soon as what is under way has ended */
    SCAN_ORDER_CANCEL, /* what is under way */
    SCAN_ORDER_NEXT,   /* what lay on the desk was taken: the next report may lie there */
};

struct message_scan {
    uint32_t order;  /* enum scan_order */
    uint32_t number; /* of the scan; comes back with its reports */
    struct scan_request_wire request;
};

/* One lies on the desk until SCAN_ORDER_NEXT. */
struct message_report {
    uint32_t number;
    uint32_t is_last;   /* the scan has ended */
    uint64_t bytes;     /* of the form on the desk */
    struct error error; /* code < 0: there is no report, and this is why; the last one only */
};

/* message_send - 0, or a negative errno: -EPIPE: the other side has ended. Never waits long. */
int message_send(int fd, const void *message, size_t bytes);

/*
 * message_receive - @bytes exactly. 0; -EAGAIN: there is none (only on a socket that does not
 * block); -EPIPE: the other side has ended; -EBADMSG: one of another size.
 */
int message_receive(int fd, void *ret, size_t bytes);

/* message_send_count, message_receive_count - the same of one of a count, as far as it is filled:
 * all of it is more than a socket takes where net.core.wmem_default is low. */
int message_send_count(int fd, const struct message_count *message);
int message_receive_count(int fd, struct message_count *ret);

/* message_send_fds, message_receive_fds - the same with two descriptors beside it. @fds[0] < 0:
 * without. */
int message_send_fds(int fd, const void *message, size_t bytes, const int fds[2]);
int message_receive_fds(int fd, void *ret, size_t bytes, int ret_fds[2]);

/*
 * message_refuse_fds - nobody can hand descriptors to the owner of @fd, where the kernel has a word
 * for it (6.16). They need not be received: the last reference to a file of a hostile process goes
 * with the message, in who reads it or closes the socket, and that may take forever.
 */
void message_refuse_fds(int fd);

#endif
