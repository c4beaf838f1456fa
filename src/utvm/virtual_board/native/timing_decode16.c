/* 16-bit Thumb instructions. */
#include "timing_decode.h"

#define LOW(position) VT_BIT(vt_field(code, position, 3))

static uint64_t flags_if(bool set_flags) {
    return set_flags ? VT_BIT(VT_FLAGS) : 0;
}

static void shift_add_move(vt_instruction *out, uint32_t code, bool set_flags) {
    uint32_t operation = vt_field(code, 11, 5);
    out->results = flags_if(set_flags);
    if (operation < 3) { /* LSL, LSR, ASR; LSL #0 is MOV */
        out->kind = operation == 0 && vt_field(code, 6, 5) == 0 ? VT_MOVE : VT_SHIFT;
        if (out->kind == VT_MOVE)
            out->results = VT_BIT(VT_FLAGS);
        out->operands = LOW(3);
        out->results |= LOW(0);
    } else if (operation == 3) {
        out->kind = VT_ADD;
        out->operands = LOW(3) | (code & 0x400 ? 0 : LOW(6));
        out->results |= LOW(0);
    } else if (operation == 4) {
        out->kind = VT_MOVE;
        out->results |= LOW(8);
    } else if (operation == 5) { /* CMP */
        out->kind = VT_LOGIC;
        out->operands = LOW(8);
        out->results = VT_BIT(VT_FLAGS);
    } else {
        out->kind = VT_ADD;
        out->operands = LOW(8);
        out->results |= LOW(8);
    }
}

static void data_processing(vt_instruction *out, uint32_t code, bool set_flags) {
    uint32_t operation = vt_field(code, 6, 4);
    out->kind = VT_LOGIC;
    out->operands = LOW(0) | LOW(3);
    out->results = LOW(0) | flags_if(set_flags);
    switch (operation) {
    case 2:
    case 3:
    case 4:
    case 7:
        out->kind = VT_SHIFT;
        out->attributes |= VT_REGISTER_SHIFT;
        break;
    case 5:
    case 6: /* ADC, SBC */
        out->operands |= VT_BIT(VT_FLAGS);
        break;
    case 8:
    case 10:
    case 11: /* TST, CMP, CMN */
        out->results = VT_BIT(VT_FLAGS);
        break;
    case 9: /* RSB #0 */
        out->operands = LOW(3);
        break;
    case 13:
        out->kind = VT_MULTIPLY;
        out->factors = out->operands;
        out->operands = 0;
        break;
    case 15: /* MVN */
        out->kind = VT_MOVE;
        out->operands = LOW(3);
        break;
    default:
        break;
    }
}

static void high_registers(vt_instruction *out, uint32_t code) {
    uint64_t target = VT_BIT(vt_field(code, 0, 3) | (code >> 4 & 8));
    uint64_t source = VT_BIT(vt_field(code, 3, 4));
    switch (vt_field(code, 8, 2)) {
    case 0:
        out->kind = VT_ADD;
        out->operands = target | source;
        out->results = target;
        break;
    case 1:
        out->kind = VT_LOGIC;
        out->operands = target | source;
        out->results = VT_BIT(VT_FLAGS);
        break;
    case 2:
        out->kind = VT_MOVE;
        out->operands = source;
        out->results = target;
        break;
    default:
        out->kind = VT_BRANCH_REGISTER;
        out->operands = source;
        out->results = VT_BIT(VT_PC);
        if (code & 0x80) {
            out->results |= VT_BIT(VT_LR);
            out->attributes |= VT_CALLS;
        } else if (source == VT_BIT(VT_LR)) {
            out->attributes |= VT_RETURNS;
        }
    }
    if (out->kind != VT_BRANCH_REGISTER && out->results & VT_BIT(VT_PC))
        out->kind = VT_BRANCH_REGISTER;
}

static void memory_access(vt_instruction *out, bool load, uint32_t size_bytes, uint32_t base, int32_t offset,
                          uint64_t data) {
    out->kind = load ? VT_LOAD : VT_STORE;
    out->access_bytes = (uint8_t)size_bytes;
    out->words = 1;
    out->base = (uint8_t)base;
    out->offset = offset;
    out->address |= VT_BIT(base);
    *(load ? &out->results : &out->stored) = data;
}

static void load_store(vt_instruction *out, uint32_t code) {
    if ((code & 0xf000) == 0x5000) {
        static const uint8_t sizes[] = {4, 2, 1, 1, 4, 2, 1, 2};
        uint32_t operation = vt_field(code, 9, 3);
        memory_access(out, operation >= 3, sizes[operation], vt_field(code, 3, 3), 0, LOW(0));
        out->index = (uint8_t)vt_field(code, 6, 3);
        out->address |= LOW(6);
        out->attributes |= VT_REGISTER_OFFSET;
        return;
    }
    bool load = code & 0x800;
    uint32_t immediate = vt_field(code, 6, 5);
    switch (code >> 12) {
    case 6:
        memory_access(out, load, 4, vt_field(code, 3, 3), (int32_t)immediate * 4, LOW(0));
        break;
    case 7:
        memory_access(out, load, 1, vt_field(code, 3, 3), (int32_t)immediate, LOW(0));
        break;
    case 8:
        memory_access(out, load, 2, vt_field(code, 3, 3), (int32_t)immediate * 2, LOW(0));
        break;
    default:
        memory_access(out, load, 4, VT_SP, (int32_t)vt_field(code, 0, 8) * 4, LOW(8));
    }
}

static uint8_t count_bits(uint32_t value) {
    uint8_t count = 0;
    for (; value; value &= value - 1)
        count++;
    return count;
}

static void load_store_multiple(vt_instruction *out, uint32_t base, uint32_t list, bool load,
                                int32_t change) {
    out->kind = load ? VT_LOAD_MULTIPLE : VT_STORE_MULTIPLE;
    out->words = count_bits(list);
    out->access_bytes = 4;
    out->base = (uint8_t)base;
    out->address = VT_BIT(base);
    *(load ? &out->results : &out->stored) = list;
    if (change) {
        out->attributes |= VT_WRITEBACK | VT_POST_INDEXED;
        out->base_change = change;
        out->base_result = VT_BIT(base);
    }
    if (load && list & VT_BIT(VT_PC))
        out->attributes |= VT_RETURNS;
}

static void miscellaneous(vt_instruction *out, uint32_t code) {
    uint32_t low_list = code & 0xff;
    switch (vt_field(code, 8, 4)) {
    case 0x0:
        out->kind = VT_ADD;
        out->operands = out->results = VT_BIT(VT_SP);
        return;
    case 0x1:
    case 0x3:
    case 0x9:
    case 0xb:
        out->kind = VT_COMPARE_BRANCH;
        out->attributes |= VT_CONDITIONAL;
        out->operands = LOW(0);
        out->results = VT_BIT(VT_PC);
        out->offset = (int32_t)(vt_field(code, 3, 5) * 2 + vt_field(code, 9, 1) * 64 + 4);
        return;
    case 0x2:
        out->kind = VT_EXTEND;
        out->operands = LOW(3);
        out->results = LOW(0);
        return;
    case 0x4:
    case 0x5:
        load_store_multiple(out, VT_SP, low_list | (code & 0x100) << 6, false, -1);
        out->base_change = -4 * out->words;
        out->offset = out->base_change;
        return;
    case 0xc:
    case 0xd:
        load_store_multiple(out, VT_SP, low_list | (code & 0x100) << 7, true, 1);
        out->base_change = 4 * out->words;
        return;
    case 0x6:
        out->kind = VT_SYSTEM; /* CPS */
        return;
    case 0xa:
        if (vt_field(code, 6, 2) == 2)
            return;
        out->kind = VT_REVERSE;
        out->shifted = LOW(3);
        out->results = LOW(0);
        return;
    case 0xe:
        out->kind = VT_SYSTEM; /* BKPT */
        return;
    case 0xf:
        out->kind = code & 0xf ? VT_IT : (code & 0xf0) == 0 ? VT_NOP : VT_SYSTEM;
        return;
    default:
        return;
    }
}

static void branch(vt_instruction *out, uint32_t code) {
    if (code >> 12 == 0xd) {
        uint32_t condition = vt_field(code, 8, 4);
        if (condition >= 14) { /* UDF, SVC */
            out->kind = condition == 15 ? VT_SYSTEM : VT_UNKNOWN;
            return;
        }
        out->attributes |= VT_CONDITIONAL;
        out->operands = VT_BIT(VT_FLAGS);
        out->offset = vt_signed(code & 0xff, 8) * 2 + 4;
    } else {
        out->offset = vt_signed(code & 0x7ff, 11) * 2 + 4;
    }
    out->kind = VT_BRANCH;
    out->results = VT_BIT(VT_PC);
}

void vt_decode_16(vt_instruction *out, uint16_t code, bool set_flags) {
    switch (code >> 12) {
    case 0:
    case 1:
    case 2:
    case 3:
        shift_add_move(out, code, set_flags);
        break;
    case 4:
        if (code & 0x800) {
            memory_access(out, true, 4, VT_PC, (int32_t)vt_field(code, 0, 8) * 4, LOW(8));
            out->attributes |= VT_LITERAL;
        } else if (code & 0x400) {
            high_registers(out, code);
        } else {
            data_processing(out, code, set_flags);
        }
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        load_store(out, code);
        break;
    case 10:
        out->kind = VT_ADD;
        out->operands = code & 0x800 ? VT_BIT(VT_SP) : VT_BIT(VT_PC);
        out->results = LOW(8);
        break;
    case 11:
        miscellaneous(out, code);
        break;
    case 12: {
        uint32_t base = vt_field(code, 8, 3), list = code & 0xff;
        bool load = code & 0x800;
        if (list) {
            load_store_multiple(out, base, list, load, load && list & 1u << base ? 0 : 4);
            out->base_change *= out->words;
        }
        break;
    }
    default:
        branch(out, code);
    }
}
