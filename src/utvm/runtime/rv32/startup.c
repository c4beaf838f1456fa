/* From reset to the main loop, on RV32 in machine mode. */
#include "utvm_boot.h"
#include "utvm_session.h"
#include "utvm_stack.h"
#include "utvm_standalone.h"

void Reset(void);
void utvm_boot(void);

/* Written in assembly because it fills the very stack that C would use. */
UTVM_BOOT __attribute__((naked, noreturn, used)) void Reset(void) {
    __asm__ volatile("    la sp, utvm_stack_top\n"
                     "    la t0, utvm_stack_bottom\n"
                     "    li t1, 0xC5C5C5C5\n" /* UTVM_STACK_PAINT */
                     "1:  sw t1, 0(t0)\n"
                     "    addi t0, t0, 4\n"
                     "    bltu t0, sp, 1b\n"
                     "    j utvm_boot\n");
}

UTVM_BOOT __attribute__((noreturn, used)) void utvm_boot(void) {
    utvm_memory_init();
    __asm__ volatile("fence.i" : : : "memory"); /* for code that was just copied */
    utvm_core_init();
    UTVMInit();
    for (;;) {
        UTVMMain();
        UTVMDone();
    }
}
