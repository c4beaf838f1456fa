/* Cycles from SysTick, for cores without a cycle counter: 24 bits in hardware, the rest counted by its
 * interrupt. */
#include "utvm_cycles.h"

#include "registers.h"

static volatile uint32_t wraps;

void utvm_cycles_start(void) {
    uint32_t primask = utvm_interrupts_mask();
    SYST_CSR = 0;
    SYST_RVR = SYST_MAX;
    SYST_CVR = 0;
    SCB_ICSR = SCB_ICSR_PENDSTCLR;
    wraps = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
    utvm_interrupts_restore(primask);
}

/* The counter runs down and asks for its interrupt on reaching zero. Zero therefore belongs to the next
 * period, of which (-counter mod 2^24) cycles have passed. With the interrupt held back, a pending one says
 * that `wraps` is one short for every value read after it. */
uint64_t utvm_cycles_now(void) {
    uint32_t primask = utvm_interrupts_mask();
    uint32_t periods = wraps;
    uint32_t counter = SYST_CVR;
    if ((SCB_ICSR & SCB_ICSR_PENDSTSET) != 0u) {
        counter = SYST_CVR;
        periods += 1u;
    }
    utvm_interrupts_restore(primask);
    return ((uint64_t)periods << 24) | ((0u - counter) & SYST_MAX);
}

void utvm_cycles_systick(void) {
    wraps += 1u;
}
