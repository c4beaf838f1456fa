/* Floating-point instructions: coprocessors 10 (single) and 11 (double). */
#include "timing_decode.h"

/* A register of single or double precision as a set: `low` is its one-bit field, `high` its four-bit field.
 */
static uint64_t fp_register(bool is_double, uint32_t low, uint32_t high) {
    if (is_double)
        return low ? 0 : VT_BIT(VT_S0 + 2 * high) | VT_BIT(VT_S0 + 2 * high + 1);
    return VT_BIT(VT_S0 + 2 * high + low);
}

static void memory(vt_instruction *out, uint32_t first, uint32_t second, bool is_double) {
    bool load = first & 0x10, up = first & 0x80, pre_indexed = first & 0x100, writeback = first & 0x20;
    uint32_t base = vt_field(first, 0, 4), start = vt_field(second, 12, 4), extra = vt_field(first, 6, 1);
    uint32_t count = second & 0xff;
    uint64_t data = fp_register(is_double, extra, start);
    out->base = (uint8_t)base;
    out->address = VT_BIT(base);
    out->access_bytes = 4;
    if (pre_indexed && !writeback) {
        out->kind = load ? VT_FP_LOAD : VT_FP_STORE;
        out->words = is_double ? 2 : 1;
        out->offset = (up ? 4 : -4) * (int32_t)count;
        out->attributes |= base == VT_PC ? VT_LITERAL : 0;
    } else {
        uint32_t first_register = is_double ? 2 * start : 2 * start + extra;
        out->kind = load ? VT_FP_LOAD_MULTIPLE : VT_FP_STORE_MULTIPLE;
        out->words = (uint8_t)(is_double ? count & 0xfe : count);
        for (uint32_t i = 0; i < out->words && first_register + i < 32; i++)
            data |= VT_BIT(VT_S0 + first_register + i);
        out->offset = pre_indexed ? -4 * (int32_t)count : 0;
        if (writeback) {
            out->attributes |= VT_WRITEBACK | (pre_indexed ? 0 : VT_POST_INDEXED);
            out->base_change = (pre_indexed ? -4 : 4) * (int32_t)count;
            out->base_result = VT_BIT(base);
        }
    }
    *(load ? &out->results : &out->stored) = data;
}

static void move_two(vt_instruction *out, uint32_t first, uint32_t second, bool is_double) {
    uint64_t core = VT_BIT(vt_field(second, 12, 4)) | VT_BIT(vt_field(first, 0, 4));
    uint32_t low = vt_field(second, 5, 1), high = vt_field(second, 0, 4);
    uint64_t fp = fp_register(is_double, low, high);
    if (!is_double && 2 * high + low < 31)
        fp |= VT_BIT(VT_S0 + 2 * high + low + 1);
    bool to_core = first & 0x10;
    out->kind = to_core ? VT_FP_TO_CORE : VT_FP_FROM_CORE;
    out->words = 2;
    out->operands = to_core ? fp : core;
    out->results = to_core ? core : fp;
}

static void move_one(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t rt = vt_field(second, 12, 4), operation = vt_field(first, 5, 3),
             register_field = vt_field(first, 0, 4);
    bool to_core = first & 0x10, is_double = second & 0x100;
    uint64_t fp;
    if (operation == 7 && !is_double) { /* VMRS, VMSR */
        out->kind = to_core ? VT_FP_TO_CORE : VT_FP_FROM_CORE;
        out->words = 1;
        uint64_t core = to_core && rt == VT_PC ? VT_BIT(VT_FLAGS) : VT_BIT(rt);
        out->operands = to_core ? VT_BIT(VT_FP_FLAGS) : core;
        out->results = to_core ? core : VT_BIT(VT_FP_FLAGS);
        return;
    }
    if (is_double) { /* one half of a double-precision register */
        if (operation > 1 || vt_field(second, 7, 1))
            return;
        fp = VT_BIT(VT_S0 + 2 * register_field + operation);
    } else {
        if (operation)
            return;
        fp = fp_register(false, vt_field(second, 7, 1), register_field);
    }
    out->kind = to_core ? VT_FP_TO_CORE : VT_FP_FROM_CORE;
    out->words = 1;
    out->operands = to_core ? fp : VT_BIT(rt);
    out->results = to_core ? VT_BIT(rt) : fp;
}

static void one_operand(vt_instruction *out, uint32_t first, uint32_t second, uint64_t d, uint64_t m) {
    uint32_t operation = vt_field(first, 0, 4), detail = vt_field(second, 6, 2);
    uint32_t extra = vt_field(first, 6, 1), d_high = vt_field(second, 12, 4);
    bool is_double = second & 0x100;
    out->results = d;
    out->operands = m;
    if (!(detail & 1)) {
        out->kind = VT_FP_MOVE;
        out->operands = 0;
        return;
    }
    switch (operation) {
    case 0:
        out->kind = VT_FP_MOVE;
        return;
    case 1:
        out->kind = detail == 3 ? VT_FP_ROOT : VT_FP_MOVE;
        return;
    case 4:
    case 5: /* VCMP */
        out->kind = VT_FP_ADD;
        out->operands = d | (operation == 4 ? m : 0);
        out->results = VT_BIT(VT_FP_FLAGS);
        return;
    case 7:
        out->kind = VT_FP_ADD;
        if (detail == 3) /* to the other precision */
            out->results = fp_register(!is_double, extra, d_high);
        return;
    case 2:
    case 3: /* half precision: one side is single */
        out->kind = VT_FP_ADD;
        if (operation == 2)
            out->operands = fp_register(false, vt_field(second, 5, 1), vt_field(second, 0, 4));
        else
            out->results = fp_register(false, extra, d_high);
        out->operands |= out->results; /* the other half stays */
        return;
    case 6:
        out->kind = VT_FP_ADD;
        return;
    case 8: /* from integer: the source is single */
        out->kind = VT_FP_ADD;
        out->operands = fp_register(false, vt_field(second, 5, 1), vt_field(second, 0, 4));
        return;
    case 10:
    case 11:
    case 14:
    case 15: /* fixed point, in place */
        out->kind = VT_FP_ADD;
        out->operands = d;
        return;
    case 12:
    case 13: /* to integer: the result is single */
        out->kind = VT_FP_ADD;
        out->results = fp_register(false, extra, d_high);
        return;
    default:
        out->results = out->operands = 0;
    }
}

static void arithmetic(vt_instruction *out, uint32_t first, uint32_t second, bool is_double) {
    uint64_t d = fp_register(is_double, vt_field(first, 6, 1), vt_field(second, 12, 4));
    uint64_t n = fp_register(is_double, vt_field(second, 7, 1), vt_field(first, 0, 4));
    uint64_t m = fp_register(is_double, vt_field(second, 5, 1), vt_field(second, 0, 4));
    out->results = d;
    switch (vt_field(first, 7, 1) << 2 | vt_field(first, 4, 2)) {
    case 0:
    case 1:
        out->kind = VT_FP_ACCUMULATE;
        out->addends = d;
        out->factors = n | m;
        return;
    case 2:
        out->kind = VT_FP_MULTIPLY;
        out->operands = n | m;
        return;
    case 3:
        out->kind = VT_FP_ADD;
        out->operands = n | m;
        return;
    case 4:
        out->kind = second & 0x40 ? VT_UNKNOWN : VT_FP_DIVIDE;
        out->operands = n | m;
        return;
    case 5:
    case 6:
        out->kind = VT_FP_FUSED;
        out->addends = d;
        out->factors = n | m;
        return;
    default:
        one_operand(out, first, second, d, m);
    }
}

/* Instructions of FPv5 in the second coprocessor space. */
static void extended(vt_instruction *out, uint32_t first, uint32_t second, bool is_double) {
    uint64_t d = fp_register(is_double, vt_field(first, 6, 1), vt_field(second, 12, 4));
    uint64_t n = fp_register(is_double, vt_field(second, 7, 1), vt_field(first, 0, 4));
    uint64_t m = fp_register(is_double, vt_field(second, 5, 1), vt_field(second, 0, 4));
    out->results = d;
    if (!(first & 0x80)) { /* VSEL */
        out->kind = VT_FP_MOVE;
        out->operands = n | m | VT_BIT(VT_FLAGS);
    } else if (vt_field(first, 4, 2) == 0) { /* VMAXNM, VMINNM */
        out->kind = VT_FP_ADD;
        out->operands = n | m;
    } else if (vt_field(first, 4, 2) == 3) { /* VRINTA and kin, VCVTA and kin */
        out->kind = VT_FP_ADD;
        out->operands = m;
        if (first & 4)
            out->results = fp_register(false, vt_field(first, 6, 1), vt_field(second, 12, 4));
    } else {
        out->results = 0;
    }
}

void vt_decode_fp(vt_instruction *out, uint16_t first, uint16_t second) {
    uint32_t coprocessor = vt_field(second, 8, 4);
    bool is_double = coprocessor == 11;
    if (coprocessor != 10 && coprocessor != 11)
        return;
    if ((first & 0xff00) == 0xfe00 && !(second & 0x10))
        extended(out, first, second, is_double);
    else if ((first & 0xff00) == 0xee00 && second & 0x10)
        move_one(out, first, second);
    else if ((first & 0xff00) == 0xee00)
        arithmetic(out, first, second, is_double);
    else if ((first & 0xffe0) == 0xec40)
        move_two(out, first, second, is_double);
    else if ((first & 0xfe00) == 0xec00 && (first & 0x1a0) != 0)
        memory(out, first, second, is_double);
    if (out->kind != VT_UNKNOWN && is_double)
        out->attributes |= VT_DOUBLE;
}
