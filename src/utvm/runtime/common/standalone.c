/* One run of the model, measured, between two places where a host may stop the core. */
#include "utvm_standalone.h"

#include "utvm_cycles.h"
#include "utvm_profile.h"

volatile int32_t utvm_status;
volatile uint64_t utvm_total_cycles;

void UTVMInit(void) {
    utvm_cycles_start();
    utvm_profile_calibrate();
    utvm_model_reset();
}

__attribute__((noinline)) void UTVMMain(void) {
    utvm_profile_reset();
    uint64_t start = utvm_cycles_now();
    int32_t status = utvm_model_run();
    uint64_t cycles = utvm_cycles_now() - start;
    uint64_t overhead = utvm_profile_overhead();
    utvm_total_cycles = cycles > overhead ? cycles - overhead : 0u;
    utvm_status = status;
}

/* The nop makes it a function of its own, which no compiler merges with another empty one. */
__attribute__((noinline)) void UTVMDone(void) {
    __asm__ volatile("nop" ::: "memory");
}
