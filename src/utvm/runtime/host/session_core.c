/* On the host the operating system catches faults, and the process that runs the code reports them. */
#include "utvm_session.h"

void utvm_core_init(void) {
}
