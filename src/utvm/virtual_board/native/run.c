/* Running until something happens, and the bookkeeping of translated code. */
#include "core.h"

#include <string.h>

#define NEVER UINT64_MAX

static uint32_t program_counter(vb_core *core) {
    uint32_t pc = 0;
    core->api.reg_read(core->uc, UC_ARM_REG_PC, &pc);
    return pc;
}

static int reason(const vb_core *core, int error) {
    if (core->stop)
        return core->stop;
    if (error == UC_ERR_INSN_INVALID)
        return VB_STOP_UNDEFINED;
    return error ? VB_STOP_ERROR : VB_STOP_HALTED;
}

int vb_run(vb_core *core, uint32_t pc, int step) {
    int error;
    core->stop = 0;
    core->detail = 0;
    core->step_blocks = step ? 2 : 0;
    for (;;) {
        core->retranslate_addr = core->retranslate_end_addr = 0;
        error = core->api.emu_start(core->uc, pc, NEVER, 0, 0);
        if (core->retranslate_addr == core->retranslate_end_addr)
            break;
        core->api.ctl(core->uc, UC_CTL_TB_REMOVE_CACHE, (uint64_t)core->retranslate_addr,
                      (uint64_t)core->retranslate_end_addr);
        pc = program_counter(core) | 1;
    }
    int stop = reason(core, error);
    if (stop == VB_STOP_ERROR)
        core->detail = error;
    if (stop == VB_STOP_MEMORY || stop == VB_STOP_PAGE)
        core->api.context_restore(core->uc, core->at_fault);
    vb_undo_stores(core);
    vb_settle(core, program_counter(core), stop >= VB_STOP_EXCEPTION);
    return stop;
}

void vb_request_stop(vb_core *core) {
    core->stop_wanted = 1;
}

void vb_forget_code(vb_core *core) {
    core->api.ctl(core->uc, UC_CTL_TB_FLUSH);
    memset(core->blocks, 0, sizeof core->blocks);
    for (uint32_t i = 0; i < core->region_count; i++)
        memset(core->regions[i].code_pages, 0, (core->regions[i].size_bytes >> VB_CODE_PAGE_BITS) + 1);
    for (uint32_t i = 0; i < core->trap_count; i++)
        core->api.hook_del(core->uc, core->traps[i].hook);
    core->trap_count = 0;
}

int vb_touches_code(vb_core *core, uint32_t addr, uint32_t size_bytes) {
    for (uint32_t i = 0; size_bytes && i < core->region_count; i++) {
        const vb_region *region = &core->regions[i];
        uint32_t offset = addr - region->base_addr;
        if (offset >= region->size_bytes)
            continue;
        uint32_t end = offset + size_bytes < region->size_bytes ? offset + size_bytes : region->size_bytes;
        uint32_t first = offset >> VB_CODE_PAGE_BITS, last = (end - 1) >> VB_CODE_PAGE_BITS;
        if (memchr(region->code_pages + first, 1, last - first + 1))
            return 1;
    }
    return 0;
}
