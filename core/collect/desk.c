// SPDX-License-Identifier: MIT
#include "core/collect/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOP_BYTES 4096

_Static_assert(sizeof(struct desk_top) <= TOP_BYTES, "the top is a page");

static int map_top(struct desk *desk)
{
    void *top = mmap(NULL, TOP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, desk->fd, 0);

    if (top == MAP_FAILED)
        return -errno;
    desk->top = top;
    return 0;
}

int desk_open(struct desk *ret)
{
    struct desk desk = {.fd = memfd_create("sample-desk", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    int result = desk.fd < 0 ? -errno : 0;

    if (result == 0 && (ftruncate(desk.fd, TOP_BYTES) < 0 ||
                        fcntl(desk.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0))
        result = -errno;
    if (result == 0)
        result = map_top(&desk);
    if (result < 0)
        desk_close(&desk);
    else
        *ret = desk;
    return result;
}

int desk_join(int fd, struct desk *ret)
{
    struct desk desk = {.fd = fd};
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    int result = 0;

    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &st) < 0 || st.st_size < TOP_BYTES)
        result = -EBADMSG;
    if (result == 0)
        result = map_top(&desk);
    if (result < 0)
        desk_close(&desk);
    else
        *ret = desk;
    return result;
}

static void unmap_form(struct desk *desk)
{
    if (desk->form != NULL)
        munmap(desk->form, desk->form_bytes);
    desk->form = NULL;
    desk->form_bytes = 0;
}

void desk_close(struct desk *desk)
{
    unmap_form(desk);
    if (desk->top != NULL)
        munmap(desk->top, TOP_BYTES);
    if (desk->fd >= 0)
        close(desk->fd);
    *desk = (struct desk){.fd = -1};
}

/* The file has at least @bytes behind the top. */
static int map_form(struct desk *desk, size_t bytes, int protection)
{
    if (bytes <= desk->form_bytes)
        return 0;
    unmap_form(desk);
    void *form = mmap(NULL, bytes, protection, MAP_SHARED, desk->fd, TOP_BYTES);
    if (form == MAP_FAILED)
        return -ENOMEM;
    desk->form = form;
    desk->form_bytes = bytes;
    return 0;
}

/* A quarter more than is needed: a host gets VMs one by one. */
void *desk_room(struct desk *desk, size_t bytes)
{
    size_t room = bytes + bytes / 4;

    if (bytes > DESK_BYTES_MAX)
        return NULL;
    if (bytes > desk->form_bytes && (ftruncate(desk->fd, (off_t)(TOP_BYTES + room)) < 0 ||
                                     map_form(desk, room, PROT_READ | PROT_WRITE) < 0))
        return NULL;
    return desk->form;
}

int desk_look(struct desk *desk, uint64_t bytes, const unsigned char **ret)
{
    struct stat st;

    if (bytes == 0 || bytes > DESK_BYTES_MAX)
        return -EBADMSG;
    if (bytes > desk->form_bytes) {
        if (fstat(desk->fd, &st) < 0 || (uint64_t)st.st_size < TOP_BYTES + bytes)
            return -EBADMSG;
        uint64_t there = (uint64_t)st.st_size - TOP_BYTES;
        int result =
            map_form(desk, there < DESK_BYTES_MAX ? (size_t)there : DESK_BYTES_MAX, PROT_READ);
        if (result < 0)
            return result;
    }
    *ret = desk->form;
    return 0;
}

int desk_copy(struct desk *desk, uint64_t bytes, void **ret)
{
    const unsigned char *form;
    int result = desk_look(desk, bytes, &form);

    if (result < 0)
        return result;
    *ret = malloc((size_t)bytes);
    if (*ret == NULL)
        return -ENOMEM;
    memcpy(*ret, form, (size_t)bytes);
    return 0;
}
