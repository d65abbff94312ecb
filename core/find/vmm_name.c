// SPDX-License-Identifier: MIT
#include "core/find/vmm_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How the value of a naming option is to be read. */
enum value_form {
    FORM_PLAIN,  /* the name itself */
    FORM_QEMU,   /* comma list, "guest=" or the first item without a key; ",," is a comma */
    FORM_SOCKET, /* a path, perhaps "path=..."; the file name without .sock or .socket */
};

struct naming {
    const char *option; /* without dashes */
    enum value_form form;
};

struct vmm {
    const char *name;
    const char *programs[6];  /* file name of the program; a trailing '*' matches the rest */
    struct naming namings[4]; /* best first */
};

static const struct vmm vmms[] = {
    {"qemu",
     {"qemu-system-*", "qemu-kvm", "kvm", "qemu"},
     {{"name", FORM_QEMU}, {"id", FORM_PLAIN}, {"uuid", FORM_PLAIN}}},
    {"firecracker", {"firecracker*"}, {{"id", FORM_PLAIN}}},
    {"cloud-hypervisor",
     {"cloud-hypervis*"},
     {{"api-socket", FORM_SOCKET}}},
    {"crosvm", {"crosvm*"}, {{"name", FORM_PLAIN}}},
    {"kvmtool", {"lkvm*", "kvmtool"}, {{"name", FORM_PLAIN}, {"n", FORM_PLAIN}}},
    {"kvmlens", {"kvmlens-demo"}, {{"name", FORM_QEMU}}},
};

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

static bool is_program(const char *pattern, const char *name, size_t len)
{
    size_t n = strlen(pattern);

    if (n > 0 && pattern[n - 1] == '*')
        return len >= n - 1 && memcmp(pattern, name, n - 1) == 0;
    return len == n && memcmp(pattern, name, n) == 0;
}

static const struct vmm *find_vmm(const char *program, size_t len)
{
    for (size_t i = 0; i < sizeof(vmms) / sizeof(vmms[0]); i++)
        for (size_t k = 0; k < 6 && vmms[i].programs[k] != NULL; k++)
            if (is_program(vmms[i].programs[k], program, len))
                return &vmms[i];
    return NULL;
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

static void read_value(enum value_form form, const char *value, size_t len, char *ret, size_t size)
{
    switch (form) {
    case FORM_PLAIN:
        copy(ret, size, value, len);
        break;
    case FORM_QEMU:
        read_qemu(value, len, ret, size);
        break;
    case FORM_SOCKET:
        read_socket(value, len, ret, size);
        break;
    }
}

/* The last occurrence wins, as it does for the VMMs. */
static void find_name(const struct naming *n, struct args args, char *ret, size_t size)
{
    size_t len, option_len = strlen(n->option);
    const char *arg;

    args_next(&args, &len); /* the program */
    while ((arg = args_next(&args, &len)) != NULL) {
        size_t dashes = len > 1 && arg[0] == '-' ? 1 + (arg[1] == '-') : 0;
        if (dashes == 0 || len - dashes < option_len ||
            memcmp(arg + dashes, n->option, option_len) != 0)
            continue;
        size_t used = dashes + option_len;
        if (used < len && arg[used] == '=') {
            read_value(n->form, arg + used + 1, len - used - 1, ret, size);
        } else if (used == len) {
            const char *value = args_next(&args, &len);
            if (value != NULL)
                read_value(n->form, value, len, ret, size);
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
        vmm = find_vmm(program, program_len);
    }
    /* A wrapper may have changed the first argument; the kernel's name of the program is the
     * second hint. */
    if (vmm == NULL)
        vmm = find_vmm(comm, strlen(comm));
    for (size_t i = 0; vmm != NULL && i < 4 && vmm->namings[i].option != NULL && ret[0] == '\0';
         i++)
        find_name(&vmm->namings[i], (struct args){cmdline, cmdline + len}, ret, size);
    if (ret[0] == '\0')
        copy(ret, size, comm, strlen(comm));
    return vmm != NULL ? vmm->name : "other";
}
