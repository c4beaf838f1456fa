"""Cortex-M4 and M3: single issue, loads overlap with the load or store after them."""

from __future__ import annotations

from dataclasses import replace

from utvm.virtual_board.timing.rules.rule import Rule, switch

TRM = "Arm, Cortex-M4 Technical Reference Manual (100166), instruction set summary"
TRM_M3 = "Arm, Cortex-M3 Technical Reference Manual (100165), instruction set summary"
JNK0LE = "jnk0le, random/pipeline cycle test/doc/cortex_m3m4.md (STM32F103, STM32F407, DWT)"
EPRINT = "eprint.iacr.org/2025/523: three unaligned 32-bit instructions after one of several cycles"

RULES = (
    Rule("multiply", 1, "MUL, SMUAD and kin", TRM),
    Rule("multiply-accumulate", 1, "MLA, SMLAD and kin", TRM),
    Rule("long-multiply", 1, "SMULL, SMLAL and kin", TRM),
    Rule("divide", 7, "SDIV, UDIV: 2 to 12 by operands; not data-dependent here", TRM, doubt=(2, 12)),
    Rule("branch-refill", 2, "more for a taken branch: 1 to 3", TRM, doubt=(1, 3)),
    Rule("unaligned-target", 1, "more if the target is a 32-bit instruction at 2 modulo 4", JNK0LE, doubt=(0,)),
    Rule("load-extra", 1, "more for a load that nothing overlaps with", TRM),
    switch("load-pipelining", True, "a load overlaps with the load or store after it", TRM),
    switch("writeback-chaining", True, "also with writeback, on another base register", JNK0LE),
    Rule("load-after-store", 1, "more for a load right after a store", JNK0LE, doubt=(0,)),
    Rule("store-register-offset", 1, "more for a store with a register offset", JNK0LE),
    Rule("address-hazard", 1, "more if the address was computed by the instruction before", JNK0LE),
    Rule("multiple-extra", 1, "LDM, STM, PUSH, POP: cycles beyond one a register", TRM),
    Rule("pair", 3, "LDRD, STRD", TRM),
    Rule("load-pc-extra", 2, "more for LDR PC, beyond the refill", TRM),
    Rule("table-branch", 6, "TBB, TBH with the refill", TRM),
    Rule("unaligned-access", 1, "more for an unaligned word", TRM, doubt=(0, 2)),
    Rule("unaligned-wide-run", 1, "third 32-bit instruction in a row at 2 modulo 4", EPRINT, doubt=(0,)),
    switch("load-hides-nop", True, "a NOP after a load is free", JNK0LE),
    switch("it-folding", True, "IT after a 16-bit instruction is free", TRM, doubtful=True),
    Rule("fp-result", 1, "VADD, VMUL and kin: more if the next instruction uses the result", TRM),
    Rule("fp-accumulate", 3, "VMLA, VFMA", TRM),
    Rule("fp-divide", 14, "VDIV, VSQRT", TRM),
    Rule("barrier", 3, "DSB, DMB, ISB: 1 and more", TRM, doubt=(1,)),
)

_M3 = {"multiply-accumulate": 2, "long-multiply": 5, "writeback-chaining": 0}
RULES_M3 = tuple(
    replace(rule, default=_M3.get(rule.name, rule.default), source=TRM_M3 if rule.source == TRM else rule.source)
    for rule in RULES
)
