#include "internal/dot.h"

/* Cores without these instructions; dot_arm.S has the others. */
#ifndef __ARM_FEATURE_DSP

#ifndef PLAIN_WORDS
#error "the manifest gives PLAIN_WORDS"
#endif

int32_t plain_dot(const int16_t *x, const int8_t *weights, int32_t count, int32_t sum) {
    int32_t i = 0;
    for (; i + PLAIN_WORDS <= count; i += PLAIN_WORDS) {
        for (int32_t j = 0; j < PLAIN_WORDS; ++j) {
            sum += x[i + j] * weights[i + j];
        }
    }
    for (; i < count; ++i) {
        sum += x[i] * weights[i];
    }
    return sum;
}

#else
typedef int plain_dot_is_in_assembly;
#endif
