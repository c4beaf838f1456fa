/* What each block cost: summed over its paths, which count their runs. */
#include "timing_profile.h"

#include <string.h>

int vt_profile(const vt_model *model, uint32_t index, vt_block_profile *out) {
    const vt_record *record = model->all_records;
    while (record && index--)
        record = record->link;
    if (!record)
        return 0;
    *out = (vt_block_profile){.addr = record->addr,
                              .size_bytes = record->size_bytes,
                              .instructions = record->count,
                              .runs = record->past.runs,
                              .cycles = record->past.cycles + record->branch_cycles + record->fetch_cycles +
                                        record->data_cycles,
                              .branch_cycles = record->branch_cycles,
                              .fetch_cycles = record->fetch_cycles,
                              .data_cycles = record->data_cycles,
                              .mispredictions = record->mispredictions};
    memcpy(out->lost, record->past.lost, sizeof out->lost);
    for (const vt_path *path = record->paths; path; path = path->sibling) {
        out->runs += path->runs;
        out->cycles += path->runs * (path->cycles - path->entry_cycles);
        for (int cause = 0; cause < VT_CAUSES; cause++)
            out->lost[cause] += path->runs * path->lost[cause];
    }
    out->lost[VT_LOST_BRANCH] = record->branch_slots;
    return 1;
}
