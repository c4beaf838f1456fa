/* What an RV32 core knew when a trap stopped it. */
#ifndef UTVM_RV32_FAULT_H
#define UTVM_RV32_FAULT_H

#include <stdint.h>

/* The host reads this structure by position: words of 32 bits in this order. */
typedef struct {
    uint32_t recorded; /* 0 if no trap was recorded */
    uint32_t mepc;
    uint32_t mtval;
    uint32_t mcause;
    uint32_t ra;
    uint32_t sp;
    uint32_t a0;
    uint32_t a1;
    uint32_t a2;
    uint32_t a3;
    uint32_t a4;
    uint32_t a5;
} utvm_rv32_fault_record;

extern volatile utvm_rv32_fault_record utvm_fault;

/* Where the core stays after a trap; a debugger breaks here. */
void UTVMFault(void);

#endif
