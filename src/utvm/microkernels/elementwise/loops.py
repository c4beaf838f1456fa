"""The loops of an elementwise function: eight elements a round, then what is left, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch

_ELEMENTS_A_ROUND = 8


@dataclass(frozen=True)
class Pointers:
    """Registers that go from element to element, and the one that counts them."""

    moving: tuple[str, ...]
    count: str


def element_loops(
    function: AssemblyFunction,
    begin: Sequence[Instruction],
    element: Callable[[int], list[Instruction]],
    pointers: Pointers,
) -> None:
    """Add `begin` and loops over `element(index)`, which reaches its element at that many bytes from the pointers."""

    def elements(count: int) -> list[Instruction]:
        found = [instruction for index in range(count) for instruction in element(index)]
        return found + [step for register in pointers.moving for step in advance(register, count)]

    def counted(mnemonic: str, step: int) -> Instruction:
        return alu(mnemonic, pointers.count, pointers.count, step)

    function.block([*begin, counted("subs", _ELEMENTS_A_ROUND), branch("lt", "2f")])
    function.label(1)
    function.block([*elements(_ELEMENTS_A_ROUND), counted("subs", _ELEMENTS_A_ROUND), branch("ge.w", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([counted("adds", _ELEMENTS_A_ROUND), branch("eq", "4f")])
    function.label(3, align_bytes=1)
    function.block([*elements(1), counted("subs", 1), branch("ne", "3b")], loop=True)
    function.label(4, align_bytes=1)
