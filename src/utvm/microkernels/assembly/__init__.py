"""Writing assembly for the Cortex-M cores with DSP instructions: records of instructions, a scheduler, functions."""

from utvm.microkernels.assembly.function import AssemblyFunction, raw
from utvm.microkernels.assembly.instruction import FLAGS, Instruction, Kind, Use
from utvm.microkernels.assembly.scheduler import TUNINGS, cycles, schedule, supports

__all__ = [
    "FLAGS",
    "TUNINGS",
    "AssemblyFunction",
    "Instruction",
    "Kind",
    "Use",
    "cycles",
    "raw",
    "schedule",
    "supports",
]
