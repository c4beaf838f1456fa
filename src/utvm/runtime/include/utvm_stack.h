/* The stack of the image, filled with a pattern at start-up so that its deepest use can be read back. */
#ifndef UTVM_STACK_H
#define UTVM_STACK_H

#include <stdint.h>

#define UTVM_STACK_PAINT 0xC5C5C5C5

/* First word of the stack and the word behind its last, from the linker script. */
extern uint32_t utvm_stack_bottom[];
extern uint32_t utvm_stack_top[];

#endif
