/* Nanoseconds of the host's clock in the place of cycles: a host core has no counter that all systems let
 * programs read. */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "utvm_cycles.h"

static uint64_t start_ns;

static uint64_t clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void utvm_cycles_start(void) {
    start_ns = clock_ns();
}

uint64_t utvm_cycles_now(void) {
    return clock_ns() - start_ns;
}

void utvm_cycles_systick(void) {
}
