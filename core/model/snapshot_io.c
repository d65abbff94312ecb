// SPDX-License-Identifier: MIT
/* What core/model/vm_io.h holds, derived from two samples. */
#include "core/model/snapshot_internal.h"

static struct io_count bytes_of(const struct sample_vm *before, const struct sample_vm *now,
                                enum vm_gauge gauge)
{
    const struct reading *r = &now->gauges[gauge];
    const struct reading *then = before != NULL ? &before->gauges[gauge] : NULL;
    uint64_t then_ns = then != NULL ? before->entity.time_ns[then->source] : 0;

    return (struct io_count){*r, snapshot_growth(then, then_ns, r, now->entity.time_ns[r->source])};
}

static void derive_device(const struct sample_device *before, const struct sample_device *now,
                          struct io_device *ret)
{
    ret->kind = now->kind;
    ret->is_read_only = now->is_read_only;
    for (size_t c = 0; c < IO_COUNTER_COUNT; c++)
        ret->counts[c] = (struct io_count){
            now->counts[c],
            snapshot_growth(before != NULL ? &before->counts[c] : NULL,
                            before != NULL ? before->time_ns : 0, &now->counts[c], now->time_ns),
        };
}

/*
 * Over all devices of one sort; missing where the count of one is. One that has just come has no
 * rate yet: the others make the sum, so that what is plugged in does not make theirs vanish.
 */
static struct figure sum_of(const struct vm_io *io, bool is_net, enum io_counter counter)
{
    struct figure sum =
        no_figure(READING_ABSENT, is_net ? CAUSE_NO_NET_DEVICE : CAUSE_NO_BLOCK_DEVICE);
    bool has_one = false;

    if (io->devices_found.state != READING_OK)
        return no_figure((enum reading_state)io->devices_found.state,
                         (enum reading_cause)io->devices_found.cause);
    for (size_t i = 0; i < io->device_count; i++) {
        const struct io_device *d = &io->devices[i];
        const struct figure *rate = &d->counts[counter].rate;
        if (d->kind == IO_DEVICE_IMAGE || io_device_kind_is_net(d->kind) != is_net)
            continue;
        if (rate->state == READING_WARMUP || rate->state == READING_RESET) {
            sum = has_one ? sum : *rate;
            continue;
        }
        if (rate->state != READING_OK)
            return *rate;
        sum =
            (struct figure){.value = (has_one ? sum.value : 0) + rate->value, .state = READING_OK};
        has_one = true;
    }
    return sum;
}

void snapshot_io_vm(const struct sample_vm *before, const struct sample_vm *now, struct vm_io *ret)
{
    ret->read = bytes_of(before, now, VM_STORAGE_READ_BYTES);
    ret->written = bytes_of(before, now, VM_STORAGE_WRITTEN_BYTES);
    ret->devices_found = now->gauges[VM_DEVICES_FOUND];
    ret->vhost_nets = now->gauges[VM_VHOST_NETS];
    for (size_t i = 0; i < now->device_count; i++)
        derive_device(sample_find_device(before, i, &now->devices[i]), &now->devices[i],
                      &ret->devices[i]);
    for (unsigned c = 0; c < IO_COUNTER_COUNT; c++) {
        ret->net[c] = sum_of(ret, true, (enum io_counter)c);
        ret->block[c] = sum_of(ret, false, (enum io_counter)c);
    }
}

static void age_count(struct io_count *count, enum reading_cause cause)
{
    snapshot_age_reading(&count->total, cause);
    snapshot_age_figure(&count->rate, cause);
}

void snapshot_age_io(struct vm_io *io, enum reading_cause cause)
{
    age_count(&io->read, cause);
    age_count(&io->written, cause);
    snapshot_age_reading(&io->devices_found, cause);
    snapshot_age_reading(&io->vhost_nets, cause);
    for (size_t c = 0; c < IO_COUNTER_COUNT; c++) {
        snapshot_age_figure(&io->net[c], cause);
        snapshot_age_figure(&io->block[c], cause);
        for (size_t i = 0; i < io->device_count; i++)
            age_count(&io->devices[i].counts[c], cause);
    }
}
