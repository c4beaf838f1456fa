/* Profiles: how often each block ran, and for how many cycles. */
#include "core.h"

#include <stdlib.h>

void vb_profile_start(vb_core *core) {
    for (uint32_t i = 0; i < VB_COUNT_BUCKETS; i++)
        for (vb_block_count *count = core->counts[i]; count; count = count->next)
            count->runs = count->instructions = count->cycles = 0;
    core->profiling = true;
}

void vb_profile_stop(vb_core *core) {
    core->profiling = false;
}

uint32_t vb_profile_read(const vb_core *core, vb_block_count *out, uint32_t room) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < VB_COUNT_BUCKETS; i++)
        for (const vb_block_count *count = core->counts[i]; count; count = count->next)
            if (count->runs) {
                if (found < room)
                    out[found] = *count;
                found++;
            }
    return found;
}

vb_block_count *vb_profile_find(vb_core *core, const vb_block *block) {
    vb_block_count **bucket = &core->counts[(block->addr >> 1) & (VB_COUNT_BUCKETS - 1)];
    for (vb_block_count *count = *bucket; count; count = count->next)
        if (count->addr == block->addr && count->size_bytes == block->size_bytes)
            return count;
    vb_block_count *count = calloc(1, sizeof *count);
    if (!count)
        return NULL; /* then this block is not in the profile */
    count->addr = block->addr;
    count->size_bytes = block->size_bytes;
    count->next = *bucket;
    *bucket = count;
    return count;
}

void vb_profile_free(vb_core *core) {
    for (uint32_t i = 0; i < VB_COUNT_BUCKETS; i++)
        for (vb_block_count *count = core->counts[i], *next; count; count = next) {
            next = count->next;
            free(count);
        }
}
