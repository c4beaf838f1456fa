#ifndef PLAIN_TYPES_H
#define PLAIN_TYPES_H

#include <stdint.h>

typedef struct {
    int32_t height, width, channels;
    int32_t out_height, out_width, out_channels;
    int32_t window_height, window_width;
    int32_t stride_y, stride_x, pad_y, pad_x;
    int32_t input_zero_point, output_zero_point, low, high;
    int32_t per_channel;
} plain_convolution;

typedef struct {
    int32_t rows, depth, units;
    int32_t input_zero_point, output_zero_point, low, high;
    int32_t per_unit;
} plain_dense;

#endif
