// SPDX-License-Identifier: MIT
#include "core/find/discover_internal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/find/fd_owners.h"
#include "core/find/proc_fds.h"
#include "core/find/vcpu_threads.h"
#include "core/find/vm_build.h"
#include "core/find/vm_migration.h"
#include "core/find/vm_twins.h"
#include "core/ram/ram.h"

/* a process without a VM, and the vCPUs of a VM, are looked at this often at least */
#define LOOK_AGAIN_TICKS     32
#define YOUNG_LOOKS          4  /* looks in a row at a process that appeared while we watch */
#define RAM_AGAIN_TICKS      64 /* memory can be plugged in */
#define RAM_LOOKUPS_PER_TICK 64
#define RAM_READ_PER_TICK    (2u << 20) /* of maps; usual ones have 40 KiB */
/* above, a look costs tens of ms: neither a changing number nor its turn are reason enough */
#define BUSY_FDS 4096

struct discover *discover_new(const struct discover_config *config)
{
    struct discover *d = calloc(1, sizeof(*d));

    if (d != NULL) {
        d->root = config->root;
        d->host = config->host;
        d->beacon = config->beacon;
        d->shunned = config->shunned;
        d->tick = d->first_tick = config->first_tick;
        d->scope = config->scope;
        d->budget = config->budget;
        d->bpf_tick = config->bpf_tick;
        d->bpf = d->bpf_tick != NULL ? kvm_bpf_tick_bpf(d->bpf_tick) : NULL;
    }
    return d;
}

/* What was left out of a look before is found in another one. */
void discover_set_scope(struct discover *d, const struct sampler_scope *scope)
{
    d->scope = *scope;
    for (size_t i = 0; i < d->processes.count; i++)
        d->processes.processes[i].unsettled = true;
}

void discover_forget_all(const struct discover *d, discover_forget_fn *forget, void *user)
{
    for (size_t i = 0; i < d->all.count; i++)
        forget(user, d->all.vms[i]);
}

void discover_free(struct discover *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->all.count; i++)
        vm_free(d->all.vms[i]);
    vm_table_done(&d->all);
    dir_match_done(&d->match);
    free(d->shown);
    process_list_done(&d->processes);
    kvm_dirs_done(&d->dirs);
    free(d);
}

const struct vm_list *discover_vms(const struct discover *d)
{
    return &d->list;
}

/*
 * Whatever VM a process has, debugfs names it. When it names none, then there is none, except on an
 * old kernel, which has no directories.
 */
bool discover_dirs_tell(const struct discover *d)
{
    return discover_has_dirs(d) && (d->dirs.count > 0 || !host_kernel_may_lack_vm_dirs(d->host));
}

size_t discover_hidden_processes(const struct discover *d, pid_t *ret_first,
                                 enum reading_cause *ret_cause)
{
    *ret_first = d->first_hidden;
    *ret_cause = d->hidden_cause;
    return d->hidden;
}

bool discover_proc_hides(const struct discover *d)
{
    return d->proc_hides && !discover_dirs_tell(d);
}

size_t discover_cut_processes(const struct discover *d)
{
    return d->cut;
}

size_t discover_hidden_vms(const struct discover *d)
{
    return d->hidden_vms;
}

bool discover_is_alive(const struct discover *d, const struct vm *vm)
{
    char path[400];
    struct stat st;

    if (vm->fds_cause == CAUSE_NONE) {
        beacon_at(d->beacon, vm->id.pid, BEACON_LIST_FDS);
        int result = proc_fds_is_vm(d->root, vm->id.pid, vm->id.fd);
        return result != 0 && result != -EACCES && result != -EPERM;
    }
    /* Only its directory tells of it; out of reach, that says nothing. */
    if (vm->debugfs_dir[0] != '\0')
        snprintf(path, sizeof(path), "%s/%s", d->host->debugfs, vm->debugfs_dir);
    else
        snprintf(path, sizeof(path), "proc/%d", (int)vm->id.pid);
    return !discover_is_gone(rootfs_stat(d->root, path, &st));
}

struct process_time *discover_time_of(const struct discover *d, pid_t pid)
{
    struct process *p =
        d != NULL && d->budget != NULL ? process_list_find(&d->processes, pid) : NULL;

    return p != NULL ? &p->time : NULL;
}

/* 0 where nobody asks how long anything takes. */
static uint64_t clock_of(const struct discover *d)
{
    return d->budget != NULL ? d->budget->now_ns() : 0;
}

/* --- one tick --------------------------------------------------------------------------------- */

/* Does the VM know the way to its directory, or why there is none? */
static bool is_dir_known(const struct discover *d, const struct vm *vm)
{
    if (vm->debugfs_inode != 0 && discover_has_dirs(d))
        return vm->debugfs_dir[0] != '\0';
    return vm->debugfs_cause == discover_dir_cause(d);
}

/* @by_kernel: that they are alive is known. */
static bool vms_as_before(const struct discover *d, const struct process *p, bool by_kernel)
{
    for (size_t i = vm_table_first(&d->all, p->pid);
         i < d->all.count && d->all.vms[i]->id.pid == p->pid; i++) {
        const struct vm *vm = d->all.vms[i];
        if (!discover_is_same_dir(d, vm) || !is_dir_known(d, vm) ||
            (!by_kernel && !discover_is_alive(d, vm)))
            return false;
    }
    return true;
}

enum kernel_says { KERNEL_SAYS_NOTHING, KERNEL_SAYS_SAME, KERNEL_SAYS_CHANGED };

/* Does the kernel (BPF) say that the process has the VMs and vCPUs that it had? */
static enum kernel_says ask_kernel(struct discover *d, const struct process *p)
{
    size_t first = vm_table_first(&d->all, p->pid), end = vm_table_end(&d->all, first, p->pid);
    struct vm *const *vms = &d->all.vms[first];
    const struct kvm_bpf_process *seen =
        d->bpf_tick != NULL ? kvm_bpf_tick_read(d->bpf_tick, p->pid) : NULL;

    if (seen == NULL)
        return KERNEL_SAYS_NOTHING;
    if (fd_owners_are_same(seen, vms, end - first))
        return KERNEL_SAYS_SAME;
    return fd_owners_have_changed(seen, vms, end - first) ? KERNEL_SAYS_CHANGED
                                                          : KERNEL_SAYS_NOTHING;
}

/* Does a directory of debugfs belong to this process that no VM of ours has? */
static bool has_new_dir(const struct discover *d, pid_t pid)
{
    size_t count, i = vm_table_first(&d->all, pid), end = vm_table_end(&d->all, i, pid);
    const struct kvm_dir *dirs = kvm_dirs_of(&d->dirs, pid, &count);

    for (size_t k = 0; k < count; k++) {
        while (i < end && d->all.vms[i]->id.fd < dirs[k].fd)
            i++;
        if (i == end || d->all.vms[i]->id.fd != dirs[k].fd ||
            d->all.vms[i]->debugfs_inode != dirs[k].inode)
            return true;
    }
    return false;
}

static bool must_look(struct discover *d, struct process *p, bool has_dir)
{
    bool turn = ((uint64_t)p->pid + d->tick) % LOOK_AGAIN_TICKS == 0;
    uint64_t count;

    if (p->no_fds || p->is_shunned)
        return false;
    bool told = discover_dirs_tell(d);
    if (turn && told && p->vm_count == 0 && p->fd_count >= BUSY_FDS)
        turn = false;
    if (p->looks == 0 || turn || p->unsettled || !d->root->live)
        return true;
    beacon_at(d->beacon, p->pid, BEACON_LIST_FDS);
    if (p->vm_count > 0) {
        enum kernel_says said = ask_kernel(d, p);
        bool by_kernel = said == KERNEL_SAYS_SAME, changed = said == KERNEL_SAYS_CHANGED;
        /* Without debugfs nothing else tells that a VM was made anew under its old number. */
        if (said == KERNEL_SAYS_NOTHING) {
            count = process_list_fd_count(d->root, p->pid);
            changed = count == 0 || count != p->fd_count;
            p->fd_count = count;
        }
        /* Directories of VMs that a look leaves out stay new for ever. */
        bool is_new = has_dir && !p->is_cut && has_new_dir(d, p->pid);
        return changed || is_new || !vms_as_before(d, p, by_kernel);
    }
    /* Where debugfs tells of new VMs nothing else needs to be watched. */
    if (has_dir || told)
        return has_dir;
    if (p->looks < YOUNG_LOOKS)
        return true;
    count = process_list_fd_count(d->root, p->pid);
    bool changed = count != p->fd_count && count < BUSY_FDS;
    p->fd_count = count;
    return changed;
}

/* While debugfs cannot be read, no VM knows the way to its directory. */
static void lose_dirs(struct discover *d)
{
    for (size_t i = 0; i < d->all.count && !discover_has_dirs(d); i++)
        vm_build_lose_dir(d->all.vms[i], discover_dir_cause(d));
}

/* What reading the maps of processes has cost this tick. */
struct ram_cost {
    size_t lookups, read;
};

/* Is this VM's RAM to be looked up now? */
static bool is_ram_due(const struct discover *d, const struct vm *vm)
{
    return vm->ram_tick == 0 || d->tick - vm->ram_tick >= RAM_AGAIN_TICKS ||
           (vm->ram_bytes == 0 && d->tick - vm->id.born < 8);
}

static uint64_t look_up_ram(const struct discover *d, const struct vm *vm, bool is_alone,
                            size_t *io_read)
{
    struct kvm_bpf_slots slots = {0};
    bool is_told = d->bpf != NULL &&
                   kvm_bpf_slots_read(d->bpf, vm->id.pid, vm->id.fd, &slots) == 0 &&
                   slots.is_own_mm;
    const struct ram_slots ram = {slots.slots, slots.count, is_alone};
    uint64_t bytes = ram_quick_bytes(d->root, vm->id.pid, vm->vmm, is_alone ? 1 : 2,
                                     is_told ? &ram : NULL, io_read);

    kvm_bpf_slots_done(&slots);
    return bytes;
}

/* -1: not known. */
static int logged_slots(const struct discover *d, const struct vm *vm)
{
    const struct kvm_bpf_process *seen = kvm_bpf_tick_read(d->bpf_tick, vm->id.pid);
    const struct kvm_bpf_file *file =
        seen != NULL && seen->result == 0 ? kvm_bpf_process_vm(seen, vm->id.fd) : NULL;

    return file != NULL ? file->logged_slots : -1;
}

static void find_details_of(struct discover *d, struct vm *vm, bool is_alone,
                            struct process_time *time, struct ram_cost *ram)
{
    bool turn = (d->tick + vm_spread(&vm->id)) % 8 == 0;
    bool threads = turn || d->tick - vm->id.born < 8;
    bool ram_due =
        is_ram_due(d, vm) && ram->read < RAM_READ_PER_TICK && ram->lookups < RAM_LOOKUPS_PER_TICK;

    if (!scope_has(&d->scope, vm) || !(threads || ram_due || d->bpf != NULL))
        return;
    uint64_t since = clock_of(d);
    beacon_at(d->beacon, vm->id.pid, BEACON_READ_PROC);
    if (threads)
        /* The kernel knows no thread of a vCPU that has not run yet; all others it tells itself. */
        vcpu_threads_find(d->root, d->host->debugfs, is_alone, turn && !vm->vcpus_by_kernel, vm);
    if (ram_due) {
        beacon_at(d->beacon, vm->id.pid, BEACON_READ_MAPS);
        ram->lookups++;
        vm->ram_bytes = look_up_ram(d, vm, is_alone, &ram->read);
        vm->ram_tick = d->tick;
    }
    /* Each read of slots holds the VM for some microseconds: of a new one its RAM is enough. What
     * is there from the start is not new, and metrics take no second sample. */
    bool is_new = vm->id.born == d->tick && d->tick > d->first_tick + 1;
    if (d->bpf != NULL && !is_new)
        vm_migration_tick(d->root, d->bpf, d->tick, logged_slots(d, vm), vm);
    if (time != NULL)
        time->spent_ns += clock_of(d) - since;
}

/*
 * What gets known late or costs more than a look: threads, since vcpuN/pid is 0 until the vCPU has
 * run and VMMs name theirs some time after the start; the size of the RAM, a few VMs per tick, so
 * that no tick gets long; with BPF whether they are being migrated.
 */
static void find_details(struct discover *d)
{
    struct ram_cost ram = {0};

    for (size_t i = 0, end; i < d->all.count; i = end) {
        struct process_time *time = discover_time_of(d, d->all.vms[i]->id.pid);
        end = vm_table_end(&d->all, i, d->all.vms[i]->id.pid);
        size_t count = end - i, first = i;
        /* Those come first whose numbers do. */
        while (time != NULL && first + 1 < end && d->all.vms[first]->id.fd < time->next_fd)
            first++;
        for (size_t n = 0; n < count; n++) {
            if (time != NULL && (count > 1 ? budget_is_half_over(time, d->budget->limit_ns)
                                           : budget_is_over(time, d->budget->limit_ns)))
                break;
            find_details_of(d, d->all.vms[i + (first - i + n) % count], count == 1, time, &ram);
        }
    }
}

static int show(struct discover *d)
{
    if (d->all.count > d->shown_cap) {
        struct vm **grown = realloc(d->shown, d->all.cap * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        d->shown = grown;
        d->shown_cap = d->all.cap;
    }
    int result = vm_twins_mark(d->root, discover_dirs_tell(d), d->all.vms, d->all.count);
    if (result < 0)
        return result;
    d->list = (struct vm_list){.vms = d->shown};
    for (size_t i = 0; i < d->all.count; i++)
        if (!d->all.vms[i]->is_copy && scope_has(&d->scope, d->all.vms[i]))
            d->shown[d->list.count++] = d->all.vms[i];
    d->hidden_vms = 0;
    return d->scope.pid != 0
               ? 0
               : dir_match_count_hidden(&d->dirs, d->all.vms, d->all.count, &d->hidden_vms);
}

/* One that is not in the list because it is not asked for lives on all the same. */
static bool process_lives(const void *user, pid_t pid)
{
    const struct discover *d = user;
    char path[32];
    struct stat st;

    snprintf(path, sizeof(path), "proc/%d", (int)pid);
    return process_list_has(&d->processes, pid) ||
           (d->scope.pid != 0 && d->scope.pid != pid && rootfs_stat(d->root, path, &st) == 0);
}

static void list_dirs(struct discover *d, const struct asking *asking)
{
    struct kvm_dirs dirs = {0};

    d->dirs_result = d->host->debugfs[0] == '\0'
                         ? -ENOENT
                         : kvm_dirs_read(d->root, d->host->debugfs, &d->dirs, asking, &dirs);
    kvm_dirs_done(&d->dirs);
    d->dirs = dirs;
}

/* Its VMs that are known are in the list still, with old numbers: may there be another one? */
static bool hides_another(const struct discover *d, const struct process *p)
{
    size_t shown = shun_vms(d->shunned, p->pid), dirs;

    if (!discover_dirs_tell(d))
        return shown == 0;
    kvm_dirs_of(&d->dirs, p->pid, &dirs);
    return dirs > shown;
}

/* Why a process may have VMs that are not in the list, or CAUSE_NONE. */
static enum reading_cause hidden_cause(const struct discover *d, const struct process *p)
{
    bool told = discover_dirs_tell(d);

    if (p->is_shunned)
        return hides_another(d, p) ? CAUSE_STUCK : CAUSE_NONE;
    if (p->unread != CAUSE_NONE)
        return !told || has_new_dir(d, p->pid) ? p->unread : CAUSE_NONE;
    /* All that debugfs names was found. */
    return p->denied && !told ? CAUSE_NO_PERMISSION : CAUSE_NONE;
}

static void count_hidden(struct discover *d, const struct process *p)
{
    enum reading_cause cause = hidden_cause(d, p);

    if (cause == CAUSE_NONE || d->hidden++ > 0)
        return;
    d->first_hidden = p->pid;
    d->hidden_cause = cause;
}

/* Looks into a process if need be, as long as that does not take too much time. */
static int visit(struct discover *d, struct process *p, bool has_dir, discover_forget_fn *forget,
                 void *user)
{
    /* Only of a VMM the question whether to look costs something. */
    uint64_t began = p->vm_count > 0 ? clock_of(d) : 0;
    int result = 0;

    if (p->time.look_after_ns != 0 && clock_of(d) < p->time.look_after_ns)
        return 0;
    if (must_look(d, p, has_dir)) {
        uint64_t since = clock_of(d);
        result = discover_look(d, p, forget, user);
        uint64_t now = clock_of(d);
        budget_looked(&p->time, now, now - since);
        /* All that a first look finds is new and wants to be read, in the first report as well. */
        began = p->looks == 1 ? 0 : began == 0 ? since : began;
    } else if (began != 0) {
        /* The kernel (BPF) looks at all its descriptors to answer the question. */
        uint64_t now = clock_of(d);
        budget_looked(&p->time, now, now - began);
    }
    if (began != 0)
        p->time.spent_ns += clock_of(d) - began;
    return result;
}

static void begin_budgets(struct discover *d)
{
    for (size_t i = 0; i < d->processes.count && d->budget != NULL; i++)
        budget_begin(&d->processes.processes[i].time, d->budget->before_ns);
}

static int look_around(struct discover *d, discover_forget_fn *forget, void *user)
{
    bool first = d->tick == d->first_tick + 1;
    size_t dir = 0;
    int result = 0;

    d->hidden = d->cut = 0;
    d->first_hidden = 0;
    d->hidden_cause = CAUSE_NONE;
    for (size_t i = 0; result == 0 && i < d->processes.count; i++) {
        struct process *p = &d->processes.processes[i];
        while (dir < d->dirs.count && d->dirs.dirs[dir].pid < p->pid)
            dir++;
        bool has_dir = dir < d->dirs.count && d->dirs.dirs[dir].pid == p->pid;
        result = visit(d, p, has_dir, forget, user);
        /* What ran before we came is not young. */
        if (first)
            p->looks += YOUNG_LOOKS;
        count_hidden(d, p);
        d->cut += p->is_cut;
    }
    return result;
}

/*
 * Every pid namespace has a process 1, and it is rarely our own: where it is missing, others are.
 * But that does not matter to who asks for one that is there.
 */
static bool proc_hides(const struct discover *d)
{
    struct stat st;

    if (!d->root->live || (d->scope.pid != 0 && process_list_has(&d->processes, d->scope.pid)))
        return false;
    return d->scope.pid != 0 ? discover_is_gone(rootfs_stat(d->root, "proc/1", &st))
                             : !process_list_has(&d->processes, 1);
}

int discover_tick(struct discover *d, discover_forget_fn *forget, void *user, struct error *err)
{
    const struct asking asking = {d->beacon, d->shunned, d->scope.pid};

    list_dirs(d, &asking);
    int result = process_list_update(d->root, &asking, &d->processes);
    if (result < 0)
        return error_set(err, result, "cannot list processes in /proc: %s", strerror(-result));
    d->proc_hides = proc_hides(d);
    begin_budgets(d);
    kvm_dirs_orphan(&d->dirs, process_lives, d);
    d->tick++;
    discover_forget_dead(d, forget, user);
    lose_dirs(d);
    result = dir_match_update(&d->match, &d->dirs, d->all.vms, d->all.count);
    if (result == 0)
        result = look_around(d, forget, user);
    if (result == 0) {
        find_details(d);
        result = show(d);
    }
    if (result < 0)
        return error_set(err, result, "out of memory while looking for VMs");
    return 0;
}
