/* The four functions that compilers may call on their own: with them an image needs no C library. */
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
/* Or gcc finds that these loops are memcpy and memset, and calls them. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint32_t __attribute__((may_alias)) utvm_word;

void *memcpy(void *restrict destination, const void *restrict source, size_t size_bytes);
void *memmove(void *destination, const void *source, size_t size_bytes);
void *memset(void *destination, int value, size_t size_bytes);
int memcmp(const void *left, const void *right, size_t size_bytes);

/* Reads up to four words ahead of what it writes, so source and destination may overlap if the source is
 * higher. */
static void copy_upwards(uint8_t *to, const uint8_t *from, size_t size_bytes) {
    if ((((uintptr_t)to ^ (uintptr_t)from) & 3u) == 0u) {
        for (; size_bytes > 0u && ((uintptr_t)to & 3u) != 0u; --size_bytes)
            *to++ = *from++;
        for (; size_bytes >= 16u; size_bytes -= 16u, to += 16, from += 16) {
            utvm_word *to_words = (utvm_word *)(void *)to;
            const utvm_word *from_words = (const utvm_word *)(const void *)from;
            utvm_word word0 = from_words[0], word1 = from_words[1], word2 = from_words[2],
                      word3 = from_words[3];
            to_words[0] = word0;
            to_words[1] = word1;
            to_words[2] = word2;
            to_words[3] = word3;
        }
        for (; size_bytes >= 4u; size_bytes -= 4u, to += 4, from += 4)
            *(utvm_word *)(void *)to = *(const utvm_word *)(const void *)from;
    }
    for (; size_bytes > 0u; --size_bytes)
        *to++ = *from++;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size_bytes) {
    copy_upwards(destination, source, size_bytes);
    return destination;
}

void *memmove(void *destination, const void *source, size_t size_bytes) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    if ((uintptr_t)to - (uintptr_t)from >= size_bytes) {
        copy_upwards(to, from, size_bytes);
        return destination;
    }
    while (size_bytes > 0u) {
        --size_bytes;
        to[size_bytes] = from[size_bytes];
    }
    return destination;
}

void *memset(void *destination, int value, size_t size_bytes) {
    uint8_t *to = destination;
    uint8_t byte = (uint8_t)value;
    uint32_t word = byte * 0x01010101u;
    for (; size_bytes > 0u && ((uintptr_t)to & 3u) != 0u; --size_bytes)
        *to++ = byte;
    for (; size_bytes >= 16u; size_bytes -= 16u, to += 16) {
        utvm_word *words = (utvm_word *)(void *)to;
        words[0] = word;
        words[1] = word;
        words[2] = word;
        words[3] = word;
    }
    for (; size_bytes > 0u; --size_bytes)
        *to++ = byte;
    return destination;
}

int memcmp(const void *left, const void *right, size_t size_bytes) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (; size_bytes > 0u; --size_bytes, ++a, ++b)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}
