/* The rules of each core: numbers a model reads, with their names; values, meanings and sources are in
 * timing/rules. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_RULES_H
#define UTVM_VIRTUAL_BOARD_TIMING_RULES_H

#define VT_MAX_RULES 64

typedef enum { VT_RULES_M7, VT_RULES_M4, VT_RULES_M33, VT_RULES_M0PLUS, VT_RULE_SETS } vt_rule_set;

/* clang-format off: one rule a line */
#define VT_M7_RULES(RULE)                                                                                    \
    RULE(M7_DUAL_ISSUE, "dual-issue")                                                                        \
    RULE(M7_MAC_LOAD, "mac-load-pairing")                                                                    \
    RULE(M7_MAC_STORE, "mac-store-pairing")                                                                  \
    RULE(M7_MAC_BITFIELD, "mac-bitfield-pairing")                                                            \
    RULE(M7_MAC_OLDER, "mac-older-slot")                                                                     \
    RULE(M7_BITFIELD_YOUNGER, "bitfield-younger-slot")                                                       \
    RULE(M7_SHIFTER_PAIRING, "shifter-pairing")                                                              \
    RULE(M7_LOAD_LOAD, "load-load-pairing")                                                                  \
    RULE(M7_BANKS, "load-bank-conflicts")                                                                    \
    RULE(M7_LOAD_STORE, "load-store-pairing")                                                                \
    RULE(M7_EARLY_ALU, "early-alu")                                                                          \
    RULE(M7_BRANCH_PAIRING, "branch-pairing")                                                                \
    RULE(M7_LOAD_RESULT, "load-result")                                                                      \
    RULE(M7_LOAD_TO_MAC, "load-to-mac")                                                                      \
    RULE(M7_SUBWORD_EXTRA, "subword-load-extra")                                                             \
    RULE(M7_MAC_RESULT, "mac-result")                                                                        \
    RULE(M7_MAC_TO_EARLY, "mac-to-early")                                                                    \
    RULE(M7_SATURATE_RESULT, "saturate-result")                                                              \
    RULE(M7_EARLY_EXTRA, "early-use-extra")                                                                  \
    RULE(M7_PACK_TOP, "pkhtb-early-first-operand")                                                           \
    RULE(M7_LOAD_BESIDE_EARLY, "load-beside-early-operand")                                                  \
    RULE(M7_FP_TO_CORE, "fp-to-core")                                                                        \
    RULE(M7_FP_TO_MAC, "fp-to-mac")                                                                          \
    RULE(M7_DIVIDE, "divide")                                                                                \
    RULE(M7_MULTIPLE_PER_CYCLE, "multiple-registers-per-cycle")                                              \
    RULE(M7_UNALIGNED, "unaligned-load")                                                                     \
    RULE(M7_SUBWORD_STORE, "subword-store-drain")                                                            \
    RULE(M7_STORE_BUFFER, "store-buffer")                                                                    \
    RULE(M7_TAKEN, "taken-branch")                                                                           \
    RULE(M7_FETCH, "fetch-alignment")                                                                        \
    RULE(M7_MISPREDICT, "mispredict")                                                                        \
    RULE(M7_MISPREDICT_EARLY, "mispredict-early-flags")                                                      \
    RULE(M7_EARLY_FLAGS, "early-flags-distance")                                                             \
    RULE(M7_LOOP_EXITS, "loop-exit-prediction")                                                              \
    RULE(M7_FP_RESULT, "fp-result")                                                                          \
    RULE(M7_FP_FUSED_RESULT, "fp-fused-result")                                                              \
    RULE(M7_FP_BUSY, "fp-accumulate-busy")                                                                   \
    RULE(M7_FP_DIVIDE, "fp-divide")                                                                          \
    RULE(M7_FP_ROOT, "fp-square-root")                                                                       \
    RULE(M7_BARRIER, "barrier")

#define VT_M4_RULES(RULE)                                                                                    \
    RULE(M4_MULTIPLY, "multiply")                                                                            \
    RULE(M4_ACCUMULATE, "multiply-accumulate")                                                               \
    RULE(M4_LONG_MULTIPLY, "long-multiply")                                                                  \
    RULE(M4_DIVIDE, "divide")                                                                                \
    RULE(M4_REFILL, "branch-refill")                                                                         \
    RULE(M4_UNALIGNED_TARGET, "unaligned-target")                                                            \
    RULE(M4_LOAD_EXTRA, "load-extra")                                                                        \
    RULE(M4_LOAD_PIPELINE, "load-pipelining")                                                                \
    RULE(M4_WRITEBACK_CHAIN, "writeback-chaining")                                                           \
    RULE(M4_STORE_LOAD, "load-after-store")                                                                  \
    RULE(M4_STORE_REGISTER, "store-register-offset")                                                         \
    RULE(M4_ADDRESS_HAZARD, "address-hazard")                                                                \
    RULE(M4_MULTIPLE, "multiple-extra")                                                                      \
    RULE(M4_PAIR, "pair")                                                                                    \
    RULE(M4_LOAD_PC, "load-pc-extra")                                                                        \
    RULE(M4_TABLE, "table-branch")                                                                           \
    RULE(M4_UNALIGNED, "unaligned-access")                                                                   \
    RULE(M4_WIDE_RUN, "unaligned-wide-run")                                                                  \
    RULE(M4_NOP_FOLDING, "load-hides-nop")                                                                   \
    RULE(M4_IT_FOLDING, "it-folding")                                                                        \
    RULE(M4_FP_RESULT, "fp-result")                                                                          \
    RULE(M4_FP_ACCUMULATE, "fp-accumulate")                                                                  \
    RULE(M4_FP_DIVIDE, "fp-divide")                                                                          \
    RULE(M4_BARRIER, "barrier")

#define VT_M33_RULES(RULE)                                                                                   \
    RULE(M33_LOAD_RESULT, "load-result")                                                                     \
    RULE(M33_LOAD_TO_ADDEND, "load-to-accumulator")                                                          \
    RULE(M33_LOAD_TO_STORE, "load-to-store")                                                                 \
    RULE(M33_MULTIPLY_RESULT, "multiply-result")                                                             \
    RULE(M33_SHIFTED_RESULT, "shifted-result")                                                               \
    RULE(M33_DSP_RESULT, "dsp-result")                                                                       \
    RULE(M33_FLAG_MULTIPLY, "flag-setting-multiply")                                                         \
    RULE(M33_BRANCH, "branch-taken")                                                                         \
    RULE(M33_BRANCH_FOLDING, "branch-folding")                                                               \
    RULE(M33_NOP_FOLDING, "nop-folding")                                                                     \
    RULE(M33_IT_FOLDING, "it-folding")                                                                       \
    RULE(M33_PAIR, "pair")                                                                                   \
    RULE(M33_RETURN, "pop-pc")                                                                               \
    RULE(M33_INDIRECT, "indirect-branch")                                                                    \
    RULE(M33_DIVIDE, "divide")                                                                               \
    RULE(M33_TABLE, "table-branch")                                                                          \
    RULE(M33_FP_RESULT, "fp-result")                                                                         \
    RULE(M33_FP_ACCUMULATE, "fp-accumulate")                                                                 \
    RULE(M33_FP_DIVIDE, "fp-divide")                                                                         \
    RULE(M33_BARRIER, "barrier")

#define VT_M0PLUS_RULES(RULE)                                                                                \
    RULE(M0_MULTIPLY, "multiply")                                                                            \
    RULE(M0_MEMORY, "load-store")                                                                            \
    RULE(M0_MULTIPLE, "multiple-extra")                                                                      \
    RULE(M0_BRANCH, "branch-taken")                                                                          \
    RULE(M0_CALL, "call")                                                                                    \
    RULE(M0_INDIRECT, "indirect-branch")                                                                     \
    RULE(M0_RETURN, "pop-pc")                                                                                \
    RULE(M0_BARRIER, "barrier")                                                                              \
    RULE(M0_SYSTEM, "system-register")

/* clang-format on */

#define VT_RULE_ENUM(symbol, name) VT_##symbol,
enum { VT_M7_RULES(VT_RULE_ENUM) VT_M7_RULE_COUNT };
enum { VT_M4_RULES(VT_RULE_ENUM) VT_M4_RULE_COUNT };
enum { VT_M33_RULES(VT_RULE_ENUM) VT_M33_RULE_COUNT };
enum { VT_M0PLUS_RULES(VT_RULE_ENUM) VT_M0PLUS_RULE_COUNT };

/* The name of rule `index` of a core, or NULL past the last one or if the core has no model. */
const char *vt_rule_name(const char *core, unsigned index);

#endif
