/* Decoded blocks: instructions, the core model's view of them, and addresses as far as they can be followed.
 */
#include "timing_model.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_code(const uint8_t *code, uint32_t size_bytes) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < size_bytes; i++)
        hash = (hash ^ code[i]) * 16777619u;
    return hash;
}

static void free_record(vt_record *record) {
    free(record->instructions);
    free(record->traits);
    free(record->sums);
    free(record);
}

void vt_forget_records(vt_model *model) {
    for (vt_record *record = model->all_records, *next; record; record = next) {
        next = record->link;
        free_record(record);
    }
    model->all_records = NULL;
    memset(model->records, 0, sizeof model->records);
}

static void decode_block(vt_record *record, const uint8_t *code) {
    uint32_t offset = 0;
    uint8_t it_state = 0;
    while (offset + 2 <= record->size_bytes) {
        uint16_t first = (uint16_t)(code[offset] | code[offset + 1] << 8), second = 0;
        if (offset + 4 <= record->size_bytes)
            second = (uint16_t)(code[offset + 2] | code[offset + 3] << 8);
        vt_instruction *in = &record->instructions[record->count++];
        vt_decode(in, record->addr + offset, first, second, it_state);
        it_state = vt_next_it_state(in, first, it_state);
        offset += in->size_bytes;
    }
}

/* The sum of two sums, if it has at most two registers. */
static vt_sum add(vt_sum a, vt_sum b, uint32_t shift) {
    vt_sum none = {0}, sum = a;
    if (!a.known || !b.known || a.second != VT_NO_REGISTER || b.second != VT_NO_REGISTER)
        return none;
    sum.constant += b.constant << shift;
    if (b.first != VT_NO_REGISTER) {
        if (a.first == VT_NO_REGISTER && shift == 0) {
            sum.first = b.first;
        } else {
            sum.second = b.first;
            sum.second_shift = (uint8_t)shift;
        }
    }
    return sum;
}

static void forget_registers(vt_sum *registers, uint64_t written) {
    for (int r = 0; r < 16; r++)
        if (written & VT_BIT(r))
            registers[r].known = 0;
}

/* Follow registers through the block as sums of what they were at its entry. Only writeback is followed: what
 * arithmetic does to a pointer in between makes it unknown. */
static void follow_addresses(vt_record *record) {
    vt_sum registers[16];
    for (int r = 0; r < 16; r++)
        registers[r] = (vt_sum){1, (uint8_t)r, VT_NO_REGISTER, 0, 0};
    for (uint32_t i = 0; i < record->count; i++) {
        const vt_instruction *in = &record->instructions[i];
        vt_sum *sum = &record->sums[i];
        if (in->base != VT_NO_REGISTER) {
            if (in->base == VT_PC)
                *sum = (vt_sum){1, VT_NO_REGISTER, VT_NO_REGISTER, 0, (in->addr + 4) & ~3u};
            else
                *sum = registers[in->base];
            sum->constant += (uint32_t)in->offset;
            if (in->index != VT_NO_REGISTER)
                *sum = add(*sum, registers[in->index], in->index_shift);
        }
        forget_registers(registers, in->results);
        if (in->base_result && in->attributes & VT_CONDITIONAL)
            registers[in->base].known = 0;
        else if (in->base_result)
            registers[in->base].constant += (uint32_t)in->base_change;
    }
}

static bool is_single_load(const vt_instruction *in) {
    return in->kind == VT_LOAD || (in->kind == VT_FP_LOAD && in->words == 1);
}

/* Whether the bank relation of two loads follows from their sums alone. */
static bool same_base(const vt_sum *a, const vt_sum *b) {
    return a->known && b->known && a->first == b->first && a->second == b->second &&
           a->second_shift == b->second_shift && ((a->constant - b->constant) & 3) == 0;
}

static void add_phase(vt_record *record, uint8_t reg, uint8_t mask) {
    uint32_t i = 0;
    while (i < record->phase_count && record->phase_registers[i] != reg)
        i++;
    if (reg == VT_NO_REGISTER || i == VT_MAX_PHASES)
        return;
    if (i == record->phase_count)
        record->phase_count++;
    record->phase_registers[i] = reg;
    record->phase_masks[i] |= mask;
}

/* Which registers' low bits the time of this block depends on. */
static void choose_phases(vt_record *record, bool pairs) {
    for (uint32_t i = 0; i < record->count; i++) {
        const vt_instruction *in = &record->instructions[i];
        const vt_sum *sum = &record->sums[i];
        if (!is_single_load(in))
            continue;
        bool needed = in->access_bytes > 1 && in->base != VT_SP && in->base != VT_PC;
        for (uint32_t j = i ? i - 1 : 0; pairs && j <= i + 1 && j < record->count; j++) {
            if (j == i || !is_single_load(&record->instructions[j]))
                continue;
            needed |= !same_base(sum, &record->sums[j]) || !record->sums[j].known;
            record->guesses |= !sum->known;
        }
        if (needed && sum->known) {
            add_phase(record, sum->first, 7);
            add_phase(record, sum->second, (uint8_t)(7 >> sum->second_shift));
        }
    }
}

vt_record *vt_learn(vt_model *model, const vb_block *block) {
    const uint8_t *code = vb_host_memory(model->board, block->addr, block->size_bytes);
    if (!code)
        return NULL;
    uint32_t code_hash = hash_code(code, block->size_bytes);
    vt_record **bucket = &model->records[(block->addr >> 1) & (VT_RECORD_BUCKETS - 1)];
    for (vt_record *record = *bucket; record; record = record->next)
        if (record->addr == block->addr && record->size_bytes == block->size_bytes &&
            record->code_hash == code_hash)
            return record;
    vt_record *record = calloc(1, sizeof *record);
    size_t most = block->size_bytes / 2 + 1;
    if (!record)
        return NULL;
    record->addr = block->addr;
    record->size_bytes = block->size_bytes;
    record->code_hash = code_hash;
    record->counter = 1;
    record->instructions = calloc(most, sizeof *record->instructions);
    record->traits = calloc(most, sizeof *record->traits);
    record->sums = calloc(most, sizeof *record->sums);
    if (!record->instructions || !record->traits || !record->sums) {
        free_record(record);
        return NULL;
    }
    decode_block(record, code);
    for (uint32_t i = 0; i < record->count; i++)
        record->traits[i] = model->core->traits(&record->instructions[i]);
    follow_addresses(record);
    if (model->core->aligns)
        choose_phases(record, model->core->slots > 1);
    record->next = *bucket;
    *bucket = record;
    record->link = model->all_records;
    model->all_records = record;
    return record;
}

uint32_t vt_phases(vt_model *model, vt_record *record) {
    uint32_t phases = 0;
    for (uint32_t i = 0; i < record->phase_count; i++) {
        uint32_t value = 0, reg = record->phase_registers[i];
        int id = reg < 13 ? UC_ARM_REG_R0 + (int)reg : reg == VT_SP ? VT_UC_SP : VT_UC_LR;
        model->board->api.reg_read(model->board->uc, id, &value);
        phases |= (value & record->phase_masks[i]) << (3 * i);
    }
    if (record->guesses)
        phases |= (++record->guess & 1) << 31;
    return phases;
}

static bool phase_of(const vt_record *record, uint8_t reg, uint32_t phases, uint32_t *bits) {
    for (uint32_t i = 0; i < record->phase_count; i++)
        if (record->phase_registers[i] == reg) {
            *bits = phases >> (3 * i) & 7;
            return true;
        }
    return reg == VT_NO_REGISTER;
}

uint32_t vt_address_bits(const vt_record *record, uint32_t i, uint32_t phases) {
    const vt_sum *sum = &record->sums[i];
    uint32_t first = 0, second = 0;
    if (!sum->known)
        return 8;
    /* Without phases the relation to neighbours with the same base is still right. */
    phase_of(record, sum->first, phases, &first);
    phase_of(record, sum->second, phases, &second);
    return (first + (second << sum->second_shift) + sum->constant) & 7;
}
