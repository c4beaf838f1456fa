/* The platforms' functions, for a program of this computer. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

void printk(const char *fmt, ...);
uint32_t k_cycle_get_32(void);
uint32_t esp_cpu_get_cycle_count(void);

void printk(const char *fmt, ...) {
    va_list arguments;
    va_start(arguments, fmt);
    vprintf(fmt, arguments);
    va_end(arguments);
}

uint32_t k_cycle_get_32(void) {
    return 0;
}

uint32_t esp_cpu_get_cycle_count(void) {
    return 0;
}
