// The Arduino functions, for a program of this computer that loops once.
#include "Arduino.h"

#include <cstdio>
#include <cstdlib>

Printed Serial;

unsigned long micros() {
    return 0;
}
void delay(unsigned long) {
    std::exit(0);
}
void Printed::begin(unsigned long) {
}
void Printed::print(const char *text) {
    std::printf("%s", text);
}
void Printed::print(char letter) {
    std::printf("%c", letter);
}
void Printed::print(int value) {
    std::printf("%d", value);
}
void Printed::print(long value) {
    std::printf("%ld", value);
}
void Printed::println() {
    std::printf("\n");
}
void Printed::println(int value) {
    std::printf("%d\n", value);
}
void Printed::println(long value) {
    std::printf("%ld\n", value);
}
void Printed::println(unsigned long value) {
    std::printf("%lu\n", value);
}
int main() {
    setup();
    for (;;)
        loop();
}
