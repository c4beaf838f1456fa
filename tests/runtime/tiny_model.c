/* A model small enough to be checked by hand: it uses every kind of memory, the 64-bit and float helpers of
 * the compiler, and the layer hooks. ARENA_SECTION names the section of its tensors. */
#include <stdint.h>

#include "utvm_profile.h"
#include "utvm_standalone.h"

#define LAYERS 3
#define ELEMENTS 64

__attribute__((section(ARENA_SECTION))) int8_t tiny_input[ELEMENTS];
__attribute__((section(ARENA_SECTION))) int32_t tiny_output[4];

static const int8_t weights[ELEMENTS] = {3, -5, 7, 11};
static int32_t runs_from_data = 100;
static int32_t runs_from_bss;
volatile uint32_t tiny_loops = 10;
volatile uint32_t tiny_stack_words = 16;
volatile float tiny_scale = 0.5f;

const int32_t utvm_model_layer_count = LAYERS;
uint64_t utvm_layer_cycles[LAYERS];

static __attribute__((noinline)) uint32_t use_stack(uint32_t words) {
    volatile uint32_t frame[4] = {words, 1, 2, 3};
    return words <= 4 ? frame[0] : use_stack(words - 4) + frame[1];
}

int32_t utvm_model_run(void) {
    utvm_layer_begin(0);
    int32_t sum = 0;
    for (int32_t i = 0; i < ELEMENTS; ++i)
        sum += weights[i] * tiny_input[i];
    tiny_output[0] = sum;
    utvm_layer_end(0);

    utvm_layer_begin(1);
    for (volatile uint32_t loop = 0; loop < tiny_loops; ++loop)
        ;
    utvm_layer_end(1);

    utvm_layer_begin(2);
    utvm_layer_end(2);

    tiny_output[1] = (int32_t)(((uint64_t)tiny_loops << 40) / (tiny_loops + 7u) >> 32);
    tiny_output[2] = (int32_t)((float)sum * tiny_scale);
    tiny_output[3] = ++runs_from_data + ++runs_from_bss;
    return use_stack(tiny_stack_words) > 0 ? 17 : 0;
}
