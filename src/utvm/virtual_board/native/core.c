/* Life of the native core, and the hooks that are always set. */
#include "core.h"

#include <stdlib.h>

#define PRIVATE_PERIPHERAL_BUS 0xe0000000u

/* The head of Unicorn's uc_tb. */
typedef struct {
    uint64_t pc;
} translated_block;

static void on_translated(uc_engine *uc, translated_block *now, translated_block *before, void *user) {
    (void)uc, (void)before;
    vb_core *core = user;
    core->blocks[(now->pc >> 1) & (VB_BLOCK_SLOTS - 1)].size_bytes =
        0; /* the code may have changed: learn anew */
}

static void on_exception(uc_engine *uc, uint32_t number, void *user) {
    vb_core *core = user;
    if (!core->stop) {
        core->stop = VB_STOP_EXCEPTION;
        core->detail = (int32_t)number;
    }
    core->api.emu_stop(uc);
}

static bool is_denied(const vb_core *core, int type, uint64_t addr, int size_bytes) {
    return vb_is_denied(core, (uint32_t)addr, (uint32_t)size_bytes,
                        type == UC_MEM_WRITE_PROT ? VB_WRITE : VB_READ);
}

static bool is_protected(int type) {
    return type == UC_MEM_WRITE_PROT || type == UC_MEM_READ_PROT || type == UC_MEM_FETCH_PROT;
}

static bool on_failed_access(uc_engine *uc, int type, uint64_t addr, int size_bytes, int64_t value,
                             void *user) {
    (void)value;
    vb_core *core = user;
    if (core->stop)
        return false;
    bool allowed = is_protected(type) && !is_denied(core, type, addr, size_bytes);
    bool shares_page = allowed && vb_protects_page(core, (uint32_t)addr);
    if (allowed && !shares_page && type == UC_MEM_WRITE_PROT && core->programs_flash)
        return true; /* Unicorn carries the store out */
    core->stop = shares_page ? VB_STOP_PAGE : VB_STOP_MEMORY;
    core->fault_type = type;
    core->fault_addr = (uint32_t)addr;
    core->fault_size_bytes = (uint32_t)size_bytes;
    core->api.context_save(uc, core->at_fault);
    return false;
}

/* The peripheral bus is mapped without permissions: Unicorn makes the PC exact only before it calls this
 * hook. */
static bool on_peripheral_access(uc_engine *uc, int type, uint64_t addr, int size_bytes, int64_t value,
                                 void *user) {
    vb_core *core = user;
    if (type == UC_MEM_FETCH_PROT || is_denied(core, type, addr, size_bytes))
        return on_failed_access(uc, type, addr, size_bytes, value, user);
    core->api.reg_read(uc, UC_ARM_REG_PC, &core->access_pc);
    return !core->stop;
}

static uint64_t on_peripheral_read(uc_engine *uc, uint64_t offset, unsigned size_bytes, void *user) {
    (void)uc;
    const vb_window *window = user;
    return window->core->peripheral_read(window->offset + (uint32_t)offset, size_bytes);
}

static void on_peripheral_write(uc_engine *uc, uint64_t offset, unsigned size_bytes, uint64_t value,
                                void *user) {
    (void)uc;
    const vb_window *window = user;
    window->core->peripheral_write(window->offset + (uint32_t)offset, size_bytes, value);
}

vb_core *vb_create(uc_engine *uc, const vb_unicorn *api, vb_peripheral_read read, vb_peripheral_write write) {
    vb_core *core = calloc(1, sizeof *core);
    if (!core)
        return NULL;
    core->api = *api;
    core->uc = uc;
    core->timing = *vb_one_cycle_timing();
    core->peripheral_read = read;
    core->peripheral_write = write;
    core->deadline_cycles = UINT64_MAX;
    uc_hook hook;
    const uint64_t everywhere = 1, nowhere = 0; /* first above last: Unicorn's way to say the whole space */
    int error = api->context_alloc(uc, &core->at_fault);
    error |= api->hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)vb_on_block, core, everywhere, nowhere);
    error |= api->hook_add(uc, &hook, UC_HOOK_INTR, (void *)on_exception, core, everywhere, nowhere);
    error |=
        api->hook_add(uc, &hook, UC_HOOK_EDGE_GENERATED, (void *)on_translated, core, everywhere, nowhere);
    error |=
        api->hook_add(uc, &hook, UC_HOOK_MEM_UNMAPPED, (void *)on_failed_access, core, everywhere, nowhere);
    if (error) {
        vb_destroy(core);
        return NULL;
    }
    return core;
}

void vb_destroy(vb_core *core) {
    for (uint32_t i = 0; i < core->region_count; i++)
        free(core->regions[i].code_pages);
    vb_profile_free(core);
    if (core->at_fault)
        core->api.context_free(core->at_fault);
    free(core);
}

int vb_add_region(vb_core *core, uint32_t base_addr, uint32_t size_bytes, uint8_t *host) {
    uint8_t *code_pages = calloc(((size_t)size_bytes >> VB_CODE_PAGE_BITS) + 1, 1);
    if (!code_pages || core->region_count == VB_MAX_REGIONS) {
        free(code_pages);
        return -1;
    }
    core->regions[core->region_count++] = (vb_region){base_addr, size_bytes, host, code_pages};
    uc_hook hook;
    return core->api.hook_add(core->uc, &hook, UC_HOOK_MEM_PROT, (void *)on_failed_access, core,
                              (uint64_t)base_addr, (uint64_t)base_addr + size_bytes - 1);
}

int vb_map_peripherals(vb_core *core, uint32_t base_addr, uint32_t size_bytes) {
    uc_hook hook;
    if (core->window_count == VB_MAX_WINDOWS)
        return -1;
    vb_window *window = &core->windows[core->window_count++];
    *window = (vb_window){core, base_addr - PRIVATE_PERIPHERAL_BUS};
    int error = core->api.mmio_map(core->uc, base_addr, size_bytes, (void *)on_peripheral_read, window,
                                   (void *)on_peripheral_write, window);
    error |= core->api.mem_protect(core->uc, base_addr, size_bytes, UC_PROT_NONE);
    return error | core->api.hook_add(core->uc, &hook, UC_HOOK_MEM_PROT, (void *)on_peripheral_access, core,
                                      (uint64_t)base_addr, (uint64_t)base_addr + size_bytes - 1);
}

void vb_set_programs_flash(vb_core *core, int programs_flash) {
    core->programs_flash = programs_flash;
}
