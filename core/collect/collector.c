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

/* Once wide it stays so. */
static void widen(struct sampler *sampler, const struct message_tick *tick, bool *is_whole)
{
    if (tick->whole != 1 || *is_whole)
        return;
    *is_whole = true;
    sampler_set_scope(sampler, &(struct sampler_scope){0});
}

static int answer_tick(struct child *child, struct sampler *sampler, struct child_bpf *bpf,
                       const struct message_tick *tick)
{
    struct message_sample answer;
    struct sample *sample = NULL;

    memset(&answer, 0, sizeof(answer));
    answer.number = tick->number;
    answer.result = sampler_take(sampler, &sample, &answer.error);
    if (answer.result == 0)
        sample->bpf = child_bpf_status(bpf, &sample->host_facts);
    if (answer.result == 0)
        lay_down(child, sample, sampler_fields(sampler), &answer);
    sample_free(sample);
    return message_send(child->sock, &answer, sizeof(answer));
}

int collector_main(struct child *child)
{
    struct message_tick tick;
    struct child_bpf bpf;

    child_load_bpf(child, &bpf);
    const struct sampler_config config = {
        .root = child->config->root,
        .sources = child->config->sources,
        .beacon = &child->desk.top->beacon,
        .shunned = &tick.shunned,
        .first_tick = child->order.first_tick,
        .scope = child->config->scope,
        .bpf = bpf.bpf,
    };
    struct sampler *sampler = NULL;
    struct message_sample failed;
    bool is_whole = false;
    int result;

    memset(&tick, 0, sizeof(tick));
    memset(&failed, 0, sizeof(failed));
    failed.result = child_restrict(child->config, ROLE_COLLECTOR, &bpf, &failed.error);
    if (failed.result == 0)
        failed.result = sampler_open(&config, &sampler, &failed.error);
    do {
        result = message_receive(child->sock, &tick, sizeof(tick));
        failed.number = tick.number;
        if (result == 0 && failed.result < 0)
            result = message_send(child->sock, &failed, sizeof(failed));
        else if (result == 0 && child_bpf_is_stale(&bpf)) {
            const struct message_sample stale = {.number = tick.number, .result = -ESTALE};
            result = message_send(child->sock, &stale, sizeof(stale));
        } else if (result == 0) {
            widen(sampler, &tick, &is_whole);
            result = answer_tick(child, sampler, &bpf, &tick);
        }
    } while (result == 0);
    sampler_close(sampler);
    child_unload_bpf(&bpf);
    return 0;
}
