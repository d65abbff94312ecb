// SPDX-License-Identifier: MIT
#include "core/find/vmm_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/model/vmm.h"

struct args {
    const char *at, *end;
};

/* Next argument, or NULL at the end. The last one may lack its NUL. */
static const char *args_next(struct args *a, size_t *ret_len)
{
    if (a->at >= a->end)
        return NULL;
    const char *arg = a->at;
    *ret_len = strnlen(arg, (size_t)(a->end - arg));
    a->at = arg + *ret_len + 1;
    return arg;
}

static void copy(char *ret, size_t size, const char *from, size_t len)
{
    if (len > size - 1)
        len = size - 1;
    memcpy(ret, from, len);
    ret[len] = '\0';
}

/*
 * One item of QEMU's comma list from @at; its text with ",," made "," in @item. Returns the rest.
 */
static const char *qemu_item(const char *at, const char *end, char *item, size_t size)
{
    size_t used = 0;

    for (; at < end; at++) {
        if (*at == ',') {
            if (at + 1 < end && at[1] == ',')
                at++;
            else
                return at + 1;
        }
        if (used < size - 1)
            item[used++] = *at;
        item[used] = '\0';
    }
    return end;
}

static void read_qemu(const char *value, size_t len, char *ret, size_t size)
{
    char item[4200];
    const char *end = value + len;
    bool first = true;

    for (const char *at = value; at < end; first = false) {
        item[0] = '\0';
        at = qemu_item(at, end, item, sizeof(item));
        if (strncmp(item, "guest=", 6) == 0)
            copy(ret, size, item + 6, strlen(item + 6));
        else if (first && strchr(item, '=') == NULL)
            copy(ret, size, item, strlen(item));
    }
}

static void read_socket(const char *value, size_t len, char *ret, size_t size)
{
    static const char *const suffixes[] = {".sock", ".socket"};
    const char *end = value + len;

    if (len > 5 && memcmp(value, "path=", 5) == 0)
        value += 5;
    const char *comma = memchr(value, ',', (size_t)(end - value));
    if (comma != NULL)
        end = comma;
    const char *slash = memrchr(value, '/', (size_t)(end - value));
    if (slash != NULL)
        value = slash + 1;
    copy(ret, size, value, (size_t)(end - value));
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(ret), s = strlen(suffixes[i]);
        if (n > s && strcmp(ret + n - s, suffixes[i]) == 0)
            ret[n - s] = '\0';
    }
}

static void read_value(enum vmm_name_form form, const char *value, size_t len, char *ret,
                       size_t size)
{
    switch (form) {
    case VMM_NAME_PLAIN:
        copy(ret, size, value, len);
        break;
    case VMM_NAME_QEMU:
        read_qemu(value, len, ret, size);
        break;
    case VMM_NAME_SOCKET:
        read_socket(value, len, ret, size);
        break;
    }
}

/* The last occurrence wins, as it does for the VMMs. */
static void find_name(const char *option, enum vmm_name_form form, struct args args, char *ret,
                      size_t size)
{
    size_t len, option_len = strlen(option);
    const char *arg;

    args_next(&args, &len); /* the program */
    while ((arg = args_next(&args, &len)) != NULL) {
        size_t dashes = len > 1 && arg[0] == '-' ? 1 + (arg[1] == '-') : 0;
        if (dashes == 0 || len - dashes < option_len ||
            memcmp(arg + dashes, option, option_len) != 0)
            continue;
        size_t used = dashes + option_len;
        if (used < len && arg[used] == '=') {
            read_value(form, arg + used + 1, len - used - 1, ret, size);
        } else if (used == len) {
            const char *value = args_next(&args, &len);
            if (value != NULL)
                read_value(form, value, len, ret, size);
        }
    }
}

const char *vmm_name(const char *comm, const char *cmdline, size_t len, char *ret, size_t size)
{
    struct args args = {cmdline, cmdline + len};
    size_t program_len = 0;
    const char *program = args_next(&args, &program_len);
    const struct vmm *vmm = NULL;

    ret[0] = '\0';
    if (program != NULL) {
        const char *slash = memrchr(program, '/', program_len);
        if (slash != NULL) {
            program_len -= (size_t)(slash + 1 - program);
            program = slash + 1;
        }
        vmm = vmm_of_program(program, program_len);
    }
    /* A wrapper may have changed the first argument; the kernel's name of the program is the
     * second hint. */
    if (vmm == NULL)
        vmm = vmm_of_program(comm, strlen(comm));
    if (vmm == NULL)
        vmm = &vmm_other;
    for (size_t i = 0; i < VMM_NAMINGS_MAX && vmm->namings[i].option != NULL && ret[0] == '\0'; i++)
        find_name(vmm->namings[i].option, vmm->namings[i].form,
                  (struct args){cmdline, cmdline + len}, ret, size);
    if (ret[0] == '\0')
        copy(ret, size, comm, strlen(comm));
    return vmm->name;
}
