/* Thumb decoding: what both instruction sizes share. */
#include "timing_decode.h"

#include <string.h>

uint64_t vt_reads(const vt_instruction *in) {
    return in->address | in->shifted | in->factors | in->addends | in->stored | in->operands;
}

uint64_t vt_writes(const vt_instruction *in) {
    return in->results | in->base_result;
}

static bool is_it(uint16_t first) {
    return (first & 0xff00) == 0xbf00 && (first & 0xf);
}

uint8_t vt_next_it_state(const vt_instruction *in, uint16_t first, uint8_t it_state) {
    if (in->kind == VT_IT && is_it(first))
        return (uint8_t)first;
    return it_state & 7 ? (uint8_t)((it_state & 0xe0) | ((it_state << 1) & 0x1f)) : 0;
}

void vt_decode(vt_instruction *out, uint32_t addr, uint16_t first, uint16_t second, uint8_t it_state) {
    memset(out, 0, sizeof *out);
    out->addr = addr;
    out->base = out->index = VT_NO_REGISTER;
    bool wide = (first >> 11) >= 0x1d;
    out->size_bytes = wide ? 4 : 2;
    if (wide)
        vt_decode_32(out, first, second);
    else
        vt_decode_16(out, first, it_state == 0);
    if (it_state) {
        out->attributes |= VT_CONDITIONAL;
        out->operands |= VT_BIT(VT_FLAGS);
    }
    if (vt_writes(out) & VT_BIT(VT_PC))
        out->attributes |= VT_WRITES_PC;
}
