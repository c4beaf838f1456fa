/* The counter: instructions and cycles, exact at every stop and at every access to a peripheral register. */
#include "core.h"

#include <string.h>

static uint64_t one_per_instruction(void *model, vb_block *block, const vb_block *previous) {
    (void)model, (void)previous;
    return block->instructions;
}

static uint64_t one_per_instruction_before(void *model, const vb_block *block, uint32_t addr,
                                           uint32_t instructions) {
    (void)model, (void)block, (void)addr;
    return instructions;
}

const vb_timing *vb_one_cycle_timing(void) {
    static const vb_timing timing = {"one-cycle", one_per_instruction, one_per_instruction_before, NULL};
    return &timing;
}

void vb_set_timing(vb_core *core, const vb_timing *timing) {
    core->timing = *timing;
    memset(core->blocks, 0, sizeof core->blocks);
}

/* `core->cycles` is where the block that ran until now ends. */
static void count_run(const vb_core *core, const vb_block *block, uint64_t instructions) {
    vb_block_count *count = block->count;
    if (!core->profiling || !count)
        return;
    count->runs++;
    count->instructions += instructions;
    count->cycles += core->cycles - core->entry_cycles;
}

static void complete_current(vb_core *core) {
    if (!core->current)
        return;
    core->instructions += core->current->instructions;
    core->cycles += core->pending_cycles;
    core->pending_cycles = 0;
    count_run(core, core->current, core->current->instructions);
    core->last = *core->current;
    core->previous = &core->last;
    core->current = NULL;
}

void vb_now(const vb_core *core, uint32_t pc, uint64_t *instructions, uint64_t *cycles) {
    const vb_block *block = core->current;
    *instructions = core->instructions;
    *cycles = core->cycles;
    if (!block)
        return;
    if (pc - block->addr >= block->size_bytes) {
        *instructions += block->instructions;
        *cycles += core->pending_cycles;
        return;
    }
    uint32_t before = vb_count_instructions(core, block->addr, pc, NULL);
    *instructions += before;
    *cycles += core->timing.partial_cycles(core->timing.model, block, pc, before);
}

uint64_t vb_cycles_at_access(const vb_core *core) {
    uint64_t instructions, cycles;
    vb_now(core, core->access_pc, &instructions, &cycles);
    return cycles;
}

void vb_settle(vb_core *core, uint32_t pc, bool interrupted) {
    if (!interrupted) {
        complete_current(core);
    } else {
        uint64_t before = core->instructions;
        vb_now(core, pc, &core->instructions, &core->cycles);
        if (core->current)
            count_run(core, core->current, core->instructions - before);
        core->current = NULL;
        core->pending_cycles = 0;
    }
    core->previous = NULL;
}

static int exceptions_unmasked(vb_core *core) {
    uint32_t primask = 0, faultmask = 0;
    core->api.reg_read(core->uc, UC_ARM_REG_PRIMASK, &primask);
    core->api.reg_read(core->uc, UC_ARM_REG_FAULTMASK, &faultmask);
    return !(primask & 1) && !(faultmask & 1);
}

static int reason_to_stop(vb_core *core) {
    if (core->step_blocks && --core->step_blocks == 0)
        return VB_STOP_STEPPED;
    if (core->stop_wanted)
        return VB_STOP_REQUESTED;
    if (core->cycles >= core->deadline_cycles)
        return VB_STOP_EVENT;
    if (core->poll_masks && exceptions_unmasked(core))
        return VB_STOP_PENDING;
    return 0;
}

static void learn_block(vb_core *core, vb_block *block, uint32_t addr, uint32_t size_bytes) {
    memset(block, 0, sizeof *block);
    block->addr = addr;
    block->size_bytes = size_bytes;
    block->instructions = vb_count_instructions(core, addr, addr + size_bytes, &block->trap_kinds);
    for (uint32_t i = 0; i < core->region_count; i++) {
        const vb_region *region = &core->regions[i];
        if (addr - region->base_addr < region->size_bytes) {
            uint32_t first = (addr - region->base_addr) >> VB_CODE_PAGE_BITS;
            uint32_t last = (addr + size_bytes - 1 - region->base_addr) >> VB_CODE_PAGE_BITS;
            for (uint32_t page = first; page <= last; page++)
                region->code_pages[page] = 1;
        }
    }
}

void vb_on_block(uc_engine *uc, uint64_t addr, uint32_t size_bytes, void *user) {
    vb_core *core = user;
    if (core->stop) /* the rest of an IT block after a failed access */
        return;
    complete_current(core);
    int reason = reason_to_stop(core);
    if (reason) {
        core->stop = reason;
        core->api.emu_stop(uc);
        return;
    }
    vb_block *block = &core->blocks[(addr >> 1) & (VB_BLOCK_SLOTS - 1)];
    if (block->addr != (uint32_t)addr || block->size_bytes != size_bytes)
        learn_block(core, block, (uint32_t)addr, size_bytes);
    if (block->trap_kinds & core->trap_kinds) {
        block->trap_kinds = 0;
        if (vb_trap_block(core, (uint32_t)addr, (uint32_t)addr + size_bytes)) {
            core->retranslate_addr = (uint32_t)addr;
            core->retranslate_end_addr = (uint32_t)addr + size_bytes;
            core->step_blocks += core->step_blocks > 0;
            core->api.emu_stop(uc);
            return;
        }
    }
    if (core->profiling && !block->count)
        block->count = vb_profile_find(core, block);
    core->entry_cycles = core->cycles;
    core->pending_cycles = core->timing.block_cycles(core->timing.model, block, core->previous);
    core->entry = *block;
    core->current = &core->entry;
}
