/* A 64-bit counter of core clock cycles. */
#ifndef UTVM_CYCLES_H
#define UTVM_CYCLES_H

#include <stdint.h>

/* Starts counting from zero. Takes over SysTick, whose interrupt keeps the upper bits. */
void utvm_cycles_start(void);

/* Cycles since utvm_cycles_start(); never goes backwards. Safe in interrupt handlers. */
uint64_t utvm_cycles_now(void);

/* Handler of the SysTick exception. */
void utvm_cycles_systick(void);

#endif
