"""Cortex-M33: single issue, with a few 16-bit instructions that ride along with the one before."""

from __future__ import annotations

from utvm.virtual_board.timing.rules.rule import Rule, switch

JNK0LE = "jnk0le, random/pipeline cycle test/doc/cortex_m33.md (RP2350, DWT)"
ARM = "Arm knowledge article ka001260 (MULS)"
STAND_IN = "no public figure; a round number inside the range the sources give"

RULES = (
    Rule("load-result", 2, "load until its use", JNK0LE),
    Rule("load-to-accumulator", 1, "load until an accumulator", JNK0LE),
    Rule("load-to-store", 1, "load until a store of its value", JNK0LE),
    Rule("multiply-result", 2, "multiplication until its use; 1 into an accumulator", JNK0LE),
    Rule("shifted-result", 2, "operation with a shifted operand until its use", JNK0LE),
    Rule("dsp-result", 2, "DSP and SIMD operations until their use", JNK0LE),
    Rule("flag-setting-multiply", 2, "MULS, and flag-setting operations with a shifted constant", f"{ARM}; {JNK0LE}"),
    Rule("branch-taken", 2, "taken branch", JNK0LE),
    switch("branch-folding", True, "a 16-bit branch rides along with the 16-bit instruction before it", JNK0LE),
    switch("nop-folding", True, "a 16-bit instruction rides along with a 16-bit NOP", JNK0LE),
    switch("it-folding", True, "IT rides along with the 16-bit instruction before it", JNK0LE),
    Rule("pair", 2, "LDRD, STRD", JNK0LE),
    Rule("pop-pc", 3, "POP {PC}: more than one a register", f"{JNK0LE}: 1 to 2 more than BX LR", doubt=(2, 4)),
    Rule("indirect-branch", 3, "BX, BLX, MOV PC", STAND_IN, doubt=(2,)),
    Rule("divide", 6, "SDIV, UDIV: 2 to 11 by operands; not data-dependent here", STAND_IN, doubt=(2, 11)),
    Rule("table-branch", 6, "TBB, TBH", STAND_IN),
    Rule("fp-result", 2, "VADD, VMUL and kin, and VMOV to the core, until their use", JNK0LE),
    Rule("fp-accumulate", 3, "VFMA, VMLA: until an accumulator, and the next floating-point instruction", JNK0LE),
    Rule("fp-divide", 14, "VDIV, VSQRT", STAND_IN),
    Rule("barrier", 4, "DSB, DMB, ISB", STAND_IN, doubt=(1,)),
)
