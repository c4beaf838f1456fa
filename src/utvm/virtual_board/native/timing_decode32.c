/* 32-bit Thumb instructions except loads, stores and floating point. */
#include "timing_decode.h"

static void alu(vt_instruction *out, uint64_t operands, uint32_t rd, bool set_flags) {
    out->operands = operands;
    out->results = (rd == VT_NO_REGISTER ? 0 : VT_BIT(rd)) | (set_flags ? VT_BIT(VT_FLAGS) : 0);
}

/* Data processing with operation number `operation`, whose second operand is read elsewhere. False if
 * undefined. */
static bool operation_2(vt_instruction *out, uint32_t operation, uint32_t rn, uint32_t rd, bool set_flags,
                        uint64_t second) {
    uint64_t both = second | VT_BIT(rn);
    bool compares = rd == VT_PC && set_flags;
    uint32_t target = compares ? VT_NO_REGISTER : rd;
    out->kind = VT_LOGIC;
    switch (operation) {
    case 0: /* AND, TST */
    case 4: /* EOR, TEQ */
        alu(out, both, target, set_flags);
        return true;
    case 1:
    case 14:
        alu(out, both, rd, set_flags);
        return true;
    case 2: /* ORR, MOV */
    case 3: /* ORN, MVN */
        if (rn == VT_PC)
            out->kind = VT_MOVE;
        alu(out, rn == VT_PC ? second : both, rd, set_flags);
        return true;
    case 8:  /* ADD, CMN */
    case 13: /* SUB, CMP */
        out->kind = compares ? VT_LOGIC : VT_ADD;
        alu(out, both, target, set_flags);
        return true;
    case 10:
    case 11: /* ADC, SBC */
        alu(out, both | VT_BIT(VT_FLAGS), rd, set_flags);
        return true;
    default:
        out->kind = VT_UNKNOWN;
        return false;
    }
}

static void shifted_register(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t operation = vt_field(first, 5, 4), rn = vt_field(first, 0, 4), rd = vt_field(second, 8, 4);
    uint32_t rm = vt_field(second, 0, 4), type = vt_field(second, 4, 2);
    uint32_t amount = vt_field(second, 12, 3) << 2 | vt_field(second, 6, 2);
    bool set_flags = first & 0x10, shifted = amount || type;
    if (operation == 6) { /* PKHBT, PKHTB */
        out->kind = VT_PACK;
        out->operands = VT_BIT(rn);
        out->shifted = VT_BIT(rm);
        out->results = VT_BIT(rd);
        if (type & 2)
            out->attributes |= VT_TOP_HALF;
        return;
    }
    if (!operation_2(out, operation, rn, rd, set_flags, shifted ? 0 : VT_BIT(rm)) || !shifted)
        return;
    bool rotates_through_carry = type == 3 && amount == 0;
    if (operation == 2 && rn == VT_PC && !rotates_through_carry) {
        out->kind = VT_SHIFT; /* MOV with a shift */
        out->operands = VT_BIT(rm);
        return;
    }
    out->kind = VT_LOGIC;
    out->attributes |= VT_SHIFTED;
    out->shifted = VT_BIT(rm);
    if (rotates_through_carry)
        out->operands |= VT_BIT(VT_FLAGS);
}

static void modified_immediate(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t selector = vt_field(first, 10, 1) << 1 | vt_field(second, 14, 1);
    uint32_t rn = vt_field(first, 0, 4), rd = vt_field(second, 8, 4);
    if (operation_2(out, vt_field(first, 5, 4), rn, rd, first & 0x10, 0) && selector != 0)
        out->attributes |= VT_SHIFTED_CONSTANT;
}

static void plain_immediate(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t rn = vt_field(first, 0, 4), rd = vt_field(second, 8, 4);
    out->results = VT_BIT(rd);
    switch (vt_field(first, 4, 5)) {
    case 0x00:
    case 0x0a: /* ADDW, SUBW, ADR */
        out->kind = VT_ADD;
        out->operands = VT_BIT(rn);
        return;
    case 0x04:
        out->kind = VT_MOVE;
        return;
    case 0x0c: /* MOVT */
        out->kind = VT_MOVE;
        out->operands = VT_BIT(rd);
        return;
    case 0x10:
    case 0x12:
    case 0x18:
    case 0x1a:
        out->kind = VT_SATURATE;
        out->shifted = VT_BIT(rn);
        return;
    case 0x14:
    case 0x1c:
        out->kind = VT_EXTRACT;
        out->shifted = VT_BIT(rn);
        return;
    case 0x16: /* BFI, BFC */
        out->kind = VT_INSERT;
        out->operands = VT_BIT(rd);
        out->shifted = rn == VT_PC ? 0 : VT_BIT(rn);
        return;
    default:
        out->results = 0;
    }
}

static void branch_or_system(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t sign = vt_field(first, 10, 1), j1 = vt_field(second, 13, 1), j2 = vt_field(second, 11, 1);
    if ((second & 0x5000) == 0 && (first & 0x380) != 0x380) {
        out->kind = VT_BRANCH;
        out->attributes |= VT_CONDITIONAL;
        out->operands = VT_BIT(VT_FLAGS);
        out->results = VT_BIT(VT_PC);
        uint32_t distance = sign << 19 | j2 << 18 | j1 << 17 | vt_field(first, 0, 6) << 11 | (second & 0x7ff);
        out->offset = vt_signed(distance, 20) * 2 + 4;
    } else if (second & 0x1000) {
        bool link = second & 0x4000;
        out->kind = link ? VT_CALL : VT_BRANCH;
        out->results = VT_BIT(VT_PC) | (link ? VT_BIT(VT_LR) : 0);
        out->attributes |= link ? VT_CALLS : 0;
        uint32_t i1 = !(j1 ^ sign), i2 = !(j2 ^ sign);
        uint32_t distance =
            sign << 23 | i1 << 22 | i2 << 21 | vt_field(first, 0, 10) << 11 | (second & 0x7ff);
        out->offset = vt_signed(distance, 24) * 2 + 4;
    } else if ((first & 0xfff0) == 0xf3b0) {
        out->kind = VT_BARRIER;
    } else if ((first & 0xffff) == 0xf3af) {
        out->kind = (second & 0xff) == 0 ? VT_NOP : VT_SYSTEM;
    } else if ((first & 0xffe0) == 0xf380) { /* MSR */
        out->kind = VT_SYSTEM;
        out->operands = VT_BIT(vt_field(first, 0, 4));
        out->results = (second & 0xff) < 4 ? VT_BIT(VT_FLAGS) : 0;
    } else if ((first & 0xffe0) == 0xf3e0) { /* MRS */
        out->kind = VT_SYSTEM;
        out->operands = (second & 0xff) < 4 ? VT_BIT(VT_FLAGS) : 0;
        out->results = VT_BIT(vt_field(second, 8, 4));
    }
}

static void registers_only(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t operation = vt_field(first, 4, 4), detail = vt_field(second, 4, 4);
    uint64_t n = VT_BIT(vt_field(first, 0, 4)), m = VT_BIT(vt_field(second, 0, 4));
    if (vt_field(second, 12, 4) != 15)
        return;
    out->results = VT_BIT(vt_field(second, 8, 4));
    if (operation < 8 && detail == 0) {
        out->kind = VT_SHIFT;
        out->attributes |= VT_REGISTER_SHIFT;
        out->operands = n | m;
        out->results |= operation & 1 ? VT_BIT(VT_FLAGS) : 0;
    } else if (operation < 6 && detail & 8) {
        bool adds = n != VT_BIT(VT_PC);
        out->kind = adds ? VT_EXTEND_ADD : VT_EXTEND;
        out->operands = adds ? n : m; /* alone it needs no early operand, even rotated */
        out->shifted = adds ? m : 0;
    } else if (operation >= 8 && !(detail & 8)) {
        out->kind = vt_field(detail, 0, 2) == 1 ? VT_SATURATE : VT_PARALLEL;
        out->operands = n | m;
    } else if (operation == 8 && detail >= 8 && detail < 12) {
        out->kind = VT_SATURATE;
        out->shifted = detail & 1 ? n : 0; /* QDADD and QDSUB double the second operand */
        out->operands = detail & 1 ? m : n | m;
    } else if (operation == 9 && detail >= 8 && detail < 12) {
        out->kind = VT_REVERSE;
        out->shifted = m;
    } else if (operation == 10 && detail == 8) { /* SEL */
        out->kind = VT_PARALLEL;
        out->operands = n | m;
    } else if (operation == 11 && detail == 8) {
        out->kind = VT_COUNT;
        out->operands = m;
    } else {
        out->results = 0;
    }
}

static void multiply(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t operation = vt_field(first, 4, 3), detail = vt_field(second, 4, 4), ra = vt_field(second, 12, 4);
    static const uint8_t details[] = {2, 4, 2, 2, 2, 2, 2, 1};
    if (detail >= details[operation])
        return;
    out->factors = VT_BIT(vt_field(first, 0, 4)) | VT_BIT(vt_field(second, 0, 4));
    out->results = VT_BIT(vt_field(second, 8, 4));
    if (operation == 7) { /* USAD8, USADA8 */
        out->kind = VT_SATURATE;
        out->operands = out->factors | (ra == VT_PC ? 0 : VT_BIT(ra));
        out->factors = 0;
    } else if (ra == VT_PC) {
        out->kind = VT_MULTIPLY;
    } else {
        out->kind = VT_ACCUMULATE;
        out->addends = VT_BIT(ra);
    }
}

static void long_multiply(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t operation = vt_field(first, 4, 3), detail = vt_field(second, 4, 4);
    uint64_t low = VT_BIT(vt_field(second, 12, 4)), high = VT_BIT(vt_field(second, 8, 4));
    uint64_t factors = VT_BIT(vt_field(first, 0, 4)) | VT_BIT(vt_field(second, 0, 4));
    if ((operation & 5) == 1) {
        if (detail == 15 && low == VT_BIT(15)) {
            out->kind = VT_DIVIDE;
            out->operands = factors;
            out->results = high;
        }
        return;
    }
    bool accumulates;
    if (operation < 4)
        accumulates = false;
    else if ((operation == 4 && (detail == 0 || (detail >= 8 && detail < 14))) ||
             (operation == 5 && (detail & 14) == 12) || (operation == 6 && (detail == 0 || detail == 6)))
        accumulates = true;
    else
        return;
    if (!accumulates && detail)
        return;
    out->kind = accumulates ? VT_LONG_ACCUMULATE : VT_LONG_MULTIPLY;
    out->factors = factors;
    out->addends = accumulates ? low | high : 0;
    out->results = low | high;
}

void vt_decode_32(vt_instruction *out, uint16_t first, uint16_t second) {
    if ((first & 0xec00) == 0xec00) {
        vt_decode_fp(out, first, second);
    } else if ((first & 0xfe00) == 0xe800 || (first & 0xfe00) == 0xf800) {
        vt_decode_memory(out, first, second);
    } else if ((first & 0xfe00) == 0xea00) {
        shifted_register(out, first, second);
    } else if ((first & 0xf800) == 0xf000) {
        if (second & 0x8000)
            branch_or_system(out, first, second);
        else if (first & 0x200)
            plain_immediate(out, first, second);
        else
            modified_immediate(out, first, second);
    } else if ((first & 0xff00) == 0xfa00) {
        registers_only(out, first, second);
    } else if ((first & 0xff80) == 0xfb00) {
        multiply(out, first, second);
    } else if ((first & 0xff80) == 0xfb80) {
        long_multiply(out, first, second);
    }
}
