/* The registers of a stopped core, in the order in which the host names them. */
#ifndef UTVM_ARENA_REGISTERS_H
#define UTVM_ARENA_REGISTERS_H

#include <stdint.h>
#include <ucontext.h>

#if !defined(__linux__) || !defined(__x86_64__)
#error "the host arena needs Linux on x86-64"
#endif

/* rax rbx rcx rdx rsi rdi rbp sp r8 to r15 pc eflags */
enum { ARENA_REGISTERS = 18, ARENA_FLAGS = 17 };

#define ARENA_CONDITION_FLAGS 0x0CD5u /* carry, parity, adjust, zero, sign, direction, overflow */
#define ARENA_TRAP_FLAG 0x0100u
#define ARENA_DEFAULT_X87 0x037Fu
#define ARENA_DEFAULT_MXCSR 0x1F80u

static const int arena_places[ARENA_REGISTERS] = {
    REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
    REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL,
};

static void arena_get_registers(const ucontext_t *core, uint64_t *registers) {
    for (int index = 0; index < ARENA_REGISTERS; ++index)
        registers[index] = (uint64_t)core->uc_mcontext.gregs[arena_places[index]];
    registers[ARENA_FLAGS] &= ARENA_CONDITION_FLAGS;
}

/* Only condition flags are taken from the host; `step` asks the processor to stop after one instruction. */
static void arena_set_registers(ucontext_t *core, const uint64_t *registers, int step) {
    greg_t *places = core->uc_mcontext.gregs;
    greg_t others = places[REG_EFL] & ~(greg_t)(ARENA_CONDITION_FLAGS | ARENA_TRAP_FLAG);
    for (int index = 0; index < ARENA_FLAGS; ++index)
        places[arena_places[index]] = (greg_t)registers[index];
    places[REG_EFL] = others | (greg_t)(registers[ARENA_FLAGS] & ARENA_CONDITION_FLAGS) |
                      (greg_t)(step ? ARENA_TRAP_FLAG : 0u);
}

static void arena_reset_floating_point(ucontext_t *core) {
    core->uc_mcontext.fpregs->cwd = ARENA_DEFAULT_X87;
    core->uc_mcontext.fpregs->swd = 0;
    core->uc_mcontext.fpregs->mxcsr = ARENA_DEFAULT_MXCSR;
}

#endif
