/* The resident runtime of a hosted session, as the host and the kernels see it.
 *
 * start-up snippet -> utvm_start() -> UTVMInit(), UTVMMain(), UTVMDone()
 *
 * The host writes the queue, starts the core at the snippet, waits for it at UTVMDone, and reads the queue
 * back. */
#ifndef UTVM_SESSION_H
#define UTVM_SESSION_H

#include <stddef.h>
#include <stdint.h>

/* Codes that the runtime puts into a status; those of kernels are their own. */
#define UTVM_ERROR_WORKSPACE_EXHAUSTED (-1001) /* detail: the bytes asked for */
#define UTVM_ERROR_BAD_FREE (-1002)            /* detail: the address */
#define UTVM_ERROR_WORKSPACE_LEAK (-1003)      /* detail: the bytes still allocated */
#define UTVM_ERROR_CANARY (-1004)              /* detail: the address of the word that changed */
#define UTVM_ERROR_DIVISION (-1005)            /* a division by zero in software, which then faults */

#define UTVM_CANARY 0xCA7A57E5u
#define UTVM_CANARIES 31

typedef int32_t (*UTVMFunction)(void **args);

/* One call of a kernel. The host writes tasks, and reads results, by position. */
typedef struct {
    UTVMFunction func;
    void **args;
    uint32_t num_args;
    uint32_t repeat; /* how many times to call it; 0 is once */
} UTVMTask;

/* The 64 bits of the cycles as two words, so that results need no padding. */
typedef struct {
    uint32_t cycles_low; /* of all repetitions together */
    uint32_t cycles_high;
    int32_t status;
} UTVMResult;

/* In memory: results, the first of them nearest; this header; tasks; their arguments. So the host writes one
 * piece and reads another. */
typedef struct {
    uint32_t num_tasks;
    volatile uint32_t current; /* the task that runs; num_tasks after the last */
    volatile int32_t error;    /* first error of the runtime in this run, or 0 */
    volatile uint32_t detail;
    UTVMTask tasks[];
} UTVMQueue;

/* At an address that the linker is told. The result of task n is ((UTVMResult *)&utvm_queue)[-1 - n]. */
extern UTVMQueue utvm_queue;

/* Words that no code may change, behind the sections and at null. Written by the host. */
typedef struct {
    uintptr_t count;
    const volatile uint32_t *words[UTVM_CANARIES];
} UTVMCanaries;
extern volatile UTVMCanaries utvm_canaries;

/* Below it no variable lies. */
#define UTVM_NULL_GUARD_BYTES 256u

void UTVMInit(void);
void UTVMMain(void);
void UTVMDone(void);

/* Where a start-up snippet goes when the stack pointer is set and the floating-point unit is on. */
void utvm_start(void);

/* What the core needs before the first task: vectors, traps. One per architecture. Whether from now on every
 * access below UTVM_NULL_GUARD_BYTES faults. */
int32_t utvm_core_init(void);

/* Keeps the first error of a run. */
void utvm_error(int32_t code, uint32_t detail);

/* Scratch memory of the running task, aligned to 16 bytes; NULL when it is exhausted. Blocks may be freed in
 * any order, but are reused only when all later ones are free too. */
void *utvm_workspace_alloc(size_t size_bytes);

/* 0, or UTVM_ERROR_BAD_FREE for what is not an allocated block. */
int32_t utvm_workspace_free(void *block);

/* Empties the workspace; the bytes that were still allocated. */
uint32_t utvm_workspace_reset(void);

#endif
