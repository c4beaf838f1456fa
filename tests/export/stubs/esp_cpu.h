/* What our exports use of ESP-IDF, declared as it does. */
#include <stdint.h>
typedef uint32_t esp_cpu_cycle_count_t;
esp_cpu_cycle_count_t esp_cpu_get_cycle_count(void);
void app_main(void);
