/* From reset to the main loop, on Armv6-M to Armv8.1-M. */
#include <stdint.h>

#include "registers.h"
#include "utvm_cycles.h"
#include "utvm_stack.h"
#include "utvm_standalone.h"
#include "vectors.h"

/* Everything here lies in the boot section: it runs before code that is kept in RAM has been copied there. */
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

__attribute__((section(".vectors"), used)) const utvm_vector_table utvm_vectors = {
    .stack_top = utvm_stack_top,
    .handlers =
        {
            Reset,               /* 1 Reset */
            utvm_fault_handler,  /* 2 NMI */
            utvm_fault_handler,  /* 3 HardFault */
            utvm_fault_handler,  /* 4 MemManage */
            utvm_fault_handler,  /* 5 BusFault */
            utvm_fault_handler,  /* 6 UsageFault */
            utvm_fault_handler,  /* 7 SecureFault */
            utvm_fault_handler,  /* 8 reserved */
            utvm_fault_handler,  /* 9 reserved */
            utvm_fault_handler,  /* 10 reserved */
            utvm_fault_handler,  /* 11 SVCall */
            utvm_fault_handler,  /* 12 DebugMonitor */
            utvm_fault_handler,  /* 13 reserved */
            utvm_fault_handler,  /* 14 PendSV */
            utvm_cycles_systick, /* 15 SysTick */
        },
};

/* Written in assembly because it fills the very stack that C would use. */
UTVM_BOOT __attribute__((naked, noreturn, used)) void Reset(void) {
    __asm__ volatile(".syntax unified\n"
                     "    ldr r0, =utvm_stack_top\n"
                     "    mov sp, r0\n"
                     "    ldr r1, =utvm_stack_bottom\n"
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
                     "    msr msplim, r1\n"
#endif
                     "    ldr r2, =0xC5C5C5C5\n" /* UTVM_STACK_PAINT */
                     "1:  stmia r1!, {r2}\n"
                     "    cmp r1, r0\n"
                     "    bcc 1b\n"
                     "    ldr r0, =utvm_boot\n"
                     "    bx r0\n"
                     "    .ltorg\n");
}

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

UTVM_BOOT __attribute__((noreturn, used)) void utvm_boot(void) {
    SCB_VTOR = (uint32_t)&utvm_vectors;
#if defined(__ARM_FP)
    SCB_CPACR |= SCB_CPACR_FPU;
#endif
#if UTVM_ARM_M_MAINLINE
    SCB_SHCSR |= SCB_SHCSR_FAULTS_ENABLE;
    SCB_CCR |= SCB_CCR_DIV_0_TRP;
#endif
    __asm__ volatile("dsb\n\tisb" : : : "memory");
    utvm_memory_init();
    __asm__ volatile("dsb\n\tisb" : : : "memory");
    UTVMInit();
    for (;;) {
        UTVMMain();
        UTVMDone();
    }
}
