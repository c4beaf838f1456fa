/* Cortex-M0+: two stages, so that every instruction has its own fixed cost. */
#include "timing_model.h"

#include <string.h>

static uint32_t no_traits(const vt_instruction *in) {
    (void)in;
    return 0;
}

static uint32_t own_cycles(const int32_t *rules, const vt_instruction *in) {
    switch (in->kind) {
    case VT_MULTIPLY:
        return (uint32_t)rules[VT_M0_MULTIPLY];
    case VT_LOAD:
    case VT_STORE:
        return (uint32_t)rules[VT_M0_MEMORY];
    case VT_LOAD_MULTIPLE:
    case VT_STORE_MULTIPLE:
        return in->words + (uint32_t)rules[VT_M0_MULTIPLE];
    case VT_BARRIER:
        return (uint32_t)rules[VT_M0_BARRIER];
    case VT_SYSTEM:
        return (uint32_t)(in->size_bytes == 4 ? rules[VT_M0_SYSTEM] : 1);
    default:
        return 1;
    }
}

/* What a taken branch costs beyond its own cycle. */
static uint32_t branch_cycles(const int32_t *rules, const vt_instruction *in) {
    switch (in->kind) {
    case VT_CALL:
        return (uint32_t)rules[VT_M0_CALL] - 1;
    case VT_BRANCH_REGISTER:
        return (uint32_t)rules[VT_M0_INDIRECT] - 1;
    case VT_LOAD_MULTIPLE:
        return (uint32_t)rules[VT_M0_RETURN] - (uint32_t)rules[VT_M0_MULTIPLE];
    default:
        return (uint32_t)rules[VT_M0_BRANCH] - 1;
    }
}

static void evaluate(const int32_t *rules, const vt_record *record, uint32_t count, uint32_t phases,
                     vt_entry entry, vt_state *state, vt_result *result) {
    (void)phases;
    memset(result, 0, sizeof *result);
    if (entry == VT_ENTRY_TAKEN) {
        result->cycles = result->entry_cycles = result->lost[VT_LOST_BRANCH] = state->detail;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t own = own_cycles(rules, &record->instructions[i]);
        result->cycles += own;
        result->lost[VT_LOST_BUSY] += own - 1;
    }
    const vt_instruction *last = count ? &record->instructions[count - 1] : NULL;
    state->detail = last && last->attributes & VT_WRITES_PC ? branch_cycles(rules, last) : 0;
}

const vt_core vt_cortex_m0plus = {"cortex-m0plus", VT_RULES_M0PLUS, false, false, 1, no_traits, evaluate};
