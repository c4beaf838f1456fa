/* Memory protection. Unicorn protects whole pages, which costs nothing elsewhere. Once something else in such
 * a page is used, which Unicorn would from then on allow for the whole page, hooks take over, which slow
 * every access. */
#include "core.h"

#include <string.h>

#define PAGE_MASK 0x3ffu /* Unicorn's pages on Cortex-M */
#define LARGEST_ACCESS_BYTES 8u

static bool overlaps(const vb_denied *range, uint64_t first, uint64_t end) {
    return first <= range->last_addr && end > range->first_addr;
}

int vb_set_denied(vb_core *core, const vb_denied *ranges, uint32_t count) {
    bool were_hooked = false;
    if (count > VB_MAX_DENIED)
        return -1;
    for (uint32_t i = 0; i < core->denied_count; i++)
        if (core->denied[i].hook) {
            core->api.hook_del(core->uc, core->denied[i].hook);
            were_hooked = true;
        }
    for (uint32_t i = 0; i < count; i++)
        core->denied[i] = ranges[i];
    core->denied_count = count;
    if (were_hooked)
        vb_forget_code(core);
    return 0;
}

bool vb_is_denied(const vb_core *core, uint32_t addr, uint32_t size_bytes, uint32_t access) {
    for (uint32_t i = 0; i < core->denied_count; i++)
        if (core->denied[i].access & access && overlaps(&core->denied[i], addr, (uint64_t)addr + size_bytes))
            return true;
    return false;
}

bool vb_protects_page(const vb_core *core, uint32_t addr) {
    uint64_t page = addr & ~PAGE_MASK;
    for (uint32_t i = 0; i < core->denied_count; i++)
        if (!core->denied[i].hook && overlaps(&core->denied[i], page, page + PAGE_MASK + 1))
            return true;
    return false;
}

/* Unicorn carries an access out that a hook only looks at. */
static void remember(vb_core *core, uint32_t addr, uint32_t size_bytes) {
    uint8_t *host = (uint8_t *)vb_host_memory(core, addr, size_bytes);
    if (!host || core->undo_count == VB_MAX_UNDO || size_bytes > LARGEST_ACCESS_BYTES)
        return;
    vb_undo *undo = &core->undo[core->undo_count++];
    undo->host = host;
    undo->size_bytes = size_bytes;
    memcpy(undo->bytes, host, size_bytes);
}

void vb_undo_stores(vb_core *core) {
    while (core->undo_count) {
        const vb_undo *undo = &core->undo[--core->undo_count];
        memcpy(undo->host, undo->bytes, undo->size_bytes);
    }
}

static void on_checked(uc_engine *uc, int type, uint64_t addr, int size_bytes, int64_t value, void *user) {
    (void)value;
    vb_core *core = user;
    bool writes = type == UC_MEM_WRITE;
    if ((core->stop && core->stop != VB_STOP_MEMORY) ||
        !vb_is_denied(core, (uint32_t)addr, (uint32_t)size_bytes, writes ? VB_WRITE : VB_READ))
        return;
    if (writes)
        remember(core, (uint32_t)addr, (uint32_t)size_bytes);
    if (core->stop) /* by an earlier access of the same instruction */
        return;
    core->stop = VB_STOP_MEMORY;
    core->fault_type = writes ? UC_MEM_WRITE_PROT : UC_MEM_READ_PROT;
    core->fault_addr = (uint32_t)addr;
    core->fault_size_bytes = (uint32_t)size_bytes;
    core->api.context_save(uc, core->at_fault);
    core->api.emu_stop(uc);
}

int vb_hook_denied(vb_core *core, uint32_t index) {
    vb_denied *range = &core->denied[index];
    uint32_t below = LARGEST_ACCESS_BYTES - 1; /* an access may begin there and reach in */
    int error = core->api.hook_add(
        core->uc, &range->hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_checked, core,
        (uint64_t)(range->first_addr < below ? 0 : range->first_addr - below), (uint64_t)range->last_addr);
    vb_forget_code(core); /* translations made without such hooks do not look */
    return error;
}
