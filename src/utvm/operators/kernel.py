"""A kernel before code generation: what computes, and what is passed for each of its parameters."""

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


@dataclass(frozen=True)
class CodeUnit:
    """A function that kernels call, in C or in unified Arm or RISC-V assembly. Equal names mean equal texts.

    `text` is the whole definition; in assembly with its section, alignment, symbol and size directives.
    """

    name: str
    prototype: str
    language: Literal["c", "asm"]
    text: str


@dataclass(frozen=True)
class LibraryFile:
    """A file of a library of the user's, by the name it has among a program's files; `origin` is its path there."""

    name: str
    origin: str
    text: str


@dataclass(frozen=True)
class LibraryCode:
    """What kernels need of a library of the user's: sources and headers that include each other by their new names.

    `headers` are included where the kernels are. `defines` are (name, value); `flags` are for the compiler. `symbols`
    are the global names that the sources define. `identifier` begins the names of the files.
    """

    name: str
    identifier: str
    version: str
    files: tuple[LibraryFile, ...]
    headers: tuple[str, ...]
    defines: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    symbols: tuple[str, ...]
    licences: tuple[LibraryFile, ...]


@dataclass(frozen=True)
class CKernel:
    """A kernel that a schedule writes as C: the statements of its body, which name the parameters of `arguments`.

    `types` are what the parameters point to ("const int8_t", ...), in order. The body declares its own locals, calls
    `units`, and falls through at its end, where 0 is returned. `calls` are functions of the template's own library,
    which the house brings as `library`.
    """

    stem: str
    body: str
    types: tuple[str, ...]
    arguments: tuple[KernelArgument, ...]
    comments: tuple[str, ...]
    units: tuple[CodeUnit, ...] = ()
    aliased: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()
    library: LibraryCode | None = None


AnyKernel = Kernel | CKernel
