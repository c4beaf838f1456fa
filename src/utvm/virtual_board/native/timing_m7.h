/* What the Cortex-M7's issue rules ask of an instruction. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_M7_H
#define UTVM_VIRTUAL_BOARD_TIMING_M7_H

#include "timing_decode.h"

enum {
    T_LOAD = 1 << 0,
    T_STORE = 1 << 1,
    T_ALONE = 1 << 2,
    T_MAC = 1 << 3,
    T_BITFIELD = 1 << 4, /* older slot only */
    T_SHIFTER = 1 << 5,  /* uses the shifter in front of the ALU */
    T_BRANCH = 1 << 6,
    T_FP = 1 << 7,
    T_FP_ARITHMETIC = 1 << 8,
    T_FP_ACCUMULATES = 1 << 9,
    T_FP_MOVES = 1 << 10,
    T_SIMPLE = 1 << 11, /* may use the early ALU from the older slot */
    T_SHIFT = 1 << 12,  /* may use the early ALU from either slot */
    T_SUBWORD = 1 << 13,
    T_FP_BLOCKED = 1 << 14, /* waits until an accumulation has left the adder */
};

/* The traits above that an instruction has. */
uint32_t vt_m7_traits(const vt_instruction *in);

#endif
