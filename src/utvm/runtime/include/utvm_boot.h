/* What start-up code does to memory before it calls anything. */
#ifndef UTVM_BOOT_H
#define UTVM_BOOT_H

#include <stdint.h>

/* For code that runs before code that is kept in RAM has been copied there. */
#define UTVM_BOOT __attribute__((section(".utvm_boot")))

/* From the linker script: what to copy from flash to RAM, and what to zero. */
typedef struct {
    const uint32_t *load;
    uint32_t *start;
    uint32_t *end;
} utvm_copy;
extern const utvm_copy utvm_copy_table[];
extern const utvm_copy utvm_copy_table_end[];
extern uint32_t utvm_bss_start[];
extern uint32_t utvm_bss_end[];

/* Volatile keeps the compiler from calling memcpy and memset, which may lie in RAM that is not filled yet. */
UTVM_BOOT static void utvm_memory_init(void) {
    for (const utvm_copy *copy = utvm_copy_table; copy != utvm_copy_table_end; ++copy) {
        const volatile uint32_t *from = copy->load;
        for (volatile uint32_t *to = copy->start; to != copy->end; ++to)
            *to = *from++;
    }
    for (volatile uint32_t *word = utvm_bss_start; word != utvm_bss_end; ++word)
        *word = 0;
}

#endif
