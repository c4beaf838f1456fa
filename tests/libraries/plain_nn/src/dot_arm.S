/* int32_t plain_dot(const int16_t *x, const int8_t *weights, int32_t count, int32_t sum) */
#ifdef __ARM_FEATURE_DSP
    .syntax unified
    .thumb
    .section .text.plain_dot, "ax", %progbits
    .balign 4
    .global plain_dot
    .type plain_dot, %function
    .thumb_func
plain_dot:
    push {r4, r5}
    cmp r2, #0
    ble 2f
1:
    ldrsh r4, [r0], #2
    ldrsb r5, [r1], #1
    smlabb r3, r4, r5, r3
    subs r2, r2, #1
    bne 1b
2:
    mov r0, r3
    pop {r4, r5}
    bx lr
    .size plain_dot, . - plain_dot
#endif
