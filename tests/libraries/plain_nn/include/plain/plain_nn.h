/* Convolution and matrix product of int8; the library's public header. */
#ifndef PLAIN_NN_H
#define PLAIN_NN_H

#include "plain_types.h"

/* scratch: row_elements int16. */
int32_t plain_convolve_s8(const plain_convolution *layer, const int8_t *image, const int8_t *weights,
                          const int32_t *bias, const int32_t *multipliers, const int32_t *shifts,
                          int16_t *scratch, int8_t *output);

void plain_dense_s8(const plain_dense *layer, const int8_t *rows, const int8_t *weights, const int32_t *bias,
                    const int32_t *multipliers, const int32_t *shifts, int8_t *output);

#endif
