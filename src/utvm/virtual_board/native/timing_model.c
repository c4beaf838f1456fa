/* A timing model as the counter calls it. */
#include "timing_model.h"

#include <stdlib.h>
#include <string.h>

vt_model *vt_create(vb_core *board, const char *core_name, const int32_t *values, vt_memory *memory) {
    const vt_core *core = vt_core_named(core_name);
    vt_model *model = core ? calloc(1, sizeof *model) : NULL;
    if (!model)
        return NULL;
    model->core = core;
    model->board = board;
    model->memory = memory;
    memcpy(model->rules, values, vt_rule_count(core) * sizeof *values);
    model->states = calloc(VT_MAX_STATES + 1, sizeof *model->states);
    if (!model->states) {
        free(model);
        return NULL;
    }
    vt_forget_paths(model);
    return model;
}

void vt_forget(vt_model *model) {
    vt_forget_paths(model);
    vt_forget_records(model);
    vt_attach(model);
}

void vt_attach(vt_model *model) {
    vb_timing timing = {model->core->name, vt_block_cycles, vt_partial_cycles, model};
    vb_set_timing(model->board, &timing);
}

static uint64_t fetch_cycles(vt_model *model, vt_record *record, vt_entry entry) {
    if (!model->memory)
        return 0;
    model->memory->stalled_cycles = &record->data_cycles;
    uint64_t cycles =
        vt_memory_fetch(model->memory, record->addr, record->size_bytes, entry == VT_ENTRY_FALL_THROUGH);
    record->fetch_cycles += cycles;
    return cycles;
}

uint64_t vt_block_cycles(void *user, vb_block *block, const vb_block *previous) {
    vt_model *model = user;
    vt_record *record = (vt_record *)(uintptr_t)block->model_data;
    if (!record) {
        record = vt_learn(model, block);
        if (!record) { /* code outside of every memory, or none left: one cycle an instruction */
            model->current = NULL;
            return block->instructions;
        }
        block->model_data = (uintptr_t)record;
    }
    vt_path *before = previous ? model->current : NULL;
    vt_entry entry = before ? vt_branch_to(model, before->record, record->addr) : VT_ENTRY_FRESH;
    uint32_t phases = record->phase_count || record->guesses ? vt_phases(model, record) : 0;
    vt_path *path = before ? before->successor : NULL;
    if (!path || path->record != record || path->phases != phases || path->entry != (uint32_t)entry) {
        if (model->state_count >= VT_MAX_STATES || model->path_count >= VT_MAX_PATHS) {
            vt_forget_paths(model);
            before = NULL;
        }
        path = vt_find_path(model, record, before ? before->out_state : 0, phases, entry);
        if (!path) {
            model->current = NULL;
            return block->instructions;
        }
        if (before)
            before->successor = path;
    }
    path->runs++;
    model->current = path;
    if (before) {
        before->record->branch_cycles += path->entry_cycles;
        before->record->branch_slots += path->lost[VT_LOST_BRANCH];
    }
    return path->cycles + fetch_cycles(model, record, entry);
}

uint64_t vt_partial_cycles(void *user, const vb_block *block, uint32_t addr, uint32_t instructions) {
    vt_model *model = user;
    const vt_path *path = model->current;
    (void)addr;
    if (!path || path->record->addr != block->addr)
        return instructions;
    uint32_t count = instructions < path->record->count ? instructions + 1 : path->record->count;
    vt_state state = model->states[path->in_state];
    vt_result result;
    model->core->evaluate(model->rules, path->record, count, path->phases, path->entry, &state, &result);
    return result.cycles ? result.cycles - 1 : 0;
}
