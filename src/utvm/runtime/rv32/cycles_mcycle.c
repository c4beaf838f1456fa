/* Cycles from mcycle, which has 64 bits. */
#include "utvm_cycles.h"

static uint64_t first_count;

static uint32_t low_half(void) {
    uint32_t value;
    __asm__ volatile("csrr %0, mcycle" : "=r"(value) : : "memory");
    return value;
}

static uint32_t high_half(void) {
    uint32_t value;
    __asm__ volatile("csrr %0, mcycleh" : "=r"(value) : : "memory");
    return value;
}

/* The upper half is read twice, for a carry in between. */
static uint64_t count(void) {
    uint32_t high = high_half();
    uint32_t low = low_half();
    uint32_t again = high_half();
    if (again != high) {
        high = again;
        low = low_half();
    }
    return ((uint64_t)high << 32) | low;
}

void utvm_cycles_start(void) {
    __asm__ volatile("csrw mcountinhibit, zero");
    first_count = count();
}

uint64_t utvm_cycles_now(void) {
    return count() - first_count;
}

void utvm_cycles_systick(void) {}
