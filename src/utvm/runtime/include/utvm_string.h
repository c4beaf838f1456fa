/* The functions of <string.h> that code without an operating system has; bare-metal compilers may lack the
 * header. */
#ifndef UTVM_STRING_H
#define UTVM_STRING_H

#if defined(__has_include)
#if __has_include(<string.h>)
#include <string.h>
#define UTVM_HAS_STRING_H
#endif
#endif

#ifndef UTVM_HAS_STRING_H
#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t size);
void *memmove(void *target, const void *source, size_t size);
void *memset(void *target, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
#endif

/* Freestanding compilers take these for functions like any other: what copies four bytes would be a call. */
#define memcpy(target, source, size) __builtin_memcpy(target, source, size)
#define memmove(target, source, size) __builtin_memmove(target, source, size)
#define memset(target, value, size) __builtin_memset(target, value, size)

#endif
