"""Writing assembly for Cortex-M cores with DSP or vector instructions: instructions, a scheduler, functions."""

from utvm.microkernels.assembly.function import AssemblyFunction, raw
from utvm.microkernels.assembly.instruction import FLAGS, Instruction, Kind, Use
from utvm.microkernels.assembly.scheduler import TUNINGS, cycles, has_vectors, schedule, supports

__all__ = [
    "FLAGS",
    "TUNINGS",
    "AssemblyFunction",
    "Instruction",
    "Kind",
    "Use",
    "cycles",
    "has_vectors",
    "raw",
    "schedule",
    "supports",
]
