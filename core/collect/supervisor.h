/* SPDX-License-Identifier: MIT */
/*
 * Supervisor: the process that forks, and kills, those that look at VMs.
 *
 * It is forked first, before a name of a VM or the terminal is touched. It keeps the capabilities
 * that its children need, and looks at nothing that is somebody else's: so nothing can hold it, and
 * a child that hangs, perhaps for good, is given up for another.
 *
 * All functions are for the front end. One thread at a time.
 */
#ifndef KVMLENS_CORE_COLLECT_SUPERVISOR_H
#define KVMLENS_CORE_COLLECT_SUPERVISOR_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/collect/child.h"
#include "core/collect/desk.h"
#include "core/collect/message.h"

struct supervisor {
    pid_t pid;
    int sock;
    uint32_t number; /* of the last order */
    int patience_ms; /* an answer is waited for so long; may be changed */
    bool bpf;        /* children that are spawned from now on load BPF programs; may be changed */
    bool is_late;    /* the answer to the last order was not there then */
    uint32_t late_role;
    bool late_bpf;
};

/* For who must not wait: an answer takes a millisecond. */
#define SUPERVISOR_PATIENCE_MS 40

/* A child, as the front end sees it. */
struct child_link {
    pid_t pid; /* 0: there is none */
    int sock;  /* does not block; ends when the process has ended */
    bool bpf;  /* it was to load BPF programs */
    struct desk desk;
};

/*
 * supervisor_start - fork it. @config is read by its children later, in their copy of this process'
 * memory. To be called while there is one thread. 0, or a negative errno with a sentence. Ends with
 * supervisor_stop.
 */
int supervisor_start(const struct child_config *config, struct supervisor *ret, struct error *err);

/*
 * supervisor_spawn - a child of that role; @order->kill_pid is killed first. Takes about a
 * millisecond. 0, or a negative errno with a sentence: -ETIMEDOUT: the answer is late, and the next
 * call for this role waits for it. Ends with child_link_close.
 */
int supervisor_spawn(struct supervisor *supervisor, const struct message_spawn *order,
                     struct child_link *ret, struct error *err);

/* supervisor_give_up - nobody wants the child of that role any more whose spawn was late: it ends
 * as soon as it has come. To be called now and then; does not wait. */
void supervisor_give_up(struct supervisor *supervisor, uint32_t role);

/* supervisor_stop - it ends, and with it all children that the kernel lets go. Does not wait for
 * those, nor long for one that somebody has stopped: it ends with this process. */
void supervisor_stop(struct supervisor *supervisor);

/* supervisor_kill - a child that may be at work, or stopped. Does not wait, and a supervisor that
 * has no room for the order does not get it: the child then ends with its socket. */
void supervisor_kill(const struct supervisor *supervisor, pid_t pid);

/* child_link_close - the child sees the end of its socket, and ends. */
void child_link_close(struct child_link *link);

#endif
