// SPDX-License-Identifier: MIT
/*
 * Source: binary stats fds that VMMs keep open (QEMU since 8.1: one per vCPU).
 *
 * Each tick copies a descriptor out of the VMM (pidfd_getfd), makes sure that it still is the same
 * stats file, reads its data, closes it. A copy that stayed open would keep a dead VM alive, and
 * its debugfs directory, so that a successor with the same thread and fd number would get none. The
 * schema is read once per file and shared by all that have the same bytes: all VMs of one kernel.
 *
 * Reading is a plain copy out of live memory (virt/kvm/binary_stats.c): no lock, no interrupt to
 * the vCPU, and so no atomic picture across counters. Only pread is used: lseek is a no-op on these
 * files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/find/proc_fds.h"
#include "core/source/parse_stats.h"
#include "core/source/source.h"

/*
 * A process that refused is not asked again for so many ticks: Yama and other security modules log
 * each refusal.
 */
#define QUIET_TICKS 64

/* A value of the schema and where it goes. */
struct slot {
    uint32_t data_index; /* u64 index into the data */
    int field;
};

struct schema {
    struct stats_header header;
    enum field_scope scope;
    void *descs;      /* as read; two files with the same bytes share a schema */
    size_t descs_bytes;
    struct slot *slots;
    size_t slot_count;
    size_t file_bytes; /* from the start of the file to the end of the data */
    struct schema *next;
};

/* What is kept of one stats file between ticks: enough to recognise it, nothing that holds it. */
struct file {
    const struct schema *schema; /* NULL: none yet, or refused for the reason in cause */
    enum reading_cause cause;
    int fd;         /* its number in the VMM */
    dev_t device;   /* of the anonymous inode */
    ino_t inode;
    char id[STATS_NAME_SIZE_MAX];
};

struct vm_files {
    int pidfd;        /* of the VMM, no reference to anything of KVM; -1 = none yet */
    unsigned version; /* vm.vcpus_version that @vcpus was made for */
    struct file vm;
    struct file *vcpus; /* [count] */
    size_t count;
    /* tick before which the process is not asked again: it refused. Alike for all its VMs */
    uint64_t quiet_until;
};

struct source {
    struct source_env env;
    struct schema *schemas;
    char *buffer; /* room for the largest file; its data is 8-byte aligned like the file's */
    size_t buffer_size;
    /* pidfds with higher numbers are closed each tick: others need descriptors too */
    int keep_below;
    uint64_t tick;
};

static int statsfd_attach(const struct source_env *env, struct source **ret)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->env = *env;
    s->keep_below = source_keep_below();
    *ret = s;
    return 0;
}

static void statsfd_detach(struct source *s)
{
    while (s->schemas != NULL) {
        struct schema *next = s->schemas->next;
        free(s->schemas->descs);
        free(s->schemas->slots);
        free(s->schemas);
        s->schemas = next;
    }
    free(s->buffer);
    free(s);
}

static void statsfd_forget(struct source *s, struct vm *vm)
{
    struct vm_files *files = vm->source_data[SOURCE_STATSFD];

    (void)s;
    if (files != NULL) {
        if (files->pidfd >= 0)
            close(files->pidfd);
        free(files->vcpus);
    }
    free(files);
    vm->source_data[SOURCE_STATSFD] = NULL;
}

static enum reading_cause cause_of(int code)
{
    switch (code) {
    case -EBADF:
        return CAUSE_GONE; /* the VMM closed it, or it is another file by now */
    case -EBADMSG:
        return CAUSE_BAD_STATS;
    default:
        return reading_cause_of_error(code, CAUSE_NO_PTRACE);
    }
}

static int copy_fd(const struct source *s, pid_t pid, int pidfd, int number)
{
    beacon_at(s->env.beacon, pid, BEACON_COPY_FD);
    return rootfs_foreign_fd(s->env.root, pid, pidfd, number);
}

/* The VMM may have put another file in its place: its close may hang as well as any other call. */
static void close_copy(const struct source *s, pid_t pid, int fd)
{
    if (fd < 0)
        return;
    beacon_at(s->env.beacon, pid, BEACON_CLOSE_FD);
    close(fd);
}

/* All @size bytes at @offset or an error: a short read of immutable parts is a broken file. */
static int pread_exact(const struct source *s, pid_t pid, int fd, void *buf, size_t size,
                       off_t offset)
{
    beacon_at(s->env.beacon, pid, BEACON_READ_FD);
    ssize_t n = TEMP_FAILURE_RETRY(pread(fd, buf, size, offset));
    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -EBADMSG;
}

/* --- learning a file -------------------------------------------------------------------------- */

static const struct schema *find_schema(const struct source *s, const struct stats_header *header,
                                        enum field_scope scope, const void *descs, size_t bytes)
{
    for (const struct schema *c = s->schemas; c != NULL; c = c->next)
        if (c->scope == scope && c->descs_bytes == bytes &&
            memcmp(&c->header, header, sizeof(*header)) == 0 && memcmp(c->descs, descs, bytes) == 0)
            return c;
    return NULL;
}

static int add_schema(struct source *s, const struct stats_header *header, enum field_scope scope,
                      void *take_descs, size_t bytes, const struct schema **ret)
{
    struct schema *c = calloc(1, sizeof(*c));
    struct stats_desc *descs = calloc(header->num_desc, sizeof(*descs));
    struct slot *slots = calloc(header->num_desc, sizeof(*slots));
    int result = -ENOMEM;

    if (c == NULL || descs == NULL || slots == NULL)
        goto fail;
    size_t data_bytes;
    ssize_t count = parse_stats_descs(take_descs, header, scope, descs, &data_bytes);
    if (count < 0) {
        result = (int)count;
        goto fail;
    }
    c->file_bytes = header->data_offset + data_bytes;
    /* The id and the descriptors may stand behind the data. */
    if (c->file_bytes < header->id_offset + (size_t)header->name_size)
        c->file_bytes = header->id_offset + (size_t)header->name_size;
    if (c->file_bytes < header->desc_offset + bytes)
        c->file_bytes = header->desc_offset + bytes;
    if (c->file_bytes > STATS_FILE_MAX) {
        result = -EBADMSG;
        goto fail;
    }
    if (c->file_bytes > s->buffer_size) {
        char *grown = realloc(s->buffer, c->file_bytes);
        if (grown == NULL)
            goto fail;
        s->buffer = grown;
        s->buffer_size = c->file_bytes;
    }
    for (ssize_t i = 0; i < count; i++) {
        int field = field_table_add(s->env.fields, &descs[i].field);
        if (field == -ENOMEM)
            goto fail;
        /* A name or shape that the table refuses is no reason to lose the others. */
        if (field >= 0)
            slots[c->slot_count++] = (struct slot){descs[i].data_offset / 8, field};
    }
    c->header = *header;
    c->scope = scope;
    c->descs = take_descs;
    c->descs_bytes = bytes;
    c->slots = slots;
    c->next = s->schemas;
    s->schemas = c;
    free(descs);
    *ret = c;
    return 0;
fail:
    free(take_descs);
    free(descs);
    free(slots);
    free(c);
    return result;
}

/*
 * Is the copy @fd what its link in the VMM said? The VMM may have closed and reused the number
 * meanwhile.
 */
static bool is_stats_file(const struct source *s, int fd, int vcpu)
{
    char path[40], link[64];
    int id = -1;

    if (!s->env.root->live)
        return true;
    snprintf(path, sizeof(path), "proc/self/fd/%d", fd);
    if (rootfs_readlink(s->env.root, path, link, sizeof(link)) <= 0)
        return false;
    enum proc_fd_kind kind = proc_fds_parse(link, &id);
    return vcpu < 0 ? kind == PROC_FD_VM_STATS : kind == PROC_FD_VCPU_STATS && id == vcpu;
}

/* Reads and checks header, id and descriptors of our copy @fd. 0 or the error that says why not. */
static int learn(struct source *s, int fd, const struct vm *vm, int vcpu, struct file *file)
{
    struct stats_header header;
    char raw[STATS_HEADER_SIZE];
    struct stat st;
    pid_t tid = 0;
    int id = -1;

    beacon_at(s->env.beacon, vm->id.pid, BEACON_STAT_FD);
    if (!is_stats_file(s, fd, vcpu))
        return -EBADF;
    if (fstat(fd, &st) < 0)
        return -errno;
    int result = pread_exact(s, vm->id.pid, fd, raw, sizeof(raw), 0);
    if (result == 0)
        result = parse_stats_header(raw, sizeof(raw), &header);
    if (result == 0)
        result = pread_exact(s, vm->id.pid, fd, file->id, header.name_size, header.id_offset);
    if (result == 0)
        result = parse_stats_id(file->id, header.name_size, &tid, &id);
    if (result != 0)
        return result;
    /* The thread of a vCPU's id made the vCPU, that of a VM's id the VM, as its debugfs
     * directory says. */
    if (id != vcpu || (vcpu < 0 && vm->creator_tid != 0 && tid != vm->creator_tid))
        return -EBADMSG;

    size_t bytes = header.num_desc * (STATS_DESC_SIZE + (size_t)header.name_size);
    enum field_scope scope = vcpu < 0 ? FIELD_VM : FIELD_VCPU;
    void *descs = malloc(bytes);
    if (descs == NULL)
        return -ENOMEM;
    result = pread_exact(s, vm->id.pid, fd, descs, bytes, header.desc_offset);
    if (result < 0) {
        free(descs);
        return result;
    }
    file->schema = find_schema(s, &header, scope, descs, bytes);
    if (file->schema != NULL)
        free(descs);
    else if ((result = add_schema(s, &header, scope, descs, bytes, &file->schema)) < 0)
        return result;
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return 0;
}

static int learn_foreign(struct source *s, int pidfd, const struct vm *vm, int vcpu, int number,
                         struct file *file)
{
    int fd = copy_fd(s, vm->id.pid, pidfd, number);

    file->fd = number;
    file->schema = NULL;
    int result = fd < 0 ? fd : learn(s, fd, vm, vcpu, file);
    close_copy(s, vm->id.pid, fd);
    file->cause = result < 0 ? cause_of(result) : CAUSE_NONE;
    return result == -ENOMEM ? result : 0;
}

static bool is_quiet(const struct source *s, const struct vm_files *files)
{
    return s->tick < files->quiet_until;
}

static bool must_learn(const struct file *file, int number)
{
    return file->schema == NULL && file->cause != CAUSE_BAD_STATS && number >= 0;
}

/*
 * Opened once per VM: a new one each tick would cost more than all reads of the VM (pidfs makes an
 * inode). It cannot come to mean another process. See keep_below for hosts with more VMs than
 * descriptors.
 */
static int need_pidfd(const struct source *s, const struct vm *vm, struct vm_files *files)
{
    if (files->pidfd < 0)
        files->pidfd = rootfs_pidfd(s->env.root, vm->id.pid);
    return files->pidfd;
}

/* Why none of those that are not learnt yet can be read. */
static void set_cause(struct vm_files *files, enum reading_cause cause)
{
    if (files->vm.cause != CAUSE_BAD_STATS)
        files->vm.cause = cause;
    for (size_t i = 0; i < files->count; i++)
        if (files->vcpus[i].cause != CAUSE_BAD_STATS)
            files->vcpus[i].cause = cause;
}

static bool is_any_new(const struct vm *vm, const struct vm_files *files)
{
    bool any = must_learn(&files->vm, vm->stats_fd);

    for (size_t i = 0; i < files->count && !any; i++)
        any = must_learn(&files->vcpus[i], vm->vcpus[i].stats_fd);
    return any;
}

static int learn_vm(struct source *s, struct vm *vm, struct vm_files *files)
{
    int result = 0;
    int pidfd = need_pidfd(s, vm, files);
    if (pidfd < 0 && s->env.root->live) {
        set_cause(files, cause_of(pidfd));
        return 0;
    }
    if (must_learn(&files->vm, vm->stats_fd))
        result = learn_foreign(s, pidfd, vm, -1, vm->stats_fd, &files->vm);
    if (files->vm.cause == CAUSE_NO_PTRACE)
        files->quiet_until = s->tick + QUIET_TICKS;
    for (size_t i = 0; i < files->count && result == 0 && !is_quiet(s, files); i++) {
        struct file *file = &files->vcpus[i];
        if (!must_learn(file, vm->vcpus[i].stats_fd))
            continue;
        result = learn_foreign(s, pidfd, vm, vm->vcpus[i].id, vm->vcpus[i].stats_fd, file);
        if (file->cause == CAUSE_NO_PTRACE)
            files->quiet_until = s->tick + QUIET_TICKS;
    }
    return result;
}

/* What is kept for a VM, made anew when the VM has other descriptors now. NULL: no memory. */
static struct vm_files *files_of(struct source *s, struct vm *vm)
{
    struct vm_files *files = vm->source_data[SOURCE_STATSFD];
    uint64_t quiet_until = files != NULL ? files->quiet_until : 0;

    if (files != NULL && files->version == vm->vcpus_version && files->vm.fd == vm->stats_fd)
        return files;
    statsfd_forget(s, vm);
    files = calloc(1, sizeof(*files));
    if (files == NULL)
        return NULL;
    vm->source_data[SOURCE_STATSFD] = files;
    files->pidfd = -1;
    files->vcpus = calloc(vm->vcpu_count ? vm->vcpu_count : 1, sizeof(*files->vcpus));
    if (files->vcpus == NULL)
        return NULL;
    files->count = vm->vcpu_count;
    files->version = vm->vcpus_version;
    files->vm.fd = vm->stats_fd;
    files->quiet_until = quiet_until;
    return files;
}

/* Where the process has taken too long, what is new waits for another tick. */
static int prepare_vm(struct source *s, struct vm *vm, struct vm_files *files, bool is_alone,
                      struct process_time *time)
{
    if (!is_any_new(vm, files) || vm->counters_by != SOURCE_NONE)
        return 0;
    if (time != NULL && (is_alone ? budget_is_over(time, s->env.budget->limit_ns)
                                  : budget_is_half_over(time, s->env.budget->limit_ns))) {
        set_cause(files, CAUSE_SLOW);
        return 0;
    }
    uint64_t since = time != NULL ? s->env.now_ns() : 0;
    int result = learn_vm(s, vm, files);
    if (time != NULL)
        time->spent_ns += s->env.now_ns() - since;
    return result;
}

/*
 * The VMs of one process. What one of them learns of being refused goes for all. Those come first
 * that are read first.
 */
static int prepare_process(struct source *s, struct vm *const *vms, size_t count)
{
    struct process_time *time = discover_time_of(s->env.discover, vms[0]->id.pid);
    uint64_t until = 0;
    size_t first = 0;
    int result = 0;

    while (time != NULL && first + 1 < count && vms[first]->id.fd < time->next_fd)
        first++;

    for (size_t i = 0; i < count; i++) {
        const struct vm_files *files = files_of(s, vms[i]);
        if (files == NULL)
            return -ENOMEM;
        until = files->quiet_until > until ? files->quiet_until : until;
    }
    for (size_t n = 0; n < count && result == 0; n++) {
        struct vm *vm = vms[(first + n) % count];
        struct vm_files *files = vm->source_data[SOURCE_STATSFD];
        if (s->tick >= until) {
            result = prepare_vm(s, vm, files, count == 1, time);
            until = is_quiet(s, files) ? files->quiet_until : until;
        }
        files->quiet_until = until;
    }
    return result;
}

static int statsfd_discover(struct source *s, const struct vm_list *vms)
{
    int result = 0;

    s->tick++;
    for (size_t i = 0, end; i < vms->count && result == 0; i = end) {
        for (end = i + 1; end < vms->count && vms->vms[end]->id.pid == vms->vms[i]->id.pid;)
            end++;
        result = prepare_process(s, &vms->vms[i], end - i);
    }
    return result;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void fill(const struct source *s, const struct schema *schema, struct sample *sample,
                 struct sample_entity *to)
{
    const uint64_t *data = (const uint64_t *)(s->buffer + schema->header.data_offset);

    for (size_t i = 0; i < schema->slot_count; i++) {
        const struct slot *slot = &schema->slots[i];
        size_t f = (size_t)slot->field;
        if (f >= sample->field_count)
            continue;
        to->readings[f] = reading_ok(data[slot->data_index], SOURCE_STATSFD);
        const struct field *field = &s->env.fields->fields[f];
        if (field_is_hist(field))
            memcpy(&to->buckets[field->bucket_index], &data[slot->data_index],
                   field->size * sizeof(uint64_t));
    }
}

/*
 * Our copy must be the very file that was learnt: same inode, asked first, since another file's
 * read may hang; then same header, id and descriptors. One read of everything costs less than one
 * per part: 4 KiB on x86.
 */
static int read_file(const struct source *s, pid_t pid, int fd, const struct file *file)
{
    const struct schema *schema = file->schema;
    const struct stats_header *h = &schema->header;
    struct stat st;

    beacon_at(s->env.beacon, pid, BEACON_STAT_FD);
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != file->device || st.st_ino != file->inode)
        return -EBADF;
    int result = pread_exact(s, pid, fd, s->buffer, schema->file_bytes, 0);
    if (result < 0)
        return result;
    bool same = memcmp(s->buffer, h, STATS_HEADER_SIZE) == 0 &&
                memcmp(s->buffer + h->id_offset, file->id, h->name_size) == 0 &&
                memcmp(s->buffer + h->desc_offset, schema->descs, schema->descs_bytes) == 0;
    return same ? 0 : -EBADF;
}

/* Fields of the scope that this file should have given: why they are missing. */
static void explain(const struct source *s, struct sample *sample, struct sample_entity *to,
                    enum field_scope scope, enum reading_cause cause)
{
    to->cause = (uint8_t)cause;
    for (size_t f = 0; f < sample->field_count; f++)
        if (s->env.fields->fields[f].scope == scope && to->readings[f].state != READING_OK)
            to->readings[f] = reading_of_cause(cause);
}

static void read_one(struct source *s, struct sample *sample, const struct vm *vm,
                     struct vm_files *files, struct file *file, int number,
                     enum reading_cause none_cause, enum field_scope scope,
                     struct sample_entity *to)
{
    if (number < 0) {
        explain(s, sample, to, scope, none_cause);
        return;
    }
    /* Another source gave the counters until now: it is learnt at the next tick. */
    if (file->schema == NULL && file->cause == CAUSE_NONE && !is_quiet(s, files))
        return;
    if (file->schema == NULL || is_quiet(s, files)) {
        explain(s, sample, to, scope, is_quiet(s, files) ? CAUSE_NO_PTRACE : file->cause);
        return;
    }
    int fd = copy_fd(s, vm->id.pid, files->pidfd, number);
    int result = fd < 0 ? fd : read_file(s, vm->id.pid, fd, file);
    to->time_ns[SOURCE_STATSFD] = s->env.now_ns();
    close_copy(s, vm->id.pid, fd);
    if (result < 0) {
        explain(s, sample, to, scope, cause_of(result));
        if (cause_of(result) == CAUSE_NO_PTRACE)
            files->quiet_until = s->tick + QUIET_TICKS;
        /* Another file under that number: learn anew at the next tick. */
        if (result == -EBADF || result == -EBADMSG)
            *file = (struct file){.fd = number, .cause = CAUSE_GONE};
        return;
    }
    fill(s, file->schema, sample, to);
}

static void statsfd_read(struct source *s, struct sample *sample, struct sample_vm *sv)
{
    const struct vm *vm = sv->vm;
    struct vm_files *files = vm->source_data[SOURCE_STATSFD];
    bool any = vm->stats_fd >= 0;

    if (vm->counters_by != SOURCE_NONE)
        return;
    for (size_t k = 0; k < sv->vcpu_count && !any; k++)
        any = vm->vcpus[k].stats_fd >= 0;
    int pidfd = any ? need_pidfd(s, vm, files) : -1;
    if (any && pidfd < 0 && s->env.root->live) {
        explain(s, sample, &sv->entity, FIELD_VM, cause_of(pidfd));
        for (size_t k = 0; k < sv->vcpu_count; k++)
            explain(s, sample, &sv->vcpus[k].entity, FIELD_VCPU, cause_of(pidfd));
        return;
    }
    read_one(s, sample, vm, files, &files->vm, vm->stats_fd, vm->stats_fd_cause, FIELD_VM,
             &sv->entity);
    for (size_t k = 0; k < sv->vcpu_count; k++)
        read_one(s, sample, vm, files, &files->vcpus[k], vm->vcpus[k].stats_fd, vm->vcpu_fd_cause,
                 FIELD_VCPU, &sv->vcpus[k].entity);
    if (files->pidfd >= s->keep_below) {
        close(files->pidfd);
        files->pidfd = -1;
    }
}

const struct source_ops source_statsfd = {
    .id = SOURCE_STATSFD,
    .attach = statsfd_attach,
    .discover = statsfd_discover,
    .read = statsfd_read,
    .forget = statsfd_forget,
    .detach = statsfd_detach,
};
