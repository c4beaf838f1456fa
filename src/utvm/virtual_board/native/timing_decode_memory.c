/* 32-bit loads and stores of core registers. */
#include "timing_decode.h"

static uint8_t count_bits(uint32_t value) {
    uint8_t count = 0;
    for (; value; value &= value - 1)
        count++;
    return count;
}

static void indexing(vt_instruction *out, uint32_t base, int32_t offset, bool pre_indexed, bool writeback) {
    out->base = (uint8_t)base;
    out->address |= VT_BIT(base);
    out->offset = pre_indexed ? offset : 0;
    if (base == VT_PC)
        out->attributes |= VT_LITERAL;
    if (writeback) {
        out->attributes |= VT_WRITEBACK | (pre_indexed ? 0 : VT_POST_INDEXED);
        out->base_change = offset;
        out->base_result = VT_BIT(base);
    }
}

static void transfer(vt_instruction *out, bool load, uint32_t size_bytes, uint8_t words, uint64_t registers) {
    out->access_bytes = (uint8_t)size_bytes;
    out->words = words;
    *(load ? &out->results : &out->stored) = registers;
}

static void multiple(vt_instruction *out, uint32_t first, uint32_t second) {
    bool load = first & 0x10, writeback = first & 0x20, decrement = first & 0x100;
    uint32_t base = vt_field(first, 0, 4);
    if (((first >> 7) & 3) == 0 || ((first >> 7) & 3) == 3)
        return;
    out->kind = load ? VT_LOAD_MULTIPLE : VT_STORE_MULTIPLE;
    transfer(out, load, 4, count_bits(second), second);
    int32_t bytes = 4 * out->words;
    indexing(out, base, decrement ? -bytes : bytes, false, writeback);
    if (decrement)
        out->offset = -bytes;
    if (load && second & 0x8000)
        out->attributes |= VT_RETURNS;
}

static void exclusive_or_table(vt_instruction *out, uint32_t first, uint32_t second) {
    uint32_t base = vt_field(first, 0, 4), rt = vt_field(second, 12, 4), detail = vt_field(second, 4, 4);
    bool load = first & 0x10;
    if ((first & 0xffe0) == 0xe840) { /* LDREX, STREX */
        out->kind = load ? VT_LOAD : VT_STORE;
        transfer(out, load, 4, 1, VT_BIT(rt));
        out->results |= load ? 0 : VT_BIT(vt_field(second, 8, 4));
        out->attributes |= VT_EXCLUSIVE;
        indexing(out, base, (int32_t)vt_field(second, 0, 8) * 4, true, false);
    } else if ((first & 0xfff0) == 0xe8d0 && detail < 2) {
        out->kind = VT_TABLE_BRANCH;
        transfer(out, true, detail + 1, 1, VT_BIT(VT_PC));
        indexing(out, base, 0, true, false);
        out->index = (uint8_t)vt_field(second, 0, 4);
        out->index_shift = (uint8_t)detail;
        out->address |= VT_BIT(out->index);
        out->attributes |= VT_REGISTER_OFFSET;
    } else if ((first & 0xffe0) == 0xe8c0 && (detail & 3) != 3) { /* bytes, half-words; acquire, release */
        out->kind = load ? VT_LOAD : VT_STORE;
        transfer(out, load, 1u << (detail & 3), 1, VT_BIT(rt));
        out->results |= !load && (detail & 12) != 8 ? VT_BIT(vt_field(second, 0, 4)) : 0;
        out->attributes |= VT_EXCLUSIVE;
        indexing(out, base, 0, true, false);
    }
}

static void pair(vt_instruction *out, uint32_t first, uint32_t second) {
    bool load = first & 0x10, pre_indexed = first & 0x100, up = first & 0x80;
    int32_t offset = (int32_t)vt_field(second, 0, 8) * 4;
    out->kind = load ? VT_LOAD_PAIR : VT_STORE_PAIR;
    transfer(out, load, 4, 2, VT_BIT(vt_field(second, 12, 4)) | VT_BIT(vt_field(second, 8, 4)));
    indexing(out, vt_field(first, 0, 4), up ? offset : -offset, pre_indexed, first & 0x20);
}

static void single(vt_instruction *out, uint32_t first, uint32_t second) {
    bool load = first & 0x10, positive = first & 0x80, is_signed = first & 0x100;
    uint32_t base = vt_field(first, 0, 4), rt = vt_field(second, 12, 4), size = vt_field(first, 5, 2);
    if (size == 3 || (is_signed && (!load || size == 2)) || (!load && base == VT_PC))
        return;
    bool preload = load && rt == VT_PC && size != 2;
    int32_t offset = (int32_t)vt_field(second, 0, 12);
    bool pre_indexed = true, writeback = false;
    uint32_t index = VT_NO_REGISTER;
    if (base == VT_PC) {
        offset = positive ? offset : -offset;
    } else if (!positive) {
        offset = (int32_t)vt_field(second, 0, 8);
        if (second & 0x800) {
            pre_indexed = second & 0x400;
            writeback = second & 0x100;
            offset = second & 0x200 ? offset : -offset;
            if ((!pre_indexed && !writeback))
                return;
            if ((second & 0xf00) == 0xe00) /* LDRT, STRT */
                writeback = false;
            preload = preload && (second & 0xf00) == 0xc00;
        } else {
            if (vt_field(second, 6, 5))
                return;
            index = vt_field(second, 0, 4);
            offset = 0;
        }
    }
    out->kind = preload ? VT_PRELOAD : load ? VT_LOAD : VT_STORE;
    transfer(out, load, preload ? 0 : 1u << size, preload ? 0 : 1, preload ? 0 : VT_BIT(rt));
    indexing(out, base, offset, pre_indexed, writeback);
    if (index != VT_NO_REGISTER) {
        out->index = (uint8_t)index;
        out->index_shift = (uint8_t)vt_field(second, 4, 2);
        out->address |= VT_BIT(index);
        out->attributes |= VT_REGISTER_OFFSET;
    }
    if (load && !preload && rt == VT_PC && base == VT_SP && out->attributes & VT_POST_INDEXED)
        out->attributes |= VT_RETURNS;
}

void vt_decode_memory(vt_instruction *out, uint16_t first, uint16_t second) {
    if ((first & 0xfe00) == 0xf800)
        single(out, first, second);
    else if (!(first & 0x40))
        multiple(out, first, second);
    else if (!(first & 0x120))
        exclusive_or_table(out, first, second);
    else
        pair(out, first, second);
}
