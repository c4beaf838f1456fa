"""C for the sessions under test: kernels that compute, and kernels that go wrong."""

from __future__ import annotations

ARITHMETIC = r"""
#include <stddef.h>
#include <stdint.h>
#include "utvm_session.h"

void *memcpy(void *to, const void *from, size_t size);
static int32_t runs = 100;

void add(const int8_t *x, const int8_t *y, int8_t *z, int n) {
    for (int i = 0; i < n; ++i)
        z[i] = (int8_t)(x[i] + y[i]);
}
void increment(int32_t *x) { x[0] += 1; }
float mixed(float a, double b, int64_t c, uint8_t d) { return a * (float)b + (float)c + (float)d; }
int64_t quotient(int64_t a, int64_t b) { return a / b; }
uint32_t ten(uint8_t a, int16_t b, uint32_t c, int8_t d, int64_t e, int f, int g, int h, int i, int j) {
    return (uint32_t)(a + b + (int)c + d + (int)e + f + g + h + i + j);
}
int32_t count_runs(int32_t *x) { x[0] = ++runs; return 0; }
int32_t status_of(int code) { return code; }
int32_t task(void **args) { *(int32_t *)args[0] = (int32_t)(uintptr_t)args[1]; return 0; }
int32_t copy(void **args) { memcpy(args[0], args[1], 5); return 0; }
struct pair { int a, b, c; };
int sum_of_pair(struct pair p) { return p.a + p.b + p.c; }
int many(int n, ...) { return n; }
int32_t scratch(uint32_t size, uint32_t *addr) {
    uint8_t *block = utvm_workspace_alloc(size);
    if (block == NULL)
        return 0;
    for (uint32_t i = 0; i < size; ++i)
        block[i] = (uint8_t)i;
    *addr = (uint32_t)(uintptr_t)block;
    return utvm_workspace_free(block);
}
"""

FAULTS = r"""
#include <stddef.h>
#include <stdint.h>
#include "utvm_session.h"

int32_t write_to(volatile int32_t *p) { *p = 3; return 0; }
int32_t read_from(volatile int32_t *p, int32_t *to) { *to = *p; return 0; }
int32_t divide(int a, int b, int *q) { *q = a / b; return 0; }
void spin(void) { for (;;) __asm__ volatile(""); }
void undefined(void) { __builtin_trap(); }
int __attribute__((noinline)) deep(int n) {
    volatile char room[64];
    room[0] = (char)n;
    int rest = n != 0 ? deep(n - 1) : 0;
    return rest + 0 * room[0];
}
int32_t leak(uint32_t size) { return utvm_workspace_alloc(size) == NULL; }
int32_t exhaust(uint32_t size) { return utvm_workspace_alloc(size) == NULL ? 5 : 0; }
int32_t bad_free(void *block) { return utvm_workspace_free(block); }
int32_t overrun(uint32_t size) {
    volatile uint8_t *block = utvm_workspace_alloc(16);
    for (uint32_t i = 0; i < size; ++i)
        block[i] = 0;
    return utvm_workspace_free((void *)block);
}
void increment(int32_t *x) { x[0] += 1; }
"""
