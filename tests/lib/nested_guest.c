// SPDX-License-Identifier: MIT
#include "tests/lib/nested_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BYTES 0x10000
#define CODE_L1   0x1000
#define CODE_L2   0x2000
#define TABLES    0x5000 /* one page directory, of 4 MiB pages */
#define VMCB      0x6000
#define HOST_SAVE 0x8000
#define PORT_DONE 0xe1

#define EFER_SVME      0x1000u
#define MSR_HOST_SAVE  0xc0010117u
#define CR0_PROTECTED  0x80000011u /* PG, ET, PE: KVM refuses VMRUN without paging */
#define CR4_PSE        0x10u
#define CPUID_SVM_LEAF 0x80000001u
#define CPUID_SVM      (1u << 2) /* of ECX */
#define CPUID_ENTRIES  256

/* Places in the VMCB. */
#define INTERCEPT_MISC2 0x10
#define ASID            0x58
#define SEGMENTS        0x400 /* ES, CS, SS, DS, FS, GS, GDTR, LDTR, IDTR, TR: 16 bytes each */
#define SAVED_EFER      0x4d0
#define SAVED_CR0       0x558
#define SAVED_DR7       0x560
#define SAVED_DR6       0x568
#define SAVED_RFLAGS    0x570
#define SAVED_RIP       0x578

/* 32 bits, flat. */
static const uint8_t code_l1[] = {
    0xb8, VMCB & 0xff, VMCB >> 8, 0, 0, /* mov eax, VMCB */
    0x0f, 0x01,        0xd8,            /* vmrun */
    0xe6, PORT_DONE,                    /* out port, al */
};

/* Real mode. The number of the first instruction is put in. */
static uint8_t const code_l2[] = {
    0x66, 0xbd, 0,    0, 0, 0, /*        mov ebp, times */
    0x66, 0x31, 0xc0,          /* again: xor eax, eax */
    0x66, 0x31, 0xc9,          /*        xor ecx, ecx */
    0x0f, 0xa2,                /*        cpuid */
    0x66, 0x4d,                /*        dec ebp */
    0x75, 0xf4,                /*        jnz again */
    0x0f, 0x01, 0xd9,          /*        vmmcall */
};

struct machine {
    int kvm, vm, vcpu;
    uint8_t *ram;
    struct kvm_run *run;
    size_t run_bytes;
};

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
    memcpy(at, &value, bytes); /* x86 is little-endian */
}

static void put_segment(uint8_t *vmcb, unsigned number, uint16_t selector, uint16_t attributes)
{
    uint8_t *at = vmcb + SEGMENTS + (size_t)16 * number;

    put(at, selector, 2);
    put(at + 2, attributes, 2);
    put(at + 4, 0xffff, 4);
    put(at + 8, (uint64_t)selector << 4, 8);
}

static void fill_ram(uint8_t *ram, uint32_t cpuids)
{
    uint8_t *vmcb = ram + VMCB;

    memcpy(ram + CODE_L1, code_l1, sizeof(code_l1));
    memcpy(ram + CODE_L2, code_l2, sizeof(code_l2));
    put(ram + CODE_L2 + 2, cpuids, 4);
    put(ram + TABLES, 0x83, 4);       /* present, writable, 4 MiB: address is address */
    put(vmcb + INTERCEPT_MISC2, 3, 4); /* VMRUN, which has to be, and VMMCALL */
    put(vmcb + ASID, 1, 4);
    for (unsigned i = 0; i < 6; i++)
        put_segment(vmcb, i, 0, i == 1 ? 0x9b : 0x93); /* present; code or data */
    put_segment(vmcb, 7, 0, 0x82);
    put_segment(vmcb, 9, 0, 0x83);
    put(vmcb + SAVED_EFER, EFER_SVME, 8);
    put(vmcb + SAVED_CR0, 0x10, 8);
    put(vmcb + SAVED_DR7, 0x400, 8);
    put(vmcb + SAVED_DR6, 0xffff0ff0, 8);
    put(vmcb + SAVED_RFLAGS, 2, 8);
    put(vmcb + SAVED_RIP, CODE_L2, 8);
}

/* What KVM can show its guests. -ENOTSUP: SVM is not among it. */
static int set_cpuid(const struct machine *m)
{
    struct kvm_cpuid2 *cpuid =
        calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
    bool has_svm = false;

    if (cpuid == NULL)
        return -ENOMEM;
    cpuid->nent = CPUID_ENTRIES;
    int result = ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0 ? -errno : 0;
    for (uint32_t i = 0; result == 0 && i < cpuid->nent; i++)
        has_svm = has_svm || (cpuid->entries[i].function == CPUID_SVM_LEAF &&
                              (cpuid->entries[i].ecx & CPUID_SVM) != 0);
    if (result == 0 && !has_svm)
        result = -ENOTSUP;
    if (result == 0 && ioctl(m->vcpu, KVM_SET_CPUID2, cpuid) < 0)
        result = -errno;
    free(cpuid);
    return result;
}

static int set_state(const struct machine *m)
{
    const struct kvm_segment data = {.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1,
                                     .db = 1, .s = 1, .g = 1};
    const struct kvm_regs regs = {.rip = CODE_L1, .rflags = 2, .rsp = CODE_L1};
    const struct kvm_msr_entry host_save = {.index = MSR_HOST_SAVE, .data = HOST_SAVE};
    /* One entry behind the head. */
    union {
        struct kvm_msrs head;
        unsigned char bytes[sizeof(struct kvm_msrs) + sizeof(host_save)];
    } msrs = {.head = {.nmsrs = 1}};
    struct kvm_sregs sregs;

    memcpy(msrs.bytes + sizeof(struct kvm_msrs), &host_save, sizeof(host_save));
    if (ioctl(m->vcpu, KVM_GET_SREGS, &sregs) < 0)
        return -errno;
    sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = sregs.cs = data;
    sregs.cs.type = 11;
    sregs.cs.selector = 8;
    sregs.cr0 = CR0_PROTECTED;
    sregs.cr3 = TABLES;
    sregs.cr4 = CR4_PSE;
    sregs.efer = EFER_SVME;
    if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(m->vcpu, KVM_SET_REGS, &regs) < 0)
        return -errno;
    return ioctl(m->vcpu, KVM_SET_MSRS, &msrs) == 1 ? 0 : -ENOTSUP;
}

static int open_machine(struct machine *m, uint32_t cpuids)
{
    m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (m->kvm < 0)
        return -ENOTSUP;
    m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
    m->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m->vm < 0 || m->ram == MAP_FAILED)
        return -errno;
    fill_ram(m->ram, cpuids);
    struct kvm_userspace_memory_region region = {.memory_size = RAM_BYTES,
                                                 .userspace_addr = (uintptr_t)m->ram};
    if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return -errno;
    m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
    m->run_bytes = (size_t)ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (m->vcpu < 0)
        return -errno;
    m->run = mmap(NULL, m->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
    if (m->run == MAP_FAILED)
        return -errno;
    int result = set_cpuid(m);
    return result < 0 ? result : set_state(m);
}

static void close_machine(struct machine *m)
{
    if (m->run != MAP_FAILED)
        munmap(m->run, m->run_bytes);
    if (m->ram != MAP_FAILED)
        munmap(m->ram, RAM_BYTES);
    const int fds[] = {m->vcpu, m->vm, m->kvm};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int nested_guest_run(uint32_t cpuids, struct error *err)
{
    struct machine m = {-1, -1, -1, MAP_FAILED, MAP_FAILED, 0};
    int result = open_machine(&m, cpuids);

    if (result < 0) {
        close_machine(&m);
        return error_set(err, result, "no guest can have guests here: %s", strerror(-result));
    }
    do
        result = ioctl(m.vcpu, KVM_RUN, 0) < 0 ? -errno : 0;
    while (result == -EINTR);
    if (result < 0)
        error_set(err, result, "KVM_RUN failed: %s", strerror(-result));
    else if (m.run->exit_reason != KVM_EXIT_IO || m.run->io.port != PORT_DONE)
        result = error_set(err, -EIO, "KVM_RUN ended with reason %u", m.run->exit_reason);
    else if (memcmp(m.ram + VMCB + 0x70, "\x81", 1) != 0)
        result = error_set(err, -EIO, "the nested guest ended with reason %#x", m.ram[VMCB + 0x70]);
    close_machine(&m);
    return result;
}

#else

int nested_guest_run(uint32_t cpuids, struct error *err)
{
    (void)cpuids;
    return error_set(err, -ENOTSUP, "no guest can have guests here: this is not x86-64");
}

#endif
