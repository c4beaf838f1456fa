/* What our exports use of Zephyr, declared as Zephyr does. */
#include <stdint.h>
uint32_t k_cycle_get_32(void);
