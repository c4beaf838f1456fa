/* In the arena the operating system catches faults, and the process that runs the code reports them. */
#include "utvm_session.h"

int32_t utvm_core_init(void) {
    return 1;
}

/* Code never comes here; it is for a host that looks for it as on other cores. */
void UTVMFault(void);

__attribute__((used)) void UTVMFault(void) {
    for (;;)
        __asm__ volatile("" ::: "memory");
}
