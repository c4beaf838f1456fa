/* Cortex-M33: in order, one instruction a cycle, except that a few 16-bit ones ride along with the one
 * before. */
#include "timing_model.h"

#include <string.h>

enum {
    T_NARROW = 1 << 0,
    T_NOP = 1 << 1,
    T_IT = 1 << 2,
    T_BRANCH = 1 << 3,
    T_SETS_FLAGS = 1 << 4,
    T_TWO_STAGES = 1 << 5, /* the result comes out of the second stage */
    T_FP_ACCUMULATES = 1 << 6,
    T_FP = 1 << 7,
    T_INDIRECT = 1 << 8,
    T_RETURN = 1 << 9,
};

static bool two_stages(const vt_instruction *in) {
    switch (in->kind) {
    case VT_MULTIPLY:
    case VT_ACCUMULATE:
    case VT_LONG_MULTIPLY:
    case VT_LONG_ACCUMULATE:
    case VT_EXTEND_ADD:
    case VT_PARALLEL:
    case VT_SATURATE:
    case VT_PACK:
        return true;
    default:
        return in->attributes & (VT_SHIFTED | VT_SHIFTED_CONSTANT);
    }
}

static uint32_t traits(const vt_instruction *in) {
    uint32_t bits = in->size_bytes == 2 ? T_NARROW : 0;
    if (in->kind == VT_NOP)
        bits |= T_NOP;
    if (in->kind == VT_IT)
        bits |= T_IT;
    if (in->attributes & VT_WRITES_PC)
        bits |= T_BRANCH;
    if (in->attributes & VT_WRITES_PC && in->kind != VT_BRANCH && in->kind != VT_COMPARE_BRANCH &&
        in->kind != VT_CALL)
        bits |= in->kind == VT_BRANCH_REGISTER ? T_INDIRECT : T_RETURN;
    if (in->results & VT_BIT(VT_FLAGS))
        bits |= T_SETS_FLAGS;
    if (two_stages(in))
        bits |= T_TWO_STAGES;
    if (in->kind == VT_FP_ACCUMULATE || in->kind == VT_FP_FUSED)
        bits |= T_FP_ACCUMULATES;
    if (in->kind >= VT_FP_LOAD)
        bits |= T_FP;
    return bits;
}

typedef struct {
    const int32_t *rules;
    vt_state *state;
    vt_result *result;
    int32_t now;
    int32_t late[VT_REGISTERS], addend[VT_REGISTERS]; /* `early` of the state holds the latter */
    int32_t fp_busy;
} pipeline;

static int32_t latest(const int32_t *times, uint64_t registers, int32_t offset, int32_t bound) {
    for (; registers; registers &= registers - 1) {
        int32_t time = times[__builtin_ctzll(registers)] + offset;
        bound = time > bound ? time : bound;
    }
    return bound;
}

static bool rides(const pipeline *p, const vt_instruction *in, uint32_t bits) {
    const vt_state *state = p->state;
    if (!state->open || !(bits & T_NARROW) || !(state->older & T_NARROW))
        return false;
    if (bits & T_BRANCH && in->kind != VT_BRANCH_REGISTER)
        return p->rules[VT_M33_BRANCH_FOLDING] && !(bits & T_RETURN);
    if (bits & T_BRANCH)
        return p->rules[VT_M33_BRANCH_FOLDING];
    if (bits & T_IT)
        return p->rules[VT_M33_IT_FOLDING];
    return state->older & T_NOP && p->rules[VT_M33_NOP_FOLDING];
}

static int32_t cycles_of(const int32_t *rules, const vt_instruction *in, uint32_t bits) {
    switch (in->kind) {
    case VT_MULTIPLY:
        return bits & T_SETS_FLAGS ? rules[VT_M33_FLAG_MULTIPLY] : 1;
    case VT_DIVIDE:
        return rules[VT_M33_DIVIDE];
    case VT_LOAD_PAIR:
    case VT_STORE_PAIR:
        return rules[VT_M33_PAIR];
    case VT_LOAD_MULTIPLE:
    case VT_STORE_MULTIPLE:
    case VT_FP_LOAD_MULTIPLE:
    case VT_FP_STORE_MULTIPLE:
        return in->words;
    case VT_FP_LOAD:
    case VT_FP_STORE:
        return in->words;
    case VT_TABLE_BRANCH:
        return rules[VT_M33_TABLE] - rules[VT_M33_RETURN];
    case VT_FP_DIVIDE:
    case VT_FP_ROOT:
        return rules[VT_M33_FP_DIVIDE];
    case VT_FP_TO_CORE:
        return in->words;
    case VT_BARRIER:
        return rules[VT_M33_BARRIER];
    default:
        break;
    }
    if (bits & T_SETS_FLAGS && in->attributes & VT_SHIFTED_CONSTANT)
        return rules[VT_M33_FLAG_MULTIPLY];
    return 1;
}

/* `more` are cycles the instruction took beyond one: its second stage is over that much earlier after it. */
static void produce(pipeline *p, const vt_instruction *in, uint32_t bits, int32_t more) {
    const int32_t *rules = p->rules;
    int32_t late = 1, addend = 1;
    bool loads = in->kind == VT_LOAD || in->kind == VT_LOAD_PAIR || in->kind == VT_LOAD_MULTIPLE;
    if (loads) {
        late = rules[VT_M33_LOAD_RESULT];
        addend = rules[VT_M33_LOAD_TO_ADDEND];
    } else if (bits & T_FP_ACCUMULATES) {
        late = rules[VT_M33_FP_ACCUMULATE] + 1;
        addend = rules[VT_M33_FP_ACCUMULATE];
        p->fp_busy = p->now + rules[VT_M33_FP_ACCUMULATE];
    } else if (bits & T_FP && in->kind >= VT_FP_ADD && in->kind <= VT_FP_MULTIPLY) {
        late = addend = rules[VT_M33_FP_RESULT];
    } else if (in->kind == VT_FP_TO_CORE && in->words == 1) {
        late = addend = rules[VT_M33_FP_RESULT];
    } else if (in->kind == VT_PARALLEL || in->kind == VT_SATURATE || in->kind == VT_PACK) {
        late = addend = rules[VT_M33_DSP_RESULT];
    } else if (in->attributes & (VT_SHIFTED | VT_SHIFTED_CONSTANT)) {
        late = rules[VT_M33_SHIFTED_RESULT] - more;
    } else if (bits & T_TWO_STAGES) {
        late = rules[VT_M33_MULTIPLY_RESULT] - more;
    }
    for (uint64_t written = in->results; written; written &= written - 1) {
        int r = __builtin_ctzll(written);
        p->late[r] = p->now + (r == VT_FLAGS && !(in->attributes & VT_SHIFTED) ? 1 : late);
        p->addend[r] = p->now + addend;
    }
    for (uint64_t written = in->base_result; written; written &= written - 1)
        p->late[__builtin_ctzll(written)] = p->addend[__builtin_ctzll(written)] = p->now + 1;
    if (loads || in->kind == VT_FP_LOAD)
        p->state->loaded |= in->results;
}

static void issue(pipeline *p, const vt_instruction *in, uint32_t bits) {
    const int32_t *rules = p->rules;
    uint64_t late = in->address | in->shifted | in->factors | in->operands;
    bool chains = in->kind == VT_EXTEND_ADD; /* adds in the second stage, as a MAC does */
    if (bits & T_BRANCH && in->attributes & VT_CONDITIONAL)
        late &= ~VT_BIT(VT_FLAGS); /* folded or predicted; a taken one pays below */
    int32_t time = latest(p->late, chains ? late & ~in->operands : late, 0, 0);
    time = latest(p->addend, in->addends | (chains ? in->operands : 0), 0, time);
    uint64_t loaded = in->stored & p->state->loaded;
    time = latest(p->addend, in->stored & ~loaded, 0, time);
    time = latest(p->late, loaded, rules[VT_M33_LOAD_TO_STORE] - rules[VT_M33_LOAD_RESULT], time);
    if (bits & T_FP)
        time = p->fp_busy > time ? p->fp_busy : time;
    bool riding = time <= p->now && rides(p, in, bits);
    if (!riding) {
        int32_t at = time > p->now + 1 ? time : p->now + 1;
        bool by_load = vt_reads(in) & p->state->loaded;
        p->result->lost[by_load ? VT_LOST_LOAD_USE : VT_LOST_DEPENDENCY] += (uint32_t)(at - p->now - 1);
        p->now = at;
    }
    int32_t more = riding ? 0 : cycles_of(rules, in, bits) - 1;
    p->now += more;
    p->result->lost[VT_LOST_BUSY] += (uint32_t)more;
    p->state->loaded &= ~vt_writes(in);
    produce(p, in, bits, more);
    if (bits & T_BRANCH) {
        int32_t bubble = rules[VT_M33_BRANCH] - 1;
        if (bits & T_RETURN)
            bubble = rules[VT_M33_RETURN];
        else if (bits & T_INDIRECT)
            bubble = rules[VT_M33_INDIRECT] - !riding;
        else if (riding && p->state->older & T_SETS_FLAGS)
            bubble = rules[VT_M33_BRANCH];
        p->state->detail = (uint32_t)bubble;
    }
    p->state->open = !riding;
    p->state->older = bits;
}

static uint8_t remaining(int32_t time, int32_t now) {
    return (uint8_t)(time <= now + 1 ? 0 : time - now > 200 ? 200 : time - now);
}

static void evaluate(const int32_t *rules, const vt_record *record, uint32_t count, uint32_t phases,
                     vt_entry entry, vt_state *state, vt_result *result) {
    (void)phases;
    pipeline p = {.rules = rules, .state = state, .result = result, .fp_busy = state->fp_busy};
    for (int r = 0; r < VT_REGISTERS; r++) {
        p.late[r] = state->late[r];
        p.addend[r] = state->early[r];
    }
    memset(result, 0, sizeof *result);
    if (entry == VT_ENTRY_TAKEN) {
        p.now = (int32_t)state->detail;
        result->entry_cycles = state->detail;
        result->lost[VT_LOST_BRANCH] = state->detail;
    }
    if (entry != VT_ENTRY_FALL_THROUGH)
        state->open = 0;
    state->detail = 0;
    for (uint32_t i = 0; i < count; i++)
        issue(&p, &record->instructions[i], record->traits[i]);
    for (int r = 0; r < VT_REGISTERS; r++) {
        state->late[r] = remaining(p.late[r], p.now);
        state->early[r] = remaining(p.addend[r], p.now);
        if (!state->late[r])
            state->loaded &= ~VT_BIT(r);
    }
    state->fp_busy = remaining(p.fp_busy, p.now);
    result->cycles = (uint32_t)p.now;
}

const vt_core vt_cortex_m33 = {"cortex-m33", VT_RULES_M33, false, false, 1, traits, evaluate};
