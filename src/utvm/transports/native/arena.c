/* The core of the host arena: a process whose memory below 4 GB is the device's and nothing else.
 *
 * Its only thread is either running device code or halted, and halted means: inside the signal handler, where
 * it waits for the next command. A command sets the registers in the signal's context and returns from the
 * handler, so the kernel itself switches between the two, and a fault, a breakpoint or an interrupt switches
 * back. Host and process share the memory through a file; commands and replies go over the socket that is
 * standard input. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "arena_registers.h"

enum { SOCKET_FD = 0, STATUS_BAD_ARGUMENTS = 2, STATUS_NO_MEMORY = 3, STATUS_NO_HOST = 4 };
enum { FLAG_STEP = 1, FLAG_RESET = 2 };
enum { REGION_ARGUMENTS = 4 };

typedef struct {
    uint64_t flags;
    uint64_t limit_s; /* the process ends itself if the host has not stopped the code by then */
    uint64_t registers[ARENA_REGISTERS];
} arena_command;

typedef struct {
    uint64_t signal;
    uint64_t code;
    uint64_t fault_addr;
    uint64_t registers[ARENA_REGISTERS];
} arena_reply;

static char handler_stack[1 << 16];
static sigset_t interrupt_only;

static void transfer(ssize_t (*step)(char *data, size_t size_bytes), void *data, size_t size_bytes) {
    char *at = data;
    while (size_bytes > 0) {
        ssize_t done = step(at, size_bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(STATUS_NO_HOST); /* the host has closed the transport, or has ended */
        at += done;
        size_bytes -= (size_t)done;
    }
}

static ssize_t receive(char *data, size_t size_bytes) {
    return read(SOCKET_FD, data, size_bytes);
}

static ssize_t send_out(char *data, size_t size_bytes) {
    return write(SOCKET_FD, data, size_bytes);
}

static void halt(int number, siginfo_t *info, void *context) {
    ucontext_t *core = context;
    arena_reply reply = {(uint64_t)number, (uint64_t)(int64_t)info->si_code, 0, {0}};
    arena_command command;
    const struct timespec at_once = {0, 0};

    alarm(0);
    if (info->si_code > 0)
        reply.fault_addr = (uint64_t)(uintptr_t)info->si_addr;
    arena_get_registers(core, reply.registers);
    transfer(send_out, &reply, sizeof reply);
    transfer(receive, &command, sizeof command);
    /* An interrupt that came when the code had just stopped by itself must not stop it again. */
    while (sigtimedwait(&interrupt_only, NULL, &at_once) > 0)
        continue;
    if ((command.flags & FLAG_RESET) != 0)
        arena_reset_floating_point(core);
    arena_set_registers(core, command.registers, (command.flags & FLAG_STEP) != 0);
    alarm((unsigned)command.limit_s);
}

/* Maps each region of the file at its device address: base, size, offset in the file, whether it is
 * executable. */
static void map_regions(int fd, int count, char **arguments) {
    for (int index = 0; index + REGION_ARGUMENTS <= count; index += REGION_ARGUMENTS) {
        uintptr_t base = (uintptr_t)strtoull(arguments[index], NULL, 10);
        size_t size_bytes = (size_t)strtoull(arguments[index + 1], NULL, 10);
        off_t offset = (off_t)strtoll(arguments[index + 2], NULL, 10);
        int executable = atoi(arguments[index + 3]) != 0;
        int protection = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
        void *wanted = (void *)base;
        void *got = mmap(wanted, size_bytes, protection, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
        if (got != wanted) {
            perror("mapping the arena");
            exit(STATUS_NO_MEMORY);
        }
    }
}

int main(int argc, char **argv) {
    static const int stops[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGUSR1};
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    const struct rlimit no_core_dump = {0, 0};
    struct sigaction action = {.sa_sigaction = halt, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    if (argc < 2 + REGION_ARGUMENTS)
        return STATUS_BAD_ARGUMENTS;
    (void)setrlimit(RLIMIT_CORE, &no_core_dump);
    map_regions(atoi(argv[1]), argc - 2, argv + 2);
    sigemptyset(&interrupt_only);
    sigaddset(&interrupt_only, SIGUSR1);
    sigfillset(&action.sa_mask);
    sigaltstack(&stack, NULL);
    for (size_t index = 0; index < sizeof stops / sizeof stops[0]; ++index)
        sigaction(stops[index], &action, NULL);
    raise(SIGTRAP); /* halts for ever; from here on only device code runs */
    return STATUS_NO_HOST;
}
