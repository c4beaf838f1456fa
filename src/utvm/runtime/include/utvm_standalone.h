/* A firmware image that runs one model again and again, without a host or under the eyes of one.
 *
 * Reset -> UTVMInit() -> for (;;) { UTVMMain(); UTVMDone(); }
 *
 * A host breaks at UTVMMain to write inputs (the start-up code has zeroed memory by then) and at UTVMDone to
 * read outputs. */
#ifndef UTVM_STANDALONE_H
#define UTVM_STANDALONE_H

#include <stdint.h>

/* Provided by the model: computes its outputs from its inputs; 0 on success. */
int32_t utvm_model_run(void);

/* Provided by a model that keeps state from run to run: begins anew. Else one that does nothing. */
void utvm_model_reset(void);

/* Result and core clock cycles of the last run. */
extern volatile int32_t utvm_status;
extern volatile uint64_t utvm_total_cycles;

void UTVMInit(void);
void UTVMMain(void);
void UTVMDone(void);

#endif
