/* What our exports use of Zephyr, declared as Zephyr does. */
void printk(const char *fmt, ...);
