/* The start-up snippet of Cortex-M boards whose board file gives none: floating-point unit, stack, runtime. */
    .syntax unified
    .thumb
    .section .text.Reset, "ax", %progbits
    .global Reset
    .type Reset, %function
    .thumb_func
Reset:
#if defined(__ARM_FP)
    ldr r0, =0xE000ED88 /* CPACR */
    ldr r1, [r0]
    ldr r2, =0x00F00000
    orrs r1, r1, r2
    str r1, [r0]
    dsb
    isb
#endif
    ldr r0, =utvm_stack_top
    mov sp, r0
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    ldr r1, =utvm_stack_bottom
    msr msplim, r1
#endif
    ldr r0, =utvm_start
    bx r0
    .ltorg
    .size Reset, . - Reset
