#include "internal/rounding.h"
#include "plain/plain_nn.h"

static int32_t widen(int8_t value, int32_t zero_point) {
    return value - zero_point;
}

void plain_dense_s8(const plain_dense *layer, const int8_t *rows, const int8_t *weights, const int32_t *bias,
                    const int32_t *multipliers, const int32_t *shifts, int8_t *output) {
    for (int32_t row = 0; row < layer->rows; ++row) {
        for (int32_t unit = 0; unit < layer->units; ++unit) {
            int32_t sum = bias[unit];
            for (int32_t i = 0; i < layer->depth; ++i) {
                sum += widen(rows[row * layer->depth + i], layer->input_zero_point) *
                       weights[unit * layer->depth + i];
            }
            const int32_t scale = layer->per_unit ? unit : 0;
            const int32_t scaled = plain_scale_once(sum, multipliers[scale], shifts[scale]);
            *output++ = (int8_t)plain_limit(scaled + layer->output_zero_point, layer->low, layer->high);
        }
    }
}
