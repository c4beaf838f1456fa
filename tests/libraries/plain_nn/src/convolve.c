#include <plain/plain_nn.h>
#include <string.h>

#include "internal/dot.h"
#include "internal/rounding.h"

/* A name that other files of the library have, too. */
static void widen(int16_t *to, const int8_t *from, int32_t count, int32_t zero_point) {
    for (int32_t i = 0; i < count; ++i) {
        to[i] = (int16_t)(from[i] - zero_point);
    }
}

/* One window, padded with zeros. */
static void gather(const plain_convolution *layer, const int8_t *image, int32_t y0, int32_t x0,
                   int16_t *window) {
    const int32_t row = layer->window_width * layer->channels;
    memset(window, 0, (size_t)(layer->window_height * row) * sizeof *window);
    for (int32_t y = 0; y < layer->window_height; ++y) {
        for (int32_t x = 0; x < layer->window_width; ++x) {
            const int32_t iy = y0 + y;
            const int32_t ix = x0 + x;
            if (iy >= 0 && iy < layer->height && ix >= 0 && ix < layer->width) {
                widen(window + y * row + x * layer->channels,
                      image + (iy * layer->width + ix) * layer->channels, layer->channels,
                      layer->input_zero_point);
            }
        }
    }
}

int32_t plain_convolve_s8(const plain_convolution *layer, const int8_t *image, const int8_t *weights,
                          const int32_t *bias, const int32_t *multipliers, const int32_t *shifts,
                          int16_t *scratch, int8_t *output) {
    const int32_t taps = layer->window_height * layer->window_width * layer->channels;
    if (layer->channels <= 0) {
        return 7;
    }
    for (int32_t y = 0; y < layer->out_height; ++y) {
        for (int32_t x = 0; x < layer->out_width; ++x) {
            gather(layer, image, y * layer->stride_y - layer->pad_y, x * layer->stride_x - layer->pad_x,
                   scratch);
            for (int32_t channel = 0; channel < layer->out_channels; ++channel) {
                const int32_t sum = plain_dot(scratch, weights + channel * taps, taps, bias[channel]);
                const int32_t scale = layer->per_channel ? channel : 0;
                const int32_t scaled = plain_scale_twice(sum, multipliers[scale], shifts[scale]);
                *output++ = (int8_t)plain_limit(scaled + layer->output_zero_point, layer->low, layer->high);
            }
        }
    }
    return 0;
}
