/* SPDX-License-Identifier: MIT */
/*
 * Parser of KVM binary statistics (KVM_GET_STATS_FD).
 *
 *   offset         size                  content
 *   0              u32 flags             0 today
 *   4              u32 name_size         bytes of the id string and of each descriptor's name, NUL
 *     included
 *   8              u32 num_desc
 *   12             u32 id_offset         char[name_size]: "kvm-TID" or "kvm-TID/vcpu-ID"
 *   16             u32 desc_offset       num_desc times (16 + name_size) bytes
 *   20             u32 data_offset       u64 values
 * Descriptor:
 *   0  u32 flags   type bits 0-3, unit 4-7, base 8-11
 *   4  s16 exponent
 *   6  u16 size    u64 values of this statistic
 *   8  u32 offset  of the first, from data_offset
 *   12 u32 bucket_size
 *   16 char name[name_size]
 *
 * Native byte order. Everything but the data is constant while the fd lives. The bytes come from
 * another process and are trusted in nothing: every size has a bound, a descriptor of unknown type,
 * unit or base is skipped (the kernel may grow new ones), one that contradicts itself makes the
 * whole file invalid.
 *
 * Source: Documentation/virt/kvm/api.rst 4.133; tools/testing/selftests/kvm/kvm_binary_stats_test.c
 * for the invariants. Pure functions, any thread.
 */
#ifndef KVMLENS_CORE_SOURCE_PARSE_STATS_H
#define KVMLENS_CORE_SOURCE_PARSE_STATS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/field.h"

#define STATS_HEADER_SIZE 24
#define STATS_DESC_SIZE 16        /* without the name */
#define STATS_NAME_SIZE_MAX 256
#define STATS_DESC_MAX 256
#define STATS_DATA_MAX (1u << 20) /* bytes of data */
#define STATS_OFFSET_MAX (1u << 20)
#define STATS_FILE_MAX (2u << 20) /* bytes of everything */

struct stats_header {
    uint32_t flags, name_size, num_desc, id_offset, desc_offset, data_offset;
};

/* @size must be at least STATS_HEADER_SIZE. 0; -EBADMSG when the header is out of bounds. */
int parse_stats_header(const void *buf, size_t size, struct stats_header *ret);

/*
 * parse_stats_id - creator thread and vCPU of the id string.
 * @id: name_size bytes, NUL inside. *@ret_vcpu is -1 for a VM. 0 or -EBADMSG.
 */
int parse_stats_id(const char *id, size_t name_size, pid_t *ret_tid, int *ret_vcpu);

struct stats_desc {
    /* scope is the caller's; name cleaned of nothing: it is checked by field_table_add */
    struct field field;
    uint32_t data_offset; /* bytes from header.data_offset, a multiple of 8 */
};

/*
 * parse_stats_descs - all descriptors that are understood.
 *
 * @buf: the descriptor block, @header.num_desc * (STATS_DESC_SIZE + name_size) bytes.
 * @ret: room for @header.num_desc entries. *@ret_data_bytes: how far the data reaches.
 * Returns how many were written, or -EBADMSG.
 */
ssize_t parse_stats_descs(const void *buf, const struct stats_header *header,
                          enum field_scope scope, struct stats_desc *ret, size_t *ret_data_bytes);

#endif
