/* What the Cortex-M7's issue rules ask of an instruction. */
#include "timing_m7.h"

static uint32_t memory_traits(const vt_instruction *in) {
    switch (in->kind) {
    case VT_LOAD:
    case VT_TABLE_BRANCH:
        return T_LOAD | (in->access_bytes < 4 ? T_SUBWORD : 0);
    case VT_STORE:
        return T_STORE | (in->access_bytes < 4 ? T_SUBWORD : 0);
    case VT_PRELOAD:
        return T_LOAD;
    case VT_LOAD_PAIR:
    case VT_LOAD_MULTIPLE:
        return T_LOAD | T_ALONE;
    case VT_STORE_PAIR:
    case VT_STORE_MULTIPLE:
        return T_STORE | T_ALONE;
    case VT_FP_LOAD:
        return T_LOAD | T_FP | (in->words > 1 ? T_ALONE | T_FP_BLOCKED : 0);
    case VT_FP_STORE:
        return T_STORE | T_FP | (in->words > 1 ? T_ALONE | T_FP_BLOCKED : 0);
    case VT_FP_LOAD_MULTIPLE:
        return T_LOAD | T_FP | T_ALONE | T_FP_BLOCKED;
    case VT_FP_STORE_MULTIPLE:
        return T_STORE | T_FP | T_ALONE | T_FP_BLOCKED;
    default:
        return 0;
    }
}

uint32_t vt_m7_traits(const vt_instruction *in) {
    uint32_t bits = memory_traits(in);
    switch (in->kind) {
    case VT_ADD:
    case VT_MOVE:
        bits |= T_SIMPLE;
        break;
    case VT_SHIFT:
        bits |= T_SHIFT;
        break;
    case VT_EXTEND:
    case VT_COUNT:
    case VT_PARALLEL:
        bits |= T_BITFIELD;
        break;
    case VT_SATURATE:
        bits |= T_BITFIELD | (in->shifted && !in->operands ? T_SHIFTER : 0);
        break;
    case VT_EXTRACT:
    case VT_INSERT:
    case VT_REVERSE:
    case VT_EXTEND_ADD:
    case VT_PACK:
        bits |= T_BITFIELD | T_SHIFTER;
        break;
    case VT_MULTIPLY:
    case VT_ACCUMULATE:
    case VT_LONG_MULTIPLY:
    case VT_LONG_ACCUMULATE:
        bits |= T_MAC;
        break;
    case VT_DIVIDE:
    case VT_SYSTEM:
    case VT_BARRIER:
    case VT_UNKNOWN:
        bits |= T_ALONE;
        break;
    case VT_FP_ADD:
        bits |= T_FP | T_FP_ARITHMETIC | T_FP_BLOCKED;
        break;
    case VT_FP_MULTIPLY:
        bits |= T_FP | T_FP_ARITHMETIC;
        break;
    case VT_FP_ACCUMULATE:
    case VT_FP_FUSED:
        bits |= T_FP | T_FP_ARITHMETIC | T_FP_ACCUMULATES;
        break;
    case VT_FP_DIVIDE:
    case VT_FP_ROOT:
        bits |= T_FP | T_FP_ARITHMETIC | T_ALONE | T_FP_BLOCKED;
        break;
    case VT_FP_MOVE:
        bits |= T_FP | T_FP_MOVES | (in->operands ? 0 : T_FP_BLOCKED);
        break;
    case VT_FP_FROM_CORE:
    case VT_FP_TO_CORE:
        bits |= T_FP | T_FP_MOVES | (in->words > 1 ? T_ALONE : 0);
        break;
    default:
        break;
    }
    if (in->attributes & VT_WRITES_PC)
        bits |= T_BRANCH;
    if (in->attributes & (VT_SHIFTED | VT_SHIFTED_CONSTANT)) {
        bits |= T_SHIFTER;
        bits &= ~(uint32_t)T_SIMPLE;
    }
    return bits;
}
