"""Cortex-M7: dual issue in order, an early and a late ALU one cycle apart."""

from __future__ import annotations

from utvm.virtual_board.timing.rules.rule import Rule, switch

JNK0LE = "jnk0le, random/pipeline cycle test/doc/cortex_m7.md (STM32H743, DWT)"
QUINAPALUS = "quinapalus.com/cm7cycles.html (STM32H730, SysTick)"
SLOTHY = "SLOTHY, slothy/targets/arm_v7m/cortex_m7.py, and the cycles in its commit messages"
LLVM = "LLVM, ARMScheduleM7.td"
TRM = "Arm, Cortex-M7 Technical Reference Manual (DDI 0489)"
STAND_IN = "no public figure; a round number inside the range the sources give"

RULES = (
    switch("dual-issue", True, "two instructions may issue in a cycle", TRM),
    switch("mac-load-pairing", True, "a multiplication pairs with a load", f"{QUINAPALUS}; {JNK0LE}", doubtful=True),
    switch("mac-store-pairing", False, "a multiplication pairs with a store", JNK0LE),
    switch(
        "mac-bitfield-pairing", True, "a multiplication pairs with a DSP or bitfield operation", JNK0LE, doubtful=True
    ),
    switch(
        "mac-older-slot",
        True,
        "a multiplication may be the older of a pair",
        f"{JNK0LE}; against {SLOTHY}",
        doubtful=True,
    ),
    switch("bitfield-younger-slot", False, "DSP and bitfield operations may be the younger of a pair", JNK0LE),
    switch("shifter-pairing", False, "two operations with a shifted operand or bitfield pair", JNK0LE),
    switch("load-load-pairing", True, "two loads pair if they hit different banks", JNK0LE),
    switch(
        "load-bank-conflicts", True, "two loads of the same bank (address bit 2) do not pair", JNK0LE, doubtful=True
    ),
    switch("load-store-pairing", True, "a load pairs with a store", JNK0LE),
    switch(
        "early-alu",
        True,
        "simple operations in the older slot, and shifts, give their result in the same cycle",
        JNK0LE,
    ),
    switch("branch-pairing", True, "a branch that is not taken pairs with what follows", JNK0LE),
    Rule("load-result", 1, "word load until the late ALU", JNK0LE),
    Rule("load-to-mac", 2, "load until a multiplicand", JNK0LE),
    Rule("subword-load-extra", 1, "more for bytes and half-words, except into a multiplicand", JNK0LE, doubt=(0,)),
    Rule("mac-result", 2, "multiplication until the late ALU; one less into an accumulator", JNK0LE),
    Rule("mac-to-early", 3, "multiplication until an address or shifted operand", JNK0LE),
    Rule("saturate-result", 2, "SSAT, QADD and kin until the late ALU", QUINAPALUS, doubt=(1,)),
    Rule("early-use-extra", 1, "more until an address, shifted operand or extracted field", JNK0LE),
    switch(
        "pkhtb-early-first-operand",
        False,
        "PKHTB needs its first operand early too",
        f"{JNK0LE} says so; the hardware figures of four transforms full of PKHTB contradict it",
        doubtful=True,
    ),
    switch(
        "load-beside-early-operand",
        True,
        "an operation with one early operand takes its other operand from a load as late as a multiplicand",
        JNK0LE,
    ),
    Rule("fp-to-core", 1, "VMOV from a floating-point register until the late ALU", JNK0LE),
    Rule("fp-to-mac", 2, "VMOV from a floating-point register until a multiplicand", JNK0LE, doubt=(1,)),
    Rule("divide", 6, "SDIV, UDIV: 3 to 20 by operands; not data-dependent here", STAND_IN, doubt=(3, 12)),
    Rule("multiple-registers-per-cycle", 2, "LDM, STM, LDRD, STRD: registers a cycle", JNK0LE, doubt=(1,)),
    Rule("unaligned-load", 3, "more for a load that is not aligned", JNK0LE, doubt=(0, 4)),
    Rule(
        "subword-store-drain",
        0,
        "cycles the store buffer needs for a byte or half-word; 0: as fast as they issue. Memories with ECC need "
        "2 to 4 for the read and write back",
        f"{JNK0LE}: 2 to 4 on the STM32H743, whose TCM has ECC; the F746 and H7A3 have none",
        doubt=(2,),
    ),
    Rule("store-buffer", 4, "stores the buffer holds", STAND_IN),
    Rule("taken-branch", 0, "cycles lost by a predicted taken branch, beyond the rest of its pair", JNK0LE, doubt=(1,)),
    Rule(
        "fetch-alignment", 0, "more if the target of a branch is a 32-bit instruction at 4 modulo 8", JNK0LE, doubt=(1,)
    ),
    Rule("mispredict", 8, "mispredicted branch", JNK0LE),
    Rule("mispredict-early-flags", 6, "the same if the flags are old enough", JNK0LE),
    Rule("early-flags-distance", 3, "cycles that make them old enough", JNK0LE),
    Rule(
        "loop-exit-prediction",
        16,
        "longest loop, in taken branches, whose exit is predicted once its trip count has repeated; 0: never",
        "calls repeated on hardware lose nothing at the exits of short loops; how long is not published",
        doubt=(0, 64),
    ),
    Rule("fp-result", 3, "VADD, VMUL and conversions until floating-point arithmetic", JNK0LE),
    Rule("fp-fused-result", 5, "VFMA until another operation's operand; 3 into an accumulator; VMLA one more", JNK0LE),
    Rule("fp-accumulate-busy", 3, "cycles after VFMA or VMLA in which VADD, VLDM and doubles must wait", JNK0LE),
    Rule("fp-divide", 16, "VDIV; twice that for doubles", JNK0LE),
    Rule("fp-square-root", 14, "VSQRT; twice that for doubles", JNK0LE),
    Rule("barrier", 8, "DSB, DMB, ISB", STAND_IN, doubt=(1,)),
)
