/* Traps of a hosted session on RV32 in machine mode: each is recorded, and stops where a debugger finds it.
 */
#include "utvm_rv32_fault.h"
#include "utvm_session.h"
#include "utvm_stack.h"

volatile utvm_rv32_fault_record utvm_fault;

__attribute__((noinline, used)) void UTVMFault(void) {
    for (;;)
        __asm__ volatile("" ::: "memory");
}

/* Uses registers only until they are recorded: after a stack overflow there is no stack. */
__attribute__((naked, aligned(4), used)) static void trap(void) {
    __asm__ volatile("    csrw mscratch, t0\n"
                     "    la t0, utvm_fault\n"
                     "    sw ra, 16(t0)\n"
                     "    sw sp, 20(t0)\n"
                     "    sw a0, 24(t0)\n"
                     "    sw a1, 28(t0)\n"
                     "    sw a2, 32(t0)\n"
                     "    sw a3, 36(t0)\n"
                     "    sw a4, 40(t0)\n"
                     "    sw a5, 44(t0)\n"
                     "    csrr a0, mepc\n"
                     "    sw a0, 4(t0)\n"
                     "    csrr a0, mtval\n"
                     "    sw a0, 8(t0)\n"
                     "    csrr a0, mcause\n"
                     "    sw a0, 12(t0)\n"
                     "    li a0, 1\n"
                     "    sw a0, 0(t0)\n"
                     "    la sp, utvm_stack_top\n"
                     "    j UTVMFault\n");
}

int32_t utvm_core_init(void) {
    __asm__ volatile("csrw mtvec, %0" : : "r"((uintptr_t)trap));
    return 0;
}
