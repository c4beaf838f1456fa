/* Minimum and maximum as the generated kernels call them. */
#ifndef UTVM_MINMAX_H
#define UTVM_MINMAX_H

#include <stdint.h>

#define UTVM_DEFINE_MINMAX(name, type)                                                                       \
    static inline type utvm_min_##name(type a, type b) {                                                     \
        return a < b ? a : b;                                                                                \
    }                                                                                                        \
    static inline type utvm_max_##name(type a, type b) {                                                     \
        return a > b ? a : b;                                                                                \
    }

UTVM_DEFINE_MINMAX(int8, int8_t)
UTVM_DEFINE_MINMAX(uint8, uint8_t)
UTVM_DEFINE_MINMAX(int16, int16_t)
UTVM_DEFINE_MINMAX(int32, int32_t)
UTVM_DEFINE_MINMAX(int64, int64_t)
UTVM_DEFINE_MINMAX(float32, float)

#endif
