#include "internal/rounding.h"

int32_t plain_limit(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}
