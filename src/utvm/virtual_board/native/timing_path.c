/* Paths: a block, the state it was entered in, and what that cost. */
#include "timing_model.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_bytes(const void *data, size_t size_bytes) {
    const uint8_t *bytes = data;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* The number of a state; equal states have equal numbers. */
static uint32_t number_of(vt_model *model, const vt_state *state) {
    uint32_t slot = hash_bytes(state, sizeof *state) & (VT_STATE_BUCKETS - 1);
    while (model->state_index[slot]) {
        uint32_t number = model->state_index[slot] - 1;
        if (memcmp(&model->states[number], state, sizeof *state) == 0)
            return number;
        slot = (slot + 1) & (VT_STATE_BUCKETS - 1);
    }
    model->states[model->state_count] = *state;
    model->state_index[slot] = ++model->state_count;
    return model->state_count - 1;
}

void vt_forget_paths(vt_model *model) {
    for (uint32_t i = 0; i < VT_PATH_BUCKETS; i++) {
        for (vt_path *path = model->paths[i], *next; path; path = next) {
            next = path->next;
            vt_sums *past = &path->record->past;
            past->runs += path->runs;
            past->cycles += path->runs * (path->cycles - path->entry_cycles);
            for (int cause = 0; cause < VT_CAUSES; cause++)
                past->lost[cause] += path->runs * path->lost[cause];
            path->record->paths = NULL;
            free(path);
        }
        model->paths[i] = NULL;
    }
    memset(model->state_index, 0, sizeof model->state_index);
    model->state_count = 0;
    model->path_count = 0;
    model->current = NULL;
    vt_state fresh;
    memset(&fresh, 0, sizeof fresh);
    fresh.bank = 2;
    fresh.flags_age = 7;
    number_of(model, &fresh); /* number 0 */
}

static vt_path *evaluate(vt_model *model, vt_record *record, uint32_t in_state, uint32_t phases,
                         vt_entry entry) {
    vt_path *path = calloc(1, sizeof *path);
    if (!path)
        return NULL;
    vt_state state = model->states[in_state];
    vt_result result;
    model->core->evaluate(model->rules, record, record->count, phases, entry, &state, &result);
    *path = (vt_path){.record = record,
                      .in_state = in_state,
                      .phases = phases,
                      .entry = entry,
                      .out_state = number_of(model, &state),
                      .cycles = result.cycles,
                      .entry_cycles = result.entry_cycles};
    for (int cause = 0; cause < VT_CAUSES; cause++)
        path->lost[cause] = (uint16_t)(result.lost[cause] > UINT16_MAX ? UINT16_MAX : result.lost[cause]);
    return path;
}

vt_path *vt_find_path(vt_model *model, vt_record *record, uint32_t in_state, uint32_t phases,
                      vt_entry entry) {
    uint32_t hash =
        (record->addr >> 1) * 2654435761u ^ in_state * 40503u ^ phases * 2246822519u ^ (uint32_t)entry << 7;
    vt_path **bucket = &model->paths[(hash ^ hash >> 16) & (VT_PATH_BUCKETS - 1)];
    for (vt_path *path = *bucket; path; path = path->next)
        if (path->record == record && path->in_state == in_state && path->phases == phases &&
            path->entry == entry)
            return path;
    vt_path *path = evaluate(model, record, in_state, phases, entry);
    if (path) {
        path->next = *bucket;
        *bucket = path;
        path->sibling = record->paths;
        record->paths = path;
        model->path_count++;
    }
    return path;
}
