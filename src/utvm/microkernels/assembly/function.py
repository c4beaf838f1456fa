"""A whole assembly function: prologue, scheduled blocks, loops, epilogue; its text as a CodeUnit."""

from __future__ import annotations

from collections.abc import Sequence

from utvm.boards import Core
from utvm.microkernels.assembly.instruction import Instruction, Kind, Use
from utvm.microkernels.assembly.operations import ldr
from utvm.microkernels.assembly.scheduler import cycles, schedule
from utvm.operators.kernel import CodeUnit

_SAVED = ("r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "lr")
_SAVED_VECTORS = "{d8-d15}"
_SAVED_VECTOR_BYTES = 64
_INDENT = "    "

# Three 32-bit instructions in a row that are not aligned to words cost the Cortex-M4 a cycle (virtual board:
# `unaligned-wide-run`), so its loops have no 16-bit ones between them.
_FETCHES_ALIGNED = frozenset({"cortex-m4"})
_LARGEST_NARROW_CONSTANT = 255
_HAS_NARROW_FORM = frozenset(
    {"add", "adds", "sub", "subs", "rsb", "and", "orr", "eor", "bic", "mov", "lsl", "lsr", "asr", "ror"}
    | {"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "str", "strb", "strh", "sxtb", "sxth", "uxtb", "uxth"}
)


class AssemblyFunction:
    """Writes one leaf function in unified syntax for GNU as and LLVM.

    It saves r4-r11 and lr, and q4-q7 if `vectors` says that it uses them. The first four arguments are in r0-r3,
    `stack_argument` loads the others. Blocks are scheduled for the core as they are added, each on its own: values may
    flow from one to the next in registers.
    """

    def __init__(self, name: str, prototype: str, core: Core, stack_bytes: int = 0, vectors: bool = False) -> None:
        self.name = name
        self._prototype = prototype
        self._core = core
        self._stack_bytes = stack_bytes
        self._vectors = vectors
        self._lines: list[str] = []
        self.block_cycles: list[float] = []
        """Cycles of each block added, in order: of one round for a loop's."""

    def stack_argument(self, register: str, index: int) -> Instruction:
        """Load the argument of that index, 4 or more."""
        saved = self._stack_bytes + self._vectors * _SAVED_VECTOR_BYTES
        return ldr(register, "sp", saved + 4 * (len(_SAVED) + index - 4), space="stack")

    def label(self, name: int, align_bytes: int = 8) -> None:
        """A local label to branch to as "1b" or "1f"; loops start aligned, for the fetch unit."""
        if align_bytes > 1:
            self._lines.append(f"{_INDENT}.balign {align_bytes}")
        self._lines.append(f"{name}:")

    def block(self, instructions: Sequence[Instruction], loop: bool = False) -> None:
        """Straight-line code, perhaps with a branch at its end. `loop`: the branch goes back to its start."""
        ordered = schedule(instructions, self._core, loop)
        self.block_cycles.append(cycles(ordered, self._core, loop))
        wide = loop and self._core.name in _FETCHES_ALIGNED
        self._lines += [_INDENT + (_wide(instruction.text) if wide else instruction.text) for instruction in ordered]

    def unit(self) -> CodeUnit:
        """The function with prologue, epilogue and directives."""
        saved = f"{{{', '.join(_SAVED)}}}"
        restored = saved.replace("lr", "pc")
        frame = [f"vpush {_SAVED_VECTORS}"] if self._vectors else []
        frame += [f"sub sp, sp, #{self._stack_bytes}"] if self._stack_bytes else []
        unframe = [f"add sp, sp, #{self._stack_bytes}"] if self._stack_bytes else []
        unframe += [f"vpop {_SAVED_VECTORS}"] if self._vectors else []
        head = [
            f'.section .text.{self.name}, "ax", %progbits',
            ".syntax unified",
            ".thumb",
            ".balign 16",
            f".global {self.name}",
            f".type {self.name}, %function",
            ".thumb_func",
        ]
        begin = [f"push {saved}", *frame]
        end = [*unframe, f"pop {restored}"]
        lines = [
            *(_INDENT + line for line in head),
            f"{self.name}:",
            *(_INDENT + line for line in begin),
            *self._lines,
            *(_INDENT + line for line in end),
            f"{_INDENT}.size {self.name}, . - {self.name}",
        ]
        return CodeUnit(self.name, self._prototype, "asm", "\n".join(lines) + "\n")


def raw(text: str, kind: Kind, reads: Sequence[str] = (), writes: Sequence[str] = ()) -> Instruction:
    """An instruction without a constructor of its own; its operands are taken as needed early."""
    return Instruction(text, kind, tuple((register, Use.EARLY) for register in reads), tuple(writes))


def _wide(text: str) -> str:
    """The instruction in its 32-bit form. Large constants, negative offsets and writeback have no other."""
    mnemonic, space, operands = text.partition(" ")
    if "#-" in operands or "!" in operands:
        return text
    constant = operands.rpartition("#")[2].rstrip("]")
    if mnemonic not in _HAS_NARROW_FORM or (constant.isdecimal() and int(constant) > _LARGEST_NARROW_CONSTANT):
        return text
    return f"{mnemonic}.w{space}{operands}"
