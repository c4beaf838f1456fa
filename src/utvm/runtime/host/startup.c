/* From reset to the main loop, in the arena of a host with x86-64. */
#include "utvm_boot.h"
#include "utvm_stack.h"
#include "utvm_standalone.h"

void Reset(void);
void utvm_boot(void);

/* Written in assembly because it fills the very stack that C would use. A function expects the stack pointer
 * as a call leaves it. */
UTVM_BOOT __attribute__((naked, noreturn, used)) void Reset(void) {
    __asm__ volatile("    movl $utvm_stack_top - 8, %esp\n"
                     "    movl $utvm_stack_bottom, %edi\n"
                     "    movl $utvm_stack_top, %ecx\n"
                     "    subl %edi, %ecx\n"
                     "    shrl $2, %ecx\n"
                     "    movl $0xC5C5C5C5, %eax\n" /* UTVM_STACK_PAINT */
                     "    cld\n"
                     "    rep stosl\n"
                     "    jmp utvm_boot\n");
}

UTVM_BOOT __attribute__((noreturn, used)) void utvm_boot(void) {
    utvm_memory_init();
    UTVMInit();
    for (;;) {
        UTVMMain();
        UTVMDone();
    }
}
