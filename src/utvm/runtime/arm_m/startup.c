/* From reset to the main loop, on Armv6-M to Armv8.1-M. */
#include <stdint.h>

#include "registers.h"
#include "utvm_boot.h"
#include "utvm_cycles.h"
#include "utvm_stack.h"
#include "utvm_standalone.h"
#include "vectors.h"

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
