/* Requantization; not for users of the library. */
#ifndef PLAIN_ROUNDING_H
#define PLAIN_ROUNDING_H

#include <stdint.h>

int32_t plain_limit(int32_t value, int32_t low, int32_t high);

/* Two roundings: halves up, then away from zero. */
static inline int32_t plain_scale_twice(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)(int32_t)((uint32_t)x << left) * multiplier;
    const int32_t high = (int32_t)((product + ((int64_t)1 << 30)) >> 31);
    const int32_t mask = (int32_t)(((int64_t)1 << right) - 1);
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0));
}

/* One rounding, halves away from zero. */
static inline int32_t plain_scale_once(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t total = 31 - shift;
    return (int32_t)(((int64_t)x * multiplier + ((int64_t)1 << (total - 1)) - (x < 0)) >> total);
}

#endif
