/* Records a fault and stops where a debugger finds it. */
#include "utvm_fault.h"

#include "registers.h"
#include "utvm_stack.h"
#include "vectors.h"

volatile utvm_fault_record utvm_fault;

/* The words that the core pushes on exception entry. */
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} utvm_exception_frame;

__attribute__((noinline, used)) void UTVMFault(void) {
    for (;;)
        __asm__ volatile("" ::: "memory");
}

__attribute__((noreturn, used)) void utvm_fault_record_and_stop(uint32_t sp, uint32_t exc_return) {
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    utvm_fault.exception = ipsr & 0x1FFu;
    utvm_fault.exc_return = exc_return;
    utvm_fault.sp = sp;
    if (sp >= (uint32_t)utvm_stack_bottom && sp + sizeof(utvm_exception_frame) <= (uint32_t)utvm_stack_top) {
        const utvm_exception_frame *frame = (const utvm_exception_frame *)sp;
        utvm_fault.r0 = frame->r0;
        utvm_fault.r1 = frame->r1;
        utvm_fault.r2 = frame->r2;
        utvm_fault.r3 = frame->r3;
        utvm_fault.r12 = frame->r12;
        utvm_fault.lr = frame->lr;
        utvm_fault.pc = frame->pc;
        utvm_fault.xpsr = frame->xpsr;
    }
#if UTVM_ARM_M_MAINLINE
    utvm_fault.cfsr = SCB_CFSR;
    utvm_fault.hfsr = SCB_HFSR;
    utvm_fault.mmfar = SCB_MMFAR;
    utvm_fault.bfar = SCB_BFAR;
#endif
    for (;;)
        UTVMFault();
}

/* After a stack overflow there is no stack left to record on: only then the old one is given up. */
__attribute__((naked, noreturn, used)) void utvm_fault_handler(void) {
    __asm__ volatile(".syntax unified\n"
                     "    mov r1, lr\n"
                     "    movs r0, #4\n"
                     "    tst r1, r0\n"
                     "    bne 1f\n"
                     "    mrs r0, msp\n"
                     "    b 2f\n"
                     "1:  mrs r0, psp\n"
                     "2:  ldr r2, =utvm_stack_bottom + 128\n" /* room that the recording needs */
                     "    mov r3, sp\n"
                     "    cmp r3, r2\n"
                     "    bhs 3f\n"
                     "    ldr r2, =utvm_stack_top\n"
                     "    mov sp, r2\n"
                     "3:  ldr r2, =utvm_fault_record_and_stop\n"
                     "    bx r2\n"
                     "    .ltorg\n");
}
