"""A kernel before code generation: a TIR function and what is passed for each of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from utvm.model.tensor import Array


@dataclass(frozen=True)
class KernelArgument:
    """What a kernel parameter is bound to in one call.

    role `tensor`: the model tensor named `tensor`; role `constant`: `data`, which the kernel needs beside the model's
    own constants (multipliers, tables); role `scratch`: `size_bytes` of memory alive during the call only.
    """

    parameter: str
    role: Literal["tensor", "constant", "scratch"]
    tensor: str = ""
    data: Array | None = None
    size_bytes: int = 0
    written: bool = False


@dataclass(frozen=True)
class Kernel:
    """A TIR function (`function`, a tvm PrimFunc), its arguments in parameter order, and comment lines for the C."""

    stem: str
    function: Any
    arguments: tuple[KernelArgument, ...]
    comments: tuple[str, ...]
    aliased: frozenset[str] = frozenset()
