// SPDX-License-Identifier: MIT
#include "core/base/spare.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

/* One that is much too large stays for who needs it, or is freed in the end. */
static bool fits(const struct spare_block *block, size_t bytes)
{
    return block->memory != NULL && block->bytes >= bytes && block->bytes / 4 <= bytes;
}

static struct spare_block *best_for(struct spare *spare, size_t bytes)
{
    struct spare_block *best = NULL;

    for (size_t i = 0; i < SPARE_BLOCKS; i++) {
        struct spare_block *block = &spare->blocks[i];
        if (fits(block, bytes) && (best == NULL || block->bytes < best->bytes))
            best = block;
    }
    return best;
}

static void *take_out(struct spare_block *block)
{
    void *memory = block->memory;

    *block = (struct spare_block){NULL, 0, 0};
    return memory;
}

static void age(struct spare *spare)
{
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        if (spare->blocks[i].memory != NULL && ++spare->blocks[i].idle > SPARE_IDLE_MAX)
            free(take_out(&spare->blocks[i]));
}

void *spare_take(struct spare *spare, size_t bytes)
{
    struct spare_block *best = bytes >= SPARE_BYTES_MIN ? best_for(spare, bytes) : NULL;
    void *memory = best != NULL ? take_out(best) : NULL;

    age(spare);
    if (memory != NULL)
        return memory;
    /* A host gets VMs one by one: an eighth more fits for some of them. */
    return malloc(bytes >= SPARE_BYTES_MIN ? bytes + bytes / 8 : bytes);
}

void spare_give(struct spare *spare, void *memory)
{
    size_t bytes = memory != NULL ? malloc_usable_size(memory) : 0;

    for (size_t i = 0; spare != NULL && bytes >= SPARE_BYTES_MIN && i < SPARE_BLOCKS; i++)
        if (spare->blocks[i].memory == NULL) {
            spare->blocks[i] = (struct spare_block){memory, bytes, 0};
            return;
        }
    free(memory);
}

void spare_done(struct spare *spare)
{
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        free(take_out(&spare->blocks[i]));
}
