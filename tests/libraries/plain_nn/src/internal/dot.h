#ifndef PLAIN_DOT_H
#define PLAIN_DOT_H

#include <stdint.h>

/* sum + dot product of `count` elements. */
int32_t plain_dot(const int16_t *x, const int8_t *weights, int32_t count, int32_t sum);

#endif
