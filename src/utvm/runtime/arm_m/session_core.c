/* Vectors and traps of a hosted session, on Armv6-M to Armv8.1-M. */
#include "registers.h"
#include "utvm_cycles.h"
#include "utvm_session.h"
#include "utvm_stack.h"
#include "vectors.h"

#define MPU_TYPE UTVM_REGISTER(0xE000ED90u)
#define MPU_TYPE_DREGION 0xFF00u
#define MPU_CTRL UTVM_REGISTER(0xE000ED94u)
#define MPU_CTRL_ENABLE 1u
#define MPU_CTRL_PRIVDEFENA 4u /* the default map behind the regions */
#define MPU_RNR UTVM_REGISTER(0xE000ED98u)
#define MPU_RBAR UTVM_REGISTER(0xE000ED9Cu)
#define MPU_RASR UTVM_REGISTER(0xE000EDA0u)
#define MPU_RASR_NO_ACCESS_256_BYTES (1u << 28 | 7u << 1 | 1u) /* execute never, AP = 0 */
/* Armv8-M */
#define MPU_RLAR UTVM_REGISTER(0xE000EDA0u)
#define MPU_MAIR0 UTVM_REGISTER(0xE000EDC0u)
#define MPU_MAIR0_NORMAL_DEVICE 0x0044u /* 0: not cached; 1: device, nGnRnE */

__attribute__((section(".vectors"), used)) const utvm_vector_table utvm_vectors = {
    .stack_top = utvm_stack_top,
    .handlers = {Reset, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_fault_handler, utvm_fault_handler, utvm_fault_handler,
                 utvm_fault_handler, utvm_cycles_systick},
};

#if defined(__ARM_ARCH_8M_BASE__) || defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
/* Armv8-M cannot forbid access to a region: all but null is allowed instead. */
static void protect_null(void) {
    static const uint32_t regions[3][2] = {
        {UTVM_NULL_GUARD_BYTES, 0x3FFFFFE0u | 0u << 1 | 1u},
        {0x40000000u | 1u /* execute never */, 0x5FFFFFE0u | 1u << 1 | 1u},
        {0x60000000u, 0xFFFFFFE0u | 0u << 1 | 1u},
    };
    MPU_MAIR0 = MPU_MAIR0_NORMAL_DEVICE;
    for (uint32_t number = 0; number < 3u; ++number) {
        MPU_RNR = number;
        MPU_RBAR = regions[number][0];
        MPU_RLAR = regions[number][1];
    }
    MPU_CTRL = MPU_CTRL_ENABLE;
}
#else
static void protect_null(void) {
    MPU_RNR = 0;
    MPU_RBAR = 0;
    MPU_RASR = MPU_RASR_NO_ACCESS_256_BYTES;
    MPU_CTRL = MPU_CTRL_ENABLE | MPU_CTRL_PRIVDEFENA;
}
#endif

/* Null pointers fault even where there is memory at zero, if there is an MPU and the vectors are elsewhere.
 */
static int32_t guard_null(void) {
    if ((MPU_TYPE & MPU_TYPE_DREGION) == 0u || (uintptr_t)&utvm_vectors < UTVM_NULL_GUARD_BYTES)
        return 0;
    protect_null();
    return 1;
}

int32_t utvm_core_init(void) {
    SCB_VTOR = (uint32_t)&utvm_vectors;
#if UTVM_ARM_M_MAINLINE
    SCB_CFSR = SCB_CFSR; /* ones clear what an earlier fault left */
    SCB_HFSR = SCB_HFSR;
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
