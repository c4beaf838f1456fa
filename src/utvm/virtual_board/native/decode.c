/* Thumb instructions: their sizes, and the few kinds that need a look before they execute. */
#include "core.h"

uint32_t vb_instruction_size(uint16_t first_halfword) {
    return (first_halfword >> 11) >= 0x1d ? 4 : 2;
}

uint32_t vb_trap_kind(uint16_t first, uint16_t second) {
    if ((first & 0xec00) == 0xec00) { /* coprocessor space */
        uint32_t coprocessor = (second >> 8) & 0xf;
        if (coprocessor != 10 && coprocessor != 11)
            return VB_TRAP_NONE;
        bool data_processing = (first & 0x0f00) == 0x0e00 && !(second & 0x10);
        return VB_TRAP_FP | (data_processing && coprocessor == 11 ? VB_TRAP_DOUBLE : 0);
    }
    if (((first & 0xfff0) == 0xfb90 || (first & 0xfff0) == 0xfbb0) && (second & 0xf0f0) == 0xf0f0)
        return VB_TRAP_DIVIDE; /* SDIV, UDIV */
    return VB_TRAP_NONE;
}

const uint8_t *vb_host_memory(const vb_core *core, uint32_t addr, uint32_t size_bytes) {
    for (uint32_t i = 0; i < core->region_count; i++) {
        const vb_region *region = &core->regions[i];
        uint32_t offset = addr - region->base_addr;
        if (offset < region->size_bytes && size_bytes <= region->size_bytes - offset)
            return region->host + offset;
    }
    return NULL;
}

uint32_t vb_count_instructions(const vb_core *core, uint32_t addr, uint32_t end_addr, uint32_t *trap_kinds) {
    uint32_t count = 0;
    const uint8_t *code = vb_host_memory(core, addr, end_addr - addr);
    if (!code)
        return 0;
    for (uint32_t offset = 0; addr + offset < end_addr; count++) {
        uint16_t first = (uint16_t)(code[offset] | code[offset + 1] << 8);
        uint32_t size = vb_instruction_size(first);
        if (size == 4 && trap_kinds && addr + offset + 4 <= end_addr)
            *trap_kinds |= vb_trap_kind(first, (uint16_t)(code[offset + 2] | code[offset + 3] << 8));
        offset += size;
    }
    return count;
}
