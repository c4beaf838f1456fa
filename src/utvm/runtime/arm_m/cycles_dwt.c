/* Cycles from the 32-bit counter of the DWT. SysTick's interrupt reads it often enough that no wrap is
 * missed. */
#include "utvm_cycles.h"

#include "registers.h"

static uint64_t total_cycles;
static uint32_t last_count;

void utvm_cycles_start(void) {
    SCB_DEMCR |= SCB_DEMCR_TRCENA;
    DWT_LAR = DWT_LAR_UNLOCK; /* Cortex-M7 locks its DWT; the others ignore this. */
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uint32_t primask = utvm_interrupts_mask();
    total_cycles = 0;
    last_count = DWT_CYCCNT;
    utvm_interrupts_restore(primask);
    SYST_RVR = SYST_MAX;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
}

uint64_t utvm_cycles_now(void) {
    uint32_t primask = utvm_interrupts_mask();
    uint32_t count = DWT_CYCCNT;
    uint64_t total = total_cycles + (count - last_count);
    total_cycles = total;
    last_count = count;
    utvm_interrupts_restore(primask);
    return total;
}

void utvm_cycles_systick(void) {
    (void)utvm_cycles_now();
}
