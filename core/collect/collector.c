// SPDX-License-Identifier: MIT
/*
 * Collector: the process that finds VMs and reads their counters. It does what it is asked, one
 * sample at a time, until its socket ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/collect/child.h"
#include "core/model/sample_flat.h"

static void lay_down(struct child *child, const struct sample *sample,
                     const struct field_table *fields, struct message_sample *answer)
{
    size_t bytes = sample_flat_write(sample, fields, NULL, 0);
    void *room = desk_room(&child->desk, bytes);

    if (room == NULL) {
        answer->result = error_set(&answer->error, -ENOMEM, "out of memory");
        return;
    }
    answer->bytes = sample_flat_write(sample, fields, room, bytes);
}

/* What it works with. */
struct collector {
    struct child *child;
    struct sampler *sampler;
    struct child_bpf bpf;
    bool is_whole;
};

/* Once wide it stays so. */
static void widen(struct collector *c, const struct message_tick *tick)
{
    if (tick->whole != 1 || c->is_whole)
        return;
    c->is_whole = true;
    sampler_set_scope(c->sampler, &(struct sampler_scope){0});
}

static int answer_tick(struct collector *c, const struct message_tick *tick)
{
    struct message_sample answer;
    struct sample *sample = NULL;

    memset(&answer, 0, sizeof(answer));
    answer.number = tick->number;
    answer.result = sampler_take(c->sampler, &sample, &answer.error);
    if (answer.result == 0)
        sample->bpf = child_bpf_status(&c->bpf, &sample->host_facts);
    if (answer.result == 0)
        lay_down(c->child, sample, sampler_fields(c->sampler), &answer);
    sample_free(sample);
    return message_send(c->child->sock, &answer, sizeof(answer));
}

int collector_main(struct child *child)
{
    struct collector c = {.child = child};
    struct message_tick tick;

    child_load_bpf(child, &c.bpf);
    const struct sampler_config config = {
        .root = child->config->root,
        .sources = child->config->sources,
        .beacon = &child->desk.top->beacon,
        .shunned = &tick.shunned,
        .first_tick = child->order.first_tick,
        .scope = child->config->scope,
        .bpf = c.bpf.bpf,
    };
    struct message_sample failed;
    int result;

    memset(&tick, 0, sizeof(tick));
    memset(&failed, 0, sizeof(failed));
    const struct child_programs programs = {.bpf = c.bpf.bpf != NULL};
    failed.result = child_restrict(child->config, ROLE_COLLECTOR, programs, &failed.error);
    if (failed.result == 0)
        failed.result = sampler_open(&config, &c.sampler, &failed.error);
    do {
        result = message_receive(child->sock, &tick, sizeof(tick));
        failed.number = tick.number;
        if (result == 0 && failed.result < 0)
            result = message_send(child->sock, &failed, sizeof(failed));
        else if (result == 0 && child_bpf_is_stale(&c.bpf)) {
            const struct message_sample stale = {.number = tick.number, .result = -ESTALE};
            result = message_send(child->sock, &stale, sizeof(stale));
        } else if (result == 0) {
            widen(&c, &tick);
            sampler_set_load(c.sampler, tick.load);
            sampler_set_load_one(c.sampler, tick.load_one, tick.load_pid,
                                 tick.load_before);
            result = answer_tick(&c, &tick);
        }
    } while (result == 0);
    sampler_close(c.sampler);
    child_unload_bpf(&c.bpf);
    return 0;
}
