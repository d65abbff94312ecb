/* SPDX-License-Identifier: MIT */
/*
 * The image stands where a BIOS would: 64 KiB that end at 4 GiB, seen at 0xf0000 as well. It goes from real mode
 * straight to user code in 64-bit mode. KVM_PVM emulates all else, one instruction after the other, and so do old
 * processors with real mode; user code runs as fast as the processor does.
 */
#include "dirtier.h"

#define ROM 0xf0000
#define ROM_OF(symbol) (ROM + symbol - start64)
#define TABLE_BITS 0x67 /* present, writable, for all; accessed and dirty, so that nobody sets that later */
#define LARGE 0x80

    .section .start, "ax"
    .code64
    .globl start64
start64:
    lgdt gdt_pointer_ram
    movl $DIRTIER_STACK0, DIRTIER_TSS + 4
    movw $40, %ax
    ltr %ax
    lidt idt_pointer
    /* kvm-clock, for what a second is. */
    movl $0x4b564d01, %ecx
    movl $(DIRTIER_CLOCK + 1), %eax
    xorl %edx, %edx
    wrmsr
    pushq $0x23                     /* user data */
    pushq $(DIRTIER_STACK - 8)      /* as behind a call */
    pushq $2                        /* no interrupts */
    pushq $0x1b                     /* user code */
    pushq $dirtier_main
    iretq

    .globl dirtier_tick, dirtier_sleep
    /* The timer's interrupt only wakes the vCPU. */
dirtier_tick:
    pushq %rax
    movl $0xfee000b0, %eax          /* end of interrupt */
    movl $0, (%rax)
    popq %rax
    iretq

    /*
     * Halts until the timer's interrupt. By UD2, for KVM_PVM has INT not at all in 64-bit mode, and SYSCALL only for
     * guests that know of it; an exception comes the same way everywhere.
     */
dirtier_sleep:
    addq $2, (%rsp)                 /* behind UD2 */
    sti
    hlt
    cli
    iretq

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        /* 8: 32-bit code */
    .quad 0x00cf93000000ffff        /* 16: data */
    .quad 0x00affb000000ffff        /* 24: 64-bit user code */
    .quad 0x00cff3000000ffff        /* 32: user data */
    .quad 0x0000890000000067 + (DIRTIER_TSS << 16) /* 40: TSS */
    .quad 0
    .quad 0x00af9b000000ffff        /* 56: 64-bit code */
gdt_end:
gdt_pointer_rom:
    .word gdt_end - gdt - 1
    .long ROM_OF(gdt)
gdt_pointer_ram:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 4095
    .quad DIRTIER_IDT

    .section .boot, "ax"
    .code16
boot16:
    cli
    cld
    lgdtl %cs:(gdt_pointer_rom - start64)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $(ROM + DIRTIER_BOOT + boot32 - boot16)

    .code32
boot32:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $ROM, %esi
    movl $DIRTIER_CODE, %edi
    movl $(DIRTIER_COPY / 4), %ecx
    rep movsl

    movl $(DIRTIER_PDPT + TABLE_BITS), DIRTIER_PML4
    movl $DIRTIER_PDPT, %edi
    movl $(DIRTIER_PDS + TABLE_BITS), %eax
    movl $DIRTIER_GIB, %ecx
1:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 1b

    /* Pages of 2 MiB; EDX:EAX is the entry. */
    movl $DIRTIER_PDS, %edi
    movl $(TABLE_BITS + LARGE), %eax
    xorl %edx, %edx
    movl $(DIRTIER_GIB * 512), %ecx
2:  movl %eax, (%edi)
    movl %edx, 4(%edi)
    addl $0x200000, %eax
    adcl $0, %edx
    addl $8, %edi
    loop 2b

    movl $0x20, %eax                /* PAE */
    movl %eax, %cr4
    movl $DIRTIER_PML4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          /* EFER: long mode */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax          /* caches on */
    orl $0x80000000, %eax           /* paging */
    movl %eax, %cr0
    movl $DIRTIER_STACK0, %esp
    ljmpl $56, $start64

    .section .reset, "ax"
    .code16
    .byte 0xea                      /* ljmp $0xf000, $DIRTIER_BOOT */
    .word DIRTIER_BOOT, 0xf000

    .section .note.GNU-stack, "", @progbits
