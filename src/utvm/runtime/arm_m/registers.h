/* Registers of the Armv6-M, Armv7-M and Armv8-M system control space, by their architectural names. */
#ifndef UTVM_ARM_M_REGISTERS_H
#define UTVM_ARM_M_REGISTERS_H

#include <stdint.h>

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__) ||                \
    defined(__ARM_ARCH_8_1M_MAIN__)
#define UTVM_ARM_M_MAINLINE 1
#else
#define UTVM_ARM_M_MAINLINE 0
#endif

#define UTVM_REGISTER(address) (*(volatile uint32_t *)(address))

#define DWT_CTRL UTVM_REGISTER(0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT UTVM_REGISTER(0xE0001004u)
#define DWT_LAR UTVM_REGISTER(0xE0001FB0u)
#define DWT_LAR_UNLOCK 0xC5ACCE55u

#define SYST_CSR UTVM_REGISTER(0xE000E010u)
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2)
#define SYST_RVR UTVM_REGISTER(0xE000E014u)
#define SYST_CVR UTVM_REGISTER(0xE000E018u)
#define SYST_MAX 0x00FFFFFFu

#define SCB_ICSR UTVM_REGISTER(0xE000ED04u)
#define SCB_ICSR_PENDSTSET (1u << 26)
#define SCB_ICSR_PENDSTCLR (1u << 25)
#define SCB_VTOR UTVM_REGISTER(0xE000ED08u)
#define SCB_CCR UTVM_REGISTER(0xE000ED14u)
#define SCB_CCR_DIV_0_TRP (1u << 4)
#define SCB_SHCSR UTVM_REGISTER(0xE000ED24u)
#define SCB_SHCSR_FAULTS_ENABLE (7u << 16)
#define SCB_CFSR UTVM_REGISTER(0xE000ED28u)
#define SCB_HFSR UTVM_REGISTER(0xE000ED2Cu)
#define SCB_MMFAR UTVM_REGISTER(0xE000ED34u)
#define SCB_BFAR UTVM_REGISTER(0xE000ED38u)
#define SCB_CPACR UTVM_REGISTER(0xE000ED88u)
#define SCB_CPACR_FPU (0xFu << 20)
#define SCB_DEMCR UTVM_REGISTER(0xE000EDFCu)
#define SCB_DEMCR_TRCENA (1u << 24)

static inline uint32_t utvm_interrupts_mask(void) {
    uint32_t primask;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask) : : "memory");
    return primask;
}

static inline void utvm_interrupts_restore(uint32_t primask) {
    __asm__ volatile("msr primask, %0" : : "r"(primask) : "memory");
}

#endif
