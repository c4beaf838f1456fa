/* Names of the rules. */
#include "timing_model.h"

#include <string.h>

#define NAME(symbol, name) name,
static const char *const M7_NAMES[] = {VT_M7_RULES(NAME) NULL};
static const char *const M4_NAMES[] = {VT_M4_RULES(NAME) NULL};
static const char *const M33_NAMES[] = {VT_M33_RULES(NAME) NULL};
static const char *const M0PLUS_NAMES[] = {VT_M0PLUS_RULES(NAME) NULL};
static const char *const *const NAMES[VT_RULE_SETS] = {M7_NAMES, M4_NAMES, M33_NAMES, M0PLUS_NAMES};
static const unsigned COUNTS[VT_RULE_SETS] = {VT_M7_RULE_COUNT, VT_M4_RULE_COUNT, VT_M33_RULE_COUNT,
                                              VT_M0PLUS_RULE_COUNT};

_Static_assert(VT_M7_RULE_COUNT <= VT_MAX_RULES && VT_M4_RULE_COUNT <= VT_MAX_RULES, "raise VT_MAX_RULES");

static const vt_core *const CORES[] = {&vt_cortex_m7, &vt_cortex_m4, &vt_cortex_m3, &vt_cortex_m33,
                                       &vt_cortex_m0plus};

const vt_core *vt_core_named(const char *name) {
    for (size_t i = 0; i < sizeof CORES / sizeof *CORES; i++)
        if (strcmp(CORES[i]->name, name) == 0)
            return CORES[i];
    return NULL;
}

unsigned vt_rule_count(const vt_core *core) {
    return COUNTS[core->rule_set];
}

const char *vt_rule_name(const char *core, unsigned index) {
    const vt_core *found = vt_core_named(core);
    return found && index < COUNTS[found->rule_set] ? NAMES[found->rule_set][index] : NULL;
}
