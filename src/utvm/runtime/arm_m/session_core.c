/* Vectors and traps of a hosted session, on Armv6-M to Armv8.1-M. */
#include "registers.h"
#include "utvm_cycles.h"
#include "utvm_session.h"
#include "utvm_stack.h"
#include "vectors.h"

#define SESSION_MPU_TYPE UTVM_REGISTER(0xE000ED90u)
#define SESSION_MPU_CTRL UTVM_REGISTER(0xE000ED94u)
#define SESSION_MPU_CTRL_ON 5u /* enabled, with the default map behind the regions */
#define SESSION_MPU_RNR UTVM_REGISTER(0xE000ED98u)
#define SESSION_MPU_RBAR UTVM_REGISTER(0xE000ED9Cu)
#define SESSION_MPU_RASR UTVM_REGISTER(0xE000EDA0u)
#define SESSION_MPU_NO_ACCESS_256_BYTES (1u << 28 | 7u << 1 | 1u) /* execute never, AP = 0 */

__attribute__((section(".vectors"), used)) const utvm_vector_table utvm_vectors = {
    .stack_top = utvm_stack_top,
    .handlers = {Reset, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_cycles_systick},
};

/* Null pointers fault even where there is memory at zero. Not on Armv8-M, whose regions can only allow, and
 * not where the vectors lie there. */
static int32_t guard_null(void) {
#if !defined(__ARM_ARCH_8M_BASE__) && !defined(__ARM_ARCH_8M_MAIN__) && !defined(__ARM_ARCH_8_1M_MAIN__)
    if ((SESSION_MPU_TYPE & 0xFF00u) == 0u || (uintptr_t)&utvm_vectors < UTVM_NULL_GUARD_BYTES)
        return 0;
    SESSION_MPU_RNR = 0;
    SESSION_MPU_RBAR = 0;
    SESSION_MPU_RASR = SESSION_MPU_NO_ACCESS_256_BYTES;
    SESSION_MPU_CTRL = SESSION_MPU_CTRL_ON;
    return 1;
#else
    return 0;
#endif
}

int32_t utvm_core_init(void) {
    SCB_VTOR = (uint32_t)&utvm_vectors;
#if UTVM_ARM_M_MAINLINE
    SCB_SHCSR |= SCB_SHCSR_FAULTS_ENABLE;
    SCB_CCR |= SCB_CCR_DIV_0_TRP;
#endif
    int32_t null_faults = guard_null();
    __asm__ volatile("dsb\n\tisb" : : : "memory");
    return null_faults;
}

#if !UTVM_ARM_M_MAINLINE
/* The compiler's division calls these for a divisor of zero; here as on other cores it is a fault. */
void __aeabi_idiv0(void);
void __aeabi_ldiv0(void);

__attribute__((used)) void __aeabi_idiv0(void) {
    utvm_error(UTVM_ERROR_DIVISION, 0u);
    __asm__ volatile("udf #0");
}

__attribute__((used)) void __aeabi_ldiv0(void) {
    __aeabi_idiv0();
}
#endif
