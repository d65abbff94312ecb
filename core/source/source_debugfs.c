// SPDX-License-Identifier: MIT
/*
 * Source: /sys/kernel/debug/kvm/TID-FD/, one file per counter, and its vcpuN directories.
 *
 * The files are one-shot (no seek, the second read gives nothing) and each open one pins its VM:
 * open, read, close. An open that lockdown denies writes a line to the kernel log, so a refusal is
 * remembered per name and, where the lockdown mode is known, foreseen from the file's mode. Read
 * only what a better source left open.
 *
 * Never read: mmu_rmaps_stat (takes mmu_lock for write and walks every rmap). A *_hist file shows
 * just its first bucket.
 *
 * Each file of the kvm directory itself is a total over all VMs, which the kernel walks under the
 * global kvm_lock: read only on a kernel that has nothing else, one of before 4.7. It adds up
 * 32-bit counters of the VMs that are there: a total falls as a VM ends.
 *
 * Kernel: virt/kvm/kvm_main.c (kvm_create_vm_debugfs), arch/x86/kvm/debugfs.c, fs/debugfs/file.c
 * (lockdown).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/parse_number.h"
#include "core/find/kvm_dirs.h"
#include "core/find/proc_fds.h"
#include "core/source/source.h"

#define FILES_MAX 256
#define GAUGE_AGE_NS 5000000000ULL /* vCPU gauges that hardly ever change are read this often */

struct file {
    char name[FIELD_NAME_MAX];
    mode_t mode;
    bool hist;
    int field; /* index in the field table, or -1 when it had no room */
    enum reading_cause refused;
};

static const struct gauge_file {
    const char *name;
    bool is_signed;
    bool is_lively; /* read every tick */
} gauge_files[VCPU_GAUGE_COUNT] = {
    [VCPU_TSC_OFFSET] = {"tsc-offset", true, false},
    [VCPU_TSC_SCALING_RATIO] = {"tsc-scaling-ratio", false, false},
    [VCPU_TSC_SCALING_FRAC_BITS] = {"tsc-scaling-ratio-frac-bits", false, false},
    [VCPU_GUEST_MODE] = {"guest_mode", false, true},
    [VCPU_LAPIC_TIMER_ADVANCE_NS] = {"lapic_timer_advance_ns", false, false},
};

/* Last readings of the vCPU gauges of a VM. */
struct vm_gauges {
    unsigned version;
    size_t count;
    struct {
        uint64_t time_ns; /* 0 = never read */
        struct reading gauges[VCPU_GAUGE_COUNT];
    } vcpus[];
};

struct source {
    struct source_env env;
    struct file *files;  /* of any VM directory: the kernel gives all the same */
    size_t file_count;
    bool only_totals;     /* this tick: there are no VM directories, but VMs */
    bool gives_totals;    /* this tick: and the totals were read, as far as they can be */
    int guest_mode;       /* field of that name; -1 = not in this sample */
    bool files_are_totals; /* @files are those of the kvm directory itself */
    bool is_settled;      /* two listings of one tick each found the same number of files */
    enum host_lockdown lockdown; /* that @files were judged by */
    size_t mapped_fields; /* size of the field table when the fields were looked up */
};

static int debugfs_attach(const struct source_env *env, struct source **ret)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->env = *env;
    *ret = s;
    return 0;
}

static void debugfs_detach(struct source *s)
{
    free(s->files);
    free(s);
}

static void debugfs_forget(struct source *s, struct vm *vm)
{
    (void)s;
    free(vm->source_data[SOURCE_DEBUGFS]);
    vm->source_data[SOURCE_DEBUGFS] = NULL;
}

static enum reading_cause lockdown_cause(const struct source *s)
{
    switch (s->env.host->lockdown) {
    case LOCKDOWN_INTEGRITY:
        return CAUSE_LOCKDOWN_INTEGRITY;
    case LOCKDOWN_CONFIDENTIALITY:
        return CAUSE_LOCKDOWN_CONFIDENTIALITY;
    default:
        return CAUSE_LOCKDOWN;
    }
}

/* debugfs_locked_down() lets through only files without any mode bit beyond 0444. */
static bool is_locked(const struct source *s, mode_t mode)
{
    return s->env.root->live && s->env.host->lockdown >= LOCKDOWN_INTEGRITY && (mode & 07333) != 0;
}

/* --- which files there are -------------------------------------------------------------------- */

/* What was refused stays so: each new try would be a line in the kernel log. */
static void keep_refusals(const struct source *s, struct file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < s->file_count && files[i].refused == CAUSE_NONE; k++)
            if (strcmp(files[i].name, s->files[k].name) == 0)
                files[i].refused = s->files[k].refused;
}

/* Of a VM's directory, or of the kvm directory itself with "". */
static int list_files(struct source *s, const char *dir_name)
{
    char path[400];
    int result;
    struct dirent *entry;

    snprintf(path, sizeof(path), "%s/%s", s->env.host->debugfs, dir_name);
    DIR *dir = rootfs_opendir(s->env.root, path, &result);
    if (dir == NULL)
        return 0;
    struct file *files = calloc(FILES_MAX, sizeof(*files));
    if (files == NULL) {
        closedir(dir);
        return -ENOMEM;
    }
    size_t count = 0;
    while ((entry = readdir(dir)) != NULL && count < FILES_MAX) {
        size_t len = strlen(entry->d_name);
        struct stat st;
        if (len >= FIELD_NAME_MAX || strcmp(entry->d_name, "mmu_rmaps_stat") == 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        struct file *f = &files[count++];
        memcpy(f->name, entry->d_name, len + 1);
        f->field = -1;
        f->mode = st.st_mode;
        f->hist = len > 5 && strcmp(entry->d_name + len - 5, "_hist") == 0;
        f->refused = is_locked(s, st.st_mode) ? lockdown_cause(s) : CAUSE_NONE;
    }
    closedir(dir);
    bool totals = dir_name[0] == '\0', same_kind = totals == s->files_are_totals;
    if (same_kind && s->lockdown == s->env.host->lockdown)
        keep_refusals(s, files, count);
    s->is_settled = same_kind && count > 0 && count == s->file_count;
    free(s->files);
    s->files = files;
    s->file_count = count;
    s->files_are_totals = totals;
    s->lockdown = s->env.host->lockdown;
    s->mapped_fields = SIZE_MAX;
    return 0;
}

/*
 * What kind of number a file holds: a binary stats descriptor of that name knows best, then our
 * table, then the mode, which is 0444 for what only shows a state (kvm_stats_debugfs_mode). The
 * kernels that have only totals give all files that mode.
 */
static int map_file(struct source *s, struct file *file)
{
    int found = field_table_find(s->env.fields, file->name);
    const struct field_known *known = field_known(file->name);
    struct field field = {.scope = FIELD_VM, .kind = FIELD_CUMULATIVE, .base = 10, .size = 1};

    for (size_t i = 0; found >= 0 && i < s->env.fields->count; i++) {
        const struct field *f = &s->env.fields->fields[i];
        /* Later entries of the name come from a descriptor: debugfs adds none when there is one. */
        if (strcmp(f->name, file->name) == 0)
            found = (int)i;
    }
    if (found < 0 && file->hist && known == NULL)
        return 0; /* its shape is not known, and debugfs cannot show it */
    if (found < 0) {
        memcpy(field.name, file->name, sizeof(field.name));
        if (known != NULL) {
            field.scope = known->scope;
            field.kind = known->kind;
            field.unit = known->unit;
            field.exponent = known->exponent;
            field.size = known->size;
        } else if (s->env.root->live && !s->files_are_totals && (file->mode & 0222) == 0) {
            field.kind = FIELD_INSTANT;
        } else if (strncmp(file->name, "max_", 4) == 0) {
            field.kind = FIELD_PEAK;
        }
        found = field_table_add(s->env.fields, &field);
    }
    file->field = found < 0 ? -1 : found;
    return found == -ENOMEM ? found : 0;
}

/*
 * Does this kernel make no VM directories? One of 4.7 and later always does, and where it failed
 * for one VM the totals are no substitute. Nor is an old release proof, since distributors have
 * ported the directories back. A directory is there before the VM's descriptor is and goes after
 * it: so a VM that was found before the look, and still is there after it, must have shown one.
 */
static bool has_only_totals(const struct source *s, const struct vm_list *vms)
{
    struct kvm_dirs dirs = {0};
    bool alive = false;

    if (!host_kernel_may_lack_vm_dirs(s->env.host) || s->env.host->debugfs[0] == '\0')
        return false;
    int result = kvm_dirs_read(s->env.root, s->env.host->debugfs, NULL, NULL, &dirs);
    size_t count = dirs.count;
    kvm_dirs_done(&dirs);
    for (size_t i = 0; result == 0 && count == 0 && i < vms->count && !alive; i++) {
        beacon_at(s->env.beacon, vms->vms[i]->id.pid, BEACON_LIST_FDS);
        alive = proc_fds_is_vm(s->env.root, vms->vms[i]->id.pid, vms->vms[i]->id.fd) == 1;
    }
    return alive;
}

static int debugfs_discover(struct source *s, const struct vm_list *vms)
{
    s->only_totals = has_only_totals(s, vms);
    const char *dir = s->only_totals ? "" : NULL;
    for (size_t i = 0; dir == NULL && i < vms->count; i++)
        if (vms->vms[i]->debugfs_dir[0] != '\0')
            dir = vms->vms[i]->debugfs_dir;
    /* KVM may have been filling the directory that was listed first. */
    bool must_list = !s->is_settled || s->files_are_totals != s->only_totals ||
                     s->lockdown != s->env.host->lockdown;
    if (dir != NULL && must_list && list_files(s, dir) < 0)
        return -ENOMEM;
    if (s->mapped_fields == s->env.fields->count)
        return 0;
    for (size_t i = 0; i < s->file_count; i++)
        if (map_file(s, &s->files[i]) < 0)
            return -ENOMEM;
    s->mapped_fields = s->env.fields->count;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * One number below an open directory. A refusal is remembered in *@refused. A saved tree cannot
 * hold a refusal; an empty file stands for one there.
 */
static struct reading read_number(const struct source *s, int dirfd, const char *name, mode_t mode,
                                  bool is_signed, enum reading_cause *refused)
{
    char buf[64];
    uint64_t value = 0;
    int64_t signed_value;

    ssize_t n = rootfs_read_in(s->env.root, dirfd, name, buf, sizeof(buf));
    if (n == -EPERM || n == -EACCES || (n == 0 && !s->env.root->live)) {
        *refused = n == -EACCES ? CAUSE_NO_PERMISSION : lockdown_cause(s);
        if (n == -EPERM && (mode & 07333) == 0)
            *refused = CAUSE_NO_PERMISSION;
        return reading_of_cause(*refused);
    }
    if (n < 0)
        return reading_of_cause(reading_cause_of_error((int)n, CAUSE_NO_PERMISSION));
    int result = is_signed ? parse_i64(buf, &signed_value) : parse_u64(buf, &value);
    if (result < 0)
        return reading_of_cause(CAUSE_READ_ERROR);
    return reading_ok(is_signed ? (uint64_t)signed_value : value, SOURCE_DEBUGFS);
}

static void explain_vm(const struct source *s, struct sample_vm *sv, enum reading_cause cause)
{
    struct reading missing = reading_of_cause(cause);

    /* Every VM should have a directory here, few VMMs keep stats fds: this is the better reason. */
    sv->entity.cause = (uint8_t)cause;
    for (size_t f = 0; f < s->env.fields->count; f++)
        if (sv->entity.readings[f].state != READING_OK)
            sv->entity.readings[f] = missing;
    for (size_t k = 0; k < sv->vcpu_count; k++)
        for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
            if (gauge_files[g].name != NULL && sv->vcpus[k].gauges[g].state != READING_OK)
                sv->vcpus[k].gauges[g] = missing;
}

/*
 * One refusal of lockdown speaks for all files that it refuses: each further try would be a line in
 * the kernel log.
 */
static void refuse_alike(struct source *s, enum reading_cause cause)
{
    for (size_t i = 0; i < s->file_count; i++)
        if (s->files[i].refused == CAUSE_NONE && (s->files[i].mode & 07333) != 0)
            s->files[i].refused = cause;
}

static void read_counters(struct source *s, int dirfd, const struct sample *sample,
                          struct sample_entity *entity)
{
    for (size_t i = 0; i < s->file_count; i++) {
        struct file *file = &s->files[i];
        size_t f = (size_t)file->field;
        if (file->field < 0 || f >= sample->field_count)
            continue;
        struct reading *to = &entity->readings[f];
        if (to->state == READING_OK)
            continue;
        if (file->hist)
            *to = reading_of_cause(CAUSE_HIST_ONLY_STATSFD);
        else if (file->refused != CAUSE_NONE)
            *to = reading_of_cause(file->refused);
        else
            *to = read_number(s, dirfd, file->name, file->mode, false, &file->refused);
        if (s->env.root->live && file->refused == lockdown_cause(s) && to->state != READING_OK)
            refuse_alike(s, file->refused);
    }
    entity->time_ns[SOURCE_DEBUGFS] = s->env.now_ns();
}

static struct vm_gauges *gauges_of(struct vm *vm)
{
    struct vm_gauges *g = vm->source_data[SOURCE_DEBUGFS];

    if (g != NULL && g->version == vm->vcpus_version && g->count == vm->vcpu_count)
        return g;
    free(g);
    g = calloc(1, sizeof(*g) + vm->vcpu_count * sizeof(g->vcpus[0]));
    vm->source_data[SOURCE_DEBUGFS] = g;
    if (g != NULL) {
        g->version = vm->vcpus_version;
        g->count = vm->vcpu_count;
    }
    return g;
}

static bool is_missing(const struct sample_vcpu *vcpu, int g)
{
    return gauge_files[g].name != NULL && vcpu->gauges[g].state != READING_OK;
}

static void read_vcpu(const struct source *s, int dirfd, struct sample_vcpu *vcpu,
                      struct reading *kept, bool all)
{
    char path[80];
    enum reading_cause refused;

    for (int g = 0; g < VCPU_GAUGE_COUNT; g++) {
        if (!is_missing(vcpu, g) || !(all || gauge_files[g].is_lively))
            continue;
        snprintf(path, sizeof(path), "vcpu%d/%s", vcpu->id, gauge_files[g].name);
        kept[g] = read_number(s, dirfd, path, 0444, gauge_files[g].is_signed, &refused);
        /* A host without TSC scaling has no such files. */
        if (kept[g].cause == CAUSE_GONE)
            kept[g].cause = CAUSE_NOT_IN_KERNEL;
    }
}

static void take_kept(struct sample_vcpu *vcpu, const struct reading *kept)
{
    for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
        if (is_missing(vcpu, g))
            vcpu->gauges[g] = kept[g];
}

/* The binary stats have guest_mode as well, for less. */
static void take_guest_mode(int field, struct sample_vm *sv)
{
    for (size_t k = 0; field >= 0 && k < sv->vcpu_count; k++)
        if (sv->vcpus[k].entity.readings[field].state == READING_OK)
            sv->vcpus[k].gauges[VCPU_GUEST_MODE] = sv->vcpus[k].entity.readings[field];
}

static bool is_due(const struct vm_gauges *kept, size_t k, uint64_t now)
{
    uint64_t at = kept->vcpus[k].time_ns;

    return at == 0 || now - at >= GAUGE_AGE_NS;
}

/* Is there anything to be read for a VM whose counters are there already? */
static bool gauges_are_due(const struct vm_gauges *kept, const struct sample_vm *sv, uint64_t now)
{
    for (size_t k = 0; kept != NULL && k < sv->vcpu_count; k++) {
        bool all = is_due(kept, k, now);
        for (int g = 0; g < VCPU_GAUGE_COUNT; g++)
            if (is_missing(&sv->vcpus[k], g) && (all || gauge_files[g].is_lively))
                return true;
    }
    return false;
}

static void read_gauges(const struct source *s, int dirfd, struct vm_gauges *kept,
                        struct sample_vm *sv)
{
    uint64_t now = s->env.now_ns();

    for (size_t k = 0; k < sv->vcpu_count; k++) {
        bool all = is_due(kept, k, now);
        read_vcpu(s, dirfd, &sv->vcpus[k], kept->vcpus[k].gauges, all);
        /*
         * The second reading comes early for some VMs, so that not all fall into one tick. The
         * vCPUs of one are compared with each other, so they stay together.
         */
        uint64_t early = vm_spread(&sv->id) % 5 * (GAUGE_AGE_NS / 5) + 1;
        if (all)
            kept->vcpus[k].time_ns = kept->vcpus[k].time_ns != 0 ? now : now - early;
    }
}

static int open_vm(const struct source *s, const struct vm *vm)
{
    char path[400];

    beacon_at(s->env.beacon, vm->id.pid, BEACON_READ_DEBUGFS);
    snprintf(path, sizeof(path), "%s/%s", s->env.host->debugfs, vm->debugfs_dir);
    return rootfs_openat(s->env.root, path, O_DIRECTORY | O_PATH);
}

static void read_vm(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    struct vm *vm = sv->vm;
    struct vm_gauges *kept = gauges_of(vm);
    bool wants_counters = vm->counters_by == SOURCE_NONE;

    if (wants_counters || gauges_are_due(kept, sv, s->env.now_ns())) {
        int dirfd = open_vm(s, vm);
        if (dirfd < 0) {
            explain_vm(s, sv, reading_cause_of_error(dirfd, CAUSE_DEBUGFS_DENIED));
            return;
        }
        if (wants_counters)
            read_counters(s, dirfd, sample, &sv->entity);
        if (kept != NULL)
            read_gauges(s, dirfd, kept, sv);
        close(dirfd);
    }
    for (size_t k = 0; kept != NULL && k < sv->vcpu_count; k++)
        take_kept(&sv->vcpus[k], kept->vcpus[k].gauges);
}

static void read_totals(struct source *s, struct sample *sample)
{
    int dirfd = rootfs_openat(s->env.root, s->env.host->debugfs, O_DIRECTORY | O_PATH);

    if (dirfd < 0)
        return; /* unloaded just now: there are no VMs any more */
    read_counters(s, dirfd, sample, &sample->host);
    sample->has_host = true;
    close(dirfd);
}

static void debugfs_tick(struct source *s, struct sample *sample)
{
    s->guest_mode = field_table_find(s->env.fields, "guest_mode");
    if (s->guest_mode >= (int)sample->field_count)
        s->guest_mode = -1;
    s->gives_totals = s->only_totals && s->files_are_totals && s->file_count > 0;
    if (s->gives_totals)
        read_totals(s, sample);
}

static void debugfs_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    take_guest_mode(s->guest_mode, sv);
    if (s->gives_totals)
        explain_vm(s, sv, CAUSE_HOST_TOTALS);
    else if (sv->vm->debugfs_dir[0] == '\0')
        explain_vm(s, sv, sv->vm->debugfs_cause);
    else
        read_vm(s, sample, sv);
}

const struct source_ops source_debugfs = {
    .id = SOURCE_DEBUGFS,
    .attach = debugfs_attach,
    .discover = debugfs_discover,
    .tick = debugfs_tick,
    .read = debugfs_read,
    .forget = debugfs_forget,
    .detach = debugfs_detach,
};
