/* What each block cost, for profiles. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_PROFILE_H
#define UTVM_VIRTUAL_BOARD_TIMING_PROFILE_H

#include "timing_model.h"

/* Mirrored by _Profile in timing/model.py. */
typedef struct {
    uint32_t addr;
    uint32_t size_bytes;
    uint32_t instructions;
    uint32_t padding;
    uint64_t runs;
    uint64_t cycles; /* all of them */
    uint64_t branch_cycles;
    uint64_t fetch_cycles;
    uint64_t data_cycles;
    uint64_t mispredictions;
    uint64_t lost[VT_CAUSES]; /* issue slots */
} vt_block_profile;

/* The profile of the block with this number, newest first; 0 past the last one. */
int vt_profile(const vt_model *model, uint32_t index, vt_block_profile *out);

#endif
