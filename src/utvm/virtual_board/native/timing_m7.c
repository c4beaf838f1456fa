/* Cortex-M7: in order, up to two instructions a cycle, an early and a late ALU one cycle apart. */
#include "timing_m7.h"
#include "timing_model.h"

#include <string.h>

/* Evaluation: times are cycles after the last issue before the block. */
typedef struct {
    const int32_t *rules;
    vt_state *state;
    vt_result *result;
    int32_t now; /* cycle of the last issue */
    int32_t late[VT_REGISTERS], early[VT_REGISTERS], factor[VT_REGISTERS];
    int32_t flags_set;
    int32_t fp_busy;
    int32_t drained;
} pipeline;

static int32_t latest(const int32_t *times, uint64_t registers, int32_t offset, int32_t bound) {
    for (; registers; registers &= registers - 1) {
        int32_t time = times[__builtin_ctzll(registers)] + offset;
        bound = time > bound ? time : bound;
    }
    return bound;
}

static const uint64_t FP_REGISTERS = UINT64_C(0xffffffff) << VT_S0;

static int32_t ready(const pipeline *p, const vt_instruction *in, uint32_t bits) {
    int32_t time = 0;
    uint64_t early = in->address | in->shifted;
    uint64_t late = in->operands;
    if (in->kind == VT_PACK && in->attributes & VT_TOP_HALF && p->rules[VT_M7_PACK_TOP])
        early |= late;
    if (bits & T_BRANCH)
        late &= ~VT_BIT(VT_FLAGS); /* predicted */
    time = latest(p->early, early, 0, time);
    /* Beside an early operand even a late one cannot come straight from a load. */
    time = latest(in->shifted && p->rules[VT_M7_LOAD_BESIDE_EARLY] ? p->factor : p->late, late, 0, time);
    time = latest(p->factor, in->factors, 0, time);
    if (in->addends & FP_REGISTERS)
        time = latest(p->early, in->addends, in->kind == VT_FP_ACCUMULATE ? -1 : 0, time);
    else
        time = latest(p->late, in->addends, -1, time);
    time = latest(p->late, in->stored, -2, time);
    if (bits & T_FP_BLOCKED)
        time = p->fp_busy > time ? p->fp_busy : time;
    return time;
}

/* Whether `bits` may issue in the cycle of the older instruction with traits `older`. */
static bool may_pair(const pipeline *p, uint32_t older, uint32_t bits, uint32_t bank) {
    const int32_t *rules = p->rules;
    if (!rules[VT_M7_DUAL_ISSUE] || (older | bits) & T_ALONE)
        return false;
    if (older & bits & (T_MAC | T_STORE | T_FP_ARITHMETIC))
        return false;
    if (older & T_MAC && !rules[VT_M7_MAC_OLDER])
        return false;
    uint32_t both = older | bits;
    if (both & T_MAC) {
        if (both & T_STORE && !rules[VT_M7_MAC_STORE])
            return false;
        if (both & T_LOAD && !rules[VT_M7_MAC_LOAD])
            return false;
        if (both & T_BITFIELD && !rules[VT_M7_MAC_BITFIELD])
            return false;
    }
    if (bits & T_BITFIELD && (older & T_BITFIELD || !rules[VT_M7_BITFIELD_YOUNGER]))
        return false;
    if (older & bits & T_SHIFTER && !rules[VT_M7_SHIFTER_PAIRING])
        return false;
    if (older & T_LOAD && bits & T_LOAD) {
        if (!rules[VT_M7_LOAD_LOAD])
            return false;
        if (rules[VT_M7_BANKS] && p->state->bank == bank)
            return false;
    }
    if (((older & T_LOAD && bits & T_STORE) || (older & T_STORE && bits & T_LOAD)) &&
        !rules[VT_M7_LOAD_STORE])
        return false;
    if (older & T_BRANCH && !rules[VT_M7_BRANCH_PAIRING])
        return false;
    if (both & T_FP_ACCUMULATES && older & bits & T_FP)
        return false;
    if (bits & T_FP && !(bits & T_FP_ARITHMETIC) && p->fp_busy > p->now)
        return false;
    return true;
}

static void produce(pipeline *p, uint64_t registers, int32_t late, int32_t early, int32_t factor) {
    for (; registers; registers &= registers - 1) {
        int r = __builtin_ctzll(registers);
        p->late[r] = late;
        p->early[r] = early;
        p->factor[r] = factor;
    }
}

static void stay(pipeline *p, int32_t cycles, vt_cause cause) {
    if (cycles <= 0)
        return;
    p->now += cycles;
    p->result->lost[cause] += 2 * (uint32_t)cycles;
    p->state->open = 0;
}

static bool uses_early_alu(const pipeline *p, const vt_instruction *in, uint32_t bits, uint32_t older,
                           bool younger) {
    if (!p->rules[VT_M7_EARLY_ALU])
        return false;
    bool suits = (bits & T_SIMPLE && !younger) || (bits & T_SHIFT && !(younger && older & T_SHIFTER));
    uint64_t sources = in->operands & ~VT_BIT(VT_PC);
    return suits && latest(p->early, sources, 0, INT32_MIN) <= p->now;
}

static void produce_memory(pipeline *p, const vt_instruction *in, uint32_t bits) {
    const int32_t *rules = p->rules;
    int32_t extra = rules[VT_M7_EARLY_EXTRA];
    if (in->words > 1) {
        int32_t width = rules[VT_M7_MULTIPLE_PER_CYCLE];
        stay(p, (in->words + width - 1) / width - 1, VT_LOST_BUSY);
        p->state->open = 0;
    }
    int32_t now = p->now;
    produce(p, in->base_result, now, now + 1, now);
    if (bits & T_LOAD) {
        int32_t late = now + rules[VT_M7_LOAD_RESULT];
        if (in->kind == VT_FP_LOAD || in->kind == VT_FP_LOAD_MULTIPLE) {
            produce(p, in->results, late, now + 3, late);
        } else {
            if (bits & T_SUBWORD)
                late += rules[VT_M7_SUBWORD_EXTRA];
            int32_t factor = now + rules[VT_M7_LOAD_TO_MAC];
            produce(p, in->results, late, late + extra, factor > late ? factor : late);
        }
        p->state->loaded |= in->results;
    } else if (rules[VT_M7_SUBWORD_STORE] && bits & T_SUBWORD) {
        p->drained = (p->drained > now ? p->drained : now) + rules[VT_M7_SUBWORD_STORE];
        stay(p, p->drained - now - rules[VT_M7_STORE_BUFFER] * rules[VT_M7_SUBWORD_STORE], VT_LOST_BUSY);
    }
}

static void produce_fp(pipeline *p, const vt_instruction *in) {
    const int32_t *rules = p->rules;
    int32_t now = p->now, result = now + rules[VT_M7_FP_RESULT];
    bool is_double = in->attributes & VT_DOUBLE;
    switch (in->kind) {
    case VT_FP_ACCUMULATE:
    case VT_FP_FUSED: {
        if (is_double)
            stay(p, 7, VT_LOST_BUSY);
        int32_t late = p->now + rules[VT_M7_FP_FUSED_RESULT] + (in->kind == VT_FP_ACCUMULATE);
        produce(p, in->results, late, p->now + 3 + (in->kind == VT_FP_ACCUMULATE), late);
        p->fp_busy = p->now + 1 + rules[VT_M7_FP_BUSY];
        return;
    }
    case VT_FP_DIVIDE:
    case VT_FP_ROOT: {
        int32_t cycles = rules[in->kind == VT_FP_DIVIDE ? VT_M7_FP_DIVIDE : VT_M7_FP_ROOT];
        stay(p, (is_double ? 2 * cycles : cycles) - 1, VT_LOST_BUSY);
        produce(p, in->results, p->now + 1, p->now + 1, p->now + 1);
        return;
    }
    case VT_FP_TO_CORE:
        produce(p, in->results, now + rules[VT_M7_FP_TO_CORE], now + rules[VT_M7_FP_TO_CORE] + 1,
                now + rules[VT_M7_FP_TO_MAC]);
        return;
    case VT_FP_MULTIPLY:
        if (is_double)
            stay(p, 4, VT_LOST_BUSY);
        result = p->now + rules[VT_M7_FP_RESULT];
        break;
    default:
        break;
    }
    produce(p, in->results, result, result, result);
}

static void produce_core(pipeline *p, const vt_instruction *in, uint32_t bits, uint32_t older, bool younger) {
    const int32_t *rules = p->rules;
    int32_t now = p->now, extra = rules[VT_M7_EARLY_EXTRA];
    uint64_t results = in->results & ~(VT_BIT(VT_FLAGS) | VT_BIT(VT_PC));
    if (bits & T_MAC) {
        int32_t late = now + rules[VT_M7_MAC_RESULT];
        produce(p, results, late, now + rules[VT_M7_MAC_TO_EARLY], late);
    } else if (in->kind == VT_SATURATE) {
        int32_t late = now + rules[VT_M7_SATURATE_RESULT];
        produce(p, results, late, late + extra, late);
    } else if (in->kind == VT_REVERSE) {
        produce(p, results, now, now + 2, now);
    } else if (in->kind == VT_DIVIDE) {
        stay(p, rules[VT_M7_DIVIDE] - 1, VT_LOST_BUSY);
        produce(p, results, p->now + 1, p->now + 1 + extra, p->now + 1);
    } else if (in->kind == VT_BARRIER) {
        stay(p, rules[VT_M7_BARRIER] - 1, VT_LOST_BUSY);
    } else if (uses_early_alu(p, in, bits, older, younger)) {
        produce(p, results, now, now + 1, now);
    } else {
        produce(p, results, now + 1, now + 1 + extra, now + 1);
    }
}

static void lose(pipeline *p, const vt_instruction *in, int32_t time, int32_t at) {
    uint32_t slots = p->state->open + 2 * (uint32_t)(at - p->now - 1);
    if (time <= p->now) {
        p->result->lost[VT_LOST_PAIRING] += slots;
        return;
    }
    bool by_load = vt_reads(in) & p->state->loaded;
    p->result->lost[by_load ? VT_LOST_LOAD_USE : VT_LOST_DEPENDENCY] += slots;
}

static void issue(pipeline *p, const vt_record *record, uint32_t i, uint32_t phases) {
    const vt_instruction *in = &record->instructions[i];
    vt_state *state = p->state;
    uint32_t bits = record->traits[i], address = 8, bank = 2;
    if (bits & T_LOAD && !(bits & T_ALONE)) {
        address = vt_address_bits(record, i, phases);
        if (address < 8)
            bank = address >> 2;
        else if (state->bank < 2 || record->guesses)
            bank = phases >> 31; /* not known: conflicts every other time */
    }
    int32_t time = ready(p, in, bits);
    uint32_t older = state->older;
    bool younger = state->open && time <= p->now && may_pair(p, older, bits, bank);
    if (!younger) {
        int32_t at = time > p->now + 1 ? time : p->now + 1;
        lose(p, in, time, at);
        p->now = at;
        state->older = bits;
        state->bank = (uint8_t)bank;
    }
    state->open = !younger;
    state->loaded &= ~vt_writes(in);
    if (bits & T_ALONE) {
        state->open = 0;
        p->result->lost[VT_LOST_BUSY]++;
    }
    if (bits & (T_LOAD | T_STORE))
        produce_memory(p, in, bits);
    else if (bits & T_FP)
        produce_fp(p, in);
    else
        produce_core(p, in, bits, older, younger);
    if (in->results & VT_BIT(VT_FLAGS)) {
        p->flags_set = p->now;
        p->late[VT_FLAGS] = p->now + 1;
    }
    if (bits & T_LOAD && address < 8 && in->access_bytes > 1 && address & (in->access_bytes - 1u))
        stay(p, p->rules[VT_M7_UNALIGNED], VT_LOST_BUSY);
}

static void enter(pipeline *p, vt_entry entry, const vt_instruction *first) {
    vt_state *state = p->state;
    int32_t cycles = 0;
    if (entry == VT_ENTRY_TAKEN)
        cycles = p->rules[VT_M7_TAKEN];
    if (entry == VT_ENTRY_MISPREDICTED_TAKEN || entry == VT_ENTRY_MISPREDICTED_FALL_THROUGH) {
        bool early = state->flags_age >= p->rules[VT_M7_EARLY_FLAGS];
        cycles = p->rules[early ? VT_M7_MISPREDICT_EARLY : VT_M7_MISPREDICT];
    }
    if (entry != VT_ENTRY_FALL_THROUGH) {
        if (p->rules[VT_M7_FETCH] && first->size_bytes == 4 && first->addr & 4 && entry != VT_ENTRY_FRESH)
            cycles += p->rules[VT_M7_FETCH];
        p->result->lost[VT_LOST_BRANCH] += state->open + 2 * (uint32_t)cycles;
        state->open = 0;
    }
    p->now += cycles;
    p->result->entry_cycles = (uint32_t)cycles;
}

static uint8_t remaining(int32_t time, int32_t now) {
    return (uint8_t)(time <= now ? 0 : time - now > 200 ? 200 : time - now);
}

static void evaluate(const int32_t *rules, const vt_record *record, uint32_t count, uint32_t phases,
                     vt_entry entry, vt_state *state, vt_result *result) {
    pipeline p = {.rules = rules, .state = state, .result = result};
    for (int r = 0; r < VT_REGISTERS; r++) {
        p.late[r] = state->late[r];
        p.early[r] = state->early[r];
        p.factor[r] = state->factor[r];
    }
    p.flags_set = -(int32_t)state->flags_age;
    p.fp_busy = state->fp_busy;
    p.drained = state->drain;
    memset(result, 0, sizeof *result);
    enter(&p, entry, record->instructions);
    for (uint32_t i = 0; i < count; i++)
        issue(&p, record, i, phases);
    for (int r = 0; r < VT_REGISTERS; r++) {
        state->late[r] = remaining(p.late[r], p.now);
        state->early[r] = remaining(p.early[r], p.now);
        state->factor[r] = remaining(p.factor[r], p.now);
        if (!(state->late[r] | state->early[r] | state->factor[r]))
            state->loaded &= ~VT_BIT(r);
    }
    state->flags_age = (uint8_t)(p.now - p.flags_set > 7 ? 7 : p.now - p.flags_set);
    state->fp_busy = remaining(p.fp_busy, p.now);
    state->drain = remaining(p.drained, p.now);
    if (!state->open) {
        state->older = 0;
        state->bank = 2;
    }
    result->cycles = (uint32_t)p.now;
}

const vt_core vt_cortex_m7 = {"cortex-m7", VT_RULES_M7, true, true, 2, vt_m7_traits, evaluate};
