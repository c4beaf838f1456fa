/* Runs the tasks that the host queued, with the cycles of each. */
#include "utvm_session.h"

#include "utvm_cycles.h"

#define UTVM_CALIBRATION_RUNS 4

volatile UTVMCanaries utvm_canaries;

static uint32_t overhead_cycles;
static int32_t null_faults;

void utvm_error(int32_t code, uint32_t detail) {
    if (utvm_queue.error == 0) {
        utvm_queue.error = code;
        utvm_queue.detail = detail;
    }
}

static int32_t nothing(void **args) {
    (void)args;
    return 0;
}

/* A function of its own, so that a calibration runs the very instructions of a measurement. */
static __attribute__((noinline)) void run_task(const UTVMTask *task, UTVMResult *result) {
    UTVMFunction func = task->func;
    void **args = task->args;
    uint32_t left = task->repeat;
    int32_t status;
    uint64_t start = utvm_cycles_now();
    do {
        status = func(args);
        left -= left != 0u;
    } while (left != 0u && status == 0);
    uint64_t cycles = utvm_cycles_now() - start;
    cycles = cycles > overhead_cycles ? cycles - overhead_cycles : 0u;
    result->cycles_low = (uint32_t)cycles;
    result->cycles_high = (uint32_t)(cycles >> 32);
    result->status = status;
}

static void check_canaries(void) {
    for (uintptr_t index = 0; index < utvm_canaries.count; ++index) {
        const volatile uint32_t *canary = utvm_canaries.words[index];
        if (null_faults && (uintptr_t)canary < UTVM_NULL_GUARD_BYTES)
            continue;
        if (*canary != UTVM_CANARY)
            utvm_error(UTVM_ERROR_CANARY, (uint32_t)(uintptr_t)canary);
    }
}

/* Starts the clock and measures what measuring costs: the least of several tries, the first of which fill
 * caches. */
void UTVMInit(void) {
    null_faults = utvm_core_init();
    utvm_cycles_start();
    (void)utvm_workspace_reset();
    uint32_t least = UINT32_MAX;
    for (int32_t run = 0; run < UTVM_CALIBRATION_RUNS; ++run) {
        const UTVMTask empty = {.func = nothing, .repeat = 1};
        UTVMResult result;
        overhead_cycles = 0;
        run_task(&empty, &result);
        if (result.cycles_low < least)
            least = result.cycles_low;
    }
    overhead_cycles = least;
}

/* Stops at the first task that fails. */
void UTVMMain(void) {
    uint32_t count = utvm_queue.num_tasks;
    uint32_t index = 0;
    UTVMResult *result = (UTVMResult *)(void *)&utvm_queue;
    for (; index < count; ++index) {
        utvm_queue.current = index;
        run_task(&utvm_queue.tasks[index], --result);
        uint32_t leaked_bytes = utvm_workspace_reset();
        if (leaked_bytes != 0u && result->status == 0)
            utvm_error(UTVM_ERROR_WORKSPACE_LEAK, leaked_bytes);
        check_canaries();
        if (utvm_queue.error != 0)
            result->status = utvm_queue.error;
        if (result->status != 0)
            break;
    }
    utvm_queue.current = index;
}

/* The nop makes it a function of its own, which no compiler merges with another empty one. */
__attribute__((noinline)) void UTVMDone(void) {
    __asm__ volatile("nop" ::: "memory");
}

void utvm_start(void) {
    UTVMInit();
    UTVMMain();
    for (;;)
        UTVMDone();
}
