/* Cortex-M3 and M4: one instruction at a time; loads overlap with the load or store after them. */
#include "timing_model.h"

#include <string.h>

enum {
    T_LOAD = 1 << 0,  /* single, may overlap with the next */
    T_STORE = 1 << 1, /* single */
    T_NOP = 1 << 2,
    T_NARROW = 1 << 3,
    T_REGISTER_STORE = 1 << 4,
};

static uint32_t traits(const vt_instruction *in) {
    uint32_t bits = in->size_bytes == 2 ? T_NARROW : 0;
    if ((in->kind == VT_LOAD && !(in->results & VT_BIT(VT_PC))) || (in->kind == VT_FP_LOAD && in->words == 1))
        bits |= T_LOAD;
    if (in->kind == VT_STORE || (in->kind == VT_FP_STORE && in->words == 1))
        bits |= T_STORE | (in->attributes & VT_REGISTER_OFFSET ? T_REGISTER_STORE : 0);
    if (in->kind == VT_NOP)
        bits |= T_NOP;
    return bits;
}

/* `detail` of the state: core registers written by the instruction before, and above them the base it wrote
 * back. */
static uint32_t detail_of(const vt_instruction *in) {
    return (uint32_t)(vt_writes(in) & 0xffff) | (uint32_t)(in->base_result & 0xffff) << 16;
}

static uint32_t own_cycles(const int32_t *rules, const vt_instruction *in) {
    switch (in->kind) {
    case VT_MULTIPLY:
        return (uint32_t)rules[VT_M4_MULTIPLY];
    case VT_ACCUMULATE:
        return (uint32_t)rules[VT_M4_ACCUMULATE];
    case VT_LONG_MULTIPLY:
    case VT_LONG_ACCUMULATE:
        return (uint32_t)rules[VT_M4_LONG_MULTIPLY];
    case VT_DIVIDE:
        return (uint32_t)rules[VT_M4_DIVIDE];
    case VT_LOAD:
        return 1 + (in->results & VT_BIT(VT_PC) ? (uint32_t)rules[VT_M4_LOAD_PC] : 0);
    case VT_LOAD_PAIR:
    case VT_STORE_PAIR:
        return (uint32_t)rules[VT_M4_PAIR];
    case VT_LOAD_MULTIPLE:
    case VT_STORE_MULTIPLE:
    case VT_FP_LOAD_MULTIPLE:
    case VT_FP_STORE_MULTIPLE:
        return in->words + (uint32_t)rules[VT_M4_MULTIPLE];
    case VT_FP_LOAD:
    case VT_FP_STORE:
        return in->words > 1 ? (uint32_t)rules[VT_M4_PAIR] : 1 + (in->kind == VT_FP_STORE);
    case VT_TABLE_BRANCH:
        return (uint32_t)(rules[VT_M4_TABLE] - rules[VT_M4_REFILL]);
    case VT_BARRIER:
        return (uint32_t)rules[VT_M4_BARRIER];
    case VT_FP_ACCUMULATE:
    case VT_FP_FUSED:
        return (uint32_t)rules[VT_M4_FP_ACCUMULATE];
    case VT_FP_DIVIDE:
    case VT_FP_ROOT:
        return (uint32_t)rules[VT_M4_FP_DIVIDE];
    case VT_FP_FROM_CORE:
    case VT_FP_TO_CORE:
        return in->words;
    default:
        return 1;
    }
}

/* Whether the load before overlaps with this instruction. */
static bool overlaps(const int32_t *rules, const vt_state *state, const vt_instruction *in, uint32_t bits) {
    if (!rules[VT_M4_LOAD_PIPELINE] || !(bits & (T_LOAD | T_STORE)))
        return false;
    uint32_t written_back = state->detail >> 16;
    if (in->address & (state->detail & 0xffff) & ~written_back)
        return false;
    if (written_back || in->base_result)
        return rules[VT_M4_WRITEBACK_CHAIN] && !(in->address & written_back);
    return true;
}

static uint32_t wait(const int32_t *rules, vt_state *state, const vt_instruction *in, uint32_t bits,
                     vt_result *result) {
    uint32_t cycles = 0;
    if (state->older & T_LOAD && !overlaps(rules, state, in, bits)) {
        cycles += (uint32_t)rules[VT_M4_LOAD_EXTRA];
        result->lost[VT_LOST_LOAD_USE] += cycles;
    }
    if (state->older & T_STORE && bits & T_LOAD) {
        cycles += (uint32_t)rules[VT_M4_STORE_LOAD];
        result->lost[VT_LOST_BUSY] += (uint32_t)rules[VT_M4_STORE_LOAD];
    } else if (state->older & T_REGISTER_STORE) {
        cycles += (uint32_t)rules[VT_M4_STORE_REGISTER];
        result->lost[VT_LOST_BUSY] += (uint32_t)rules[VT_M4_STORE_REGISTER];
    }
    uint32_t fresh = state->detail & 0xffff & ~(state->detail >> 16);
    if (in->address & fresh && !(state->older & T_LOAD)) {
        cycles += (uint32_t)rules[VT_M4_ADDRESS_HAZARD];
        result->lost[VT_LOST_DEPENDENCY] += (uint32_t)rules[VT_M4_ADDRESS_HAZARD];
    }
    uint64_t reads = vt_reads(in);
    for (uint32_t r = VT_S0; r < VT_FLAGS; r++)
        if (reads & VT_BIT(r) && state->late[r] > cycles) {
            result->lost[VT_LOST_DEPENDENCY] += state->late[r] - cycles;
            cycles = state->late[r];
        }
    return cycles;
}

static uint32_t fetch(const int32_t *rules, vt_state *state, const vt_instruction *in) {
    if (in->size_bytes == 4 && in->addr & 2)
        state->run += state->run < 255;
    else
        state->run = 0;
    return state->run == 3 ? (uint32_t)rules[VT_M4_WIDE_RUN] : 0;
}

static uint32_t hidden(const int32_t *rules, const vt_state *state, const vt_instruction *in, uint32_t bits) {
    if (bits & T_NOP && state->older & (T_LOAD | T_REGISTER_STORE))
        return rules[VT_M4_NOP_FOLDING] != 0;
    if (in->kind == VT_IT && state->older & T_NARROW)
        return rules[VT_M4_IT_FOLDING] != 0;
    return 0;
}

static uint32_t unaligned(const int32_t *rules, const vt_record *record, uint32_t i, uint32_t bits,
                          uint32_t phases) {
    uint32_t access_bytes = record->instructions[i].access_bytes;
    if (!(bits & (T_LOAD | T_STORE)) || access_bytes < 2)
        return 0;
    uint32_t address = vt_address_bits(record, i, phases);
    return address < 8 && address & (access_bytes - 1) ? (uint32_t)rules[VT_M4_UNALIGNED] : 0;
}

static void age(vt_state *state, uint32_t cycles) {
    for (uint32_t r = VT_S0; r < VT_FLAGS; r++)
        state->late[r] = (uint8_t)(state->late[r] > cycles ? state->late[r] - cycles : 0);
}

static void evaluate(const int32_t *rules, const vt_record *record, uint32_t count, uint32_t phases,
                     vt_entry entry, vt_state *state, vt_result *result) {
    memset(result, 0, sizeof *result);
    uint32_t cycles = 0;
    if (entry == VT_ENTRY_TAKEN) {
        const vt_instruction *first = record->instructions;
        cycles = (uint32_t)rules[VT_M4_REFILL];
        if (first->size_bytes == 4 && first->addr & 2)
            cycles += (uint32_t)rules[VT_M4_UNALIGNED_TARGET];
        result->entry_cycles = cycles;
        result->lost[VT_LOST_BRANCH] = cycles;
        state->run = 0;
        if (state->older & T_LOAD)
            cycles += (uint32_t)rules[VT_M4_LOAD_EXTRA];
        state->older = 0;
        state->detail = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        const vt_instruction *in = &record->instructions[i];
        uint32_t bits = record->traits[i], own = own_cycles(rules, in);
        uint32_t waited = wait(rules, state, in, bits, result) + fetch(rules, state, in);
        own += unaligned(rules, record, i, bits, phases);
        own -= hidden(rules, state, in, bits);
        result->lost[VT_LOST_BUSY] += own > 1 ? own - 1 : 0;
        cycles += waited + own;
        age(state, waited + own);
        if (in->kind >= VT_FP_ADD && in->kind <= VT_FP_FUSED)
            for (uint32_t r = VT_S0; r < VT_FLAGS; r++)
                if (in->results & VT_BIT(r))
                    state->late[r] = (uint8_t)rules[VT_M4_FP_RESULT];
        state->older = bits;
        state->detail = detail_of(in);
    }
    result->cycles = cycles;
}

const vt_core vt_cortex_m4 = {"cortex-m4", VT_RULES_M4, false, true, 1, traits, evaluate};
const vt_core vt_cortex_m3 = {"cortex-m3", VT_RULES_M4, false, true, 1, traits, evaluate};
