/* Trapped instructions and watchpoints: the slow hooks, which cost only where they are set. */
#include "core.h"

#include <string.h>

/* Unicorn numbers r0 to r12 in a row, but neither sp nor lr behind them. */
static int unicorn_register(uint32_t number) {
    if (number == 13)
        return UC_ARM_REG_SP;
    return number == 14 ? UC_ARM_REG_LR : UC_ARM_REG_R0 + (int)number;
}

static void on_trapped(uc_engine *uc, uint64_t addr, uint32_t size_bytes, void *user) {
    (void)size_bytes;
    vb_core *core = user;
    for (uint32_t i = 0; i < core->trap_count; i++) {
        const vb_trapped *trapped = &core->traps[i];
        uint32_t kind = trapped->kinds & core->trap_kinds;
        if (trapped->addr != (uint32_t)addr || !kind || core->stop)
            continue;
        if (kind == VB_TRAP_DIVIDE) {
            uint32_t divisor = 0;
            core->api.reg_read(uc, unicorn_register(trapped->divisor), &divisor);
            if (divisor != 0)
                continue;
        }
        core->stop = VB_STOP_TRAP;
        core->detail = (int32_t)(kind & VB_TRAP_FP ? VB_TRAP_FP : kind);
        core->api.emu_stop(uc);
    }
}

static bool is_trapped(const vb_core *core, uint32_t addr) {
    for (uint32_t i = 0; i < core->trap_count; i++)
        if (core->traps[i].addr == addr)
            return true;
    return false;
}

int vb_trap_block(vb_core *core, uint32_t addr, uint32_t end_addr) {
    int added = 0;
    const uint8_t *code = vb_host_memory(core, addr, end_addr - addr);
    for (uint32_t at = addr; code && at < end_addr && core->trap_count < VB_MAX_TRAPS;) {
        const uint8_t *bytes = code + (at - addr);
        uint16_t first = (uint16_t)(bytes[0] | bytes[1] << 8);
        uint32_t size = vb_instruction_size(first);
        if (size == 4 && at + 4 <= end_addr && !is_trapped(core, at)) {
            uint32_t kinds = vb_trap_kind(first, (uint16_t)(bytes[2] | bytes[3] << 8));
            if (kinds & core->trap_kinds) {
                vb_trapped *trapped = &core->traps[core->trap_count++];
                *trapped = (vb_trapped){at, kinds, bytes[2] & 0xf, 0};
                core->api.hook_add(core->uc, &trapped->hook, UC_HOOK_CODE, (void *)on_trapped, core, at, at);
                added++;
            }
        }
        at += size;
    }
    return added;
}

void vb_set_traps(vb_core *core, uint32_t kinds) {
    core->trap_kinds = kinds;
    memset(core->blocks, 0, sizeof core->blocks);
}

static void on_watched(uc_engine *uc, int type, uint64_t addr, int size_bytes, int64_t value, void *user) {
    (void)value;
    vb_watchpoint *watchpoint = user;
    vb_core *core = watchpoint->core;
    uint64_t end_addr = (uint64_t)watchpoint->addr + watchpoint->size_bytes;
    if (core->stop || core->ignore_watchpoints || addr >= end_addr ||
        addr + (uint64_t)size_bytes <= watchpoint->addr)
        return;
    core->stop = VB_STOP_WATCH;
    core->fault_type = type;
    core->fault_addr = (uint32_t)addr;
    core->fault_size_bytes = (uint32_t)size_bytes;
    core->api.emu_stop(uc);
}

int vb_add_watchpoint(vb_core *core, uint32_t index, uint32_t addr, uint32_t size_bytes, int reads,
                      int writes) {
    vb_watchpoint *watchpoint = &core->watchpoints[index];
    int kinds = (reads ? UC_HOOK_MEM_READ : 0) | (writes ? UC_HOOK_MEM_WRITE : 0);
    uint64_t first = addr < 7 ? 0 : addr - 7; /* an access may begin below and reach in */
    *watchpoint = (vb_watchpoint){core, addr, size_bytes, 0};
    return core->api.hook_add(core->uc, &watchpoint->hook, kinds, (void *)on_watched, watchpoint, first,
                              (uint64_t)addr + size_bytes - 1);
}

int vb_remove_watchpoint(vb_core *core, uint32_t index) {
    uc_hook hook = core->watchpoints[index].hook;
    core->watchpoints[index].hook = 0;
    return hook ? core->api.hook_del(core->uc, hook) : 0;
}
