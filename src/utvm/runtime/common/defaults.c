/* What an image has instead where the model has nothing. A file of its own: where gcc sees the weak constant,
 * it folds it. */
#include "utvm_profile.h"
#include "utvm_standalone.h"

/* Of a model that measures no layers. */
__attribute__((weak)) const int32_t utvm_model_layer_count = 0;
__attribute__((weak)) uint64_t utvm_layer_cycles[1];

/* Of a model that keeps nothing from run to run. */
__attribute__((weak)) void utvm_model_reset(void) {}
