// SPDX-License-Identifier: MIT
#include "core/collect/stuck_list.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND        1000000000ull
#define FIRST_WAIT_S  20 /* then twice as long each time */
#define DOUBLINGS_MAX 5  /* 640 s */

static void drop(struct stuck_list *list, size_t i)
{
    if (list->items[i].sock >= 0)
        close(list->items[i].sock);
    list->count--;
    memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof(list->items[0]));
}

static size_t find(const struct stuck_list *list, pid_t pid)
{
    size_t i = 0;

    while (i < list->count && list->items[i].pid != pid)
        i++;
    return i;
}

void stuck_list_add(struct stuck_list *list, pid_t pid, const char *step, int sock, uint64_t now_ns)
{
    size_t i = find(list, pid);
    unsigned times = i < list->count ? list->items[i].times + 1 : 1;
    unsigned doublings = times - 1 < DOUBLINGS_MAX ? times - 1 : DOUBLINGS_MAX;

    if (i < list->count)
        drop(list, i);
    else if (list->count == SHUN_MAX)
        drop(list, 0);
    list->items[list->count++] = (struct stuck){
        .pid = pid,
        .step = step,
        .sock = sock,
        .until_ns = now_ns + (FIRST_WAIT_S << doublings) * SECOND,
        .times = times,
    };
}

/* The socket of a process that has ended hangs up. What it still says is not listened to. */
static bool has_ended(int sock)
{
    struct pollfd hangs_up = {.fd = sock};

    return poll(&hangs_up, 1, 0) > 0;
}

/* Anybody may ask for the clock of any process, and it opens nothing of it. */
static bool is_there(pid_t pid)
{
    clockid_t clock;

    return clock_getcpuclockid(pid, &clock) == 0;
}

void stuck_list_look(struct stuck_list *list)
{
    for (size_t i = 0; i < list->count;) {
        struct stuck *s = &list->items[i];
        if (s->sock >= 0 && has_ended(s->sock)) {
            close(s->sock);
            s->sock = -1;
        }
        if (s->sock < 0 && !is_there(s->pid))
            drop(list, i);
        else
            i++;
    }
}

void stuck_list_shunned(struct stuck_list *list, uint64_t now_ns, struct shun_list *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct stuck *s = &list->items[i];
        s->is_tried = s->sock < 0 && now_ns >= s->until_ns;
        if (!s->is_tried)
            ret->processes[ret->count++] = (struct shunned){.pid = s->pid};
    }
}

void stuck_list_answered(struct stuck_list *list)
{
    for (size_t i = 0; i < list->count;)
        if (list->items[i].is_tried)
            drop(list, i);
        else
            i++;
}

const struct stuck *stuck_list_last(const struct stuck_list *list)
{
    return list->count > 0 ? &list->items[list->count - 1] : NULL;
}

void stuck_list_done(struct stuck_list *list)
{
    while (list->count > 0)
        drop(list, list->count - 1);
}
