/* The start-up snippet of the host's arena on x86-64: stack, runtime. A function expects the stack pointer as a
 * call leaves it. */
    .section .text.Reset, "ax", @progbits
    .global Reset
    .type Reset, @function
Reset:
    movl $utvm_stack_top - 8, %esp
    jmp utvm_start
    .size Reset, . - Reset
    .section .note.GNU-stack, "", @progbits
