/* Cycles per layer, less what it costs to measure them. */
#include "utvm_profile.h"

#include "utvm_cycles.h"

#define UTVM_CALIBRATION_RUNS 8

static uint64_t begin_cycles;
static uint64_t unattributed_cycles;
static uint32_t pairs;
static uint32_t pair_inside_cycles;
static uint32_t pair_whole_cycles;

__attribute__((noinline)) void utvm_layer_begin(int32_t index) {
    (void)index;
    begin_cycles = utvm_cycles_now();
}

__attribute__((noinline)) void utvm_layer_end(int32_t index) {
    uint64_t cycles = utvm_cycles_now() - begin_cycles;
    uint64_t *sum = &unattributed_cycles;
    if (index >= 0 && index < utvm_model_layer_count)
        sum = &utvm_layer_cycles[index];
    if (cycles > pair_inside_cycles)
        *sum += cycles - pair_inside_cycles;
    pairs += 1u;
}

/* The least of several tries: the first ones fill caches and prefetch buffers. */
void utvm_profile_calibrate(void) {
    uint32_t inside = UINT32_MAX;
    uint32_t whole = UINT32_MAX;
    pair_inside_cycles = 0;
    for (int32_t run = 0; run < UTVM_CALIBRATION_RUNS; ++run) {
        unattributed_cycles = 0;
        uint64_t before = utvm_cycles_now();
        utvm_layer_begin(-1);
        utvm_layer_end(-1);
        uint64_t with_pair = utvm_cycles_now() - before;
        uint64_t empty = utvm_cycles_now();
        empty = utvm_cycles_now() - empty;
        if (unattributed_cycles < inside)
            inside = (uint32_t)unattributed_cycles;
        if (with_pair - empty < whole)
            whole = (uint32_t)(with_pair - empty);
    }
    pair_inside_cycles = inside;
    pair_whole_cycles = whole;
}

void utvm_profile_reset(void) {
    for (int32_t index = 0; index < utvm_model_layer_count; ++index)
        utvm_layer_cycles[index] = 0;
    pairs = 0;
}

uint64_t utvm_profile_overhead(void) {
    return (uint64_t)pairs * pair_whole_cycles;
}
