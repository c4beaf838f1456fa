/* The exceptions of the core; the image enables no interrupt of the chip, so the table ends with them. */
#ifndef UTVM_ARM_M_VECTORS_H
#define UTVM_ARM_M_VECTORS_H

#include <stdint.h>

typedef struct {
    uint32_t *stack_top;
    void (*handlers[15])(void);
} utvm_vector_table;

void Reset(void);
void utvm_boot(void);
void utvm_fault_handler(void);
void utvm_fault_record_and_stop(uint32_t sp, uint32_t exc_return);

#endif
