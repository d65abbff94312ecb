// SPDX-License-Identifier: MIT
/* Guest code, the RAM that holds it, and what KVM is asked for. What runs it: minivm_run.c. */
#include "core/demo/minivm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__

#include <cpuid.h>

#include "core/demo/minivm_internal.h"

/* Guest-physical addresses of what the first MINIVM_BOOT_BYTES hold. */
#define CODE_ADDR   0x1000
#define NMI_ADDR    0x1100
#define STACK_ADDR  0x2000 /* 64 bytes for each vCPU */
#define STACK_BYTES 64
/* 0x10000..0x1ffff: pages that a busy guest writes, or the code of each vCPU that works */
#define WORK_ADDR 0x10000

/* Real mode, CS = DS = SS = 0. Port 0x80 is the POST code port: writes mean nothing to anyone. */
static const uint8_t code_halt[] = {
    0xe6, 0x80, /*        out 0x80, al       tells the host that guest code runs */
    0xf4,       /* sleep: hlt */
    0xeb, 0xfd, /*        jmp sleep */
};

static const uint8_t code_busy[] = {
    0xe6, 0x80,             /*        out 0x80, al */
    0xf4,                   /* sleep: hlt                until the ticker's NMI */
    0xb9, 0x04, 0x00,       /*        mov cx, 4 */
    0xe6, 0x80,             /* port:  out 0x80, al */
    0xe4, 0x71,             /*        in  al, 0x71 */
    0xe2, 0xfa,             /*        loop port */
    0xb8, 0x00, 0xb8,       /*        mov ax, 0xb800 */
    0x8e, 0xd8,             /*        mov ds, ax */
    0xa2, 0x00, 0x00,       /*        mov [0], al        0xb8000: no RAM there, MMIO */
    0xb8, 0x00, 0x10,       /*        mov ax, 0x1000 */
    0x8e, 0xd8,             /*        mov ds, ax */
    0x31, 0xdb,             /*        xor bx, bx */
    0xb9, 0x10, 0x00,       /*        mov cx, 16 */
    0xfe, 0x07,             /* page:  inc byte [bx]      0x10000, 0x11000, ... 0x1f000 */
    0x81, 0xc3, 0x00, 0x10, /*        add bx, 0x1000 */
    0xe2, 0xf8,             /*        loop page */
    0xeb, 0xda,             /*        jmp sleep */
};

/*
 * 32-bit operands and addresses in real mode: create_vcpu lifts the limit of DS. The numbers of
 * the first two instructions are put in by fill_ram.
 */
#define TOUCH_START_AT 2
#define TOUCH_COUNT_AT 8
static const uint8_t code_touch[] = {
    0x66, 0xbb, 0,    0,    0,    0,    /*        mov ebx, start */
    0x66, 0xb9, 0,    0,    0,    0,    /*        mov ecx, pages */
    0x67, 0xc6, 0x03, 0x01,             /* page:  mov byte [ebx], 1 */
    0x66, 0x81, 0xc3, 0x00, 0x10, 0, 0, /*        add ebx, 0x1000 */
    0x66, 0x49,                         /*        dec ecx */
    0x75, 0xf1,                         /*        jnz page */
    0xe6, 0x80,                         /*        out 0x80, al */
    0xf4,                               /* sleep: hlt */
    0xeb, 0xfd,                         /*        jmp sleep */
};

/* The port write leaves KVM_RUN: then the vCPU thread looks at its stop flag. */
static const uint8_t code_nmi[] = {
    0xe6, 0x80, /* out 0x80, al */
    0xcf,       /* iret */
};

/* Interrupt vector 2: offset, then segment. */
static const uint8_t vector_nmi[] = {NMI_ADDR & 0xff, NMI_ADDR >> 8, 0, 0};

struct program {
    const uint8_t *code;
    size_t bytes;
};

static const struct program programs[MINIVM_PROGRAM_COUNT] = {
    [MINIVM_HALT] = {code_halt, sizeof(code_halt)},
    [MINIVM_BUSY] = {code_busy, sizeof(code_busy)},
    [MINIVM_TOUCH] = {code_touch, sizeof(code_touch)},
};

/* Guest-physical windows that hold RAM, filled in this order; @ram is the offset in the mapping. */
struct slot {
    uint64_t guest, ram, end; /* end: offset in the mapping where the window ends */
};

static const struct slot slots[] = {
    {0, 0, 0xa0000},
    {0x100000, 0x100000, 3ull << 30},
    {4ull << 30, 3ull << 30, UINT64_MAX},
};

static int open_kvm(struct error *err)
{
    int fd = (int)TEMP_FAILURE_RETRY(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
        return error_set(err, -errno,
                         "this machine offers no /dev/kvm: load the module (modprobe kvm_intel or "
                         "kvm_amd) and switch virtualization on in the firmware, or nested "
                         "virtualization when this is a VM itself");
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return error_set(err, -errno,
                         "no permission to use /dev/kvm: run as root or join the group kvm");
    if (fd < 0)
        return error_set(err, -errno, "cannot open /dev/kvm: %s", strerror(errno));
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        close(fd);
        return error_set(err, -ENOTTY,
                         "/dev/kvm is not usable: it does not answer as KVM does (API version %d)",
                         KVM_API_VERSION);
    }
    return fd;
}

static int fail_step(struct error *err, const char *step)
{
    int code = -errno;

    return error_set(err, code, "cannot create a VM: %s: %s", step, strerror(-code));
}

static int add_ram(struct minivm *vm, struct error *err)
{
    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (vm->ram.bytes <= slots[i].ram)
            break;
        uint64_t end = vm->ram.bytes < slots[i].end ? vm->ram.bytes : slots[i].end;
        struct kvm_userspace_memory_region region = {
            .slot = (uint32_t)i,
            .guest_phys_addr = slots[i].guest,
            .memory_size = end - slots[i].ram,
            .userspace_addr = (uintptr_t)(vm->ram.base + slots[i].ram),
        };
        if (ioctl(vm->info.vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
            return fail_step(err, "its RAM");
    }
    return 0;
}

static bool is_amd_cpu(void)
{
    unsigned max, b, c, d;

    return __get_cpuid(0, &max, &b, &c, &d) != 0 &&
           (b == signature_AMD_ebx || b == 0x6f677948); /* "Auth", "Hygo" */
}

static void write_work(struct minivm *vm, const struct minivm_config *config)
{
    const bool is_amd = is_amd_cpu();

    for (unsigned i = 0; i < config->vcpus; i++)
        minivm_work_code(config->works, config->work_count, config->work_times + i, is_amd,
                         vm->ram.base + WORK_ADDR + (size_t)i * MINIVM_WORK_BYTES);
}

/* The boot pages are filled as one more, last range, so that their counts are right whatever the
 * caller's say. */
static int fill_ram(struct minivm *vm, const struct minivm_config *config, struct error *err)
{
    struct minivm_range *ranges = calloc(config->range_count + 1, sizeof(*ranges));
    const struct program *program = &programs[config->program];

    if (ranges == NULL)
        return error_set(err, -ENOMEM, "no memory to create a VM");
    for (size_t i = 0; i < config->range_count; i++)
        ranges[i] = config->ranges[i];
    ranges[config->range_count] =
        (struct minivm_range){.bytes = MINIVM_BOOT_BYTES, .fill = MINIVM_FILL_NONZERO};
    int result = minivm_ram_fill(&vm->ram, ranges, config->range_count + 1, config->seed, err);
    free(ranges);
    if (result < 0)
        return result;
    if (program->bytes != 0)
        memcpy(vm->ram.base + CODE_ADDR, program->code, program->bytes);
    if (config->program == MINIVM_WORK)
        write_work(vm, config);
    if (config->program == MINIVM_TOUCH) {
        const uint32_t start = (uint32_t)config->touch_start;
        const uint32_t pages = (uint32_t)(config->touch_bytes / MINIVM_PAGE_BYTES);
        memcpy(vm->ram.base + CODE_ADDR + TOUCH_START_AT, &start, sizeof(start));
        memcpy(vm->ram.base + CODE_ADDR + TOUCH_COUNT_AT, &pages, sizeof(pages));
    }
    memcpy(vm->ram.base + NMI_ADDR, code_nmi, sizeof(code_nmi));
    memcpy(vm->ram.base + 2 * sizeof(vector_nmi), vector_nmi, sizeof(vector_nmi));
    vm->info.pages = vm->ram.pages;
    if (config->program == MINIVM_TOUCH) {
        vm->info.pages.untouched -= config->touch_bytes / MINIVM_PAGE_BYTES;
        vm->info.pages.nonzero += config->touch_bytes / MINIVM_PAGE_BYTES;
    }
    return 0;
}

static int create_vm(struct minivm *vm, int kvm, struct error *err)
{
    uint64_t identity_map = 0xfffbc000;

    /* The kernel means it: it takes its time. */
    vm->info.vm_fd = (int)TEMP_FAILURE_RETRY(ioctl(kvm, KVM_CREATE_VM, 0));
    if (vm->info.vm_fd < 0)
        return fail_step(err, "KVM_CREATE_VM");
    vm->info.creator_tid = gettid();
    /* Intel processors without "unrestricted guest" need both for real mode; others ignore them. */
    if (ioctl(vm->info.vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
        ioctl(vm->info.vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000ul) < 0)
        return fail_step(err, "the pages for real mode");
    if (ioctl(vm->info.vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
        return fail_step(err, "its interrupt controller");
    if (vm->config.keep_vm_stats_fd)
        vm->info.stats_fd = ioctl(vm->info.vm_fd, KVM_GET_STATS_FD, NULL);
    return add_ram(vm, err);
}

/* With the local APIC's software-enable bit clear, as after reset, it takes no interrupt messages.
 */
static int enable_apic(int vcpu_fd)
{
    struct kvm_lapic_state apic;
    const uint32_t spurious = 0x1ff; /* bit 8: enabled; vector 255 */

    if (ioctl(vcpu_fd, KVM_GET_LAPIC, &apic) < 0)
        return -1;
    memcpy(apic.regs + 0xf0, &spurious, sizeof(spurious));
    return ioctl(vcpu_fd, KVM_SET_LAPIC, &apic);
}

static int create_vcpu(struct minivm *vm, unsigned index, struct error *err)
{
    struct minivm_vcpu *vcpu = &vm->vcpus[index];
    struct minivm_vcpu_info *info = &vm->info.vcpus[index];
    struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
    struct kvm_regs regs = {.rip = CODE_ADDR,
                            .rflags = 2, /* bit 1 is always set */
                            .rsp = STACK_ADDR + (index + 1) * STACK_BYTES};
    struct kvm_sregs sregs;

    vcpu->vm = vm;
    vcpu->index = index;
    info->fd = ioctl(vm->info.vm_fd, KVM_CREATE_VCPU, index);
    if (info->fd < 0)
        return fail_step(err, "a vCPU");
    vm->info.vcpu_count = index + 1;
    void *run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, info->fd, 0);
    if (run == MAP_FAILED)
        return fail_step(err, "the shared page of a vCPU");
    vcpu->run = run;
    if (ioctl(info->fd, KVM_GET_SREGS, &sregs) < 0)
        return fail_step(err, "the registers of a vCPU");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    if (vm->config.program == MINIVM_WORK) {
        sregs.cs.base = WORK_ADDR + index * MINIVM_WORK_BYTES;
        sregs.cs.selector = (uint16_t)(sregs.cs.base >> 4);
        regs.rip = 0;
    }
    if (vm->config.program == MINIVM_TOUCH) {
        sregs.ds.limit = UINT32_MAX;
        sregs.ds.g = 1;
    }
    if (ioctl(info->fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(info->fd, KVM_SET_REGS, &regs) < 0)
        return fail_step(err, "the registers of a vCPU");
    if (enable_apic(info->fd) < 0)
        return fail_step(err, "the interrupt controller of a vCPU");
    /* vCPUs other than the first wait for a SIPI that nobody would send. */
    if (ioctl(info->fd, KVM_SET_MP_STATE, &runnable) < 0)
        return fail_step(err, "the state of a vCPU");
    if (vm->config.keep_vcpu_stats_fds)
        info->stats_fd = ioctl(info->fd, KVM_GET_STATS_FD, NULL);
    return 0;
}

static bool touch_valid(const struct minivm_config *config)
{
    const uint64_t start = config->touch_start, bytes = config->touch_bytes;

    return start >= slots[1].guest && start % MINIVM_PAGE_BYTES == 0 && bytes > 0 &&
           bytes % MINIVM_PAGE_BYTES == 0 && start < slots[1].end &&
           bytes <= slots[1].end - start && start + bytes <= config->ram_bytes;
}

static bool work_valid(const struct minivm_config *config)
{
    bool is_valid = config->work_count >= 1 && config->work_count <= MINIVM_WORKS_MAX &&
                    config->work_times >= 1;

    for (size_t i = 0; is_valid && i < config->work_count; i++)
        is_valid = minivm_work_is_valid(&config->works[i]);
    return is_valid;
}

static bool config_valid(const struct minivm_config *config)
{
    return config->ram_bytes >= MINIVM_RAM_MIN && config->vcpus >= 1 &&
           config->vcpus <= MINIVM_VCPUS_MAX && (unsigned)config->program < MINIVM_PROGRAM_COUNT &&
           (config->program != MINIVM_BUSY || (config->wake_hz >= 1 && config->wake_hz <= 1000)) &&
           (config->program != MINIVM_TOUCH || touch_valid(config)) &&
           (config->program != MINIVM_WORK || work_valid(config));
}

static int start(struct minivm *vm, int kvm, struct error *err)
{
    int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    int result;

    if (bytes < (int)sizeof(struct kvm_run))
        return fail_step(err, "the size of a vCPU's shared page");
    vm->run_bytes = (size_t)bytes;
    if ((result = minivm_ram_map(vm->config.ram_bytes, vm->config.backing, &vm->ram, err)) < 0)
        return result;
    vm->info.ram = vm->ram.base;
    vm->info.ram_bytes = vm->ram.bytes;
    if ((result = fill_ram(vm, &vm->config, err)) < 0 || (result = create_vm(vm, kvm, err)) < 0)
        return result;
    for (unsigned i = 0; i < vm->config.vcpus; i++)
        if ((result = create_vcpu(vm, i, err)) < 0)
            return result;
    return minivm_run_start(vm, err);
}

int minivm_start(const struct minivm_config *config, struct minivm **ret, struct error *err)
{
    if (!config_valid(config))
        return error_set(err, -EINVAL, "the configuration of a test VM is out of bounds");
    int kvm = open_kvm(err);
    if (kvm < 0)
        return kvm;
    struct minivm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL) {
        close(kvm);
        return error_set(err, -ENOMEM, "no memory to create a VM");
    }
    vm->config = *config;
    vm->ram.fd = vm->info.vm_fd = vm->info.stats_fd = -1;
    for (unsigned i = 0; i < MINIVM_VCPUS_MAX; i++)
        vm->info.vcpus[i].fd = vm->info.vcpus[i].stats_fd = -1;
    pthread_mutex_init(&vm->lock, NULL);
    pthread_cond_init(&vm->changed, NULL);
    int result = start(vm, kvm, err);
    close(kvm);
    if (result < 0) {
        minivm_stop(vm);
        return result;
    }
    /* The caller's ranges may not outlive the call. */
    vm->config.ranges = NULL;
    vm->config.works = NULL;
    *ret = vm;
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void minivm_stop(struct minivm *vm)
{
    if (vm == NULL)
        return;
    minivm_run_stop(vm);
    for (unsigned i = 0; i < vm->info.vcpu_count; i++) {
        if (vm->vcpus[i].run != NULL)
            munmap(vm->vcpus[i].run, vm->run_bytes);
        close_if_open(vm->info.vcpus[i].stats_fd);
        close_if_open(vm->info.vcpus[i].fd);
    }
    close_if_open(vm->info.stats_fd);
    close_if_open(vm->info.vm_fd);
    minivm_ram_unmap(&vm->ram);
    pthread_cond_destroy(&vm->changed);
    pthread_mutex_destroy(&vm->lock);
    free(vm);
}

#else

int minivm_start(const struct minivm_config *config, struct minivm **ret, struct error *err)
{
    (void)config;
    (void)ret;
    return error_set(err, -ENOTSUP, "kvmlens can make VMs on x86-64 only");
}

void minivm_stop(struct minivm *vm)
{
    (void)vm;
}

#endif

const struct minivm_info *minivm_info(const struct minivm *vm)
{
#ifdef __x86_64__
    return &vm->info;
#else
    (void)vm;
    return NULL;
#endif
}
