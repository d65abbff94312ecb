/* SPDX-License-Identifier: MIT */
/*
 * Child: what is the same for all processes that the supervisor forks.
 */
#ifndef KVMLENS_CORE_COLLECT_CHILD_H
#define KVMLENS_CORE_COLLECT_CHILD_H

#include <sys/types.h>

#include "core/base/rootfs.h"
#include "core/bpf/kvm_bpf.h"
#include "core/collect/desk.h"
#include "core/collect/message.h"
#include "core/model/bpf_status.h"
#include "core/privilege/privilege.h"
#include "core/source/sampler.h"

/* What all children know: set before the supervisor was forked. Strings are borrowed. */
struct child_config {
    const struct rootfs *root;
    unsigned sources; /* SOURCE_BIT mask, of collectors */
    enum privilege_level privileges;
    struct sampler_scope scope; /* likewise, until a tick says that all is wanted */
    bool no_exits;              /* nobody will ask for exits: what only these take is given up */
};

struct child {
    const struct child_config *config;
    struct message_spawn order;
    int sock; /* to the front end: blocks */
    struct desk desk;
};

/* BPF in a child. Zeroed memory has none. */
struct child_bpf {
    struct kvm_bpf *bpf; /* NULL: it was not asked for, or failed */
    struct bpf_conditions conditions;
    struct bpf_status status;
};

/*
 * child_detach - first thing in a new process: it ends with @parent, has a session of its own, none
 * of its parent's descriptors but @keep[@count], and nothing of the terminal: who waits for the
 * end of a pipe must not wait for a child that hangs. Signals are as by default, but
 * for SIGPIPE and SIGXFSZ.
 */
void child_detach(pid_t parent, const int *keep, size_t count);

/*
 * child_load_bpf - load the programs, where the order says so: before child_restrict, and before
 * anything foreign was looked at. Their capabilities are in force from here to child_restrict. One
 * that fails goes on without, and its status says why. Ends with child_unload_bpf.
 */
void child_load_bpf(const struct child *child, struct child_bpf *ret);
void child_unload_bpf(struct child_bpf *bpf);

/* child_bpf_is_stale - KVM was loaded since, or loaded anew: another child is needed to read it. */
bool child_bpf_is_stale(const struct child_bpf *bpf);

/* child_bpf_status - as it is now: KVM may have been loaded meanwhile, or the host locked down. */
struct bpf_status child_bpf_status(struct child_bpf *bpf, const struct host *host);

/* Which programs it has loaded, and goes on to use. */
struct child_programs {
    bool bpf;
};

/*
 * child_restrict - give up all that @role does not need, but for what @programs need. 0, or a
 * negative errno with a sentence: then the process must do nothing but say so.
 */
int child_restrict(const struct child_config *config, enum privilege_role role,
                   struct child_programs programs, struct error *err);

/* What each role does until its socket ends; returns an exit status. */
int collector_main(struct child *child);
int scanner_main(struct child *child);
int counter_main(struct child *child);

#endif
