// SPDX-License-Identifier: MIT
/*
 * Loads the BPF programs and learns where the kernel keeps what. Reading is in kvm_bpf_read.c.
 */
#include "core/bpf/kvm_bpf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/bpf/kvm_bpf_host.h"
#include "core/bpf/kvm_bpf_internal.h"
#include "core/bpf/kvm_iter.skel.h"

#define LOG_MAX        (1u << 20) /* bytes of what the verifier says */
#define VMLINUX        "sys/kernel/btf/vmlinux"
#define MODULE         "sys/kernel/btf/kvm"
#define MODULE_AMD     "sys/kernel/btf/kvm_amd"

bool kvm_bpf_is_built(void)
{
    return true;
}

/* --- BTF -------------------------------------------------------------------------------------- */

/*
 * 0 or a negative errno. Ends with btf__free. libbpf opens files by name only, so it gets the name
 * of ours (libbpf 1.1 does not export btf__new_split).
 */
static int read_btf(const struct rootfs *root, const char *path, struct btf *base, struct btf **ret)
{
    char name[40];
    int fd = rootfs_openat(root, path, 0);

    if (fd < 0)
        return fd;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    *ret = btf__parse_raw_split(name, base);
    int result = *ret == NULL ? -errno : 0;
    close(fd);
    return result;
}

static bool exists(const struct rootfs *root, const char *path)
{
    struct stat st;

    return rootfs_stat(root, path, &st) == 0;
}

/*
 * Is each struct kvm part of a struct kvm_svm? So it is with the module kvm_amd, which is loaded
 * only where it drives KVM. A kernel that has it built in may have others built in as well.
 */
static bool is_driven_by_amd(const struct rootfs *root)
{
    return exists(root, "sys/module/kvm_amd/initstate");
}

static void forget_sev(struct kvm_layout *layout)
{
    layout->places[KVM_PLACE_VM_SEV_ACTIVE] = (struct kvm_place){0};
    layout->places[KVM_PLACE_VM_SEV_ES] = (struct kvm_place){0};
    layout->places[KVM_PLACE_VM_SEV_FEATURES] = (struct kvm_place){0};
}

static void learn_sev(const struct rootfs *root, struct btf *vmlinux, struct kvm_layout *layout)
{
    struct btf *module = NULL;

    forget_sev(layout);
    if (!is_driven_by_amd(root) || read_btf(root, MODULE_AMD, vmlinux, &module) < 0)
        return;
    kvm_layout_add(module, layout);
    btf__free(module);
}

/* Of the KVM that is loaded. -EAGAIN: none is. */
static int read_layout(const struct rootfs *root, bool is_module, struct kvm_layout *ret,
                       struct error *err)
{
    struct btf *vmlinux = NULL, *module = NULL;
    int result = read_btf(root, VMLINUX, NULL, &vmlinux);

    if (result == 0 && is_module)
        result = read_btf(root, MODULE, vmlinux, &module);
    if (result < 0)
        error_set(err, result, "cannot read the kernel's BTF (/" VMLINUX "): %s",
                  strerror(-result));
    else
        result = kvm_layout_read(module != NULL ? module : vmlinux, ret, err);
    if (result == 0)
        learn_sev(root, vmlinux, ret);
    btf__free(module);
    btf__free(vmlinux);
    return result;
}

#define NO_KVM   0
#define BUILT_IN 1 /* no inode of sysfs has this number: it is that of its root */

/* Which KVM there is: the inode of its module's BTF, which is another one each time. */
static uint64_t find_kvm(const struct rootfs *root)
{
    struct stat st;

    if (rootfs_stat(root, "sys/module/kvm", &st) < 0)
        return NO_KVM;
    return rootfs_stat(root, MODULE, &st) == 0 ? (uint64_t)st.st_ino : BUILT_IN;
}

/* Row @pieces of what can be wanted. 0 or -ENOMEM. */
static int choose_pieces(struct kvm_bpf *bpf, enum kvm_pieces pieces)
{
    const struct kvm_layout *l = &bpf->layout;
    const size_t stat_ends[KVM_RECORD_KINDS] = {
        [KVM_RECORD_VM] = l->places[KVM_PLACE_VM_STAT].offset + l->vm_bytes,
        [KVM_RECORD_VCPU] = l->places[KVM_PLACE_VCPU_STAT].offset + l->vcpu_bytes,
    };

    for (int kind = 0; kind < KVM_RECORD_KINDS; kind++) {
        size_t end;
        kvm_layout_ranges(l, (enum kvm_record_kind)kind, pieces >= KVM_PIECES_STATS,
                          pieces == KVM_PIECES_ALL, &bpf->ranges[pieces][kind], &end);
        end = end > stat_ends[kind] ? end : stat_ends[kind];
        if (end <= bpf->image_bytes[kind])
            continue;
        free(bpf->images[kind]);
        bpf->images[kind] = calloc(1, end);
        bpf->image_bytes[kind] = bpf->images[kind] != NULL ? end : 0;
        if (bpf->images[kind] == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* Of the KVM that is there now, if any. 0 or -ENOMEM. */
static int learn_layout(struct kvm_bpf *bpf)
{
    bpf->module = find_kvm(bpf->root);
    if (bpf->module == NO_KVM)
        return 0;
    int result = read_layout(bpf->root, bpf->module != BUILT_IN, &bpf->layout, &bpf->failure);
    if (result < 0)
        return result == -ENOMEM ? result : 0;
    bpf->has_layout = true;
    for (int i = 0; i < KVM_PIECES_COUNT && result == 0; i++)
        result = choose_pieces(bpf, (enum kvm_pieces)i);
    return result;
}

bool kvm_bpf_is_stale(const struct kvm_bpf *bpf)
{
    uint64_t module = find_kvm(bpf->root);

    return module != NO_KVM && module != bpf->module;
}

const struct kvm_layout *kvm_bpf_layout(struct kvm_bpf *bpf, struct error *err)
{
    uint64_t module = find_kvm(bpf->root);

    if (module == NO_KVM) {
        error_set(err, -EAGAIN, "KVM is not loaded");
        return NULL;
    }
    if (module != bpf->module) {
        bpf->has_layout = false;
        error_set(err, -ESTALE, "KVM was loaded after the BPF programs");
        return NULL;
    }
    if (!bpf->has_layout) {
        error_set(err, bpf->failure.code, "%s", bpf->failure.msg);
        return NULL;
    }
    return &bpf->layout;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int load(struct kvm_bpf *bpf, const struct host *host, struct error *err)
{
    char *log = calloc(1, LOG_MAX);
    struct bpf_object_open_opts opts;

    if (log == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    memset(&opts, 0, sizeof(opts)); /* padding is looked at */
    opts.sz = sizeof(opts);
    opts.kernel_log_buf = log;
    opts.kernel_log_size = LOG_MAX;
    bpf->programs = kvm_iter__open_opts(&opts);
    int result = bpf->programs == NULL ? -errno : 0;
    if (result == 0) {
        memcpy((void *)bpf->programs->rodata->places, bpf->layout.places,
               sizeof(bpf->layout.places));
        memcpy((void *)bpf->programs->rodata->ranges, bpf->ranges, sizeof(bpf->ranges));
        result = kvm_iter__load(bpf->programs);
    }
    if (result < 0) {
        kvm_bpf_explain_load(result, log, host, err);
    } else {
        bpf->files_program = bpf_program__fd(bpf->programs->progs.kvm_files);
        bpf->slots_program = bpf_program__fd(bpf->programs->progs.kvm_slots);
    }
    free(log);
    return result;
}

/*
 * Reading one process alone came with Linux 6.1. One of before takes no heed of what it is told at
 * the place of "pid" but refuses what is not 0.
 */
static int check_links(int program, struct error *err)
{
    union bpf_iter_link_info info;

    memset(&info, 0, sizeof(info));
    info.task.pid = (uint32_t)getpid();
    int link = kvm_bpf_link(program, &info);
    if (link == -E2BIG || link == -EINVAL)
        return error_set(err, -ENOSYS,
                         "this kernel cannot read single processes through BPF (Linux 6.1 and "
                         "later can)");
    if (link < 0)
        return error_set(err, link, "the BPF programs cannot be used: %s", strerror(-link));
    close(link);
    return 0;
}

static int keep_below(void)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)(limit.rlim_cur / 2);
}

int kvm_bpf_open(const struct rootfs *root, struct kvm_bpf **ret, struct error *err)
{
    struct host host;

    *ret = NULL;
    libbpf_set_print(NULL); /* it would write to the screen */
    host_read(root, &host);
    int result = kvm_bpf_check_host(root, &host, true, err);
    if (result < 0)
        return result;
    struct kvm_bpf *bpf = calloc(1, sizeof(*bpf));
    if (bpf == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    bpf->root = root;
    bpf->keep_below = keep_below();
    bpf->buffer_bytes = 8 * (size_t)sysconf(_SC_PAGESIZE);
    bpf->buffer = malloc(bpf->buffer_bytes);
    if (bpf->buffer == NULL || learn_layout(bpf) < 0)
        result = error_set(err, -ENOMEM, "out of memory");
    if (result == 0)
        result = load(bpf, &host, err);
    if (result == 0)
        result = check_links(bpf->files_program, err);
    if (result < 0) {
        kvm_bpf_close(bpf);
        return result;
    }
    *ret = bpf;
    return 0;
}

void kvm_bpf_close(struct kvm_bpf *bpf)
{
    if (bpf == NULL)
        return;
    for (size_t i = 0; i < bpf->link_count; i++)
        close(bpf->links[i].fd);
    free(bpf->links);
    free(bpf->buffer);
    for (int kind = 0; kind < KVM_RECORD_KINDS; kind++)
        free(bpf->images[kind]);
    kvm_layout_done(&bpf->layout);
    kvm_iter__destroy(bpf->programs);
    free(bpf);
}
