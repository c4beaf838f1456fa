"""Whose the bytes of an image's code are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.codegen.program import Program

if TYPE_CHECKING:
    from utvm.toolchain import Image


@dataclass(frozen=True)
class CodeSizes:
    """Bytes of code by kernel and microkernel, and of everything else: start-up, runtime, the order of calls."""

    kernel_bytes: Mapping[str, int]
    rest_bytes: int

    @property
    def kernels_bytes(self) -> int:
        """Of all kernels and microkernels."""
        return sum(self.kernel_bytes.values())


def code_sizes(program: Program, image: Image) -> CodeSizes:
    """From the symbols of a linked image; what the compiler merged into its caller counts there."""
    names = [*(kernel.name for kernel in program.kernels), *(unit.name for unit in program.units)]
    symbols = image.elf.symbols
    sizes = {name: symbols[name].size_bytes for name in names if name in symbols}
    return CodeSizes(sizes, image.sizes.text_bytes - sum(sizes.values()))
