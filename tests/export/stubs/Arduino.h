/* What our exports use of Arduino, declared as its cores do. */
#include <stdint.h>
unsigned long micros();
void delay(unsigned long ms);
void setup();
void loop();
struct Printed {
    void begin(unsigned long baud);
    void print(const char *text);
    void print(char letter);
    void print(int value);
    void print(long value);
    void println();
    void println(int value);
    void println(long value);
    void println(unsigned long value);
};
extern Printed Serial;
