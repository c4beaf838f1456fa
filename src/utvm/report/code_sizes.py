"""Whose the bytes of an image's code are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.codegen.program import Program

if TYPE_CHECKING:
    from utvm.toolchain import Elf, Image

_SECTIONS = (".utvm_boot", ".text")


@dataclass(frozen=True)
class CodeSizes:
    """Bytes of code by kernel, microkernel and function of a user's library, and of everything else: start-up, runtime,
    the order of calls."""

    kernel_bytes: Mapping[str, int]
    rest_bytes: int

    @property
    def kernels_bytes(self) -> int:
        """Of all kernels and microkernels."""
        return sum(self.kernel_bytes.values())


def code_sizes(program: Program, image: Image) -> CodeSizes:
    """From the symbols of a linked image; what the compiler merged into its caller counts there."""
    names = [*(kernel.name for kernel in program.kernels), *(unit.name for unit in program.units)]
    names += [symbol for code in program.libraries for symbol in code.symbols]
    sizes = function_sizes(names, image.elf)
    return CodeSizes(sizes, image.sizes.text_bytes - sum(sizes.values()))


def function_sizes(names: Iterable[str], elf: Elf) -> dict[str, int]:
    """Bytes of those functions that an image has, up to what follows: padding counts to the function before it."""
    sections = [elf.section(name) for name in _SECTIONS]
    begins = sorted(
        {symbol.addr for symbol in elf.symbols.values()} | {section.addr + section.size_bytes for section in sections}
    )
    sizes = {}
    for name in names:
        symbol = elf.symbols.get(name)
        if symbol is not None:
            end = symbol.addr + symbol.size_bytes
            sizes[name] = next((addr for addr in begins if addr >= end), end) - symbol.addr
    return sizes
