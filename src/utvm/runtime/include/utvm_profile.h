/* Cycles per layer: a model calls begin and end around each of its layers. */
#ifndef UTVM_PROFILE_H
#define UTVM_PROFILE_H

#include <stdint.h>

/* Provided by a model that measures its layers; without them nothing is recorded. */
extern const int32_t utvm_model_layer_count;
extern uint64_t utvm_layer_cycles[];

/* Layers do not nest. The cost of the two calls is taken off the layer's cycles. */
void utvm_layer_begin(int32_t index);
void utvm_layer_end(int32_t index);

/* Measures the cost of one begin and end; once, after utvm_cycles_start(). */
void utvm_profile_calibrate(void);

/* Zeroes the cycles of all layers, before a run. */
void utvm_profile_reset(void);

/* Cycles that measuring added to the run since utvm_profile_reset(). */
uint64_t utvm_profile_overhead(void);

#endif
