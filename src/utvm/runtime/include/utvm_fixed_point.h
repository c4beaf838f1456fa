/*
 * Fixed-point arithmetic of the generated kernels. C99, no libm, every result defined for every argument in
 * the ranges given: signed values are shifted right only (arithmetically, as every compiler we support does),
 * and shifted left as unsigned. The meaning in numpy is utvm/model/fixed_point.py.
 */
#ifndef UTVM_FIXED_POINT_H
#define UTVM_FIXED_POINT_H

#include <stdint.h>

/* x, limited to low ... high. */
static inline int32_t utvm_clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

/* sum / count, rounded to nearest, halves away from zero; |sum| + count / 2 must fit. */
static inline int32_t utvm_rounding_divide(int32_t sum, int32_t count) {
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* round(a * b / 2^31), halves up; the one product that does not fit saturates. */
static inline int32_t utvm_doubling_high_mul(int32_t a, int32_t b) {
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(x / 2^exponent), halves away from zero; 0 <= exponent <= 31. */
static inline int32_t utvm_rounding_shift_right(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* x * 2^exponent, wrapping as a 32-bit register does; 0 <= exponent <= 31. */
static inline int32_t utvm_shift_left(int32_t x, int32_t exponent) {
    return (int32_t)((uint32_t)x << exponent);
}

/* x * 2^exponent, saturated; 0 <= exponent <= 30. */
static inline int32_t utvm_saturating_shift_left(int32_t x, int32_t exponent) {
    const int32_t limit = INT32_MAX >> exponent;
    if (x > limit) {
        return INT32_MAX;
    }
    return x < -limit ? INT32_MIN : utvm_shift_left(x, exponent);
}

/* x * multiplier * 2^(shift - 31), rounded twice; -31 <= shift <= 31. */
static inline int32_t utvm_requantize(int32_t x, int32_t multiplier, int32_t shift) {
    if (shift > 0) {
        return utvm_doubling_high_mul(utvm_shift_left(x, shift), multiplier);
    }
    return utvm_rounding_shift_right(utvm_doubling_high_mul(x, multiplier), -shift);
}

/* x * multiplier * 2^(shift - 31), rounded once, halves away from zero, saturated; multiplier >= 0, -31 <=
 * shift <= 30. */
static inline int32_t utvm_requantize_once(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t total_shift = 31 - shift;
    const int64_t half = (int64_t)1 << (total_shift - 1);
    const int64_t scaled = ((int64_t)x * multiplier + half - (x < 0)) >> total_shift;
    if (scaled > INT32_MAX) {
        return INT32_MAX;
    }
    return scaled < INT32_MIN ? INT32_MIN : (int32_t)scaled;
}

/* Leading zero bits; 32 for zero. */
static inline int32_t utvm_leading_zeros(uint32_t x) {
#ifdef __ARM_FEATURE_CLZ
    return x != 0 ? (int32_t)__builtin_clz(x) : 32;
#else
    int32_t count = 32;
    for (int32_t step = 16; step > 0; step >>= 1) {
        if (x >> step != 0) {
            x >>= step;
            count -= step;
        }
    }
    return x != 0 ? count - 1 : count;
#endif
}

/*
 * round(x * multiplier * 2^(shift - 53)), halves away from zero, saturated, as double precision computes it:
 * the product is first rounded to 53 bits, which can lift it onto a half. 0 <= multiplier < 2^53, -31 <=
 * shift <= 30.
 */
static inline int32_t utvm_requantize_wide(int32_t x, int64_t multiplier, int32_t shift) {
    const int32_t total_shift = 31 - shift;
    const uint64_t magnitude = x < 0 ? (uint64_t)(-(int64_t)x) : (uint64_t)x;
    const uint64_t low = magnitude * ((uint64_t)multiplier & 0x3FFFFF);
    /* The product is high * 2^22 + the low 22 bits of low. */
    uint64_t high = magnitude * ((uint64_t)multiplier >> 22) + (low >> 22);
    /* Half of the 53rd bit's weight: a product that close to a half is rounded onto it. */
    const uint64_t slack =
        high >> 31 != 0 ? (uint64_t)1 << (32 - utvm_leading_zeros((uint32_t)(high >> 32))) : 0;
    high += ((low & 0x3FFFFF) + slack) >> 22;
    const uint64_t scaled = (high + ((uint64_t)1 << (total_shift - 1))) >> total_shift;
    if (x < 0) {
        return scaled > INT32_MAX ? INT32_MIN : -(int32_t)scaled;
    }
    return scaled > INT32_MAX ? INT32_MAX : (int32_t)scaled;
}

/*
 * 1 / x for x = sum / 2^19 >= 1, as a fraction of 31 bits between one half and one:
 * 1 / x ~ result * 2^-(31 + exponent), where exponent = 12 - leading zeros of sum. Three Newton-Raphson
 * steps, as gemmlowp takes them.
 */
static inline int32_t utvm_reciprocal(int32_t sum) {
    const uint32_t normalised = (uint32_t)sum << utvm_leading_zeros((uint32_t)sum);
    const int32_t fraction = (int32_t)(normalised - ((uint32_t)1 << 31));
    const int32_t half_denominator = (int32_t)(((int64_t)fraction + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + utvm_doubling_high_mul(half_denominator, -1010580540);
    for (int step = 0; step < 3; ++step) {
        const int32_t error = ((int32_t)1 << 29) - utvm_doubling_high_mul(half_denominator, x);
        x += utvm_saturating_shift_left(utvm_doubling_high_mul(x, error), 2);
    }
    return utvm_saturating_shift_left(x, 1);
}

/* round(a * b / 2^15), halves up, of two int16; the one product that does not fit saturates. */
static inline int32_t utvm_high_mul_q15(int32_t a, int32_t b) {
    const int32_t product = (a * b + (1 << 14)) >> 15;
    return product > INT16_MAX ? INT16_MAX : product;
}

/*
 * exp(x) for -2^15 <= x <= 0 with integer_bits before the point, 0 <= integer_bits <= 7, as a fraction of 15
 * bits: gemmlowp's Taylor series for the last quarter, the quarters before it one bit at a time.
 */
static inline int32_t utvm_exp_q15(int32_t x, int32_t integer_bits) {
    static const int16_t powers[] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(-2^k), k = -2 ... 4 */
    const int32_t quarter = (int32_t)1 << (13 - integer_bits);
    const int32_t remainder = (x & (quarter - 1)) - quarter;
    const int32_t y = utvm_shift_left(remainder, integer_bits) + (1 << 12);
    const int32_t square = utvm_high_mul_q15(y, y);
    const int32_t fourth_over_4 = utvm_rounding_shift_right(utvm_high_mul_q15(square, square), 2);
    const int32_t sixths = utvm_high_mul_q15(fourth_over_4 + utvm_high_mul_q15(square, y), 10923);
    const int32_t series = y + utvm_rounding_shift_right(sixths + square, 1);
    int32_t result = utvm_clamp(28918 + utvm_high_mul_q15(series, 28918), INT16_MIN, INT16_MAX);
    if (x == 0) {
        return INT16_MAX;
    }
    if (integer_bits > 5 && x < -((int32_t)1 << (20 - integer_bits))) {
        return 0;
    }
    for (int32_t k = 0; k < integer_bits + 2 && k < 7; ++k) {
        if (((remainder - x) >> (13 - integer_bits + k)) & 1) {
            result = utvm_high_mul_q15(result, powers[k]);
        }
    }
    return result;
}

/* 2 / (1 + x) for a fraction x of 15 bits, with two integer bits: three Newton-Raphson steps. */
static inline int32_t utvm_two_over_one_plus_q15(int32_t x) {
    const int32_t half_denominator = (x + (1 << 15)) >> 1;
    int32_t estimate = 23130 + utvm_high_mul_q15(half_denominator, -15420);
    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 13) - utvm_high_mul_q15(half_denominator, estimate);
        const int32_t correction = utvm_shift_left(utvm_high_mul_q15(estimate, error), 2);
        estimate += utvm_clamp(correction, INT16_MIN, INT16_MAX);
    }
    return estimate;
}

/* 1 / (1 + exp(-x)) of an int16 with three integer bits, as a fraction of 15 bits. */
static inline int32_t utvm_logistic_q15(int32_t x) {
    const int32_t magnitude = utvm_clamp(x < 0 ? x : -x, INT16_MIN, 0);
    const int32_t ratio = utvm_shift_left(utvm_two_over_one_plus_q15(utvm_exp_q15(magnitude, 3)), 1);
    const int32_t fraction = utvm_clamp(ratio, INT16_MIN, INT16_MAX);
    return x == 0 ? 1 << 14 : x > 0 ? fraction : INT16_MAX - fraction;
}

/* tanh of an int16 with 0 to 6 integer bits, as a fraction of 15 bits. */
static inline int32_t utvm_tanh_q15(int32_t x, int32_t integer_bits) {
    const int32_t magnitude = x < 0 ? x : -x;
    /* Twice x: the same bits with one more of them before the point. */
    const int32_t ratio = utvm_two_over_one_plus_q15(utvm_exp_q15(magnitude, integer_bits + 1)) - (1 << 13);
    const int32_t fraction = utvm_clamp(utvm_shift_left(ratio, 2), INT16_MIN, INT16_MAX);
    return x == 0 ? 0 : x > 0 ? fraction : -fraction;
}

/*
 * value / scale + zero_point, rounded halves away from zero, limited to [low, high], both of which lie within
 * 2^23 of zero_point. What is not a number becomes low.
 */
static inline int32_t utvm_quantize_float(float value, float scale, int32_t zero_point, int32_t low,
                                          int32_t high) {
    const float steps = value / scale;
    if (!(steps > (float)(low - zero_point))) {
        return low;
    }
    if (!(steps < (float)(high - zero_point))) {
        return high;
    }
    const int32_t whole = (int32_t)steps;
    const float rest = steps - (float)whole;
    return zero_point + whole + (rest >= 0.5F) - (rest <= -0.5F);
}

#endif
