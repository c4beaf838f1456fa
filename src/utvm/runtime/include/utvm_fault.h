/* What the core knew when a fault, or an interrupt nobody asked for, stopped it. */
#ifndef UTVM_FAULT_H
#define UTVM_FAULT_H

#include <stdint.h>

/* The host reads this structure by position: words of 32 bits in this order. */
typedef struct {
    uint32_t exception; /* its number: 2 NMI, 3 HardFault, ...; 0 if no fault was recorded */
    uint32_t exc_return;
    uint32_t sp; /* stack pointer before the exception; r0 to xpsr are zero if it lay outside the stack */
    uint32_t r0;
    uint32_t r1;
    uint32_t r2;
    uint32_t r3;
    uint32_t r12;
    uint32_t lr;
    uint32_t pc;
    uint32_t xpsr;
    uint32_t cfsr; /* the four below are zero on Armv6-M and Armv8-M baseline, which have no such registers */
    uint32_t hfsr;
    uint32_t mmfar;
    uint32_t bfar;
} utvm_fault_record;

extern volatile utvm_fault_record utvm_fault;

/* Where the core stays after a fault; a debugger breaks here. */
void UTVMFault(void);

#endif
