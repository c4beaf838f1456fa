/* Branch prediction: a two-bit counter per conditional branch, the last target of an indirect one, and the
 * trip count of short loops. */
#include "timing_model.h"

static bool predict_exit(const vt_model *model, const vt_record *record) {
    int32_t longest = model->rules[VT_M7_LOOP_EXITS];
    return record->last_run && record->last_run == record->taken_run && (int32_t)record->last_run <= longest;
}

static bool predict_taken(const vt_model *model, const vt_record *record) {
    return record->counter >= 2 && !predict_exit(model, record);
}

static void remember(vt_record *record, bool taken) {
    if (taken) {
        record->counter += record->counter < 3;
        record->taken_run++;
    } else {
        record->counter -= record->counter > 0;
        record->last_run = record->taken_run;
        record->taken_run = 0;
    }
}

vt_entry vt_branch_to(vt_model *model, vt_record *record, uint32_t addr) {
    const vt_instruction *last = &record->instructions[record->count - 1];
    bool taken = addr != record->addr + record->size_bytes;
    if (!(last->attributes & VT_WRITES_PC))
        return taken ? VT_ENTRY_FRESH : VT_ENTRY_FALL_THROUGH;
    if (!model->core->predicts)
        return taken ? VT_ENTRY_TAKEN : VT_ENTRY_FALL_THROUGH;
    bool right = true;
    if (last->attributes & VT_CONDITIONAL) {
        right = predict_taken(model, record) == taken;
        remember(record, taken);
    }
    if (taken && last->kind != VT_BRANCH && last->kind != VT_COMPARE_BRANCH && last->kind != VT_CALL) {
        right = right && record->last_target == addr;
        record->last_target = addr;
    }
    record->mispredictions += !right;
    if (right)
        return taken ? VT_ENTRY_TAKEN : VT_ENTRY_FALL_THROUGH;
    return taken ? VT_ENTRY_MISPREDICTED_TAKEN : VT_ENTRY_MISPREDICTED_FALL_THROUGH;
}
