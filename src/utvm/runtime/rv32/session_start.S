/* The start-up snippet of RV32 boards whose board file gives none: stack, runtime. */
    .section .text.Reset, "ax", %progbits
    .global Reset
    .type Reset, %function
Reset:
    la sp, utvm_stack_top
    la t0, utvm_start
    jr t0
    .size Reset, . - Reset
