/* For sources that call memcpy or memset: nothing else is linked. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    while (size_bytes--)
        *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t size_bytes) {
    uint8_t *out = to;
    while (size_bytes--)
        *out++ = (uint8_t)value;
    return to;
}
