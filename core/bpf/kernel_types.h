/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The kernel's names of plain numbers, which bpf/bpf_helpers.h wants to be there: for BPF programs,
 * which bring no header of the kernel.
 */
#ifndef KVMLENS_CORE_BPF_KERNEL_TYPES_H
#define KVMLENS_CORE_BPF_KERNEL_TYPES_H

#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef int16_t __s16;
typedef uint32_t __u32;
typedef int32_t __s32;
typedef uint64_t __u64;
typedef int64_t __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#endif
