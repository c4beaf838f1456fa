"""Cortex-M0+: two stages; every instruction has its own fixed cost."""

from __future__ import annotations

from utvm.virtual_board.timing.rules.rule import Rule

TRM = "Arm, Cortex-M0+ Technical Reference Manual (DDI 0484), instruction set summary"

RULES = (
    Rule("multiply", 1, "MULS; 32 with the small multiplier", TRM, doubt=(32,)),
    Rule("load-store", 2, "loads and stores; 1 on the single-cycle I/O port", TRM),
    Rule("multiple-extra", 1, "LDM, STM, PUSH, POP: cycles beyond one a register", TRM),
    Rule("branch-taken", 2, "taken branch; not taken 1", TRM),
    Rule("call", 3, "BL", TRM),
    Rule("indirect-branch", 2, "BX, BLX, MOV PC", TRM),
    Rule("pop-pc", 3, "POP {..., PC}: cycles beyond one a register, PC not counted", TRM),
    Rule("barrier", 3, "DSB, DMB, ISB", TRM),
    Rule("system-register", 3, "MRS, MSR", TRM),
)
